//! Price lists of others: LiteLLM and models.dev.
//!
//! A zero in these lists is no price: it stands for models that are free for now, that are part
//! of a subscription, or whose price nobody has entered. It is taken as unknown.

mod litellm;
mod models_dev;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{PriceEntry, Rates, TieredRates, name};
use crate::NanoUsd;

/// What was made of a list.
#[derive(Debug, Default)]
pub(super) struct Converted {
    pub(super) entries: Vec<PriceEntry>,
    /// The models without a usable price, and why.
    pub(super) skipped: Vec<(String, String)>,
}

/// Reads a list if it is one of those; by its shape, as neither says what it is.
pub(super) fn read(text: &str) -> Option<Converted> {
    let list: Map<String, Value> = serde_json::from_str(text).ok()?;
    let any_has = |key| list.values().any(|value| value.get(key).is_some());
    if any_has("litellm_provider") || any_has("input_cost_per_token") {
        Some(litellm::read(&list))
    } else if list.values().any(|value| value.get("models").is_some_and(Value::is_object)) {
        Some(models_dev::read(&list))
    } else {
        None
    }
}

/// Why a model is skipped.
type Skip = &'static str;

/// Gathers entries, one for each model; what comes later replaces what came earlier.
#[derive(Default)]
struct Gathered {
    entries: BTreeMap<(String, String), PriceEntry>,
    skipped: Vec<(String, String)>,
}

impl Gathered {
    fn add(&mut self, provider: &str, model: &str, read: Result<PriceEntry, Skip>) {
        match read {
            Ok(entry) => {
                self.entries.insert((entry.provider.clone(), entry.model.clone()), entry);
            }
            Err(why) => {
                let provider = name::provider(provider);
                self.entries.remove(&(provider.to_owned(), model.to_owned()));
                self.skipped.push((format!("{provider} {model}"), why.to_owned()));
            }
        }
    }

    fn done(self) -> Converted {
        Converted { entries: self.entries.into_values().collect(), skipped: self.skipped }
    }
}

fn entry(provider: &str, model: &str, standard: TieredRates) -> PriceEntry {
    PriceEntry {
        provider: name::provider(provider).to_owned(),
        model: model.to_owned(),
        from: None,
        standard,
        service: Vec::new(),
        source: None,
        date: None,
        keep: false,
        note: None,
    }
}

/// A rate in dollars per million tokens, given how many dollars of that `value` counts.
fn rate(value: &Value, per: f64) -> Option<NanoUsd> {
    let rate = NanoUsd::from_dollars(value.as_f64()? * per)?;
    (rate != NanoUsd::ZERO && !rate.is_saturated()).then_some(rate)
}

/// Without the rate for an hour if that is what it would be anyway.
fn normal(rates: Rates) -> Rates {
    let twice = rates.input.map(|input| NanoUsd(input.0.saturating_mul(2)));
    let cache_creation_1h = rates.cache_creation_1h.filter(|rate| Some(*rate) != twice);
    Rates { cache_creation_1h, ..rates }
}
