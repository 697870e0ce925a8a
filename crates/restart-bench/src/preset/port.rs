use std::{io, net::TcpListener};

/// A port of 127.0.0.1 that nobody listens on now.
///
/// Somebody else can take it before the gateway does. That the gateway itself listens has to be looked
/// at once it is said to be ready.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
