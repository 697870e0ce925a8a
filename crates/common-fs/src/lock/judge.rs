use std::{fmt, time::Duration};

use super::payload::Payload;
use crate::{FileKind, Identity, ProcessId, Processes, Stat, Timestamp};

/// A lock file that cannot be read as one may be in the making: some peers create it first and
/// fill it later. They take it for stale after the same time.
const MALFORMED_GRACE: Duration = Duration::from_secs(30);

pub(super) enum Verdict {
    Held(Holder),
    Stale,
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
    /// The file is not a complete lock yet, and too young to be the remains of one.
    Young,
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
            HeldBecause::Young => " that is just taking it",
            HeldBecause::NotAFile => ": what stands there is not a file, remove it",
            HeldBecause::Contended => " or several in turn",
        })
    }
}

pub(super) fn payload(payload: &Payload, me: &Identity, processes: &dyn Processes) -> Verdict {
    let held = |because| {
        Verdict::Held(Holder {
            pid: Some(payload.pid),
            host: payload.host.clone(),
            since: payload.created_at.clone(),
            because,
        })
    };
    // Peers that do not say where they run are taken to run here.
    let elsewhere = differs(payload.host.as_ref(), Some(&me.host))
        || differs(payload.boot_id.as_ref(), me.boot_id.as_ref())
        || differs(payload.pid_ns.as_ref(), me.pid_namespace.as_ref());
    if elsewhere {
        return held(HeldBecause::Elsewhere);
    }
    let process = ProcessId { pid: payload.pid, start_ticks: payload.start_ticks() };
    if process.is_dead(processes) { Verdict::Stale } else { held(HeldBecause::Alive) }
}

fn differs(theirs: Option<&String>, ours: Option<&String>) -> bool {
    matches!((theirs, ours), (Some(theirs), Some(ours)) if theirs != ours)
}

pub(super) fn malformed(now: Timestamp, stat: &Stat) -> Verdict {
    if stat.kind == FileKind::Dir {
        return Verdict::Held(Holder::unknown(HeldBecause::NotAFile));
    }
    if now.since(stat.modified) <= MALFORMED_GRACE {
        return Verdict::Held(Holder::unknown(HeldBecause::Young));
    }
    Verdict::Stale
}
