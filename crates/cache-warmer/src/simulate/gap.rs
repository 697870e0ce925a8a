//! One pause of a conversation: which pings are sent in it.

use super::policy::of_limit;
use crate::{
    Decided, Decision, Millis, NanoDollars, PingLimit, Policy, Situation, Spent, Terms, WarmMethod,
    decide, economics,
};

/// What seed 004 waits from the end of an answer to a ping, and from a ping to the next.
const SEED_INTERVAL: Millis = Millis(240_000);

/// A pause, from one request to the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gap {
    /// When the request before it was sent,
    pub(super) started: Millis,
    /// and when it was answered.
    pub(super) ended: Millis,
    /// Before which time pings are sent: that of the next request, or of the end of it all.
    pub(super) before: Millis,
    /// What holds for the entry.
    pub(super) terms: Terms,
    /// How many tokens are in it.
    pub(super) cached: u64,
    /// How many tokens of the prompt are not.
    pub(super) uncached: u64,
}

/// The pings of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pings {
    pub(super) sent: u64,
    pub(super) late: u64,
    pub(super) cost: NanoDollars,
    /// Until when a request finds the entry.
    pub(super) kept_until: Millis,
}

impl Gap {
    /// Without pings.
    pub(super) fn left_alone(&self) -> Pings {
        let kept_until = self.started.plus(self.terms.lifetime);
        Pings { sent: 0, late: 0, cost: NanoDollars::ZERO, kept_until }
    }

    /// Whether a ping can be due in it, whatever the policy.
    pub(super) fn has_time(&self) -> bool {
        let policy = of_limit(PingLimit::Fixed(u32::MAX));
        let numbers = self.decision(self.ended, self.started, 0, &policy).numbers;
        self.ended < self.before && numbers.is_some_and(|numbers| numbers.due < self.before)
    }

    /// With the pings that `decide()` sends.
    pub(super) fn decided(&self, policy: &Policy) -> Pings {
        self.decided_until_kept(policy, None)
    }

    /// With the pings that `decide()` sends, but none any more once the entry is kept until `enough`.
    pub(super) fn decided_until_kept(&self, policy: &Policy, enough: Option<Millis>) -> Pings {
        let mut pings = self.left_alone();
        let (mut now, mut anchor) = (self.ended, self.started);
        loop {
            let sent = u32::try_from(pings.sent).unwrap_or(u32::MAX);
            match self.decision(now, anchor, sent, policy).action {
                Decided::Wait { until } if now < until => now = until,
                Decided::Wait { .. } | Decided::Stop => return pings,
                Decided::Send | Decided::ExtendTtl => {
                    if self.before <= now {
                        return pings;
                    }
                    self.ping(now, NanoDollars::ZERO, &mut pings);
                    anchor = now;
                }
            }
            let is_enough = enough.is_some_and(|enough| enough <= pings.kept_until);
            if is_enough || self.before <= now {
                return pings;
            }
        }
    }

    /// What `decide()` says, at some time in the pause.
    pub(super) fn decision(
        &self,
        now: Millis,
        anchor: Millis,
        pings: u32,
        policy: &Policy,
    ) -> Decision {
        let situation = Situation {
            now,
            enabled: true,
            active: false,
            // Whether they should be warmed is what is asked here.
            subagent: false,
            anchor: Some(anchor),
            idle_since: self.started,
            terms: Some(self.terms),
            cached: self.cached,
            uncached: self.uncached,
            pings,
            interval: None,
            latency: Millis::ZERO,
            early_ppm: 0,
            spent: Spent::default(),
            breaker_open: false,
        };
        decide(&situation, policy)
    }

    /// With the pings that seed 004 sends: without an end.
    pub(super) fn seed(&self) -> Pings {
        let mut pings = self.left_alone();
        // It asks for a token in any case.
        let answer = match self.terms.method {
            WarmMethod::ReplayWithoutAnswer => self.terms.prices.output,
            WarmMethod::ReplayForOneToken | WarmMethod::ExtendTtl => NanoDollars::ZERO,
        };
        let mut now = self.ended.plus(SEED_INTERVAL);
        while now < self.before {
            self.ping(now, answer, &mut pings);
            now = now.plus(SEED_INTERVAL);
        }
        pings
    }

    /// Sends a ping.
    fn ping(&self, now: Millis, more: NanoDollars, pings: &mut Pings) {
        let is_late = pings.kept_until < now;
        let cost = if is_late { economics::late_ping_cost } else { economics::ping_cost };
        let cost = cost(&self.terms, self.cached, self.uncached).plus(more);
        pings.sent += 1;
        pings.late += u64::from(is_late);
        pings.cost = pings.cost.plus(cost);
        pings.kept_until = now.plus(self.terms.lifetime);
    }
}
