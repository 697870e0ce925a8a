//! What providers charge, and for how long they keep what they have cached: data, each entry with
//! its source and date.

mod terms;
mod wire;

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

pub use terms::{Model, Prices, Source, Terms, WarmMethod};

/// What comes with the library.
const BUILTIN: &str = include_str!("../data/providers.json");

/// Models by provider. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Providers(Arc<BTreeMap<String, BTreeMap<String, Arc<Model>>>>);

/// A list of providers that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProvidersError {
    /// It is none.
    #[error("not a list of providers")]
    Malformed(#[from] serde_json::Error),
    /// A newer program wrote it.
    #[error("version {version} of the list of providers is not known")]
    Version {
        /// Its version.
        version: u32,
    },
    /// One of its entries makes no sense.
    #[error("{provider}/{model}: {reason}")]
    Entry {
        /// Of which provider.
        provider: String,
        /// Which model; empty if it is about the provider.
        model: String,
        /// What is wrong.
        reason: &'static str,
    },
}

/// What is not in the data. Nothing is guessed: what has no price is not warmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unknown {
    /// The provider.
    #[error("the provider `{0}` is not known")]
    Provider(String),
    /// The model of a known provider.
    #[error("the model `{model}` of {provider} has no known price")]
    Model {
        /// Whose.
        provider: String,
        /// Its name, as given.
        model: String,
    },
}

impl Providers {
    /// What comes with the library.
    pub fn builtin() -> Self {
        static PARSED: LazyLock<Providers> = LazyLock::new(|| {
            Providers::parse(BUILTIN).expect("what is compiled in is read by a test")
        });
        PARSED.clone()
    }

    /// Reads a list of providers.
    pub fn parse(text: &str) -> Result<Self, ProvidersError> {
        let file: wire::File = serde_json::from_str(text)?;
        file.resolve().map(|models| Self(Arc::new(models)))
    }

    /// The model that a provider knows under this name.
    ///
    /// Names as they are in use are understood: `anthropic/claude-sonnet-4-5`,
    /// `us.anthropic.claude-sonnet-4-5-20250929-v1:0`, `claude-sonnet-4-5[1m]`, and a date after
    /// the name. Anything else that is not the whole name is another model.
    pub fn model(&self, provider: &str, model: &str) -> Result<&Arc<Model>, Unknown> {
        let models = self.0.get(provider).ok_or_else(|| Unknown::Provider(provider.to_owned()))?;
        models.get(plain_name(model)).ok_or_else(|| Unknown::Model {
            provider: provider.to_owned(),
            model: model.to_owned(),
        })
    }

    /// All models: provider, as it may be asked for, and model.
    pub fn models(&self) -> impl Iterator<Item = (&str, &Arc<Model>)> {
        self.0.iter().flat_map(|(provider, models)| {
            models.values().map(move |model| (provider.as_str(), model))
        })
    }
}

/// A name without who sells it, its date and its variant.
fn plain_name(name: &str) -> &str {
    let name = name.rsplit('/').next().unwrap_or(name);
    let name = name.rsplit_once("anthropic.").map_or(name, |(_, name)| name);
    let name = name.split(['[', '@', ':']).next().unwrap_or(name);
    let name = name.strip_suffix("-v1").unwrap_or(name);
    let name = name.strip_suffix("-latest").unwrap_or(name);
    without_date(name).unwrap_or(name)
}

/// `-20250929` or `-2025-09-29` at the end goes.
fn without_date(name: &str) -> Option<&str> {
    let at = name.len().checked_sub(9)?;
    let (plain, date) = name.split_at_checked(at)?;
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if date.strip_prefix('-').is_some_and(is_number) {
        return Some(plain);
    }
    let (plain, date) = name.split_at_checked(name.len().checked_sub(11)?)?;
    let mut parts = date.strip_prefix('-')?.split('-');
    let lengths = [4, 2, 2];
    let is_date = lengths
        .iter()
        .all(|length| parts.next().is_some_and(|part| part.len() == *length && is_number(part)));
    is_date.then_some(plain)
}

#[cfg(test)]
mod tests;
