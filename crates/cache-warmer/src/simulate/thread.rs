//! A history with what holds for it.

use common_fs::Timestamp;

use super::{
    Conversation, History, Lifetime, Outcome, Settings, SimulatedPolicy,
    gap::{Gap, Pings},
    policy::of_limit,
};
use crate::{Millis, Model, NanoDollars, PingLimit, Policy, RequestUsage, Terms, Tier};

/// A history, replayed without pings.
#[derive(Debug)]
pub(super) struct Thread<'h> {
    pub(super) history: &'h History,
    model: &'h Model,
    /// In the order of the requests.
    pub(super) steps: Vec<Step>,
}

/// A request, and the pause after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// The pause after it.
    pub(super) gap: Gap,
    /// Whether a ping can be due in that.
    pub(super) has_time: bool,
    /// When the next request was sent; `None` if there was none before the conversation was closed.
    pub(super) next: Option<Millis>,
    /// What it used, as it is recorded.
    recorded: RequestUsage,
    /// Whether what the request before it left was still kept, going by the recorded lifetime.
    was_kept: bool,
    /// Whether it is still kept, without any pings, going by the lifetime that is simulated.
    is_kept: bool,
    /// How many tokens the request before it left; none for the first one.
    entry: u64,
    /// The tier for which everything is taken to be written, if not as it is recorded.
    relabel: Option<Tier>,
    /// What it would have used without any pings.
    base: RequestUsage,
    /// And what that costs.
    base_cost: NanoDollars,
}

impl<'h> Thread<'h> {
    pub(super) fn new(history: &'h History, model: &'h Model, settings: &Settings) -> Self {
        let first_tier = history.requests.iter().find_map(|request| request.usage.tier());
        let mut tier = first_tier.unwrap_or(model.default_tier());
        let until = millis(settings.until);
        let mut steps: Vec<Step> = Vec::with_capacity(history.requests.len());
        let mut kept_until = None;
        for (nth, request) in history.requests.iter().enumerate() {
            let usage = request.usage;
            tier = usage.tier().unwrap_or(tier);
            let recorded_terms = model.terms(tier, usage.prompt());
            let terms = match settings.lifetime {
                Lifetime::Recorded => recorded_terms,
                Lifetime::Always(tier) => model.terms(tier, usage.prompt()),
            };
            let (started, ended) = (millis(request.started), millis(request.ended));
            let closed = ended.plus(settings.closed_after);
            let next = history.requests.get(nth + 1).map(|next| millis(next.started));
            let cached = terms.cached_after(&usage);
            let gap = Gap {
                started,
                ended,
                before: next.unwrap_or(until).min(closed),
                terms,
                cached,
                uncached: usage.prompt() - cached,
            };
            let was_kept = kept_until.is_none_or(|kept_until| started <= kept_until);
            kept_until = Some(started.plus(recorded_terms.lifetime));
            let last = steps.last();
            let entry = last.map_or(0, |step| step.gap.cached);
            let is_kept = last.is_none_or(|last| started <= last.gap.left_alone().kept_until);
            let relabel = match settings.lifetime {
                Lifetime::Recorded => None,
                Lifetime::Always(_) => Some(terms.tier),
            };
            let mut step = Step {
                gap,
                has_time: gap.has_time(),
                next,
                recorded: usage,
                was_kept,
                is_kept,
                entry,
                relabel,
                base: usage,
                base_cost: NanoDollars::ZERO,
            };
            step.base = step.usage(is_kept, relabel);
            step.base_cost = terms.prices.cost(&step.base);
            steps.push(step);
        }
        Self { history, model, steps }
    }

    /// Replays it under each policy. `limits` are how many pings the policy
    /// [`Histogram`](SimulatedPolicy::Histogram) allows after each request.
    pub(super) fn conversation(
        &self,
        policies: &[SimulatedPolicy],
        limits: &[u32],
    ) -> Conversation {
        let pauses = || self.steps.iter().filter_map(|step| Some((step, step.next?)));
        let is_long = |(step, next): &(&Step, Millis)| step.gap.left_alone().kept_until < *next;
        let lengths = pauses().map(|(step, next)| next.since(step.gap.started));
        let tier = self.steps.last().map_or(self.model.default_tier(), |step| step.gap.terms.tier);
        let outcomes = policies.iter().map(|policy| self.outcome(*policy, limits));
        Conversation {
            id: self.history.id.clone(),
            provider: self.model.provider().to_owned(),
            model: self.model.name().to_owned(),
            is_subagent: self.history.is_subagent,
            requests: self.steps.len() as u64,
            tier,
            long_gaps: pauses().filter(is_long).count() as u64,
            longest_gap: lengths.max().unwrap_or_default(),
            outcomes: outcomes.collect(),
        }
    }

    fn outcome(&self, policy: SimulatedPolicy, limits: &[u32]) -> Outcome {
        let mut outcome = Outcome::default();
        // The first request finds what it found.
        let mut kept_until: Option<Millis> = None;
        let shared = match policy {
            SimulatedPolicy::SkiRental => Some(of_limit(PingLimit::BreakEven)),
            SimulatedPolicy::Fixed(pings) => Some(of_limit(PingLimit::Fixed(pings))),
            SimulatedPolicy::Hindsight => Some(of_limit(PingLimit::Fixed(u32::MAX))),
            _ => None,
        };
        for (nth, step) in self.steps.iter().enumerate() {
            let started = step.gap.started;
            let is_kept = kept_until.is_none_or(|kept_until| started <= kept_until);
            let longer = self.longer(policy, step);
            step.add(is_kept, longer.map(|terms| terms.tier), &mut outcome);
            outcome.expired += u64::from(!is_kept);
            let next = self.steps.get(nth + 1);
            let pings = match (policy, &shared) {
                (SimulatedPolicy::Seed240, _) => step.gap.seed(),
                _ if !step.has_time => step.gap.left_alone(),
                (SimulatedPolicy::Histogram, _) => {
                    let limit = limits.get(nth).copied().unwrap_or_default();
                    step.gap.decided(&of_limit(PingLimit::Fixed(limit)))
                }
                (SimulatedPolicy::Hindsight, Some(policy)) => hindsight(step, next, policy),
                (_, Some(policy)) => step.gap.decided(policy),
                (_, None) => step.gap.left_alone(),
            };
            outcome.pings += pings.sent;
            outcome.late_pings += pings.late;
            outcome.spent_on_pings = outcome.spent_on_pings.plus(pings.cost);
            let lifetime = longer.map(|terms| started.plus(terms.lifetime));
            kept_until = Some(lifetime.unwrap_or(pings.kept_until));
        }
        outcome.cost = outcome.cost.plus(outcome.spent_on_pings);
        outcome
    }

    /// The terms of an entry that is written for an hour instead, if that is longer.
    fn longer(&self, policy: SimulatedPolicy, step: &Step) -> Option<Terms> {
        if policy != SimulatedPolicy::OneHourTier {
            return None;
        }
        let terms = self.model.terms(Tier::OneHour, step.recorded.prompt());
        let is_longer = terms.tier == Tier::OneHour && step.gap.terms.lifetime < terms.lifetime;
        is_longer.then_some(terms)
    }
}

/// The fewest pings that keep the entry until the next request, if they save more than they cost;
/// else none.
fn hindsight(step: &Step, next: Option<&Step>, policy: &Policy) -> Pings {
    let alone = step.gap.left_alone();
    let Some(next) = next.filter(|next| alone.kept_until < next.gap.started) else { return alone };
    let pings = step.gap.decided_until_kept(policy, Some(next.gap.started));
    let mut kept = Outcome::default();
    next.add(next.gap.started <= pings.kept_until, None, &mut kept);
    if pings.cost < kept.saved { pings } else { alone }
}

impl Step {
    /// What it uses, if what the request before it left is kept or not; `relabel` is the tier for
    /// which everything is written, if that is not as recorded.
    fn usage(&self, is_kept: bool, relabel: Option<Tier>) -> RequestUsage {
        let mut usage = self.recorded;
        let reports_writes = self.gap.terms.reports_writes;
        match (self.was_kept, is_kept) {
            (true, true) | (false, false) => (),
            (false, true) if usage.prompt() < self.entry => (),
            (false, true) => {
                let more = self.entry.saturating_sub(usage.read);
                if reports_writes {
                    let short = more.min(usage.write_5m);
                    let long = (more - short).min(usage.write_1h);
                    usage.write_5m -= short;
                    usage.write_1h -= long;
                    usage.read += short + long;
                } else {
                    let more = more.min(usage.uncached);
                    usage.uncached -= more;
                    usage.read += more;
                }
            }
            (true, false) => {
                let gone = usage.read.min(self.entry);
                usage.read -= gone;
                if reports_writes {
                    usage.write_5m += gone;
                } else {
                    usage.uncached += gone;
                }
            }
        }
        match relabel {
            Some(Tier::OneHour) if reports_writes => {
                usage.write_1h = usage.written();
                usage.write_5m = 0;
            }
            Some(_) if reports_writes => {
                usage.write_5m = usage.written();
                usage.write_1h = 0;
            }
            Some(_) | None => (),
        }
        usage
    }

    /// Adds what it costs, and what that is less or more than without any pings. `longer` is the tier
    /// for which everything is written instead.
    fn add(&self, is_kept: bool, longer: Option<Tier>, outcome: &mut Outcome) {
        if is_kept == self.is_kept && longer.is_none() {
            outcome.cost = outcome.cost.plus(self.base_cost);
            return;
        }
        let cost = |usage: &RequestUsage| self.gap.terms.prices.cost(usage);
        let usage = self.usage(is_kept, self.relabel);
        let saved = self.base_cost.minus(cost(&usage));
        outcome.saved = outcome.saved.plus(saved);
        outcome.hits += u64::from(self.base.read < usage.read);
        let written = longer.map_or(usage, |tier| self.usage(is_kept, Some(tier)));
        let more = cost(&written).minus(cost(&usage));
        outcome.spent_on_writes = outcome.spent_on_writes.plus(more);
        outcome.cost = outcome.cost.plus(cost(&written));
    }
}

/// Times before 1970 are taken for that.
fn millis(time: Timestamp) -> Millis {
    Millis(u64::try_from(time.unix_millis()).unwrap_or_default())
}
