//! The cache without a refresh of it: to change something else, or to change nothing.

use std::ops::ControlFlow;

use common_fs::{Dir, Host};

use super::{
    OnProgress, Options, discover, discover_files, load_and_compare, open_to_save, read_new,
};
use crate::{
    CacheProblem, Key,
    discover::Discovery,
    entries::Entries,
    models::Models,
    reconcile::{self, Standing},
    store::{self, Loaded, OnDisk, Saver},
};

/// What is known in memory alone, after a refresh that saves nothing.
pub(crate) struct InMemory {
    pub(crate) entries: Entries,
    pub(crate) discovery: Discovery,
    pub(crate) standing: Standing,
    /// Whether the caller broke off.
    pub(crate) flow: ControlFlow<()>,
}

/// Reads what is new since `entries`, and saves nothing.
pub(crate) fn refresh_in_memory(
    host: Host<'_>,
    options: &Options,
    entries: Entries,
    models: &mut Models,
    on_progress: OnProgress<'_>,
) -> InMemory {
    let discovery = discover(host, options, &entries);
    let plan = reconcile::reconcile(&entries, &discovery);
    let known = (entries, std::mem::take(models));
    let read = read_new(host, options, known, (&discovery, plan), None, on_progress);
    *models = read.models;
    InMemory { entries: read.entries, discovery, standing: read.standing, flow: read.flow }
}

/// The directory of the cache file, while it is open.
pub(crate) type StateDir = Option<Box<dyn Dir>>;

/// The cache, to change something else in it than what a refresh finds.
pub(crate) struct Opened<'d> {
    pub(crate) loaded: Loaded,
    pub(crate) discovery: Discovery,
    pub(crate) standing: Standing,
    saver: Option<Saver<'d>>,
    /// What was found, if all of it is known.
    found: Option<Key>,
}

impl Opened<'_> {
    /// Saves everything, at once or not at all, if it was opened to be saved.
    pub(crate) fn save(&mut self) -> Result<(), CacheProblem> {
        let Self { loaded, saver, found, .. } = self;
        let Some(saver) = saver else { return Ok(()) };
        saver.rewrite(&mut loaded.entries, &loaded.models, *found)
    }
}

/// Loads the cache and looks at the transcripts; `None` if it is to be saved, and another process
/// has the right to.
pub(crate) fn open_cache<'d>(
    host: Host<'d>,
    options: &Options,
    to_save: bool,
    dir: &'d mut StateDir,
) -> Result<Option<Opened<'d>>, CacheProblem> {
    let discovery = discover_files(host, options);
    let (mut loaded, mut discovery, mut plan) = load_and_compare(host, options, discovery);
    if loaded.on_disk == OnDisk::Untouchable
        && let Some(problem) = loaded.problem.take()
    {
        return Err(problem);
    }
    let (mut saver, mut found) = (None, None);
    if to_save {
        let opened = open_to_save(host, options, dir, &mut loaded);
        let opened = opened.map_err(|error| CacheProblem::NotSaved(error.into()))?;
        let Some((opened, reloaded)) = opened else { return Ok(None) };
        if reloaded {
            discovery = discover(host, options, &loaded.entries);
            plan = reconcile::reconcile(&loaded.entries, &discovery);
        }
        saver = Some(opened);
        let (cache, threads) = (&options.locations.cache, options.threads.get());
        let is_known =
            |found: &Key| store::open_if_complete(host, cache, *found, threads).is_some();
        found = discovery.key().filter(is_known);
    }
    let standing = plan.standing;
    Ok(Some(Opened { loaded, discovery, standing, saver, found }))
}
