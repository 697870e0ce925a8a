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
//! 2. A lock is stale if its process is dead, or if another process has its number now. A lock
//!    of another machine, boot or process namespace cannot be judged: it is never taken over.
//!    Neither is one whose holder lives, however old it is.
//! 3. A stale lock is removed only under the [`Guard`] `<lock>.guard`, after it was judged again.
//! 4. Before its holder commits anything it calls [`Lock::verify`]; a peer may have taken the
//!    lock by its own rules meanwhile.
//! 5. A lock is released only if it still carries the holder's token.
//!
//! # Limitations
//!
//! Peers that remove a stale lock without the guard can still collide with a reclaim of ours
//! at the same instant. Peers that take over locks after a fixed age (30 s is common) do so
//! with ours too: hold a lock for seconds, and verify.

mod guard;
mod judge;
mod payload;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use crate::{Access, Dir, FsError, Host, Identity, read_whole, temp::Temp, write_all};

pub use guard::{Guard, TryGuard};
pub use judge::{HeldBecause, Holder};

use judge::Verdict;
use payload::Payload;

/// A lock file longer than this is not a lock file.
const PAYLOAD_BYTES_MAX: usize = 64 * 1024;

/// The pause before the n-th further attempt is n times this, at most [`PAUSE_MAX`].
const PAUSE_STEP: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often a lock file that vanishes under our eyes is looked at again without a pause.
const VANISHED_MAX: u32 = 1_000;

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
    #[error("the lock `{}` was taken over; nothing was committed", path.display())]
    Lost {
        /// The lock file.
        path: PathBuf,
    },
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] FsError),
}

/// A held lock; dropping it releases it.
#[must_use = "dropping the lock releases it"]
pub struct Lock<'d> {
    dir: &'d dyn Dir,
    name: OsString,
    token: String,
}

impl<'d> Lock<'d> {
    /// Takes the lock file `name` in `dir`, waiting up to `wait` for its holder.
    pub fn acquire(
        host: Host<'_>,
        dir: &'d dyn Dir,
        name: &OsStr,
        wait: Duration,
    ) -> Result<Self, LockError> {
        let me = host.processes.identity();
        let ticket = Temp::create(dir, name, me.process)?;
        // Two threads of one process have different tickets, as those exist at the same time.
        let token = payload::token(&me, ticket.name(), host.clock.monotonic());
        let payload = Payload::new(&me, host.clock.now(), &token);
        write_all(ticket.file(), &payload.to_bytes())?;
        link(host, dir, name, ticket.name(), &me, wait)?;
        Ok(Self { dir, name: name.to_owned(), token })
    }

    /// Fails with [`LockError::Lost`] unless the lock file still is ours.
    ///
    /// Call this right before anything is committed under the lock.
    pub fn verify(&self) -> Result<(), LockError> {
        match read(self.dir, &self.name)? {
            Content::Payload(payload) if payload.token.as_deref() == Some(&self.token) => Ok(()),
            Content::Payload(_) | Content::Malformed | Content::Absent => {
                Err(LockError::Lost { path: self.dir.path().join(&self.name) })
            }
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        if self.verify().is_ok() {
            // If this fails, the next one finds a lock of a dead or finished process.
            self.dir.remove(&self.name).ok();
        }
    }
}

/// Links the ticket to the lock's name as soon as nobody else has it.
fn link(
    host: Host<'_>,
    dir: &dyn Dir,
    name: &OsStr,
    ticket: &OsStr,
    me: &Identity,
    wait: Duration,
) -> Result<(), LockError> {
    let started = host.clock.monotonic();
    let (mut pauses, mut vanished) = (0, 0);
    loop {
        match dir.link(ticket, name) {
            Ok(()) => return Ok(()),
            Err(error) if error.is_already_exists() => (),
            Err(error) => return Err(error.into()),
        }
        let holder = match judge(host, dir, name, me)? {
            Verdict::Gone if vanished < VANISHED_MAX => {
                vanished += 1;
                continue;
            }
            Verdict::Stale if reclaim(host, dir, name, me)? => continue,
            Verdict::Gone | Verdict::Stale => Holder::unknown(HeldBecause::Contended),
            Verdict::Held(holder) => holder,
        };
        if wait <= host.clock.monotonic().saturating_sub(started) {
            return Err(LockError::Busy { path: dir.path().join(name), holder });
        }
        pauses += 1;
        host.clock.sleep((PAUSE_STEP * pauses).min(PAUSE_MAX));
    }
}

/// Removes the lock file if it still is stale; `false` if somebody else is at it.
fn reclaim(host: Host<'_>, dir: &dyn Dir, name: &OsStr, me: &Identity) -> Result<bool, LockError> {
    let mut guard_name = name.to_owned();
    guard_name.push(".guard");
    let TryGuard::Acquired(_guard) = Guard::try_acquire(dir, &guard_name)? else {
        return Ok(false);
    };
    if let Verdict::Stale = judge(host, dir, name, me)? {
        match dir.remove(name) {
            Err(error) if !error.is_not_found() => return Err(error.into()),
            Ok(()) | Err(_) => (),
        }
    }
    Ok(true)
}

fn judge(host: Host<'_>, dir: &dyn Dir, name: &OsStr, me: &Identity) -> Result<Verdict, FsError> {
    let payload = match read(dir, name)? {
        Content::Absent => return Ok(Verdict::Gone),
        Content::Payload(payload) => return Ok(judge::payload(&payload, me, host.processes)),
        Content::Malformed => dir.stat(name),
    };
    match payload {
        Ok(stat) => Ok(judge::malformed(host.clock.now(), &stat)),
        Err(error) if error.is_not_found() => Ok(Verdict::Gone),
        Err(error) => Err(error),
    }
}

enum Content {
    Payload(Payload),
    Malformed,
    Absent,
}

fn read(dir: &dyn Dir, name: &OsStr) -> Result<Content, FsError> {
    let file = match dir.open(name, Access::Read) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(Content::Absent),
        // A FIFO, a directory, a link: no lock of anybody.
        Err(error) if error.refusal().is_some() || error.is_link() => {
            return Ok(Content::Malformed);
        }
        Err(error) => return Err(error),
    };
    let bytes = read_whole(file.as_ref(), PAYLOAD_BYTES_MAX)?;
    let payload = bytes.and_then(|bytes| Payload::parse(&bytes));
    Ok(payload.map_or(Content::Malformed, Content::Payload))
}
