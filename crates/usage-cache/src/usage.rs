use std::{
    ffi::{OsStr, OsString},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock, PoisonError},
};

use common_fs::{FsError, Timestamp};
use foldhash::HashMap;

use crate::{
    DatabaseStatus, Facts, Gone, Key, Name, Prices, TranscriptName,
    discover::{Discovery, Root},
    entries::{Entries, Entry},
    ledger::{Imported, Placed, place},
    models::Models,
    reconcile::{Plan, Standing, reconcile},
    resolve::{Numbered, Resolution},
    saved::{Basis, Memo},
    scope::{Reach, Scope},
    sessions,
    store::{Complete, Lines},
    trace::{PriorityTurns, TraceStatus},
    transcript::Transcript,
};

/// What is known of all transcripts, in memory.
///
/// Made by [`open`](crate::open) or [`refresh()`](crate::refresh()), asked by
/// [`summary`](Self::summary) as often as needed, for any days, time zone and prices.
#[derive(Debug)]
pub struct UsageCache {
    known: OnceLock<Known>,
    /// The same, as long as nobody has asked for it.
    unread: Mutex<Option<Unread>>,
    turns: PriorityTurns,
    /// What the cache file says last, if it knows all of this and nothing else.
    complete: Option<Complete>,
    /// What is known without it.
    recalled: Option<Recalled>,
    /// On how many threads facts are made.
    threads: usize,
}

/// Facts that were saved, and how complete they are.
#[derive(Debug)]
struct Recalled {
    facts: Facts,
    status: Status,
}

/// All that was found is known, from these lines.
#[derive(Debug)]
pub(crate) struct Unread {
    pub(crate) lines: Lines,
    pub(crate) discovery: Discovery,
    pub(crate) trace: Option<TraceStatus>,
}

#[derive(Debug)]
struct Known {
    entries: Entries,
    /// What other ledgers know, where it counts.
    placed: Vec<Placed>,
    models: Models,
    scope: Scope,
    status: Status,
    /// Who counts what, worked out when it is first needed: among all transcripts,
    resolution: OnceLock<Resolution>,
    /// and among those that exist. A transcript that is gone may tell what a fork of it began
    /// with; the answer about those that exist must not depend on that.
    resolution_of_present: OnceLock<Resolution>,
    /// It was all there when it was checked, and could not be read when it was asked for.
    is_lost: bool,
}

/// How complete the answers are.
#[derive(Debug)]
#[non_exhaustive]
pub struct Status {
    /// In a word.
    pub freshness: Freshness,
    /// Transcripts that exist and are counted, if only as they were at the last refresh.
    pub cached_files: u64,
    /// Transcripts that exist and have lines that are not counted yet.
    pub pending_files: u64,
    /// Of the pending ones, how many are counted as they were at the last refresh.
    pub stale_files: u64,
    /// When a transcript was last read.
    pub refreshed_at: Option<Timestamp>,
    /// Transcripts that exist no more and are counted as they last were.
    pub gone_files: u64,
    /// Transcripts of other machines, from [imported ledgers](crate::ledger).
    pub imported_files: u64,
    /// Transcripts counted as they last were, in places that cannot be looked at now.
    pub unverified_files: u64,
    /// Transcripts that end in an unfinished line, which will count when it is finished.
    pub unfinished_files: u64,
    /// Lines that are no JSON, or only in part.
    pub malformed_lines: u64,
    /// Lines that record usage, but not how much, so that nothing is counted for them.
    pub unresolved_lines: u64,
    /// Lines longer than [`Options::line_bytes_max`](crate::Options::line_bytes_max).
    pub too_long_lines: u64,
    /// Names of transcripts that are links, directories or other things, and are passed over.
    pub not_files: u64,
    /// Transcripts in archives that cannot be read, which are passed over.
    pub compressed_files: u64,
    /// Files and directories that cannot be read, with their transcripts.
    pub unreadable: Vec<FsError>,
    /// Where was looked.
    pub roots: Vec<Root>,
    /// How the databases of sessions stand.
    pub databases: Vec<DatabaseStatus>,
    /// How the trace database of Codex stands, which tells the turns that had priority; `None`
    /// if there is none to be looked for.
    pub trace: Option<TraceStatus>,
}

/// How far the answers are behind the transcripts, in OpenClaw's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Everything is counted.
    Fresh,
    /// Some of it is not counted yet.
    Partial,
    /// Nothing is counted yet.
    Stale,
    /// Another process is refreshing the cache just now.
    Refreshing,
}

impl Freshness {
    /// The word in OpenClaw's reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Partial => "partial",
            Self::Stale => "stale",
            Self::Refreshing => "refreshing",
        }
    }
}

impl Unread {
    fn read(self) -> Known {
        let Self { lines, mut discovery, trace } = self;
        let read = lines.read();
        let is_lost = read.is_err();
        let (mut entries, models) = read.unwrap_or_else(|error| {
            discovery.errors.push(error);
            Default::default()
        });
        entries.forget_others(&discovery.sources);
        sessions::list_known(&mut discovery, &entries);
        let Plan { standing, .. } = reconcile(&entries, &discovery);
        Known { is_lost, ..Known::new(entries, models, discovery, standing, false, trace) }
    }
}

impl Known {
    fn nothing() -> Self {
        let (discovery, standing) = (Discovery::default(), Standing::default());
        Self::new(Entries::default(), Models::default(), discovery, standing, false, None)
    }

    fn new(
        entries: Entries,
        models: Models,
        discovery: Discovery,
        standing: Standing,
        refreshing: bool,
        trace: Option<TraceStatus>,
    ) -> Self {
        let scope = Scope::of(&discovery);
        let placed = place(&entries.imported, &discovery);
        let status = Status::new(&entries, &scope, discovery, standing, refreshing);
        let imported = placed.iter().map(|placed| placed.entries.values().count() as u64);
        let status = Status { trace, imported_files: imported.sum(), ..status };
        Self {
            entries,
            placed,
            models,
            scope,
            status,
            resolution: OnceLock::new(),
            resolution_of_present: OnceLock::new(),
            is_lost: false,
        }
    }

    /// The directories that count, each with its entries, and the ledger that they come from if
    /// that is another one; these come last.
    fn counted(&self) -> impl Iterator<Item = (Option<Key>, &Path, &HashMap<OsString, Entry>)> {
        let own = counted(&self.entries, &self.scope).map(|(dir, entries)| (None, dir, entries));
        let placed = self.placed.iter().flat_map(|Placed { ledger, entries }| {
            entries.dirs().map(|(dir, entries)| (Some(*ledger), dir, entries))
        });
        own.chain(placed)
    }
}

impl UsageCache {
    pub(crate) fn new(
        entries: Entries,
        models: Models,
        discovery: Discovery,
        standing: Standing,
        refreshing: bool,
        (turns, trace): (PriorityTurns, Option<TraceStatus>),
    ) -> Self {
        let known = Known::new(entries, models, discovery, standing, refreshing, trace);
        Self {
            known: OnceLock::from(known),
            unread: Mutex::new(None),
            turns,
            complete: None,
            recalled: None,
            threads: 1,
        }
    }

    /// The same, with so many threads.
    pub(crate) fn on_threads(self, threads: NonZeroUsize) -> Self {
        Self { threads: threads.get(), ..self }
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads
    }

    /// The same, if the cache file knows all of it, and says this last.
    pub(crate) fn saved_as(self, complete: Option<Complete>) -> Self {
        Self { complete, ..self }
    }

    pub(crate) fn unread(mut unread: Unread, turns: PriorityTurns, memo: Option<Memo>) -> Self {
        let complete = Some(unread.lines.complete());
        let recalled = memo.map(|Memo { facts, counts, .. }| {
            let roots = unread.discovery.roots.clone();
            Recalled { facts, status: counts.status(roots, unread.trace.take()) }
        });
        let unread = Mutex::new(Some(unread));
        Self { known: OnceLock::new(), unread, turns, complete, recalled, threads: 1 }
    }

    /// What facts at these prices are made of, if that has a name.
    pub(crate) fn basis(&self, gone: Gone, prices: &Prices) -> Option<Basis> {
        let (turns, prices) = (self.turns.key(), prices.key());
        self.complete().map(|complete| Basis { complete, turns, prices, gone })
    }

    pub(crate) fn saved_facts(&self) -> Option<&Facts> {
        self.recalled.as_ref().map(|recalled| &recalled.facts)
    }

    /// What the cache file says last, if it knows all of this and nothing else.
    pub(crate) fn complete(&self) -> Option<Complete> {
        self.complete.filter(|_| !self.is_lost())
    }

    fn is_lost(&self) -> bool {
        self.known.get().is_some_and(|known| known.is_lost)
    }

    fn known(&self) -> &Known {
        self.known.get_or_init(|| {
            let unread = self.unread.lock().unwrap_or_else(PoisonError::into_inner).take();
            // Whoever takes it out puts what it says in its place.
            unread.map_or_else(Known::nothing, Unread::read)
        })
    }

    /// The turns of Codex that are known to have had priority.
    pub fn priority_turns(&self) -> &PriorityTurns {
        &self.turns
    }

    /// How complete the answers are.
    pub fn status(&self) -> &Status {
        self.recalled_status().unwrap_or_else(|| &self.known().status)
    }

    /// How complete the facts are that were saved, unless something was asked that they do not
    /// tell, and is lost.
    fn recalled_status(&self) -> Option<&Status> {
        self.recalled.as_ref().filter(|_| !self.is_lost()).map(|recalled| &recalled.status)
    }

    /// The same, to be kept.
    pub fn into_status(self) -> Status {
        if self.recalled_status().is_some()
            && let Some(Recalled { status, .. }) = self.recalled
        {
            return status;
        }
        self.known();
        self.known.into_inner().unwrap_or_else(Known::nothing).status
    }

    /// The paths of the transcripts that exist no more, sorted.
    pub fn gone(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        let Known { entries, scope, .. } = self.known();
        for (dir, entries) in counted(entries, scope) {
            let gone = |entry: &Entry| entry.transcript.gone_since.is_some();
            let names = entries.iter().filter(|(_, entry)| gone(entry)).map(|(name, _)| name);
            paths.extend(names.map(|name| dir.join(name)));
        }
        paths.sort();
        paths
    }

    /// The transcripts that count by directory, each with a number of its own.
    pub(crate) fn by_dir(
        &self,
    ) -> impl Iterator<Item = (&Path, impl Iterator<Item = (usize, &OsStr, &Transcript)>)> {
        let mut first = 0;
        self.known().counted().map(move |(_, dir, entries)| {
            let numbers = first..;
            first += entries.len();
            let entries = entries.iter().zip(numbers);
            (dir, entries.map(|((name, entry), number)| (number, &**name, &*entry.transcript)))
        })
    }

    /// The directories of this machine that count, each with its entries.
    pub(crate) fn own(&self) -> impl Iterator<Item = (&Path, &HashMap<OsString, Entry>)> {
        let Known { entries, scope, .. } = self.known();
        counted(entries, scope)
    }

    /// What other ledgers know, whether it counts or not.
    pub(crate) fn imported(&self) -> impl ExactSizeIterator<Item = &Imported> {
        self.known().entries.imported.iter()
    }

    /// The first number of a transcript that another ledger knows.
    pub(crate) fn first_imported(&self) -> usize {
        self.own().map(|(_, entries)| entries.len()).sum()
    }

    /// Who counts the events that several transcripts record.
    pub(crate) fn resolution(&self, gone: Gone) -> &Resolution {
        let known = self.known();
        let (resolution, with_gone) = match gone {
            Gone::Include => (&known.resolution, true),
            Gone::Exclude => (&known.resolution_of_present, false),
        };
        resolution.get_or_init(|| {
            let transcripts = known.counted().flat_map(|(ledger, dir, entries)| {
                entries.iter().map(move |(name, entry)| (ledger, dir, name, &*entry.transcript))
            });
            let numbered = transcripts.enumerate();
            let numbered = numbered.map(|(number, (ledger, dir, name, transcript))| Numbered {
                number,
                ledger,
                dir,
                name,
                transcript,
            });
            let asked =
                |numbered: &Numbered<'_>| with_gone || numbered.transcript.gone_since.is_none();
            Resolution::of(numbered.filter(asked), &known.scope)
        })
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.known().scope
    }

    pub(crate) fn models(&self) -> &Models {
        &self.known().models
    }
}

/// The directories that count, each with its entries: those of the roots that were looked at.
fn counted<'e>(
    entries: &'e Entries,
    scope: &Scope,
) -> impl Iterator<Item = (&'e Path, &'e HashMap<OsString, Entry>)> + Clone {
    entries.dirs().filter(|(dir, _)| scope.reach(dir) != Reach::Outside)
}

/// Whether a transcript is compressed: then its size tells nothing of its lines, and nobody
/// finishes one.
fn is_compressed(scope: &Scope, name: &OsStr, transcript: &Transcript) -> bool {
    let name = scope.source(&transcript.source).map(|source| source.classify(name));
    matches!(name, Some(Name::Transcript(TranscriptName { compressed: true, .. })))
}

impl Status {
    fn new(
        entries: &Entries,
        scope: &Scope,
        discovery: Discovery,
        standing: Standing,
        refreshing: bool,
    ) -> Self {
        let Standing { fresh_files, stale_files, unknown_files, unverified_files, .. } = standing;
        let mut unreadable = discovery.errors;
        unreadable.extend(standing.unreadable);
        let cached_files = fresh_files + stale_files;
        let pending_files = stale_files + unknown_files;
        let all_read = discovery.database_status.iter().all(|status| status.problem.is_none());
        let complete =
            pending_files == 0 && unverified_files == 0 && unreadable.is_empty() && all_read;
        let freshness = match (refreshing, complete) {
            (true, _) => Freshness::Refreshing,
            (false, true) => Freshness::Fresh,
            (false, false) if 0 < cached_files + unverified_files => Freshness::Partial,
            (false, false) => Freshness::Stale,
        };
        let mut status = Self {
            freshness,
            cached_files,
            pending_files,
            stale_files,
            refreshed_at: None,
            gone_files: 0,
            imported_files: 0,
            unverified_files,
            unfinished_files: 0,
            malformed_lines: 0,
            unresolved_lines: 0,
            too_long_lines: 0,
            not_files: discovery.not_files,
            compressed_files: discovery.compressed,
            unreadable,
            roots: discovery.roots,
            databases: discovery.database_status,
            trace: None,
        };
        for (name, entry) in counted(entries, scope).flat_map(|(_, entries)| entries) {
            let transcript = &entry.transcript;
            status.refreshed_at = status.refreshed_at.max(Some(transcript.scanned_at));
            status.gone_files += u64::from(transcript.gone_since.is_some());
            let is_unfinished =
                transcript.has_unfinished_line() && !is_compressed(scope, name, transcript);
            status.unfinished_files += u64::from(is_unfinished);
            status.malformed_lines += transcript.lines.malformed;
            status.unresolved_lines += transcript.lines.unresolved;
            status.too_long_lines += transcript.lines.too_long;
        }
        status
    }
}
