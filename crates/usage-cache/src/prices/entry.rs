use common_fs::Timestamp;

use super::{Price, Rates, name};
use crate::{NanoUsd, ServiceTier};

/// A line of a price list: what a model costs, since when, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceEntry {
    /// Who is asked, for example `anthropic`.
    pub provider: String,
    /// For which model.
    pub model: String,
    /// Since when this holds; `None` for as long as the model exists. It ends when a later entry
    /// of the same model begins.
    pub from: Option<Timestamp>,
    /// The price of usual requests.
    pub standard: TieredRates,
    /// The prices of requests at other terms, each at most once, in order.
    pub service: Vec<ServiceRates>,
    /// Where the price comes from.
    pub source: Option<String>,
    /// When it was looked up there, as `YYYY-MM-DD`.
    pub date: Option<String>,
    /// Whether a conversion of another list leaves the entry alone.
    pub keep: bool,
    /// What else there is to say.
    pub note: Option<String>,
}

/// Rates by the size of the prompt, each for the whole request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TieredRates {
    /// For requests below all tiers.
    pub base: Rates,
    /// For requests whose prompt, cached tokens included, has more tokens than this, up to the
    /// next tier. By rising size.
    pub tiers: Vec<(u64, Rates)>,
}

/// The price of requests at other terms than the usual ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceRates {
    /// At which terms.
    pub tier: ServiceTier,
    /// What they cost.
    pub rates: TieredRates,
    /// Where the price comes from, if not from where that of usual requests does.
    pub source: Option<String>,
    /// When it was looked up there, as `YYYY-MM-DD`.
    pub date: Option<String>,
}

impl PriceEntry {
    /// The name of the model without the date at its end, if it has one: a list that has a price
    /// of that name, and none of this one, takes it for this one.
    pub fn undated_model(&self) -> Option<&str> {
        name::undated(&self.provider, &self.model)
    }

    /// What tells the entries of a list apart, and in which order they are.
    pub(super) fn key(&self) -> (&str, &str, Option<Timestamp>) {
        (&self.provider, &self.model, self.from)
    }

    /// The price at some terms, if it is known.
    pub(super) fn price(&self, tier: ServiceTier) -> Option<Price> {
        if tier == ServiceTier::Standard {
            return self.standard.price();
        }
        self.service.iter().find(|service| service.tier == tier)?.rates.price()
    }
}

impl TieredRates {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        [&self.base].into_iter().chain(self.tiers.iter().map(|(_, rates)| rates)).all(no_rate)
    }

    fn price(&self) -> Option<Price> {
        if self.is_empty() {
            return None;
        }
        let tiers = self.tiers.iter().map(|(above, rates)| (above.saturating_add(1), *rates));
        Price::tiered([(0, self.base)].into_iter().chain(tiers).collect())
    }
}

fn no_rate(rates: &Rates) -> bool {
    *rates == Rates::default()
}

/// The rates by the names they have in files.
pub(super) const RATE_NAMES: [&str; 5] =
    ["input", "output", "cacheRead", "cacheWrite", "cacheWrite1h"];

impl Rates {
    /// In the order of [`RATE_NAMES`].
    pub(super) fn from_named(named: [Option<NanoUsd>; 5]) -> Self {
        let [input, output, cache_read, cache_creation, cache_creation_1h] = named;
        Self { input, output, cache_creation, cache_creation_1h, cache_read }
    }

    /// In the order of [`RATE_NAMES`].
    pub(super) fn named(&self) -> [Option<NanoUsd>; 5] {
        let Self { input, output, cache_creation, cache_creation_1h, cache_read } = *self;
        [input, output, cache_read, cache_creation, cache_creation_1h]
    }
}
