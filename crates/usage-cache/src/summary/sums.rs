use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

use super::{DailyUsage, Gone, ModelUsage, Query, SourceUsage, Summary, Unresolved, Usage};
use crate::{
    Day, Model, Prices, ServiceTier, UsageCache,
    log::Logged,
    models::{ModelId, Models},
    prices::DirPrices,
    resolve::Resolution,
    rollup::Quarter,
    trace::PriorityTurns,
    transcript::Transcript,
};

impl UsageCache {
    /// Sums up what was used in the days of `query`, at `prices` where no cost was recorded.
    pub fn summary(&self, query: &Query, prices: &Prices) -> Summary {
        let (models, resolution) = (self.models(), self.resolution(query.gone));
        let mut sums = Sums::new(query, models, resolution, self.priority_turns());
        sums.first_imported = self.first_imported();
        for (dir, transcripts) in self.by_dir() {
            let prices = prices.in_dir(dir);
            for (number, transcript) in transcripts {
                sums.add(number, transcript, &prices);
            }
        }
        sums.summary()
    }
}

/// Usage by model, while it is being summed up.
type ByModel = HashMap<ModelId, Usage>;

fn add<K: Hash + Eq>(sums: &mut HashMap<K, Usage>, key: K, usage: Usage) {
    let sum = sums.entry(key).or_default();
    *sum = *sum + usage;
}

/// A summary in the making.
struct Sums<'u> {
    models: &'u Models,
    resolution: &'u Resolution,
    turns: &'u PriorityTurns,
    query: &'u Query,
    days: Days<'u>,
    daily: BTreeMap<Day, ByModel>,
    unpriced: ByModel,
    sources: BTreeMap<&'u str, Usage>,
    untimed: Usage,
    gone: Usage,
    /// The first number of a transcript of another ledger, and what those have used.
    first_imported: usize,
    imported: Usage,
    abandoned: Usage,
    unresolved: Unresolved,
}

impl<'u> Sums<'u> {
    fn new(
        query: &'u Query,
        models: &'u Models,
        resolution: &'u Resolution,
        turns: &'u PriorityTurns,
    ) -> Self {
        Self {
            models,
            resolution,
            turns,
            query,
            days: Days { query, known: HashMap::new() },
            daily: BTreeMap::new(),
            unpriced: ByModel::new(),
            sources: BTreeMap::new(),
            untimed: Usage::default(),
            gone: Usage::default(),
            first_imported: usize::MAX,
            imported: Usage::default(),
            abandoned: Usage::default(),
            unresolved: Unresolved::default(),
        }
    }

    /// Adds a transcript, if it is asked about.
    fn add(&mut self, number: usize, transcript: &'u Transcript, prices: &DirPrices<'_>) {
        let query = self.query;
        let is_gone = transcript.gone_since.is_some();
        let is_other = query.source.as_deref().is_some_and(|name| *name != *transcript.source);
        let is_left_out = is_gone && query.gone == Gone::Exclude;
        if is_other || is_left_out || !self.resolution.counts(number) {
            return;
        }
        let mut used = Usage::default();
        for bucket in self.resolution.buckets(number, &transcript.rollup) {
            let Some(model) = self.models.get(bucket.model) else { continue };
            let mut usage = Usage::of(bucket.events, bucket.tokens, prices.cost(model, bucket));
            if bucket.class.has_priority() {
                usage = usage.with_priority();
            }
            used = used + self.add_usage(bucket.quarter, bucket.model, usage);
        }
        if let Some(events) = self.resolution.events(number, &transcript.log) {
            for event in events {
                let Some(model) = self.models.get(event.model) else { continue };
                let usage = self.usage_of(&event, model, prices);
                let counted = self.add_usage(event.at.map(Quarter::of), event.model, usage);
                if event.abandoned {
                    self.abandoned = self.abandoned + counted;
                }
                used = used + counted;
            }
        } else {
            self.unresolved.transcripts += 1;
            self.unresolved.events += transcript.log.keys().len() as u64;
        }
        if used != Usage::default() {
            let sum = self.sources.entry(&transcript.source).or_default();
            *sum = *sum + used;
        }
        if is_gone {
            self.gone = self.gone + used;
        }
        if self.first_imported <= number {
            self.imported = self.imported + used;
        }
    }

    fn usage_of(&self, event: &Logged, model: &Model, prices: &DirPrices<'_>) -> Usage {
        let Logged { at, tier, tokens, cache_creation_1h, .. } = *event;
        let cost = |tier| prices.event_cost(model, at, tier, &tokens, cache_creation_1h);
        let cost = event.cost.or_else(|| cost(tier));
        if let Some(answered_by) = event.turn.and_then(|turn| self.turns.get(turn)) {
            let fast = prices.fast_cost(model, answered_by, at, &tokens);
            return Usage::of(1, tokens, cost.max(fast)).with_priority();
        }
        let usage = Usage::of(1, tokens, cost);
        if tier == ServiceTier::Priority { usage.with_priority() } else { usage }
    }

    /// Adds what a model used in a quarter of an hour, and returns what is part of the totals.
    fn add_usage(&mut self, quarter: Option<Quarter>, model: ModelId, usage: Usage) -> Usage {
        let Some(quarter) = quarter else {
            self.untimed = self.untimed + usage;
            return Usage::default();
        };
        let Some(day) = self.days.day(quarter) else { return Usage::default() };
        add(self.daily.entry(day).or_default(), model, usage);
        if 0 < usage.unpriced_events {
            add(&mut self.unpriced, model, usage);
        }
        usage
    }

    fn summary(self) -> Summary {
        let models = self.models;
        let daily = self.daily.into_iter().map(|(day, by_model)| {
            let models = by_cost(models, by_model);
            let usage = sum(models.iter().map(|model| model.usage));
            DailyUsage { day, usage, models }
        });
        let daily: Vec<DailyUsage> = daily.collect();
        let sources = self.sources.into_iter();
        Summary {
            totals: sum(daily.iter().map(|day| day.usage)),
            daily,
            untimed: self.untimed,
            gone: self.gone,
            imported: self.imported,
            abandoned: self.abandoned,
            unpriced: by_cost(models, self.unpriced),
            sources: sources
                .map(|(source, usage)| SourceUsage { source: source.to_owned(), usage })
                .collect(),
            unresolved: self.unresolved,
        }
    }
}

/// The costliest first, then the one with the most tokens, then by name.
fn by_cost(models: &Models, by_model: ByModel) -> Vec<ModelUsage> {
    let named =
        |(id, usage)| models.get(id).map(|model| ModelUsage { model: model.clone(), usage });
    let mut models: Vec<ModelUsage> = by_model.into_iter().filter_map(named).collect();
    models.sort_by(|a, b| {
        let size = |usage: &Usage| (usage.cost, usage.tokens.total);
        size(&b.usage).cmp(&size(&a.usage)).then_with(|| a.model.cmp(&b.model))
    });
    models
}

fn sum(usages: impl Iterator<Item = Usage>) -> Usage {
    usages.fold(Usage::default(), |sum, usage| sum + usage)
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
