//! A directory that is there for one measurement.
#![expect(clippy::disallowed_methods, reason = "it removes a directory that it has made itself")]

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use common_fs::{Access, Clock as _, Dir, Fs as _, FsError, RealFs, SystemClock, write_all};

use crate::seed::File;

/// Its permissions are those that `common-fs` gives to directories, 0700; those of its files are these.
const FILE_MODE: u32 = 0o600;

/// Somebody would have to make all these on purpose.
const NAMES_MAX: u32 = 100;

/// Why there is no directory for a measurement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootError {
    /// A gateway that works elsewhere would not find it.
    #[error("`{}` is not an absolute path", .0.display())]
    NotAbsolute(PathBuf),
    /// It could not be written into a configuration.
    #[error("`{}` is not UTF-8", .0.display())]
    NotText(PathBuf),
    /// A file or a directory could not be made.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// A directory of a measurement, which nobody else may look into. When it is dropped it is removed,
/// with all that is in it.
///
/// A process that is killed cannot do that: hand its path to the guard of the server as well, see
/// [`StartOrders::root`](crate::StartOrders::root). Drop it after the server.
#[derive(Debug)]
#[must_use = "it is removed when it is dropped"]
pub struct Root {
    path: String,
}

impl Root {
    /// Makes a directory below `below`, an absolute path, with a name that begins with `prefix`.
    pub fn make(below: &Path, prefix: &str) -> Result<Self, RootError> {
        if !below.is_absolute() {
            return Err(RootError::NotAbsolute(below.to_owned()));
        }
        let Some(text) = below.to_str() else { return Err(RootError::NotText(below.to_owned())) };
        let dir = RealFs.open_dir(below)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let name = format!("{prefix}{}", suffix());
            match dir.create_dir(name.as_ref()) {
                Ok(()) => {
                    return Ok(Self { path: format!("{}/{name}", text.trim_end_matches('/')) });
                }
                Err(error) if error.is_already_exists() && tries < NAMES_MAX => (),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Where it is: an absolute path without `/` at its end.
    pub fn as_str(&self) -> &str {
        &self.path
    }

    /// The same.
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// Makes `files` in it, none of which may be there, with the directories above them.
    pub fn write(&self, files: &[File]) -> Result<(), FsError> {
        files.iter().try_for_each(|file| self.write_one(file))
    }

    fn write_one(&self, file: &File) -> Result<(), FsError> {
        let mut dir = RealFs.open_dir(self.path())?;
        let (above, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
        for name in above.split('/').filter(|name| !name.is_empty()) {
            dir = descend(dir.as_ref(), name)?;
        }
        let opened = dir.open(name.as_ref(), Access::CreateNew { mode: FILE_MODE })?;
        write_all(opened.as_ref(), file.content.as_bytes())
    }

    /// Removes it now, and says what has kept it from that.
    pub fn remove(self) -> io::Result<()> {
        // There is nothing left for `drop` then, which is no error.
        remove(self.path())
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        remove(self.path()).ok();
    }
}

fn descend(dir: &dyn Dir, name: &str) -> Result<Box<dyn Dir>, FsError> {
    match dir.create_dir(name.as_ref()) {
        Err(error) if !error.is_already_exists() => Err(error),
        Ok(()) | Err(_) => dir.open_dir(name.as_ref()),
    }
}

/// As `mkdtemp` makes them.
fn suffix() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(6).collect()
}

/// Tries as often as the seed: somebody may be about to write.
fn remove(path: &Path) -> io::Result<()> {
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
        let root = Root::make(below.path(), "bench-").unwrap();
        let file = |path: &str| File { path: path.to_owned(), content: path.to_owned() };
        root.write(&[file("a/b/one"), file("a/two"), file("three")]).unwrap();
        let path = root.path().to_owned();
        assert!(path.starts_with(below.path()) && root.as_str().contains("/bench-"));
        assert_eq!(std::fs::read_to_string(path.join("a/b/one")).unwrap(), "a/b/one");
        assert_eq!(
            (mode(&path), mode(&path.join("a")), mode(&path.join("three"))),
            (0o700, 0o700, 0o600)
        );
        root.write(&[file("three")]).unwrap_err();
        root.write(&[file("../three")]).unwrap_err();
        drop(root);
        assert_eq!(std::fs::read_dir(below.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_root_that_is_gone_already_is_removed() {
        let below = tempfile::tempdir().unwrap();
        let root = Root::make(below.path(), "bench-").unwrap();
        std::fs::remove_dir(root.path()).unwrap();
        root.remove().unwrap();
    }

    #[test]
    fn a_root_has_to_be_somewhere() {
        let error = Root::make(Path::new("tmp"), "bench-").unwrap_err();
        assert_eq!(error.to_string(), "`tmp` is not an absolute path");
        assert!(matches!(Root::make(Path::new("/proc/none"), "x"), Err(RootError::Fs(_))));
    }
}
