use common_fs::{Host, Timestamp};

use super::{Memo, file, places_key};
use crate::{Block, Facts, Gone, Locations, Query, Summary};

/// What was used, as of the last time that facts were [saved](crate::remember): for whoever asks
/// every few seconds.
#[derive(Debug)]
pub struct Glance {
    facts: Facts,
    held_at: Timestamp,
}

/// Reads as much of the saved facts as days, models, sources and windows need, and nothing else:
/// neither transcripts nor the cache. `None` if no facts that include
/// [what is gone](Gone::Include) were saved.
///
/// At which prices they were made is not looked at: whoever refreshes saves them anew.
pub fn glance(host: Host<'_>, locations: &Locations) -> Option<Glance> {
    let places = places_key(&locations.places)?;
    let Memo { facts, held_at, .. } = file::read_first(host, &locations.facts, places)?;
    let is_asked = facts.basis().is_some_and(|basis| basis.gone == Gone::Include);
    is_asked.then_some(Glance { facts, held_at })
}

impl Glance {
    /// When this was last known to hold.
    pub fn held_at(&self) -> Timestamp {
        self.held_at
    }

    /// As [`Facts::summary`], of all projects.
    pub fn summary(&self, query: &Query) -> Summary {
        self.facts.summary(&of_all_projects(query))
    }

    /// As [`Facts::blocks`], of all projects.
    pub fn blocks(&self, query: &Query) -> Vec<Block> {
        self.facts.blocks(&of_all_projects(query))
    }
}

fn of_all_projects(query: &Query) -> Query {
    Query { project: None, ..query.clone() }
}
