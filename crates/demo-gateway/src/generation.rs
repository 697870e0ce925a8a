//! A process that serves for a supervisor, which tells it what to do.

use std::net::TcpListener;

use crate::{
    control::{Control, Heard, Kind, Message},
    error::Error,
    host::now_us,
    http::Readiness,
    log::Log,
    memory::Leak,
    server::Server,
    settings::Settings,
    signals::Signals,
    socket,
    trace::{Trace, listening},
};

/// Serves as process `number`, until it is told to retire or the supervisor is gone.
pub(crate) fn run(settings: &Settings, number: u32, log: &Log) -> Result<u8, Error> {
    let trace = Trace::startup(now_us());
    // Those for restarts too: whoever signals the whole group must not end this process.
    let signals = Signals::listen(settings)?;
    let mut generation = Generation {
        settings,
        number,
        log,
        trace,
        control: Control::of_stdin()?,
        server: Server::new(),
        listener: None,
        is_retired: false,
        leak: Leak::default(),
    };
    generation.serve(&signals)?;
    Ok(0)
}

struct Generation<'run> {
    settings: &'run Settings,
    number: u32,
    log: &'run Log,
    trace: Trace,
    control: Control,
    server: Server,
    /// What is open, and not accepted from yet.
    listener: Option<TcpListener>,
    is_retired: bool,
    leak: Leak,
}

impl Generation<'_> {
    fn serve(&mut self, signals: &Signals) -> Result<(), Error> {
        while !(self.is_retired && self.server.is_idle()) {
            self.server.turn(&[self.control.fd(), signals.end()], None)?;
            match self.control.hear()? {
                Heard::Message(message) => self.obey(message)?,
                Heard::Nothing => {}
                Heard::HungUp => return Ok(()),
            }
            if signals.end_asked() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn obey(&mut self, message: Message) -> Result<(), Error> {
        match message.kind {
            Kind::Listen => {
                self.lose_memory()?;
                self.listener = Some(match message.socket {
                    Some(socket) => TcpListener::from(socket),
                    None => socket::listen(self.settings.port)?,
                });
                self.answer(Kind::Listening, now_us())?;
                self.log.line(&self.trace.phase("http.bound", now_us()));
                self.log.line(&listening(self.settings.port));
            }
            Kind::Go => {
                if let Some(listener) = self.listener.take() {
                    self.server.listen(listener);
                }
                self.server.begin(now_us());
                self.answer(Kind::Accepting, now_us())?;
                self.log.line(&self.trace.phase("ready", now_us()));
                self.log.line("ready");
                if self.number == 1 {
                    self.log.flood(self.settings.flood);
                }
            }
            Kind::Drain => {
                let from_us = now_us();
                self.server.status.readiness = Readiness::Draining;
                self.answer(Kind::Draining, from_us)?;
            }
            Kind::Retire => {
                let from_us = now_us();
                self.server.close();
                self.is_retired = true;
                self.answer(Kind::Closed, from_us)?;
            }
            Kind::Listening | Kind::Accepting | Kind::Draining | Kind::Closed => {}
        }
        Ok(())
    }

    /// As much as all restarts until now leave behind, as this process begins with nothing.
    fn lose_memory(&mut self) -> Result<(), Error> {
        let restarts = usize::try_from(self.number.saturating_sub(1)).unwrap_or(usize::MAX);
        self.leak.grow(self.settings.leak_bytes.saturating_mul(restarts))
    }

    fn answer(&self, kind: Kind, at_us: u64) -> Result<(), Error> {
        self.control.say(kind, at_us, None)
    }
}
