use rustix::time::{ClockId, clock_gettime};

use crate::Micros;

/// Now, by `CLOCK_MONOTONIC`: it is the same for all processes of a machine, and nobody can set it.
pub fn now() -> Micros {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    Micros(seconds.saturating_mul(1_000_000).saturating_add(nanos / 1_000))
}
