use std::sync::Arc;

use super::{GivenUp, Phase, Warmer, conversation::LastWarm};
use crate::{
    Account, Action, Failure, Generation, Millis, NanoDollars, Numbers, Reason, RequestUsage,
    Terms, Verdict, economics, verify,
};

/// How long to wait after the first failure in a row, the second, and the third; then it is over.
const RETRIES: [Millis; 3] = [Millis::from_secs(5), Millis::from_secs(15), Millis::from_secs(30)];

/// For how long nothing is sent with credentials that were refused, unless a real request shows that
/// they are good.
const UNAUTHORIZED_HOLD: Millis = Millis::from_mins(10);

/// Whoever is told to wait for longer tries again after this, if there is anything to keep by then.
const RATE_LIMIT_HOLD_MAX: Millis = Millis::from_hours(1);
/// For how long nothing is sent for an account that was told to slow down, but not for how long.
const RATE_LIMIT_HOLD: Millis = Millis::from_secs(5);

/// How late an answer may come after its ping was given up.
const LATE_MAX: Millis = Millis::from_mins(5);

impl Warmer {
    /// Sends what is due, as far as there is room for it. What expires first goes first.
    pub(super) fn send_queued(&mut self) {
        while let Some((_, slot)) = self.queue.first() {
            let Some(known) = self.names.get(slot) else { break };
            let next = self.next(known);
            if next.phase != Phase::Queued {
                // Also what has waited for its turn for too long: it is cold.
                self.enter(slot, next.phase, next.timer);
                continue;
            }
            let flights = u32::try_from(self.flights.len()).unwrap_or(u32::MAX);
            match next.numbers.filter(|numbers| self.fits(numbers)) {
                Some(numbers) if flights < self.policy.flights_max => self.send(slot, &numbers),
                _ => break,
            }
        }
    }

    /// Whether the budgets of all have room for this ping beside those that are under way. In its own
    /// conversation, none is.
    fn fits(&self, numbers: &Numbers) -> bool {
        let budget = &self.policy.budget;
        let more = NanoDollars::clamped(self.reserved).plus(numbers.ping_cost_max);
        [(budget.day, self.ledger.today.spent), (budget.total, self.ledger.spent)]
            .into_iter()
            .all(|(budget, spent)| budget.is_none_or(|budget| spent.plus(more) <= budget))
    }

    fn send(&mut self, slot: u32, numbers: &Numbers) {
        let timeout = self.now.plus(self.policy.timeout);
        self.enter(slot, Phase::InFlight, Some(timeout));
        let Some(known) = self.names.get_mut(slot) else { return };
        let Some(last) = &known.last else { return };
        let Some(terms) = last.terms() else { return };
        known.pings = known.pings.saturating_add(1);
        self.flights.insert(known.generation, numbers.ping_cost_max);
        self.reserved += i128::from(numbers.ping_cost_max.0);
        self.actions.push(Action::Send {
            conversation: Arc::clone(&known.name),
            generation: known.generation,
            prefix: last.prefix,
            method: terms.method,
        });
    }

    /// What is under way with this generation, and what it is judged by.
    fn flight(&self, slot: u32, generation: Generation) -> Option<(Terms, u64)> {
        let known = self.names.get(slot)?;
        let last = known.last.as_ref()?;
        let is_current = known.phase == Phase::InFlight && known.generation == generation;
        is_current.then_some(())?;
        Some((last.terms()?, last.cached))
    }

    pub(super) fn warm_completed(
        &mut self,
        slot: u32,
        generation: Generation,
        usage: &RequestUsage,
        took: Millis,
    ) {
        let Some((terms, cached)) = self.flight(slot, generation) else { return };
        self.release(generation);
        self.spend(slot, terms.prices.cost(usage));
        let verdict = verify(cached, usage);
        self.ledger.answered(verdict, usage);
        let (now, wall, rules) = (self.now, self.time.wall(self.now), self.policy.breaker);
        let Some(known) = self.names.get_mut(slot) else { return };
        known.last_warm = Some(LastWarm::new(wall, usage));
        // One slow answer counts for a while.
        known.latency = took.max(Millis(known.latency.0 / 8 * 7));
        (known.failures, known.not_before) = (0, Millis::ZERO);
        match verdict {
            Verdict::Hit => known.bad = 0,
            Verdict::Partial | Verdict::Miss | Verdict::Uncacheable => {
                known.bad = known.bad.saturating_add(1);
                // After a time, one ping is a trial: the count stays until one does good.
                if rules.bad_max <= known.bad {
                    known.breaker_until = now.plus(rules.cool_down);
                }
            }
        }
        if verdict == Verdict::Uncacheable {
            known.blocked = Some(Reason::Uncacheable);
        } else {
            known.anchor = known.anchor.max(now.minus(took));
            known.kept = terms.cached_after(usage).min(cached);
        }
        self.move_on(slot);
    }

    pub(super) fn extended(&mut self, slot: u32, generation: Generation, took: Millis) {
        let Some((terms, cached)) = self.flight(slot, generation) else { return };
        self.release(generation);
        self.spend(slot, economics::ping_cost(&terms, cached, 0));
        self.ledger.extended = self.ledger.extended.saturating_add(1);
        let now = self.now;
        let Some(known) = self.names.get_mut(slot) else { return };
        (known.failures, known.not_before) = (0, Millis::ZERO);
        known.anchor = known.anchor.max(now.minus(took));
        known.kept = cached;
        self.move_on(slot);
    }

    pub(super) fn warm_failed(&mut self, slot: u32, generation: Generation, failure: Failure) {
        if self.flight(slot, generation).is_some() {
            self.fail(slot, failure);
        }
    }

    pub(super) fn timed_out(&mut self, slot: u32) {
        let Some(known) = self.names.get(slot) else { return };
        let (conversation, generation) = (Arc::clone(&known.name), known.generation);
        self.actions.push(Action::Cancel { conversation, generation });
        self.fail(slot, Failure::Timeout);
    }

    fn fail(&mut self, slot: u32, failure: Failure) {
        self.ledger.failed(failure.name());
        let Some(generation) = self.names.get(slot).map(|known| known.generation) else { return };
        if failure.may_cost() {
            self.give_up(slot);
        }
        self.release(generation);
        let now = self.now;
        let Some(known) = self.names.get_mut(slot) else { return };
        if !failure.may_cost() {
            known.pings = known.pings.saturating_sub(1);
        }
        let account = known.last.as_ref().map(|last| last.account);
        let wait = match failure {
            Failure::Refused => Err(Reason::Refused),
            Failure::Unauthorized => Err(Reason::Unauthorized),
            Failure::PrefixChanged => Err(Reason::PrefixChanged),
            Failure::RateLimited { .. }
            | Failure::Server
            | Failure::Connection
            | Failure::Timeout
            | Failure::Interrupted => {
                RETRIES.get(usize::from(known.failures)).ok_or(Reason::RetriesSpent)
            }
        };
        match (wait, failure) {
            (Err(reason), _) => known.blocked = Some(reason),
            (Ok(wait), Failure::RateLimited { retry_after: Some(asked) }) => {
                known.not_before = now.plus(asked.max(*wait));
            }
            (Ok(wait), _) => known.not_before = now.plus(*wait),
        }
        known.failures = known.failures.saturating_add(1);
        match (account, failure) {
            (Some(account), Failure::RateLimited { retry_after }) => {
                self.limited(account, retry_after);
            }
            (Some(account), Failure::Unauthorized) => {
                self.hold(account, now.plus(UNAUTHORIZED_HOLD), true);
            }
            _ => (),
        }
        self.move_on(slot);
    }

    /// Somebody with this account was told to slow down: so does everybody.
    pub(super) fn limited(&mut self, account: Account, retry_after: Option<Millis>) {
        let wait = retry_after.unwrap_or(RATE_LIMIT_HOLD).min(RATE_LIMIT_HOLD_MAX);
        self.hold(account, self.now.plus(wait), false);
    }

    /// Cancels what is under way in a conversation, if anything is.
    pub(super) fn cancel(&mut self, slot: u32) {
        let Some(known) = self.names.get(slot) else { return };
        if known.phase != Phase::InFlight {
            return;
        }
        let (conversation, generation) = (Arc::clone(&known.name), known.generation);
        self.actions.push(Action::Cancel { conversation, generation });
        self.give_up(slot);
        self.enter(slot, Phase::Stopped(Reason::TurnRunning), None);
    }

    /// Nobody knows what it costs: the most that it can be counts, until its answer says otherwise.
    fn give_up(&mut self, slot: u32) {
        let Some(generation) = self.names.get(slot).map(|known| known.generation) else { return };
        self.release(generation);
        self.ledger.unconfirmed = self.ledger.unconfirmed.saturating_add(1);
        let Some(known) = self.names.get(slot) else { return };
        let Some(last) = &known.last else { return };
        let Some(terms) = last.terms() else { return };
        let uncached = last.prompt.saturating_sub(last.cached);
        let booked = economics::ping_cost_max(&terms, last.cached, uncached);
        self.given_up.insert(generation, GivenUp { at: self.now, prices: terms.prices, booked });
        self.spend(slot, booked);
    }

    /// The answer to a ping that was given up changes nothing but the books.
    pub(super) fn late(&mut self, generation: Generation, usage: &RequestUsage) {
        let Some(given_up) = self.given_up.remove(&generation) else { return };
        self.ledger.unconfirmed = self.ledger.unconfirmed.saturating_sub(1);
        self.ledger.tokens = self.ledger.tokens.plus(usage);
        self.ledger.spend(given_up.prices.cost(usage).minus(given_up.booked));
    }

    /// No answer comes as late as that.
    pub(super) fn forget_given_up(&mut self) {
        let latest = LATE_MAX.plus(self.policy.timeout);
        while let Some(oldest) = self.given_up.first_entry()
            && latest < self.now.since(oldest.get().at)
        {
            oldest.remove();
        }
    }

    fn release(&mut self, generation: Generation) {
        let reserved = self.flights.remove(&generation).unwrap_or(NanoDollars::ZERO);
        self.reserved -= i128::from(reserved.0);
    }

    pub(super) fn spend(&mut self, slot: u32, amount: NanoDollars) {
        self.ledger.spend(amount);
        if let Some(known) = self.names.get_mut(slot) {
            known.spent = known.spent.plus(amount);
        }
    }
}
