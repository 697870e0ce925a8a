//! What sessions used, each summed up when it is asked for: there can be very many.

use std::{fmt, sync::Arc};

use common_fs::Timestamp;

use super::{
    Asked, AskedSessions, Days, Facts, Session,
    cells::{self, Cell},
    summary::sum,
    used::Used,
};
use crate::{Model, ModelUsage, NanoUsd, Query, Usage};

/// What was used by a session in the days of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionUsage<'f> {
    /// The session.
    pub session: Session<'f>,
    /// When it was first used in these days, to a quarter of an hour where the runtime's answers
    /// have no identity,
    pub first: Timestamp,
    /// and when last.
    pub last: Timestamp,
    /// In all.
    pub usage: Usage,
    /// By model, the costliest first.
    pub models: Vec<ModelUsage>,
}

/// The sessions that were used in the days of a query, in the order in which they were last used.
///
/// Made by [`Facts::sessions`]. A session takes some hundred bytes: it is only summed up when its
/// turn comes.
#[derive(Clone)]
pub struct SessionList<'f> {
    facts: &'f Facts,
    query: Query,
    found: Vec<Found<'f>>,
}

/// A session that was used in these days.
#[derive(Clone)]
struct Found<'f> {
    session: Session<'f>,
    last: Timestamp,
    place: u32,
    /// They begin with the first cell of the session that is asked for.
    cells: cells::Iter<'f>,
    /// With so many, up to the last one that is asked for.
    cell_count: usize,
}

/// The cells that a query asks for, of a session that it asks for.
struct AskedCells<'f, 'q> {
    models: Asked<'f>,
    days: Days<'q>,
}

impl Facts {
    /// The sessions that were used in the days of `query`. What has no time is in none.
    pub fn sessions(&self, query: &Query) -> SessionList<'_> {
        let mut asked = AskedCells::new(self, query);
        let mut sessions = AskedSessions::new(self, query);
        let mut found: Vec<Found<'_>> = Vec::new();
        // From the first one of the session that was found last.
        let mut cells_read = 0;
        let mut cells = self.by_session.iter();
        loop {
            let from_here = cells.clone();
            let Some(cell) = cells.next() else { break };
            cells_read += 1;
            let place = cell.key.place;
            let Some(session) = sessions.at(place) else { continue };
            let Some((_, (_, last))) = asked.asked(&cell) else { continue };
            match found.last_mut() {
                Some(same) if same.place == place => {
                    same.last = same.last.max(last);
                    same.cell_count = cells_read;
                }
                Some(_) | None => {
                    found.push(Found { session, last, place, cells: from_here, cell_count: 1 });
                    cells_read = 1;
                }
            }
        }
        // Of all days, they are in this order already but for a few at the same time.
        found.sort_by_key(|found| (found.last, found.session));
        SessionList { facts: self, query: query.clone(), found }
    }
}

impl<'f> SessionList<'f> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.found.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// What each of them used.
    pub fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = SessionUsage<'f>> + ExactSizeIterator + '_ {
        let mut asked = AskedCells::new(self.facts, &self.query);
        self.found.iter().map(move |found| asked.sum(found))
    }

    /// Leaves so many, those that were used last.
    pub fn keep_latest(&mut self, sessions_max: usize) {
        self.found.drain(..self.len().saturating_sub(sessions_max));
    }

    /// So many that cost the most, the costliest first. Of the same cost, the one with the most
    /// tokens comes first, then the one that was used last.
    pub fn costliest(&self, sessions_max: usize) -> Vec<SessionUsage<'f>> {
        let mut asked = AskedCells::new(self.facts, &self.query);
        let mut ranked: Vec<(NanoUsd, u64, usize)> = Vec::with_capacity(self.len());
        for (index, found) in self.found.iter().enumerate() {
            let usage = sum(asked.of(found).map(|(_, _, usage)| usage));
            ranked.push((usage.cost, usage.tokens.total, index));
        }
        ranked.sort_unstable();
        let best = ranked.iter().rev().take(sessions_max);
        best.filter_map(|(.., index)| Some(asked.sum(self.found.get(*index)?))).collect()
    }
}

impl fmt::Debug for SessionList<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'f, 'q> AskedCells<'f, 'q> {
    fn new(facts: &'f Facts, query: &'q Query) -> Self {
        Self { models: Asked::new(facts, query), days: Days::new(query) }
    }

    /// The model of a cell and when it was used, if it is asked for.
    fn asked(&mut self, cell: &Cell) -> Option<(&'f Arc<Model>, (Timestamp, Timestamp))> {
        let model = self.models.model(cell.key.model)?;
        self.days.day(cell.key.quarter?)?;
        Some((model, cell.times()?))
    }

    /// What the cells of a session say.
    fn of<'l>(
        &'l mut self,
        found: &'l Found<'f>,
    ) -> impl Iterator<Item = (&'f Arc<Model>, (Timestamp, Timestamp), Usage)> {
        let of_session = move |cell: &Cell| cell.key.place == found.place;
        let cells = found.cells.clone().take(found.cell_count).filter(of_session);
        cells.filter_map(|cell| {
            let (model, times) = self.asked(&cell)?;
            Some((model, times, cell.usage()))
        })
    }

    fn sum(&mut self, found: &Found<'f>) -> SessionUsage<'f> {
        let mut used = Used::at(found.last);
        for (model, times, usage) in self.of(found) {
            used.add(times, model, usage);
        }
        let Used { first, last, usage, .. } = used;
        SessionUsage { session: found.session, first, last, usage, models: used.into_models() }
    }
}
