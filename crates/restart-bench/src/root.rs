//! A directory that is there for one server.
#![expect(clippy::disallowed_methods, reason = "it removes a directory that it has made itself")]

use std::{
    io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use common_fs::{Access, Clock as _, Dir, Fs as _, FsError, RealFs, SystemClock, write_all};

use crate::seed::File;

/// Nobody else may look into it. Its files are 0600, directories in it 0700 as `common-fs` makes them.
const MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Why there can be no directory of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// A server that works elsewhere would not find it.
    #[error("`{}` is not an absolute path", .0.display())]
    NotAbsolute(PathBuf),
    /// It could not be written into a configuration.
    #[error("`{}` is not UTF-8", .0.display())]
    NotText(PathBuf),
}

/// A directory that is made for a server before it starts, and removed when it has ended, with all
/// that is in it.
///
/// Both are done by the [`guard`](crate::guard()), which is there before the directory is: so nothing
/// is left even if the measurement is killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// Where it is: an absolute path at which nothing is yet.
    pub path: PathBuf,
    /// What is in it when the server starts.
    pub files: Vec<File>,
}

/// A path for a directory below `below`, an absolute path, with a name that begins with `prefix` and
/// that nobody can guess. It is UTF-8, without `/` at its end.
pub fn root_path(below: &Path, prefix: &str) -> Result<String, RootError> {
    if !below.is_absolute() {
        return Err(RootError::NotAbsolute(below.to_owned()));
    }
    let Some(text) = below.to_str() else { return Err(RootError::NotText(below.to_owned())) };
    // As `mkdtemp` makes them.
    let suffix: String = std::iter::repeat_with(fastrand::alphanumeric).take(6).collect();
    Ok(format!("{}/{prefix}{suffix}", text.trim_end_matches('/')))
}

/// Makes a directory that is not there yet.
pub(crate) fn make(path: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().mode(MODE).create(path)
}

/// Removes it with all that is in it. Tries as often as the seed: somebody may be about to write.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    const TRIES: u32 = 3;
    const PAUSE: Duration = Duration::from_millis(100);
    let mut nth = 0;
    loop {
        match std::fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(_) if nth < TRIES => SystemClock.sleep(PAUSE),
            done => return done,
        }
        nth += 1;
    }
}

impl Root {
    /// Makes its files, with the directories above them; the directory itself has to be there.
    pub(crate) fn fill(&self) -> Result<(), FsError> {
        self.files.iter().try_for_each(|file| self.write(file))
    }

    fn write(&self, file: &File) -> Result<(), FsError> {
        let mut dir = RealFs.open_dir(&self.path)?;
        let (above, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        for name in above.split('/').filter(|name| !name.is_empty()) {
            dir = descend(dir.as_ref(), name)?;
        }
        let opened = dir.open(name.as_ref(), Access::CreateNew { mode: FILE_MODE })?;
        write_all(opened.as_ref(), file.content.as_bytes())
    }
}

fn descend(dir: &dyn Dir, name: &str) -> Result<Box<dyn Dir>, FsError> {
    match dir.create_dir(name.as_ref()) {
        Err(error) if !error.is_already_exists() => Err(error),
        Ok(()) | Err(_) => dir.open_dir(name.as_ref()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_root_is_private_and_removed_with_all_that_is_in_it() {
        let below = tempfile::tempdir().unwrap();
        let path = PathBuf::from(root_path(below.path(), "bench-").unwrap());
        let file = |path: &str| File { path: path.to_owned(), content: path.to_owned() };
        let files = vec![file("a/b/one"), file("a/two"), file("three")];
        let root = Root { path: path.clone(), files };
        make(&path).unwrap();
        root.fill().unwrap();
        assert_eq!(std::fs::read_to_string(path.join("a/b/one")).unwrap(), "a/b/one");
        assert_eq!(
            (mode(&path), mode(&path.join("a")), mode(&path.join("three"))),
            (0o700, 0o700, 0o600)
        );
        // Neither is anybody else's.
        make(&path).unwrap_err();
        root.fill().unwrap_err();
        Root { path: path.clone(), files: vec![file("../three")] }.fill().unwrap_err();
        remove(&path).unwrap();
        assert_eq!(std::fs::read_dir(below.path()).unwrap().count(), 0);
        remove(&path).unwrap();
    }

    #[test]
    fn a_root_has_to_be_somewhere() {
        let error = root_path(Path::new("tmp"), "bench-").unwrap_err();
        assert_eq!(error.to_string(), "`tmp` is not an absolute path");
        let path = root_path(Path::new("/tmp/"), "bench-").unwrap();
        assert!(path.starts_with("/tmp/bench-") && path.len() == 17, "{path}");
    }
}
