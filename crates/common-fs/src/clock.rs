use std::time::Duration;

use crate::Timestamp;

/// The two clocks of a machine, and waiting.
///
/// Wall-clock time ([`Clock::now`]) can step in both directions: it is for dates and for
/// comparison with file times. Spans are differences of [`Clock::monotonic`].
pub trait Clock: Send + Sync {
    /// The wall-clock time.
    fn now(&self) -> Timestamp;
    /// Time since an arbitrary but fixed moment; never decreases.
    fn monotonic(&self) -> Duration;
    /// Returns after `span` has passed.
    fn sleep(&self, span: Duration);
}

/// The clocks of the operating system.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        Timestamp::clamped(time.tv_sec, u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    fn monotonic(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
    }

    #[expect(clippy::disallowed_methods, reason = "this is where the ban leads to")]
    fn sleep(&self, span: Duration) {
        std::thread::sleep(span);
    }
}
