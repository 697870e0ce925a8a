//! The process that was started, where others serve: it starts them, tells them what to do and
//! writes down the truth of all of them.

use std::{
    convert::Infallible,
    mem,
    os::fd::{AsFd as _, OwnedFd},
    time::Duration,
};

use rustix::event::{PollFd, PollFlags};

use crate::{
    control::{Heard, Kind},
    error::{Error, Stop},
    grandchild,
    host::{self, micros, now_us},
    log::Log,
    memory,
    recorder::Recorder,
    settings::{Mode, Reaction, Settings},
    signals::Signals,
    socket::Port,
    trace::Trace,
    truth::What,
    worker::Worker,
};

/// How long a process may take to do what it is told, which includes to start.
const ANSWER_US: u64 = 30_000_000;

/// How long the end of everything may take before it is forced.
const END_US: u64 = 25_000;

/// If all processes are told to end, one of them may be gone before this one is told.
const GRACE_US: u64 = 200_000;

pub(crate) fn run(settings: &Settings, log: &Log) -> Result<u8, Error> {
    let mut supervisor = Supervisor::new(settings, log)?;
    let Err(stop) = supervisor.serve();
    supervisor.end()?;
    stop.status()
}

struct Supervisor<'run> {
    settings: &'run Settings,
    log: &'run Log,
    signals: Signals,
    recorder: Recorder,
    socket: Socket,
    port: u16,
    serving: Option<Worker>,
    /// They answer who is there, and end.
    retired: Vec<Worker>,
    /// It was started in vain.
    hung: Option<Worker>,
    restarts: u32,
    /// Since when `/readyz` has said 503.
    unready_from_us: Option<u64>,
    /// Since when nobody has listened.
    closed_from_us: Option<u64>,
}

/// What this process has of the port.
enum Socket {
    /// It only keeps others from taking it.
    Held(#[expect(dead_code, reason = "held until it is dropped")] Port),
    /// The listener, which it passes on.
    Listener(OwnedFd),
}

impl<'run> Supervisor<'run> {
    fn new(settings: &'run Settings, log: &'run Log) -> Result<Self, Error> {
        let signals = Signals::listen(settings)?;
        let recorder = Recorder::open(settings)?;
        let port = Port::take(settings.port, settings.port_file.as_deref())?;
        let number = port.number();
        let socket = match settings.mode {
            // Whoever listens now makes clients wait for a late start rather than refusing them.
            Mode::PassSocket => Socket::Listener(port.listen()?),
            Mode::ReusePort | Mode::InPlace => Socket::Held(port),
        };
        Ok(Self {
            settings,
            log,
            signals,
            recorder,
            socket,
            port: number,
            serving: None,
            retired: Vec::new(),
            hung: None,
            restarts: 0,
            unready_from_us: None,
            closed_from_us: None,
        })
    }

    /// Until there is a reason to stop.
    fn serve(&mut self) -> Result<Infallible, Stop> {
        self.start()?;
        loop {
            self.wait()?;
            if self.signals.restart_asked() {
                self.restart()?;
            }
        }
    }

    fn start(&mut self) -> Result<(), Stop> {
        let mut trace = Trace::startup(now_us());
        self.log.line(&trace.phase("entry.bootstrap", now_us()));
        if self.settings.grandchild {
            let pid = grandchild::start(&self.settings.again)?;
            self.log.line(&format!("grandchild {pid}"));
        }
        self.pause(self.settings.late_start)?;
        let first = self.worker()?;
        self.ask_to_listen(&first)?;
        first.ask(Kind::Go, None)?;
        self.hear(&first, Kind::Accepting)?;
        self.serving = Some(first);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Stop> {
        self.restarts = self.restarts.saturating_add(1);
        let mut trace = Trace::restart(now_us());
        self.log.line(&trace.received(self.settings.restart_signal));
        if let Reaction::Exit(status) = self.settings.reaction {
            return Err(Stop::Exit(status));
        }
        self.hung = None;
        self.drain(&mut trace)?;
        if !self.settings.close.is_zero() {
            if let Some(from_us) = self.retire(&mut trace)? {
                self.closed_from_us = Some(from_us);
            }
            self.pause(self.settings.close)?;
        }
        let worker = self.worker()?;
        if self.settings.fails(self.restarts) {
            self.log.line("startup failed: this generation does not get ready");
            self.hung = Some(worker);
            return Ok(());
        }
        self.hand_over(worker, &mut trace)
    }

    fn drain(&mut self, trace: &mut Trace) -> Result<(), Stop> {
        let span = self.settings.drain;
        if let Some(serving) = self.serving.as_ref().filter(|_| !span.is_zero()) {
            serving.ask(Kind::Drain, None)?;
            let from_us = self.hear(serving, Kind::Draining)?;
            self.unready_from_us.get_or_insert(from_us);
            self.pause(span)?;
        }
        let phase = trace.phase("restart.drain", now_us());
        self.log.line(&format!("{phase} activeTasks=0.0 timedOut=false"));
        Ok(())
    }

    /// Lets the new process serve, and the old one end.
    fn hand_over(&mut self, worker: Worker, trace: &mut Trace) -> Result<(), Stop> {
        self.ask_to_listen(&worker)?;
        let block = self.settings.block;
        if block.is_zero() {
            // Said in advance, so that no client has to wait for a word from here.
            worker.ask(Kind::Go, None)?;
        }
        let listening_us = self.hear(&worker, Kind::Listening)?;
        if let Some(from_us) = self.closed_from_us.take() {
            self.record(What::Closed, from_us, listening_us)?;
        }
        self.log.line(&trace.phase("restart.next-start", listening_us));
        if block.is_zero() {
            self.hear(&worker, Kind::Accepting)?;
        } else {
            let closed_us = self.retire(trace)?.unwrap_or_default();
            self.pause(block)?;
            worker.ask(Kind::Go, None)?;
            let accepting_us = self.hear(&worker, Kind::Accepting)?;
            self.record(What::Blocked, closed_us.max(listening_us), accepting_us)?;
        }
        let leaked = (self.settings.leak_bytes as u64).saturating_mul(u64::from(self.restarts));
        let metrics = memory::metrics(worker.pid(), leaked);
        self.log.line(&format!("{} {metrics}", trace.phase("restart.ready", now_us())));
        self.retire(trace)?;
        self.serving = Some(worker);
        Ok(())
    }

    /// Lets the process that serves accept no more, and says since when, if there is one.
    fn retire(&mut self, trace: &mut Trace) -> Result<Option<u64>, Stop> {
        let Some(serving) = self.serving.take() else { return Ok(None) };
        serving.ask(Kind::Retire, None)?;
        let closed_us = self.hear(&serving, Kind::Closed)?;
        self.retired.push(serving);
        if let Some(from_us) = self.unready_from_us.take() {
            self.record(What::Draining, from_us, closed_us)?;
        }
        self.log.line(&trace.phase("restart.close.total", now_us()));
        Ok(Some(closed_us))
    }

    fn worker(&self) -> Result<Worker, Error> {
        Worker::start(&self.settings.again, self.restarts.saturating_add(1), self.port)
    }

    fn ask_to_listen(&self, worker: &Worker) -> Result<(), Error> {
        match &self.socket {
            Socket::Held(_) => worker.ask(Kind::Listen, None),
            Socket::Listener(listener) => worker.ask(Kind::Listen, Some(listener.as_fd())),
        }
    }

    /// Waits until the process says that, and when it was.
    fn hear(&self, worker: &Worker, kind: Kind) -> Result<u64, Stop> {
        let until_us = now_us().saturating_add(ANSWER_US);
        loop {
            match worker.control.hear()? {
                Heard::Message(message) if message.kind == kind => return Ok(message.at_us),
                Heard::Message(_) => continue,
                Heard::HungUp => return Err(self.lost(worker)),
                Heard::Nothing => {}
            }
            if until_us <= now_us() {
                return Err(worker.error("does not answer").into());
            }
            let fds = [worker.control.fd(), self.signals.end()];
            host::wait(
                &mut fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)),
                Some(until_us),
            )?;
            self.check_end()?;
        }
    }

    /// Waits for so long.
    fn pause(&self, span: Duration) -> Result<(), Stop> {
        let until_us = now_us().saturating_add(micros(span));
        while now_us() < until_us {
            let end = PollFd::from_borrowed_fd(self.signals.end(), PollFlags::IN);
            host::wait(&mut [end], Some(until_us))?;
            self.check_end()?;
        }
        Ok(())
    }

    /// Waits until something happens, and looks after the processes.
    fn wait(&mut self) -> Result<(), Stop> {
        let workers = self.retired.iter().chain(&self.serving);
        let fds = workers.map(|worker| worker.control.fd());
        let fds = fds.chain([self.signals.end(), self.signals.restart()]);
        let mut fds: Vec<_> = fds.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)).collect();
        host::wait(&mut fds, None)?;
        self.check_end()?;
        for worker in mem::take(&mut self.retired) {
            if !worker.has_ended()? {
                self.retired.push(worker);
            }
        }
        match &self.serving {
            Some(serving) if serving.has_ended()? => Err(self.lost(serving)),
            _ => Ok(()),
        }
    }

    fn check_end(&self) -> Result<(), Stop> {
        if self.signals.end_asked() { Err(Stop::Exit(0)) } else { Ok(()) }
    }

    /// What it means that a process is gone which should not be.
    fn lost(&self, worker: &Worker) -> Stop {
        let end = PollFd::from_borrowed_fd(self.signals.end(), PollFlags::IN);
        if let Err(error) = host::wait(&mut [end], Some(now_us().saturating_add(GRACE_US))) {
            return error.into();
        }
        match self.check_end() {
            Err(stop) => stop,
            Ok(()) => worker.error("ended unexpectedly").into(),
        }
    }

    fn record(&mut self, what: What, from_us: u64, until_us: u64) -> Result<(), Error> {
        self.recorder.record(self.restarts, what, from_us, until_us)
    }

    /// Ends all processes, in time.
    fn end(&mut self) -> Result<(), Error> {
        if let Some(from_us) = self.unready_from_us.take() {
            self.record(What::Draining, from_us, now_us())?;
        }
        let workers = self.retired.drain(..).chain(self.serving.take()).chain(self.hung.take());
        let workers: Vec<_> = workers.inspect(|worker| worker.control.hang_up()).collect();
        let until_us = now_us().saturating_add(END_US);
        for worker in workers {
            while now_us() < until_us && !worker.has_ended()? {
                let fd = PollFd::from_borrowed_fd(worker.control.fd(), PollFlags::IN);
                host::wait(&mut [fd], Some(until_us))?;
            }
        }
        Ok(())
    }
}
