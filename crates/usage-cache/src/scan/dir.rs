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
            match dir.open(name, Access::Read) {
                // Another directory may stand there by now.
                Err(error) if error.is_not_found() => (),
                opened => return opened,
            }
        }
        let (_, dir) = self.0.insert((path.to_owned(), fs.open_dir(path)?));
        dir.open(name, Access::Read)
    }
}
