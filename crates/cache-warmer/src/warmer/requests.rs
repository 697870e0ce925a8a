use super::{
    Phase, Warmer,
    conversation::{Last, LastWarm},
};
use crate::{Answered, Millis, Reason, RequestUsage, Settings, Terms};

impl Warmer {
    pub(super) fn turn_started(&mut self, slot: u32) {
        self.cancel(slot);
        if let Some(known) = self.names.get_mut(slot) {
            known.active = true;
        }
        self.plan(slot);
    }

    pub(super) fn turn_settled(&mut self, slot: u32) {
        if let Some(known) = self.names.get_mut(slot) {
            known.active = false;
        }
        self.plan(slot);
    }

    /// A real request begins a new idle spell, and shows what the pings of the last one were good
    /// for.
    pub(super) fn answered(&mut self, slot: u32, answered: Answered) {
        self.cancel(slot);
        let started = self.now.minus(answered.took);
        self.credit(slot, started, &answered.usage);
        if self.holds.get(&answered.account).is_some_and(|hold| hold.unauthorized) {
            self.holds.remove(&answered.account);
        }
        let Some(known) = self.names.get_mut(slot) else { return };
        let before = known.last.take();
        let prompt = answered.usage.prompt();
        let tier_before = before.as_ref().and_then(|before| {
            let same = same_model(before, &answered) && before.account == answered.account;
            same.then_some(before.tier)
        });
        let default_tier = answered.model.as_ref().map(|model| model.default_tier());
        let tier = answered.usage.tier().or(answered.tier).or(tier_before).or(default_tier);
        let mut last = Last {
            started,
            model: answered.model,
            tier: tier.unwrap_or(crate::Tier::FiveMinutes),
            prefix: answered.prefix,
            account: answered.account,
            cached: 0,
            prompt,
            subagent: answered.subagent,
        };
        last.cached = last.terms().map_or(0, |terms| terms.cached_after(&answered.usage));
        if let Some(before) = &before {
            // Another request can be well-formed, and another account has another cache.
            if before.prefix != last.prefix && known.blocked == Some(Reason::Refused) {
                known.blocked = None;
            }
            if before.account != last.account {
                (known.bad, known.lost, known.breaker_until) = (0, 0, Millis::ZERO);
            }
        }
        known.blocked = known.blocked.filter(|reason| *reason == Reason::Refused);
        // Also if a ping was sent later: that has refreshed a shorter prefix only.
        known.anchor = started;
        known.last = Some(last);
        (known.pings, known.kept, known.failures) = (0, 0, 0);
        known.not_before = Millis::ZERO;
        self.plan(slot);
    }

    /// Credits what was kept, if a real request has read it after it would have expired.
    ///
    /// Pings can read what pings have written, and look perfect: only real requests show that it is
    /// nothing that anybody needs.
    fn credit(&mut self, slot: u32, started: Millis, usage: &RequestUsage) {
        let (now, rules) = (self.now, self.policy.breaker);
        let Some(known) = self.names.get_mut(slot) else { return };
        let Some(last) = known.last.as_ref().filter(|_| known.kept != 0) else { return };
        let Some(terms) = last.terms() else { return };
        let spells = &mut self.ledger.spells;
        if started <= last.started.plus(terms.lifetime) {
            spells.needless = spells.needless.saturating_add(1);
        } else if usage.read == 0 {
            spells.lost = spells.lost.saturating_add(1);
            known.lost = known.lost.saturating_add(1);
            if rules.bad_max <= known.lost {
                known.breaker_until = now.plus(rules.cool_down);
            }
        } else {
            spells.saved = spells.saved.saturating_add(1);
            known.lost = 0;
            let tokens = usage.read.min(known.kept);
            let saved = crate::economics::avoidable_loss(&terms, tokens);
            self.ledger.saved = self.ledger.saved.plus(saved);
            self.ledger.saved_tokens = self.ledger.saved_tokens.saturating_add(tokens);
        }
    }

    /// Counts as a ping that was answered, whether warming is switched on or not.
    pub(super) fn warmed_by_hand(&mut self, slot: u32, usage: &RequestUsage, took: Millis) {
        let Some(known) = self.names.get(slot) else { return };
        if known.active || known.closed {
            return;
        }
        let terms: Option<Terms> = known.last.as_ref().and_then(Last::terms);
        self.cancel(slot);
        if let Some(terms) = terms {
            self.spend(slot, terms.prices.cost(usage));
        }
        let (now, wall) = (self.now, self.time.wall(self.now));
        let Some(known) = self.names.get_mut(slot) else { return };
        known.last_warm = Some(LastWarm::new(wall, usage));
        if let (Some(terms), Some(last)) = (terms, &known.last)
            && (usage.read != 0 || usage.written() != 0)
        {
            known.anchor = known.anchor.max(now.minus(took));
            known.kept = terms.cached_after(usage).min(last.cached);
        }
        self.mark_changed(slot);
        self.plan(slot);
    }

    pub(super) fn closed(&mut self, slot: u32) {
        self.cancel(slot);
        let Some(known) = self.names.get_mut(slot) else { return };
        if known.kept != 0 {
            self.ledger.spells.closed = self.ledger.spells.closed.saturating_add(1);
            known.kept = 0;
        }
        known.closed = true;
        known.active = false;
        known.settings.enabled = false;
        known.wanted = Settings { enabled: false, ..known.wanted };
        self.enter(slot, Phase::Stopped(Reason::Closed), None);
        self.persist_if_needed(slot);
        self.leave(slot);
    }
}

fn same_model(before: &Last, answered: &Answered) -> bool {
    match (&before.model, &answered.model) {
        (Some(before), Some(now)) => {
            (before.provider(), before.name()) == (now.provider(), now.name())
        }
        _ => false,
    }
}
