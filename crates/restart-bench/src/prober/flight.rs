//! One probe on its way.

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    os::fd::AsFd as _,
    sync::Arc,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags},
    io::Errno,
    net::{
        AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt::set_socket_linger,
    },
};

use super::ProbeTarget;
use crate::{Micros, Odd, Outcome, Probe, clock::now, http::Answer};

pub(super) struct Flight {
    /// The number of its target.
    pub(super) target: usize,
    pub(super) deadline_us: Micros,
    intended_us: Micros,
    started_us: Micros,
    socket: TcpStream,
    stage: Stage,
}

enum Stage {
    /// So much of the request is sent; it may not even be connected yet.
    Sending {
        request: Arc<[u8]>,
        sent: usize,
    },
    Reading(Answer),
}

impl Flight {
    /// Connects and asks, as far as that goes without waiting; the probe, if it has ended already.
    pub(super) fn begin(
        target: usize,
        to: &ProbeTarget,
        request: Arc<[u8]>,
        intended_us: Micros,
        timeout_us: Micros,
    ) -> Result<Self, Probe> {
        let socket = open(to.address);
        // Not before: this thread may have had to wait for a processor in between, and what is not
        // sent yet has not begun.
        let started_us = now();
        let ended = |outcome| {
            let finished_us = now();
            Probe { intended_us, started_us, finished_us, outcome, uptime_ms: None }
        };
        let socket = socket.map_err(|errno| ended(outcome(errno)))?;
        let mut flight = Self {
            target,
            deadline_us: started_us.plus(timeout_us),
            intended_us,
            started_us,
            socket,
            stage: Stage::Sending { request, sent: 0 },
        };
        // On the same machine, a connection is there at once.
        flight.go_on(to).map_or(Ok(flight), Err)
    }

    /// What has to happen before it can go on.
    pub(super) fn waits_for(&self) -> PollFd<'_> {
        let flags = match self.stage {
            Stage::Sending { .. } => PollFlags::OUT,
            Stage::Reading(_) => PollFlags::IN,
        };
        PollFd::from_borrowed_fd(self.socket.as_fd(), flags)
    }

    /// Goes on as far as it can, and says how it ended, if it did.
    pub(super) fn go_on(&mut self, to: &ProbeTarget) -> Option<Probe> {
        let outcome = match self.step(to) {
            Ok(Some(outcome)) => outcome,
            Ok(None) if self.deadline_us <= now() => Outcome::Timeout,
            Ok(None) => return None,
            Err(error) => match error.raw_os_error() {
                Some(code) => outcome(Errno::from_raw_os_error(code)),
                None => Outcome::Other(Odd::Local),
            },
        };
        Some(Probe {
            intended_us: self.intended_us,
            started_us: self.started_us,
            finished_us: now(),
            outcome,
            uptime_ms: self.uptime_ms(to),
        })
    }

    fn step(&mut self, to: &ProbeTarget) -> io::Result<Option<Outcome>> {
        let mut buffer = [0; 16 * 1024];
        loop {
            match &mut self.stage {
                Stage::Sending { request, sent } => {
                    match self.socket.write(request.get(*sent..).unwrap_or_default()) {
                        Ok(more) => *sent += more,
                        Err(error) => return waits(error),
                    }
                    if *sent == request.len() {
                        self.stage = Stage::Reading(Answer::default());
                        // No answer can be there yet.
                        return Ok(None);
                    }
                }
                Stage::Reading(answer) => match self.socket.read(&mut buffer) {
                    Ok(0) => return Ok(Some(answer.end(to.expected_status))),
                    Ok(read) => {
                        let bytes = buffer.get(..read).unwrap_or_default();
                        if let Some(outcome) = answer.feed(bytes, to.expected_status) {
                            return Ok(Some(outcome));
                        }
                    }
                    Err(error) => return waits(error),
                },
            }
        }
    }

    fn uptime_ms(&self, to: &ProbeTarget) -> Option<u64> {
        let Stage::Reading(answer) = &self.stage else { return None };
        let body: serde_json::Value = serde_json::from_slice(answer.body()?).ok()?;
        let uptime = body.get(to.uptime_key.as_deref()?)?.as_f64()?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a time that is out of range is clamped"
        )]
        Some(uptime as u64)
    }
}

/// It can go on later, if that is all that is the matter.
fn waits(error: io::Error) -> io::Result<Option<Outcome>> {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::NotConnected => {
            Ok(None)
        }
        _ => Err(error),
    }
}

fn open(address: SocketAddr) -> rustix::io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // Thousands of connections that the server closed would keep their ports for a minute, and a probe
    // that gets such a port again is answered only after 10 ms. A reset lets go of them at once.
    set_socket_linger(&socket, Some(Duration::ZERO))?;
    match connect(&socket, &address) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from(socket)),
        Err(errno) => Err(errno),
    }
}

fn outcome(errno: Errno) -> Outcome {
    match errno {
        Errno::CONNREFUSED => Outcome::Refused,
        Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE => Outcome::Reset,
        Errno::TIMEDOUT => Outcome::Timeout,
        _ => Outcome::Other(Odd::Local),
    }
}
