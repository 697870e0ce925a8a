//! What reports are made of: tokens and costs by session, quarter of an hour and model.
//!
//! Who counts what is decided, and everything is priced; what is left to a report is to choose
//! and to add up. So all reports agree, and none of them has to look at single events.

mod blocks;
mod build;
mod cells;
mod groups;
mod hours;
mod session_list;
mod sessions;
mod summary;
mod used;
mod written;

use std::{ops::RangeInclusive, sync::Arc};

use foldhash::HashMap;

use crate::{Model, Query, Unresolved, rollup::Quarter, saved::Basis};
use cells::{Cell, Cells, Kind};
use sessions::{Sessions, Unpacking};

pub use blocks::{BLOCK_HOURS, Block, BurnRate, Projection};
pub use groups::{By, Group, GroupKey};
pub use hours::HourUsage;
pub use session_list::{SessionList, SessionUsage};
pub(crate) use written::{Sections, Tables};

/// Everything that counts, at some prices.
///
/// Made by [`UsageCache::facts`](crate::UsageCache::facts), and asked as often as needed, for any
/// days and any time zone. [`Query::gone`] is not asked again: what to do with transcripts that
/// exist no more was decided when this was made.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    sources: Vec<SourceFacts>,
    models: Vec<Arc<Model>>,
    sessions: Sessions,
    /// Cells whose places are `sources`.
    by_source: Cells,
    /// The same, whose places are `sessions`.
    by_session: Cells,
    /// What they were made of, if that has a name.
    basis: Option<Basis>,
}

/// Where they come from does not matter.
impl PartialEq for Facts {
    fn eq(&self, other: &Self) -> bool {
        self.sources == other.sources
            && self.models == other.models
            && self.sessions == other.sessions
            && self.by_source == other.by_source
            && self.by_session == other.by_session
    }
}

impl Eq for Facts {}

#[derive(Clone, Debug, PartialEq, Eq)]
struct SourceFacts {
    name: String,
    unresolved: Unresolved,
}

/// A session: one conversation of a runtime, in however many transcripts it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Session<'f> {
    /// The [name](crate::Source::name) of the source.
    pub source: &'f str,
    /// The agent, where the runtime has several.
    pub agent: Option<&'f str>,
    /// The directory that the session is about: where the runtime was started. `None` if nobody
    /// knows.
    pub project: Option<&'f str>,
    /// What the runtime calls the session.
    pub id: &'f str,
}

/// A cell, and whose it is.
struct Placed<'f> {
    cell: Cell,
    source: &'f str,
    session: Option<Session<'f>>,
    model: &'f Arc<Model>,
}

impl Facts {
    pub(crate) fn basis(&self) -> Option<Basis> {
        self.basis
    }

    /// The cells that a query asks for, of any day, whoever's they are.
    fn cells<'f: 'q, 'q>(&'f self, query: &'q Query) -> Box<dyn Iterator<Item = Placed<'f>> + 'q> {
        if query.project.is_some() {
            Box::new(self.in_sessions(query))
        } else {
            Box::new(self.in_sources(query))
        }
    }

    fn in_sources<'f>(&'f self, query: &Query) -> impl Iterator<Item = Placed<'f>> {
        let asked = Asked::new(self, query);
        self.by_source.iter().filter_map(move |cell| {
            let source = &*at(&self.sources, cell.key.place)?.name;
            let model = asked.model(cell.key.model)?;
            let session = None;
            query.asks_for_source(source).then_some(Placed { cell, source, session, model })
        })
    }

    /// The cells of a session follow each other.
    fn in_sessions<'f>(&'f self, query: &Query) -> impl Iterator<Item = Placed<'f>> {
        let asked = Asked::new(self, query);
        let mut sessions = AskedSessions::new(self, query);
        self.by_session.iter().filter_map(move |cell| {
            let session = sessions.at(cell.key.place)?;
            let model = asked.model(cell.key.model)?;
            Some(Placed { cell, source: session.source, session: Some(session), model })
        })
    }
}

/// The sessions that a query asks for, looked at one after the other, as their cells are.
struct AskedSessions<'f, 'q> {
    query: &'q Query,
    rest: Unpacking<'f>,
    next: u32,
    /// The one before `next`, if it is asked for.
    last: Option<Session<'f>>,
}

impl<'f, 'q> AskedSessions<'f, 'q> {
    fn new(facts: &'f Facts, query: &'q Query) -> Self {
        Self { query, rest: facts.sessions.iter(&facts.sources), next: 0, last: None }
    }

    /// A session, if it is asked for; no number may be less than the one before.
    fn at(&mut self, number: u32) -> Option<Session<'f>> {
        while self.next <= number {
            let session = self.rest.next()?;
            let is_asked = |session: &Session<'_>| {
                self.query.asks_for_source(session.source)
                    && self.query.asks_for_project(session.project)
            };
            self.last = Some(session).filter(is_asked);
            self.next += 1;
        }
        self.last.filter(|_| self.next.checked_sub(1) == Some(number))
    }
}

fn at<T>(list: &[T], index: u32) -> Option<&T> {
    list.get(usize::try_from(index).ok()?)
}

/// Which models a query asks for, each decided once.
struct Asked<'f>(Vec<Option<&'f Arc<Model>>>);

impl<'f> Asked<'f> {
    fn new(facts: &'f Facts, query: &Query) -> Self {
        let asked =
            facts.models.iter().map(|model| Some(model).filter(|m| query.asks_for_model(m)));
        Self(asked.collect())
    }

    fn model(&self, index: u32) -> Option<&'f Arc<Model>> {
        at(&self.0, index).copied().flatten()
    }
}

const QUARTERS_PER_DAY: i32 = 24 * 4;

/// The days of a query, each quarter of an hour looked up once.
struct Days<'q> {
    query: &'q Query,
    /// Outside these, no quarter is asked for.
    near: RangeInclusive<i32>,
    known: HashMap<Quarter, Option<crate::Day>>,
    last: Option<(Quarter, Option<crate::Day>)>,
}

impl<'q> Days<'q> {
    fn new(query: &'q Query) -> Self {
        let quarter = |day: crate::Day| Quarter::of(day.in_utc()).0;
        let first = query.since.map_or(i32::MIN, |day| quarter(day) - QUARTERS_PER_DAY);
        let last = query.until.map_or(i32::MAX, |day| quarter(day) + 2 * QUARTERS_PER_DAY);
        Self { query, near: first..=last, known: HashMap::default(), last: None }
    }

    /// The day of a quarter, if it is asked for.
    fn day(&mut self, quarter: Quarter) -> Option<crate::Day> {
        if let Some((last, day)) = self.last
            && last == quarter
        {
            return day;
        }
        if !self.near.contains(&quarter.0) {
            return None;
        }
        let query = self.query;
        let day = *self.known.entry(quarter).or_insert_with(|| {
            Some(query.zone.day(quarter.start())).filter(|day| query.contains(*day))
        });
        self.last = Some((quarter, day));
        day
    }
}

#[cfg(test)]
mod tests {
    use common_fs::Timestamp;

    use super::*;
    use crate::{Day, Zone};

    #[test]
    fn no_quarter_of_a_day_is_missed() {
        for zone in ["UTC", "+14:00", "-12:00", "Asia/Kathmandu", "America/New_York"] {
            let zone: Zone = zone.parse().unwrap();
            let day = |text: &str| text.parse::<Day>().ok();
            let (since, until) = (day("2026-03-08"), day("2026-03-09"));
            for (since, until) in [(since, until), (since, None), (None, until), (None, None)] {
                let query = Query { since, until, ..Query::all(zone.clone()) };
                let mut days = Days::new(&query);
                let first = Quarter::of(since.or(until).map_or(Timestamp::UNIX_EPOCH, Day::in_utc));
                for at in -500..500 {
                    let quarter = Quarter(first.0 + at);
                    let day = query.zone.day(quarter.start());
                    let expected = Some(day).filter(|day| query.contains(*day));
                    assert_eq!(days.day(quarter), expected, "{query:?} {quarter:?}");
                }
            }
        }
        for far in ["9999-12-31", "2500-01-01", "1500-01-01", "0001-01-01"] {
            let far = far.parse::<Day>().ok();
            let query = Query { since: far, until: far, ..Query::all(Zone::utc()) };
            assert_eq!(Days::new(&query).day(Quarter(0)), None);
        }
    }
}
