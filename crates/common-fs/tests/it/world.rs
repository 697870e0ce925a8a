//! The same small world on a real and on a simulated file system.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::{
    Dir, Fs, Host, RealFs,
    observe::{ObservedFs, Observer},
    sim::Sim,
};

/// What tests do to files behind the back of the code under test.
pub(crate) trait World {
    fn host(&self) -> Host<'_>;
    fn root(&self) -> &Path;
    fn put(&self, name: &str, content: &[u8]);
    fn symlink(&self, name: &str, target: &Path);
    fn fifo(&self, name: &str);
    fn make_dir(&self, name: &str);
    fn remove(&self, name: &str);
    fn content(&self, name: &str) -> Option<Vec<u8>>;
    fn mode(&self, name: &str) -> u32;
    fn set_mode(&self, name: &str, mode: u32);
    /// The file system, with `observer` before it.
    fn observed(&self, observer: Arc<dyn Observer>) -> ObservedFs;

    fn fs(&self) -> &dyn Fs {
        self.host().fs
    }
    fn dir(&self) -> Box<dyn Dir> {
        self.fs().open_dir(self.root()).unwrap()
    }
    fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }
}

pub(crate) struct Real {
    temp: tempfile::TempDir,
    root: PathBuf,
}

impl Real {
    pub(crate) fn new() -> Self {
        let temp = tempfile::tempdir().unwrap();
        let root = fs_err::canonicalize(temp.path()).unwrap();
        Self { temp, root }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        names(self.temp.path())
    }
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs_err::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

impl World for Real {
    fn host(&self) -> Host<'_> {
        Host { fs: &RealFs, ..Host::real() }
    }
    fn root(&self) -> &Path {
        &self.root
    }
    fn put(&self, name: &str, content: &[u8]) {
        fs_err::write(self.path(name), content).unwrap();
    }
    fn symlink(&self, name: &str, target: &Path) {
        fs_err::os::unix::fs::symlink(target, self.path(name)).unwrap();
    }
    fn fifo(&self, name: &str) {
        let mode = rustix::fs::Mode::from_raw_mode(0o644);
        rustix::fs::mknodat(rustix::fs::CWD, self.path(name), rustix::fs::FileType::Fifo, mode, 0)
            .unwrap();
    }
    fn make_dir(&self, name: &str) {
        fs_err::create_dir(self.path(name)).unwrap();
    }
    fn remove(&self, name: &str) {
        fs_err::remove_file(self.path(name)).unwrap();
    }
    fn content(&self, name: &str) -> Option<Vec<u8>> {
        fs_err::read(self.path(name)).ok()
    }
    fn mode(&self, name: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt as _;
        fs_err::metadata(self.path(name)).unwrap().permissions().mode() & 0o7777
    }
    fn set_mode(&self, name: &str, mode: u32) {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(mode);
        fs_err::set_permissions(self.path(name), permissions).unwrap();
    }
    fn observed(&self, observer: Arc<dyn Observer>) -> ObservedFs {
        ObservedFs::new(RealFs, observer)
    }
}

pub(crate) struct Simulated {
    pub(crate) sim: Sim,
    root: PathBuf,
}

impl Simulated {
    pub(crate) fn new() -> Self {
        let sim = Sim::new();
        let root = PathBuf::from("/state");
        sim.fs.make_dir(&root);
        Self { sim, root }
    }
}

impl World for Simulated {
    fn host(&self) -> Host<'_> {
        self.sim.host()
    }
    fn root(&self) -> &Path {
        &self.root
    }
    fn put(&self, name: &str, content: &[u8]) {
        self.sim.fs.put(self.path(name), content);
    }
    fn symlink(&self, name: &str, target: &Path) {
        self.sim.fs.symlink(self.path(name), target);
    }
    fn fifo(&self, name: &str) {
        self.sim.fs.special(self.path(name), common_fs::FileKind::Fifo);
    }
    fn make_dir(&self, name: &str) {
        self.sim.fs.make_dir(self.path(name));
    }
    fn remove(&self, name: &str) {
        self.sim.fs.remove(self.path(name));
    }
    fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.sim.fs.content(self.path(name))
    }
    fn mode(&self, name: &str) -> u32 {
        self.sim.fs.stat(self.path(name)).unwrap().mode
    }
    fn set_mode(&self, name: &str, mode: u32) {
        self.sim.fs.set_mode(self.path(name), mode);
    }
    fn observed(&self, observer: Arc<dyn Observer>) -> ObservedFs {
        ObservedFs::new(self.sim.fs.clone(), observer)
    }
}

/// Runs a case on both.
pub(crate) fn on_both(case: impl Fn(&dyn World)) {
    case(&Real::new());
    case(&Simulated::new());
}
