use super::{Conversation, Phase, Warmer};
use crate::{Account, Action, Decided, Decision, Millis, Numbers, Reason, Settings, Spent, decide};

/// What comes next in a conversation.
pub(super) struct Next {
    pub(super) phase: Phase,
    pub(super) timer: Option<Millis>,
    pub(super) numbers: Option<Numbers>,
}

impl Next {
    const fn stop(reason: Reason) -> Self {
        Self { phase: Phase::Stopped(reason), timer: None, numbers: None }
    }
}

impl Warmer {
    /// Decides anew what a conversation waits for, unless a ping is under way.
    pub(super) fn plan(&mut self, slot: u32) {
        if self.names.get(slot).is_some_and(|known| known.phase != Phase::InFlight) {
            self.move_on(slot);
        }
    }

    /// Decides anew what a conversation waits for.
    pub(super) fn move_on(&mut self, slot: u32) {
        let Some(known) = self.names.get(slot) else { return };
        let next = self.next(known);
        self.enter(slot, next.phase, next.timer);
    }

    pub(super) fn next(&self, known: &Conversation) -> Next {
        if known.closed {
            return Next::stop(Reason::Closed);
        }
        let decision = self.decide(known);
        let numbers = match (decision.action, decision.numbers) {
            (Decided::Stop, _) | (_, None) => {
                return Next::stop(crowded_out(known.phase, decision.reason));
            }
            (Decided::Wait { .. } | Decided::Send | Decided::ExtendTtl, Some(numbers)) => numbers,
        };
        if let Some(reason) = self.blocked(known) {
            return Next::stop(reason);
        }
        let at = numbers.due.max(self.earliest(known)).max(self.now);
        let (phase, timer) = if at <= self.now && self.is_arriving(known) {
            // Right after its deadline it is cold.
            (Phase::Arriving, numbers.deadline.plus(Millis(1)))
        } else if at <= self.now {
            (Phase::Queued, numbers.deadline)
        } else if numbers.deadline < at {
            return Next::stop(Reason::Cold);
        } else if known.failures == 0 {
            (Phase::Armed, at)
        } else {
            (Phase::BackingOff, at)
        };
        Next { phase, timer: Some(timer), numbers: Some(numbers) }
    }

    pub(super) fn decide(&self, known: &Conversation) -> Decision {
        let (day, total) = (self.ledger.today.spent, self.ledger.spent);
        let spent = Spent { day, total, ..Spent::default() };
        let situation = known.situation(self.now, self.policy.jitter_percent, spent);
        decide(&situation, &self.policy)
    }

    /// What keeps a ping from being sent that would pay.
    fn blocked(&self, known: &Conversation) -> Option<Reason> {
        if !self.state_writable {
            return Some(Reason::StateUnwritable);
        }
        let hold = known.last.as_ref().and_then(|last| self.holds.get(&last.account));
        let unauthorized = hold.is_some_and(|hold| hold.unauthorized && self.now < hold.until);
        known.blocked.or(unauthorized.then_some(Reason::Unauthorized))
    }

    /// No ping may be sent before.
    fn earliest(&self, known: &Conversation) -> Millis {
        let hold = known.last.as_ref().and_then(|last| self.holds.get(&last.account));
        hold.map_or(Millis::ZERO, |hold| hold.until).max(known.not_before)
    }

    /// Whether a request is on its way that may be one of this conversation.
    fn is_arriving(&self, known: &Conversation) -> bool {
        known.last.as_ref().is_some_and(|last| self.arriving.contains_key(&last.account))
    }

    /// A request is known by now, or never will be: those that have waited for it go on.
    pub(super) fn arrived(&mut self, account: Account) {
        let Some(arriving) = self.arriving.get_mut(&account) else { return };
        arriving.requests = arriving.requests.saturating_sub(1);
        if arriving.requests == 0
            && let Some(arriving) = self.arriving.remove(&account)
        {
            for slot in arriving.waiting {
                self.plan(slot);
            }
        }
    }

    /// Brings a conversation into a phase: the old timer goes, and so does the old generation.
    pub(super) fn enter(&mut self, slot: u32, phase: Phase, timer: Option<Millis>) {
        self.generation += 1;
        let generation = crate::Generation(self.generation);
        let Some(known) = self.names.get_mut(slot) else { return };
        let (old_phase, old_timer) = (known.phase, known.timer);
        (known.phase, known.timer, known.generation) = (phase, timer, generation);
        let was_enabled = known.settings.enabled;
        if let Some(at) = old_timer {
            self.timers_of(old_phase).remove(at, slot);
        }
        if let Some(at) = timer {
            self.timers_of(phase).insert(at, slot);
        }
        if phase == Phase::Arriving && old_phase != phase {
            self.wait_for_arrival(slot);
        }
        if let Phase::Stopped(reason) = phase
            && old_phase != phase
            && was_enabled
            && reason != Reason::TurnRunning
        {
            self.ledger.stopped(reason);
        }
        if (old_phase, shown(old_phase, old_timer)) != (phase, shown(phase, timer)) {
            self.mark_changed(slot);
        }
    }

    fn wait_for_arrival(&mut self, slot: u32) {
        let account = self.names.get(slot).and_then(|known| Some(known.last.as_ref()?.account));
        if let Some(arriving) = account.and_then(|account| self.arriving.get_mut(&account)) {
            arriving.waiting.push(slot);
        }
    }

    fn timers_of(&mut self, phase: Phase) -> &mut crate::timers::Timers {
        if phase == Phase::Queued { &mut self.queue } else { &mut self.timers }
    }

    /// Lets everything happen whose time has come.
    pub(super) fn fire(&mut self) {
        self.holds.retain(|_, hold| self.now < hold.until);
        self.forget_given_up();
        while let Some(slot) = self.timers.pop_due(self.now) {
            let Some(known) = self.names.get_mut(slot) else { continue };
            known.timer = None;
            match known.phase {
                Phase::InFlight => self.timed_out(slot),
                Phase::Armed | Phase::BackingOff | Phase::Arriving | Phase::Queued => {
                    self.plan(slot);
                }
                Phase::Stopped(_) => self.forget_if_useless(slot),
            }
        }
        self.send_queued();
    }

    /// Forgets a conversation that nobody has switched on once its entry has expired; until then the
    /// user may switch it on.
    pub(super) fn forget_if_useless(&mut self, slot: u32) {
        let Some(known) = self.names.get(slot) else { return };
        let is_plain = [known.settings, known.wanted, known.stored] == [Settings::OFF; 3];
        if !is_plain || known.is_pending() || known.unsaved || known.active || known.closed {
            return;
        }
        let terms = known.last.as_ref().and_then(super::conversation::Last::terms);
        let expires = terms.map_or(Millis::ZERO, |terms| known.anchor.plus(terms.lifetime));
        if expires <= self.now {
            self.forget(slot);
        } else if known.timer != Some(expires) {
            let phase = known.phase;
            self.set_timer(slot, phase, expires);
        }
    }

    /// Without another generation, and without anything to tell.
    fn set_timer(&mut self, slot: u32, phase: Phase, at: Millis) {
        let Some(known) = self.names.get_mut(slot) else { return };
        let old = known.timer.replace(at);
        let timers = self.timers_of(phase);
        if let Some(old) = old {
            timers.remove(old, slot);
        }
        timers.insert(at, slot);
    }

    /// Lets a conversation go, and tells what there is to tell.
    pub(super) fn forget(&mut self, slot: u32) {
        let Some(known) = self.names.get_mut(slot) else { return };
        if std::mem::take(&mut known.changed) {
            let conversation = std::sync::Arc::clone(&known.name);
            let status = known.status(&self.time);
            self.actions.push(Action::Notify { conversation, status });
        }
        let (phase, timer) = (known.phase, known.timer);
        if let Some(at) = timer {
            self.timers_of(phase).remove(at, slot);
        }
        self.names.remove(slot);
    }

    pub(super) fn hold(&mut self, account: Account, until: Millis, unauthorized: bool) {
        let hold = self.holds.entry(account).or_insert(super::Hold { until, unauthorized });
        hold.until = hold.until.max(until);
        hold.unauthorized |= unauthorized;
    }
}

/// Why a conversation stops that was in this phase: what has expired while it waited for its turn
/// would have been kept with room for more pings at once.
fn crowded_out(phase: Phase, reason: Reason) -> Reason {
    match (phase, reason) {
        (Phase::Queued | Phase::Stopped(Reason::CrowdedOut), Reason::Cold) => Reason::CrowdedOut,
        _ => reason,
    }
}

/// The time that a status shows.
fn shown(phase: Phase, timer: Option<Millis>) -> Option<Millis> {
    timer.filter(|_| matches!(phase, Phase::Armed | Phase::BackingOff))
}
