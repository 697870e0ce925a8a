//! Sessions in OpenClaw's database, on a real disk.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use common_fs::{Clock, Host, SystemClock, Timestamp};
use demo_corpus::{
    Corpus, Truth,
    openclaw_db::{AgentDb, Encoding},
};
use proptest::prelude::*;
use usage_cache::{
    Databases, DbProblem, DbProblemKind, Freshness, Gone, Locations, OpenClaw, Options, Place,
    Prices, Query, Refreshed, SessionDb, Sqlite, Summary, Usage, UsageCache, Zone, trace::TraceDb,
};

pub(crate) const CORPUS: Corpus = Corpus { sessions: 40, answers_median: 8, ..Corpus::SMALL };

/// The real time, a minute later: as if nobody had written for that long.
struct AMinuteLater;

impl Clock for AMinuteLater {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_secs(70))
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    fn sleep(&self, _: Duration) {}
}

pub(crate) struct Machine {
    root: PathBuf,
    options: Options,
    /// Removed at the end.
    _dir: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = fs_err::canonicalize(dir.path()).unwrap();
        let places = vec![Place::new(&OpenClaw, root.join("openclaw"))];
        let locations = Locations::new(places, &root.join("state"));
        let options = Options { databases: Some(&Sqlite), ..Options::new(locations) };
        Self { root, options, _dir: dir }
    }

    pub(crate) fn openclaw(&self) -> PathBuf {
        self.root.join("openclaw")
    }

    fn refresh_with(options: &Options) -> Refreshed {
        let host = Host { clock: &AMinuteLater, ..Host::real() };
        let refreshed = usage_cache::refresh(host, options, &mut |_| ControlFlow::Continue(()));
        assert!(refreshed.problems.is_empty(), "{:?}", refreshed.problems);
        refreshed
    }

    /// Refreshes at once, when everything has just been written.
    pub(crate) fn refresh_now(&self) -> Refreshed {
        usage_cache::refresh(Host::real(), &self.options, &mut |_| ControlFlow::Continue(()))
    }

    pub(crate) fn refresh(&self) -> Refreshed {
        Self::refresh_with(&self.options)
    }

    /// What a refresh from nothing finds.
    fn cold(&self) -> UsageCache {
        let state = tempfile::tempdir().unwrap();
        let places = self.options.locations.places.clone();
        let locations = Locations::new(places, state.path());
        Self::refresh_with(&Options { locations, ..self.options.clone() }).usage
    }

    /// Refreshes, and expects what is there and what a refresh from nothing finds.
    fn check(&self, db: &AgentDb, what: &str) -> Refreshed {
        let refreshed = self.refresh();
        let status = refreshed.usage.status();
        assert_eq!(status.freshness, Freshness::Fresh, "{what}: {status:?}");
        assert_eq!(status.malformed_lines, 0, "{what}");
        let truth = db.truth();
        let present = summary(&refreshed.usage, Gone::Exclude);
        assert_truth(&present.totals, truth.all, what);
        assert_truth(&present.abandoned, truth.abandoned, what);
        assert_eq!(present, summary(&self.cold(), Gone::Exclude), "{what}");
        refreshed
    }
}

pub(crate) fn summary(usage: &UsageCache, gone: Gone) -> Summary {
    usage.summary(&Query { gone, ..Query::all(Zone::utc()) }, &Prices::none())
}

fn assert_truth(usage: &Usage, truth: Truth, what: &str) {
    let found =
        Truth { events: usage.events, tokens: usage.tokens.total, cost_nanos: usage.cost.0 };
    assert_eq!(found, truth, "{what}");
}

#[test]
fn whatever_happens_to_sessions_each_event_counts_once() {
    let machine = Machine::new();
    let (mut db, _) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
    machine.check(&db, "cold");
    assert_eq!(machine.check(&db, "no change").work.scanned_files, 0);
    let live = db.live_sessions();
    let [grown, rewound, source, cold_file, cold_blob, rewritten, deleted] =
        live.first_chunk().unwrap();
    db.append(grown, 3).unwrap();
    let appended = machine.check(&db, "an append").work;
    assert_eq!(appended.scanned_files, 1);
    let events = db.events(rewound);
    db.rewind(rewound, &events[events.len() / 2]).unwrap();
    db.append(rewound, 2).unwrap();
    machine.check(&db, "a branch that was left");
    db.fork(source, "forked", 3).unwrap();
    db.append("forked", 2).unwrap();
    machine.check(&db, "a fork");
    db.move_to_cold_file(cold_file).unwrap();
    assert_eq!(machine.check(&db, "an archive in a file").work.scanned_files, 0);
    db.move_to_cold_blob(cold_blob).unwrap();
    assert_eq!(machine.check(&db, "an archive in the database").work.scanned_files, 0);
    db.rewrite(rewritten, 0).unwrap();
    assert_eq!(machine.check(&db, "a rewrite").work.scanned_files, 1);
    db.delete_session(deleted, Encoding::Zstd).unwrap();
    machine.check(&db, "a deletion");
    db.reset(grown, "reset", Encoding::Identity).unwrap();
    db.append("reset", 2).unwrap();
    machine.check(&db, "a reset");
    for session in [deleted, grown] {
        db.publish(session).unwrap();
        machine.check(&db, "a published archive");
        db.forget_blob(session).unwrap();
        let refreshed = machine.check(&db, "an archive that is only a file");
        // The session is known from the database, too, where it is gone.
        assert_truth(&summary(&refreshed.usage, Gone::Include).totals, db.truth().all, "once");
    }
    for _ in 0..5 {
        db.tick().unwrap();
    }
    machine.check(&db, "an agent at work");
}

#[test]
fn sessions_that_are_deleted_stay_counted() {
    let machine = Machine::new();
    let (mut db, truth) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
    machine.refresh();
    let session = db.live_sessions().remove(0);
    db.delete_session(&session, Encoding::Identity).unwrap();
    db.publish(&session).unwrap();
    db.forget_blob(&session).unwrap();
    let sessions = machine.openclaw().join("agents/main/sessions");
    for file in fs_err::read_dir(&sessions).unwrap().map(Result::unwrap) {
        if file.file_name().to_str().unwrap().starts_with(&session) {
            fs_err::remove_file(file.path()).unwrap();
        }
    }
    let refreshed = machine.refresh();
    assert_eq!(refreshed.usage.status().gone_files, 1);
    let present = summary(&refreshed.usage, Gone::Exclude);
    assert_eq!(present, summary(&machine.cold(), Gone::Exclude));
    assert!(present.totals.events < truth.all.events);
    assert_truth(&summary(&refreshed.usage, Gone::Include).totals, truth.all, "kept");
    drop(db);
    fs_err::remove_dir_all(machine.openclaw().join("agents/main/agent")).unwrap();
    let usage = machine.refresh().usage;
    assert_truth(&summary(&usage, Gone::Include).totals, truth.all, "without the database");
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Append(u8),
    Rewind(u8, u8),
    Fork(u8, u8),
    ColdFile(u8),
    ColdBlob(u8),
    Delete(u8),
    Rewrite(u8),
    Refresh,
}

fn step() -> impl Strategy<Value = Step> {
    let any = any::<u8>;
    prop_oneof![
        4 => any().prop_map(Step::Append),
        2 => (any(), any()).prop_map(|(session, event)| Step::Rewind(session, event)),
        2 => (any(), any()).prop_map(|(session, event)| Step::Fork(session, event)),
        1 => any().prop_map(Step::ColdFile),
        1 => any().prop_map(Step::ColdBlob),
        1 => any().prop_map(Step::Delete),
        1 => any().prop_map(Step::Rewrite),
        4 => Just(Step::Refresh),
    ]
}

fn apply(db: &mut AgentDb, step: Step, nth: usize) {
    let live = db.live_sessions();
    let Some(last) = live.len().checked_sub(1) else { return };
    let session = |at: u8| &live[usize::from(at) % (last + 1)];
    match step {
        Step::Append(at) => db.append(session(at), 1),
        Step::Rewind(at, event) => {
            let events = db.events(session(at));
            match events.get(usize::from(event) % events.len().max(1)) {
                Some(event) => db.rewind(session(at), event),
                None => Ok(()),
            }
        }
        Step::Fork(at, events) => {
            let len = db.events(session(at)).len();
            db.fork(session(at), &format!("fork-{nth}"), usize::from(events) % (len + 1)).map(drop)
        }
        Step::ColdFile(at) => db.move_to_cold_file(session(at)),
        Step::ColdBlob(at) => db.move_to_cold_blob(session(at)),
        Step::Delete(at) => db.delete_session(session(at), Encoding::Zstd),
        Step::Rewrite(at) => db.rewrite(session(at), 0),
        Step::Refresh => Ok(()),
    }
    .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn after_any_history_each_event_counts_once(steps in prop::collection::vec(step(), 1..30)) {
        let machine = Machine::new();
        let mut db = AgentDb::create(&machine.openclaw(), "main").unwrap();
        for nth in 0..3 {
            db.add_session_of(&CORPUS, nth, 2).unwrap();
        }
        for (nth, step) in steps.into_iter().chain([Step::Refresh]).enumerate() {
            apply(&mut db, step, nth);
            if let Step::Refresh = step {
                let refreshed = machine.check(&db, "a history");
                assert_truth(&summary(&refreshed.usage, Gone::Include).totals, db.truth().all, "all");
            }
        }
    }
}

/// Databases that must not be opened.
#[derive(Debug)]
struct Untouchable;

impl Databases for Untouchable {
    fn open_trace(&self, _: &Path) -> Result<Box<dyn TraceDb>, DbProblem> {
        panic!("the trace database was opened")
    }
    fn open_sessions(&self, _: &Path) -> Result<Box<dyn SessionDb>, DbProblem> {
        panic!("the database was opened")
    }
}

#[test]
fn a_database_that_nobody_has_written_to_is_not_opened() {
    let machine = Machine::new();
    let (mut db, truth) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
    machine.refresh();
    let untouchable = Options { databases: Some(&Untouchable), ..machine.options.clone() };
    let refreshed = Machine::refresh_with(&untouchable);
    assert_eq!((refreshed.work.scanned_files, refreshed.work.writes), (0, 0));
    assert_eq!(refreshed.usage.status().freshness, Freshness::Fresh);
    assert_truth(&summary(&refreshed.usage, Gone::Include).totals, truth.all, "unchanged");
    // Where the cache file has lost a session, the others do not stand for all.
    let cache = &machine.options.locations.cache;
    let text = fs_err::read_to_string(cache).unwrap();
    let lost = text.lines().nth(3).unwrap();
    assert!(lost.contains("\"transcript\""));
    let damaged = text.replace(lost, &lost.replace("\"models\"", "\"modelz\""));
    fs_err::write(cache, damaged).unwrap();
    let host = Host { clock: &AMinuteLater, ..Host::real() };
    let refreshed =
        usage_cache::refresh(host, &machine.options, &mut |_| ControlFlow::Continue(()));
    assert_eq!((refreshed.problems.len(), refreshed.work.scanned_files), (1, 1));
    machine.check(&db, "found again");
    db.tick().unwrap();
    machine.check(&db, "written to");
}

#[test]
fn a_database_that_cannot_be_read_is_counted_as_it_was() {
    type Harm = fn(&Path);
    let half = |path: &Path| {
        let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(file.metadata().unwrap().len() / 2).unwrap();
    };
    let nothing = |path: &Path| fs_err::write(path, b"").unwrap();
    let other = |path: &Path| fs_err::write(path, b"no database at all, but longer").unwrap();
    let table: [(Harm, DbProblemKind); 3] = [
        (half, DbProblemKind::Corrupt),
        (nothing, DbProblemKind::Corrupt),
        (other, DbProblemKind::Corrupt),
    ];
    for (harm, kind) in table {
        let machine = Machine::new();
        let (db, truth) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
        machine.refresh();
        let path = db.path().to_owned();
        drop(db);
        harm(&path);
        let usage = machine.refresh().usage;
        let problem = usage.status().databases[0].problem.as_ref();
        assert_eq!(problem.map(|problem| problem.kind), Some(kind));
        assert_eq!(usage.status().freshness, Freshness::Partial);
        assert_truth(&summary(&usage, Gone::Exclude).totals, truth.all, "as it was");
    }
    // Without a way to read databases.
    let machine = Machine::new();
    let (_db, truth) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
    let without = Options { databases: None, ..machine.options.clone() };
    let usage = Machine::refresh_with(&without).usage;
    let problem = usage.status().databases[0].problem.as_ref().unwrap();
    assert_eq!(problem.kind, DbProblemKind::Unsupported);
    assert_truth(&summary(&machine.refresh().usage, Gone::Include).totals, truth.all, "with it");
}

#[test]
fn a_session_that_is_also_in_a_file_counts_from_the_database() {
    let machine = Machine::new();
    let state_dir = machine.openclaw();
    let mut db = AgentDb::create(&state_dir, "main").unwrap();
    // The same sessions as files, from before they moved.
    let corpus = Corpus { sessions: 3, ..CORPUS };
    for file in corpus.openclaw() {
        let path = state_dir.join(&file.path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, &file.content).unwrap();
    }
    let files = corpus.openclaw().map(|file| file.truth.events).sum::<u64>();
    let events = |usage: &UsageCache| summary(usage, Gone::Include).totals.events;
    assert_eq!(events(&machine.refresh().usage), files);
    for nth in 0..2 {
        db.add_session_of(&corpus, nth, 5).unwrap();
    }
    let third = corpus.openclaw().nth(2).unwrap().truth.events;
    assert_eq!(events(&machine.refresh().usage), db.truth().all.events + third);
    fs_err::remove_dir_all(state_dir.join("agents/main/sessions")).unwrap();
    assert_eq!(events(&machine.refresh().usage), db.truth().all.events + third);
}
