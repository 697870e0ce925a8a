//! History that moves: what one machine knows, for another.
//!
//! The runtimes delete transcripts after some weeks, and then only the cache knows what they cost.
//! [`export()`] writes what it knows as a file of JSON lines, [`import()`] adds such a file to the cache
//! of another machine. `docs/formats.md` describes the file.
//!
//! # What is counted
//!
//! An imported transcript is as one that exists no more: it counts, unless only what exists is
//! asked for ([`Gone::Exclude`](crate::Gone::Exclude)), and it is marked with the ledger that it
//! comes from. Nothing of it is ever looked for on this machine. Which usage counts is worked out
//! anew from all that is known, so it does not depend on the order of imports, on how often
//! something was imported, or on whether the transcripts themselves are copied before or after:
//!
//! * **Events with an identity** count once, whichever transcripts record them, as everywhere.
//! * **Events without one** are known as sums by quarter of an hour and model. Each ledger, and
//!   this machine, has sums of a session, which is recognised by its source and the name of its
//!   transcripts, wherever these are and whether they are archived. Of each sum the largest counts:
//!   where one ledger has a longer version of a session, that is the longer version; where a
//!   session went on differently in two places, both ends count, and what they had in common once.
//! * **What is the beginning of something else** that is known does not count: two transcripts of
//!   the same session, where one has all sums and, first, all identities of the other.
//! * Sums that were made by other rules (another [version](crate::Source::version) of the source)
//!   cannot be compared: of these, those of this machine count.
//!
//! # What is kept
//!
//! * A transcript that is known already is not taken in again: if this machine, or an import, has
//!   the same one or one that it is the beginning of.
//! * What a ledger says of a path replaces what it said of it before, if that is the beginning of
//!   it, or was read earlier.
//! * An import is saved at once, or not at all; it stays until the cache file is removed.
//!
//! Two sessions of the same name that are different all the same count as they should unless they
//! used the same model in the same quarter of an hour; then that counts with the larger sum only.
//! A count that may be too high would be worse.

mod file;
mod import;
mod merge;
mod past;
mod place;
mod version;

use std::{
    collections::{BTreeMap, btree_map},
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use file::{Exported, Header, Ledger, LedgerError, export};
pub use import::{Import, ImportError, Saving, identify, import};
pub use past::Past;
pub(crate) use place::{Placed, below, place};
pub(crate) use version::is_version;

use crate::{Key, Name, Source, archived, transcript::Transcript};

/// Where a transcript was that another ledger knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Origin {
    /// The name of the ledger.
    pub(crate) ledger: Key,
    /// The path on its machine.
    pub(crate) path: PathBuf,
}

/// A transcript that another ledger knows.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Imported {
    pub(crate) origin: Origin,
    /// The part of its path below the root of its source.
    pub(crate) below: PathBuf,
    pub(crate) transcript: Arc<Transcript>,
}

/// All that other ledgers know.
#[derive(Clone, Debug, Default)]
pub(crate) struct ImportedSet(BTreeMap<Origin, Imported>);

impl ImportedSet {
    pub(crate) fn insert(&mut self, imported: Imported) {
        self.0.insert(imported.origin.clone(), imported);
    }

    fn get(&self, origin: &Origin) -> Option<&Imported> {
        self.0.get(origin)
    }

    fn remove(&mut self, origin: &Origin) {
        self.0.remove(origin);
    }

    /// In order.
    pub(crate) fn iter(&self) -> btree_map::Values<'_, Origin, Imported> {
        self.0.values()
    }
}

/// What tells a session from the others of its source: its name, if that of the transcript says so,
/// else where the transcript is, or was before it was archived.
pub(crate) fn session(source: Option<&dyn Source>, dir: &Path, name: &OsStr) -> Vec<u8> {
    if let Some(Name::Transcript(named)) = source.map(|source| source.classify(name))
        && let Some(session) = named.session
    {
        return session.to_vec();
    }
    let (dir, name) = archived::before(dir, name);
    dir.join(name).into_os_string().into_encoded_bytes()
}
