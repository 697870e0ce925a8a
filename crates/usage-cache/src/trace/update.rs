//! Bringing what is known of the trace database up to date, and keeping it.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use common_fs::{Host, open_parent};

use super::{
    Imported, LastScan, Memo, OnScan, PriorityTurns, ScanRequest, ScanWork, TurnStore,
    TurnsProblem,
    file::{self, Loaded, Saved},
    scan,
};
use crate::{Databases, DbProblem, Locations};

/// What is known of a trace database, and what was done to know it.
#[derive(Debug)]
#[non_exhaustive]
pub struct TraceStatus {
    /// The database.
    pub path: PathBuf,
    /// Whether it was looked at: not if only what is known was asked for.
    pub looked_at: bool,
    /// Why it could not be read. What was known before counts on.
    pub problem: Option<DbProblem>,
    /// How long its main file is, in bytes; `None` if there is none.
    pub size_bytes: Option<u64>,
    /// The last row that was looked at; zero if none was.
    pub cursor: i64,
    /// From when on rows were looked at, in seconds of the Unix epoch; all if not positive.
    pub since: i64,
    /// Turns with priority of which there are rows.
    pub turns: usize,
    /// Answers that are kept.
    pub completions: usize,
    /// Turns with priority that were ever found, in this and other databases.
    pub known_turns: usize,
    /// What the last scan took that looked at any row.
    pub last_scan: Option<LastScan>,
    /// Whether what CodexBar knew was taken.
    pub adopted: bool,
    /// What was done now.
    pub work: ScanWork,
    /// How long loading took what was known,
    pub load: Duration,
    /// scanning the database,
    pub scan: Duration,
    /// and saving, if there was something to save.
    pub save: Option<Duration>,
    /// The file of what is known.
    pub file: PathBuf,
    /// How long it is; `None` if there is none.
    pub file_bytes: Option<u64>,
}

/// What [`update`] has found.
#[derive(Debug)]
pub struct Updated {
    /// The turns that are known.
    pub turns: PriorityTurns,
    /// How the database stands; `None` if there is none to be looked for.
    pub status: Option<TraceStatus>,
    /// What is the matter with the file of what is known.
    pub problems: Vec<TurnsProblem>,
}

/// What is saved only with something else, or once so many rows would have to be looked at again:
/// that takes some milliseconds.
const ROWS_UNSAVED_MAX: u64 = 5_000;

/// Scans what is new in the trace database and saves what was found.
///
/// The answer is right whatever becomes of the file: if it cannot be read or saved, only time is
/// lost, and what was known of turns whose rows are gone. A database that cannot be read now
/// changes nothing of what is known. If there is nothing new, nothing is written.
pub fn update(
    host: Host<'_>,
    locations: &Locations,
    databases: &dyn Databases,
    request: ScanRequest,
    on_scan: OnScan<'_>,
) -> Updated {
    let imported = Vec::new();
    Update::run(host, locations, Some(Scan { databases, imported, request, progress: on_scan }))
}

/// As [`update`], beginning with what CodexBar knew of the database, if that is about the one
/// that is there, and more than what is known without it. Then [`TraceStatus::adopted`] is set.
pub fn update_imported(
    host: Host<'_>,
    locations: &Locations,
    databases: &dyn Databases,
    imported: Vec<Imported>,
    on_scan: OnScan<'_>,
) -> Updated {
    let request = ScanRequest::ALL;
    Update::run(host, locations, Some(Scan { databases, imported, request, progress: on_scan }))
}

/// What is known, without looking at the database.
pub fn load(host: Host<'_>, locations: &Locations) -> Updated {
    Update::run(host, locations, None)
}

/// How to scan.
struct Scan<'s> {
    databases: &'s dyn Databases,
    imported: Vec<Imported>,
    request: ScanRequest,
    progress: OnScan<'s>,
}

struct Update<'u> {
    host: Host<'u>,
    base: TurnStore,
    store: TurnStore,
    status: TraceStatus,
    problems: Vec<TurnsProblem>,
    /// Whether something was found that has to be saved now.
    has_news: bool,
}

impl<'u> Update<'u> {
    fn run(host: Host<'u>, locations: &Locations, scan: Option<Scan<'_>>) -> Updated {
        let Some(path) = &locations.trace else {
            return Updated { turns: PriorityTurns::default(), status: None, problems: Vec::new() };
        };
        let begun = host.clock.monotonic();
        let loaded = file::load(host, &locations.turns);
        let load = host.clock.monotonic().saturating_sub(begun);
        let may_save = !loaded.is_untouchable();
        let Loaded { store, bytes: file_bytes, problem } = loaded;
        let mut update = Self {
            host,
            base: store.clone(),
            store,
            status: TraceStatus::new(path, &locations.turns, load, file_bytes),
            problems: problem.into_iter().collect(),
            has_news: false,
        };
        if let Some(scan) = scan {
            update.forget_vanished();
            update.scan(scan);
            if may_save && update.has_to_save() {
                update.save();
            }
        }
        update.finish()
    }

    /// A database that was deleted is not known any more; one in a directory that is away may
    /// come back.
    fn forget_vanished(&mut self) {
        let fs = self.host.fs;
        let has_vanished = |path: &Path| {
            let stat = open_parent(fs, path).map(|(dir, name)| dir.stat(&name));
            stat.is_ok_and(|stat| stat.is_err_and(|error| error.is_not_found()))
        };
        self.has_news |= self.store.forget(has_vanished);
    }

    fn scan(&mut self, scan: Scan<'_>) {
        let path = self.status.path.clone();
        let observation = self.store.observe();
        let mut memo = self.store.memo(&path).cloned();
        let begun = self.host.clock.monotonic();
        self.status.looked_at = true;
        let mut db = match scan.databases.open_trace(&path) {
            Ok(db) => db,
            Err(problem) => {
                self.status.problem = Some(problem);
                return;
            }
        };
        for imported in scan.imported {
            let adopted = match imported.adopt(db.as_mut()) {
                Ok(Some(adopted)) => adopted,
                Ok(None) => continue,
                Err(problem) => {
                    self.status.problem = Some(problem);
                    return;
                }
            };
            self.has_news |= self.store.turns.merge(&adopted.turns);
            let is_further =
                |memo: &Memo| memo.file != adopted.memo.file || memo.cursor < adopted.memo.cursor;
            if memo.as_ref().is_none_or(is_further) {
                memo = Some(adopted.memo);
                (self.status.adopted, self.has_news) = (true, true);
            }
        }
        let known = memo.get_or_insert_with(|| Memo::new(scan.request.since));
        let (work, scanned) = scan::scan(db.as_mut(), known, scan.request, scan.progress);
        drop(db);
        let elapsed = self.host.clock.monotonic().saturating_sub(begun);
        self.status.problem = scanned.err();
        (self.status.work, self.status.scan) = (work, elapsed);
        let Some(memo) = memo.filter(|memo| memo.file.is_some()) else { return };
        let last_scan = if work.rows == 0 && work.restarted.is_none() {
            self.store.last_scan(&path)
        } else {
            Some(LastScan { at: self.host.clock.now(), elapsed, work })
        };
        let turns = self.store.turns.clone();
        self.store.offer(&path, observation, memo, last_scan);
        self.has_news |= self.store.turns != turns;
    }

    fn has_to_save(&self) -> bool {
        let work = &self.status.work;
        self.has_news || work.restarted.is_some() || ROWS_UNSAVED_MAX <= work.rows
    }

    fn save(&mut self) {
        let begun = self.host.clock.monotonic();
        match file::save(self.host, &self.status.file, &mut self.store, &self.base) {
            Ok(Saved::Durably { bytes }) => self.status.file_bytes = Some(bytes),
            // What is new is found again next time.
            Ok(Saved::Busy) => (),
            Err(problem) => self.problems.push(problem),
        }
        self.status.save = Some(self.host.clock.monotonic().saturating_sub(begun));
    }

    fn finish(self) -> Updated {
        let Self { host, store, mut status, problems, .. } = self;
        let size = open_parent(host.fs, &status.path).and_then(|(dir, name)| dir.stat(&name));
        status.size_bytes = size.ok().map(|stat| stat.size_bytes);
        if let Some(memo) = store.memo(&status.path) {
            (status.cursor, status.since) = (memo.cursor(), memo.since());
            (status.turns, status.completions) = (memo.turns().count(), memo.completions());
        }
        status.last_scan = store.last_scan(&status.path);
        status.known_turns = store.turns.len();
        Updated { turns: store.turns, status: Some(status), problems }
    }
}

impl TraceStatus {
    fn new(path: &Path, file: &Path, load: Duration, file_bytes: Option<u64>) -> Self {
        Self {
            path: path.to_owned(),
            looked_at: false,
            problem: None,
            size_bytes: None,
            cursor: 0,
            since: 0,
            turns: 0,
            completions: 0,
            known_turns: 0,
            last_scan: None,
            adopted: false,
            work: ScanWork::default(),
            load,
            scan: Duration::ZERO,
            save: None,
            file: file.to_owned(),
            file_bytes,
        }
    }

    /// One word for programs: `ok`, `unread` if the database was not looked at, or the
    /// [kind](crate::DbProblemKind::word) of its problem.
    pub fn word(&self) -> &'static str {
        match &self.problem {
            Some(problem) => problem.kind.word(),
            None if self.looked_at => "ok",
            None => "unread",
        }
    }
}
