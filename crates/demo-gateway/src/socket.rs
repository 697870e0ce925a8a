//! Sockets that hold the port, and sockets that listen on it.

use std::{
    net::{Ipv4Addr, SocketAddrV4, TcpListener},
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use rustix::net::{
    AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt,
};

use crate::{
    error::{Error, cannot, cannot_write},
    host,
};

/// How many clients wait in the queue of a listener.
const BACKLOG: i32 = 1_024;

/// A port that stays ours while nobody listens on it.
pub(crate) struct Port {
    /// Bound, so that no other program gets the port. As long as it does not listen, the kernel
    /// refuses connections as if it were not there.
    socket: OwnedFd,
    number: u16,
}

impl Port {
    /// Takes a port, any that is free for 0, and writes it to the file.
    pub(crate) fn take(number: u16, file: Option<&Path>) -> Result<Self, Error> {
        let socket = new_socket()?;
        bind(&socket, &address(number)).map_err(cannot("bind the port"))?;
        // Only now: if somebody else has the port, that is to be an error.
        sockopt::set_socket_reuseport(&socket, true).map_err(cannot("share the port"))?;
        let name = getsockname(&socket).and_then(SocketAddrV4::try_from);
        let number = name.map_err(cannot("find out the port"))?.port();
        if let Some(file) = file {
            host::replace(file, &format!("{number}\n")).map_err(cannot_write(file))?;
        }
        Ok(Self { socket, number })
    }

    pub(crate) fn number(&self) -> u16 {
        self.number
    }

    /// Makes the socket that holds the port itself listen, to pass it on.
    pub(crate) fn listen(self) -> Result<OwnedFd, Error> {
        rustix::net::listen(&self.socket, BACKLOG).map_err(cannot("listen"))?;
        Ok(self.socket)
    }
}

/// Another socket that listens on a port which [`Port`] holds.
pub(crate) fn listen(port: u16) -> Result<TcpListener, Error> {
    let socket = new_socket()?;
    sockopt::set_socket_reuseport(&socket, true).map_err(cannot("share the port"))?;
    bind(&socket, &address(port)).map_err(cannot("bind the port"))?;
    rustix::net::listen(socket.as_fd(), BACKLOG).map_err(cannot("listen"))?;
    Ok(TcpListener::from(socket))
}

fn new_socket() -> Result<OwnedFd, Error> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)
        .map_err(cannot("make a socket"))?;
    // Connections of an earlier run that are not forgotten yet do not count.
    sockopt::set_socket_reuseaddr(&socket, true).map_err(cannot("use the port again"))?;
    Ok(socket)
}

fn address(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
}
