//! Locks between processes.
//!
//! [`Guard`] is the simple one: an advisory lock (`flock`) on a file of its own, which the
//! kernel releases when its holder dies. Use it where only programs of this workspace meet.
//!
//! [`Lock`] is for files that are shared with the Node code of the agent runtimes, which
//! understands nothing but a lock file: whoever creates it has the lock. Such a file survives
//! its creator, so somebody has to judge whether it is stale, and two must not judge at once:
//!
//! 1. The lock file is linked into place with its payload already in it. It names the process,
//!    when it started, the machine, the boot and the process namespace, and carries a token. It
//!    can be read by all known peers (both spellings of the start time, ISO and numeric dates).
//!    Its dates are those of the attempt that succeeded, however long was waited before.
//! 2. A lock is stale if its process is dead, or if another process has its number now. A lock
//!    that names another machine, boot or process namespace, or leaves out one that is known
//!    here, cannot be judged: it is never taken over. Neither is one whose holder lives, however
//!    old it is. Most peers do not say where they run; they are taken to run here, but as they
//!    may run in a container, their locks are stale only after [`YOUNG`].
//! 3. A stale lock is removed only under the [`Guard`] `<lock>.guard`, after it was judged again;
//!    the guard goes with it.
//! 4. Before its holder commits anything it calls [`Lock::verify`], as a peer may have taken the
//!    lock by its own rules meanwhile. That fails after [`HOLD_MAX`], before peers may begin to.
//! 5. A lock is released only if it still carries the holder's token.
//!
//! # Limitations
//!
//! Peers that remove a stale lock without the guard can still collide with a reclaim of ours,
//! or with the release of a lock that was held for longer than they allow, at the same instant.
//!
//! A lock that is leaked (`std::mem::forget`), or whose release failed, is held until its
//! process ends.

mod contender;
mod file;
mod guard;
mod judge;
mod payload;

use std::{ffi::OsStr, path::PathBuf, time::Duration};

use crate::{Clock, Dir, FsError, Host, Timestamp};

pub use guard::{Guard, TryGuard};
pub use judge::{HeldBecause, Holder, Verdict, YOUNG};

use contender::Contender;
use file::{Content, LockFile};

/// For how long a [`Lock`] can be relied on. Peers take over any lock that is 30 seconds old
/// (OpenClaw's `session-write-lock` and the default of `@openclaw/fs-safe`); the rest is for
/// what is done between [`Lock::verify`] and the commit.
pub const HOLD_MAX: Duration = Duration::from_secs(20);

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it, or it cannot be judged.
    #[error("`{}` is held by {holder}", path.display())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// Who has it, as far as the lock file tells.
        holder: Holder,
    },
    /// The lock was taken over by somebody else while we held it.
    #[error("the lock `{}` was taken over", path.display())]
    Lost {
        /// The lock file.
        path: PathBuf,
    },
    /// The lock was held for so long that peers may take it over at any moment.
    #[error("the lock `{}` has been held for too long ({} s)", path.display(), held.as_secs())]
    Expired {
        /// The lock file.
        path: PathBuf,
        /// For how long, at least [`HOLD_MAX`].
        held: Duration,
    },
    /// The file system failed.
    #[error("cannot access the lock `{}`", path.display())]
    Fs {
        /// The lock file.
        path: PathBuf,
        /// What failed.
        #[source]
        source: FsError,
    },
}

/// Says whether the lock file `name` in `dir` is held, by the rules that decide whether it is taken
/// over, without touching it.
pub fn inspect<'d>(host: Host<'d>, dir: &'d dyn Dir, name: &OsStr) -> Result<Verdict, FsError> {
    let file = LockFile { dir, name: name.to_owned() };
    // Who is asking matters only if there is a lock, and most often there is none.
    if let Content::Absent = file.read()? {
        return Ok(Verdict::Gone);
    }
    Contender { host, me: host.processes.identity(), file: &file }.judge()
}

/// Does something with the lock file `name` in `dir`, such as removing it, if it is stale, and says
/// whether it did. Nobody can take the lock over meanwhile who honours the guard.
pub fn with_stale<'d>(
    host: Host<'d>,
    dir: &'d dyn Dir,
    name: &OsStr,
    act: impl FnOnce() -> Result<(), FsError>,
) -> Result<bool, FsError> {
    let file = LockFile { dir, name: name.to_owned() };
    let contender = Contender { host, me: host.processes.identity(), file: &file };
    Ok(contender.with_stale(act)?.unwrap_or(false))
}

/// A held lock; dropping it releases it.
#[must_use = "dropping the lock releases it"]
pub struct Lock<'d> {
    file: LockFile<'d>,
    clock: &'d dyn Clock,
    token: String,
    taken: Timestamp,
    taken_monotonic: Duration,
    released: bool,
}

impl<'d> Lock<'d> {
    /// Takes the lock file `name` in `dir`, waiting up to `wait` for its holder.
    pub fn acquire(
        host: Host<'d>,
        dir: &'d dyn Dir,
        name: &OsStr,
        wait: Duration,
    ) -> Result<Self, LockError> {
        let file = LockFile { dir, name: name.to_owned() };
        let contender = Contender { host, me: host.processes.identity(), file: &file };
        contender.acquire(wait)
    }

    /// Fails with [`LockError::Lost`] unless the lock file still is ours, and with
    /// [`LockError::Expired`] once it has been held for [`HOLD_MAX`].
    ///
    /// Call this right before anything is committed under the lock.
    pub fn verify(&self) -> Result<(), LockError> {
        self.file.require(&self.token)?;
        // Peers go by the wall clock, which also moves while the machine is asleep.
        let held = self.clock.monotonic().saturating_sub(self.taken_monotonic);
        let held = held.max(self.clock.now().since(self.taken));
        if HOLD_MAX <= held {
            return Err(LockError::Expired { path: self.file.path(), held });
        }
        Ok(())
    }

    /// Gives the lock back.
    ///
    /// Fails with [`LockError::Lost`] if it was not ours any more. If it cannot be removed, it
    /// stays ours until this process ends.
    pub fn release(mut self) -> Result<(), LockError> {
        self.released = true;
        self.remove()
    }

    fn remove(&self) -> Result<(), LockError> {
        self.file.require(&self.token)?;
        self.file.dir.remove(&self.file.name).map_err(|source| self.file.failed(source))
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if !self.released {
            self.remove().ok();
        }
    }
}
