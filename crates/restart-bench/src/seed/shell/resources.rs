//! What the seed asks `ps` and `lsof` for, from `/proc`, in the same units.
//!
//! To start `ps` takes 27 ms at the median, in which the seed does nothing else; to read a file, 0.02.
//! And `ps` rounds processor time to seconds, which is more than a restart takes.

use crate::{
    js, proc,
    record::{ProcessIdentity, Resources},
    seed::{ResourceSnapshot, SnapshotPhase},
};

/// The resident memory of a process alone, in MiB.
pub(super) fn rss_mb(of: ProcessIdentity) -> Option<f64> {
    look(of).and_then(|taken| mebibytes(taken.rss_bytes))
}

/// What a process alone uses. `now_ms` is asked after all was looked at.
pub(super) fn snapshot(
    of: ProcessIdentity,
    phase: SnapshotPhase,
    now_ms: impl FnOnce() -> f64,
) -> ResourceSnapshot {
    let taken = look(of);
    let fd_count = taken.map(|taken| taken.open_files).filter(|count| 0 < *count);
    let rss_mb = taken.and_then(|taken| mebibytes(taken.rss_bytes));
    ResourceSnapshot::new(phase, now_ms(), fd_count, rss_mb)
}

/// The processor time of a process and all below it, in milliseconds; `None` if it is gone.
pub(super) fn tree_cpu_ms(of: ProcessIdentity) -> Option<f64> {
    is_there(of).then(|| taken(&proc::tree(of.pid)).cpu_us.as_millis())
}

fn look(of: ProcessIdentity) -> Option<Resources> {
    is_there(of).then(|| taken(&[of.pid]))
}

fn taken(pids: &[u32]) -> Resources {
    proc::total(&proc::resources(pids))
}

fn is_there(process: ProcessIdentity) -> bool {
    proc::identity(process.pid) == Some(process)
}

/// `None` if it is not more than nothing, as of a process that has just ended.
fn mebibytes(bytes: u64) -> Option<f64> {
    (0 < bytes).then(|| js::float(bytes) / js::float(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_something_and_one_that_is_gone_nothing() {
        let me = proc::identity(std::process::id()).unwrap();
        let phase = SnapshotPhase::BeforeSignal;
        let taken = snapshot(me, phase, || 7.0);
        assert!(taken.fd_count.is_some() && taken.rss_mb.is_some_and(|mb| 0.1 < mb), "{taken:?}");
        assert!(tree_cpu_ms(me).is_some_and(|ms| 0.0 <= ms));
        let other = ProcessIdentity { start_ticks: me.start_ticks + 1, ..me };
        assert_eq!(snapshot(other, phase, || 7.0), ResourceSnapshot::new(phase, 7.0, None, None));
        assert_eq!((tree_cpu_ms(other), rss_mb(other)), (None, None));
    }

    #[test]
    fn memory_is_in_mebibytes() {
        assert_eq!(mebibytes(651_076 * 1024), Some(635.816_406_25));
        assert_eq!(mebibytes(0), None);
    }
}
