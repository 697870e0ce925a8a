//! Appending to a log so that a record is there as a whole or not at all.

use crate::{File, FsError, write_all};

/// Why a record was not appended durably.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The file is as it was before.
    #[error("nothing was appended")]
    Undone(#[source] FsError),
    /// The end of the file is unknown: it may hold a part of the record, or lose it at a power
    /// cut. The file has to be replaced.
    #[error("the end of the file is in doubt")]
    InDoubt(#[source] FsError),
}

/// Appends all of `bytes` and returns once they are on stable storage.
///
/// If writing fails, for example for lack of space, the file is cut back to its old length. The
/// caller has to make sure, by a lock, that nobody else appends meanwhile.
pub fn append(file: &dyn File, bytes: &[u8]) -> Result<(), AppendError> {
    let old_len = file.stat().map_err(AppendError::Undone)?.size_bytes;
    if let Err(error) = write_all(file, bytes) {
        return Err(match file.set_len(old_len) {
            Ok(()) => AppendError::Undone(error),
            Err(_) => AppendError::InDoubt(error),
        });
    }
    file.sync().map_err(AppendError::InDoubt)
}
