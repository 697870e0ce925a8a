use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use common_fs::{
    Op, RealFs,
    observe::{Call, Decision, ObservedFs, Observer},
};

/// Counts what is done to the files below two directories.
#[derive(Debug)]
pub(super) struct Counts {
    transcripts: PathBuf,
    state: PathBuf,
    opened: AtomicU64,
    looked_at: AtomicU64,
    durable_writes: AtomicU64,
    written_bytes: AtomicU64,
}

/// What was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counted {
    /// Transcripts that were opened.
    pub(super) opened: u64,
    /// Transcripts that were looked at, without being opened.
    pub(super) looked_at: u64,
    /// How often something in the state directory was flushed to storage.
    pub(super) durable_writes: u64,
    /// Bytes written there.
    pub(super) written_bytes: u64,
}

/// The real file system, counting.
pub(super) fn counted(transcripts: PathBuf, state: PathBuf) -> (ObservedFs, Arc<Counts>) {
    let counts = Arc::new(Counts {
        transcripts,
        state,
        opened: AtomicU64::new(0),
        looked_at: AtomicU64::new(0),
        durable_writes: AtomicU64::new(0),
        written_bytes: AtomicU64::new(0),
    });
    (ObservedFs::new(RealFs, counts.clone()), counts)
}

impl Counts {
    /// What was counted since the last time.
    pub(super) fn take(&self) -> Counted {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Counted {
            opened: take(&self.opened),
            looked_at: take(&self.looked_at),
            durable_writes: take(&self.durable_writes),
            written_bytes: take(&self.written_bytes),
        }
    }
}

impl Observer for Counts {
    fn before(&self, _: Call<'_>) -> Decision {
        Decision::Proceed
    }

    fn after(&self, call: Call<'_>) {
        let add = |count: &AtomicU64, number| {
            count.fetch_add(number, Ordering::Relaxed);
        };
        let in_transcripts = call.path.parent() == Some(&self.transcripts);
        let in_state = call.path.starts_with(&self.state);
        match call.op {
            Op::Open if in_transcripts => add(&self.opened, 1),
            Op::Stat if in_transcripts => add(&self.looked_at, 1),
            Op::Sync if in_state => add(&self.durable_writes, 1),
            Op::Write if in_state => add(&self.written_bytes, call.bytes as u64),
            _ => (),
        }
    }
}
