use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use common_fs::{Access, Dir, File, Fs, FsError};

/// The directory that a thread has last read in. Most transcripts are beside the one before, and
/// finding the way to a directory costs more than opening a file in it.
#[derive(Default)]
pub(super) struct LastDir(Option<(PathBuf, Box<dyn Dir>)>);

impl LastDir {
    /// Opens the file `name` in the directory at `path`, for reading.
    pub(super) fn open(
        &mut self,
        fs: &dyn Fs,
        path: &Path,
        name: &OsStr,
    ) -> Result<Box<dyn File>, FsError> {
        if let Some((_, dir)) = self.0.as_ref().filter(|(last, _)| last == path) {
            // If that fails, another directory may stand there by now.
            if let Ok(file) = dir.open(name, Access::Read) {
                return Ok(file);
            }
        }
        let (_, dir) = self.0.insert((path.to_owned(), fs.open_dir(path)?));
        dir.open(name, Access::Read)
    }
}

#[cfg(test)]
mod tests {
    use common_fs::sim::Sim;

    use super::*;

    #[test]
    fn a_directory_that_was_replaced_is_opened_anew() {
        let sim = Sim::new();
        let path = Path::new("/h/a");
        sim.fs.make_dir(path);
        sim.fs.put(path.join("old"), b"old");
        let mut last = LastDir::default();
        let read = |last: &mut LastDir, name: &str| {
            let file = last.open(&sim.fs, path, name.as_ref())?;
            file.stat().map(|stat| stat.size_bytes)
        };
        assert_eq!(read(&mut last, "old").unwrap(), 3);
        sim.fs.rename(path, "/h/b");
        assert!(read(&mut last, "new").unwrap_err().is_not_found());
        sim.fs.make_dir(path);
        sim.fs.put(path.join("new"), b"longer");
        assert_eq!(read(&mut last, "new").unwrap(), 6);
        assert!(read(&mut last, "old").unwrap_err().is_not_found());
    }
}
