//! Where imported transcripts stand among those of this machine.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
};

use super::{Imported, ImportedSet};
use crate::{
    Key,
    discover::{Discovery, Root},
    entries::{Entries, Entry},
};

/// What a ledger knows, by the paths that it would have on this machine.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) ledger: Key,
    pub(crate) entries: Entries,
}

/// Places what other ledgers know below the first root of its source on this machine: prices that
/// are configured for an agent hold for what that agent did elsewhere. What is of no source that
/// is looked for has no place, and does not count.
pub(crate) fn place(imported: &ImportedSet, discovery: &Discovery) -> Vec<Placed> {
    let mut placed: Vec<Placed> = Vec::new();
    for Imported { origin, below, transcript } in imported.iter() {
        let Some(path) = path_here(&discovery.roots, &transcript.source, below) else { continue };
        let source = discovery.sources.iter().find(|source| *source.name() == *transcript.source);
        if !source.is_some_and(|source| Entries::is_transcript(*source, &path)) {
            continue;
        }
        // Two roots of one machine may be one here: then the ledger is placed twice.
        let is_free = |placed: &&mut Placed| {
            placed.ledger == origin.ledger && placed.entries.get(&path).is_none()
        };
        let transcript = Arc::clone(transcript);
        let entry = Entry { transcript, saved: None, superseded: Vec::new() };
        if let Some(placed) = placed.iter_mut().find(is_free) {
            placed.entries.insert(&path, entry);
            continue;
        }
        let mut entries = Entries::default();
        entries.insert(&path, entry);
        placed.push(Placed { ledger: origin.ledger, entries });
    }
    placed
}

/// The path that a transcript would have on this machine; `None` if its source is not looked for.
pub(super) fn path_here(roots: &[Root], source: &str, below: &Path) -> Option<PathBuf> {
    Some(roots.iter().find(|root| root.source == source)?.path.join(below))
}

/// The part of a path below the root of its source; `None` if it is below none.
pub(crate) fn below(roots: &[Root], source: &str, path: &Path) -> Option<PathBuf> {
    let roots = roots.iter().filter(|root| root.source == source);
    let below = roots.filter_map(|root| path.strip_prefix(&root.path).ok());
    below.min_by_key(|below| below.components().count()).map(Path::to_owned)
}

/// Whether a path is one below something, and stays there.
pub(super) fn is_below(path: &Path) -> bool {
    let mut parts = path.components().peekable();
    parts.peek().is_some() && parts.all(|part| matches!(part, Component::Normal(_)))
}
