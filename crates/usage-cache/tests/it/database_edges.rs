//! What a database of sessions can be like, seldom.

use std::{os::unix::fs::symlink, path::Path, sync::Mutex, time::Duration};

use common_fs::{FileId, sim::Sim};
use demo_corpus::openclaw_db::{AgentDb, Encoding};
use usage_cache::{
    Databases, DbProblem, Freshness, Gone, Locations, OnStored, OpenClaw, Options, Place,
    SessionDb, SessionRow, Sqlite, Stored,
    trace::{Memo, ScanRequest, TraceDb, scan},
};

use crate::database::{CORPUS, Machine, summary};

fn event(id: &str, parent: &str) -> String {
    format!(
        r#"{{"type":"message","id":"{id}","parentId":{parent},"timestamp":"2026-05-10T12:00:00Z","message":{{"role":"assistant","usage":{{"input":1}}}}}}"#
    )
}

/// A session, as any program could write one.
fn write(db: &rusqlite::Connection, session: &str, events: &[String]) {
    db.execute(
        "insert or ignore into session_nodes (session_key, current_session_id, entry_json, updated_at) values ('k' || ?1, ?1, '{}', 1)",
        [session],
    )
    .unwrap();
    db.execute(
        "insert or ignore into session_windows (session_id, session_key, created_at, updated_at) values (?1, 'k' || ?1, 1, 1)",
        [session],
    )
    .unwrap();
    for (seq, json) in (0_i64..).zip(events) {
        db.execute(
            "insert into transcript_events (session_id, seq, event_json, created_at) values (?1, ?2, ?3, 1)",
            rusqlite::params![session, seq, json],
        )
        .unwrap();
    }
}

fn empty(machine: &Machine) -> rusqlite::Connection {
    let db = AgentDb::create(&machine.openclaw(), "main").unwrap();
    rusqlite::Connection::open(db.path()).unwrap()
}

fn events(machine: &Machine) -> u64 {
    summary(&machine.refresh().usage, Gone::Include).totals.events
}

#[test]
fn a_database_that_is_being_written_to_is_known_at_any_moment() {
    let machine = Machine::new();
    let (mut db, _) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
    for _ in 0..5 {
        db.tick().unwrap();
        for _ in 0..2 {
            let usage = machine.refresh_now().usage;
            assert_eq!(
                usage.status().freshness,
                Freshness::Fresh,
                "{:?}",
                usage.status().databases
            );
            let totals = summary(&usage, Gone::Include).totals;
            assert_eq!(totals.events, db.truth().all.events);
        }
    }
}

#[test]
fn a_log_that_nobody_writes_to_costs_no_write() {
    let machine = Machine::new();
    let (mut db, _) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
    db.tick().unwrap();
    let writes: Vec<u64> = (0..4).map(|_| machine.refresh().work.writes).collect();
    assert_eq!(writes, [1, 0, 0, 0]);
}

/// A database with one session of these events.
#[derive(Debug)]
struct OneSession(Mutex<Vec<String>>);

struct OpenSession(Vec<String>);

impl Databases for OneSession {
    fn open_trace(&self, _: &Path) -> Result<Box<dyn TraceDb>, DbProblem> {
        unreachable!("there is no place for one")
    }

    fn open_sessions(&self, _: &Path) -> Result<Box<dyn SessionDb>, DbProblem> {
        Ok(Box::new(OpenSession(self.0.lock().unwrap().clone())))
    }
}

impl SessionDb for OpenSession {
    fn file(&self) -> FileId {
        FileId { dev: 1, ino: 1 }
    }

    fn sessions(&mut self) -> Result<Vec<SessionRow>, DbProblem> {
        let end = self.0.len() as u64;
        Ok(vec![SessionRow { id: "s".into(), end, ..SessionRow::default() }])
    }

    fn read(
        &mut self,
        _: &str,
        after: Option<i64>,
        on_stored: OnStored<'_>,
    ) -> Result<Option<SessionRow>, DbProblem> {
        for (seq, json) in (0_i64..).zip(&self.0) {
            if after.is_none_or(|after| after < seq) {
                on_stored(Stored::Event { seq, json: json.as_bytes() });
            }
        }
        Ok(self.sessions()?.pop())
    }
}

#[test]
fn what_is_written_in_the_same_tick_as_the_look_is_seen_later() {
    const DB: &str = "/h/.openclaw/agents/main/agent/openclaw-agent.sqlite";
    let db: &OneSession = Box::leak(Box::new(OneSession(Mutex::new(vec![event("a", "null")]))));
    let sim = Sim::new();
    sim.fs.set_time_granularity(Duration::from_secs(2));
    sim.fs.make_dir("/h/.openclaw/agents/main/agent");
    sim.fs.put(DB, b"database");
    let places = vec![Place::new(&OpenClaw, "/h/.openclaw")];
    let locations = Locations::new(places, "/state".as_ref());
    let options = Options { databases: Some(db), ..Options::new(locations) };
    let events = || {
        let usage = crate::world::refresh(sim.host(), &options).usage;
        summary(&usage, Gone::Include).totals.events
    };
    assert_eq!(events(), 1);
    // The same size and times, as the clock has not ticked since.
    db.0.lock().unwrap().push(event("b", "\"a\""));
    sim.fs.put(DB, b"DATABASE");
    sim.clock.advance(Duration::from_secs(100));
    assert_eq!(events(), 2);
}

/// OpenClaw makes it when it is first needed.
#[test]
fn without_the_table_of_archives_the_sessions_count() {
    let machine = Machine::new();
    let db = empty(&machine);
    db.execute_batch("drop table session_transcript_archives").unwrap();
    write(&db, "s", &[event("a", "null"), event("b", "\"a\"")]);
    assert_eq!(events(&machine), 2);
    db.execute_batch("drop table session_transcript_cold_archives").unwrap();
    let usage = machine.refresh().usage;
    let problem = usage.status().databases[0].problem.as_ref().unwrap();
    assert_eq!(problem.kind.word(), "schema_unknown");
}

#[test]
fn a_session_that_goes_on_after_it_was_archived_counts_all() {
    for is_published in [true, false] {
        let machine = Machine::new();
        let mut agent = AgentDb::create(&machine.openclaw(), "main").unwrap();
        let session = agent.add_session_of(&CORPUS, 0, 5).unwrap();
        agent.delete_session(&session, Encoding::Zstd).unwrap();
        if is_published {
            agent.publish(&session).unwrap();
            agent.forget_blob(&session).unwrap();
        }
        let before = agent.truth().all.events;
        assert_eq!(events(&machine), before);
        let db = rusqlite::Connection::open(agent.path()).unwrap();
        write(&db, &session, &[event("new", "null")]);
        let found = summary(&machine.refresh().usage, Gone::Include);
        // What was archived was not left.
        assert_eq!((found.totals.events, found.abandoned.events), (before + 1, 0));
    }
}

/// Deletes a session, and leaves an archive of it that is named as by earlier versions, or as by
/// whoever compresses a file; in this directory below that of the sessions.
fn archive_without_generation(machine: &Machine, agent: &mut AgentDb, session: &str, dir: &str) {
    agent.delete_session(session, Encoding::Zstd).unwrap();
    agent.publish(session).unwrap();
    agent.forget_blob(session).unwrap();
    let sessions = machine.openclaw().join("agents/main/sessions");
    fs_err::create_dir_all(sessions.join(dir)).unwrap();
    let names = fs_err::read_dir(&sessions).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names = names.map(|name| name.into_string().unwrap());
    let name = names.find(|name| name.starts_with(session)).unwrap();
    let (stem, _) = name.split_once("Z.").unwrap();
    let renamed = format!("{stem}Z.zst");
    fs_err::rename(sessions.join(name), sessions.join(dir).join(renamed)).unwrap();
}

#[test]
fn an_archive_without_a_generation_is_of_the_database_where_there_is_one() {
    for dir in ["", "archive"] {
        let machine = Machine::new();
        let mut agent = AgentDb::create(&machine.openclaw(), "main").unwrap();
        let session = agent.add_session_of(&CORPUS, 0, 5).unwrap();
        let other = agent.add_session_of(&CORPUS, 1, 5).unwrap();
        agent.fork(&session, "fork", 3).unwrap();
        agent.fork(&other, "other fork", 2).unwrap();
        for session in [session, other] {
            archive_without_generation(&machine, &mut agent, &session, dir);
            assert_eq!(events(&machine), agent.truth().all.events, "{dir}");
        }
    }
}

#[test]
fn a_session_counts_from_its_archive_when_its_database_is_gone() {
    for dir in ["", "archive"] {
        let machine = Machine::new();
        let mut agent = AgentDb::create(&machine.openclaw(), "main").unwrap();
        let session = agent.add_session_of(&CORPUS, 0, 5).unwrap();
        let all = agent.truth().all.events;
        assert_eq!(events(&machine), all);
        archive_without_generation(&machine, &mut agent, &session, dir);
        drop(agent);
        fs_err::remove_dir_all(machine.openclaw().join("agents/main/agent")).unwrap();
        assert_eq!(events(&machine), all, "{dir}");
        let usage = machine.refresh().usage;
        assert_eq!(summary(&usage, Gone::Exclude).totals.events, all, "{dir}");
    }
}

#[test]
fn a_file_in_the_directory_of_archives_is_of_before_the_database() {
    let machine = Machine::new();
    let db = empty(&machine);
    let sessions = machine.openclaw().join("agents/main/sessions/archive");
    fs_err::create_dir_all(&sessions).unwrap();
    let line = event("a", "null") + "\n";
    for session in ["s", "t"] {
        let name = format!("{session}.jsonl.deleted.2026-02-05T12-04-05Z");
        fs_err::write(sessions.join(name), &line).unwrap();
    }
    write(&db, "s", &[event("a", "null"), event("b", "\"a\"")]);
    assert_eq!(events(&machine), 2 + 1);
}

#[test]
fn the_last_line_of_an_archive_counts_without_a_line_end() {
    use sha2::Digest as _;
    let machine = Machine::new();
    let db = empty(&machine);
    let archive = [event("a", "null"), event("b", "\"a\"")].join("\n");
    let insert = "insert into session_transcript_archives (session_id, generation, session_key, reason, encoding, archive_blob, archive_sha256, archive_name, created_at) values (?1, 'g', 'k', 'deleted', 'identity', ?2, ?3, ?1, 1)";
    let hash = sha2::Sha256::digest(archive.as_bytes());
    let hash = data_encoding::HEXLOWER.encode(&hash);
    db.execute(insert, rusqlite::params!["s", archive.as_bytes(), hash]).unwrap();
    assert_eq!(events(&machine), 2);
    // Another hash: nobody knows what it is.
    let other = "0".repeat(64);
    db.execute(insert, rusqlite::params!["t", archive.as_bytes(), other]).unwrap();
    let usage = machine.refresh().usage;
    assert_eq!(summary(&usage, Gone::Include).totals.events, 2);
    assert_eq!(usage.status().unreadable.len(), 1);
    let sessions = machine.openclaw().join("agents/main/sessions");
    fs_err::create_dir_all(&sessions).unwrap();
    let compressed = zstd::encode_all(event("c", "null").as_bytes(), 1).unwrap();
    fs_err::write(sessions.join("u.jsonl.reset.2026-02-05T12-04-05Z.zst"), compressed).unwrap();
    assert_eq!(events(&machine), 3);
}

#[test]
fn every_session_counts_whatever_its_id() {
    let machine = Machine::new();
    let db = empty(&machine);
    let ids = ["a/b", "..", ".", "", "/abs", "é", "x.jsonl", "hex:61", "a"];
    for (nth, id) in ids.iter().enumerate() {
        write(&db, id, &[event(&format!("e{nth}"), "null")]);
    }
    assert_eq!(events(&machine), ids.len() as u64);
    let again = machine.refresh();
    assert_eq!((again.work.scanned_files, again.usage.status().gone_files), (0, 0));
}

#[test]
fn sessions_behind_a_link_to_a_disk_that_is_away_are_not_gone() {
    let machine = Machine::new();
    let (db, truth) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
    drop(db);
    let (agent, disk) = (machine.openclaw().join("agents/main"), machine.openclaw().join("disk"));
    fs_err::rename(&agent, &disk).unwrap();
    symlink(&disk, &agent).unwrap();
    machine.refresh();
    fs_err::rename(&disk, machine.openclaw().join("away")).unwrap();
    let usage = machine.refresh().usage;
    assert_eq!(usage.status().gone_files, 0);
    assert_eq!(summary(&usage, Gone::Exclude).totals.events, truth.all.events);
}

#[test]
fn a_database_with_two_names_is_read_once() {
    let machine = Machine::new();
    let (db, _) = demo_corpus::openclaw_db::corpus(&CORPUS, &machine.openclaw()).unwrap();
    drop(db);
    let once = machine.refresh().usage.status().cached_files;
    let agents = machine.openclaw().join("agents");
    symlink(agents.join("main"), agents.join("alias")).unwrap();
    assert_eq!(machine.refresh().usage.status().cached_files, once);
}

#[test]
fn a_row_of_the_lowest_number_is_no_reason_to_panic() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("logs_2.sqlite");
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "create table logs (id integer primary key autoincrement, ts integer not null, feedback_log_body text);
         insert into logs values (-9223372036854775808, 1, 'x'), (5, 1, 'y')",
    )
    .unwrap();
    let mut memo = Memo::new(0);
    for _ in 0..2 {
        let mut db = Sqlite.open_trace(&path).unwrap();
        let go_on = &mut |_| std::ops::ControlFlow::Continue(());
        scan(db.as_mut(), &mut memo, ScanRequest::ALL, go_on).1.unwrap();
    }
    assert_eq!(memo.cursor(), 5);
}
