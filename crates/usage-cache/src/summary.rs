use std::{
    collections::{BTreeMap, HashMap},
    ops::Add,
};

use crate::{
    Day, Model, NanoUsd, Prices, TokenCounts, UsageCache, Zone,
    models::ModelId,
    rollup::{Bucket, Quarter},
};

/// Which days a summary is about. Both ends are included; an open end is `None`.
#[derive(Clone, Debug)]
pub struct Query {
    /// In which time zone days begin.
    pub zone: Zone,
    /// The first day.
    pub since: Option<Day>,
    /// The last day.
    pub until: Option<Day>,
    /// What of transcripts that exist no more.
    pub gone: Gone,
}

/// Whether transcripts that exist no more are counted, as they last were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// They are: the runtimes delete transcripts, but what they cost was paid.
    Include,
    /// They are not: only what could be read again counts.
    Exclude,
}

impl Query {
    /// All days and all transcripts.
    pub fn all(zone: Zone) -> Self {
        Self { zone, since: None, until: None, gone: Gone::Include }
    }

    fn contains(&self, day: Day) -> bool {
        self.since.is_none_or(|since| since <= day) && self.until.is_none_or(|until| day <= until)
    }
}

/// Tokens and costs by civil day.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The days that have events, in order.
    pub daily: Vec<DailyUsage>,
    /// The sum of these days.
    pub totals: Usage,
    /// Events without a time. They belong to no day and are not part of the totals.
    pub untimed: Usage,
    /// What the totals include of transcripts that exist no more.
    pub gone: Usage,
    /// The models whose price is not known, with the events that are missing from the cost.
    pub unpriced: Vec<ModelUsage>,
}

/// What was used on a day.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DailyUsage {
    /// The day.
    pub day: Day,
    /// In all.
    pub usage: Usage,
    /// By model, the costliest first.
    pub models: Vec<ModelUsage>,
}

/// What was used of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelUsage {
    /// The model.
    pub model: Model,
    /// What was used of it.
    pub usage: Usage,
}

/// What some events used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// How many events there are: one for each answer of a model.
    pub events: u64,
    /// Their tokens.
    pub tokens: TokenCounts,
    /// Their cost, as far as it is known.
    pub cost: NanoUsd,
    /// How many of the events are missing from the cost, as their price is not known.
    pub unpriced_events: u64,
    /// The tokens of these.
    pub unpriced_tokens: u64,
}

impl Usage {
    /// Whether a sum does not fit, and is more than it says.
    pub fn is_saturated(&self) -> bool {
        self.tokens.is_saturated() || self.cost.is_saturated()
    }

    fn of(bucket: &Bucket, cost: Option<NanoUsd>) -> Self {
        let Bucket { events, tokens, .. } = *bucket;
        let usage = Self { events, tokens, ..Self::default() };
        match cost {
            Some(cost) => Self { cost, ..usage },
            None => Self { unpriced_events: events, unpriced_tokens: tokens.total, ..usage },
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            events: self.events.saturating_add(other.events),
            tokens: self.tokens + other.tokens,
            cost: self.cost + other.cost,
            unpriced_events: self.unpriced_events.saturating_add(other.unpriced_events),
            unpriced_tokens: self.unpriced_tokens.saturating_add(other.unpriced_tokens),
        }
    }
}

/// Usage by model, while it is being summed up.
type ByModel = HashMap<ModelId, Usage>;

fn add<K: std::hash::Hash + Eq>(sums: &mut HashMap<K, Usage>, key: K, usage: Usage) {
    let sum = sums.entry(key).or_default();
    *sum = *sum + usage;
}

impl UsageCache {
    /// Sums up what was used in the days of `query`, at `prices` where no cost was recorded.
    pub fn summary(&self, query: &Query, prices: &Prices) -> Summary {
        let mut days = Days { query, known: HashMap::new() };
        let mut daily: BTreeMap<Day, ByModel> = BTreeMap::new();
        let mut unpriced = ByModel::new();
        let (mut untimed, mut gone) = (Usage::default(), Usage::default());
        for (dir, entries) in self.counted() {
            let prices = prices.in_dir(dir);
            for transcript in entries.values().map(|entry| &entry.transcript) {
                let is_gone = transcript.gone_since.is_some();
                if is_gone && query.gone == Gone::Exclude {
                    continue;
                }
                for bucket in transcript.rollup.buckets() {
                    let Some(model) = self.models().get(bucket.model) else { continue };
                    let usage = Usage::of(bucket, prices.cost(model, bucket));
                    let Some(quarter) = bucket.quarter else {
                        untimed = untimed + usage;
                        continue;
                    };
                    let Some(day) = days.day(quarter) else { continue };
                    add(daily.entry(day).or_default(), bucket.model, usage);
                    if is_gone {
                        gone = gone + usage;
                    }
                    if 0 < usage.unpriced_events {
                        add(&mut unpriced, bucket.model, usage);
                    }
                }
            }
        }
        let daily = daily.into_iter().map(|(day, by_model)| {
            let models = self.by_cost(by_model);
            DailyUsage { day, usage: sum(&models), models }
        });
        let daily: Vec<DailyUsage> = daily.collect();
        let totals = daily.iter().fold(Usage::default(), |total, day| total + day.usage);
        Summary { daily, totals, untimed, gone, unpriced: self.by_cost(unpriced) }
    }

    /// The costliest first, then the one with the most tokens, then by name.
    fn by_cost(&self, by_model: ByModel) -> Vec<ModelUsage> {
        let named = |(id, usage)| {
            self.models().get(id).map(|model| ModelUsage { model: model.clone(), usage })
        };
        let mut models: Vec<ModelUsage> = by_model.into_iter().filter_map(named).collect();
        models.sort_by(|a, b| {
            let size = |usage: &Usage| (usage.cost, usage.tokens.total);
            size(&b.usage).cmp(&size(&a.usage)).then_with(|| a.model.cmp(&b.model))
        });
        models
    }
}

fn sum(models: &[ModelUsage]) -> Usage {
    models.iter().fold(Usage::default(), |sum, model| sum + model.usage)
}

/// The days of a query, each quarter of an hour looked up once.
struct Days<'q> {
    query: &'q Query,
    known: HashMap<Quarter, Option<Day>>,
}

impl Days<'_> {
    fn day(&mut self, quarter: Quarter) -> Option<Day> {
        let query = self.query;
        *self.known.entry(quarter).or_insert_with(|| {
            Some(query.zone.day(quarter.start())).filter(|day| query.contains(*day))
        })
    }
}
