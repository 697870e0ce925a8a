use std::{cmp::Reverse, ptr, sync::Arc};

use common_fs::Timestamp;
use foldhash::HashMap;

use super::{Days, Facts, Placed, cells::CellKey, summary::sum};
use crate::{Model, ModelUsage, Query, Usage};

/// What a report tells apart, other than time and [sessions](Facts::sessions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Projects, whatever the runtime.
    Project,
    /// Agents of runtimes that have several; other runtimes are one agent.
    Agent,
    /// Runtimes.
    Source,
    /// Models.
    Model,
}

/// What was used in a project, by an agent, of a source or a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group<'f> {
    /// Of what.
    pub key: GroupKey<'f>,
    /// When it was first used in the days of the query, to a quarter of an hour where the
    /// runtime's answers have no identity,
    pub first: Timestamp,
    /// and when last.
    pub last: Timestamp,
    /// In all.
    pub usage: Usage,
    /// By model, the costliest first.
    pub models: Vec<ModelUsage>,
}

/// What a [`Group`] is about. The names are those of the [`Facts`]: there can be very many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey<'f> {
    /// The directory that sessions are about; `None` for those of which nobody knows.
    Project(Option<&'f str>),
    /// An agent of a source.
    Agent {
        /// The [name](crate::Source::name) of the source.
        source: &'f str,
        /// The agent, where the runtime has several.
        agent: Option<&'f str>,
    },
    /// The [name](crate::Source::name) of a source.
    Source(&'f str),
    /// A model.
    Model(&'f Model),
}

impl<'f> GroupKey<'f> {
    fn of(placed: &Placed<'f>, by: By) -> Option<Self> {
        Some(match by {
            By::Project => Self::Project(placed.session?.project),
            By::Agent => Self::Agent { source: placed.source, agent: placed.session?.agent },
            By::Source => Self::Source(placed.source),
            By::Model => Self::Model(placed.model),
        })
    }
}

/// What was used, while it is being summed up.
#[derive(Clone)]
struct Sum<'f> {
    times: (Timestamp, Timestamp),
    /// A few, of which each is in the table once.
    by_model: Vec<(&'f Arc<Model>, Usage)>,
}

impl Facts {
    /// What was used in the days of `query`, by what, the costliest first. What has no time is in
    /// none.
    pub fn groups(&self, query: &Query, by: By) -> Vec<Group<'_>> {
        let mut sums: HashMap<GroupKey<'_>, Sum<'_>> = HashMap::default();
        match by {
            By::Project | By::Agent => sum_up(self.in_sessions(query), query, by, &mut sums),
            By::Source | By::Model => sum_up(self.cells(query), query, by, &mut sums),
        }
        let mut groups: Vec<Group<'_>> = sums.iter().map(|(key, sum)| group(*key, sum)).collect();
        let used = |group: &Group<'_>| Reverse((group.usage.cost, group.usage.tokens.total));
        groups.sort_by(|a, b| used(a).cmp(&used(b)).then_with(|| a.key.cmp(&b.key)));
        groups
    }
}

/// Sums up the cells of each thing: first those that follow each other, which is less to look up.
fn sum_up<'f>(
    cells: impl Iterator<Item = Placed<'f>>,
    query: &Query,
    by: By,
    sums: &mut HashMap<GroupKey<'f>, Sum<'f>>,
) {
    let mut days = Days::new(query);
    let mut current: Option<(u32, GroupKey<'f>, Sum<'f>)> = None;
    for placed in cells {
        let CellKey { place, quarter, .. } = placed.cell.key;
        let Some(times) = placed.cell.times() else { continue };
        if quarter.and_then(|quarter| days.day(quarter)).is_none() {
            continue;
        }
        // Whatever is told apart but models, all cells of a place have the same key.
        let is_known =
            |(known, ..): &(u32, GroupKey<'_>, Sum<'_>)| *known == place && by != By::Model;
        if !current.as_ref().is_some_and(is_known) {
            let Some(key) = GroupKey::of(&placed, by) else { continue };
            current = Some(match current.take() {
                Some((_, known, sum)) if known == key => (place, key, sum),
                Some((_, known, mut sum)) => {
                    add(sums, known, &sum);
                    sum.restart(times);
                    (place, key, sum)
                }
                None => (place, key, Sum { times, by_model: Vec::new() }),
            });
        }
        if let Some((_, _, sum)) = &mut current {
            sum.add(times, placed.model, placed.cell.usage());
        }
    }
    if let Some((_, key, sum)) = current {
        add(sums, key, &sum);
    }
}

fn add<'f>(sums: &mut HashMap<GroupKey<'f>, Sum<'f>>, key: GroupKey<'f>, sum: &Sum<'f>) {
    match sums.get_mut(&key) {
        Some(known) => known.merge(sum),
        None => {
            sums.insert(key, sum.clone());
        }
    }
}

impl<'f> Sum<'f> {
    /// Begins again, in the same memory.
    fn restart(&mut self, times: (Timestamp, Timestamp)) {
        self.times = times;
        self.by_model.clear();
    }

    fn add(&mut self, (first, last): (Timestamp, Timestamp), model: &'f Arc<Model>, usage: Usage) {
        self.times = (self.times.0.min(first), self.times.1.max(last));
        match self.by_model.iter_mut().find(|(known, _)| ptr::eq(*known, model)) {
            Some((_, sum)) => *sum = *sum + usage,
            None => self.by_model.push((model, usage)),
        }
    }

    fn merge(&mut self, other: &Self) {
        for (model, usage) in &other.by_model {
            self.add(other.times, model, *usage);
        }
    }

    fn usage(&self) -> Usage {
        sum(self.by_model.iter().map(|(_, usage)| *usage))
    }
}

fn group<'f>(key: GroupKey<'f>, sum: &Sum<'_>) -> Group<'f> {
    let models = sum.by_model.iter();
    let mut models: Vec<ModelUsage> = models
        .map(|(model, usage)| ModelUsage { model: Arc::clone(model), usage: *usage })
        .collect();
    ModelUsage::sort(&mut models);
    let (first, last) = sum.times;
    Group { key, first, last, usage: sum.usage(), models }
}
