use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use crate::{
    Op,
    observe::{Call, Decision, Errno, Observer},
};

/// A script of faults: which operation fails, counted from 0.
///
/// To try every step of an algorithm, run it once without a fault, read [`Faults::count`], and
/// run it again for each number below.
#[derive(Debug, Default)]
pub struct Faults(Mutex<Script>);

#[derive(Debug, Default)]
struct Script {
    fail: BTreeMap<usize, Errno>,
    die_at: Option<usize>,
    short_writes: Option<usize>,
    short_reads: Option<usize>,
    trace: Vec<(Op, PathBuf)>,
}

impl Faults {
    /// No fault: only counts.
    pub fn none() -> Self {
        Self::default()
    }

    /// Operation `nth` fails with `errno` and has no effect.
    pub fn fail(self, nth: usize, errno: Errno) -> Self {
        self.with(|script| script.fail.insert(nth, errno));
        self
    }

    /// The process is killed before operation `nth`: neither it nor any later one happens.
    pub fn die(self, nth: usize) -> Self {
        self.with(|script| script.die_at = Some(nth));
        self
    }

    /// No write stores more than `bytes` bytes.
    pub fn short_writes(self, bytes: usize) -> Self {
        self.with(|script| script.short_writes = Some(bytes));
        self
    }

    /// No read gives more than `bytes` bytes.
    pub fn short_reads(self, bytes: usize) -> Self {
        self.with(|script| script.short_reads = Some(bytes));
        self
    }

    /// How many operations were attempted.
    pub fn count(&self) -> usize {
        self.with(|script| script.trace.len())
    }

    /// The operations that were attempted, in order.
    pub fn trace(&self) -> Vec<(Op, PathBuf)> {
        self.with(|script| script.trace.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Script) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Observer for Faults {
    fn before(&self, call: Call<'_>) -> Decision {
        self.with(|script| {
            let nth = script.trace.len();
            script.trace.push((call.op, call.path.to_owned()));
            if script.die_at.is_some_and(|die_at| die_at <= nth) {
                return Decision::Killed;
            }
            if let Some(&errno) = script.fail.get(&nth) {
                return Decision::Fail(errno);
            }
            let short = match call.op {
                Op::Write => script.short_writes,
                Op::Read => script.short_reads,
                _ => None,
            };
            short.map_or(Decision::Proceed, Decision::Short)
        })
    }
}
