//! What a restart of a server really costs its clients.
//!
//! A server is restarted again and again while it is probed on a fixed schedule, each time on a new
//! connection. [`run`](fn@run) does that, and gives a [`Record`](record::Record) of all that was seen;
//! [`summary`](fn@summary) works out what it means, from the record alone: every [outage](Outage) with its
//! bounds, the [evidence](Evidence) that there was a restart at all, what [grows](Slope), and whether the
//! measurement itself was in order. [`Threshold`] and [`compare`](fn@compare) make a gate of it.
//!
//! # Example
//!
//! A probe every 10 ms, of which three in a row are refused:
//!
//! ```
//! use restart_bench::{Micros, Outcome, Probe, outages};
//!
//! let every = Micros::from_millis(10);
//! let probe = |slot: u64| Probe {
//!     intended_us: every.times(slot),
//!     started_us: every.times(slot),
//!     finished_us: every.times(slot).plus(Micros(500)),
//!     outcome: if (3..6).contains(&slot) { Outcome::Refused } else { Outcome::Ok },
//!     uptime_ms: None,
//! };
//! let probes: Vec<Probe> = (0..10).map(probe).collect();
//! let outage = &outages(&probes, every, Micros::ZERO)[0];
//! assert_eq!(outage.lower_us(), Micros(20_500));
//! assert_eq!(outage.estimate_us, Micros(30_000));
//! assert_eq!(outage.upper_us(), Some(Micros(40_000)));
//! ```
//!
//! # Guarantees
//!
//! * **A slot is never skipped** because an earlier probe is slow; what could not be sent is told.
//! * **Without evidence of a restart there is no downtime.**
//! * **What was started ends**, with all that it has started, whatever becomes of the measurement: see
//!   [`guard`](fn@guard).
//!
//! # Limitations
//!
//! Linux, HTTP/1.1 without TLS. What happens within one probe is not seen: an outage that is shorter than
//! the time between two may be missed. A server that leaves its first process by itself (a daemon) has
//! to be told to stay in the foreground, or be measured by its pid file.

mod clock;
mod compare;
mod cpu_time;
mod evidence;
mod gather;
mod guard;
mod http;
mod intent;
mod js;
mod log;
mod main_process;
mod metric;
mod micros;
mod outage;
mod output;
pub mod preset;
mod probe;
mod prober;
mod proc;
pub mod record;
pub mod report;
mod root;
mod run;
pub mod seed;
mod server;
mod signal;
mod slope;
mod stats;
mod summary;
mod threshold;
mod watcher;

pub use clock::now;
pub use compare::{Comparison, RESTARTS_MIN, Verdict, compare};
pub use evidence::{Evidence, EvidenceKind, evidence};
pub use gather::Endpoints;
pub use guard::{GuardOrders, guard};
pub use js::object::Object;
pub use log::{LINE_LIMIT, Lines, Mark, Stream, Trace, TraceKind, mark, parse_trace};
pub use main_process::MainProcess;
pub use metric::Metric;
pub use micros::Micros;
pub use outage::{Outage, outages};
pub use output::LogRules;
pub use probe::{Class, Odd, Outcome, Probe};
pub use prober::{ProbeTarget, Prober, Told};
pub use root::{Root, RootError, root_path};
pub use run::{Run, RunError, ServerKind, Step, Task, Trigger, host_facts, run};
pub use server::{Output, Server, StartError, StartOrders};
pub use signal::{SignalError, parse_signal, send_handled, signal_name};
pub use slope::{ALPHA, POINTS_MIN, Slope, Trend, slope};
pub use stats::{Interval, Statistic, Stats, interval_of};
pub use summary::{
    EndpointSummary, LAG_SLOTS_MAX, ObserverSummary, Resource, RestartSummary, Summary, summary,
};
pub use threshold::{Checked, Threshold, ThresholdError};
pub use watcher::{Watched, Watcher};
