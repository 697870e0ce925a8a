//! The prices that the user has configured in OpenClaw.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use common_fs::{Access, Fs, FsError, follow_links, read_whole};
use serde_json::Value;

use crate::{
    Locations, NanoUsd, OpenClaw, Place, Source as _,
    prices::{Price, Prices, Rates},
};

/// A configuration file larger than this is not one.
const CONFIG_BYTES_MAX: usize = 4 * 1024 * 1024;

/// JSON deeper than this would exhaust the stack of the parser.
const DEPTH_MAX: usize = 100;

/// A configuration that is there but cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The content is not what OpenClaw reads.
    #[error("cannot read prices from `{}`: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where it stops making sense.
        reason: String,
    },
}

/// Reads the prices that the user has configured in OpenClaw: for each state directory the common
/// ones (`openclaw.json`), and before them those of each agent for its own transcripts
/// (`agents/<agent>/agent/models.json`).
///
/// A price of zero is a price: what is configured as free is free. A rate that is not given is
/// not known. Files that do not exist are fine; what cannot be read is reported, and the rest
/// counts.
pub fn configured_prices(fs: &dyn Fs, locations: &Locations) -> (Prices, Vec<ConfigError>) {
    let mut prices = Prices::none();
    let mut errors = Vec::new();
    let is_openclaw = |place: &&Place| place.source.name() == OpenClaw.name();
    let places = locations.places.iter().filter(is_openclaw);
    for state_dir in places.map(|place| &place.path) {
        for agent in agents(fs, state_dir) {
            let dir = state_dir.join("agents").join(agent);
            match read(fs, &dir.join("agent/models.json")) {
                Ok(config) => each_price(&config, &mut |provider, model, price| {
                    prices.add_below(&dir, provider, model, price);
                }),
                Err(error) => errors.push(error),
            }
        }
        match read(fs, &state_dir.join("openclaw.json")) {
            Ok(config) => {
                let models = config.get("models").unwrap_or(&Value::Null);
                each_price(models, &mut |provider, model, price| {
                    prices.add_below(state_dir, provider, model, price);
                });
            }
            Err(error) => errors.push(error),
        }
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

/// Reads a configuration file; one that does not exist is empty. Follows links: people keep
/// their configuration elsewhere.
fn read(fs: &dyn Fs, path: &Path) -> Result<Value, ConfigError> {
    let opened = follow_links(fs, path).and_then(|(dir, name)| dir.open(&name, Access::Read));
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(Value::Null),
        Err(error) => return Err(error.into()),
    };
    let malformed = |reason: String| ConfigError::Malformed { path: path.to_owned(), reason };
    let Some(bytes) = read_whole(file.as_ref(), CONFIG_BYTES_MAX)? else {
        return Err(malformed(format!("it is larger than {CONFIG_BYTES_MAX} bytes")));
    };
    let text = String::from_utf8_lossy(&bytes);
    if DEPTH_MAX < depth(&text) {
        return Err(malformed(format!("it is nested more than {DEPTH_MAX} levels deep")));
    }
    json5::from_str(&text).map_err(|error| malformed(error.to_string()))
}

/// How deep brackets are nested, those in text and comments included.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => (),
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Visits the prices in `{"providers": {<provider>: {"models": [{"id", "cost"}]}}}`. What does
/// not look like that has no price.
fn each_price(config: &Value, visit: &mut dyn FnMut(&str, &str, Price)) {
    let providers = config.get("providers").and_then(Value::as_object);
    for (provider, entry) in providers.into_iter().flatten() {
        let models = entry.get("models").and_then(Value::as_array);
        for model in models.into_iter().flatten() {
            let id = model.get("id").and_then(Value::as_str);
            if let (Some(id), Some(price)) = (id, model.get("cost").and_then(price)) {
                visit(provider, id, price);
            }
        }
    }
}

/// Reads a `cost`; `None` if it gives no rate.
fn price(cost: &Value) -> Option<Price> {
    let tiers = cost.get("tieredPricing").and_then(Value::as_array);
    let tiers: Vec<_> = tiers.into_iter().flatten().filter_map(tier).collect();
    Price::tiered(tiers).or_else(|| rates(cost).map(Price::flat))
}

/// A tier whose range has no beginning is none.
fn tier(tier: &Value) -> Option<(u64, Rates)> {
    let start = tier.get("range")?.get(0)?.as_f64()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates; nobody has prompts of negative or astronomic size"
    )]
    let start = start.ceil() as u64;
    Some((start, rates(tier)?))
}

/// Dollars per million tokens.
fn rates(cost: &Value) -> Option<Rates> {
    let rate = |name| cost.get(name).and_then(Value::as_f64).and_then(NanoUsd::from_dollars);
    let rates = Rates {
        input: rate("input"),
        output: rate("output"),
        cache_creation: rate("cacheWrite"),
        cache_creation_1h: None,
        cache_read: rate("cacheRead"),
    };
    let Rates { input, output, cache_creation, cache_read, .. } = rates;
    input.or(output).or(cache_creation).or(cache_read).map(|_| rates)
}
