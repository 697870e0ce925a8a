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
                // The caller is not to notice; whatever it does from here on has no effect.
                return Decision::Fail(Errno::IO);
            }
            if let Some(&errno) = script.fail.get(&nth) {
                return Decision::Fail(errno);
            }
            match (script.short_writes, call.op) {
                (Some(most), Op::Write) => Decision::Short(most),
                _ => Decision::Proceed,
            }
        })
    }
}
