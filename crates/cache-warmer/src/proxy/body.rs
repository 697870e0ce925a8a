//! Bodies that are watched while they pass.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{
    StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
};
use tokio::sync::oneshot;

use super::{
    room::{Held, Room},
    tap::{Tap, Told},
};
use crate::Millis;

/// What sees the data of a body.
pub(crate) trait Observer {
    /// The next data.
    fn data(&mut self, data: &Bytes);
    /// The body is at its end, or will not get there.
    fn end(self, complete: bool);
}

/// A body that passes unchanged while it is observed.
pub(crate) struct Observed<O: Observer> {
    inner: Incoming,
    observer: Option<O>,
}

impl<O: Observer> Observed<O> {
    pub(crate) fn new(inner: Incoming, observer: Option<O>) -> Self {
        let mut observed = Self { inner, observer };
        observed.end_if_at_end();
        observed
    }

    fn end_if_at_end(&mut self) {
        if self.inner.is_end_stream() {
            self.end(true);
        }
    }

    fn end(&mut self, complete: bool) {
        if let Some(observer) = self.observer.take() {
            observer.end(complete);
        }
    }
}

impl<O: Observer + Unpin> Body for Observed<O> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                if let (Some(observer), Some(data)) = (&mut self.observer, frame.data_ref()) {
                    observer.data(data);
                }
                self.end_if_at_end();
            }
            Some(Err(_)) => self.end(false),
            None => self.end(true),
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<O: Observer> Drop for Observed<O> {
    fn drop(&mut self) {
        self.end(false);
    }
}

/// What was seen of the body of a request. Nothing is told of one that did not come to its end.
#[derive(Debug)]
pub(crate) enum Copied {
    /// All of it.
    Whole(Kept),
    /// It is longer than what is kept.
    TooLong,
    /// All requests under way together are.
    NoRoom,
}

/// The body of a request.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) bytes: Vec<u8>,
    pub(crate) held: Held,
}

/// Keeps a copy of a request: in one piece, however small the pieces are in which it comes.
pub(crate) struct Keep {
    copied: Copied,
    max: usize,
    done: oneshot::Sender<Copied>,
}

impl Keep {
    /// Keeps up to `max` bytes as long as there is `room`, and says so to `done`.
    pub(crate) fn new(max: usize, room: &Arc<Room>, done: oneshot::Sender<Copied>) -> Self {
        let kept = Kept { bytes: Vec::new(), held: Held::nothing(room) };
        Self { copied: Copied::Whole(kept), max, done }
    }
}

impl Observer for Keep {
    fn data(&mut self, data: &Bytes) {
        let Copied::Whole(Kept { bytes, held }) = &mut self.copied else { return };
        let (length, capacity) = (bytes.len().saturating_add(data.len()), bytes.capacity());
        if self.max < length {
            self.copied = Copied::TooLong;
            return;
        }
        if capacity < length {
            // Twice as much each time, so that a byte is not copied again for each that follows.
            let larger = length.max(capacity.saturating_mul(2).min(self.max));
            if !held.grow(larger - capacity) {
                self.copied = Copied::NoRoom;
                return;
            }
            bytes.reserve_exact(larger - bytes.len());
        }
        bytes.extend_from_slice(data);
    }

    fn end(self, complete: bool) {
        if complete {
            // Nobody waits if the turn is over already.
            self.done.send(self.copied).ok();
        }
    }
}

/// How an answer ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Its status.
    pub(crate) status: StatusCode,
    /// Whether all of it came.
    pub(crate) complete: bool,
    /// For how long it asked to wait, if it did.
    pub(crate) retry_after: Option<Millis>,
    /// What it said.
    pub(crate) told: Told,
}

impl Ended {
    /// Whether the turn was answered.
    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success() && self.complete && !self.told.error
    }
}

/// Reads the usage in an answer.
pub(crate) struct Read {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Millis>,
    /// Nothing if it cannot be read.
    pub(crate) tap: Option<Tap>,
    pub(crate) done: oneshot::Sender<Ended>,
}

impl Observer for Read {
    fn data(&mut self, data: &Bytes) {
        if let Some(tap) = &mut self.tap {
            tap.push(data);
        }
    }

    fn end(self, complete: bool) {
        let Self { status, retry_after, tap, done } = self;
        let told = tap.map(Tap::finish).unwrap_or_default();
        done.send(Ended { status, complete, retry_after, told }).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(max: usize, room: &Arc<Room>, pieces: &[&[u8]]) -> Copied {
        let (done, mut copied) = oneshot::channel();
        let mut keep = Keep::new(max, room, done);
        for piece in pieces {
            keep.data(&Bytes::copy_from_slice(piece));
        }
        keep.end(true);
        copied.try_recv().unwrap()
    }

    #[test]
    fn a_body_in_single_bytes_takes_little_more_than_its_length() {
        let room = Room::new(1 << 20);
        let pieces = vec![&b"x"[..]; 100_000];
        let Copied::Whole(kept) = keep(1 << 20, &room, &pieces) else { panic!("it is not kept") };
        assert_eq!(kept.bytes, vec![b'x'; 100_000]);
        assert!(kept.bytes.capacity() <= 2 * 100_000, "{}", kept.bytes.capacity());
    }

    #[test]
    fn all_bodies_together_have_a_limit() {
        let room = Room::new(100);
        let first = keep(80, &room, &[&[b'x'; 50], &[b'x'; 20]]);
        assert!(matches!(&first, Copied::Whole(kept) if kept.bytes == [b'x'; 70]));
        assert!(matches!(keep(80, &room, &[&[b'x'; 40]]), Copied::NoRoom));
        // What does not fit holds nothing any more.
        let second = keep(80, &room, &[&[b'x'; 20]]);
        assert!(matches!(second, Copied::Whole(_)));
        drop(first);
        assert!(matches!(keep(80, &room, &[&[b'x'; 80]]), Copied::Whole(_)));
        assert!(matches!(keep(80, &room, &[&[b'x'; 81]]), Copied::TooLong));
        assert!(matches!(keep(80, &room, &[&[b'x'; 41], &[b'x'; 40]]), Copied::TooLong));
        assert!(matches!(keep(80, &room, &[]), Copied::Whole(_)));
    }
}
