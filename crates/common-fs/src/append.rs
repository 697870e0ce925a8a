//! Appending to a log: a record is there as a whole, or not at all, or it is said to be in doubt.

use crate::{File, FsError, write_all};

/// Why a record was not appended durably.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The file is as it was before, and stays so.
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
///
/// A kill or a power cut before this returns can leave any part of `bytes` behind the old
/// content, and zeros in the place of other parts. Whoever reads the file has to recognise a
/// record that is not whole.
pub fn append(file: &dyn File, bytes: &[u8]) -> Result<(), AppendError> {
    let old_len = file.stat().map_err(AppendError::Undone)?.size_bytes;
    if let Err(error) = write_all(file, bytes) {
        // Without the flush, a power cut could bring back what was cut off.
        return Err(match file.set_len(old_len).and_then(|()| file.sync()) {
            Ok(()) => AppendError::Undone(error),
            Err(_) => AppendError::InDoubt(error),
        });
    }
    file.sync().map_err(AppendError::InDoubt)
}
