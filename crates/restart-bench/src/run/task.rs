use std::{ffi::OsString, io, path::PathBuf, time::Duration};

use rustix::process::Signal;

use crate::{
    MainProcess, StartError, StartOrders,
    gather::Endpoints,
    output::LogRules,
    record::{HostFacts, Record, Settings},
    signal::signal_name,
};

/// What is measured, and how.
#[derive(Clone, Debug)]
pub struct Task {
    /// What it is called in reports.
    pub name: String,
    /// Its version, if that is known.
    pub version: Option<String>,
    /// The server.
    pub server: ServerKind,
    /// What makes it restart.
    pub trigger: Trigger,
    /// Where it is probed.
    pub endpoints: Endpoints,
    /// What its log says.
    pub log: LogRules,
    /// How it is probed.
    pub settings: Settings,
    /// How often it is restarted,
    pub restarts: u32,
    /// after so many restarts that only warm it up.
    pub warmup_restarts: u32,
    /// For how long it may take to be ready after it was started.
    pub start_timeout: Duration,
    /// For how long it may take to be ready after it was told to restart.
    pub restart_timeout: Duration,
    /// For how long it is watched before anything is restarted.
    pub calibrate: Duration,
    /// For how long it is watched before each restart, and after it was ready.
    pub margin: Duration,
    /// From one restart to the next at least, counted from when it was told to restart.
    pub spacing: Duration,
    /// When this is, as `2026-11-27T03:00:00Z`.
    pub measured_at: String,
    /// The machine.
    pub host: HostFacts,
}

/// Whether a server is started for the measurement.
#[derive(Clone, Debug)]
pub enum ServerKind {
    /// It is, and ended in the end.
    Started(StartOrders),
    /// It runs already, with this main process, and is left alone.
    Running(MainProcess),
}

/// What makes a server restart.
#[derive(Clone, Debug)]
pub enum Trigger {
    /// A signal to its main process.
    Signal(Signal),
    /// A file that announces the restart, as OpenClaw up to 2026.6.8 reads it, then a signal.
    Intent {
        /// The file, which the server removes.
        file: PathBuf,
        /// The signal.
        signal: Signal,
    },
    /// A command that returns when it has been told.
    Command(Vec<OsString>),
}

impl Trigger {
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Signal(signal) => signal_name(*signal).to_owned(),
            Self::Intent { signal, .. } => format!("{} with an intent", signal_name(*signal)),
            Self::Command(command) => line(command),
        }
    }
}

/// What a measurement is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// It starts the server.
    Start,
    /// It watches the server while nothing happens to it.
    Calibrate,
    /// It restarts it.
    Restart {
        /// Which restart, from 1 on, those that warm it up included,
        nth: u32,
        /// of so many.
        of: u32,
    },
    /// It ends it.
    Stop,
}

/// Why there is no result at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// Somebody has asked to end.
    #[error("interrupted")]
    Interrupted,
    /// There is nothing to probe.
    #[error("there is no address to probe")]
    NoEndpoint,
    /// The server could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The server does not run.
    #[error("there is no such process")]
    NoProcess,
    /// The measurement itself failed.
    #[error("the server could not be watched")]
    Io(#[from] io::Error),
}

/// A result, and the last lines that the server has written.
#[derive(Debug)]
pub struct Run {
    /// What was seen.
    pub record: Record,
    /// The last lines of its output, for whoever looks for a reason.
    pub tail: Vec<String>,
}

/// A command as people read it.
pub(super) fn line(command: &[OsString]) -> String {
    let words: Vec<String> = command.iter().map(|word| word.display().to_string()).collect();
    words.join(" ")
}
