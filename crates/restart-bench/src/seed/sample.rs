use serde::{Deserialize, Serialize};

use crate::{
    Object, js,
    seed::{Event, FailureCode, ProbeResult, slope},
};

/// A process that was started and restarted (seed 003, `GatewayRestartSample`). Times are in
/// milliseconds since just before it was started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// The code that it ended with; `None` if a signal ended it.
    pub child_exit_code: Option<i32>,
    /// The signal that ended it, such as `SIGKILL`.
    pub child_signal: Option<String>,
    /// What happened.
    pub events: Vec<Event>,
    /// Why it is no measurement.
    pub failure_code: Option<FailureCode>,
    /// When its first output came.
    pub first_output_ms: Option<f64>,
    /// The line that said first that it is ready,
    pub initial_gateway_ready_log_line: Option<String>,
    /// and when it came.
    pub initial_gateway_ready_log_ms: Option<f64>,
    /// The probes of `/healthz` after the start.
    pub initial_healthz: ProbeResult,
    /// The line that said first that it listens,
    pub initial_http_listen_log_line: Option<String>,
    /// and when it came.
    pub initial_http_listen_log_ms: Option<f64>,
    /// The probes of `/readyz` after those of `/healthz`.
    pub initial_readyz: ProbeResult,
    /// The startup trace by flat names, before the first restart and after the last.
    pub initial_startup_trace: Object<f64>,
    /// The restarts.
    pub iterations: Vec<Iteration>,
    /// The most resident memory that was seen, in MiB; of the process alone, without those below it.
    pub max_rss_mb: Option<f64>,
    /// The last 30 lines of the last 30 chunks of its output.
    pub output_tail: String,
    /// How its resources grew.
    pub resource_slope: ResourceSlope,
}

/// A restart (seed 003, `RestartIteration`). Times are in milliseconds since the signal, if nothing
/// else is said.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Iteration {
    /// Processor time by the time that passed since the signal: 1 is one core. The processor time is
    /// measured from before the signal, so this is a little too high.
    pub cpu_core_ratio: Option<f64>,
    /// The processor time of the process and those below it, in milliseconds, to the end of the
    /// delay after it was ready.
    pub cpu_ms: Option<f64>,
    /// Why it is no measurement.
    pub failure_code: Option<FailureCode>,
    /// The line that said first that the gateway is ready again,
    pub gateway_ready_log_line: Option<String>,
    /// and when it came: 0 if that was before the signal, which also is when the line belongs to
    /// the restart before.
    pub gateway_ready_log_ms: Option<f64>,
    /// The probes of `/healthz`.
    pub healthz: ProbeResult,
    /// The line that said first that the gateway listens again,
    pub http_listen_log_line: Option<String>,
    /// and when it came, as above.
    pub http_listen_log_ms: Option<f64>,
    /// Its number, from 1.
    pub index: u32,
    /// The probes of `/readyz`.
    pub readyz: ProbeResult,
    /// What the process used, before and after.
    pub resource_snapshots: Vec<ResourceSnapshot>,
    /// The restart trace by flat names.
    pub restart_trace: Object<f64>,
    /// When the signal was sent, in milliseconds since the sample began.
    pub signal_sent_ms: Option<f64>,
    /// The startup trace by flat names.
    pub startup_trace: Object<f64>,
}

/// The value that says that a restart is over.
const READY_TOTAL: &str = "restart.ready.total";

impl Iteration {
    /// The restart `index` before anything is known of it.
    pub fn new(index: u32) -> Self {
        Self { index, ..Self::default() }
    }

    /// Whether the gateway said that it is ready again, by its line and by its trace.
    pub fn is_ready(&self) -> bool {
        self.trace([READY_TOTAL]).is_some() && self.gateway_ready_log_ms.is_some()
    }

    /// The downtime that the seed reports: that of `/readyz`, or else that of `/healthz`.
    pub fn downtime_ms(&self) -> Option<f64> {
        self.readyz.downtime_ms.or(self.healthz.downtime_ms)
    }

    /// How long the phase `restart.ready` of the trace took.
    pub fn restart_ready_ms(&self) -> Option<f64> {
        self.trace(["restart.ready"])
    }

    /// When that phase ended.
    pub fn restart_ready_total_ms(&self) -> Option<f64> {
        self.trace([READY_TOTAL])
    }

    /// The resident memory after the restart in MiB, by the trace or else by the last snapshot.
    pub fn rss_mb(&self) -> Option<f64> {
        self.of_ready("rssMb").or_else(|| self.last(|snapshot| snapshot.rss_mb))
    }

    /// Why this is no measurement, if nothing was wrong before the probes (seed 003,
    /// `finalizeRestartIteration`).
    pub fn failure(&self, child_exited: bool) -> Option<FailureCode> {
        let failures = [
            (child_exited, FailureCode::RestartChildExited),
            (self.healthz.ms.is_none(), FailureCode::NextHealthzTimeout),
            (self.readyz.ms.is_none(), FailureCode::NextReadyzTimeout),
            (self.gateway_ready_log_ms.is_none(), FailureCode::ReadyLogTimeout),
            (self.trace([READY_TOTAL]).is_none(), FailureCode::TraceMissing),
        ];
        failures.into_iter().find_map(|(failed, code)| failed.then_some(code))
    }

    /// The first of `names` that the restart trace has.
    fn trace<const N: usize>(&self, names: [&str; N]) -> Option<f64> {
        names.into_iter().find_map(|name| self.restart_trace.get(name)).copied()
    }

    /// A metric of the phase `restart.ready`; versions of OpenClaw differ in where it is.
    fn of_ready(&self, metric: &str) -> Option<f64> {
        self.trace([
            &format!("restart.ready.{metric}"),
            &format!("restart.ready.memory.ready.{metric}"),
        ])
    }

    fn last(&self, value: impl Fn(&ResourceSnapshot) -> Option<f64>) -> Option<f64> {
        self.resource_snapshots.iter().rev().find_map(value)
    }
}

/// When a snapshot was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotPhase {
    /// Before the signal.
    BeforeSignal,
    /// After both probes ended.
    AfterNextReady,
    /// After the delay behind that.
    AfterPostReadyDelay,
}

/// What the process used (seed 003, `ResourceSnapshot`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSnapshot {
    /// Always `None`: it cannot be seen from outside.
    pub active_handles_count: Option<u64>,
    /// Always `None`, as above.
    pub active_requests_count: Option<u64>,
    /// Always `None`, as above.
    pub active_timers_count: Option<u64>,
    /// How many files it had open.
    pub fd_count: Option<u64>,
    /// When this was, in milliseconds since the sample began; after the files were counted and
    /// before the memory was looked at.
    pub ms: f64,
    /// At which point.
    pub phase: SnapshotPhase,
    /// Its resident memory in MiB.
    pub rss_mb: Option<f64>,
}

impl ResourceSnapshot {
    /// What can be seen from outside.
    pub fn new(phase: SnapshotPhase, ms: f64, fd_count: Option<u64>, rss_mb: Option<f64>) -> Self {
        Self {
            active_handles_count: None,
            active_requests_count: None,
            active_timers_count: None,
            fd_count,
            ms,
            phase,
            rss_mb,
        }
    }
}

/// How resources grow from one restart to the next; see [`slope`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ResourceSlope {
    /// Handles of the event loop, by the trace.
    pub active_handles_count_per_restart: Option<f64>,
    /// Requests of the event loop, by the trace.
    pub active_requests_count_per_restart: Option<f64>,
    /// Timers of the event loop, by the trace.
    pub active_timers_count_per_restart: Option<f64>,
    /// Open files, by the last snapshot.
    pub fd_count_per_restart: Option<f64>,
    /// MiB of the heap of JavaScript, by the trace.
    pub heap_used_mb_per_restart: Option<f64>,
    /// MiB of resident memory, by the trace or else by the last snapshot.
    pub rss_mb_per_restart: Option<f64>,
}

impl ResourceSlope {
    /// Of the restarts of one process (seed 003, `computeResourceSlope`).
    pub fn of(iterations: &[Iteration]) -> Self {
        let of = |value: &dyn Fn(&Iteration) -> Option<f64>| {
            slope(&iterations.iter().map(value).collect::<Vec<_>>())
        };
        let of_ready = |metric| of(&|iteration| iteration.of_ready(metric));
        Self {
            active_handles_count_per_restart: of_ready("activeHandlesCount"),
            active_requests_count_per_restart: of_ready("activeRequestsCount"),
            active_timers_count_per_restart: of_ready("activeTimersCount"),
            fd_count_per_restart: of(&|iteration| {
                iteration.last(|snapshot| snapshot.fd_count.map(js::float))
            }),
            heap_used_mb_per_restart: of_ready("heapUsedMb"),
            rss_mb_per_restart: of(&Iteration::rss_mb),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Iteration {
        let mut iteration = Iteration::new(1);
        iteration.healthz.ms = Some(1.0);
        iteration.readyz.ms = Some(1.0);
        iteration.gateway_ready_log_ms = Some(1.0);
        iteration.restart_trace.set(READY_TOTAL, 1.0);
        iteration
    }

    #[test]
    fn what_fails_first_is_told() {
        let mut iteration = ready();
        assert!(iteration.is_ready());
        assert_eq!(iteration.failure(false), None);
        iteration.restart_trace = Object::new();
        assert!(!iteration.is_ready());
        assert_eq!(iteration.failure(false), Some(FailureCode::TraceMissing));
        iteration.gateway_ready_log_ms = None;
        assert_eq!(iteration.failure(false), Some(FailureCode::ReadyLogTimeout));
        iteration.readyz.ms = None;
        assert_eq!(iteration.failure(false), Some(FailureCode::NextReadyzTimeout));
        iteration.healthz.ms = None;
        assert_eq!(iteration.failure(false), Some(FailureCode::NextHealthzTimeout));
        assert_eq!(iteration.failure(true), Some(FailureCode::RestartChildExited));
    }

    #[test]
    fn a_restart_without_a_window_of_unavailability_is_no_failure() {
        let iteration = ready();
        assert_eq!((iteration.downtime_ms(), iteration.failure(false)), (None, None));
    }

    #[test]
    fn where_resources_are_taken_from() {
        let mut iteration = Iteration::new(1);
        let snapshot = |fd, rss| ResourceSnapshot::new(SnapshotPhase::AfterNextReady, 0.0, fd, rss);
        iteration.resource_snapshots =
            vec![snapshot(Some(3), Some(1.0)), snapshot(None, Some(2.0)), snapshot(None, None)];
        assert_eq!(iteration.rss_mb(), Some(2.0));
        iteration.restart_trace.set("restart.ready.memory.ready.rssMb", 3.0);
        assert_eq!(iteration.rss_mb(), Some(3.0));
        iteration.restart_trace.set("restart.ready.rssMb", 4.0);
        assert_eq!(iteration.rss_mb(), Some(4.0));
        let mut next = iteration.clone();
        next.restart_trace.set("restart.ready.rssMb", 5.5);
        next.resource_snapshots.push(snapshot(Some(5), None));
        let slope = ResourceSlope::of(&[iteration, next]);
        let expected = ResourceSlope {
            fd_count_per_restart: Some(2.0),
            rss_mb_per_restart: Some(1.5),
            ..ResourceSlope::default()
        };
        assert_eq!(slope, expected);
    }
}
