use std::{collections::BTreeMap, hash::Hash, sync::Arc};

use foldhash::HashMap;

use super::{Days, Facts, Kind};
use crate::{
    DailyUsage, Day, Model, ModelUsage, Prices, Query, SourceUsage, Summary, Unresolved, Usage,
    UsageCache,
};

impl UsageCache {
    /// Sums up what was used in the days of `query`, at `prices` where no cost was recorded.
    ///
    /// Whoever asks more than once makes [`facts`](Self::facts) once.
    pub fn summary(&self, query: &Query, prices: &Prices) -> Summary {
        self.facts(query.gone, prices).summary(query)
    }
}

/// Usage by model, while it is being summed up.
pub(super) type ByModel<'f> = HashMap<&'f Arc<Model>, Usage>;

pub(super) fn add<K: Hash + Eq>(sums: &mut HashMap<K, Usage>, key: K, usage: Usage) {
    let sum = sums.entry(key).or_default();
    *sum = *sum + usage;
}

impl Facts {
    /// Sums up what was used in the days of `query`.
    pub fn summary(&self, query: &Query) -> Summary {
        let mut days = Days::new(query);
        let mut daily: BTreeMap<Day, ByModel<'_>> = BTreeMap::new();
        let mut sources: BTreeMap<&str, Usage> = BTreeMap::new();
        let mut unpriced = ByModel::default();
        let [mut untimed, mut gone, mut imported, mut abandoned] = [Usage::default(); 4];
        for placed in self.cells(query) {
            let (usage, kind) = (placed.cell.usage(), placed.cell.key.kind);
            let Some(quarter) = placed.cell.key.quarter else {
                untimed = untimed + usage;
                continue;
            };
            let Some(day) = days.day(quarter) else { continue };
            add(daily.entry(day).or_default(), placed.model, usage);
            let of_source = sources.entry(placed.source).or_default();
            *of_source = *of_source + usage;
            if kind.is(Kind::UNPRICED) {
                add(&mut unpriced, placed.model, usage);
            }
            if kind.is(Kind::GONE) {
                gone = gone + usage;
            }
            if kind.is(Kind::IMPORTED) {
                imported = imported + usage;
            }
            if kind.is(Kind::ABANDONED) {
                abandoned = abandoned + usage;
            }
        }
        let daily: Vec<DailyUsage> = daily
            .into_iter()
            .map(|(day, by_model)| {
                let models = by_cost(by_model);
                DailyUsage { day, usage: sum(models.iter().map(|model| model.usage)), models }
            })
            .collect();
        let sources = sources.into_iter();
        Summary {
            totals: sum(daily.iter().map(|day| day.usage)),
            daily,
            untimed,
            gone,
            imported,
            abandoned,
            unpriced: by_cost(unpriced),
            sources: sources
                .map(|(source, usage)| SourceUsage { source: source.to_owned(), usage })
                .collect(),
            unresolved: self.unresolved(query),
        }
    }

    /// Of no day, model or project, as nobody knows whose the events are.
    fn unresolved(&self, query: &Query) -> Unresolved {
        let asked = self.sources.iter().filter(|source| query.asks_for_source(&source.name));
        asked.fold(Unresolved::default(), |sum, source| Unresolved {
            transcripts: sum.transcripts + source.unresolved.transcripts,
            events: sum.events + source.unresolved.events,
        })
    }
}

/// The costliest first, then the one with the most tokens, then by name.
pub(super) fn by_cost(by_model: ByModel<'_>) -> Vec<ModelUsage> {
    let models = by_model.into_iter();
    let mut models: Vec<ModelUsage> =
        models.map(|(model, usage)| ModelUsage { model: Arc::clone(model), usage }).collect();
    ModelUsage::sort(&mut models);
    models
}

pub(super) fn sum(usages: impl Iterator<Item = Usage>) -> Usage {
    usages.fold(Usage::default(), |sum, usage| sum + usage)
}
