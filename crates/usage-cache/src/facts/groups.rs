use std::{cmp::Reverse, collections::BTreeMap};

use common_fs::Timestamp;

use super::{
    Days, Facts, Placed, Session,
    summary::{ByModel, add, by_cost, sum},
};
use crate::{Model, ModelUsage, Query, Usage};

/// What a report tells apart, other than time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// Sessions.
    Session,
    /// Projects, whatever the runtime.
    Project,
    /// Agents of runtimes that have several; other runtimes are one agent.
    Agent,
    /// Runtimes.
    Source,
    /// Models.
    Model,
}

/// What was used by one session, project, agent, source, or of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// Of what.
    pub key: GroupKey,
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

/// What a [`Group`] is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKey {
    /// A session.
    Session(Session),
    /// The directory that sessions are about; `None` for those of which nobody knows.
    Project(Option<String>),
    /// An agent of a source.
    Agent {
        /// The [name](crate::Source::name) of the source.
        source: String,
        /// The agent, where the runtime has several.
        agent: Option<String>,
    },
    /// The [name](crate::Source::name) of a source.
    Source(String),
    /// A model.
    Model(Model),
}

/// A [`GroupKey`] that is not copied for every cell.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key<'f> {
    Session(&'f Session),
    Project(Option<&'f str>),
    Agent(&'f str, Option<&'f str>),
    Source(&'f str),
    Model(&'f Model),
}

impl Key<'_> {
    fn to_owned(self) -> GroupKey {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        match self {
            Self::Session(session) => GroupKey::Session(session.clone()),
            Self::Project(project) => GroupKey::Project(owned(project)),
            Self::Agent(source, agent) => {
                GroupKey::Agent { source: source.to_owned(), agent: owned(agent) }
            }
            Self::Source(source) => GroupKey::Source(source.to_owned()),
            Self::Model(model) => GroupKey::Model(model.clone()),
        }
    }
}

struct Sum<'f> {
    times: (Timestamp, Timestamp),
    by_model: ByModel<'f>,
}

impl Facts {
    /// What was used in the days of `query`, by what. Sessions come in the order in which they
    /// were last used, all others by cost, the costliest first. What has no time is in none.
    pub fn groups(&self, query: &Query, by: By) -> Vec<Group> {
        let cells = match by {
            By::Session | By::Project | By::Agent => self.in_sessions(query),
            By::Source | By::Model => self.cells(query),
        };
        let mut days = Days::new(query);
        let mut sums: BTreeMap<Key<'_>, Sum<'_>> = BTreeMap::new();
        // The cells of a session follow each other.
        let mut current: Option<(Key<'_>, Sum<'_>)> = None;
        for placed in cells {
            let Some((first, last)) = placed.cell.times() else { continue };
            if placed.cell.key.quarter.and_then(|quarter| days.day(quarter)).is_none() {
                continue;
            }
            let Some(key) = key(&placed, by) else { continue };
            let usage = placed.cell.usage();
            match &mut current {
                Some((known, sum)) if *known == key => sum.add((first, last), placed.model, usage),
                _ => {
                    let mut sum = Sum { times: (first, last), by_model: ByModel::new() };
                    sum.add((first, last), placed.model, usage);
                    merge(&mut sums, current.replace((key, sum)));
                }
            }
        }
        merge(&mut sums, current);
        let mut groups: Vec<Group> = sums.into_iter().map(|(key, sum)| group(key, sum)).collect();
        match by {
            By::Session => groups.sort_by_key(|group| group.last),
            By::Project | By::Agent | By::Source | By::Model => {
                groups.sort_by_key(|group| Reverse((group.usage.cost, group.usage.tokens.total)));
            }
        }
        groups
    }
}

impl<'f> Sum<'f> {
    fn add(&mut self, (first, last): (Timestamp, Timestamp), model: &'f Model, usage: Usage) {
        self.times = (self.times.0.min(first), self.times.1.max(last));
        add(&mut self.by_model, model, usage);
    }
}

fn merge<'f>(sums: &mut BTreeMap<Key<'f>, Sum<'f>>, new: Option<(Key<'f>, Sum<'f>)>) {
    let Some((key, new)) = new else { return };
    match sums.get_mut(&key) {
        Some(sum) => new.by_model.into_iter().for_each(|(model, usage)| {
            sum.add(new.times, model, usage);
        }),
        None => {
            sums.insert(key, new);
        }
    }
}

fn key<'f>(placed: &Placed<'f>, by: By) -> Option<Key<'f>> {
    Some(match by {
        By::Session => Key::Session(placed.session?),
        By::Project => Key::Project(placed.session?.project.as_deref()),
        By::Agent => Key::Agent(&placed.source.name, placed.session?.agent.as_deref()),
        By::Source => Key::Source(&placed.source.name),
        By::Model => Key::Model(placed.model),
    })
}

fn group(key: Key<'_>, Sum { times: (first, last), by_model }: Sum<'_>) -> Group {
    let models = by_cost(by_model);
    let usage = sum(models.iter().map(|model| model.usage));
    Group { key: key.to_owned(), first, last, usage, models }
}
