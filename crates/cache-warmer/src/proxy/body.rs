//! Bodies that are watched while they pass.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{
    StatusCode,
    body::{Body, Frame, Incoming, SizeHint},
};
use tokio::sync::oneshot;

use super::tap::{Tap, Told};

/// What sees the data of a body.
pub(crate) trait Observer {
    /// The next data; it is shared, not copied.
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
pub(crate) enum Copied {
    /// All of it, in pieces.
    Whole(Vec<Bytes>),
    /// It is longer than what is kept.
    TooLong,
}

/// Keeps the pieces of a request.
pub(crate) struct Keep {
    copied: Copied,
    room: usize,
    done: oneshot::Sender<Copied>,
}

impl Keep {
    /// Keeps up to `max` bytes, and says so to `done`.
    pub(crate) fn new(max: usize, done: oneshot::Sender<Copied>) -> Self {
        Self { copied: Copied::Whole(Vec::new()), room: max, done }
    }
}

impl Observer for Keep {
    fn data(&mut self, data: &Bytes) {
        let Copied::Whole(pieces) = &mut self.copied else { return };
        match self.room.checked_sub(data.len()) {
            Some(room) => {
                self.room = room;
                pieces.push(data.clone());
            }
            None => self.copied = Copied::TooLong,
        }
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
        let Self { status, tap, done } = self;
        let told = tap.map(Tap::finish).unwrap_or_default();
        done.send(Ended { status, complete, told }).ok();
    }
}
