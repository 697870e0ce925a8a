//! Price lists in the format of this project; see `docs/formats.md`.

use common_fs::Timestamp;
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::value::RawValue;

use super::{PriceEntry, PriceListError, Rates, ServiceRates, TieredRates, name};
use crate::{NanoUsd, ServiceTier};

pub(super) const FORMAT: &str = "upkeep-prices";
pub(super) const VERSION: u32 = 1;

/// Unknown fields are refused, here and below: one that is misspelled would silently be unknown,
/// and one of a newer version could change what the others mean.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    format: Option<String>,
    version: Option<u32>,
    #[serde(borrow)]
    prices: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Entry {
    provider: String,
    model: String,
    from: Option<String>,
    input: Option<Dollars>,
    output: Option<Dollars>,
    cache_read: Option<Dollars>,
    cache_write: Option<Dollars>,
    #[serde(rename = "cacheWrite1h")]
    cache_write_1h: Option<Dollars>,
    #[serde(default)]
    tiers: Vec<Tier>,
    #[serde(default)]
    service_tiers: ServiceTiers,
    source: Option<String>,
    date: Option<String>,
    #[serde(default)]
    keep: bool,
    note: Option<String>,
}

/// The rates are spelled out again: `flatten` of serde would let unknown fields pass.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Tier {
    above: u64,
    input: Option<Dollars>,
    output: Option<Dollars>,
    cache_read: Option<Dollars>,
    cache_write: Option<Dollars>,
    #[serde(rename = "cacheWrite1h")]
    cache_write_1h: Option<Dollars>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceTiers {
    priority: Option<Service>,
    flex: Option<Service>,
    batch: Option<Service>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Service {
    input: Option<Dollars>,
    output: Option<Dollars>,
    cache_read: Option<Dollars>,
    cache_write: Option<Dollars>,
    #[serde(rename = "cacheWrite1h")]
    cache_write_1h: Option<Dollars>,
    #[serde(default)]
    tiers: Vec<Tier>,
    source: Option<String>,
    date: Option<String>,
}

/// Dollars per million tokens.
struct Dollars(NanoUsd);

impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let dollars = f64::deserialize(deserializer)?;
        let amount = NanoUsd::from_dollars(dollars).filter(|amount| !amount.is_saturated());
        amount.map(Dollars).ok_or_else(|| D::Error::custom(format!("{dollars} is not a price")))
    }
}

/// Reads a price list.
pub(super) fn read(text: &str) -> Result<Vec<PriceEntry>, PriceListError> {
    let file: File<'_> = serde_json::from_str(text)
        .map_err(|error| PriceListError::Malformed { reason: error.to_string() })?;
    if file.format.is_some_and(|format| format != FORMAT) {
        return Err(PriceListError::Malformed { reason: format!("its format is not {FORMAT}") });
    }
    match file.version {
        Some(version) if version != VERSION => return Err(PriceListError::Version { version }),
        _ => (),
    }
    let mut entries = Vec::with_capacity(file.prices.len());
    for (at, text) in file.prices.into_iter().enumerate() {
        let entry = serde_json::from_str(text.get()).map_err(|error| error.to_string());
        entries.push(entry.and_then(entry_of).map_err(|reason| PriceListError::Entry {
            number: at + 1,
            name: name_of(text.get()),
            reason,
        })?);
    }
    Ok(entries)
}

/// What an entry that cannot be read is about, as far as it says.
fn name_of(entry: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(entry).unwrap_or_default();
    let text = |key| value.get(key).and_then(serde_json::Value::as_str).unwrap_or("?");
    format!("{} {}", text("provider"), text("model"))
}

fn entry_of(entry: Entry) -> Result<PriceEntry, String> {
    let Entry { provider, model, source, date, keep, note, .. } = entry;
    let base =
        [entry.input, entry.output, entry.cache_read, entry.cache_write, entry.cache_write_1h];
    let standard = tiered(base, entry.tiers)?;
    let ServiceTiers { priority, flex, batch } = entry.service_tiers;
    let service =
        [(ServiceTier::Priority, priority), (ServiceTier::Flex, flex), (ServiceTier::Batch, batch)];
    let mut read = Vec::new();
    for (tier, service) in service {
        let Some(service) = service else { continue };
        let Service { input, output, cache_read, cache_write, cache_write_1h, .. } = service;
        let rates =
            tiered([input, output, cache_read, cache_write, cache_write_1h], service.tiers)?;
        let date = check_date(service.date)?;
        read.push(ServiceRates { tier, rates, source: service.source, date });
    }
    let provider = name::provider(&provider).to_owned();
    if provider.is_empty() || model.is_empty() {
        return Err("provider and model must not be empty".to_owned());
    }
    if standard.is_empty() && read.iter().all(|service| service.rates.is_empty()) {
        return Err("it gives no price".to_owned());
    }
    let from = entry.from.as_deref().map(instant).transpose()?;
    let date = check_date(date)?;
    Ok(PriceEntry { provider, model, from, standard, service: read, source, date, keep, note })
}

fn tiered(base: [Option<Dollars>; 5], tiers: Vec<Tier>) -> Result<TieredRates, String> {
    let rates = |named: [Option<Dollars>; 5]| Rates::from_named(named.map(|rate| Some(rate?.0)));
    let tiers = tiers.into_iter().map(|tier| {
        let Tier { above, input, output, cache_read, cache_write, cache_write_1h } = tier;
        (above, rates([input, output, cache_read, cache_write, cache_write_1h]))
    });
    let tiers: Vec<_> = tiers.collect();
    if !tiers.is_sorted_by(|(below, _), (above, _)| below < above) {
        return Err("its tiers are not in order".to_owned());
    }
    Ok(TieredRates { base: rates(base), tiers })
}

fn instant(text: &str) -> Result<Timestamp, String> {
    let time = text.parse::<jiff::Timestamp>().map_err(|error| format!("`from`: {error}"))?;
    let nanos = i64::try_from(time.as_nanosecond()).map_err(|_| "`from` is out of range")?;
    Ok(Timestamp::from_unix_nanos(nanos))
}

fn check_date(date: Option<String>) -> Result<Option<String>, String> {
    let is_day = |text: &String| text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok();
    match date {
        Some(text) if !is_day(&text) => Err(format!("`{text}` is not a date like 2026-01-31")),
        date => Ok(date),
    }
}
