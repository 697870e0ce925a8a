//! `model_prices_and_context_window.json`, an object of models.
//!
//! Costs are dollars per token, in fields like `input_cost_per_token_above_200k_tokens_priority`:
//! the rate, the size of prompts that it begins above, and the terms.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Converted, Gathered, Skip, entry, normal, rate};
use crate::{
    NanoUsd, ServiceTier,
    prices::{PriceEntry, Rates, ServiceRates, TieredRates},
};

/// Kinds of models whose answers are counted in tokens of text.
const MODES: [&str; 3] = ["chat", "completion", "responses"];

/// In the order of `RATE_NAMES`.
const RATES: [&str; 5] = [
    "input_cost_per_token",
    "output_cost_per_token",
    "cache_read_input_token_cost",
    "cache_creation_input_token_cost",
    "cache_creation_input_token_cost_above_1hr",
];

const SERVICE: [(&str, ServiceTier); 3] = [
    ("_priority", ServiceTier::Priority),
    ("_flex", ServiceTier::Flex),
    ("_batches", ServiceTier::Batch),
];

pub(super) fn read(list: &Map<String, Value>) -> Converted {
    let mut gathered = Gathered::default();
    // Some models are there twice, with their provider in the name and without; that with comes
    // later, and is the one that LiteLLM itself would choose.
    let (bare, prefixed): (Vec<_>, Vec<_>) = list.iter().partition(|(name, _)| !name.contains('/'));
    for (name, model) in bare.into_iter().chain(prefixed) {
        let text = |key| model.get(key).and_then(Value::as_str);
        let (Some(provider), Some(fields)) = (text("litellm_provider"), model.as_object()) else {
            continue;
        };
        if text("mode").is_some_and(|mode| !MODES.contains(&mode)) {
            continue;
        }
        let prefix = name.strip_prefix(provider).and_then(|name| name.strip_prefix('/'));
        let name = prefix.unwrap_or(name);
        gathered.add(provider, name, read_model(provider, name, fields));
    }
    gathered.done()
}

fn read_model(provider: &str, name: &str, fields: &Map<String, Value>) -> Result<PriceEntry, Skip> {
    if fields.get("off_peak_pricing").is_some_and(|windows| !windows.is_null()) {
        return Err("its price depends on the time of day");
    }
    let mut table = Table::default();
    table.add_fields(fields, None)?;
    let tiers = fields.get("tiered_pricing").and_then(Value::as_array);
    for tier in tiers.into_iter().flatten() {
        let start = tier.get("range").and_then(|range| range.get(0)).and_then(whole);
        let (Some(start), Some(fields)) = (start, tier.as_object()) else {
            return Err("its tiers have no range");
        };
        table.add_fields(fields, Some(start))?;
    }
    table.entry(provider, name).ok_or("it gives no price per token")
}

/// Rates by terms, and by the size of prompts that they begin above; 0 for all.
#[derive(Default)]
struct Table(BTreeMap<(ServiceTier, u64), [Option<NanoUsd>; 5]>);

impl Table {
    /// Takes the costs in `fields`, all of them for prompts above a size if one is given.
    fn add_fields(&mut self, fields: &Map<String, Value>, above: Option<u64>) -> Result<(), Skip> {
        for (key, value) in fields {
            let Some((at, size, service)) = meaning(key) else { continue };
            let rates = self.0.entry((service, above.unwrap_or(size))).or_default();
            if let Some(slot) = rates.get_mut(at) {
                *slot = rate(value, 1e6);
            }
        }
        let differs = |key: &str, from: &str| {
            let costs = [key, from].map(|key| fields.get(key).and_then(|cost| rate(cost, 1e6)));
            matches!(costs, [Some(cost), Some(from)] if cost != from)
        };
        if differs("output_cost_per_reasoning_token", "output_cost_per_token") {
            return Err("its output has two prices");
        }
        if differs("explicit_cache_read_input_token_cost", "cache_read_input_token_cost") {
            return Err("its cache reads have two prices");
        }
        Ok(())
    }

    fn entry(&self, provider: &str, name: &str) -> Option<PriceEntry> {
        let standard = self.rates(ServiceTier::Standard);
        let service = SERVICE.into_iter().filter_map(|(_, tier)| {
            let rates = self.rates(tier);
            (!rates.is_empty()).then_some(ServiceRates { tier, rates, source: None, date: None })
        });
        let service: Vec<_> = service.collect();
        let known = !standard.is_empty() || !service.is_empty();
        known.then(|| PriceEntry { service, ..entry(provider, name, standard) })
    }

    /// The rates at some terms. Where the usual price changes with the size of prompts, and
    /// nothing is said of these terms, they are unknown from there on.
    fn rates(&self, tier: ServiceTier) -> TieredRates {
        let get = |above| {
            let named = self.0.get(&(tier, above)).copied();
            normal(Rates::from_named(named.unwrap_or_default()))
        };
        let own = |service| service == ServiceTier::Standard || service == tier;
        let sizes = self.0.keys().filter(|(service, above)| own(*service) && *above != 0);
        let mut sizes: Vec<u64> = sizes.map(|(_, above)| *above).collect();
        sizes.sort_unstable();
        sizes.dedup();
        let tiers = sizes.into_iter().map(|above| (above, get(above))).collect();
        TieredRates { base: get(0), tiers }
    }
}

/// What a field says: which rate, above which size of prompts, and at which terms.
fn meaning(key: &str) -> Option<(usize, u64, ServiceTier)> {
    // The longest first: one is the beginning of another.
    let (at, rest) = RATES
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, rate)| Some((at, key.strip_prefix(rate)?)))?;
    let service = SERVICE.into_iter().find_map(|(end, tier)| Some((rest.strip_suffix(end)?, tier)));
    let (size, tier) = service.unwrap_or((rest, ServiceTier::Standard));
    if size.is_empty() {
        return Some((at, 0, tier));
    }
    let thousands = size.strip_prefix("_above_")?.strip_suffix("k_tokens")?;
    Some((at, thousands.parse::<u64>().ok()?.checked_mul(1_000)?, tier))
}

/// A number of tokens, which LiteLLM also writes with a fraction.
fn whole(number: &Value) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; nobody has prompts of negative or astronomic size"
    )]
    number.as_f64().map(|tokens| tokens as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_meanings() {
        use ServiceTier::{Batch, Flex, Priority, Standard};
        let table = [
            ("input_cost_per_token", Some((0, 0, Standard))),
            ("output_cost_per_token_batches", Some((1, 0, Batch))),
            ("cache_read_input_token_cost_above_200k_tokens", Some((2, 200_000, Standard))),
            ("cache_creation_input_token_cost_flex", Some((3, 0, Flex))),
            ("cache_creation_input_token_cost_above_1hr", Some((4, 0, Standard))),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                Some((4, 200_000, Standard)),
            ),
            ("input_cost_per_token_above_272k_tokens_priority", Some((0, 272_000, Priority))),
            ("cache_creation_input_token_cost_above_12hr", None),
            ("input_cost_per_token_ultrafast", None),
            ("input_cost_per_token_cache_hit", None),
            ("input_cost_per_token_above_99999999999999999999k_tokens", None),
            ("input_cost_per_character", None),
            ("mode", None),
        ];
        for (key, expected) in table {
            assert_eq!(meaning(key), expected, "{key}");
        }
    }
}
