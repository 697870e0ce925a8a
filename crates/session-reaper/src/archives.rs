//! What can be restored.

use std::collections::{BTreeMap, HashSet};

use common_fs::{FileKind, Host, Timestamp};

use crate::{
    FileClass, Folder, Listing, Place, Policy, SweepError, classify, file_name::ArchiveReason,
    journal::JournalFile, plan::is_former,
};

/// Something that was archived: a row and its files, or a file alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The key of the row, if there is one.
    pub key: Option<String>,
    /// The files.
    pub files: Vec<ArchivedFile>,
    /// When it was archived; `None` if its name has no date that can be.
    pub at: Option<Timestamp>,
    /// Until when it can be restored; `None` if nothing takes it.
    pub until: Option<Timestamp>,
    /// Where it is in the journal: the sweep and the item.
    pub(crate) entry: Option<(u64, u32)>,
}

/// A file that was archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedFile {
    /// Its name now.
    pub name: String,
    /// In which of the two directories it is.
    pub folder: Folder,
    /// The name that it had.
    pub of: String,
    /// Why it was put away.
    pub reason: ArchiveReason,
    /// Whether it is compressed.
    pub compressed: bool,
    /// What it is.
    pub kind: FileKind,
    /// How long it is.
    pub size_bytes: u64,
}

impl Archive {
    /// How long its files are.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|file| file.size_bytes).sum()
    }

    /// The number of the sweep that archived it; `None` if that was not a sweep, but a runtime, or if
    /// it is not known any more.
    pub fn sweep(&self) -> Option<u64> {
        self.entry.map(|(sweep, _)| sweep)
    }

    /// Whether somebody may mean this by `what`: the key of a row, the name of a file now or before,
    /// or the session of either.
    fn is_meant_by(&self, what: &str) -> bool {
        self.key.as_deref() == Some(what)
            || self.files.iter().any(|file| {
                let session = file.of.strip_suffix(".jsonl");
                file.name == what || file.of == what || session == Some(what)
            })
    }
}

/// All that can be restored in one directory, the oldest first.
pub fn archives(
    host: Host<'_>,
    place: &Place,
    policy: &Policy,
) -> Result<Vec<Archive>, SweepError> {
    let dir = match place.open(host.fs) {
        Ok(dir) => dir,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let journal = JournalFile::open(dir.as_ref())?.into_journal();
    let listing = Listing::files_of(host, place, dir.as_ref())?;
    let mut files: BTreeMap<(Folder, &str), (ArchivedFile, Option<Timestamp>)> = BTreeMap::new();
    for file in &listing {
        let class = classify(&file.name, file.kind, place.layout);
        let FileClass::Archive { of, reason, at, compressed } = class else { continue };
        let Some(name) = file.name.to_str() else { continue };
        let archived = ArchivedFile {
            name: name.to_owned(),
            folder: file.folder,
            of: of.to_owned(),
            reason,
            compressed,
            kind: file.kind,
            size_bytes: file.size_bytes,
        };
        files.insert((file.folder, name), (archived, at));
    }
    let mut archives = Vec::new();
    for archived in journal.archived() {
        let taken = archived.files.iter().filter_map(|file| {
            files.remove(&(file.folder, file.to.as_str())).map(|(file, _)| file)
        });
        archives.push(Archive {
            key: archived.row.map(|row| row.key.clone()),
            files: taken.collect(),
            at: Some(archived.at),
            until: policy.archives.ttl.map(|ttl| archived.at.plus(ttl)),
            entry: Some((archived.sweep, archived.nth)),
        });
    }
    // Of a file without a row whose archive is gone, nothing is left.
    archives.retain(|archive: &Archive| archive.key.is_some() || !archive.files.is_empty());
    archives.extend(files.into_values().map(|(file, at)| {
        let is_former = is_former(&file.of, file.reason, place.layout);
        let ttl = if is_former { policy.archives.former_ttl } else { policy.archives.ttl };
        let until = at.zip(ttl).map(|(at, ttl)| at.plus(ttl));
        Archive { key: None, files: vec![file], at, until, entry: None }
    }));
    archives.sort_by(|one, other| (one.at, &one.key).cmp(&(other.at, &other.key)));
    Ok(archives)
}

/// Those that somebody means by `what`: the key of a row, a session, or the name of a file, now or
/// before. Of several archives of the same thing, the newest, unless it is named.
pub fn select<'a>(archives: &'a [Archive], what: &str) -> Vec<&'a Archive> {
    let exact = |archive: &&Archive| archive.files.iter().any(|file| file.name == what);
    if let Some(archive) = archives.iter().find(exact) {
        return vec![archive];
    }
    newest(archives.iter().filter(|archive| archive.is_meant_by(what)))
}

/// Of several archives of the same row or the same file, the newest.
pub fn newest<'a>(archives: impl IntoIterator<Item = &'a Archive>) -> Vec<&'a Archive> {
    let mut archives: Vec<&Archive> = archives.into_iter().collect();
    archives.sort_by_key(|archive| std::cmp::Reverse(archive.at));
    let mut keys: HashSet<&str> = HashSet::new();
    let mut names: HashSet<&str> = HashSet::new();
    archives.retain(|archive| {
        let new_key = archive.key.as_deref().is_none_or(|key| keys.insert(key));
        let new_names = archive.files.iter().all(|file| !names.contains(file.of.as_str()));
        names.extend(archive.files.iter().map(|file| file.of.as_str()));
        new_key && new_names
    });
    archives.reverse();
    archives
}
