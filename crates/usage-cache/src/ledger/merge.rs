//! What an import adds to what is known.

use std::{ffi::OsStr, path::Path, sync::Arc};

use common_fs::Timestamp;
use foldhash::{HashMap, HashMapExt as _};

use super::{Imported, Origin, is_version, place::path_here, session};
use crate::{
    discover::Root,
    entries::Entries,
    scope::{Reach, Scope},
    transcript::Transcript,
};

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
    scope: &Scope,
    roots: &[Root],
    incoming: Vec<Imported>,
    now: Timestamp,
) -> Merged {
    let session_of = |transcript: &Transcript, dir: &Path, name: &OsStr| -> Session {
        let source = scope.source(&transcript.source);
        (Arc::clone(&transcript.source), session(source, dir, name))
    };
    let session_of_imported = |Imported { below, transcript, .. }: &Imported| {
        let path = path_here(roots, &transcript.source, below);
        let path = path.as_ref().unwrap_or(below);
        let (dir, name) = (path.parent(), path.file_name());
        session_of(transcript, dir.unwrap_or(path), name.unwrap_or_default())
    };
    let mut own: HashMap<Session, Vec<Arc<Transcript>>> = HashMap::new();
    let counted = entries.dirs().filter(|(dir, _)| scope.reach(dir) != Reach::Outside);
    for (dir, names) in counted {
        for (name, entry) in names {
            let session = session_of(&entry.transcript, dir, name);
            own.entry(session).or_default().push(Arc::clone(&entry.transcript));
        }
    }
    let mut held: HashMap<Session, Vec<Origin>> = HashMap::new();
    for imported in entries.imported.iter() {
        let session = session_of_imported(imported);
        held.entry(session).or_default().push(imported.origin.clone());
    }
    let mut merged = Merged::default();
    for mut imported in incoming {
        let session = session_of_imported(&imported);
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
