//! The state machine for all conversations.

mod conversation;
mod flight;
mod names;
mod plan;
mod requests;
mod stored;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use crate::{
    Account, Action, Decision, Event, Generation, Happened, Ledger, Millis, NanoDollars, Now,
    Policy, Prices, Reason, Status, now::TimeLine, timers::Timers,
};

use conversation::{Conversation, Phase};
use names::Names;

/// Decides for all conversations when to send what, and keeps the books.
///
/// Events go in, actions come out. It never asks for the time, sends nothing and writes nothing, so
/// a run can be repeated from its events. An embedder performs the actions in their order, reports
/// what became of them, and wakes it with [`Event::Tick`] when [`next_due`](Self::next_due) is over:
///
/// * Whatever changes gives a conversation a new generation. What is reported of an old one is
///   billed and changes nothing else.
/// * There is at most one ping under way in a conversation, at most
///   [`Policy::flights_max`] in all; those whose entry expires first go first.
/// * After a failure a conversation is scheduled, backing off, or stopped for a reason that its
///   status tells.
/// * Switching off holds at once; switching on holds as soon as it is written down.
#[derive(Debug)]
pub struct Warmer {
    policy: Policy,
    ledger: Ledger,
    time: TimeLine,
    now: Millis,
    names: Names,
    /// Of those that wait for a time: a ping, a retry, a timeout, or being forgotten.
    timers: Timers,
    /// Of those whose ping is due, by when it is too late.
    queue: Timers,
    /// What pings under way may cost at most.
    flights: BTreeMap<Generation, NanoDollars>,
    /// The sum of them.
    reserved: i128,
    /// Pings that were given up a short time ago, and what was booked for them.
    given_up: BTreeMap<Generation, GivenUp>,
    generation: u64,
    holds: HashMap<Account, Hold>,
    /// Accounts with requests of which nobody can tell yet whose turn they are.
    arriving: HashMap<Account, Arriving>,
    state_writable: bool,
    disposed: bool,
    /// Whose status has changed since the last actions.
    changed: Vec<u32>,
    actions: Vec<Action>,
}

/// Why nothing is sent for an account.
#[derive(Clone, Copy, Debug)]
struct Hold {
    until: Millis,
    unauthorized: bool,
}

/// Requests that are on their way.
#[derive(Debug, Default)]
struct Arriving {
    /// How many.
    requests: u32,
    /// Whose pings wait for them; some may do something else by now.
    waiting: Vec<u32>,
}

/// A ping that nobody waits for any more.
#[derive(Clone, Copy, Debug)]
struct GivenUp {
    at: Millis,
    prices: Prices,
    booked: NanoDollars,
}

/// How much a [`Warmer`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Conversations that it knows.
    pub conversations: usize,
    /// Timers that are set.
    pub timers: usize,
    /// Pings that wait for their turn.
    pub queued: usize,
    /// Pings that are under way.
    pub in_flight: usize,
    /// Accounts for which nothing is sent for some time.
    pub holds: usize,
    /// Accounts with requests on their way of which nobody can tell yet whose turn they are.
    pub arriving: usize,
}

impl Warmer {
    /// Knows no conversation yet. `ledger` is that of before.
    pub fn new(policy: Policy, ledger: Ledger, now: Now) -> Self {
        Self {
            policy,
            ledger,
            time: TimeLine::new(now),
            now: now.monotonic,
            names: Names::default(),
            timers: Timers::default(),
            queue: Timers::default(),
            flights: BTreeMap::new(),
            reserved: 0,
            given_up: BTreeMap::new(),
            generation: 0,
            holds: HashMap::new(),
            arriving: HashMap::new(),
            state_writable: true,
            disposed: false,
            changed: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Takes note of what happened, and says what has to be done.
    pub fn handle(&mut self, event: Event<'_>, now: Now) -> Vec<Action> {
        if self.disposed {
            return Vec::new();
        }
        self.now = self.time.advance(now);
        self.ledger.roll(now.wall);
        match event {
            Event::Conversation(name, happened) => self.happened(name, happened),
            Event::Tick => (),
            Event::Arriving(account) => {
                let arriving = self.arriving.entry(account).or_default();
                arriving.requests = arriving.requests.saturating_add(1);
            }
            Event::Arrived(account) => self.arrived(account),
            Event::RateLimited { account, retry_after } => self.limited(account, retry_after),
            Event::StateWritable(writable) => {
                self.state_writable = writable;
                if writable {
                    self.persist_unsaved();
                }
            }
            Event::Disposed => {
                self.dispose();
                return std::mem::take(&mut self.actions);
            }
        }
        self.fire();
        self.notify();
        std::mem::take(&mut self.actions)
    }

    /// Until when nothing happens by itself, by the monotonic clock; `None` if nothing is going to.
    pub fn next_due(&self) -> Option<Millis> {
        // What waits for its turn turns cold right after its deadline.
        let queued = self.queue.first().map(|(deadline, _)| deadline.plus(Millis(1)));
        let timer = self.timers.first().map(|(at, _)| at);
        let first = timer.into_iter().chain(queued).min()?;
        Some(self.time.monotonic(first))
    }

    /// How a conversation stands; as one that nobody has switched on if it is not known.
    pub fn status(&self, conversation: &str) -> Status {
        let slot = self.names.find(conversation);
        let known = slot.and_then(|slot| self.names.get(slot));
        known.map_or(Conversation::UNKNOWN_STATUS, |known| known.status(&self.time))
    }

    /// What would be decided for a conversation now, and by which numbers; `None` if it is not known.
    pub fn decision(&self, conversation: &str) -> Option<Decision> {
        let known = self.names.get(self.names.find(conversation)?)?;
        Some(self.decide(known))
    }

    /// How all conversations stand, in the order in which they became known, roughly.
    pub fn conversations(&self) -> impl Iterator<Item = (&str, Status)> {
        self.names.iter().map(|known| (&*known.name, known.status(&self.time)))
    }

    /// What warming has cost and saved.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What pings under way may cost at most.
    #[cfg(feature = "proxy")]
    pub(crate) fn reserved(&self) -> NanoDollars {
        self.flights.values().copied().sum()
    }

    /// By what rules.
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// How much is held.
    pub fn load(&self) -> Load {
        Load {
            conversations: self.names.len(),
            timers: self.timers.len(),
            queued: self.queue.len(),
            in_flight: self.flights.len(),
            holds: self.holds.len(),
            arriving: self.arriving.len(),
        }
    }

    fn happened(&mut self, name: &str, happened: Happened) {
        let slot = match happened {
            Happened::SettingsLoaded(_)
            | Happened::EnabledSet(_)
            | Happened::IntervalSet(_)
            | Happened::TurnStarted
            | Happened::Answered(_) => self.names.intern(name),
            // These make nobody known.
            Happened::Persisted { .. }
            | Happened::PersistFailed { .. }
            | Happened::TurnSettled
            | Happened::WarmCompleted { .. }
            | Happened::Extended { .. }
            | Happened::WarmFailed { .. }
            | Happened::WarmedByHand { .. }
            | Happened::Closed => self.names.find(name),
        };
        if let Happened::WarmCompleted { generation, usage, .. } = &happened {
            self.late(*generation, usage);
        }
        let Some(slot) = slot else { return };
        match happened {
            Happened::SettingsLoaded(settings) => self.settings_loaded(slot, settings),
            Happened::EnabledSet(enabled) => self.enabled_set(slot, enabled),
            Happened::IntervalSet(interval) => self.interval_set(slot, interval),
            Happened::Persisted { version, settings } => self.persisted(slot, version, settings),
            Happened::PersistFailed { version } => self.persist_failed(slot, version),
            Happened::TurnStarted => self.turn_started(slot),
            Happened::Answered(answered) => self.answered(slot, answered),
            Happened::TurnSettled => self.turn_settled(slot),
            Happened::WarmCompleted { generation, usage, took } => {
                self.warm_completed(slot, generation, &usage, took);
            }
            Happened::Extended { generation, took } => self.extended(slot, generation, took),
            Happened::WarmFailed { generation, failure } => {
                self.warm_failed(slot, generation, failure);
            }
            Happened::WarmedByHand { usage, took } => self.warmed_by_hand(slot, &usage, took),
            Happened::Closed => self.closed(slot),
        }
        self.forget_if_useless(slot);
    }

    fn notify(&mut self) {
        for slot in std::mem::take(&mut self.changed) {
            let Some(known) = self.names.get_mut(slot) else { continue };
            // The same conversation may have changed several times.
            if std::mem::take(&mut known.changed) {
                let (conversation, status) = (Arc::clone(&known.name), known.status(&self.time));
                self.actions.push(Action::Notify { conversation, status });
            }
        }
    }

    fn mark_changed(&mut self, slot: u32) {
        if let Some(known) = self.names.get_mut(slot)
            && !known.changed
        {
            known.changed = true;
            self.changed.push(slot);
        }
    }

    fn dispose(&mut self) {
        for slot in self.names.slots() {
            self.cancel(slot);
            self.enter(slot, Phase::Stopped(Reason::Disposed), None);
        }
        self.notify();
        self.timers.clear();
        self.queue.clear();
        self.holds.clear();
        self.arriving.clear();
        self.given_up.clear();
        self.disposed = true;
    }
}

#[cfg(test)]
mod tests;
