use std::sync::Arc;

use crate::{GapHistogram, Millis, NanoDollars};

/// When warming stops, and how it behaves until then.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// How many pings an idle spell gets.
    pub pings: PingLimit,
    /// And never more than this.
    pub pings_max: u32,
    /// After how long without a real request it stops in any case.
    pub idle_max: Option<Millis>,
    /// What it may cost.
    pub budget: Budget,
    /// What an avoided cold start is worth beside its price, as it takes longer.
    pub latency_value: NanoDollars,
    /// How far from the end of the lifetime a ping has to be sent.
    pub guard: Guard,
    /// By up to how many hundredths of the interval a ping is early, always the same for a
    /// conversation, so that those that fell idle together do not come together. Never late.
    pub jitter_percent: u32,
    /// How many pings may be under way at once.
    ///
    /// Of conversations that fall idle together, about as many can be kept as pings fit between
    /// when they are due and when they are too late: this number, divided by how long an answer
    /// takes, times that span. The others stop with
    /// [`Reason::CrowdedOut`](crate::Reason::CrowdedOut).
    pub flights_max: u32,
    /// After how long a ping without an answer is given up.
    pub timeout: Millis,
    /// When a conversation is left alone whose pings do no good.
    pub breaker: BreakerRules,
}

/// How many pings an idle spell gets.
#[derive(Clone, Debug, PartialEq)]
pub enum PingLimit {
    /// As many as cost no more than what they can save: never worse than twice what somebody would
    /// have paid who knew the future.
    BreakEven,
    /// So many.
    Fixed(u32),
    /// As many as would have cost least over these gaps; as `BreakEven` while there are fewer than
    /// [`GAPS_MIN`].
    Histogram(Arc<GapHistogram>),
}

/// Fewer gaps say nothing about the next one.
pub const GAPS_MIN: u64 = 50;

/// What warming may cost. It is never exceeded: a ping is only sent if there is room for the most
/// that it can cost, which is a whole write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// For each conversation, as long as it is open and the program runs.
    pub conversation: Option<NanoDollars>,
    /// For all conversations, each day (UTC).
    pub day: Option<NanoDollars>,
    /// For all conversations, as long as the ledger is kept.
    pub total: Option<NanoDollars>,
}

impl Budget {
    /// No limit but the number of pings.
    pub const UNLIMITED: Self = Self { conversation: None, day: None, total: None };
}

/// How far from the end of the lifetime a ping has to be sent: it has to arrive in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// In any case.
    pub base: Millis,
    /// And for every thousand tokens of the prompt, which has to be sent and looked up.
    pub per_kilotoken: Millis,
}

impl Guard {
    /// For a prompt of so many tokens, where answers took as long as `latency`.
    pub const fn span(&self, tokens: u64, latency: Millis) -> Millis {
        self.base.plus(self.per_kilotoken.times(tokens / 1000)).plus(latency)
    }
}

/// When a conversation is left alone whose pings do no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerRules {
    /// After so many in a row that read nothing, or too little, or after as many pauses in a row after
    /// which a real request has read nothing of what was kept.
    pub bad_max: u8,
    /// Then for this long; after that, one ping is a trial.
    pub cool_down: Millis,
}

impl Policy {
    /// What is safe without knowing how long the pauses of the user are.
    pub const SKI_RENTAL: Self = Self {
        pings: PingLimit::BreakEven,
        pings_max: u32::MAX,
        idle_max: None,
        budget: Budget::UNLIMITED,
        latency_value: NanoDollars::ZERO,
        // Ten seconds as pi. A tenth of a millisecond for each token is a third of what loreai
        // allows; more would make the interval of a million tokens shorter than two minutes.
        guard: Guard { base: Millis::from_secs(10), per_kilotoken: Millis(100) },
        jitter_percent: 5,
        flights_max: 8,
        timeout: Millis::from_secs(30),
        // As loreai: three in a row, six hours.
        breaker: BreakerRules { bad_max: 3, cool_down: Millis::from_hours(6) },
    };
}
