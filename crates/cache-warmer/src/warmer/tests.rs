mod defects;
mod faults;
mod invariants;
mod queue;
mod savings;
mod upstream;

use std::collections::BTreeMap;

use super::*;
use crate::{
    Answered, Budget, Failure, Fingerprint, Guard, Interval, Model, Providers, RequestUsage,
    Settings, Tier, Verdict, WarmMethod,
};

/// A machine, and somebody who performs its actions: settings are written down at once unless the
/// disk is full, and pings stay under way until a test answers them.
pub(super) struct World {
    pub(super) warmer: Warmer,
    pub(super) now: Now,
    pub(super) model: Option<Arc<Model>>,
    /// Pings that were sent, in order.
    pub(super) sent: Vec<(String, Generation)>,
    pub(super) cancelled: Vec<(String, Generation)>,
    /// Statuses that were told, in order.
    pub(super) told: Vec<(String, Status)>,
    pub(super) disk: BTreeMap<String, Settings>,
    pub(super) disk_is_full: bool,
    /// Settings whose writing is under way, if they are not written at once.
    pub(super) writing: Vec<(String, u32, Settings)>,
    pub(super) writes_at_once: bool,
}

/// What the tests of the seed assume: no jitter, and a guard that does not grow.
pub(super) fn plain() -> Policy {
    let guard = Guard { base: Millis::from_secs(10), per_kilotoken: Millis::ZERO };
    Policy { guard, jitter_percent: 0, ..Policy::SKI_RENTAL }
}

pub(super) fn model() -> Arc<Model> {
    Arc::clone(Providers::builtin().model("anthropic", "claude-sonnet-4-5").unwrap())
}

pub(super) const PREFIX: u64 = 100_000;

/// The usage of a request that wrote its whole prompt.
pub(super) fn wrote() -> RequestUsage {
    RequestUsage { write_5m: PREFIX, ..RequestUsage::default() }
}

/// The usage of a request that read its whole prompt.
pub(super) fn read() -> RequestUsage {
    RequestUsage { read: PREFIX, ..RequestUsage::default() }
}

impl World {
    pub(super) fn new(policy: Policy) -> Self {
        let now = Now::virtual_millis(0);
        Self {
            warmer: Warmer::new(policy, Ledger::default(), now),
            now,
            model: Some(model()),
            sent: Vec::new(),
            cancelled: Vec::new(),
            told: Vec::new(),
            disk: BTreeMap::new(),
            disk_is_full: false,
            writing: Vec::new(),
            writes_at_once: true,
        }
    }

    /// The program ends without a word and is started again.
    pub(super) fn restart(&mut self) {
        let ledger = self.warmer.ledger().clone();
        self.warmer = Warmer::new(self.warmer.policy().clone(), ledger, self.now);
        self.writing.clear();
        for (name, settings) in self.disk.clone() {
            self.event(&name, Happened::SettingsLoaded(settings));
        }
    }

    pub(super) fn event(&mut self, name: &str, happened: Happened) {
        if self.warmer.names.find(name).is_none()
            && let Some(settings) = self.disk.get(name).copied()
        {
            let loaded = Event::Conversation(name, Happened::SettingsLoaded(settings));
            let actions = self.warmer.handle(loaded, self.now);
            self.perform(actions);
        }
        let actions = self.warmer.handle(Event::Conversation(name, happened), self.now);
        self.perform(actions);
    }

    pub(super) fn perform(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { conversation, generation, .. } => {
                    self.sent.push((conversation.to_string(), generation));
                }
                Action::Cancel { conversation, generation } => {
                    self.cancelled.push((conversation.to_string(), generation));
                }
                Action::Persist { conversation, version, settings } => {
                    self.writing.push((conversation.to_string(), version, settings));
                }
                Action::Notify { conversation, status } => {
                    self.told.push((conversation.to_string(), status));
                }
            }
        }
        if self.writes_at_once {
            self.write_next();
        }
    }

    /// The oldest write succeeds or fails.
    pub(super) fn write_next(&mut self) {
        if self.writing.is_empty() {
            return;
        }
        let (name, version, settings) = self.writing.remove(0);
        if self.disk_is_full {
            self.event(&name, Happened::PersistFailed { version });
        } else {
            self.disk.insert(name.clone(), settings);
            self.event(&name, Happened::Persisted { version, settings });
        }
    }

    /// Sets both clocks to `millis`, and ticks at every moment that is due until then.
    pub(super) fn until(&mut self, millis: u64) {
        while let Some(due) = self.warmer.next_due()
            && due.0 <= millis
        {
            self.now = Now::virtual_millis(due.0.max(self.now.monotonic.0));
            let actions = self.warmer.handle(Event::Tick, self.now);
            self.perform(actions);
        }
        self.now = Now::virtual_millis(millis);
        let actions = self.warmer.handle(Event::Tick, self.now);
        self.perform(actions);
    }

    /// As [`until`](Self::until), for so long.
    pub(super) fn pass(&mut self, millis: u64) {
        self.until(self.now.monotonic.0 + millis);
    }

    pub(super) fn enable(&mut self, name: &str) {
        self.event(name, Happened::EnabledSet(true));
    }

    pub(super) fn disable(&mut self, name: &str) {
        self.event(name, Happened::EnabledSet(false));
    }

    pub(super) fn interval(&mut self, name: &str, millis: f64) {
        let interval = Interval::from_millis(millis);
        self.event(name, Happened::IntervalSet(interval));
    }

    pub(super) fn start(&mut self, name: &str) {
        self.event(name, Happened::TurnStarted);
    }

    pub(super) fn settle(&mut self, name: &str) {
        self.event(name, Happened::TurnSettled);
    }

    /// A real request, sent `took` ago, was answered.
    pub(super) fn answer(&mut self, name: &str, usage: RequestUsage, took: u64) {
        let answered = Answered {
            usage,
            took: Millis(took),
            model: self.model.clone(),
            tier: None,
            prefix: Fingerprint(1),
            account: Account(1),
            subagent: false,
        };
        self.event(name, Happened::Answered(answered));
    }

    /// A whole turn that ends now, with one request that took no time.
    pub(super) fn turn(&mut self, name: &str) {
        self.start(name);
        self.answer(name, wrote(), 0);
        self.settle(name);
    }

    /// The ping that was sent last is answered.
    pub(super) fn complete(&mut self, usage: RequestUsage) {
        let (name, generation) = self.sent.last().cloned().unwrap();
        let took = Millis::ZERO;
        self.event(&name, Happened::WarmCompleted { generation, usage, took });
    }

    /// The ping that was sent last fails.
    pub(super) fn fail(&mut self, failure: Failure) {
        let (name, generation) = self.sent.last().cloned().unwrap();
        self.event(&name, Happened::WarmFailed { generation, failure });
    }

    pub(super) fn status(&self, name: &str) -> Status {
        self.warmer.status(name)
    }

    pub(super) fn reason(&self, name: &str) -> Reason {
        self.status(name).reason
    }

    /// When the next ping is sent, in milliseconds.
    pub(super) fn next(&self, name: &str) -> Option<i64> {
        self.status(name).next_warm_at.map(common_fs::Timestamp::unix_millis)
    }
}
