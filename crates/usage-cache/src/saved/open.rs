use common_fs::{Host, Timestamp};

use super::{Memo, recall_last};
use crate::{
    CacheProblem, Facts, Freshness, Gone, Options, Prices, Status, discover, refresh, store,
    trace::{self, Updated},
};

/// What was known at the last refresh.
#[derive(Debug)]
#[non_exhaustive]
pub struct Saved {
    /// Everything that counts.
    pub facts: Facts,
    /// How complete it was then. What has become of the transcripts since is not known.
    pub status: Status,
    /// When that was last known to hold; `None` if nothing is known.
    pub held_at: Option<Timestamp>,
    /// What is the matter with the files of the cache.
    pub problems: Vec<CacheProblem>,
}

/// Gives the answers of the last refresh without looking for transcripts: from the facts that
/// were [saved](crate::remember), if they are what is asked for, or else from the cache.
///
/// [`open`](crate::open) does the same and looks for transcripts, to say how far the answers are
/// behind.
pub fn open_saved(host: Host<'_>, options: &Options, gone: Gone, prices: &Prices) -> Saved {
    let locations = &options.locations;
    let Updated { turns, status: trace, problems } = trace::load(host, locations);
    let mut problems: Vec<CacheProblem> = problems.into_iter().map(CacheProblem::Turns).collect();
    let refreshing = store::is_busy(host, &locations.cache).unwrap_or(false);
    if let Some(Memo { facts, counts, held_at }) = recall_last(host, options, turns.key())
        && facts.basis().is_some_and(|basis| basis.is_at(gone, prices))
    {
        let (roots, _errors) = discover::roots(host.fs, &locations.places);
        let mut status = counts.status(roots, trace);
        if refreshing {
            status.freshness = Freshness::Refreshing;
        }
        return Saved { facts, status, held_at: Some(held_at), problems };
    }
    let (usage, problem) = refresh::open_unlisted(host, options, refreshing, (turns, trace));
    problems.extend(problem);
    let facts = usage.facts(gone, prices);
    let status = usage.into_status();
    Saved { facts, held_at: status.refreshed_at, status, problems }
}
