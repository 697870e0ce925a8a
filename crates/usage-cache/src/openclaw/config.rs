//! The prices that the user has configured in OpenClaw.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use common_fs::{Access, Fs, FsError, follow_links, read_whole};
use serde::Deserialize;

use crate::{
    Locations, NanoUsd,
    prices::{Price, Prices, Rates},
};

/// A configuration file larger than this is not one.
const CONFIG_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A configuration that is there but cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The content is not what OpenClaw writes.
    #[error("cannot read prices from `{}`", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        #[source]
        source: json5::Error,
    },
    /// The file is larger than any configuration.
    #[error("`{}` is too large for a configuration (over {bytes_max} bytes)", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// What is read at most.
        bytes_max: usize,
    },
}

#[derive(Deserialize)]
struct OpenClawConfig {
    models: Option<Providers>,
}

#[derive(Deserialize)]
struct Providers {
    #[serde(default)]
    providers: BTreeMap<String, Provider>,
}

#[derive(Deserialize)]
struct Provider {
    #[serde(default)]
    models: Vec<ModelEntry>,
}

#[derive(Deserialize)]
struct ModelEntry {
    id: String,
    cost: Option<CostEntry>,
}

/// Dollars per million tokens.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CostEntry {
    input: f64,
    output: f64,
    #[serde(default)]
    cache_read: f64,
    #[serde(default)]
    cache_write: f64,
    #[serde(default)]
    tiered_pricing: Vec<TierEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TierEntry {
    input: f64,
    output: f64,
    #[serde(default)]
    cache_read: f64,
    #[serde(default)]
    cache_write: f64,
    range: Vec<f64>,
}

/// Reads the prices that the user has configured in OpenClaw: for each state directory those of
/// the agents (`agents/<agent>/agent/models.json`), then the common ones (`openclaw.json`). The
/// first price of a model counts.
///
/// A price of zero is a price: what is configured as free is free. Files that do not exist are
/// fine, others that cannot be read are reported.
pub fn configured_prices(fs: &dyn Fs, locations: &Locations) -> (Prices, Vec<ConfigError>) {
    let mut prices = Prices::none();
    let mut errors = Vec::new();
    let mut add = |providers: Result<Option<Providers>, ConfigError>| match providers {
        Ok(Some(providers)) => add_all(&mut prices, &providers),
        Ok(None) => (),
        Err(error) => errors.push(error),
    };
    for state_dir in &locations.openclaw {
        for agent in agents(fs, state_dir) {
            add(read(fs, state_dir.join("agents").join(agent).join("agent/models.json")));
        }
        let common = read::<OpenClawConfig>(fs, state_dir.join("openclaw.json"));
        add(common.map(|config| config.and_then(|config| config.models)));
    }
    (prices, errors)
}

/// The agents by name; none if they cannot be listed, which the search for transcripts reports.
fn agents(fs: &dyn Fs, state_dir: &Path) -> Vec<OsString> {
    let listed = fs.open_dir(&state_dir.join("agents")).and_then(|dir| dir.list());
    let mut names: Vec<_> = listed.into_iter().flatten().map(|entry| entry.name).collect();
    names.sort();
    names
}

/// Follows links: people keep their configuration elsewhere.
fn read<T: serde::de::DeserializeOwned>(
    fs: &dyn Fs,
    path: PathBuf,
) -> Result<Option<T>, ConfigError> {
    let opened = follow_links(fs, &path).and_then(|(dir, name)| dir.open(&name, Access::Read));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(bytes) = read_whole(file.as_ref(), CONFIG_BYTES_MAX)? else {
        return Err(ConfigError::TooLarge { path, bytes_max: CONFIG_BYTES_MAX });
    };
    match json5::from_str(&String::from_utf8_lossy(&bytes)) {
        Ok(config) => Ok(Some(config)),
        Err(source) => Err(ConfigError::Malformed { path, source }),
    }
}

fn add_all(prices: &mut Prices, providers: &Providers) {
    for (provider, entry) in &providers.providers {
        for model in &entry.models {
            if let Some(price) = model.cost.as_ref().and_then(price) {
                prices.add(provider, &model.id, price);
            }
        }
    }
}

/// `None` if a rate is negative or not a number.
fn price(cost: &CostEntry) -> Option<Price> {
    let tiers: Vec<_> = cost.tiered_pricing.iter().filter_map(tier).collect();
    if let Some(price) = Price::tiered(tiers) {
        return Some(price);
    }
    rates([cost.input, cost.output, cost.cache_write, cost.cache_read]).map(Price::flat)
}

fn tier(tier: &TierEntry) -> Option<(u64, Rates)> {
    let start = tier.range.first().copied().filter(|start| start.is_finite())?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; nobody has prompts of negative or astronomic size"
    )]
    let start = start.ceil() as u64;
    Some((start, rates([tier.input, tier.output, tier.cache_write, tier.cache_read])?))
}

fn rates(dollars: [f64; 4]) -> Option<Rates> {
    let [input, output, cache_creation, cache_read] = dollars.map(NanoUsd::from_dollars);
    Some(Rates {
        input: input?,
        output: output?,
        cache_creation: cache_creation?,
        cache_read: cache_read?,
    })
}
