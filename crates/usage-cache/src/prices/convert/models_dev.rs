//! `https://models.dev/api.json`, an object of providers with their models.
//!
//! `cost` is in dollars per million tokens; `context_over_200k` in it is for requests with large
//! prompts.

use serde_json::{Map, Value};

use super::{Converted, Gathered, Skip, entry, normal, rate};
use crate::prices::{PriceEntry, Rates, TieredRates};

pub(super) fn read(list: &Map<String, Value>) -> Converted {
    let mut gathered = Gathered::default();
    for (provider, fields) in list {
        let models = fields.get("models").and_then(Value::as_object);
        for (name, model) in models.into_iter().flatten().filter(|(_, model)| writes_text(model)) {
            gathered.add(provider, name, read_model(provider, name, model));
        }
    }
    gathered.done()
}

fn writes_text(model: &Value) -> bool {
    let output = model.get("modalities").and_then(|modalities| modalities.get("output"));
    output.and_then(Value::as_array).is_none_or(|output| output.contains(&Value::from("text")))
}

fn read_model(provider: &str, name: &str, model: &Value) -> Result<PriceEntry, Skip> {
    let cost = model.get("cost").ok_or("it gives no price")?;
    let base = rates(cost);
    let reasoning = cost.get("reasoning").and_then(|cost| rate(cost, 1.0));
    if reasoning.is_some() && reasoning != base.output {
        return Err("its output has two prices");
    }
    let large = cost.get("context_over_200k").map(rates);
    let tiers = large.map(|rates| (threshold(provider), rates)).into_iter().collect();
    let rates = TieredRates { base, tiers };
    if rates.is_empty() { Err("it gives no price") } else { Ok(entry(provider, name, rates)) }
}

/// Above which size of prompts the other rates hold. The models of OpenAI that have such rates
/// have them above 272,000 tokens, for which models.dev has no field.
fn threshold(provider: &str) -> u64 {
    if provider == "openai" { 272_000 } else { 200_000 }
}

fn rates(cost: &Value) -> Rates {
    let get = |name| cost.get(name).and_then(|cost| rate(cost, 1.0));
    let names = ["input", "output", "cache_read", "cache_write"];
    let [input, output, cache_read, cache_write] = names.map(get);
    normal(Rates::from_named([input, output, cache_read, cache_write, None]))
}
