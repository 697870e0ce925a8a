use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::{Clock, Timestamp};

/// 2026-09-01T00:00:00Z.
const START_MILLIS: i64 = 1_788_220_800_000;

/// A clock that moves only when told to, or when somebody sleeps.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<Times>>);

#[derive(Debug)]
struct Times {
    now: Timestamp,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that shows 2026-09-01T00:00:00Z.
    #[expect(clippy::new_without_default, reason = "a clock has no default")]
    pub fn new() -> Self {
        let now = Timestamp::from_unix_millis(START_MILLIS).unwrap_or(Timestamp::UNIX_EPOCH);
        Self(Arc::new(Mutex::new(Times { now, monotonic: Duration::ZERO })))
    }

    /// Lets time pass.
    pub fn advance(&self, span: Duration) {
        self.with(|times| {
            times.now = times.now.plus(span);
            times.monotonic += span;
        });
    }

    /// Sets the wall clock, as an operator or a time server does. Time does not pass.
    pub fn set_now(&self, now: Timestamp) {
        self.with(|times| times.now = now);
    }

    fn with<T>(&self, act: impl FnOnce(&mut Times) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.with(|times| times.now)
    }

    fn monotonic(&self) -> Duration {
        self.with(|times| times.monotonic)
    }

    fn sleep(&self, span: Duration) {
        self.advance(span);
    }
}
