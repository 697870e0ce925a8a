//! What is known held against what is there: which transcripts have to be read.

use std::{
    cmp::Reverse,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use common_fs::{FileId, FsError, Timestamp};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use crate::{
    Name, Source, TranscriptName, archived,
    discover::{Discovery, Found, Holds},
    entries::{Entries, Entry},
    freshness::{self, Decision},
    scope::{Reach, Scope},
    transcript::Transcript,
};

/// What a refresh has to do, and how things stand before it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Transcripts to read: the long ones first, so that all threads end together, the others by
    /// directory.
    pub(crate) jobs: Vec<Job>,
    /// Paths that are there again, unchanged, after they had been gone.
    pub(crate) returned: Vec<PathBuf>,
    /// Paths that are missing since just now.
    pub(crate) gone: Vec<PathBuf>,
    /// How things stand before that.
    pub(crate) standing: Standing,
}

/// How well the transcripts are known.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Of the transcripts that exist, how many are known as they are now.
    pub(crate) fresh_files: u64,
    /// How many are known as they were earlier.
    pub(crate) stale_files: u64,
    /// How many are not known at all.
    pub(crate) unknown_files: u64,
    /// Known transcripts in places that cannot be looked at now.
    pub(crate) unverified_files: u64,
    /// Transcripts that could not be read.
    pub(crate) unreadable: Vec<FsError>,
}

impl Standing {
    /// That of transcripts which nobody has looked at since.
    pub(crate) fn as_before(entries: &Entries, discovery: &Discovery) -> Self {
        let scope = Scope::of(discovery);
        let dirs = entries.dirs().filter(|(dir, _)| scope.reach(dir) != Reach::Outside);
        let entries = dirs.flat_map(|(_, entries)| entries.values());
        let mut standing = Self::default();
        for entry in entries.filter(|entry| entry.transcript.gone_since.is_none()) {
            let complete = entry.transcript.complete;
            standing.add(if complete { Known::Fresh } else { Known::Stale });
        }
        standing
    }

    pub(crate) fn add(&mut self, known: Known) {
        *self.count(known) += 1;
    }

    pub(crate) fn subtract(&mut self, known: Known) {
        let count = self.count(known);
        *count = count.saturating_sub(1);
    }

    fn count(&mut self, known: Known) -> &mut u64 {
        match known {
            Known::Fresh => &mut self.fresh_files,
            Known::Stale => &mut self.stale_files,
            Known::Unknown => &mut self.unknown_files,
        }
    }
}

/// A transcript to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    /// Index into [`Discovery::found`].
    pub(crate) found: usize,
    /// How well the transcript is known so far.
    pub(crate) known: Known,
    /// Whether to go on where the last reading ended.
    pub(crate) resume: bool,
    /// Known transcripts that this one may be, under an earlier name: it is, if it begins with
    /// the same content.
    pub(crate) candidates: Vec<PathBuf>,
}

/// How well a transcript is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// As it is now, as far as anybody can tell without reading it.
    Fresh,
    /// As it was earlier.
    Stale,
    /// Not at all.
    Unknown,
}

impl Plan {
    /// Whether everything is as it was.
    pub(crate) fn is_nothing(&self) -> bool {
        let Self { jobs, returned, gone, .. } = self;
        jobs.is_empty() && returned.is_empty() && gone.is_empty()
    }
}

/// Transcripts that do not differ by this much are as long as each other.
const EVEN_BYTES: u64 = 1024 * 1024;

/// Compares the entries of the cache with what was found.
pub(crate) fn reconcile(entries: &Entries, discovery: &Discovery) -> Plan {
    let mut plan = Plan::default();
    let mut displaced = Displaced::default();
    let decisions: Vec<(Option<&Entry>, Decision)> =
        discovery.found.iter().map(|found| decide(entries, discovery, found)).collect();
    look_for_missing(entries, discovery, &decisions, &mut plan, &mut displaced);
    for (found, (entry, _)) in discovery.found.iter().zip(&decisions) {
        if let Some(entry) = entry
            && entry.transcript.fingerprint.id != found.stat.id
        {
            let source = discovery.dirs.get(found.dir).map(|dir| dir.source);
            displaced.add(source, discovery.path(found), entry);
        }
    }
    for (index, (found, (entry, decision))) in discovery.found.iter().zip(decisions).enumerate() {
        let known = match (entry, decision) {
            (None, _) => Known::Unknown,
            (Some(_), Decision::Fresh | Decision::Verify) => Known::Fresh,
            (Some(_), Decision::Resume | Decision::Rescan) => Known::Stale,
        };
        plan.standing.add(known);
        let candidates = displaced.candidates(discovery, found, (entry, decision));
        if decision != Decision::Fresh || !candidates.is_empty() {
            let resume = decision == Decision::Resume;
            plan.jobs.push(Job { found: index, known, resume, candidates });
        } else if entry.is_some_and(|entry| entry.transcript.gone_since.is_some()) {
            plan.returned.push(discovery.path(found));
        }
    }
    plan.jobs.sort_by_key(|job| {
        let size = discovery.found.get(job.found).map_or(0, |found| found.stat.size_bytes);
        (Reverse(size / EVEN_BYTES), job.found)
    });
    plan.gone.sort();
    plan
}

fn decide<'e>(
    entries: &'e Entries,
    discovery: &Discovery,
    found: &Found,
) -> (Option<&'e Entry>, Decision) {
    let dir = discovery.dirs.get(found.dir);
    let entry = dir.and_then(|dir| entries.dir(&dir.path)?.get(&found.name));
    let decision = dir.zip(entry).map_or(Decision::Rescan, |(dir, entry)| {
        if dir.reads_as_file(&found.name) != entry.transcript.as_file {
            return Decision::Rescan;
        }
        freshness::decide(&found.stat, &entry.transcript, dir.source)
    });
    (entry, decision)
}

/// Finds the entries whose file is missing, and counts those that nobody can tell of.
fn look_for_missing(
    entries: &Entries,
    discovery: &Discovery,
    decisions: &[(Option<&Entry>, Decision)],
    plan: &mut Plan,
    displaced: &mut Displaced,
) {
    let scope = Scope::of(discovery);
    let mut known_of: HashMap<&Path, usize> = HashMap::new();
    for (found, (entry, _)) in discovery.found.iter().zip(decisions) {
        if let (Some(dir), Some(_)) = (discovery.dirs.get(found.dir), entry) {
            *known_of.entry(&dir.path).or_default() += 1;
        }
    }
    let is_complete = |dir: &Path| known_of.get(dir).copied() == entries.dir(dir).map(HashMap::len);
    let names = names_by_dir(discovery, |dir| !is_complete(dir));
    let nothing = HashSet::new();
    for (dir, known) in entries.dirs() {
        let reach = scope.reach(dir);
        if reach == Reach::Outside || is_complete(dir) {
            continue;
        }
        let found = names.get(dir).unwrap_or(&nothing);
        for (name, entry) in known.iter().filter(|(name, _)| !found.contains(name.as_os_str())) {
            let path = || dir.join(name);
            let was_gone = entry.transcript.gone_since.is_some();
            if reach == Reach::Hidden || discovery.hidden.contains(&path()) {
                plan.standing.unverified_files += u64::from(!was_gone);
                continue;
            }
            displaced.add(scope.source(&entry.transcript.source), path(), entry);
            if !was_gone {
                plan.gone.push(path());
            }
        }
    }
}

/// The names that were found in some directories.
fn names_by_dir(
    discovery: &Discovery,
    is_asked: impl Fn(&Path) -> bool,
) -> HashMap<&Path, HashSet<&OsStr>> {
    let dirs =
        discovery.dirs.iter().map(|dir| Some(dir.path.as_path()).filter(|dir| is_asked(dir)));
    let dirs: Vec<Option<&Path>> = dirs.collect();
    let mut names: HashMap<&Path, HashSet<&OsStr>> = HashMap::new();
    for found in &discovery.found {
        if let Some(Some(dir)) = dirs.get(found.dir) {
            names.entry(dir).or_default().insert(&found.name);
        }
    }
    names
}

/// Known transcripts that are not where they were: they may be what is found elsewhere.
#[derive(Default)]
struct Displaced {
    by_id: HashMap<FileId, Vec<Missing>>,
    /// Those whose names tell the session, by that and the directories that it may be in when it
    /// is not archived.
    by_session: HashMap<(PathBuf, Vec<u8>), Vec<Missing>>,
}

#[derive(Clone)]
struct Missing {
    path: PathBuf,
    archived_at: Option<Timestamp>,
    modified: Timestamp,
    gone_since: Option<Timestamp>,
}

impl Missing {
    /// Whether a transcript that was found, and has not changed since, was held against this one:
    /// since this one is missed, it was read.
    fn was_compared(&self, unchanged: Option<&Entry>) -> bool {
        let read_at = unchanged.map(|entry| entry.transcript.scanned_at);
        self.gone_since.zip(read_at).is_some_and(|(gone, read_at)| gone <= read_at)
    }

    /// Whether a transcript of the same session can be this one.
    fn may_be(&self, found: &TranscriptName<'_>) -> bool {
        match (self.archived_at, found.archived_at) {
            // What was put away before it is an earlier session of that name.
            (None, Some(at)) => self.modified.unix_millis() <= at.unix_millis(),
            // It was put away in another way, or is back; that can have been at any time.
            (Some(_), _) | (None, None) => true,
        }
    }
}

impl Displaced {
    /// Nothing is at its path now, or another file.
    fn add(&mut self, source: Option<&dyn Source>, path: PathBuf, entry: &Entry) {
        let Transcript { fingerprint, gone_since, .. } = *entry.transcript;
        let (keys, archived_at) = match source.and_then(|source| name(source, &path)) {
            Some(name) => (keys(&path, name).collect(), name.archived_at),
            None => (Vec::new(), None),
        };
        let missing = Missing { path, archived_at, modified: fingerprint.modified, gone_since };
        for key in keys {
            self.by_session.entry(key).or_default().push(missing.clone());
        }
        self.by_id.entry(fingerprint.id).or_default().push(missing);
    }

    /// The known transcripts that a found one may be.
    ///
    /// A renamed file keeps its identity; numbers are reused, so several may have had it. One that
    /// was copied or compressed does not, but its name tells the session.
    fn candidates(
        &self,
        discovery: &Discovery,
        found: &Found,
        (entry, decision): (Option<&Entry>, Decision),
    ) -> Vec<PathBuf> {
        if self.by_id.is_empty() {
            return Vec::new();
        }
        // What is read in any case is compared in any case.
        let unchanged = entry.filter(|_| decision == Decision::Fresh);
        let path = discovery.path(found);
        let by_id = self.by_id.get(&found.stat.id).into_iter().flatten();
        let dir = discovery.dirs.get(found.dir).filter(|dir| dir.holds == Holds::Files);
        let name = dir.and_then(|dir| name(dir.source, &path));
        let by_session = name.into_iter().flat_map(|name| {
            let missing = keys(&path, name).filter_map(|key| self.by_session.get(&key));
            missing.flatten().filter(move |missing| missing.may_be(&name))
        });
        let candidates = by_id.chain(by_session);
        let candidates = candidates
            .filter(|missing| missing.path != path && !missing.was_compared(unchanged))
            .map(|missing| missing.path.clone());
        let mut candidates: Vec<PathBuf> = candidates.collect();
        candidates.sort();
        candidates.dedup();
        candidates
    }
}

/// What the name of a transcript tells.
fn name<'p>(source: &dyn Source, path: &'p Path) -> Option<TranscriptName<'p>> {
    match source.classify(path.file_name()?) {
        Name::Transcript(name) => Some(name),
        Name::Compressed | Name::Other => None,
    }
}

/// The session of a transcript, if its name tells it, with each directory that it may be in when
/// it is not archived.
fn keys(path: &Path, name: TranscriptName<'_>) -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    let is_archived = name.archived_at.is_some();
    let dirs = path.parent().into_iter().flat_map(archived::homes);
    let dirs = dirs.take(if is_archived { usize::MAX } else { 1 });
    let session = name.session.map(<[u8]>::to_vec);
    dirs.filter_map(move |dir| Some((dir.to_owned(), session.clone()?)))
}
