//! One process that closes its listener and listens again.

use std::{convert::Infallible, process, time::Duration};

use crate::{
    error::{Error, Stop},
    grandchild,
    host::{micros, now_us},
    http::Readiness,
    log::Log,
    memory::{self, Leak},
    plan::{self, Step},
    recorder::Recorder,
    server::Server,
    settings::Settings,
    signals::Signals,
    socket::{self, Port},
    trace::{Trace, listening},
    truth::What,
};

pub(crate) fn run(settings: &Settings, log: &Log) -> Result<u8, Error> {
    let mut gateway = InPlace::new(settings, log)?;
    let Err(stop) = gateway.serve();
    gateway.end()?;
    stop.status()
}

struct InPlace<'run> {
    settings: &'run Settings,
    log: &'run Log,
    signals: Signals,
    recorder: Recorder,
    server: Server,
    port: Port,
    leak: Leak,
    restarts: u32,
    /// Since when the listener has been open.
    open_from_us: u64,
    /// Since when `/readyz` has said 503.
    unready_from_us: Option<u64>,
}

impl<'run> InPlace<'run> {
    fn new(settings: &'run Settings, log: &'run Log) -> Result<Self, Error> {
        Ok(Self {
            settings,
            log,
            signals: Signals::listen(settings)?,
            recorder: Recorder::open(settings)?,
            server: Server::new(),
            port: Port::take(settings.port, settings.port_file.as_deref())?,
            leak: Leak::default(),
            restarts: 0,
            open_from_us: 0,
            unready_from_us: None,
        })
    }

    /// Until there is a reason to stop.
    fn serve(&mut self) -> Result<Infallible, Stop> {
        self.start()?;
        loop {
            self.turn(None)?;
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
        self.serve_for(self.settings.late_start)?;
        self.open()?;
        self.server.begin(now_us());
        self.log.line(&trace.phase("http.bound", now_us()));
        self.log.line(&listening(self.port.number()));
        self.log.line(&trace.phase("ready", now_us()));
        self.log.line("ready");
        self.log.flood(self.settings.flood);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Stop> {
        self.restarts = self.restarts.saturating_add(1);
        let mut trace = Trace::restart(now_us());
        self.log.line(&trace.received(self.settings.restart_signal));
        for step in plan::restart(self.settings, self.restarts) {
            self.perform(step, &mut trace)?;
        }
        Ok(())
    }

    fn perform(&mut self, step: Step, trace: &mut Trace) -> Result<(), Stop> {
        match step {
            Step::Exit(status) => return Err(Stop::Exit(status)),
            Step::Stall(span) => self.stall(span, now_us())?,
            Step::Drain(span) => self.drain(span, trace)?,
            Step::Close(span) => self.close(span, trace)?,
            Step::Block(span) => self.stall(span, self.open_from_us)?,
            Step::Ready => {
                self.server.begin(now_us());
                let metrics = memory::metrics(process::id(), self.leak.bytes());
                let phase = trace.phase("restart.ready", now_us());
                self.log.line(&format!("{phase} {metrics}"));
                self.log.line("ready");
            }
            Step::Fail => {
                self.server.status.readiness = Readiness::Starting;
                self.unready_from_us = Some(now_us());
                self.log.line("startup failed: this generation does not get ready");
            }
            Step::Serve(span) => self.serve_for(span)?,
            Step::Flap(span) => self.flap(span)?,
        }
        Ok(())
    }

    fn drain(&mut self, span: Duration, trace: &mut Trace) -> Result<(), Stop> {
        if !span.is_zero() {
            self.unready_from_us.get_or_insert(now_us());
            self.server.status.readiness = Readiness::Draining;
            self.serve_for(span)?;
        }
        let phase = trace.phase("restart.drain", now_us());
        self.log.line(&format!("{phase} activeTasks=0.0 timedOut=false"));
        Ok(())
    }

    /// Nobody listens for so long, and memory is lost.
    fn close(&mut self, span: Duration, trace: &mut Trace) -> Result<(), Stop> {
        let from_us = self.shut()?;
        self.log.line(&trace.phase("restart.close.total", now_us()));
        self.leak.grow(self.settings.leak_bytes)?;
        self.serve_for(span)?;
        let until_us = self.open()?;
        self.record(What::Closed, from_us, until_us)?;
        self.log.line(&trace.phase("restart.next-start", until_us));
        self.log.line(&listening(self.port.number()));
        Ok(())
    }

    /// Nobody listens for so long, and nothing else changes.
    fn flap(&mut self, span: Duration) -> Result<(), Stop> {
        let from_us = self.shut()?;
        self.serve_for(span)?;
        let until_us = self.open()?;
        self.record(What::Closed, from_us, until_us)?;
        Ok(())
    }

    /// Closes the listener, and drops all clients; says when it was still open.
    fn shut(&mut self) -> Result<u64, Error> {
        let from_us = now_us();
        self.server.close();
        self.server.drop_connections();
        if let Some(unready_from_us) = self.unready_from_us.take() {
            self.record(What::Draining, unready_from_us, from_us)?;
        }
        Ok(from_us)
    }

    /// Listens again; says since when.
    fn open(&mut self) -> Result<u64, Error> {
        let listener = socket::listen(self.port.number())?;
        self.open_from_us = now_us();
        self.server.listen(listener);
        Ok(self.open_from_us)
    }

    /// Nobody accepts or answers for so long, as nobody has since `from_us`.
    fn stall(&mut self, span: Duration, from_us: u64) -> Result<(), Stop> {
        if span.is_zero() {
            return Ok(());
        }
        self.server.is_stalled = true;
        self.serve_for(span)?;
        self.server.is_stalled = false;
        self.record(What::Blocked, from_us, now_us())?;
        Ok(())
    }

    fn serve_for(&mut self, span: Duration) -> Result<(), Stop> {
        let until_us = now_us().saturating_add(micros(span));
        while now_us() < until_us {
            self.turn(Some(until_us))?;
        }
        Ok(())
    }

    fn turn(&mut self, until_us: Option<u64>) -> Result<(), Stop> {
        // A restart that is asked for during a restart has its turn after it.
        let is_between = until_us.is_none();
        let (end, restart) = (self.signals.end(), self.signals.restart());
        let others = if is_between { &[end, restart][..] } else { &[end] };
        self.server.turn(others, until_us)?;
        if self.signals.end_asked() { Err(Stop::Exit(0)) } else { Ok(()) }
    }

    fn record(&mut self, what: What, from_us: u64, until_us: u64) -> Result<(), Error> {
        self.recorder.record(self.restarts, what, from_us, until_us)
    }

    fn end(&mut self) -> Result<(), Error> {
        match self.unready_from_us.take() {
            Some(from_us) => self.record(What::Draining, from_us, now_us()),
            None => Ok(()),
        }
    }
}
