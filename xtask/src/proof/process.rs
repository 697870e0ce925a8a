//! What a process has taken of the machine.

use std::time::Duration;

use anyhow::Context as _;
use rustix::time::{ClockId, clock_gettime};

/// That this process has spent on the processors so far.
pub(super) fn processor_time() -> anyhow::Result<Duration> {
    Ok(Duration::try_from(clock_gettime(ClockId::ProcessCPUTime))?)
}

/// That processes which this one has started and waited for have spent on the processors so far; in
/// steps of a tick, most often 10 ms.
///
/// From <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>, `cutime` and `cstime`.
pub(super) fn processor_time_of_children() -> anyhow::Result<Duration> {
    let stat = fs_err::read_to_string("/proc/self/stat")?;
    // The name of the program may have anything in it, but a parenthesis comes after it.
    let (_, fields) = stat.rsplit_once(')').context("/proc/self/stat is cut off")?;
    let ticks = fields.split_ascii_whitespace().skip(13).take(2).map(str::parse::<u64>);
    let ticks = ticks.sum::<Result<u64, _>>()?;
    let per_second = rustix::param::clock_ticks_per_second();
    Ok(Duration::from_millis(ticks * 1_000 / per_second))
}

/// The most memory that this process has had.
pub(super) fn peak_memory_bytes() -> anyhow::Result<u64> {
    memory_bytes("VmHWM:")
}

/// The memory that this process has.
pub(super) fn resident_bytes() -> anyhow::Result<u64> {
    memory_bytes("VmRSS:")
}

/// From <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>.
fn memory_bytes(field: &str) -> anyhow::Result<u64> {
    let status = fs_err::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kib = kib.with_context(|| format!("/proc/self/status does not tell {field}"))?;
    Ok(kib.parse::<u64>()? * 1024)
}

pub(super) fn millis(span: Duration) -> f64 {
    thousandths(span.as_secs_f64() * 1_000.0)
}

/// As many digits as anybody reads.
pub(super) fn thousandths(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}
