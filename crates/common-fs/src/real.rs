//! The operating system behind the traits.

mod dir;
mod file;
mod processes;

use std::path::Path;

use crate::{Dir, Fs, FsError, Op};

pub use processes::RealProcesses;

/// The file system of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct RealFs;

impl Fs for RealFs {
    #[expect(clippy::disallowed_methods, reason = "this is where the ban leads to")]
    fn open_dir(&self, path: &Path) -> Result<Box<dyn Dir>, FsError> {
        let path =
            std::fs::canonicalize(path).map_err(|error| FsError::new(Op::OpenDir, path, error))?;
        Ok(Box::new(dir::RealDir::open(path)?))
    }
}
