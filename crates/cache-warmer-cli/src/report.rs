//! What a simulation says, for people and programs.

mod chart;
mod format;
mod html;
mod json;
mod text;

use cache_warmer::{
    NanoDollars, Providers, Tier,
    simulate::{BreakEven, Conversation, Outcome, Settings, SimulatedPolicy, Simulation},
};
use common_fs::Timestamp;

use crate::transcripts::Transcripts;

pub(crate) use format::dollars;
pub(crate) use html::html;
pub(crate) use json::json;
pub(crate) use text::text;

/// The policies that are compared.
pub(crate) const POLICIES: [SimulatedPolicy; 6] = [
    SimulatedPolicy::None,
    SimulatedPolicy::Seed240,
    SimulatedPolicy::SkiRental,
    SimulatedPolicy::Histogram,
    SimulatedPolicy::OneHourTier,
    SimulatedPolicy::Hindsight,
];

/// The one that conversations are ranked by: what this program does if nobody asks for another.
const DEFAULT: SimulatedPolicy = SimulatedPolicy::SkiRental;

/// At most so many pings in each pause, to show where more of them cost more than they save.
pub(crate) const SWEEP: [u32; 16] = [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 20, 24, 32, 40];

/// So many conversations that gain, and that lose, are shown.
const EXTREMES: usize = 5;

/// The break-even table has so many models at most, and entries of this size.
const MODELS_MAX: usize = 3;
const BREAK_EVEN_TOKENS: u64 = 100_000;

/// What is above the columns of the tables, in text and on the page.
const POLICIES_HEADER: [&str; 9] =
    ["Policy", "Pings", "Spent", "Saved", "Net", "of cost", "95 % interval", "Hits", "Expired"];
const CONVERSATIONS_HEADER: [&str; 9] = [
    "Conversation",
    "Model",
    "Kept for",
    "Requests",
    "Expiries",
    "Longest pause",
    "Pings",
    "Saved",
    "Net",
];
const BREAK_EVEN_HEADER: [&str; 9] = [
    "Model",
    "Kept for",
    "Ping after",
    "A ping costs",
    "and can save",
    "Pays from",
    "Pings",
    "Covered",
    "An hour costs",
];

/// How often conversations are drawn to tell how much depends on a few of them.
const RESAMPLES: usize = 1_000;

/// With fewer conversations, drawing them again says nothing.
const RESAMPLED_MIN: usize = 10;

/// All that is reported.
#[derive(Debug)]
pub(crate) struct Report {
    /// Of [`POLICIES`] and then [`SWEEP`].
    pub(crate) simulation: Simulation,
    pub(crate) settings: Settings,
    pub(crate) is_demo: bool,
    pub(crate) transcripts: Transcripts,
    pub(crate) providers: Providers,
}

/// What came of a policy in all.
#[derive(Clone, Copy, Debug)]
struct Row {
    policy: SimulatedPolicy,
    outcome: Outcome,
    /// Between these the net is in 19 of 20 sets of such conversations; `None` if there are too few
    /// to tell.
    interval: Option<(NanoDollars, NanoDollars)>,
}

impl Row {
    /// In words; what is nothing by definition, and what is not known, is left blank.
    fn interval_in_words(&self) -> String {
        match self.interval {
            Some((low, high)) if self.policy != SimulatedPolicy::None => {
                format!("{} to {}", format::net(low), format::net(high))
            }
            Some(_) | None => String::new(),
        }
    }
}

/// When pings pay for a model.
#[derive(Clone, Debug)]
struct BreakEvenRow {
    model: String,
    figures: BreakEven,
}

impl Report {
    /// What came of all policies, in conversations with people or in those of sub-agents.
    fn rows(&self, subagents: bool) -> Vec<Row> {
        let of_kind = |conversation: &Conversation| conversation.is_subagent == subagents;
        let totals = self.simulation.totals(of_kind);
        let intervals = self.intervals(of_kind);
        let rows = POLICIES.into_iter().zip(totals).zip(intervals);
        rows.map(|((policy, outcome), interval)| Row { policy, outcome, interval }).collect()
    }

    /// What at most so many pings in each pause gain, in conversations with people.
    fn sweep(&self) -> Vec<(u32, Outcome)> {
        let totals = self.simulation.totals(|conversation| !conversation.is_subagent);
        SWEEP.into_iter().zip(totals.into_iter().skip(POLICIES.len())).collect()
    }

    /// The 2.5th and the 97.5th percentile of the net of each policy, if conversations are drawn
    /// again and again from those that there are (bootstrap).
    fn intervals(
        &self,
        of: impl Fn(&Conversation) -> bool,
    ) -> Vec<Option<(NanoDollars, NanoDollars)>> {
        let nets: Vec<[i64; POLICIES.len()]> = self
            .simulation
            .conversations
            .iter()
            .filter(|conversation| of(conversation))
            .map(|conversation| {
                let mut nets = [0; POLICIES.len()];
                for (net, outcome) in nets.iter_mut().zip(&conversation.outcomes) {
                    *net = outcome.net().0;
                }
                nets
            })
            .collect();
        if nets.len() < RESAMPLED_MIN {
            return vec![None; POLICIES.len()];
        }
        let mut sums = vec![Vec::with_capacity(RESAMPLES); POLICIES.len()];
        // The same for the same conversations.
        let mut rng = fastrand::Rng::with_seed(1);
        for _ in 0..RESAMPLES {
            let mut sum = [0_i64; POLICIES.len()];
            for _ in 0..nets.len() {
                let drawn = nets.get(rng.usize(..nets.len())).copied().unwrap_or_default();
                for (sum, net) in sum.iter_mut().zip(drawn) {
                    *sum = sum.saturating_add(net);
                }
            }
            for (sums, sum) in sums.iter_mut().zip(sum) {
                sums.push(sum);
            }
        }
        sums.into_iter().map(|sums| Some(interval(sums))).collect()
    }

    /// The conversations with people, by what the default policy gains in them: the most first.
    fn ranked(&self) -> Vec<(&Conversation, Outcome)> {
        let nth = POLICIES.iter().position(|policy| *policy == DEFAULT).unwrap_or_default();
        let of_people = |conversation: &&Conversation| !conversation.is_subagent;
        let conversations = self.simulation.conversations.iter().filter(of_people);
        let mut ranked: Vec<_> = conversations
            .filter_map(|conversation| Some((conversation, *conversation.outcomes.get(nth)?)))
            .collect();
        ranked.sort_by_key(|(_, outcome)| std::cmp::Reverse(outcome.net()));
        ranked
    }

    /// When pings pay, for the models that have cost the most.
    fn break_even(&self) -> Vec<BreakEvenRow> {
        let mut costs: Vec<((&str, &str), NanoDollars)> = Vec::new();
        for conversation in &self.simulation.conversations {
            let model = (conversation.provider.as_str(), conversation.model.as_str());
            let cost = conversation.outcomes.first().map_or(NanoDollars::ZERO, |none| none.cost);
            match costs.iter_mut().find(|(known, _)| *known == model) {
                Some((_, sum)) => *sum = sum.plus(cost),
                None => costs.push((model, cost)),
            }
        }
        costs.sort_by_key(|(model, cost)| (std::cmp::Reverse(*cost), *model));
        let tiers = [Tier::FiveMinutes, Tier::ThirtyMinutes, Tier::OneHour];
        let models = costs.iter().take(MODELS_MAX).filter_map(|((provider, model), _)| {
            let known = self.providers.model(provider, model).ok()?;
            Some((*model, known))
        });
        let rows = models.flat_map(|(name, model)| {
            let of_tier = |tier| cache_warmer::simulate::break_even(model, tier, BREAK_EVEN_TOKENS);
            tiers
                .into_iter()
                .filter_map(of_tier)
                .map(move |figures| BreakEvenRow { model: name.to_owned(), figures })
        });
        rows.collect()
    }

    /// When the first request was sent, and the last one answered.
    fn period(&self) -> Option<(Timestamp, Timestamp)> {
        let requests = || self.transcripts.histories.iter().flat_map(|history| &history.requests);
        let first = requests().map(|request| request.started).min()?;
        let last = requests().map(|request| request.ended).max()?;
        Some((first, last))
    }

    /// How many conversations and requests there are of one kind.
    fn size(&self, subagents: bool) -> (u64, u64) {
        let conversations = self.simulation.conversations.iter();
        let of_kind = conversations.filter(|conversation| conversation.is_subagent == subagents);
        of_kind.fold((0, 0), |(count, requests), conversation| {
            (count + 1, requests + conversation.requests)
        })
    }

    /// How many requests of one kind are to models without a known price.
    fn unpriced_requests(&self, subagents: bool) -> u64 {
        let histories = self.transcripts.histories.iter();
        let unpriced = histories.filter(|history| {
            history.is_subagent == subagents
                && self.providers.model(&history.provider, &history.model).is_err()
        });
        unpriced.map(|history| history.requests.len() as u64).sum()
    }

    /// Whether nothing is known of what the conversations of one kind have cost: there are some, and
    /// none has a known price.
    fn is_unpriced(&self, subagents: bool) -> bool {
        self.size(subagents).0 == 0 && self.unpriced_requests(subagents) != 0
    }

    /// Why there is nothing to show, if there is not.
    fn nothing_to_show(&self) -> Option<String> {
        if !self.simulation.conversations.is_empty() {
            return None;
        }
        let requests: u64 = self.simulation.unpriced.iter().map(|model| model.requests).sum();
        Some(match requests {
            0 => "No requests found.".to_owned(),
            _ => format!(
                "{} found, but none of a model with a known price: what warming would have cost and saved cannot be told.",
                cli_support::text::counted(requests, "request")
            ),
        })
    }

    /// What is said instead of numbers if nobody but agents has asked.
    fn without_people(&self) -> &'static str {
        if self.simulation.unpriced.is_empty() {
            "No conversations with people, only those of sub-agents"
        } else {
            "No conversations with people whose model has a known price, only those of sub-agents"
        }
    }

    /// What is not in the numbers, or in another way than one might think.
    fn notes(&self) -> Vec<String> {
        let mut notes = self.without_price();
        notes.extend(self.passed_over());
        let is_few = |subagents| (1..RESAMPLED_MIN as u64).contains(&self.size(subagents).0);
        if is_few(false) || is_few(true) {
            notes.push(format!(
                "With fewer than {RESAMPLED_MIN} conversations there is no 95 % interval: they are too few to tell."
            ));
        }
        if !self.simulation.conversations.is_empty() {
            notes.push(format!(
                "A conversation counts as closed after {} without a request (--closed-after).",
                cli_support::text::about(self.settings.closed_after.into())
            ));
        }
        notes
    }

    /// The models without a known price.
    fn without_price(&self) -> Vec<String> {
        let unpriced = self.simulation.unpriced.iter();
        let notes = unpriced.map(|model| {
            let name = if model.model.is_empty() { "(none)" } else { &model.model };
            format!(
                "No price is known for {} of {}: {} left out.",
                cli_support::text::plain(name),
                if model.provider.is_empty() {
                    "an unnamed provider".to_owned()
                } else {
                    cli_support::text::plain(&model.provider)
                },
                cli_support::text::counted(model.requests, "request"),
            )
        });
        notes.collect()
    }

    /// What was found and could not be read, or does not count.
    pub(crate) fn passed_over(&self) -> Vec<String> {
        let counts = &self.transcripts.counts;
        let table = [
            (counts.malformed_lines, "damaged line", "passed over"),
            (counts.too_long_lines, "line", "longer than any answer, passed over"),
            (counts.untimed, "answer", "without a time, left out"),
            (counts.unresolved, "answer", "that may be another session's, left out"),
            (counts.compressed, "transcript", "in compressed archives, not read"),
            (self.transcripts.errors.len() as u64, "place", "that could not be read"),
        ];
        let some = table.into_iter().filter(|(count, ..)| 0 < *count);
        some.map(|(count, noun, what)| {
            format!("{} {what}.", cli_support::text::counted(count, noun))
        })
        .collect()
    }
}

/// The 2.5th and the 97.5th percentile.
fn interval(mut sums: Vec<i64>) -> (NanoDollars, NanoDollars) {
    sums.sort_unstable();
    let at = |permille: usize| {
        let nth = sums.len() * permille / 1_000;
        NanoDollars(sums.get(nth).copied().unwrap_or_default())
    };
    (at(25), at(975))
}
