//! The result of a measurement: all that was seen. What it means is in [`summary`](fn@crate::summary), and can be
//! worked out from this again.

use serde::{Deserialize, Serialize};

use crate::{Micros, Probe};

/// Another one whenever an older program would read it wrongly.
pub const SCHEMA_VERSION: u32 = 1;

/// A measurement, as it is in a result file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What has measured, with its version.
    pub tool: String,
    /// When, as `2026-11-27T03:00:00Z`.
    pub measured_at: String,
    /// Where.
    pub host: HostFacts,
    /// What.
    pub target: TargetFacts,
    /// How.
    pub settings: Settings,
    /// The same without a restart, before all of them.
    pub calibration: Option<Observation>,
    /// Each restart, in their order.
    pub restarts: Vec<Restart>,
    /// What of the whole could not be done, if anything.
    pub failure: Option<Failure>,
    /// What the measurement itself took.
    pub observer: Observer,
}

/// The machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HostFacts {
    /// Operating system and release.
    pub system: String,
    /// Its architecture.
    pub architecture: String,
    /// How many processors may be used.
    pub processors: u32,
    /// The load average of a minute when it began.
    pub load: Option<f64>,
}

/// The server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TargetFacts {
    /// What it is called in reports.
    pub name: String,
    /// Its version, if that is known.
    pub version: Option<String>,
    /// How it was started; `None` if it ran already.
    pub command: Option<String>,
    /// How it was restarted: `SIGHUP`, or a command.
    pub trigger: String,
    /// A hash of all that configures it, so that only results of the same are compared.
    pub config_hash: String,
}

/// How it was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// From one probe of an endpoint to the next.
    pub every_us: Micros,
    /// How long a probe waits for an answer, connecting included.
    pub timeout_us: Micros,
    /// For how long the server has to be of use before it is stable.
    pub stable_for_us: Micros,
    /// Outages that are closer than this are one.
    pub merge_gap_us: Micros,
    /// How many probes of an endpoint may be on their way at once.
    pub in_flight_max: u32,
}

/// What was seen from one moment to another.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// When it began,
    pub from_us: Micros,
    /// and when it ended.
    pub until_us: Micros,
    /// Whether the server lives, if it has an endpoint for that.
    pub health: Option<Endpoint>,
    /// Whether it is ready.
    pub ready: Option<Endpoint>,
    /// Which processes had its port, whenever that changed.
    pub serving: Vec<Seen<Serving>>,
    /// Which sockets listened on its port, whenever that changed.
    pub listeners: Vec<Seen<Vec<u64>>>,
    /// What it took of the machine.
    pub resources: Vec<Seen<Resources>>,
    /// Lines of its log that mean something.
    pub lines: Vec<Seen<Line>>,
}

/// A restart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Restart {
    /// Which one, from 1 on.
    pub index: u32,
    /// It only warms up: it is shown, and does not count.
    pub is_warmup: bool,
    /// When the server was told to restart.
    pub trigger_us: Micros,
    /// Before, meanwhile, and afterwards.
    pub observation: Observation,
    /// Why it is no restart that counts, as far as whoever measured knew,
    pub failure: Option<Failure>,
    /// and what the system says about that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Something that was seen at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen<T> {
    /// When.
    pub at_us: Micros,
    /// What.
    pub what: T,
}

/// An endpoint, and all attempts to use it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Its address.
    pub url: String,
    /// The attempts in the order in which they were to begin.
    pub probes: Vec<Probe>,
    /// When others were to begin that did not, as too many were on their way.
    pub dropped_us: Vec<Micros>,
}

/// The processes of a server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Serving {
    /// The one that was started or named; `None` once it has ended.
    pub main: Option<ProcessIdentity>,
    /// Those that have its port open, in order; among them may be the main one.
    pub listening: Vec<ProcessIdentity>,
}

/// A process, until its number is given to another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProcessIdentity {
    /// Its number.
    pub pid: u32,
    /// When it began, in clock ticks since the machine was started.
    pub start_ticks: u64,
}

/// What processes take of a machine; those that could not be read count as nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resources {
    /// Resident memory; what processes share counts for each.
    pub rss_bytes: u64,
    /// Processor time since they began. In what was seen of a server it never falls: what a process
    /// took stays counted when it has ended.
    pub cpu_us: Micros,
    /// Open files and sockets.
    pub open_files: u64,
    /// Threads.
    pub threads: u64,
}

/// A line of a log, and what it means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// What it says, shortened.
    pub text: String,
    /// It says that the server is ready.
    pub is_ready: bool,
    /// A span of the server's own trace that ends here.
    pub span: Option<Span>,
}

/// A span of a server's own trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// Its name.
    pub name: String,
    /// How long it took, in milliseconds.
    pub duration_ms: f64,
    /// When it ended, in milliseconds since what the server counts from.
    pub total_ms: f64,
}

/// Why there is no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The server was not ready in time after it was started.
    StartTimeout,
    /// Another process listens on the port.
    PortTaken,
    /// The restart could not be triggered.
    TriggerFailed,
    /// The process of the server ended, and there was no other.
    Exited,
    /// It was not ready, for long enough, in time.
    ReadyTimeout,
    /// Nothing shows that there was a restart.
    RestartNotObserved,
    /// The measurement was too slow itself to say anything.
    ObserverUnfit,
}

/// What the measurement took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observer {
    /// Processor time.
    pub cpu_us: Micros,
    /// In so much time.
    pub wall_us: Micros,
    /// The most memory that it had.
    pub peak_memory_bytes: u64,
    /// Bytes of the log that were read.
    pub log_bytes: u64,
    /// Lines of it that were too long to be read as a whole.
    pub long_lines: u64,
}

impl Failure {
    /// The word for it in documents.
    pub fn code(self) -> &'static str {
        match self {
            Self::StartTimeout => "start_timeout",
            Self::PortTaken => "port_taken",
            Self::TriggerFailed => "trigger_failed",
            Self::Exited => "exited",
            Self::ReadyTimeout => "ready_timeout",
            Self::RestartNotObserved => "restart_not_observed",
            Self::ObserverUnfit => "observer_unfit",
        }
    }

    /// What to do about it.
    pub fn advice(self) -> &'static str {
        match self {
            Self::StartTimeout => {
                "the server did not answer in time after it was started: look at its output above, or give it longer (--start-timeout)"
            }
            Self::PortTaken => {
                "another process listens on the port: stop it, or choose another port"
            }
            Self::TriggerFailed => {
                "the restart could not be triggered: is the signal handled, and the command right?"
            }
            Self::Exited => {
                "the server ended: look at its output above; if the restart ended it, is this the signal that restarts it (--signal)?"
            }
            Self::ReadyTimeout => {
                "the server was not ready in time after the restart: look at its output, or give it longer (--restart-timeout)"
            }
            Self::RestartNotObserved => {
                "nothing shows that it restarted, so there is no downtime to report: is this the signal that restarts it (--signal), and is there something to tell by (--ready-log)?"
            }
            Self::ObserverUnfit => {
                "this machine was too busy to measure on: stop what else is running, or probe less often (--every)"
            }
        }
    }
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// It is no result of this program.
    #[error("it is not a result of restart-bench")]
    Malformed(#[source] serde_json::Error),
    /// A newer program has written it.
    #[error("it has schema version {version}, this program knows version {SCHEMA_VERSION}")]
    TooNew {
        /// Its version.
        version: u32,
    },
}

impl Record {
    /// Reads a result file.
    pub fn parse(text: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Version {
            schema_version: u32,
        }
        let Version { schema_version: version } =
            serde_json::from_slice(text).map_err(RecordError::Malformed)?;
        if SCHEMA_VERSION < version {
            return Err(RecordError::TooNew { version });
        }
        serde_json::from_slice(text).map_err(RecordError::Malformed)
    }
}
