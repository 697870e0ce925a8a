use std::cmp::Reverse;

use common_fs::Timestamp;
use foldhash::HashMap;

use super::{Days, Facts, Placed, used::Used};
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

impl Facts {
    /// What was used in the days of `query`, by what, the costliest first. What has no time is in
    /// none.
    pub fn groups(&self, query: &Query, by: By) -> Vec<Group<'_>> {
        let sums = match by {
            By::Project | By::Agent => sums(self.in_sessions(query), query, by),
            By::Source | By::Model => sums(self.cells(query), query, by),
        };
        let group = |(key, used): (_, Used)| {
            let Used { first, last, usage, .. } = used;
            Group { key, first, last, usage, models: used.into_models() }
        };
        let mut groups: Vec<Group<'_>> = sums.into_iter().map(group).collect();
        let size = |group: &Group<'_>| Reverse((group.usage.cost, group.usage.tokens.total));
        groups.sort_by(|a, b| size(a).cmp(&size(b)).then_with(|| a.key.cmp(&b.key)));
        groups
    }
}

fn sums<'f>(
    cells: impl Iterator<Item = Placed<'f>>,
    query: &Query,
    by: By,
) -> HashMap<GroupKey<'f>, Used> {
    let mut days = Days::new(query);
    let mut sums = HashMap::default();
    for placed in cells {
        let Some(times) = placed.cell.times() else { continue };
        let Some(key) = GroupKey::of(&placed, by) else { continue };
        if placed.cell.key.quarter.and_then(|quarter| days.day(quarter)).is_some() {
            let used = sums.entry(key).or_insert_with(|| Used::at(times.0));
            used.add(times, placed.model, placed.cell.usage());
        }
    }
    sums
}
