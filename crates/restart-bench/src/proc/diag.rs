//! Asking the kernel which sockets listen, by `sock_diag(7)`: the table in `/proc/net/tcp` has all
//! connections in it, and takes a busy machine milliseconds to write.

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
        socket_with,
    },
};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST | NLM_F_DUMP`.
const DUMP: u16 = 0x301;
/// `NLMSG_DONE`.
const DONE: u16 = 3;
const HEADER_BYTES: usize = 16;
/// `inet_diag_req_v2`.
const REQUEST_BYTES: usize = 56;
/// `1 << TCP_LISTEN`.
const LISTENING: u32 = 1 << 10;
const TCP: u8 = 6;

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listener {
    pub(super) port: u16,
    pub(super) inode: u64,
}

/// All sockets of a family that listen.
pub(super) fn listeners(family: AddressFamily) -> rustix::io::Result<Vec<Listener>> {
    let flags = SocketFlags::CLOEXEC;
    let socket =
        socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(netlink::SOCK_DIAG))?;
    send(&socket, &request(family), SendFlags::empty())?;
    let (mut buffer, mut listeners) = (vec![0; 32 * 1024], Vec::new());
    loop {
        let (read, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        let answer = buffer.get(..read).unwrap_or_default();
        match answers(answer, &mut listeners) {
            Some(true) => return Ok(listeners),
            Some(false) if read != 0 => (),
            // The kernel does not know the question, or answers in a way that nobody knows.
            Some(false) | None => return Err(Errno::PROTO),
        }
    }
}

fn request(family: AddressFamily) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + REQUEST_BYTES).unwrap_or_default();
    let mut request = Vec::new();
    request.extend(length.to_ne_bytes());
    request.extend(BY_FAMILY.to_ne_bytes());
    request.extend(DUMP.to_ne_bytes());
    // A sequence number and the sender, which the kernel fills in.
    request.extend([0; 8]);
    request.extend([u8::try_from(family.as_raw()).unwrap_or_default(), TCP, 0, 0]);
    request.extend(LISTENING.to_ne_bytes());
    request.resize(HEADER_BYTES + REQUEST_BYTES, 0);
    request
}

/// Takes the messages of an answer in; whether it was the last one, or `None` if it is none.
fn answers(mut bytes: &[u8], listeners: &mut Vec<Listener>) -> Option<bool> {
    while HEADER_BYTES <= bytes.len() {
        let length = usize::try_from(u32::from_ne_bytes(*bytes.first_chunk()?)).ok()?;
        let kind = u16::from_ne_bytes(*bytes.get(4..)?.first_chunk()?);
        let message = bytes.get(HEADER_BYTES..length)?;
        match kind {
            DONE => return Some(true),
            BY_FAMILY => listeners.push(listener(message)?),
            _ => return None,
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(false)
}

/// An `inet_diag_msg`: four bytes, the addresses (48), four numbers, and the inode.
fn listener(message: &[u8]) -> Option<Listener> {
    let port = u16::from_be_bytes(*message.get(4..)?.first_chunk()?);
    let inode = u32::from_ne_bytes(*message.get(68..)?.first_chunk()?);
    Some(Listener { port, inode: inode.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_are_none_are_refused() {
        let mut found = Vec::new();
        assert_eq!(answers(&[], &mut found), Some(false));
        for bytes in [vec![0; 16], vec![255; 16], vec![255; 100]] {
            assert_eq!(answers(&bytes, &mut found), None, "{bytes:?}");
        }
        let mut done = 16_u32.to_ne_bytes().to_vec();
        done.extend(DONE.to_ne_bytes());
        done.resize(16, 0);
        assert_eq!(answers(&done, &mut found), Some(true));
        assert!(found.is_empty());
    }
}
