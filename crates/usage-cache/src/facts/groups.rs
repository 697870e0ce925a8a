use std::{cmp::Reverse, ptr};

use common_fs::Timestamp;
use foldhash::HashMap;

use super::{Days, Facts, Placed, Session, SessionRef, cells::CellKey, summary::sum};
use crate::{Model, ModelUsage, NanoUsd, Query, Usage};

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

/// Which sessions are asked for, if not all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Top {
    /// Those that were used last.
    Latest,
    /// Those that cost the most.
    Costliest,
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
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key<'f> {
    Session(SessionRef<'f>),
    Project(Option<&'f str>),
    Agent(&'f str, Option<&'f str>),
    Source(&'f str),
    Model(&'f Model),
}

impl<'f> Key<'f> {
    fn of(placed: &Placed<'f>, by: By) -> Option<Self> {
        Some(match by {
            By::Session => Self::Session(placed.session?),
            By::Project => Self::Project(placed.session?.project),
            By::Agent => Self::Agent(placed.source, placed.session?.agent),
            By::Source => Self::Source(placed.source),
            By::Model => Self::Model(placed.model),
        })
    }

    fn to_owned(self) -> GroupKey {
        let owned = |name: Option<&str>| name.map(str::to_owned);
        match self {
            Self::Session(session) => GroupKey::Session(session.to_session()),
            Self::Project(project) => GroupKey::Project(owned(project)),
            Self::Agent(source, agent) => {
                GroupKey::Agent { source: source.to_owned(), agent: owned(agent) }
            }
            Self::Source(source) => GroupKey::Source(source.to_owned()),
            Self::Model(model) => GroupKey::Model(model.clone()),
        }
    }
}

/// What was used, while it is being summed up.
#[derive(Clone)]
struct Sum<'f> {
    times: (Timestamp, Timestamp),
    /// A few, of which each is in the table once.
    by_model: Vec<(&'f Model, Usage)>,
}

impl Facts {
    /// What was used in the days of `query`, by what. Sessions come in the order in which they
    /// were last used, all others by cost, the costliest first. What has no time is in none.
    pub fn groups(&self, query: &Query, by: By) -> Vec<Group> {
        if by == By::Session {
            let mut groups: Vec<Group> = Vec::new();
            self.sums(query, by, |key, sum| groups.push(group(key, sum)));
            groups.sort_by(|a, b| a.last.cmp(&b.last).then_with(|| a.key.cmp(&b.key)));
            return groups;
        }
        let mut sums: HashMap<Key<'_>, Sum<'_>> = HashMap::default();
        self.sums(query, by, |key, sum| match sums.get_mut(&key) {
            Some(known) => known.merge(sum),
            None => {
                sums.insert(key, sum.clone());
            }
        });
        let mut groups: Vec<Group> = sums.iter().map(|(key, sum)| group(*key, sum)).collect();
        let used = |group: &Group| Reverse((group.usage.cost, group.usage.tokens.total));
        groups.sort_by(|a, b| used(a).cmp(&used(b)).then_with(|| a.key.cmp(&b.key)));
        groups
    }

    /// The same by session, of `sessions_max` alone, and how many more there are: there can be very
    /// many of which nobody asks for more. The latest come in the order in which they were last
    /// used, the costliest by cost.
    pub fn top_sessions(
        &self,
        query: &Query,
        top: Top,
        sessions_max: usize,
    ) -> (Vec<Group>, usize) {
        let mut best: Vec<(Rank<'_>, Sum<'_>)> = Vec::new();
        let mut lowest = None;
        let mut sessions = 0;
        self.sums(query, By::Session, |session, sum| {
            sessions += 1;
            let rank = Rank::of(session, sum, top);
            if lowest.is_none_or(|lowest| lowest < rank) {
                best.push((rank, sum.clone()));
            }
            if best.len() / 2 > sessions_max {
                lowest = keep_highest(&mut best, sessions_max);
            }
        });
        keep_highest(&mut best, sessions_max);
        if top == Top::Latest {
            best.reverse();
        }
        let groups: Vec<Group> = best.iter().map(|(rank, sum)| group(rank.session, sum)).collect();
        let others = sessions - groups.len();
        (groups, others)
    }

    /// Sums up the cells of one thing after the other. Only the cells of a session all follow each
    /// other: `take` may get anything else several times.
    fn sums<'f>(&'f self, query: &'f Query, by: By, take: impl FnMut(Key<'f>, &Sum<'f>)) {
        match by {
            By::Session | By::Project | By::Agent => {
                sum_up(self.in_sessions(query), query, by, take);
            }
            By::Source | By::Model => sum_up(self.cells(query), query, by, take),
        }
    }
}

/// Where a session stands among others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank<'f> {
    cost: NanoUsd,
    tokens: u64,
    last: Timestamp,
    session: Key<'f>,
}

impl<'f> Rank<'f> {
    fn of(session: Key<'f>, sum: &Sum<'_>, top: Top) -> Self {
        let usage = match top {
            Top::Latest => Usage::default(),
            Top::Costliest => sum.usage(),
        };
        Self { cost: usage.cost, tokens: usage.tokens.total, last: sum.times.1, session }
    }
}

/// Leaves so many, the highest first; the lowest of these, if something was left out.
fn keep_highest<'f>(ranked: &mut Vec<(Rank<'f>, Sum<'f>)>, max: usize) -> Option<Rank<'f>> {
    ranked.sort_by_key(|(rank, _)| Reverse(*rank));
    ranked.truncate(max);
    ranked.last().map(|(rank, _)| *rank)
}

fn sum_up<'f>(
    cells: impl Iterator<Item = Placed<'f>>,
    query: &Query,
    by: By,
    mut take: impl FnMut(Key<'f>, &Sum<'f>),
) {
    let mut days = Days::new(query);
    let mut current: Option<(u32, Key<'f>, Sum<'f>)> = None;
    for placed in cells {
        let CellKey { place, quarter, .. } = placed.cell.key;
        let Some(times) = placed.cell.times() else { continue };
        if quarter.and_then(|quarter| days.day(quarter)).is_none() {
            continue;
        }
        // Whatever is told apart but models, all cells of a place have the same key.
        let is_known = |(known, ..): &(u32, Key<'_>, Sum<'_>)| *known == place && by != By::Model;
        if !current.as_ref().is_some_and(is_known) {
            let Some(key) = Key::of(&placed, by) else { continue };
            current = Some(match current.take() {
                Some((_, known, sum)) if known == key => (place, key, sum),
                Some((_, known, mut sum)) => {
                    take(known, &sum);
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
        take(key, &sum);
    }
}

impl<'f> Sum<'f> {
    /// Begins again, in the same memory.
    fn restart(&mut self, times: (Timestamp, Timestamp)) {
        self.times = times;
        self.by_model.clear();
    }

    fn add(&mut self, (first, last): (Timestamp, Timestamp), model: &'f Model, usage: Usage) {
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

fn group(key: Key<'_>, sum: &Sum<'_>) -> Group {
    let models = sum.by_model.iter();
    let mut models: Vec<ModelUsage> = models
        .map(|(model, usage)| ModelUsage { model: (*model).clone(), usage: *usage })
        .collect();
    ModelUsage::sort(&mut models);
    let (first, last) = sum.times;
    Group { key: key.to_owned(), first, last, usage: sum.usage(), models }
}
