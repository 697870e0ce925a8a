//! Where the answers of a report come from.

use std::{path::Path, process::ExitCode};

use cli_support::{
    Interrupt,
    text::{self, iso},
};
use common_fs::{Host, Timestamp};
use usage_cache::{
    CacheProblem, Facts, Gone, Locations, Prices, Query, Refreshed, Remembered, SaveError, Saved,
    Status, UsageCache,
};

use super::{message, options, refreshed};

/// What a report is made of.
pub(super) struct Answers {
    pub(super) facts: Facts,
    pub(super) problems: Vec<CacheProblem>,
    known: Known,
}

/// What is known besides.
enum Known {
    /// Just now.
    Refreshed { usage: Box<UsageCache>, scanned_files: u64 },
    /// At the last refresh.
    Saved { status: Box<Status>, held_at: Option<Timestamp> },
}

/// Refreshes the cache, or takes what it knows; the exit code if that was interrupted.
pub(super) fn answers(
    interrupt: &Interrupt,
    no_refresh: bool,
    locations: &Locations,
    (gone, prices): (Gone, &Prices),
) -> Result<Answers, ExitCode> {
    if no_refresh {
        let saved = usage_cache::open_saved(Host::real(), &options(locations), gone, prices);
        let Saved { facts, status, held_at, problems, .. } = saved;
        for problem in &problems {
            message(&format!("warning: {}", text::in_full(problem)));
        }
        let known = Known::Saved { status: Box::new(status), held_at };
        return Ok(Answers { facts, problems, known });
    }
    let Refreshed { usage, work, problems, .. } = refreshed(interrupt, locations)?;
    let facts = usage.facts(gone, prices);
    let (usage, scanned_files) = (Box::new(usage), work.scanned_files);
    Ok(Answers { facts, problems, known: Known::Refreshed { usage, scanned_files } })
}

impl Answers {
    pub(super) fn status(&self) -> &Status {
        match &self.known {
            Known::Refreshed { usage, .. } => usage.status(),
            Known::Saved { status, .. } => status,
        }
    }

    /// As of when this is, if that is not now.
    pub(super) fn age(&self) -> Option<String> {
        let Known::Saved { held_at, .. } = &self.known else { return None };
        Some(held_at.map_or_else(
            || "Nothing is saved yet: leave out --no-refresh once.".to_owned(),
            |at| {
                let age = text::span(Host::real().clock.now().since(at));
                format!("As of {} ({age} ago): --no-refresh looks for nothing new.", iso(at))
            },
        ))
    }

    /// Keeps what most reports are made of, for the next one and for `statusline`. Whoever has read
    /// something writes no more than what is new.
    ///
    /// That is the last that is done with them.
    pub(super) fn remember(self, locations: &Locations, query: &Query, prices: Option<&Path>) {
        if let Known::Refreshed { usage, scanned_files: 0 } = &self.known
            && prices.is_none()
            && query.gone == Gone::Include
        {
            remember(locations, usage, &self.facts);
        }
        leave(self);
    }
}

/// Done with what can be large: the process ends soon, and gives all memory back at once rather
/// than name by name.
pub(super) fn leave<T>(done: T) {
    std::mem::forget(done);
}

pub(super) fn remember(locations: &Locations, usage: &UsageCache, facts: &Facts) {
    let remembered: Result<Remembered, SaveError> =
        usage_cache::remember(Host::real(), &options(locations), usage, facts);
    if let Err(error) = remembered {
        let path = text::plain(&locations.facts.display().to_string());
        message(&format!("warning: `{path}` is not saved: {}", text::in_full(&error)));
    }
}
