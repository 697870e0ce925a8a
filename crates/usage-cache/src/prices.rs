//! What tokens cost.
//!
//! A [`Price`] is of one model, in dollars per million tokens; a [`PriceList`] has many, with
//! where each comes from. [`Prices`] is what a summary is made at: what the user has configured
//! first, then lists.

mod convert;
mod entry;
mod list;
mod name;
mod render;
mod table;
mod user;
mod wire;

pub use entry::{PriceEntry, ServiceRates, TieredRates};
pub use list::{PriceList, PriceListError};
pub(crate) use table::DirPrices;
pub use table::Prices;
pub use user::{UserPricesError, user_prices, user_prices_path};

use crate::{NanoUsd, TokenCounts, rollup::TIER_STARTS};

/// What a million tokens cost, by class. `None` is a price that is not known: events that have
/// such tokens are unpriced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Prompt tokens outside the cache.
    pub input: Option<NanoUsd>,
    /// Generated tokens.
    pub output: Option<NanoUsd>,
    /// Prompt tokens written to the cache.
    pub cache_creation: Option<NanoUsd>,
    /// Those of them that are kept for an hour; `None` if they cost twice [`Self::input`].
    pub cache_creation_1h: Option<NanoUsd>,
    /// Prompt tokens read from the cache.
    pub cache_read: Option<NanoUsd>,
}

/// The price of a model: rates by the size of the prompt, each for the whole request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// The rates from each prompt size on, by rising size.
    tiers: Vec<(u64, Rates)>,
}

impl Price {
    /// The same rates for every request. All zero means free of charge.
    pub fn flat(rates: Rates) -> Self {
        Self { tiers: vec![(0, rates)] }
    }

    /// Rates that depend on the number of prompt tokens, cached ones included: each pair holds
    /// from its first prompt size to that of the next. Smaller prompts than the smallest size
    /// are charged like it.
    ///
    /// `None` if there is no tier.
    pub fn tiered(mut tiers: Vec<(u64, Rates)>) -> Option<Self> {
        tiers.sort_by_key(|(start, _)| *start);
        tiers.first_mut()?.0 = 0;
        Some(Self { tiers })
    }

    /// The rates for a request by the size of its prompt, cached tokens included.
    pub fn rates_for(&self, prompt_tokens: u64) -> Option<&Rates> {
        self.tier_for(prompt_tokens).map(|(_, rates)| rates)
    }

    fn tier_for(&self, prompt_tokens: u64) -> Option<&(u64, Rates)> {
        self.tiers.iter().rev().find(|(start, _)| *start <= prompt_tokens)
    }

    /// The rates for requests of a class, or `None` if it straddles a change of price: cached
    /// sums can be told apart only at the sizes in [`TIER_STARTS`].
    fn rates(&self, tier: u8) -> Option<Rates> {
        let tier = usize::from(tier);
        let first = tier.checked_sub(1).map_or(Some(0), |at| TIER_STARTS.get(at).copied())?;
        let last = TIER_STARTS.get(tier).map_or(u64::MAX, |next| next - 1);
        let (rates, end) = (self.tier_for(first)?, self.tier_for(last)?);
        (rates.0 == end.0).then_some(rates.1)
    }
}

/// Tokens at rates per million, rounded half up to the nano-dollar.
fn estimate(tokens: &TokenCounts, cache_creation_1h: u64, rates: &Rates) -> Option<NanoUsd> {
    let hour = cache_creation_1h.min(tokens.cache_creation);
    let twice_input = rates.input.map(|input| NanoUsd(input.0.saturating_mul(2)));
    let for_an_hour = rates.cache_creation_1h.or(twice_input);
    let terms = [
        (tokens.input, rates.input),
        (tokens.output, rates.output),
        (tokens.cache_creation - hour, rates.cache_creation),
        (hour, for_an_hour),
        (tokens.cache_read, rates.cache_read),
    ];
    let mut exact = 0_u128;
    for (tokens, rate) in terms.into_iter().filter(|(tokens, _)| 0 < *tokens) {
        exact = exact.saturating_add(u128::from(tokens) * u128::from(rate?.0));
    }
    let nanos = u64::try_from(exact.saturating_add(500_000) / 1_000_000);
    Some(NanoUsd(nanos.unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(input: u64, output: u64) -> Rates {
        let usd = |dollars: u64| Some(NanoUsd(dollars * 1_000_000_000));
        Rates {
            input: usd(input),
            output: usd(output),
            cache_creation: usd(input),
            cache_creation_1h: None,
            cache_read: usd(0),
        }
    }

    #[test]
    fn estimates_are_rounded_once() {
        let tokens = TokenCounts { input: 10, output: 20, ..TokenCounts::default() };
        assert_eq!(estimate(&tokens, 0, &rates(1, 2)), Some(NanoUsd(50_000)));
        let one = TokenCounts { input: 1, ..TokenCounts::default() };
        for (rate, cost) in [(1_499_999, 1), (1_500_000, 2)] {
            let odd = Rates { input: Some(NanoUsd(rate)), ..rates(0, 0) };
            assert_eq!(estimate(&one, 0, &odd), Some(NanoUsd(cost)));
        }
        let many = TokenCounts { input: u64::MAX, ..TokenCounts::default() };
        assert!(estimate(&many, 0, &rates(1_000_000_000, 0)).unwrap().is_saturated());
    }

    #[test]
    fn an_hour_in_the_cache_costs_twice_the_input_or_what_is_said() {
        let tokens = TokenCounts { cache_creation: 100, ..TokenCounts::default() };
        let rates = Rates { input: Some(NanoUsd(10_000_000)), ..rates(0, 0) };
        assert_eq!(estimate(&tokens, 40, &rates), Some(NanoUsd(800)));
        assert_eq!(estimate(&tokens, u64::MAX, &rates), Some(NanoUsd(2_000)));
        let rates = Rates { cache_creation_1h: Some(NanoUsd(50_000_000)), ..rates };
        assert_eq!(estimate(&tokens, 40, &rates), Some(NanoUsd(2_000)));
    }

    #[test]
    fn a_rate_that_is_not_known_matters_only_where_it_is_needed() {
        let rates = Rates { cache_read: None, ..rates(1, 1) };
        let tokens = TokenCounts { input: 1_000, ..TokenCounts::default() };
        assert_eq!(estimate(&tokens, 0, &rates), Some(NanoUsd(1_000_000)));
        assert_eq!(estimate(&TokenCounts { cache_read: 1, ..tokens }, 0, &rates), None);
    }

    #[test]
    fn a_tier_is_for_the_whole_request() {
        let price = Price::tiered(vec![(200_001, rates(2, 2)), (0, rates(1, 1))]).unwrap();
        // Tier 5 is from 200,000 and tier 6 from 200,001 on.
        for (tier, input) in [(0, 1), (4, 1), (5, 1), (6, 2), (10, 2)] {
            assert_eq!(price.rates(tier), Some(rates(input, input)), "{tier}");
        }
        assert_eq!(price.rates(11), None, "no such tier");
        let price = Price::tiered(vec![(150_000, rates(2, 2)), (0, rates(1, 1))]).unwrap();
        assert_eq!(price.rates(3), Some(rates(1, 1)));
        assert_eq!(price.rates(4), None, "from 128,001 to 199,999 there are two prices");
        assert_eq!(price.rates(5), Some(rates(2, 2)));
        assert_eq!(Price::tiered(Vec::new()), None);
    }
}
