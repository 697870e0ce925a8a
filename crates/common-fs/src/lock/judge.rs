use std::{fmt, time::Duration};

use super::payload::Payload;
use crate::{FileKind, Identity, ProcessId, Processes};

/// Up to this age, a lock file is left alone that is not complete, as some peers create it first
/// and fill it later, or that does not say where its process runs. By their own rules, peers take
/// over locks of this age.
pub const YOUNG: Duration = Duration::from_secs(30);

/// What a lock file says of its lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is held, or cannot be judged.
    Held(Holder),
    /// Its process has ended.
    Stale,
    /// There is no lock file.
    Gone,
}

/// Who has a lock, as far as its file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The process number, valid on its own machine.
    pub pid: Option<u32>,
    /// The machine.
    pub host: Option<String>,
    /// When the lock was taken, as the holder wrote it.
    pub since: Option<String>,
    /// Why the lock is not taken over.
    pub because: HeldBecause,
}

/// Why a lock is not taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBecause {
    /// Its process lives.
    Alive,
    /// Its process ran on another machine, or this one before it was started again, or in
    /// another container: whether it lives cannot be seen from here.
    Elsewhere,
    /// The file is not a complete lock, or that of a process which seems to have ended but may
    /// run in a container, and it is not older than [`YOUNG`].
    Young,
    /// The lock file may not be read, so it is that of another user.
    Unreadable,
    /// Something stands in its place that cannot be removed like a file.
    NotAFile,
    /// Others take it and release it all the time.
    Contended,
}

impl Holder {
    pub(super) fn unknown(because: HeldBecause) -> Self {
        Self { pid: None, host: None, since: None, because }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            Some(pid) => write!(f, "process {pid}")?,
            None => f.write_str("an unknown process")?,
        }
        if let Some(host) = &self.host {
            write!(f, " on {host}")?;
        }
        if let Some(since) = &self.since {
            write!(f, " since {since}")?;
        }
        f.write_str(match self.because {
            HeldBecause::Alive => "",
            HeldBecause::Elsewhere => {
                ", which cannot be seen from here: if it has ended, remove the file"
            }
            HeldBecause::Young => ", too recently to be judged",
            HeldBecause::Unreadable => " of another user, as the lock file may not be read",
            HeldBecause::NotAFile => ": what stands there is not a file, remove it",
            HeldBecause::Contended => " or several in turn",
        })
    }
}

pub(super) fn payload(
    payload: &Payload,
    age: Duration,
    me: &Identity,
    processes: &dyn Processes,
) -> Verdict {
    let held = |because| {
        Verdict::Held(Holder {
            pid: Some(payload.pid),
            host: payload.host.clone(),
            since: payload.created_at.clone(),
            because,
        })
    };
    let origin = (payload.host.as_ref(), payload.boot_id.as_ref(), payload.pid_ns.as_ref());
    let here = (Some(&me.host), me.boot_id.as_ref(), me.pid_namespace.as_ref());
    let says_where = origin != (None, None, None);
    if says_where && origin != here {
        return held(HeldBecause::Elsewhere);
    }
    let process = ProcessId { pid: payload.pid, start_ticks: payload.start_ticks() };
    if !process.is_dead(processes) {
        return held(HeldBecause::Alive);
    }
    if says_where || YOUNG < age { Verdict::Stale } else { held(HeldBecause::Young) }
}

pub(super) fn malformed(kind: FileKind, age: Duration) -> Verdict {
    if kind == FileKind::Dir {
        return Verdict::Held(Holder::unknown(HeldBecause::NotAFile));
    }
    if YOUNG < age {
        return Verdict::Stale;
    }
    Verdict::Held(Holder::unknown(HeldBecause::Young))
}
