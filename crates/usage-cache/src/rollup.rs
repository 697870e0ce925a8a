//! What is kept of the events of a transcript.
//!
//! Enough to answer every question about tokens and costs, by any civil day in any time zone
//! and at any prices, without reading the transcript again; and no more.

use common_fs::Timestamp;

use crate::{
    NanoUsd, TokenCounts,
    event::Event,
    models::{Model, ModelId, Models},
};

const QUARTER_NANOS: i64 = 15 * 60 * 1_000_000_000;

/// A quarter of an hour of UTC, counted from the Unix epoch.
///
/// The offsets of all time zones since 1972 are multiples of it, so a civil day is a whole
/// number of quarters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Quarter(pub(crate) i32);

impl Quarter {
    pub(crate) fn of(time: Timestamp) -> Self {
        let quarters = time.unix_nanos().div_euclid(QUARTER_NANOS);
        // 584 years have 20 million quarters.
        Self(i32::try_from(quarters).unwrap_or(i32::MAX))
    }

    pub(crate) fn start(self) -> Timestamp {
        Timestamp::from_unix_nanos(i64::from(self.0).saturating_mul(QUARTER_NANOS))
    }
}

/// Prompt sizes at which some provider changes its price for the whole request, as the first
/// size of the next tier. Both readings of "200k" occur: "from" and "more than".
///
/// Requests of the same tier can be priced together. A change of this list is a change of the
/// parser: see [`PARSER_VERSION`](crate::openclaw::PARSER_VERSION).
pub(crate) const TIER_STARTS: [u64; 10] =
    [32_000, 32_001, 128_000, 128_001, 200_000, 200_001, 256_000, 256_001, 272_000, 272_001];

/// How the cost of an event is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PriceClass {
    /// The transcript recorded it.
    Recorded,
    /// It has to be priced as a request in this tier: the number of [`TIER_STARTS`] that its
    /// prompt has reached.
    ToPrice(u8),
}

impl PriceClass {
    fn of(event: &Event<'_>) -> Self {
        if event.cost.is_some() {
            return Self::Recorded;
        }
        let prompt = event.tokens.prompt();
        let tier = TIER_STARTS.iter().filter(|&&start| start <= prompt).count();
        Self::ToPrice(u8::try_from(tier).unwrap_or(u8::MAX))
    }

    /// As a number, for the cache file.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Recorded => 0,
            Self::ToPrice(tier) => tier.saturating_add(1),
        }
    }

    pub(crate) fn from_code(code: u8) -> Self {
        code.checked_sub(1).map_or(Self::Recorded, Self::ToPrice)
    }
}

/// What events of the same quarter, model and class are told apart by.
pub(crate) type Key = (Option<Quarter>, ModelId, PriceClass);

/// The events of a transcript that share a [`Key`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// `None` for events without a time.
    pub(crate) quarter: Option<Quarter>,
    pub(crate) model: ModelId,
    pub(crate) class: PriceClass,
    pub(crate) events: u64,
    pub(crate) tokens: TokenCounts,
    pub(crate) cache_creation_1h: u64,
    /// The sum of the costs that the transcript recorded.
    pub(crate) recorded: NanoUsd,
}

impl Bucket {
    pub(crate) fn key(&self) -> Key {
        (self.quarter, self.model, self.class)
    }

    fn add(&mut self, other: &Self) {
        self.events = self.events.saturating_add(other.events);
        self.tokens = self.tokens + other.tokens;
        self.cache_creation_1h = self.cache_creation_1h.saturating_add(other.cache_creation_1h);
        self.recorded = self.recorded + other.recorded;
    }
}

/// All events of a transcript.
///
/// Invariant: one bucket per key, sorted by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rollup {
    buckets: Vec<Bucket>,
}

impl Rollup {
    pub(crate) fn with_capacity(buckets: usize) -> Self {
        Self { buckets: Vec::with_capacity(buckets) }
    }

    pub(crate) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    pub(crate) fn add(&mut self, bucket: Bucket) {
        let key = bucket.key();
        // Transcripts are written in the order of time.
        if let Some(last) = self.buckets.last_mut()
            && last.key() == key
        {
            last.add(&bucket);
            return;
        }
        match self.buckets.binary_search_by_key(&key, Bucket::key) {
            Ok(at) => {
                if let Some(known) = self.buckets.get_mut(at) {
                    known.add(&bucket);
                }
            }
            Err(at) => self.buckets.insert(at, bucket),
        }
    }
}

/// Folds events into a [`Rollup`].
///
/// The table of models is shared between threads. It is asked only when the model changes,
/// which in a transcript is seldom.
pub(crate) struct RollupBuilder<'m> {
    rollup: Rollup,
    models: &'m std::sync::Mutex<Models>,
    last: Option<(Model, ModelId)>,
}

impl<'m> RollupBuilder<'m> {
    pub(crate) fn new(rollup: Rollup, models: &'m std::sync::Mutex<Models>) -> Self {
        Self { rollup, models, last: None }
    }

    pub(crate) fn add(&mut self, event: &Event<'_>) {
        let model = self.model(event);
        self.rollup.add(Bucket {
            quarter: event.at.map(Quarter::of),
            model,
            class: PriceClass::of(event),
            events: 1,
            tokens: event.tokens,
            cache_creation_1h: event.cache_creation_1h,
            recorded: event.cost.unwrap_or_default(),
        });
    }

    fn model(&mut self, event: &Event<'_>) -> ModelId {
        if let Some((model, id)) = &self.last
            && model.provider.as_deref() == event.provider.as_deref()
            && model.name.as_deref() == event.model.as_deref()
        {
            return *id;
        }
        let model = Model {
            provider: event.provider.as_deref().map(str::to_owned),
            name: event.model.as_deref().map(str::to_owned),
        };
        let mut models = self.models.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let id = models.intern(model.clone());
        self.last = Some((model, id));
        id
    }

    /// What was folded so far.
    pub(crate) fn rollup(&self) -> &Rollup {
        &self.rollup
    }
}
