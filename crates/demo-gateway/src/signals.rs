//! Signals, as descriptors to wait for.

use std::{
    io::{self, Read as _},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::net::UnixStream,
    },
    sync::Arc,
};

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2},
    flag,
    low_level::pipe,
};

use crate::{
    error::{Error, cannot},
    settings::{RestartSignal, Settings},
};

/// The signals that mean something to a gateway.
pub(crate) struct Signals {
    restart: UnixStream,
    end: UnixStream,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen(settings: &Settings) -> Result<Self, Error> {
        let ends: &[i32] = if settings.ignore_term { &[SIGINT] } else { &[SIGINT, SIGTERM] };
        let listen = || {
            if settings.ignore_term {
                ignore(&[SIGTERM])?;
            }
            let restart = listen_to(&[number(settings.restart_signal)])?;
            Ok(Self { restart, end: listen_to(ends)? })
        };
        listen().map_err(cannot::<io::Error>("listen to signals"))
    }

    /// Readable when a restart was asked for.
    pub(crate) fn restart(&self) -> BorrowedFd<'_> {
        self.restart.as_fd()
    }

    /// Readable when the end was asked for.
    pub(crate) fn end(&self) -> BorrowedFd<'_> {
        self.end.as_fd()
    }

    /// Whether a restart was asked for since the last time. Several make one.
    pub(crate) fn restart_asked(&self) -> bool {
        has_come(&self.restart)
    }

    /// Whether the end was asked for since the last time.
    pub(crate) fn end_asked(&self) -> bool {
        has_come(&self.end)
    }
}

/// From now on these do nothing.
pub(crate) fn ignore(signals: &[i32]) -> io::Result<()> {
    signals.iter().try_for_each(|signal| flag::register(*signal, Arc::default()).map(|_| ()))
}

/// Each signal writes a byte.
fn listen_to(signals: &[i32]) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    for signal in signals {
        pipe::register(*signal, write.try_clone()?)?;
    }
    Ok(read)
}

fn has_come(mut stream: &UnixStream) -> bool {
    // More than fit are left for the next time, and so make one restart more.
    let mut bytes = [0; 256];
    stream.read(&mut bytes).is_ok_and(|count| 0 < count)
}

fn number(signal: RestartSignal) -> i32 {
    match signal {
        RestartSignal::Hup => SIGHUP,
        RestartSignal::Usr1 => SIGUSR1,
        RestartSignal::Usr2 => SIGUSR2,
    }
}
