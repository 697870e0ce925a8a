use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;

use super::{Model, Prices, ProvidersError, Source, WarmMethod};
use crate::{Millis, NanoDollars, Tier};

const FORMAT: &str = "upkeep-providers";
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct File {
    format: String,
    version: u32,
    providers: Vec<Provider>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Provider {
    #[serde(rename = "provider")]
    name: String,
    aliases: Vec<String>,
    reports_writes: bool,
    default_tier: Tier,
    warm: Method,
    tiers: Vec<TierEntry>,
    models: Vec<ModelEntry>,
}

#[derive(Clone, Copy, Deserialize)]
enum Method {
    #[serde(rename = "replay-0-tokens")]
    ReplayWithoutAnswer,
    #[serde(rename = "replay-1-token")]
    ReplayForOneToken,
    #[serde(rename = "extend-ttl")]
    ExtendTtl,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TierEntry {
    tier: Tier,
    lifetime_seconds: u32,
    source: String,
    date: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ModelEntry {
    model: String,
    minimum_tokens: u64,
    minimum_source: String,
    minimum_date: String,
    prices: PriceEntry,
    long: Option<LongEntry>,
    source: String,
    date: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LongEntry {
    above_tokens: u64,
    prices: PriceEntry,
}

/// In dollars for a million tokens.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PriceEntry {
    input: f64,
    output: f64,
    read: f64,
    write: Option<f64>,
    write5m: Option<f64>,
    write1h: Option<f64>,
    storage_per_hour: Option<f64>,
}

type Models = BTreeMap<String, BTreeMap<String, Arc<Model>>>;

impl File {
    pub(super) fn resolve(self) -> Result<Models, ProvidersError> {
        if self.format != FORMAT || self.version != VERSION {
            return Err(ProvidersError::Version { version: self.version });
        }
        let mut all = Models::new();
        for provider in self.providers {
            let models = provider.models()?;
            for name in [&provider.name].into_iter().chain(&provider.aliases) {
                if all.insert(name.clone(), models.clone()).is_some() {
                    return Err(provider.wrong("", "it is there twice"));
                }
            }
        }
        Ok(all)
    }
}

impl Provider {
    fn models(&self) -> Result<BTreeMap<String, Arc<Model>>, ProvidersError> {
        if !self.tiers.iter().any(|entry| entry.tier == self.default_tier) {
            return Err(self.wrong("", "the default tier has no lifetime"));
        }
        let mut models = BTreeMap::new();
        for entry in &self.models {
            let model = self.model(entry).map_err(|why| self.wrong(&entry.model, why))?;
            if models.insert(entry.model.clone(), Arc::new(model)).is_some() {
                return Err(self.wrong(&entry.model, "it is there twice"));
            }
        }
        Ok(models)
    }

    fn model(&self, entry: &ModelEntry) -> Result<Model, &'static str> {
        let tiers = self.tiers.iter().map(|tier| {
            let lifetime = Millis::from_secs(u64::from(tier.lifetime_seconds));
            (tier.tier, lifetime, source(&tier.source, &tier.date))
        });
        let long = match &entry.long {
            Some(long) => Some((long.above_tokens, long.prices.resolve()?)),
            None => None,
        };
        let storage = entry.prices.storage_per_hour.unwrap_or(0.0);
        Ok(Model {
            provider: self.name.clone(),
            name: entry.model.clone(),
            tiers: tiers.collect(),
            default_tier: self.default_tier,
            prices: entry.prices.resolve()?,
            long,
            storage: NanoDollars::from_dollars_f64(storage).ok_or("its storage has no price")?,
            minimum_tokens: entry.minimum_tokens,
            minimum_source: source(&entry.minimum_source, &entry.minimum_date),
            method: match self.warm {
                Method::ReplayWithoutAnswer => WarmMethod::ReplayWithoutAnswer,
                Method::ReplayForOneToken => WarmMethod::ReplayForOneToken,
                Method::ExtendTtl => WarmMethod::ExtendTtl,
            },
            reports_writes: self.reports_writes,
            source: source(&entry.source, &entry.date),
        })
    }

    fn wrong(&self, model: &str, reason: &'static str) -> ProvidersError {
        let (provider, model) = (self.name.clone(), model.to_owned());
        ProvidersError::Entry { provider, model, reason }
    }
}

impl PriceEntry {
    fn resolve(&self) -> Result<Prices, &'static str> {
        let written = self.write.or(self.write5m).ok_or("writing has no price")?;
        Ok(Prices {
            input: per_token(self.input)?,
            output: per_token(self.output)?,
            read: per_token(self.read)?,
            write_5m: per_token(written)?,
            write_1h: per_token(self.write1h.unwrap_or(written))?,
        })
    }
}

/// A price in dollars for a million tokens is one in thousands of nano-dollars for a token. It has
/// to be a whole number of them: nothing is rounded.
fn per_token(dollars_per_million: f64) -> Result<NanoDollars, &'static str> {
    let nanos = dollars_per_million * 1000.0;
    let whole = nanos.round();
    if !(0.0..1e15).contains(&whole) || 1e-6 < (nanos - whole).abs() {
        return Err("a price is not a whole number of nano-dollars for a token");
    }
    #[expect(clippy::cast_possible_truncation, reason = "its size was looked at")]
    let whole = whole as i64;
    Ok(NanoDollars(whole))
}

fn source(source: &str, date: &str) -> Source {
    Source { source: source.to_owned(), date: date.to_owned() }
}
