//! What seed 003, `bench-gateway-restart.ts`, does and prints.
//!
//! This is here so that results can be compared with those of the seed. Where the seed is wrong it
//! is wrong here in the same way, and the documentation says so at each place. [`run_seed`] runs the
//! process, sends the signal and asks the [`RestartProbe`]s; all else is rules without effects: a
//! [`Recorder`] puts a [`Sample`] together from what is seen, a [`CaseResult`] sums samples up, and a
//! [`Payload`] is the report.
//!
//! # Example
//!
//! The seed takes the first answer after a failure for the end of the outage. It was, on OpenClaw
//! 2026.9.6, a moment before the listener closed for seven seconds:
//!
//! ```
//! use restart_bench::seed::{Outcome, ProbePath, RestartProbe};
//!
//! let mut probe = RestartProbe::new(ProbePath::Healthz, 1, 1_000.0, 30_000.0);
//! probe.answer(3_690.0, &Outcome::Error("timeout".to_owned()));
//! let end = probe.answer(3_951.0, &Outcome::Status(200)).end;
//! assert_eq!(end.and_then(|result| result.downtime_ms), Some(261.0));
//! ```
//!
//! # Differences
//!
//! * A character that comes in two chunks is read, and a line without an end is cut; see
//!   [`Lines`](crate::Lines). Both are kept as the seed has them in the tail of the output.
//! * What is no number in a trace, such as `1.2.3ms`, is left out. The seed kept a `NaN`, which is
//!   `null` in its report and spoils the statistics of its name.
//! * A time before 1970 is written as 1970.
//!
//! Those of [`run_seed`]:
//!
//! * Each request has a connection of its own. The seed keeps one open, so that its first failure
//!   is `econnreset` where it is `econnrefused` here. A request ends after ten seconds however its
//!   answer drips, and with the kind `too-long` after 64 KiB of it.
//! * Resources are read from `/proc`, in the units of `ps` and `lsof`. Processor time has the
//!   resolution of the kernel's clock ticks, mostly 10 ms, instead of a second.
//! * A process without a handler for `SIGUSR1` would be ended by it: that is a
//!   [`RestartSignalFailed`](FailureCode::RestartSignalFailed) here, and it goes on. The intent is
//!   replaced as a whole.
//! * A guard process stands between, whose start of a few milliseconds counts for the start of the
//!   gateway, and which tells of an exit up to 40 ms late. `SIGTERM` goes to the group and to the
//!   process. What the gateway has started is ended also if it has left the group, and also if the
//!   measurement is killed.
//! * If the port has been taken by somebody else meanwhile, there is an error and no report.
//! * A gateway that has ended is waited for one second, not until the deadline.
//! * The files of the gateway can be read by their owner only.

mod case;
mod event;
mod failure;
mod gateway;
mod options;
mod output;
mod probe;
mod recorder;
mod report;
mod resources;
mod sample;
mod shell;
mod stats;
mod summary;

pub use case::{CASES, Case, File, Plugins, config_files};
pub use event::{Event, EventKind, ProbePath};
pub use failure::FailureCode;
pub use gateway::{
    INTENT_FILE, INTENT_MODE, INTENT_REASON, TERM_GRACE, child_arguments, child_environment,
    intent_line,
};
pub use options::{Command, DEFAULTS, Defaults, OptionsError, SeedOptions, help, parse_options};
pub use output::{report, restart_progress, sample_progress, warmup_progress};
pub use probe::{
    InitialProbe, Outcome, PROBE_PAUSE, PROBE_TIMEOUT, ProbeResult, RestartProbe, Standing, Step,
    Transition, classify_error, error_kind,
};
pub use recorder::{Exit, Recorder};
pub use report::{Payload, Platform, iso_time};
pub use resources::{
    RSS_PERIOD, count_lsof_descriptors, parse_cpu_time_ms, parse_rss_mb, tree_cpu_ms,
};
pub use sample::{Iteration, ResourceSlope, ResourceSnapshot, Sample, SnapshotPhase};
pub use shell::{SeedError, SeedSetup, run_seed};
pub use stats::{Stats, slope, summarize_numbers};
pub use summary::{CaseResult, SlopeSummary, Summary};
