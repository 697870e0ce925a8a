//! One request of one client, without ever waiting for it.

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
};

use rustix::event::{PollFd, PollFlags};

use crate::http::{self, Status};

/// How long a client may take to send its request, and then again to fetch the answer.
const PATIENCE_US: u64 = 1_000_000;

/// How often one client is read from before the others have their turn.
const READS_PER_TURN: usize = 16;

pub(crate) struct Connection {
    stream: TcpStream,
    state: State,
    until_us: u64,
}

enum State {
    Receiving(Vec<u8>),
    Sending {
        answer: String,
        sent: usize,
    },
    /// The answer is out. Closing now would reset the connection if there is still something to
    /// read, and the client might lose the answer.
    Leaving,
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    Open,
    Over,
}

impl Connection {
    /// Takes over a stream that never blocks.
    pub(crate) fn new(stream: TcpStream, now_us: u64) -> Self {
        let until_us = now_us.saturating_add(PATIENCE_US);
        Self { stream, state: State::Receiving(Vec::new()), until_us }
    }

    /// When there is no more patience with it.
    pub(crate) fn until_us(&self) -> u64 {
        self.until_us
    }

    /// What it waits for.
    pub(crate) fn poll_fd(&self) -> PollFd<'_> {
        let flags = match self.state {
            State::Receiving(_) | State::Leaving => PollFlags::IN,
            State::Sending { .. } => PollFlags::OUT,
        };
        PollFd::new(&self.stream, flags)
    }

    /// Goes on as far as that is possible without waiting.
    pub(crate) fn advance(&mut self, status: Status, now_us: u64) -> Progress {
        for _ in 0..READS_PER_TURN {
            match self.step(status, now_us) {
                Ok(Progress::Open) => {}
                Ok(Progress::Over) => return Progress::Over,
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Progress::Open,
                    ErrorKind::Interrupted => {}
                    _ => return Progress::Over,
                },
            }
        }
        Progress::Open
    }

    fn step(&mut self, status: Status, now_us: u64) -> std::io::Result<Progress> {
        let mut chunk = [0; 2_048];
        match &mut self.state {
            State::Receiving(received) => {
                let count = self.stream.read(&mut chunk)?;
                if count == 0 {
                    return Ok(Progress::Over);
                }
                received.extend(chunk.iter().take(count));
                if let Some(answer) = http::answer(received, status, now_us) {
                    self.state = State::Sending { answer, sent: 0 };
                    self.until_us = now_us.saturating_add(PATIENCE_US);
                }
            }
            State::Sending { answer, sent } => {
                let rest = answer.as_bytes().get(*sent..).unwrap_or_default();
                *sent += self.stream.write(rest)?;
                if answer.len() <= *sent {
                    self.stream.shutdown(Shutdown::Write)?;
                    self.state = State::Leaving;
                }
            }
            State::Leaving => {
                if self.stream.read(&mut chunk)? == 0 {
                    return Ok(Progress::Over);
                }
            }
        }
        Ok(Progress::Open)
    }
}
