//! Everything that waits, in one loop on one thread: the listener, the clients, and what the
//! caller waits for besides.
//!
//! One thread, so that what is written down as the truth is exact: between two turns nothing
//! accepts and nothing answers.

use std::{io::ErrorKind, net::TcpListener, os::fd::BorrowedFd};

use rustix::event::{PollFd, PollFlags};

use crate::{
    connection::{Connection, Progress},
    error::{Error, cannot},
    host,
    http::{Readiness, Status},
};

/// So many clients at once, of which the oldest makes place for a new one.
const CONNECTIONS_MAX: usize = 512;

/// How many clients are accepted before the others have their turn.
const ACCEPTS_PER_TURN: usize = 128;

/// How long to wait where the system has no more descriptors, rather than to ask all the time.
const EXHAUSTED_PAUSE_US: u64 = 10_000;

pub(crate) struct Server {
    listener: Option<TcpListener>,
    /// In the order in which they were accepted.
    connections: Vec<Connection>,
    /// Whether it does nothing at all, as if its thread were busy with something else.
    pub(crate) is_stalled: bool,
    pub(crate) status: Status,
}

impl Server {
    /// Without a listener, and not ready.
    pub(crate) fn new() -> Self {
        let status = Status { readiness: Readiness::Starting, began_us: host::now_us() };
        Self { listener: None, connections: Vec::new(), is_stalled: false, status }
    }

    /// Accepts from now on. The listener must not block.
    pub(crate) fn listen(&mut self, listener: TcpListener) {
        self.listener = Some(listener);
    }

    /// Closes the listener, whose queue is reset unless another process has it too.
    pub(crate) fn close(&mut self) {
        self.listener = None;
    }

    /// Drops all clients.
    pub(crate) fn drop_connections(&mut self) {
        self.connections.clear();
    }

    /// Whether nobody is served.
    pub(crate) fn is_idle(&self) -> bool {
        self.connections.is_empty()
    }

    /// A new generation begins, and is ready.
    pub(crate) fn begin(&mut self, now_us: u64) {
        self.status = Status { readiness: Readiness::Ready, began_us: now_us };
    }

    /// Waits until there is something to do, or one of `others` has something to read, or until
    /// the given time; and does it. It may return without any of that.
    pub(crate) fn turn(
        &mut self,
        others: &[BorrowedFd<'_>],
        until_us: Option<u64>,
    ) -> Result<(), Error> {
        let ready = self.wait(others, until_us)?;
        if self.is_stalled {
            return Ok(());
        }
        let (now_us, status) = (host::now_us(), self.status);
        let mut of_connections = ready.connections.into_iter();
        self.connections.retain_mut(|connection| {
            let is_ready = of_connections.next() == Some(true);
            let progress =
                if is_ready { connection.advance(status, now_us) } else { Progress::Open };
            progress == Progress::Open && now_us < connection.until_us()
        });
        if ready.listener { self.accept(now_us) } else { Ok(()) }
    }

    fn wait(&self, others: &[BorrowedFd<'_>], until_us: Option<u64>) -> Result<Ready, Error> {
        let is_live = !self.is_stalled;
        let connections = self.connections.iter().filter(|_| is_live);
        let mut fds: Vec<_> = connections.clone().map(Connection::poll_fd).collect();
        let count = fds.len();
        let listener = self.listener.as_ref().filter(|_| is_live);
        fds.extend(listener.map(|listener| PollFd::new(listener, PollFlags::IN)));
        fds.extend(others.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)));
        let impatient = connections.map(Connection::until_us);
        host::wait(&mut fds, impatient.chain(until_us).min())?;
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let connections = ready.by_ref().take(count).collect();
        Ok(Ready { connections, listener: listener.is_some() && ready.next() == Some(true) })
    }

    fn accept(&mut self, now_us: u64) -> Result<(), Error> {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(listener) = &self.listener else { return Ok(()) };
            match listener.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(true).map_err(cannot("serve a client"))?;
                    self.admit(Connection::new(stream, now_us), now_us);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return Ok(()),
                    // Of a client that is gone already.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => return self.make_room(now_us),
                },
            }
        }
        Ok(())
    }

    /// The request has often arrived with the client.
    fn admit(&mut self, mut connection: Connection, now_us: u64) {
        if connection.advance(self.status, now_us) == Progress::Over {
            return;
        }
        if CONNECTIONS_MAX <= self.connections.len() {
            self.connections.remove(0);
        }
        self.connections.push(connection);
    }

    /// There are no more descriptors, or there is no more memory.
    fn make_room(&mut self, now_us: u64) -> Result<(), Error> {
        if self.connections.is_empty() {
            return host::wait(&mut [], Some(now_us.saturating_add(EXHAUSTED_PAUSE_US)));
        }
        self.connections.remove(0);
        Ok(())
    }
}

struct Ready {
    connections: Vec<bool>,
    listener: bool,
}
