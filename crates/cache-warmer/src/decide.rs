use std::cmp::Ordering;

use crate::{
    GapHistogram, Millis, NanoDollars, PingLimit, Policy, Reason, Stakes, Terms, WarmMethod,
    economics, policy::GAPS_MIN,
};

/// All that a decision depends on, beside the [`Policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Situation {
    /// The time.
    pub now: Millis,
    /// Whether the user has switched warming on for this conversation.
    pub enabled: bool,
    /// Whether a turn is running.
    pub active: bool,
    /// Whether this is a subagent.
    pub subagent: bool,
    /// When the last request started that succeeded and used the entry, be it a ping: lifetimes
    /// count from there. `None` as long as there was no real one.
    pub anchor: Option<Millis>,
    /// When the last real request started.
    pub idle_since: Millis,
    /// What holds for the entry; `None` if the model has no known price.
    pub terms: Option<Terms>,
    /// How many tokens are cached.
    pub cached: u64,
    /// How many tokens of the last prompt are not, and would be paid again.
    pub uncached: u64,
    /// How many pings this idle spell had.
    pub pings: u32,
    /// The interval that the user asked for. It can only make pings more frequent.
    pub interval: Option<Millis>,
    /// How long answers to pings took lately, at worst.
    pub latency: Millis,
    /// By how many millionths of the interval a ping of this conversation is early.
    pub early_ppm: u32,
    /// What was spent so far.
    pub spent: Spent,
    /// Whether the circuit breaker is open.
    pub breaker_open: bool,
}

/// What was spent so far, with what pings under way may cost at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// For this conversation.
    pub conversation: NanoDollars,
    /// For all, today.
    pub day: NanoDollars,
    /// For all, ever.
    pub total: NanoDollars,
}

/// What to do, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub action: Decided,
    /// Why.
    pub reason: Reason,
    /// By which numbers; `None` if it did not come to that.
    pub numbers: Option<Numbers>,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    /// Nothing before this time.
    Wait {
        /// When to decide again.
        until: Millis,
    },
    /// Send the last request once more.
    Send,
    /// Tell the provider to keep the entry for longer.
    ExtendTtl,
    /// Nothing, until something happens.
    Stop,
}

/// What a decision was made by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// What a ping costs.
    pub ping_cost: NanoDollars,
    /// What it costs at most: if the entry is gone, all is written anew.
    pub ping_cost_max: NanoDollars,
    /// What the next real request pays more if the entry is gone, and what its delay is worth.
    pub avoidable_loss: NanoDollars,
    /// How many pings this idle spell gets.
    pub pings_max: u32,
    /// From which probability on a ping pays, in millionths.
    pub break_even_ppm: Option<u64>,
    /// From the start of a request to the next ping.
    pub interval: Millis,
    /// When the next ping is due.
    pub due: Millis,
    /// Until when it makes sense.
    pub deadline: Millis,
}

impl Decision {
    const fn stop(reason: Reason, numbers: Option<Numbers>) -> Self {
        Self { action: Decided::Stop, reason, numbers }
    }
}

/// Says what to do for one conversation.
///
/// Pure: the same situation and policy give the same decision. Each rule that can stop warming has a
/// [`Reason`] of its own; the first that holds, in the order of the source, is told.
pub fn decide(situation: &Situation, policy: &Policy) -> Decision {
    if let Some(reason) = unfit(situation) {
        return Decision::stop(reason, None);
    }
    let (Some(terms), Some(anchor)) = (&situation.terms, situation.anchor) else {
        return Decision::stop(Reason::NoRequestSeen, None);
    };
    if let Some(reason) = uncacheable(terms, situation) {
        return Decision::stop(reason, None);
    }
    let Some(numbers) = numbers(situation, terms, anchor, policy) else {
        return Decision::stop(Reason::LifetimeTooShort, None);
    };
    if let Some(reason) = over(situation, &numbers, policy) {
        return Decision::stop(reason, Some(numbers));
    }
    let (action, reason) = match (situation.now.cmp(&numbers.due), terms.method) {
        (Ordering::Less, _) => (Decided::Wait { until: numbers.due }, Reason::Scheduled),
        (_, WarmMethod::ExtendTtl) => (Decided::ExtendTtl, Reason::Due),
        (_, WarmMethod::ReplayWithoutAnswer | WarmMethod::ReplayForOneToken) => {
            (Decided::Send, Reason::Due)
        }
    };
    Decision { action, reason, numbers: Some(numbers) }
}

/// What keeps a conversation from being warmed, whatever it would cost.
fn unfit(situation: &Situation) -> Option<Reason> {
    let rules = [
        (!situation.enabled, Reason::Disabled),
        (situation.active, Reason::TurnRunning),
        (situation.anchor.is_none(), Reason::NoRequestSeen),
        (situation.subagent, Reason::Subagent),
        (situation.terms.is_none(), Reason::PriceUnknown),
        (situation.breaker_open, Reason::BreakerOpen),
    ];
    rules.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
}

fn uncacheable(terms: &Terms, situation: &Situation) -> Option<Reason> {
    // A provider that says what it cached knows better than a table what it can cache.
    let is_certain = terms.reports_writes && situation.cached != 0;
    let prompt = situation.cached.saturating_add(situation.uncached);
    if is_certain {
        None
    } else if prompt < terms.minimum_tokens {
        Some(Reason::BelowMinimum)
    } else {
        (situation.cached == 0).then_some(Reason::Uncacheable)
    }
}

fn numbers(
    situation: &Situation,
    terms: &Terms,
    anchor: Millis,
    policy: &Policy,
) -> Option<Numbers> {
    let (cached, uncached) = (situation.cached, situation.uncached);
    let guard = policy.guard.span(cached.saturating_add(uncached), situation.latency);
    let latest = economics::interval(terms.lifetime, guard)?;
    let interval = situation.interval.map_or(latest, |wanted| wanted.min(latest));
    let early = Millis(
        interval.0 / 1_000_000 * u64::from(situation.early_ppm)
            + interval.0 % 1_000_000 * u64::from(situation.early_ppm) / 1_000_000,
    );
    let margin = terms.lifetime.minus(latest);
    let ping_cost = economics::ping_cost(terms, cached, uncached);
    let avoidable_loss = economics::avoidable_loss(terms, cached).plus(policy.latency_value);
    let stakes = Stakes {
        ping: ping_cost.0,
        read: terms.prices.read.for_tokens(cached).0,
        write: terms.prices.read.for_tokens(cached).plus(avoidable_loss).0,
        interval,
        lifetime: terms.lifetime,
    };
    Some(Numbers {
        ping_cost,
        ping_cost_max: economics::ping_cost_max(terms, cached, uncached),
        avoidable_loss,
        pings_max: pings_max(
            policy,
            &stakes,
            economics::break_even_pings(ping_cost, avoidable_loss),
        ),
        break_even_ppm: economics::break_even_ppm(ping_cost, avoidable_loss),
        interval,
        due: anchor.plus(interval.minus(early)),
        deadline: anchor.plus(terms.lifetime).minus(Millis(margin.0 / 2)),
    })
}

fn pings_max(policy: &Policy, stakes: &Stakes, break_even: u32) -> u32 {
    let enough = |gaps: &GapHistogram| GAPS_MIN <= gaps.count();
    let pings = match &policy.pings {
        PingLimit::Fixed(pings) => *pings,
        PingLimit::Histogram(gaps) if enough(gaps) => gaps.best(stakes),
        PingLimit::BreakEven | PingLimit::Histogram(_) => break_even,
    };
    pings.min(policy.pings_max)
}

/// What has been used up.
fn over(situation: &Situation, numbers: &Numbers, policy: &Policy) -> Option<Reason> {
    let idle = situation.now.since(situation.idle_since);
    let exceeds = |budget: Option<NanoDollars>, spent: NanoDollars| {
        budget.is_some_and(|budget| budget < spent.plus(numbers.ping_cost_max))
    };
    let (budget, spent) = (&policy.budget, &situation.spent);
    let rules = [
        (numbers.deadline < situation.now, Reason::Cold),
        (numbers.pings_max <= situation.pings, Reason::PingsSpent),
        (policy.idle_max.is_some_and(|idle_max| idle_max <= idle), Reason::IdleTooLong),
        (exceeds(budget.conversation, spent.conversation), Reason::ConversationBudget),
        (exceeds(budget.day, spent.day), Reason::DayBudget),
        (exceeds(budget.total, spent.total), Reason::TotalBudget),
    ];
    rules.into_iter().find_map(|(holds, reason)| holds.then_some(reason))
}

#[cfg(test)]
mod tests;
