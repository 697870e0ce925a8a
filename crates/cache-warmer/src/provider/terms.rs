use crate::{Millis, NanoDollars, RequestUsage, Tier};

/// What one token costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prices {
    /// Of the prompt, if it is not cached.
    pub input: NanoDollars,
    /// Of the answer.
    pub output: NanoDollars,
    /// Read from the cache.
    pub read: NanoDollars,
    /// Written to the cache for five minutes, or for whatever is not an hour. That of `input`
    /// where writing costs nothing extra.
    pub write_5m: NanoDollars,
    /// Written to the cache for an hour.
    pub write_1h: NanoDollars,
}

impl Prices {
    /// Of a written token.
    pub const fn write(&self, tier: Tier) -> NanoDollars {
        match tier {
            Tier::OneHour => self.write_1h,
            Tier::FiveMinutes | Tier::ThirtyMinutes | Tier::OneDay => self.write_5m,
        }
    }

    /// What a request cost, as far as it can be counted.
    pub fn cost(&self, usage: &RequestUsage) -> NanoDollars {
        let parts = [
            (self.input, usage.uncached),
            (self.read, usage.read),
            (self.write_5m, usage.write_5m),
            (self.write_1h, usage.write_1h),
            (self.output, usage.output),
        ];
        parts.into_iter().map(|(price, tokens)| price.for_tokens(tokens)).sum()
    }
}

/// How an entry is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WarmMethod {
    /// The last request once more, asking for no answer: `max_tokens: 0`.
    ReplayWithoutAnswer,
    /// The last request once more, asking for one token.
    ReplayForOneToken,
    /// The provider is told to keep the entry for longer; nothing is sent again.
    ExtendTtl,
}

impl WarmMethod {
    /// As in data and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReplayWithoutAnswer => "replay-0-tokens",
            Self::ReplayForOneToken => "replay-1-token",
            Self::ExtendTtl => "extend-ttl",
        }
    }
}

/// What holds for the entry of one conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Terms {
    /// Which lifetime it has.
    pub tier: Tier,
    /// For how long the entry is kept after the start of the last request that used it.
    pub lifetime: Millis,
    /// What a token costs.
    pub prices: Prices,
    /// What it costs to keep a million tokens for an hour: explicit caches only.
    pub storage: NanoDollars,
    /// A shorter prefix is not cached, without a word.
    pub minimum_tokens: u64,
    /// How the entry is kept.
    pub method: WarmMethod,
    /// Whether the provider says how many tokens it wrote. If not, the whole prompt counts as
    /// cached after a request.
    pub reports_writes: bool,
}

impl Terms {
    /// How many tokens are cached after a request.
    pub const fn cached_after(&self, usage: &RequestUsage) -> u64 {
        if self.reports_writes { usage.cached() } else { usage.prompt() }
    }
}

/// Where a fact comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it was read.
    pub source: String,
    /// When: `YYYY-MM-DD`.
    pub date: String,
}

/// A model of a provider.
#[derive(Clone, Debug)]
pub struct Model {
    pub(super) provider: String,
    pub(super) name: String,
    pub(super) tiers: Vec<(Tier, Millis, Source)>,
    pub(super) default_tier: Tier,
    pub(super) prices: Prices,
    /// Above so many tokens of prompt, the whole request costs more.
    pub(super) long: Option<(u64, Prices)>,
    pub(super) storage: NanoDollars,
    pub(super) minimum_tokens: u64,
    pub(super) minimum_source: Source,
    pub(super) method: WarmMethod,
    pub(super) reports_writes: bool,
    pub(super) source: Source,
}

impl Model {
    /// Of which provider.
    pub fn provider(&self) -> &str {
        &self.provider
    }

    /// Its name without date and variant.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its prices come from.
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// Where its minimum comes from.
    pub const fn minimum_source(&self) -> &Source {
        &self.minimum_source
    }

    /// For how long entries are kept, and where that comes from.
    pub fn tiers(&self) -> impl Iterator<Item = (Tier, Millis, &Source)> {
        self.tiers.iter().map(|(tier, lifetime, source)| (*tier, *lifetime, source))
    }

    /// Which lifetime an entry has if nobody asks for one.
    pub const fn default_tier(&self) -> Tier {
        self.default_tier
    }

    /// What holds for a prompt of this length; of the default tier if it has no such `tier`.
    pub fn terms(&self, tier: Tier, prompt_tokens: u64) -> Terms {
        let of = |wanted| self.tiers.iter().find(|(tier, ..)| *tier == wanted);
        let found = of(tier).or_else(|| of(self.default_tier));
        let (tier, lifetime) = found
            .map_or((self.default_tier, Millis::ZERO), |(tier, lifetime, _)| (*tier, *lifetime));
        let prices = match self.long {
            Some((above, prices)) if above < prompt_tokens => prices,
            _ => self.prices,
        };
        Terms {
            tier,
            lifetime,
            prices,
            storage: self.storage,
            minimum_tokens: self.minimum_tokens,
            method: self.method,
            reports_writes: self.reports_writes,
        }
    }

    /// The same model with another lifetime of a tier: for providers in between that keep entries
    /// for another time, and for tests that cannot wait.
    #[must_use]
    pub fn with_lifetime(mut self, tier: Tier, lifetime: Millis) -> Self {
        for (known, span, _) in &mut self.tiers {
            if *known == tier {
                *span = lifetime;
            }
        }
        self
    }

    /// The same model that caches shorter prefixes.
    #[must_use]
    pub fn with_minimum_tokens(mut self, tokens: u64) -> Self {
        self.minimum_tokens = tokens;
        self
    }
}
