use std::sync::{Arc, LazyLock};

use common_fs::Timestamp;

use super::{Price, PriceEntry, convert, name, wire};
use crate::{Key, ServiceTier};

/// The prices that come with the program.
const BUILTIN: &str = include_str!("../../data/prices.json");

/// Prices of models, each with since when it holds, where it comes from and when it was looked
/// up there. Cheap to clone.
///
/// As text, it is a file that [`PriceList::parse`] reads.
#[derive(Clone, Debug, Default)]
pub struct PriceList(Arc<Content>);

#[derive(Debug, Default)]
struct Content {
    /// Sorted by provider, model and time, which together are unique.
    entries: Vec<PriceEntry>,
    /// The same, to look up.
    dated: Vec<Dated>,
    skipped: Vec<(String, String)>,
    /// Of the text or the entries that it was made of.
    key: Key,
}

/// A list of prices that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PriceListError {
    /// It is none.
    #[error("not a list of prices: {reason}")]
    Malformed {
        /// Where it stops making sense.
        reason: String,
    },
    /// A newer program wrote it.
    #[error("version {version} of price lists is not known")]
    Version {
        /// Its version.
        version: u32,
    },
    /// One of its prices is none.
    #[error("price {number} ({name}): {reason}")]
    Entry {
        /// Which one, counted from 1.
        number: usize,
        /// Its provider and model.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The same model has two prices since the same time.
    #[error("{name} has two prices since the same time")]
    Twice {
        /// Its provider and model.
        name: String,
    },
}

/// The prices of a model from some time on, by [`ServiceTier`].
#[derive(Debug)]
pub(super) struct Dated {
    from: Option<Timestamp>,
    prices: [Option<Price>; 4],
}

impl PriceList {
    /// The prices that come with the program.
    pub fn builtin() -> Self {
        // That the file can be read is tested; without it, every cost would be unknown.
        static LIST: LazyLock<PriceList> =
            LazyLock::new(|| PriceList::parse(BUILTIN).unwrap_or_default());
        LIST.clone()
    }

    /// Reads a list: one of this project's, or one of LiteLLM
    /// (`model_prices_and_context_window.json`) or models.dev (`api.json`), of which the prices
    /// per token are taken.
    pub fn parse(text: &str) -> Result<Self, PriceListError> {
        let (entries, skipped) = match wire::read(text) {
            Ok(entries) => (entries, Vec::new()),
            Err(error) => match convert::read(text) {
                Some(read) => (read.entries, read.skipped),
                None => return Err(error),
            },
        };
        let content = Self::content(entries, Key::of(&[b"text", text.as_bytes()]))?;
        Ok(Self(Arc::new(Content { skipped, ..content })))
    }

    /// A list of these prices, in any order.
    pub fn new(entries: Vec<PriceEntry>) -> Result<Self, PriceListError> {
        let key = Key::of(&[b"entries", format!("{entries:?}").as_bytes()]);
        Self::content(entries, key).map(|content| Self(Arc::new(content)))
    }

    fn content(mut entries: Vec<PriceEntry>, key: Key) -> Result<Content, PriceListError> {
        entries.sort_by(|a, b| a.key().cmp(&b.key()));
        let twice = entries.windows(2).find_map(|pair| match pair {
            [a, b] if a.key() == b.key() => Some(a),
            _ => None,
        });
        if let Some(PriceEntry { provider, model, .. }) = twice {
            return Err(PriceListError::Twice { name: format!("{provider} {model}") });
        }
        let tiers =
            [ServiceTier::Standard, ServiceTier::Priority, ServiceTier::Flex, ServiceTier::Batch];
        let dated = entries
            .iter()
            .map(|entry| Dated { from: entry.from, prices: tiers.map(|tier| entry.price(tier)) });
        Ok(Content { dated: dated.collect(), entries, skipped: Vec::new(), key })
    }

    /// What tells this list from others.
    pub(crate) fn key(&self) -> Key {
        self.0.key
    }

    /// All prices, by provider, model and time.
    pub fn entries(&self) -> &[PriceEntry] {
        &self.0.entries
    }

    /// The models of a foreign list that it gives no usable price for, and why.
    pub fn skipped(&self) -> &[(String, String)] {
        &self.0.skipped
    }

    /// What a request at some time and terms costs. A model is also found under other names that
    /// its provider or the runtimes use for it; without a provider, only if the name says whose
    /// it is.
    pub fn price(
        &self,
        provider: Option<&str>,
        model: &str,
        at: Timestamp,
        tier: ServiceTier,
    ) -> Option<&Price> {
        self.history(provider, model)?.iter().rev().find(|dated| dated.holds(at))?.price(tier)
    }

    /// The prices of a model, by time.
    pub(super) fn history(&self, provider: Option<&str>, model: &str) -> Option<&[Dated]> {
        name::resolve(provider, model, &|provider, model| {
            let key = (provider, model);
            let of = |entry: &PriceEntry| (entry.provider.as_str(), entry.model.as_str()).cmp(&key);
            let entries = self.entries();
            let start = entries.partition_point(|entry| of(entry).is_lt());
            let end = entries.partition_point(|entry| of(entry).is_le());
            self.0.dated.get(start..end).filter(|history| !history.is_empty())
        })
    }
}

impl Dated {
    /// Whether this has begun.
    pub(super) fn holds(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at)
    }

    /// Whether it holds at any time.
    pub(super) fn always_holds(&self) -> bool {
        self.from.is_none()
    }

    pub(super) fn price(&self, tier: ServiceTier) -> Option<&Price> {
        let [standard, priority, flex, batch] = &self.prices;
        let price = match tier {
            ServiceTier::Standard => standard,
            ServiceTier::Priority => priority,
            ServiceTier::Flex => flex,
            ServiceTier::Batch => batch,
        };
        price.as_ref()
    }
}
