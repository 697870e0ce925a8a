//! What an import adds to what is known.

use std::{collections::HashMap, ffi::OsStr, sync::Arc};

use common_fs::Timestamp;

use super::{Imported, Origin, is_version, session};
use crate::{Source, entries::Entries, transcript::Transcript};

/// What became of the transcripts of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Merged {
    /// Those that were not known.
    pub(super) added: u64,
    /// Those of which less was known.
    pub(super) grown: u64,
    /// Those that were known already.
    pub(super) known: u64,
}

/// A session: the name of its source, and its own.
type Session = (Arc<str>, Vec<u8>);

/// Takes in what another ledger knows, and is not known.
pub(super) fn merge(
    entries: &mut Entries,
    sources: &[&'static dyn Source],
    incoming: Vec<Imported>,
    now: Timestamp,
) -> Merged {
    let session_of = |transcript: &Transcript, name: Option<&OsStr>| -> Session {
        let source = sources.iter().copied().find(|source| source.name() == &*transcript.source);
        let source = source.map(|source| source as &dyn Source);
        (Arc::clone(&transcript.source), session(source, name.unwrap_or_default()).to_vec())
    };
    let mut own: HashMap<Session, Vec<Arc<Transcript>>> = HashMap::new();
    for (name, entry) in entries.dirs().flat_map(|(_, names)| names) {
        let session = session_of(&entry.transcript, Some(name));
        own.entry(session).or_default().push(Arc::clone(&entry.transcript));
    }
    let mut held: HashMap<Session, Vec<Origin>> = HashMap::new();
    for imported in entries.imported.iter() {
        let session = session_of(&imported.transcript, imported.below.file_name());
        held.entry(session).or_default().push(imported.origin.clone());
    }
    let mut merged = Merged::default();
    for mut imported in incoming {
        let session = session_of(&imported.transcript, imported.below.file_name());
        let new = &imported.transcript;
        let own = own.get(&session).into_iter().flatten();
        let held = held.entry(session).or_default();
        let of_session = held.iter().filter_map(|origin| entries.imported.get(origin));
        let mut others = own.map(Arc::as_ref).chain(of_session.map(|held| &*held.transcript));
        let before = entries.imported.get(&imported.origin).map(|before| &before.transcript);
        let is_outdated = before
            .is_some_and(|before| !is_version(before, new) && new.scanned_at <= before.scanned_at);
        if is_outdated || others.any(|other| is_version(new, other)) {
            merged.known += 1;
            continue;
        }
        let mut replaced = before.is_some();
        held.retain(|origin| {
            let earlier = entries.imported.get(origin);
            let is_earlier = earlier.is_some_and(|earlier| is_version(&earlier.transcript, new));
            if is_earlier {
                entries.imported.remove(origin);
                replaced = true;
            }
            !is_earlier && *origin != imported.origin
        });
        held.push(imported.origin.clone());
        let gone_since = Some(new.gone_since.unwrap_or(now));
        let state = None;
        imported.transcript = Arc::new(Transcript { state, gone_since, ..Transcript::clone(new) });
        entries.imported.insert(imported);
        *(if replaced { &mut merged.grown } else { &mut merged.added }) += 1;
    }
    merged
}
