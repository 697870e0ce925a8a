//! Adding the ledger of another machine to the cache of this one.

use common_fs::Host;

use super::{
    Ledger,
    merge::{Merged, merge},
};
use crate::{
    CacheProblem, Key, Options, UsageCache,
    refresh::{self, Opened},
    scope::Scope,
    trace,
};

/// Whether an import is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// It is saved to the cache file.
    Saved,
    /// It is only shown what it would come to.
    Dry,
}

/// What came of an import.
#[derive(Debug)]
#[non_exhaustive]
pub struct Import {
    /// Transcripts that were not known.
    pub added: u64,
    /// Transcripts of which less was known.
    pub grown: u64,
    /// Transcripts that were known already, from this machine or an earlier import.
    pub known: u64,
    /// Lines that are damaged or missing, each with a transcript.
    pub damaged: u64,
    /// What is known with it.
    pub usage: UsageCache,
    /// What is the matter with the cache file.
    pub problems: Vec<CacheProblem>,
}

/// Why an import was not saved, so that nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// Another process is saving to the cache file.
    #[error("another process is saving to the cache just now; try again when it has finished")]
    Busy,
    /// The cache file cannot be used or written.
    #[error("the cache cannot take in anything")]
    Cache(#[from] CacheProblem),
}

/// Adds what another ledger knows to the cache. What the transcripts of this machine say should be
/// [up to date](crate::refresh()) before, so that what they have is not taken in as well; it counts
/// once in any case.
pub fn import(
    host: Host<'_>,
    options: &Options,
    ledger: &Ledger<'_>,
    saving: Saving,
) -> Result<Import, ImportError> {
    let mut dir = None;
    let mut opened = open(host, options, saving, &mut dir)?;
    let Opened { loaded, discovery, .. } = &mut opened;
    let (transcripts, damaged) = ledger.transcripts(&mut loaded.models);
    let (scope, now) = (Scope::of(discovery), host.clock.now());
    let merged = merge(&mut loaded.entries, &scope, &discovery.roots, transcripts, now);
    let Merged { added, grown, known } = merged;
    if 0 < added + grown {
        opened.save()?;
    }
    let Opened { loaded, discovery, standing, .. } = opened;
    let trace::Updated { turns, status, problems } = trace::load(host, &options.locations);
    let problems = loaded.problem.into_iter().chain(problems.into_iter().map(CacheProblem::Turns));
    let problems = problems.collect();
    let turns = (turns, status);
    let (entries, models) = (loaded.entries, loaded.models);
    let usage = UsageCache::new(entries, models, discovery, standing, false, turns);
    Ok(Import { added, grown, known, damaged, usage, problems })
}

/// The name of the ledger of this machine, which is the same ever after: it is made up and saved
/// when it is first asked for.
pub fn identify(host: Host<'_>, options: &Options) -> Result<Key, ImportError> {
    let mut dir = None;
    let mut opened = open(host, options, Saving::Dry, &mut dir)?;
    if let Some(ledger) = opened.loaded.entries.ledger {
        return Ok(ledger);
    }
    drop(opened);
    let mut dir = None;
    opened = open(host, options, Saving::Saved, &mut dir)?;
    if let Some(ledger) = opened.loaded.entries.ledger {
        return Ok(ledger);
    }
    let identity = host.processes.identity();
    let ledger = Key::of(&[
        identity.host.as_bytes(),
        identity.boot_id.unwrap_or_default().as_bytes(),
        &identity.process.pid.to_le_bytes(),
        &identity.process.start_ticks.unwrap_or_default().to_le_bytes(),
        &host.clock.now().unix_nanos().to_le_bytes(),
        options.locations.cache.as_os_str().as_encoded_bytes(),
    ]);
    opened.loaded.entries.ledger = Some(ledger);
    opened.save()?;
    Ok(ledger)
}

fn open<'d>(
    host: Host<'d>,
    options: &Options,
    saving: Saving,
    dir: &'d mut refresh::StateDir,
) -> Result<Opened<'d>, ImportError> {
    refresh::open_cache(host, options, saving == Saving::Saved, dir)?.ok_or(ImportError::Busy)
}
