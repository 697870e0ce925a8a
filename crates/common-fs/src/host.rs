use std::path::Path;

use crate::{
    Clock, Dir, Fs, FsError, Op, Processes, RealFs, RealProcesses, SystemClock, split_path,
};

/// The machine a library works on: what its caller hands it.
#[derive(Clone, Copy)]
pub struct Host<'a> {
    /// Files.
    pub fs: &'a dyn Fs,
    /// Time.
    pub clock: &'a dyn Clock,
    /// Processes.
    pub processes: &'a dyn Processes,
}

impl Host<'static> {
    /// The machine this program runs on.
    pub const fn real() -> Self {
        Self { fs: &RealFs, clock: &SystemClock, processes: &RealProcesses }
    }
}

/// Opens the directory at `path` and creates it first if need be, parents included.
///
/// New directories have mode 0700, and their names are on stable storage before this returns.
pub fn create_dir_all(fs: &dyn Fs, path: &Path) -> Result<Box<dyn Dir>, FsError> {
    match fs.open_dir(path) {
        Err(error) if error.is_not_found() => (),
        done => return done,
    }
    let (parent, name) = split_path(Op::CreateDir, path)?;
    let parent = create_dir_all(fs, &parent)?;
    match parent.create_dir(name) {
        Err(error) if !error.is_already_exists() => return Err(error),
        // Somebody else was faster, but perhaps not yet done with flushing. Or a dangling link
        // stands there: opening it will tell.
        Ok(()) | Err(_) => parent.sync()?,
    }
    fs.open_dir(path)
}
