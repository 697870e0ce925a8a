use std::{cmp::Reverse, ptr};

use common_fs::Timestamp;
use foldhash::{HashMap, HashSet};

use super::{Cell, Days, Facts, Placed, Session, summary::sum};
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
    Session(&'f Session),
    Project(Option<&'f str>),
    Agent(&'f str, Option<&'f str>),
    Source(&'f str),
    Model(&'f Model),
}

impl Key<'_> {
    /// Whether it is the same, without reading it where that can be told.
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Session(ours), Self::Session(theirs)) => ptr::eq(ours, theirs),
            (Self::Model(ours), Self::Model(theirs)) => ptr::eq(ours, theirs),
            _ => self == other,
        }
    }

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
    /// A few, of which each is in the table once.
    by_model: Vec<(&'f Model, Usage)>,
}

impl Facts {
    /// What was used in the days of `query`, by what. Sessions come in the order in which they
    /// were last used, all others by cost, the costliest first. What has no time is in none.
    pub fn groups(&self, query: &Query, by: By) -> Vec<Group> {
        let cells = match by {
            By::Session | By::Project | By::Agent => self.in_sessions(query),
            By::Source | By::Model => self.cells(query),
        };
        grouped(cells, query, by)
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
        let mut days = Days::new(query);
        let mut ranks: Vec<(Rank, &Session)> = Vec::new();
        for Placed { cell, session, .. } in self.in_sessions(query) {
            let (Some((_, last)), Some(session)) = (cell.times(), session) else { continue };
            if cell.key.quarter.and_then(|quarter| days.day(quarter)).is_none() {
                continue;
            }
            match ranks.last_mut() {
                Some((known, of)) if ptr::eq(*of, session) => known.add(top, &cell, last),
                _ => {
                    let mut rank = Rank { cost: NanoUsd::ZERO, tokens: 0, last };
                    rank.add(top, &cell, last);
                    ranks.push((rank, session));
                }
            }
        }
        let others = ranks.len().saturating_sub(sessions_max);
        if let Some(lower) = others.checked_sub(1) {
            ranks.select_nth_unstable(lower);
        }
        let asked: HashSet<*const Session> =
            ranks.iter().skip(others).map(|(_, session)| ptr::from_ref(*session)).collect();
        let is_asked = |placed: &Placed<'_>| {
            placed.session.is_some_and(|session| asked.contains(&ptr::from_ref(session)))
        };
        let mut groups = grouped(self.in_sessions(query).filter(is_asked), query, By::Session);
        if top == Top::Costliest {
            groups.sort_by_key(|Group { usage, last, .. }| {
                Reverse((usage.cost, usage.tokens.total, *last))
            });
        }
        (groups, others)
    }
}

/// Where a session stands among others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    cost: NanoUsd,
    tokens: u64,
    last: Timestamp,
}

impl Rank {
    fn add(&mut self, top: Top, cell: &Cell, last: Timestamp) {
        if top == Top::Costliest {
            self.cost = self.cost + cell.cost;
            self.tokens = self.tokens.saturating_add(cell.tokens.total);
        }
        self.last = self.last.max(last);
    }
}

fn grouped<'f>(cells: impl Iterator<Item = Placed<'f>>, query: &Query, by: By) -> Vec<Group> {
    let mut days = Days::new(query);
    let mut sessions: Vec<(Key<'_>, Sum<'_>)> = Vec::new();
    let mut sums: HashMap<Key<'_>, Sum<'_>> = HashMap::default();
    // The cells of a session follow each other, and no other session is equal to it.
    let mut take = |over| match over {
        Some((key @ Key::Session(_), sum)) => sessions.push((key, sum)),
        Some((key, sum)) => merge(&mut sums, key, sum),
        None => (),
    };
    let mut current: Option<(Key<'_>, Sum<'_>)> = None;
    for placed in cells {
        let Some((first, last)) = placed.cell.times() else { continue };
        if placed.cell.key.quarter.and_then(|quarter| days.day(quarter)).is_none() {
            continue;
        }
        let Some(key) = key(&placed, by) else { continue };
        let usage = placed.cell.usage();
        match &mut current {
            Some((known, sum)) if known.is(key) => sum.add((first, last), placed.model, usage),
            _ => {
                let mut sum = Sum { times: (first, last), by_model: Vec::new() };
                sum.add((first, last), placed.model, usage);
                take(current.replace((key, sum)));
            }
        }
    }
    take(current);
    sessions
        .sort_by(|(a, a_sum), (b, b_sum)| a_sum.times.1.cmp(&b_sum.times.1).then_with(|| a.cmp(b)));
    let sums = sessions.into_iter().chain(sums);
    let mut groups: Vec<Group> = sums.map(|(key, sum)| group(key, sum)).collect();
    match by {
        By::Session => (),
        By::Project | By::Agent | By::Source | By::Model => {
            let used = |group: &Group| Reverse((group.usage.cost, group.usage.tokens.total));
            groups.sort_by(|a, b| used(a).cmp(&used(b)).then_with(|| a.key.cmp(&b.key)));
        }
    }
    groups
}

impl<'f> Sum<'f> {
    fn add(&mut self, (first, last): (Timestamp, Timestamp), model: &'f Model, usage: Usage) {
        self.times = (self.times.0.min(first), self.times.1.max(last));
        match self.by_model.iter_mut().find(|(known, _)| ptr::eq(*known, model)) {
            Some((_, sum)) => *sum = *sum + usage,
            None => self.by_model.push((model, usage)),
        }
    }
}

fn merge<'f>(sums: &mut HashMap<Key<'f>, Sum<'f>>, key: Key<'f>, new: Sum<'f>) {
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
    let models = by_model.into_iter();
    let mut models: Vec<ModelUsage> =
        models.map(|(model, usage)| ModelUsage { model: model.clone(), usage }).collect();
    ModelUsage::sort(&mut models);
    let usage = sum(models.iter().map(|model| model.usage));
    Group { key: key.to_owned(), first, last, usage, models }
}
