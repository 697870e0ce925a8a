//! What a supervisor and the processes that serve for it say to each other, over a pair of
//! sockets, of which the latter have one as their standard input.
//!
//! The sockets keep messages apart, carry the listener, and tell either side when the other is
//! gone, however it went.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    cmsg_space,
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
        SendAncillaryMessage, SendFlags, Shutdown, SocketFlags, SocketType, recvmsg, sendmsg,
        shutdown, socketpair,
    },
};

use crate::error::{Error, cannot};

/// The kind, and a time.
const MESSAGE_BYTES: usize = 9;

/// What is asked, and what is answered. Answers come with the time of what they tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Take this listener, or make one.
    Listen,
    /// Now there is one.
    Listening,
    /// Accept, and be ready.
    Go,
    /// From here on.
    Accepting,
    /// Say 503 on `/readyz`.
    Drain,
    /// From here on.
    Draining,
    /// Accept no more, answer who is there, and end.
    Retire,
    /// Since immediately before.
    Closed,
}

const KINDS: [Kind; 8] = [
    Kind::Listen,
    Kind::Listening,
    Kind::Go,
    Kind::Accepting,
    Kind::Drain,
    Kind::Draining,
    Kind::Retire,
    Kind::Closed,
];

#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    /// Microseconds of the monotonic clock; 0 with what is asked.
    pub(crate) at_us: u64,
    /// A listener that came with it.
    pub(crate) socket: Option<OwnedFd>,
}

/// What there is to hear.
#[derive(Debug)]
pub(crate) enum Heard {
    Message(Message),
    Nothing,
    /// The other side is gone.
    HungUp,
}

/// One end of the conversation.
pub(crate) struct Control(OwnedFd);

impl Control {
    /// This end, and the other one for the standard input of another process.
    pub(crate) fn pair() -> Result<(Self, OwnedFd), Error> {
        let flags = SocketFlags::CLOEXEC;
        let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
        let (here, there) = pair.map_err(cannot("make a pair of sockets"))?;
        Ok((Self(here), there))
    }

    /// The end that a supervisor gave to this process.
    pub(crate) fn of_stdin() -> Result<Self, Error> {
        let stdin = io::stdin().as_fd().try_clone_to_owned();
        Ok(Self(stdin.map_err(cannot("talk to the supervisor"))?))
    }

    /// Readable when there is something to hear.
    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Says something. That the other side is gone is heard, not said.
    pub(crate) fn say(
        &self,
        kind: Kind,
        at_us: u64,
        socket: Option<BorrowedFd<'_>>,
    ) -> Result<(), Error> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if let Some(socket) = &socket {
            let sockets = std::slice::from_ref(socket);
            ancillary.push(SendAncillaryMessage::ScmRights(sockets));
            return self.send(kind, at_us, &mut ancillary);
        }
        self.send(kind, at_us, &mut ancillary)
    }

    fn send(
        &self,
        kind: Kind,
        at_us: u64,
        ancillary: &mut SendAncillaryBuffer<'_, '_, '_>,
    ) -> Result<(), Error> {
        let bytes = encode(kind, at_us);
        match sendmsg(&self.0, &[IoSlice::new(&bytes)], ancillary, SendFlags::NOSIGNAL) {
            Ok(_) | Err(Errno::PIPE | Errno::CONNRESET) => Ok(()),
            Err(error) => Err(cannot("talk to another process")(error)),
        }
    }

    /// Hears what there is, without waiting for it.
    pub(crate) fn hear(&self) -> Result<Heard, Error> {
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; MESSAGE_BYTES];
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let iov = &mut [IoSliceMut::new(&mut bytes)];
        let count = match recvmsg(&self.0, iov, &mut ancillary, flags) {
            Ok(received) => received.bytes,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(Heard::Nothing),
            Err(Errno::CONNRESET) => 0,
            Err(error) => return Err(cannot("hear another process")(error)),
        };
        if count == 0 {
            return Ok(Heard::HungUp);
        }
        let socket = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
            _ => None,
        });
        // What is not of this program is nothing.
        Ok(decode(bytes).map_or(Heard::Nothing, |(kind, at_us)| {
            Heard::Message(Message { kind, at_us, socket })
        }))
    }

    /// Says that this was all; the other side hears that this one is gone.
    pub(crate) fn hang_up(&self) {
        // If that fails, the other side is gone.
        shutdown(&self.0, Shutdown::Write).ok();
    }
}

fn encode(kind: Kind, at_us: u64) -> [u8; MESSAGE_BYTES] {
    let mut bytes = [kind as u8; MESSAGE_BYTES];
    for (byte, of_time) in bytes.iter_mut().skip(1).zip(at_us.to_le_bytes()) {
        *byte = of_time;
    }
    bytes
}

fn decode(bytes: [u8; MESSAGE_BYTES]) -> Option<(Kind, u64)> {
    let [kind, time @ ..] = bytes;
    let kind = KINDS.get(usize::from(kind))?;
    Some((*kind, u64::from_le_bytes(time)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_as_they_were() {
        for (nth, kind) in KINDS.into_iter().enumerate() {
            assert_eq!(kind as usize, nth);
            for time in [0, 1, u64::MAX] {
                assert_eq!(decode(encode(kind, time)), Some((kind, time)));
            }
        }
        assert_eq!(decode([8; MESSAGE_BYTES]), None);
    }

    #[test]
    fn both_sides_hear_each_other_and_the_end() {
        let (here, there) = Control::pair().unwrap();
        let there = Control(there);
        assert!(matches!(there.hear().unwrap(), Heard::Nothing));
        here.say(Kind::Listen, 0, Some(here.fd())).unwrap();
        here.say(Kind::Go, 17, None).unwrap();
        let Heard::Message(first) = there.hear().unwrap() else { panic!("nothing") };
        assert_eq!((first.kind, first.socket.is_some()), (Kind::Listen, true));
        let Heard::Message(second) = there.hear().unwrap() else { panic!("nothing") };
        assert_eq!((second.kind, second.at_us, second.socket.is_some()), (Kind::Go, 17, false));
        drop(first);
        here.hang_up();
        assert!(matches!(there.hear().unwrap(), Heard::HungUp));
        drop(there);
        assert!(matches!(here.hear().unwrap(), Heard::HungUp));
        here.say(Kind::Go, 0, None).unwrap();
    }
}
