//! The cache file: a log of what is known of each transcript.
//!
//! A checkpoint appends what changed. When most of the file is out of date it is replaced by
//! what is current, in one step. The file can be lost, cut or damaged at any time without an
//! answer about transcripts that exist becoming wrong: what is not there is read again.

mod complete;
mod format;
mod load;
mod problem;
mod saver;

use std::{
    ffi::{OsStr, OsString},
    path::Path,
    time::Duration,
};

use common_fs::{Access, FileId, FsError, Host, open_parent};

pub(crate) use complete::{Lines, last_complete, open_if_complete};
pub(crate) use format::{Complete, Names, imported_line, read_imported};
pub(crate) use load::{Loaded, is_trusted, load};
pub use problem::{CacheProblem, SaveError};
pub(crate) use saver::Saver;

/// What is to become of the cache file when something is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnDisk {
    /// There is none.
    #[default]
    Absent,
    /// Records are appended to this file.
    Append(Seen),
    /// It is torn, damaged, or of an older version: it is replaced.
    Replace(Seen),
    /// An append to it may or may not have come through: it is replaced.
    InDoubt,
    /// It is not ours: it gets another name.
    SetAside(Seen),
    /// It is not touched, and nothing is saved.
    Untouchable,
}

/// A cache file as it was when it was loaded or saved: if it looks otherwise, somebody else has
/// saved since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: FileId,
    pub(crate) size_bytes: u64,
}

/// A record of a session that lasted for years has some megabytes. Longer ones are neither
/// written nor read: the transcript is read every time.
const RECORD_BYTES_MAX: usize = if cfg!(test) { 128 * 1024 } else { 64 * 1024 * 1024 };

/// Whoever looks whether somebody is saving holds the lock for a moment.
pub(crate) const LOCK_ATTEMPTS: u32 = 3;
pub(crate) const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// The name of the lock beside a cache file.
pub(crate) fn lock_name(name: &OsStr) -> OsString {
    let mut lock = name.to_owned();
    lock.push(".lock");
    lock
}

/// Whether some process is saving to the cache file now.
pub(crate) fn is_busy(host: Host<'_>, path: &Path) -> Result<bool, FsError> {
    let (dir, name) = open_parent(host.fs, path)?;
    let lock = match dir.open(&lock_name(&name), Access::Read) {
        Ok(lock) => lock,
        Err(error) if error.is_not_found() => return Ok(false),
        Err(error) => return Err(error),
    };
    for attempt in 1..=LOCK_ATTEMPTS {
        if lock.try_lock()? {
            return Ok(false);
        }
        if attempt < LOCK_ATTEMPTS {
            host.clock.sleep(LOCK_PAUSE);
        }
    }
    Ok(true)
}
