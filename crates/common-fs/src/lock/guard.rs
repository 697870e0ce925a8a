use std::ffi::{OsStr, OsString};

use crate::{Access, Dir, File, FsError};

/// An advisory lock on a file of its own, released when dropped or when the process ends.
///
/// The file is created with mode 0600. It stays, unless its holder [removes](Self::remove) it.
#[must_use = "dropping the guard releases it"]
pub struct Guard<'d> {
    dir: &'d dyn Dir,
    name: OsString,
    file: Box<dyn File>,
}

/// What came of an attempt.
#[must_use]
pub enum TryGuard<'d> {
    /// The guard is ours.
    Acquired(Guard<'d>),
    /// Another process, or another handle in this one, has it.
    Held,
}

impl<'d> Guard<'d> {
    /// Takes the guard file `name` in `dir` if nobody has it.
    pub fn try_acquire(dir: &'d dyn Dir, name: &OsStr) -> Result<TryGuard<'d>, FsError> {
        let file = dir.open(name, Access::OpenOrCreate { mode: 0o600 })?;
        if !file.try_lock()? {
            return Ok(TryGuard::Held);
        }
        let guard = Self { dir, name: name.to_owned(), file };
        // Somebody may have removed the file between open and lock: then its name is free for
        // others.
        Ok(if guard.is_valid()? { TryGuard::Acquired(guard) } else { TryGuard::Held })
    }

    /// Gives the guard back together with its file, so that nothing is left lying around.
    ///
    /// Nobody is let in twice: whoever has opened the file before finds that its name is gone, or
    /// that of another, and does not take it.
    pub fn remove(self) -> Result<(), FsError> {
        match self.dir.remove(&self.name) {
            Err(error) if error.is_not_found() => Ok(()),
            done => done,
        }
    }

    /// Whether the locked file still has its name.
    pub fn is_valid(&self) -> Result<bool, FsError> {
        let held = self.file.stat()?.id;
        match self.dir.stat(&self.name) {
            Ok(named) => Ok(named.id == held),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
