use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
    vec,
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Sleep, sleep};

use crate::{
    request::Progress,
    state::{Pending, State},
};

/// The connection is to break.
#[derive(Debug, thiserror::Error)]
#[error("the connection breaks on request")]
pub(crate) struct Broken;

/// A request that is being answered. Without an end, the client was gone.
pub(crate) struct Open {
    state: Arc<State>,
    number: u64,
    is_over: bool,
}

impl Open {
    pub(crate) fn new(state: Arc<State>, number: u64) -> Self {
        Self { state, number, is_over: false }
    }

    pub(crate) fn end(&mut self, progress: Progress) {
        self.is_over = true;
        self.state.set_progress(self.number, progress);
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !self.is_over {
            self.state.set_progress(self.number, Progress::Abandoned);
        }
    }
}

/// The body of a response, in parts, with pauses before each of them but the first.
pub(crate) struct Parts {
    left: vec::IntoIter<Bytes>,
    pause: Duration,
    /// The pause before the next part, once it has begun.
    sleep: Option<Pin<Box<Sleep>>>,
    is_first: bool,
    /// What becomes readable with the first part.
    pending: Option<Pending>,
    end: End,
    /// None where nobody wants to know.
    open: Option<Open>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    Break,
    /// What was sent before gets out first.
    BreakNow,
}

impl Parts {
    /// A body that nobody waits for.
    pub(crate) fn plain(parts: Vec<Bytes>) -> Self {
        Self {
            left: parts.into_iter(),
            pause: Duration::ZERO,
            sleep: None,
            is_first: true,
            pending: None,
            end: End::Complete,
            open: None,
        }
    }

    /// The answer to a request.
    pub(crate) fn of(parts: Vec<Bytes>, pause: Duration, end: End, open: Open) -> Self {
        Self { pause, end, open: Some(open), ..Self::plain(parts) }
    }

    /// Makes what the request writes readable once the first part is sent.
    pub(crate) fn with_first(mut self, pending: Pending) -> Self {
        self.pending = Some(pending);
        self
    }

    fn poll_pause(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.is_first || self.pause.is_zero() {
            return Poll::Ready(());
        }
        let pause = self.pause;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(pause)));
        ready!(sleep.as_mut().poll(context));
        self.sleep = None;
        Poll::Ready(())
    }

    fn commit(&mut self) {
        if let (Some(pending), Some(open)) = (self.pending.take(), &self.open) {
            open.state.commit(pending);
        }
    }

    fn over(&mut self, progress: Progress) {
        if let Some(mut open) = self.open.take() {
            open.end(progress);
        }
    }
}

impl Body for Parts {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.left.as_slice().is_empty() {
            ready!(self.poll_pause(context));
            self.is_first = false;
            self.commit();
        }
        match (self.left.next(), self.end) {
            (Some(part), _) => {
                // Not every reader asks again after the last part.
                if self.left.as_slice().is_empty() && self.end == End::Complete {
                    self.over(Progress::Complete);
                }
                Poll::Ready(Some(Ok(Frame::data(part))))
            }
            (None, End::Complete) => {
                self.over(Progress::Complete);
                Poll::Ready(None)
            }
            (None, End::Break) => {
                self.end = End::BreakNow;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            (None, End::BreakNow) => {
                self.over(Progress::Broken);
                Poll::Ready(Some(Err(Broken)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.left.as_slice().is_empty() && self.end == End::Complete
    }
}
