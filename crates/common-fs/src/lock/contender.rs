use std::time::Duration;

use super::{
    Lock, LockError,
    file::{Content, LockFile},
    guard::{Guard, TryGuard},
    judge::{self, HeldBecause, Holder, Verdict},
    payload::{self, Payload},
};
use crate::{FsError, Host, Identity, temp::Temp, write_all};

/// The pause before the n-th further attempt is n times this, at most [`PAUSE_MAX`].
const PAUSE_STEP: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often a lock that looks free and is not is tried again without a pause.
const MISSED_MAX: u32 = 1_000;

/// Who wants which lock.
pub(super) struct Contender<'c, 'd> {
    pub(super) host: Host<'d>,
    pub(super) me: Identity,
    pub(super) file: &'c LockFile<'d>,
}

impl<'d> Contender<'_, 'd> {
    pub(super) fn acquire(&self, wait: Duration) -> Result<Lock<'d>, LockError> {
        let clock = self.host.clock;
        let started = clock.monotonic();
        // Those since the last pause.
        let mut missed = 0;
        let mut pauses = 0;
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
            missed = 0;
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

    pub(super) fn judge(&self) -> Result<Verdict, FsError> {
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
        Ok(self.with_stale(|| self.file.dir.remove(&self.file.name))?.is_some())
    }

    /// Does something with the lock file if it still is stale, and says whether it was; `None` if
    /// somebody else is at it.
    pub(super) fn with_stale(
        &self,
        act: impl FnOnce() -> Result<(), FsError>,
    ) -> Result<Option<bool>, FsError> {
        let LockFile { dir, name } = self.file;
        let mut guard_name = name.clone();
        guard_name.push(".guard");
        let TryGuard::Acquired(guard) = Guard::try_acquire(*dir, &guard_name)? else {
            return Ok(None);
        };
        let done = match self.judge()? {
            Verdict::Stale => match act() {
                Err(error) if !error.is_not_found() => return Err(error),
                Ok(()) | Err(_) => true,
            },
            Verdict::Held(_) | Verdict::Gone => false,
        };
        guard.remove()?;
        Ok(Some(done))
    }
}

/// What came of one look at the lock.
enum Attempt<'d> {
    Acquired(Lock<'d>),
    /// It was free, or is now: look again.
    Missed,
    Held(Holder),
}
