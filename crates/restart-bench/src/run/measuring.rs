//! From the first answer of a server to the last restart.

use std::{
    io,
    process::{Command, Stdio},
    time::Duration,
};

use super::{RunError, Step, Task, Trigger};
use crate::{
    MainProcess, Micros, Server,
    clock::now,
    evidence,
    gather::Gatherer,
    intent::announce,
    output::Tail,
    proc,
    record::{Failure, Observation, Restart},
    signal::send_handled,
};

/// What came of it.
#[derive(Default)]
pub(super) struct Measured {
    pub(super) calibration: Option<Observation>,
    pub(super) restarts: Vec<Restart>,
    pub(super) failure: Option<Failure>,
    pub(super) tail: Tail,
}

/// A measurement of a server that was started or runs already.
pub(super) struct Measuring<'t> {
    pub(super) task: &'t Task,
    pub(super) server: Option<Server>,
    pub(super) main: MainProcess,
    pub(super) gatherer: Gatherer,
    /// When it was told to restart the last time.
    pub(super) triggered_us: Option<Micros>,
    pub(super) is_interrupted: &'t dyn Fn() -> bool,
}

impl Measuring<'_> {
    pub(super) fn all(&mut self, on_step: &mut dyn FnMut(Step)) -> Result<Measured, RunError> {
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
        match self.server {
            // Its guard tells.
            Some(server) => server.ended().is_some(),
            None => !self.main.can_change() && self.main.find().is_none(),
        }
    }

    /// Whether who listens on the port is not the server that was started.
    fn is_somebody_else(&self) -> bool {
        self.server.is_some_and(|server| {
            let listeners = proc::listeners(self.port);
            proc::owners(&proc::tree(server.guard_pid()), &listeners).is_empty()
        })
    }
}
