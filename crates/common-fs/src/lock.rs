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
//! 3. A stale lock is removed only under the [`Guard`] `<lock>.guard`, after it was judged again.
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

mod guard;
mod judge;
mod payload;

use std::{
    ffi::{OsStr, OsString},
    io,
    path::PathBuf,
    time::Duration,
};

use crate::{
    Access, Clock, Dir, FsError, Host, Identity, Timestamp, read_whole, temp::Temp, write_all,
};

pub use guard::{Guard, TryGuard};
pub use judge::{HeldBecause, Holder, YOUNG};

use judge::Verdict;
use payload::Payload;

/// For how long a [`Lock`] can be relied on. Peers take over any lock that is 30 seconds old
/// (OpenClaw's `session-write-lock` and the default of `@openclaw/fs-safe`); the rest is for
/// what is done between [`Lock::verify`] and the commit.
pub const HOLD_MAX: Duration = Duration::from_secs(20);

/// A lock file longer than this is not a lock file.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The pause before the n-th further attempt is n times this, at most [`PAUSE_MAX`].
const PAUSE_STEP: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often a lock that looks free and is not is tried again without a pause.
const MISSED_MAX: u32 = 1_000;

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

#[derive(Clone)]
struct LockFile<'d> {
    dir: &'d dyn Dir,
    name: OsString,
}

enum Content {
    Payload(Payload),
    Malformed,
    Unreadable,
    Absent,
}

impl LockFile<'_> {
    fn path(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    fn failed(&self, source: FsError) -> LockError {
        LockError::Fs { path: self.path(), source }
    }

    fn read(&self) -> Result<Content, FsError> {
        let file = match self.dir.open(&self.name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Ok(Content::Absent),
            // A FIFO, a directory, a link: no lock of anybody.
            Err(error) if error.refusal().is_some() || error.is_link() => {
                return Ok(Content::Malformed);
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Ok(Content::Unreadable);
            }
            Err(error) => return Err(error),
        };
        let bytes = read_whole(file.as_ref(), PAYLOAD_BYTES_MAX)?;
        let payload = bytes.and_then(|bytes| Payload::parse(&bytes));
        Ok(payload.map_or(Content::Malformed, Content::Payload))
    }

    fn carries(&self, token: &str) -> Result<bool, FsError> {
        Ok(match self.read()? {
            Content::Payload(payload) => payload.token.as_deref() == Some(token),
            Content::Malformed | Content::Unreadable | Content::Absent => false,
        })
    }

    fn require(&self, token: &str) -> Result<(), LockError> {
        match self.carries(token) {
            Ok(true) => Ok(()),
            Ok(false) => Err(LockError::Lost { path: self.path() }),
            Err(source) => Err(self.failed(source)),
        }
    }
}

/// Who wants which lock.
struct Contender<'c, 'd> {
    host: Host<'d>,
    me: Identity,
    file: &'c LockFile<'d>,
}

impl<'d> Contender<'_, 'd> {
    fn acquire(&self, wait: Duration) -> Result<Lock<'d>, LockError> {
        let clock = self.host.clock;
        let started = clock.monotonic();
        let (mut pauses, mut missed) = (0, 0);
        loop {
            let attempt = self.attempt(missed < MISSED_MAX);
            let holder = match attempt.map_err(|source| self.file.failed(source))? {
                Attempt::Acquired(lock) => return Ok(lock),
                Attempt::Missed => {
                    missed += 1;
                    continue;
                }
                Attempt::Held(holder) => holder,
            };
            let left = wait.saturating_sub(clock.monotonic().saturating_sub(started));
            if left.is_zero() {
                return Err(LockError::Busy { path: self.file.path(), holder });
            }
            pauses += 1;
            clock.sleep((PAUSE_STEP * pauses).min(PAUSE_MAX).min(left));
        }
    }

    fn attempt(&self, may_miss: bool) -> Result<Attempt<'d>, FsError> {
        Ok(match self.judge()? {
            Verdict::Held(holder) => Attempt::Held(holder),
            Verdict::Gone if may_miss => self.link()?.map_or(Attempt::Missed, Attempt::Acquired),
            Verdict::Stale if may_miss && self.reclaim()? => Attempt::Missed,
            Verdict::Gone | Verdict::Stale => {
                Attempt::Held(Holder::unknown(HeldBecause::Contended))
            }
        })
    }

    fn judge(&self) -> Result<Verdict, FsError> {
        let LockFile { dir, name } = self.file;
        let payload = match self.file.read()? {
            Content::Absent => return Ok(Verdict::Gone),
            Content::Unreadable => {
                return Ok(Verdict::Held(Holder::unknown(HeldBecause::Unreadable)));
            }
            Content::Malformed => None,
            Content::Payload(payload) => Some(payload),
        };
        let stat = match dir.stat(name) {
            Ok(stat) => stat,
            Err(error) if error.is_not_found() => return Ok(Verdict::Gone),
            Err(error) => return Err(error),
        };
        let age = self.host.clock.now().since(stat.modified);
        Ok(match payload {
            Some(payload) => judge::payload(&payload, age, &self.me, self.host.processes),
            None => judge::malformed(stat.kind, age),
        })
    }

    /// Links a ticket to the lock's name; `None` if somebody else was faster.
    fn link(&self) -> Result<Option<Lock<'d>>, FsError> {
        let LockFile { dir, name } = self.file;
        let ticket = Temp::create(*dir, name, self.me.process)?;
        // Read once the ticket is there: of two tickets with the same name, one came later.
        let taken_monotonic = self.host.clock.monotonic();
        let taken = self.host.clock.now();
        let token = payload::token(&self.me, ticket.name(), taken_monotonic);
        write_all(ticket.file(), &Payload::new(&self.me, taken, &token).to_bytes())?;
        if let Err(error) = dir.link(ticket.name(), name) {
            // A network file system may repeat a request whose answer got lost, and then report
            // what the repetition met: the lock is ours all the same.
            match self.file.carries(&token) {
                Ok(true) => (),
                _ if error.is_already_exists() => return Ok(None),
                _ => return Err(error),
            }
        }
        Ok(Some(Lock {
            file: self.file.clone(),
            clock: self.host.clock,
            token,
            taken,
            taken_monotonic,
            released: false,
        }))
    }

    /// Removes the lock file if it still is stale; `false` if somebody else is at it.
    fn reclaim(&self) -> Result<bool, FsError> {
        let LockFile { dir, name } = self.file;
        let mut guard_name = name.clone();
        guard_name.push(".guard");
        let TryGuard::Acquired(_guard) = Guard::try_acquire(*dir, &guard_name)? else {
            return Ok(false);
        };
        if let Verdict::Stale = self.judge()? {
            match dir.remove(name) {
                Err(error) if !error.is_not_found() => return Err(error),
                Ok(()) | Err(_) => (),
            }
        }
        Ok(true)
    }
}

/// What came of one look at the lock.
enum Attempt<'d> {
    Acquired(Lock<'d>),
    /// It was free, or is now: look again.
    Missed,
    Held(Holder),
}
