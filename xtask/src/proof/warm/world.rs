//! A warmer, and somebody who sends what it says, in virtual time.

use std::{collections::BTreeMap, sync::Arc};

use cache_warmer::{
    Account, Action, Answered, Event, Failure, Fingerprint, Generation, Happened, Ledger, Millis,
    Model, Now, Policy, Providers, RequestUsage, Warmer,
};

/// What becomes of a ping that is sent then, for a conversation.
pub(super) type Answer<'a> = dyn FnMut(&str, Millis) -> Result<RequestUsage, Failure> + 'a;

/// For which conversation, and what became of the ping.
type PingAnswer = (Arc<str>, Result<RequestUsage, Failure>);

/// A ping is answered after this.
pub(super) const LATENCY: Millis = Millis(800);

/// The model that everybody talks to: 300 cents for a million tokens, written for a quarter more,
/// read for a tenth, and kept for five minutes.
pub(super) fn model() -> anyhow::Result<Arc<Model>> {
    Ok(Arc::clone(Providers::builtin().model("anthropic", "claude-sonnet-4-5")?))
}

pub(super) struct World {
    pub(super) warmer: Warmer,
    now: Millis,
    model: Arc<Model>,
    /// Answers by when they come, in the order in which the pings were sent.
    answers: BTreeMap<(Millis, Generation), PingAnswer>,
    /// When pings were sent.
    pub(super) pings: Vec<Millis>,
    pub(super) in_flight_max: usize,
    /// Events and ticks.
    pub(super) events: u64,
}

impl World {
    pub(super) fn new(policy: Policy) -> anyhow::Result<Self> {
        let warmer = Warmer::new(policy, Ledger::default(), Now::virtual_millis(0));
        Ok(Self {
            warmer,
            now: Millis::ZERO,
            model: model()?,
            answers: BTreeMap::new(),
            pings: Vec::new(),
            in_flight_max: 0,
            events: 0,
        })
    }

    pub(super) fn enable(&mut self, name: &str, answer: &mut Answer<'_>) {
        self.event(Event::Conversation(name, Happened::EnabledSet(true)), answer);
    }

    /// A turn of one request that was sent `took` ago and is answered now.
    pub(super) fn turn(
        &mut self,
        name: &str,
        usage: RequestUsage,
        took: Millis,
        answer: &mut Answer<'_>,
    ) {
        let answered = Answered {
            usage,
            took,
            model: Some(Arc::clone(&self.model)),
            tier: None,
            prefix: Fingerprint(1),
            account: Account(1),
            subagent: false,
        };
        for happened in [Happened::TurnStarted, Happened::Answered(answered), Happened::TurnSettled]
        {
            self.event(Event::Conversation(name, happened), answer);
        }
    }

    pub(super) fn close(&mut self, name: &str, answer: &mut Answer<'_>) {
        self.event(Event::Conversation(name, Happened::Closed), answer);
    }

    /// Lets time pass until then; what is due happens when it is due.
    pub(super) fn until(&mut self, end: Millis, answer: &mut Answer<'_>) {
        loop {
            let answered = self.answers.first_key_value().map(|((at, _), _)| *at);
            let due = self.warmer.next_due();
            let Some(next) = answered.into_iter().chain(due).min().filter(|at| *at <= end) else {
                self.now = self.now.max(end);
                return;
            };
            self.now = self.now.max(next);
            if answered == Some(next)
                && let Some(((_, generation), (name, answered))) = self.answers.pop_first()
            {
                let happened = match answered {
                    Ok(usage) => Happened::WarmCompleted { generation, usage, took: LATENCY },
                    Err(failure) => Happened::WarmFailed { generation, failure },
                };
                self.event(Event::Conversation(&name, happened), answer);
            } else {
                self.event(Event::Tick, answer);
            }
        }
    }

    fn event(&mut self, event: Event<'_>, answer: &mut Answer<'_>) {
        self.events += 1;
        let now = Now::virtual_millis(self.now.0);
        let actions = self.warmer.handle(event, now);
        for action in actions {
            match action {
                Action::Send { conversation, generation, .. } => {
                    self.pings.push(self.now);
                    let answered = answer(&conversation, self.now);
                    let at = self.now.plus(LATENCY);
                    self.answers.insert((at, generation), (conversation, answered));
                }
                Action::Persist { conversation, version, settings } => {
                    let happened = Happened::Persisted { version, settings };
                    self.event(Event::Conversation(&conversation, happened), answer);
                }
                // What was given up is answered all the same, and billed.
                Action::Cancel { .. } | Action::Notify { .. } => (),
            }
        }
        self.in_flight_max = self.in_flight_max.max(self.warmer.load().in_flight);
    }
}
