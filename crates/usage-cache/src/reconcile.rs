//! What is known held against what is there: which transcripts have to be read.

use std::{
    cmp::Reverse,
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use common_fs::{FileId, FsError, Timestamp};

use crate::{
    discover::{Discovery, RootState},
    freshness::{self, Decision},
    openclaw::{self, Name},
    store::{Entries, Entry},
};

/// What a refresh has to do, and how things stand before it.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// Transcripts to read, the largest first, so that all threads end together.
    pub(crate) jobs: Vec<Job>,
    /// Paths that are there again, unchanged, after they had been gone.
    pub(crate) returned: Vec<PathBuf>,
    /// Paths that are missing since just now.
    pub(crate) gone: Vec<PathBuf>,
    /// Missing paths whose transcript is archived under another name: they are forgotten.
    pub(crate) archived: Vec<PathBuf>,
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
    /// Missing paths that had the same file identity: where the content is the same as well,
    /// the transcript was renamed. Identities are reused, so there may be several.
    pub(crate) renamed_from: Vec<PathBuf>,
}

/// How well a transcript is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// As it is now.
    Fresh,
    /// As it was earlier.
    Stale,
    /// Not at all.
    Unknown,
}

impl Plan {
    /// Whether everything is as it was.
    pub(crate) fn is_nothing(&self) -> bool {
        let Self { jobs, returned, gone, archived, .. } = self;
        jobs.is_empty() && returned.is_empty() && gone.is_empty() && archived.is_empty()
    }
}

/// Compares the entries of the cache with what was found.
pub(crate) fn reconcile(entries: &Entries, discovery: &Discovery) -> Plan {
    let mut plan = Plan::default();
    let found: HashSet<&Path> = discovery.found.iter().map(|found| found.path.as_path()).collect();
    let missing = missing(entries, discovery, &found, &mut plan);
    let mut by_id: HashMap<FileId, Vec<PathBuf>> = HashMap::new();
    for (path, entry) in &missing {
        by_id.entry(entry.transcript.fingerprint.id).or_default().push((*path).to_owned());
    }

    for (index, found) in discovery.found.iter().enumerate() {
        let (known, decision) = match entries.get(&found.path) {
            Some(entry) => match freshness::decide(&found.stat, &entry.transcript) {
                Decision::Fresh => {
                    plan.standing.add(Known::Fresh);
                    if entry.transcript.gone_since.is_some() {
                        plan.returned.push(found.path.clone());
                    }
                    continue;
                }
                Decision::Verify => (Known::Fresh, Decision::Verify),
                decision => (Known::Stale, decision),
            },
            None => (Known::Unknown, Decision::Rescan),
        };
        plan.standing.add(known);
        let renamed_from = match known {
            Known::Unknown => by_id.get(&found.stat.id).cloned().unwrap_or_default(),
            Known::Fresh | Known::Stale => Vec::new(),
        };
        let resume = decision == Decision::Resume;
        plan.jobs.push(Job { found: index, known, resume, renamed_from });
    }
    plan.jobs.sort_by_key(|job| {
        let size = discovery.found.get(job.found).map_or(0, |found| found.stat.size_bytes);
        (Reverse(size), job.found)
    });

    let archives = archives(discovery);
    for (path, entry) in missing {
        if is_archived(path, entry, &archives) {
            plan.archived.push(path.to_owned());
        } else if entry.transcript.gone_since.is_none() {
            plan.gone.push(path.to_owned());
        }
    }
    plan.gone.sort();
    plan.archived.sort();
    plan
}

/// The entries whose file is certainly missing; counts those that could not be verified.
fn missing<'e>(
    entries: &'e Entries,
    discovery: &Discovery,
    found: &HashSet<&Path>,
    plan: &mut Plan,
) -> Vec<(&'e Path, &'e Entry)> {
    let scope = Scope::of(discovery);
    let mut missing = Vec::new();
    for (path, entry) in entries {
        if found.contains(path.as_path()) {
            continue;
        }
        match scope.of_path(path) {
            Reach::Seen => missing.push((path.as_path(), entry)),
            Reach::Hidden if entry.transcript.gone_since.is_none() => {
                plan.standing.unverified_files += 1;
            }
            Reach::Hidden | Reach::Outside => (),
        }
    }
    missing
}

/// Which paths a discovery can speak of.
pub(crate) struct Scope {
    roots: Vec<(PathBuf, RootState)>,
    listed: HashSet<PathBuf>,
    unlisted: HashSet<PathBuf>,
    /// Files that are there but could not be looked at.
    failed: HashSet<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Whether it exists is known.
    Seen,
    /// It belongs to a root, but could not be looked at.
    Hidden,
    /// It belongs to no root of this discovery.
    Outside,
}

impl Scope {
    pub(crate) fn of(discovery: &Discovery) -> Self {
        Self {
            roots: discovery
                .roots
                .iter()
                .map(|root| (root.path.join("agents"), root.state))
                .collect(),
            listed: discovery.dirs.iter().map(|dir| dir.path().to_owned()).collect(),
            unlisted: discovery.unlisted.clone(),
            failed: discovery.errors.iter().map(|error| error.path.clone()).collect(),
        }
    }

    pub(crate) fn of_path(&self, path: &Path) -> Reach {
        let parent = path.parent().unwrap_or(path);
        if self.listed.contains(parent) {
            return if self.failed.contains(path) { Reach::Hidden } else { Reach::Seen };
        }
        if self.unlisted.contains(parent) {
            return Reach::Hidden;
        }
        match self.roots.iter().find(|(root, _)| path.starts_with(root)) {
            // The directory of the agent is gone.
            Some((_, RootState::Listed)) => Reach::Seen,
            Some((_, RootState::Missing | RootState::Unreadable)) => Reach::Hidden,
            None => Reach::Outside,
        }
    }
}

/// A session: the directory of its transcripts, and its name.
type Session<'p> = (&'p Path, &'p [u8]);

/// The latest archive of each session.
type Archives<'p> = HashMap<Session<'p>, Timestamp>;

fn archives(discovery: &Discovery) -> Archives<'_> {
    let mut archives = Archives::new();
    for found in &discovery.found {
        if let Some((key, Some(time))) = session(&found.path) {
            let latest = archives.entry(key).or_insert(time);
            *latest = time.max(*latest);
        }
    }
    archives
}

/// The session of a transcript, and when it was archived.
fn session(path: &Path) -> Option<(Session<'_>, Option<Timestamp>)> {
    let Name::Transcript(transcript) = openclaw::classify(path.file_name()?) else { return None };
    Some(((path.parent()?, transcript.session?), transcript.archived_at))
}

/// Whether a missing live transcript stands, complete, under an archive name: archived since
/// its last change. If it was renamed, its identity tells as well; if it was copied, only this
/// does.
fn is_archived(path: &Path, entry: &Entry, archives: &Archives<'_>) -> bool {
    let Some((key, None)) = session(path) else { return false };
    let modified = entry.transcript.fingerprint.modified;
    archives.get(&key).is_some_and(|time| modified.unix_millis() <= time.unix_millis())
}
