//! The lock of a store, and replacing it.

use std::{ffi::OsStr, time::Duration};

use common_fs::{
    Stat,
    lock::Lock,
    replace::{FileMode, Replacement},
};

use super::{SweepError, Work};
use crate::{Store, file_name::STORE, listing::RawStore};

/// Pieces are put together up to so much before they are written.
const CHUNK_BYTES: usize = 1 << 20;

impl<'w> Work<'w> {
    /// Takes the lock of the store, as OpenClaw does.
    pub(crate) fn lock_store(&self, wait: Duration) -> Result<Lock<'w>, SweepError> {
        let name = format!("{STORE}.lock");
        Ok(Lock::acquire(self.host, self.dir, OsStr::new(&name), wait)?)
    }

    /// The rows of a store, or none if there is no store; nothing is decided by one that cannot be
    /// trusted.
    pub(crate) fn trusted<'r>(&self, raw: &'r RawStore) -> Result<Option<Store<'r>>, SweepError> {
        let refused = |source| SweepError::Store { path: self.dir.path().join(STORE), source };
        match raw {
            RawStore::None | RawStore::Missing => Ok(None),
            RawStore::Refused(error) => Err(refused(error.clone())),
            RawStore::Text { content, .. } => Store::parse(content).map(Some).map_err(refused),
        }
    }

    /// Writes a new store, if the old one is still the one that was read (`None` if there was none)
    /// and the lock is still ours.
    pub(crate) fn replace_store(
        &self,
        pieces: &[&str],
        read: Option<&Stat>,
        lock: &Lock<'_>,
    ) -> Result<(), SweepError> {
        let owner = self.host.processes.identity().process;
        let mode = FileMode::Keep { fresh: 0o600 };
        let mut new = Replacement::begin(self.dir, OsStr::new(STORE), owner, mode)?;
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        for piece in pieces {
            if CHUNK_BYTES < chunk.len() + piece.len() {
                new.write(&chunk)?;
                chunk.clear();
            }
            chunk.extend_from_slice(piece.as_bytes());
        }
        new.write(&chunk)?;
        new.commit_if(|now| {
            lock.verify()?;
            if now.map(identity) == read.map(identity) {
                return Ok(());
            }
            Err(SweepError::Unlocked { path: self.dir.path().join(STORE) })
        })
    }
}

/// What is another if a file was written to or replaced.
pub(super) fn identity(stat: &Stat) -> impl PartialEq + use<> {
    (stat.id, stat.size_bytes, stat.modified, stat.changed)
}
