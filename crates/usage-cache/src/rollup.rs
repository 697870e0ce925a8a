//! What is kept of the events of a transcript.
//!
//! Enough to answer every question about tokens and costs, by any civil day in any time zone
//! and at any prices, without reading the transcript again; and no more.

use std::collections::{BTreeMap, BTreeSet};

use common_fs::Timestamp;

use crate::{Event, NanoUsd, ServiceTier, TokenCounts, models::ModelId};

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
/// Requests of the same tier can be priced together. A change of this list is a change of
/// what is kept: raise [`Source::version`](crate::Source::version) of all sources with it.
pub(crate) const TIER_STARTS: [u64; 10] =
    [32_000, 32_001, 128_000, 128_001, 200_000, 200_001, 256_000, 256_001, 272_000, 272_001];

/// How the cost of an event is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum PriceClass {
    /// The transcript recorded it.
    Recorded,
    /// It has to be priced,
    ToPrice {
        /// at these terms,
        service: ServiceTier,
        /// as a request of this size: the number of [`TIER_STARTS`] that its prompt has
        /// reached.
        size: u8,
    },
}

impl PriceClass {
    /// Codes of sizes end below this.
    const SIZES: u8 = 16;

    fn of(event: &Event<'_>) -> Self {
        if event.cost.is_some() {
            return Self::Recorded;
        }
        let prompt = event.tokens.prompt();
        let size = TIER_STARTS.iter().filter(|&&start| start <= prompt).count();
        Self::ToPrice { service: event.tier, size: u8::try_from(size).unwrap_or(u8::MAX) }
    }

    /// Whether the events were asked for with priority.
    pub(crate) fn has_priority(self) -> bool {
        matches!(self, Self::ToPrice { service: ServiceTier::Priority, .. })
    }

    /// As a number, for the cache file.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Recorded => 0,
            Self::ToPrice { service, size } => service.code() * Self::SIZES + size + 1,
        }
    }

    pub(crate) fn from_code(code: u8) -> Option<Self> {
        let Some(size) = (code % Self::SIZES).checked_sub(1) else {
            return (code == 0).then_some(Self::Recorded);
        };
        Some(Self::ToPrice { service: ServiceTier::from_code(code / Self::SIZES)?, size })
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
    buckets: Box<[Bucket]>,
}

impl Rollup {
    /// Sorts buckets, and adds up those of the same key.
    pub(crate) fn new(mut buckets: Vec<Bucket>) -> Self {
        buckets.sort_by_key(Bucket::key);
        buckets.dedup_by(|later, earlier| {
            let same = later.key() == earlier.key();
            if same {
                earlier.add(later);
            }
            same
        });
        Self { buckets: buckets.into_boxed_slice() }
    }

    pub(crate) fn buckets(&self) -> &[Bucket] {
        &self.buckets
    }

    /// The buckets that are not the same in `earlier`, or `None` if that has others than this.
    ///
    /// What is [`updated`](Self::updated) by them is the same as this.
    pub(crate) fn since(&self, earlier: &Self) -> Option<Vec<Bucket>> {
        let mut old = earlier.buckets.iter().peekable();
        let mut changed = Vec::new();
        for bucket in &self.buckets {
            match old.next_if(|old| old.key() <= bucket.key()) {
                Some(old) if old == bucket => (),
                Some(old) if old.key() != bucket.key() => return None,
                Some(_) | None => changed.push(*bucket),
            }
        }
        old.next().is_none().then_some(changed)
    }

    /// This with some buckets replaced or added.
    pub(crate) fn updated(&self, changed: Vec<Bucket>) -> Self {
        let keys: BTreeSet<Key> = changed.iter().map(Bucket::key).collect();
        let kept = self.buckets.iter().filter(|bucket| !keys.contains(&bucket.key()));
        Self::new(kept.copied().chain(changed).collect())
    }
}

/// Folds events into a [`Rollup`].
pub(crate) struct RollupBuilder {
    sums: BTreeMap<Key, Bucket>,
    /// The bucket of the last event, which is also that of most next ones.
    current: Option<Bucket>,
}

impl RollupBuilder {
    pub(crate) fn new(rollup: &Rollup) -> Self {
        let sums = rollup.buckets.iter().map(|bucket| (bucket.key(), *bucket)).collect();
        Self { sums, current: None }
    }

    pub(crate) fn add(&mut self, event: &Event<'_>, model: ModelId) {
        let bucket = Bucket {
            quarter: event.at.map(Quarter::of),
            model,
            class: PriceClass::of(event),
            events: 1,
            tokens: event.tokens,
            cache_creation_1h: event.cache_creation_1h,
            recorded: event.cost.unwrap_or_default(),
        };
        match &mut self.current {
            Some(current) if current.key() == bucket.key() => current.add(&bucket),
            _ => {
                let before = self.current.replace(bucket);
                add(&mut self.sums, before);
            }
        }
    }

    /// What was folded so far.
    pub(crate) fn rollup(&self) -> Rollup {
        let buckets = self.sums.values().chain(&self.current);
        Rollup::new(buckets.copied().collect())
    }
}

fn add(sums: &mut BTreeMap<Key, Bucket>, bucket: Option<Bucket>) {
    let Some(bucket) = bucket else { return };
    sums.entry(bucket.key()).and_modify(|sum| sum.add(&bucket)).or_insert(bucket);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Model, models::Models};

    fn bucket() -> impl Strategy<Value = Bucket> {
        (prop::option::of(0..6), 0_u8..3, 1_u64..5).prop_map(|(quarter, class, events)| Bucket {
            quarter: quarter.map(Quarter),
            model: Models::default().intern(Model { provider: None, name: None }),
            class: PriceClass::from_code(class + 1).unwrap(),
            events,
            tokens: TokenCounts { input: events, total: events, ..TokenCounts::default() },
            cache_creation_1h: 0,
            recorded: NanoUsd(events),
        })
    }

    fn rollup() -> impl Strategy<Value = Rollup> {
        prop::collection::vec(bucket(), 0..12).prop_map(Rollup::new)
    }

    proptest! {
        #[test]
        fn what_changed_makes_the_new_of_the_old(old in rollup(), new in rollup()) {
            let keys = |rollup: &Rollup| -> BTreeSet<Key> {
                rollup.buckets().iter().map(Bucket::key).collect()
            };
            match new.since(&old) {
                Some(changed) => {
                    prop_assert!(keys(&old).is_subset(&keys(&new)));
                    prop_assert!(changed.iter().all(|bucket| !old.buckets().contains(bucket)));
                    prop_assert_eq!(old.updated(changed), new);
                }
                None => prop_assert!(!keys(&old).is_subset(&keys(&new))),
            }
        }

        #[test]
        fn keys_are_unique_and_sorted(buckets in prop::collection::vec(bucket(), 0..30)) {
            let events: u64 = buckets.iter().map(|bucket| bucket.events).sum();
            let rollup = Rollup::new(buckets);
            prop_assert!(rollup.buckets().is_sorted_by(|a, b| a.key() < b.key()));
            prop_assert_eq!(rollup.buckets().iter().map(|bucket| bucket.events).sum::<u64>(), events);
        }
    }

    #[test]
    fn classes_have_codes() {
        for code in 0..=u8::MAX {
            if let Some(class) = PriceClass::from_code(code) {
                assert_eq!(class.code(), code);
            }
        }
        for service in [ServiceTier::Standard, ServiceTier::Batch] {
            for size in 0..=10 {
                let class = PriceClass::ToPrice { service, size };
                assert_eq!(PriceClass::from_code(class.code()), Some(class));
            }
        }
    }
}
