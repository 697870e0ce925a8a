//! Drives the [`Warmer`](crate::Warmer) with what the connections see, and does what it says.

mod known;
mod status;
mod warming;

use std::time::Duration;

use common_fs::Clock;
use tokio::{
    sync::{mpsc, oneshot},
    time,
};

use super::{
    capture::CaptureLimits,
    gateway::{PassedBecause, Turn, TurnEnded},
};
use crate::{Event, Millis, Now};

use known::Known;
pub(crate) use status::Status;
pub(crate) use warming::{Pinger, Switch, SwitchError, Warming, in_full};

/// However long nothing is due, the clocks are looked at: the machine may have slept.
const LOOK_MAX: Duration = Duration::from_secs(30);

/// What the driver is told, or asked.
pub(crate) enum Message {
    /// Something happened to a turn.
    Turn(Turn),
    /// Asks for the state.
    Status(oneshot::Sender<Status>),
    /// Switches warming on or off, and answers once that is written down.
    Switch(bool, oneshot::Sender<Result<(), SwitchError>>),
    /// The proxy stops: nothing is sent any more.
    Stop,
}

/// Knows the conversations.
pub(crate) struct Driver {
    clock: &'static dyn Clock,
    known: Known,
    warming: Warming,
    counts: status::Counts,
}

impl Driver {
    pub(crate) fn new(clock: &'static dyn Clock, limits: CaptureLimits, warming: Warming) -> Self {
        Self { clock, known: Known::new(limits), warming, counts: status::Counts::default() }
    }

    pub(crate) fn is_warming(&self) -> bool {
        matches!(self.warming.state(), Switch::On(_))
    }

    /// Acts on messages until nobody can send any.
    pub(crate) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            let wait = self.wait();
            tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => self.act(message).await,
                    None => break,
                },
                Some(done) = self.warming.pinged() => {
                    let now = now(self.clock);
                    self.warming.completed(done, &self.known, now).await;
                }
                () = time::sleep(wait) => self.tick().await,
            }
        }
        let now = now(self.clock);
        self.warming.stop(&self.known, now).await;
        self.warming.close().await;
    }

    /// How long nothing is due.
    fn wait(&self) -> Duration {
        let Some(due) = self.warming.next_due() else { return LOOK_MAX };
        let now = Millis::from(self.clock.monotonic());
        // A millisecond is only over when it is over.
        Duration::from(due.since(now).plus(Millis(1))).min(LOOK_MAX)
    }

    async fn tick(&mut self) {
        let now = now(self.clock);
        self.warming.handle(Event::Tick, &self.known, now).await;
    }

    async fn act(&mut self, message: Message) {
        match message {
            Message::Turn(turn) => self.turn(turn).await,
            Message::Status(reply) => {
                self.tick().await;
                // Who does not wait any more does not need it.
                drop(reply.send(self.status()));
            }
            Message::Switch(on, reply) => {
                let now = now(self.clock);
                drop(reply.send(self.warming.switch(on, &self.known, now).await));
            }
            Message::Stop => {
                let now = now(self.clock);
                self.warming.stop(&self.known, now).await;
            }
        }
    }

    async fn turn(&mut self, turn: Turn) {
        let now = now(self.clock);
        match turn {
            Turn::Arriving(account) => {
                self.warming.handle(Event::Arriving(account), &self.known, now).await;
            }
            Turn::Arrived(account) => {
                self.warming.handle(Event::Arrived(account), &self.known, now).await;
            }
            Turn::RateLimited { account, retry_after } => {
                let limited = Event::RateLimited { account, retry_after };
                self.warming.handle(limited, &self.known, now).await;
            }
            Turn::Passed(PassedBecause::TooLong) => self.counts.passed_too_long += 1,
            Turn::Passed(PassedBecause::NoRoom) => self.counts.passed_without_room += 1,
            Turn::Passed(PassedBecause::Compressed) => self.counts.passed_compressed += 1,
            Turn::Passed(PassedBecause::Unidentified) => self.counts.passed_unidentified += 1,
            Turn::Started { identity } => {
                let replaced = self.known.started(&identity);
                self.warming.closed(replaced, &self.known, now).await;
                self.warming.started(identity.conversation, &self.known, now).await;
            }
            Turn::Ended(turn) => {
                let TurnEnded { identity, at, replay, answer, held } = *turn;
                self.counts.ended(answer.as_ref());
                self.counts.not_replayable += u64::from(replay.is_err());
                let took = Millis::from(self.clock.monotonic().saturating_sub(at));
                let ended = self.known.ended(&identity, replay.ok(), answer.as_ref());
                // From here on it counts as one of those that are captured.
                drop(held);
                self.warming.ended(&identity, &ended, took, &self.known, now).await;
                self.warming.closed(ended.closed, &self.known, now).await;
            }
        }
    }

    fn status(&self) -> Status {
        self.counts.status(&self.known, &self.warming)
    }
}

/// Both clocks.
pub(crate) fn now(clock: &dyn Clock) -> Now {
    Now { monotonic: clock.monotonic().into(), wall: clock.now() }
}
