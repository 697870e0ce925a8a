//! A measurement from its beginning to its end.

mod facts;

use std::{
    io,
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    time::Duration,
};

use rustix::process::Signal;

pub use facts::host_facts;

use crate::{
    MainProcess, Micros, Server, StartError, StartOrders,
    clock::now,
    evidence,
    gather::{Endpoints, Event, Gatherer},
    intent::announce,
    output::{self, LogRules, Tail},
    proc,
    record::{
        Failure, HostFacts, Observer, Record, Restart, SCHEMA_VERSION, Settings, TargetFacts,
    },
    signal::{send_handled, signal_name},
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
    Command(Vec<std::ffi::OsString>),
}

impl Trigger {
    fn describe(&self) -> String {
        match self {
            Self::Signal(signal) => signal_name(*signal).to_owned(),
            Self::Intent { signal, .. } => format!("{} with an intent", signal_name(*signal)),
            Self::Command(command) => {
                let words: Vec<String> =
                    command.iter().map(|word| word.display().to_string()).collect();
                words.join(" ")
            }
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

/// Measures. `on_step` is told what comes next; `is_interrupted` is asked all the time.
pub fn run(
    task: &Task,
    on_step: &mut dyn FnMut(Step),
    is_interrupted: &dyn Fn() -> bool,
) -> Result<Run, RunError> {
    let port = task.endpoints.main().ok_or(RunError::NoEndpoint)?.address.port();
    let (began_us, cpu_us) = (now(), facts::cpu());
    let is_taken =
        matches!(task.server, ServerKind::Started(_)) && !proc::listeners(port).is_empty();
    let mut measured = Measured::default();
    if is_taken {
        measured.failure = Some(Failure::PortTaken);
    } else {
        on_step(Step::Start);
        measured = measure(task, on_step, is_interrupted)?;
    }
    let observer = Observer {
        cpu_us: facts::cpu().since(cpu_us),
        wall_us: now().since(began_us),
        peak_memory_bytes: facts::peak_memory_bytes(),
        log_bytes: measured.tail.bytes(),
        long_lines: measured.tail.long_lines(),
    };
    let command = match &task.server {
        ServerKind::Started(orders) => {
            let words = orders.command.iter().map(|word| word.display().to_string());
            Some(words.collect::<Vec<_>>().join(" "))
        }
        ServerKind::Running(_) => None,
    };
    let record = Record {
        schema_version: SCHEMA_VERSION,
        tool: format!("restart-bench {}", env!("CARGO_PKG_VERSION")),
        measured_at: task.measured_at.clone(),
        host: task.host.clone(),
        target: TargetFacts {
            name: task.name.clone(),
            version: task.version.clone(),
            config_hash: facts::hash(&[
                command.as_deref().unwrap_or_default(),
                &task.trigger.describe(),
                &format!("{:?}", task.settings),
            ]),
            command,
            trigger: task.trigger.describe(),
        },
        settings: task.settings.clone(),
        calibration: measured.calibration,
        restarts: measured.restarts,
        failure: measured.failure,
        observer,
    };
    Ok(Run { record, tail: measured.tail.lines() })
}

#[derive(Default)]
struct Measured {
    calibration: Option<crate::record::Observation>,
    restarts: Vec<Restart>,
    failure: Option<Failure>,
    tail: Tail,
}

fn measure(
    task: &Task,
    on_step: &mut dyn FnMut(Step),
    is_interrupted: &dyn Fn() -> bool,
) -> Result<Measured, RunError> {
    let events = mpsc::channel();
    let tail = Tail::default();
    let (server, main) = match &task.server {
        ServerKind::Started(orders) => {
            let (server, output) = Server::start(orders)?;
            let told = events.0.clone();
            output::read(output, &task.log, &tail, move |line| {
                // Who does not listen any more is about to end the server.
                told.send(Event::Line(line)).ok();
            })?;
            let main = server.main();
            (Some(server), MainProcess::Started(main))
        }
        ServerKind::Running(main) => {
            main.find().ok_or(RunError::NoProcess)?;
            (None, main.clone())
        }
    };
    let gatherer = Gatherer::start(&task.endpoints, &task.settings, main.clone(), events)?;
    let mut measuring =
        Measuring { task, server, main, gatherer, triggered_us: None, is_interrupted };
    let measured = measuring.all(on_step);
    on_step(Step::Stop);
    let Measuring { server, gatherer, .. } = measuring;
    let stopped = gatherer.stop();
    if let Some(server) = server {
        server.stop()?;
    }
    stopped?;
    Ok(Measured { tail, ..measured? })
}

struct Measuring<'t> {
    task: &'t Task,
    server: Option<Server>,
    main: MainProcess,
    gatherer: Gatherer,
    /// When it was told to restart the last time.
    triggered_us: Option<Micros>,
    is_interrupted: &'t dyn Fn() -> bool,
}

impl Measuring<'_> {
    fn all(&mut self, on_step: &mut dyn FnMut(Step)) -> Result<Measured, RunError> {
        let mut measured = Measured::default();
        if let Some(failure) = self.start()? {
            return Ok(Measured { failure: Some(failure), ..measured });
        }
        on_step(Step::Calibrate);
        self.gatherer.take();
        self.pass(self.task.calibrate)?;
        measured.calibration = Some(self.gatherer.take());
        let of = self.task.warmup_restarts + self.task.restarts;
        for nth in 1..=of {
            on_step(Step::Restart { nth, of });
            let restart = self.restart(nth)?;
            let is_broken = restart.failure.is_some();
            measured.restarts.push(restart);
            if is_broken {
                break;
            }
        }
        Ok(measured)
    }

    /// Waits until the server is ready for the first time.
    fn start(&mut self) -> Result<Option<Failure>, RunError> {
        let deadline = now().plus(self.task.start_timeout.into());
        let stable_for = self.task.settings.stable_for_us;
        let mut outcome = None;
        self.wait(|seen| {
            let is_stable =
                seen.gatherer.ok_since_us().is_some_and(|since| stable_for <= now().since(since));
            if is_stable {
                outcome = seen.is_somebody_else().then_some(Failure::PortTaken);
            } else if seen.has_ended() {
                outcome = Some(Failure::Exited);
            } else if deadline <= now() {
                outcome = Some(Failure::StartTimeout);
            }
            is_stable || outcome.is_some()
        })?;
        Ok(outcome)
    }

    fn restart(&mut self, nth: u32) -> Result<Restart, RunError> {
        let spaced = self.triggered_us.map(|last| last.plus(self.task.spacing.into()));
        self.wait(|_| spaced.is_none_or(|until| until <= now()))?;
        self.gatherer.take();
        self.pass(self.task.margin)?;
        let mut restart = Restart {
            index: nth,
            is_warmup: nth <= self.task.warmup_restarts,
            trigger_us: now(),
            ..Restart::default()
        };
        self.triggered_us = Some(restart.trigger_us);
        if let Err(error) = self.trigger() {
            restart.failure = Some(Failure::TriggerFailed);
            restart.detail = Some(error.to_string());
            restart.observation = self.gatherer.take();
            return Ok(restart);
        }
        restart.failure = self.until_stable(restart.trigger_us)?;
        self.pass(self.task.margin)?;
        restart.observation = self.gatherer.take();
        Ok(restart)
    }

    fn until_stable(&mut self, trigger_us: Micros) -> Result<Option<Failure>, RunError> {
        let deadline = trigger_us.plus(self.task.restart_timeout.into());
        let stable_for = self.task.settings.stable_for_us;
        let mut proven: Option<Micros> = None;
        let mut failure = None;
        self.wait(|seen| {
            if proven.is_none() {
                let found = evidence(seen.gatherer.seen(), trigger_us);
                proven = found.first().map(|evidence| evidence.at_us);
            }
            let stable_since = proven.zip(seen.gatherer.ok_since_us());
            let is_stable =
                stable_since.is_some_and(|(proven, ok)| stable_for <= now().since(proven.max(ok)));
            if is_stable {
                return true;
            }
            if seen.has_ended() {
                failure = Some(Failure::Exited);
            } else if deadline <= now() {
                // It is of use all the time, and nothing else has happened: that is told by the
                // evidence that is missing.
                let is_well = seen.gatherer.ok_since_us().is_some();
                failure = (proven.is_some() || !is_well).then_some(Failure::ReadyTimeout);
                return true;
            }
            failure.is_some()
        })?;
        Ok(failure)
    }

    fn trigger(&self) -> io::Result<()> {
        match &self.task.trigger {
            Trigger::Signal(signal) => {
                let main = self.main.find().ok_or(io::ErrorKind::NotFound)?;
                send_handled(main, *signal).map_err(io::Error::other)
            }
            Trigger::Intent { file, signal } => {
                let main = self.main.find().ok_or(io::ErrorKind::NotFound)?;
                announce(file, main.pid)?;
                send_handled(main, *signal).map_err(io::Error::other)
            }
            Trigger::Command(command) => {
                let (program, arguments) =
                    command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
                let mut command = Command::new(program);
                // Standard output is for results.
                command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
                let status = command.status()?;
                if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
            }
        }
    }

    fn pass(&mut self, span: Duration) -> Result<(), RunError> {
        let until = now().plus(span.into());
        self.wait(|_| until <= now())
    }

    fn wait(&mut self, mut is_enough: impl FnMut(&View<'_>) -> bool) -> Result<(), RunError> {
        let Self { server, main, gatherer, is_interrupted, .. } = self;
        let port = self.task.endpoints.main().map_or(0, |target| target.address.port());
        let mut interrupted = false;
        gatherer.until(|gatherer| {
            interrupted = is_interrupted();
            interrupted || is_enough(&View { server: server.as_ref(), main, port, gatherer })
        });
        if interrupted { Err(RunError::Interrupted) } else { Ok(()) }
    }
}

/// What can be seen while it is gathered.
struct View<'v> {
    server: Option<&'v Server>,
    main: &'v MainProcess,
    port: u16,
    gatherer: &'v Gatherer,
}

impl View<'_> {
    /// Whether the main process has ended, and no other one can take its place.
    fn has_ended(&self) -> bool {
        self.server.is_some_and(|server| server.ended().is_some())
            || (!self.main.can_change() && self.main.find().is_none())
    }

    /// Whether who listens on the port is not the server that was started.
    fn is_somebody_else(&self) -> bool {
        self.server.is_some_and(|server| {
            let listeners = proc::listeners(self.port);
            proc::owners(&proc::tree(server.guard_pid()), &listeners).is_empty()
        })
    }
}
