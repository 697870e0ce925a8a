//! The cache file: a log of what is known of each transcript.
//!
//! A checkpoint appends what changed. When most of the file is out of date it is replaced by
//! what is current, in one step. The file can be lost, cut or damaged at any time without an
//! answer about transcripts that exist becoming wrong: what is not there is read again.

mod format;
mod load;
mod problem;
mod saver;

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use common_fs::{Access, FileId, Fs, FsError, open_parent};

pub(crate) use load::{Loaded, load};
pub use problem::{CacheProblem, SaveError};
pub(crate) use saver::Saver;

/// What is to become of the cache file when something is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnDisk {
    /// There is none.
    #[default]
    Absent,
    /// Records are appended to this file, as long as it has this length.
    Append(FileId, u64),
    /// It is torn, damaged, or by another parser: it is replaced.
    Replace,
    /// It is not ours: it gets another name.
    SetAside,
    /// It is not touched, and nothing is saved.
    Untouchable,
}

/// The name of the lock beside a cache file.
fn lock_name(name: &OsStr) -> OsString {
    let mut lock = name.to_owned();
    lock.push(".lock");
    lock
}

/// Whether some process is saving to the cache file now.
pub(crate) fn is_busy(fs: &dyn Fs, path: &Path) -> Result<bool, FsError> {
    let (dir, name) = open_parent(fs, path)?;
    match dir.open(&lock_name(&name), Access::Read) {
        Ok(lock) => Ok(!lock.try_lock()?),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}
