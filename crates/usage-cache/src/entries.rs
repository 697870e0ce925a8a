use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::FileId;
use foldhash::HashMap;

use crate::{
    Key, Name, Source, ledger::ImportedSet, sessions::KnownDatabase, transcript::Transcript,
};

/// Everything that is known of transcripts, by path.
///
/// Kept by directory and name: a directory has thousands of transcripts, and whatever has to be
/// decided about it is decided once.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    dirs: HashMap<PathBuf, HashMap<OsString, Entry>>,
    /// The databases of sessions of which all was known.
    pub(crate) databases: BTreeMap<PathBuf, KnownDatabase>,
    /// What other ledgers know,
    pub(crate) imported: ImportedSet,
    /// how much of the cache file that takes,
    pub(crate) imported_bytes: u64,
    /// and what this one is called, once somebody has asked.
    pub(crate) ledger: Option<Key>,
}

/// A transcript, and what the cache file has of it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) transcript: Arc<Transcript>,
    /// What a reader of the cache file would find; `None` if nothing.
    pub(crate) saved: Option<Saved>,
    /// The paths that the transcript had earlier, until that is saved.
    pub(crate) superseded: Vec<Superseded>,
}

/// What the cache file has of a transcript.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) transcript: Arc<Transcript>,
    /// The sum of the last record, which tells it from all others.
    pub(crate) sum: u64,
    /// How long the last record of all that was known is,
    pub(crate) full_bytes: u64,
    /// and the later ones, which only say what changed,
    pub(crate) delta_bytes: u64,
    /// and how many these are.
    pub(crate) deltas: u32,
}

/// A path where the same transcript was earlier, and the file that stood there: if another file
/// stands there by now, it is not meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Superseded {
    pub(crate) path: PathBuf,
    pub(crate) id: FileId,
}

impl Entries {
    pub(crate) fn get(&self, path: &Path) -> Option<&Entry> {
        let (dir, name) = split(path)?;
        self.dirs.get(dir)?.get(name)
    }

    pub(crate) fn get_mut(&mut self, path: &Path) -> Option<&mut Entry> {
        let (dir, name) = split(path)?;
        self.dirs.get_mut(dir)?.get_mut(name)
    }

    pub(crate) fn insert(&mut self, path: &Path, entry: Entry) {
        let Some((dir, name)) = split(path) else { return };
        match self.dirs.get_mut(dir) {
            Some(names) => names.insert(name.to_owned(), entry),
            None => self.dirs.entry(dir.to_owned()).or_default().insert(name.to_owned(), entry),
        };
    }

    pub(crate) fn remove(&mut self, path: &Path) {
        if let Some((dir, name)) = split(path)
            && let Some(names) = self.dirs.get_mut(dir)
        {
            names.remove(name);
        }
    }

    /// Forgets what these sources took for transcripts once, and do not any more.
    pub(crate) fn forget_others(&mut self, sources: &[&'static dyn Source]) {
        for (dir, names) in &mut self.dirs {
            names.retain(|name, entry| {
                let named = |source: &&&dyn Source| source.name() == &*entry.transcript.source;
                let source = sources.iter().find(named);
                source.is_none_or(|source| is_transcript(*source, dir, name))
            });
        }
    }

    /// Whether a source would take what is at a path for a transcript.
    pub(crate) fn is_transcript(source: &dyn Source, path: &Path) -> bool {
        split(path).is_some_and(|(dir, name)| is_transcript(source, dir, name))
    }

    /// Forgets what was at a path, as it is known under another one now.
    pub(crate) fn supersede(&mut self, superseded: &Superseded) {
        let meant = self
            .get(&superseded.path)
            .is_some_and(|entry| entry.transcript.fingerprint.id == superseded.id);
        if meant {
            self.remove(&superseded.path);
        }
    }

    /// What is saved of a path does not count any more when what superseded it is saved: what
    /// is there now must not build on it.
    fn forget_saved(&mut self, superseded: &Superseded) {
        if let Some(entry) = self.get_mut(&superseded.path)
            && let Some(saved) = &entry.saved
            && saved.transcript.fingerprint.id == superseded.id
        {
            entry.saved = None;
        }
    }

    /// Takes in what is newly known of the transcript at a path.
    pub(crate) fn put(&mut self, path: &Path, transcript: Transcript, superseded: Vec<Superseded>) {
        for earlier in &superseded {
            self.supersede(earlier);
            self.forget_saved(earlier);
        }
        let transcript = Arc::new(transcript);
        if let Some(entry) = self.get_mut(path) {
            entry.transcript = transcript;
            let more = superseded.into_iter().filter(|new| !entry.superseded.contains(new));
            let more: Vec<_> = more.collect();
            entry.superseded.extend(more);
            return;
        }
        self.insert(path, Entry { transcript, saved: None, superseded });
    }

    /// The directories, each with its entries by name.
    pub(crate) fn dirs(&self) -> impl Iterator<Item = (&Path, &HashMap<OsString, Entry>)> + Clone {
        self.dirs.iter().map(|(dir, names)| (dir.as_path(), names))
    }

    /// The entries of a directory by name.
    pub(crate) fn dir(&self, dir: &Path) -> Option<&HashMap<OsString, Entry>> {
        self.dirs.get(dir)
    }

    /// All entries, sorted by path.
    pub(crate) fn sorted_mut(&mut self) -> Vec<(PathBuf, &mut Entry)> {
        let mut sorted: Vec<(PathBuf, &mut Entry)> = self
            .dirs
            .iter_mut()
            .flat_map(|(dir, names)| {
                names.iter_mut().map(move |(name, entry)| (dir.join(name), entry))
            })
            .collect();
        sorted.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        sorted
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &Entry> {
        self.dirs.values().flat_map(HashMap::values)
    }
}

fn is_transcript(source: &dyn Source, dir: &Path, name: &OsStr) -> bool {
    is_database(source, dir) || source.classify(name) != Name::Other
}

/// Whether a directory is none, but a database, with sessions of any names.
fn is_database(source: &dyn Source, dir: &Path) -> bool {
    let mut names = source.databases().iter().map(|pattern| pattern.rsplit('/').next());
    names.any(|name| dir.file_name() == name.map(OsStr::new))
}

fn split(path: &Path) -> Option<(&Path, &OsStr)> {
    path.parent().zip(path.file_name())
}
