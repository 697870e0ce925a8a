use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use tempfile::TempDir;

use super::{payload::sha256, *};
use crate::Truth as Sums;

const CORPUS: Corpus = Corpus { sessions: 30, answers_median: 6, ..Corpus::SMALL };

/// The lines of all transcripts by session, wherever they are, and where they were found.
type Transcripts = BTreeMap<String, (Place, Vec<String>)>;

fn decode(frame: &[u8]) -> Vec<u8> {
    assert_eq!(frame[4] & 0b100, 0b100, "a frame has a checksum");
    let size = zstd::zstd_safe::get_frame_content_size(frame).unwrap().unwrap();
    assert_eq!(zstd::zstd_safe::find_frame_compressed_size(frame).unwrap(), frame.len());
    let bytes = zstd::bulk::decompress(frame, usize::try_from(size).unwrap()).unwrap();
    assert_eq!(bytes.len() as u64, size);
    bytes
}

fn live(connection: &Connection, found: &mut Transcripts) {
    let sql = "SELECT session_id, seq, event_json, event_zstd, event_utf8_bytes \
               FROM transcript_events ORDER BY session_id, seq";
    let mut select = connection.prepare(sql).unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let plain: Option<String> = row.get(2).unwrap();
        let frame: Option<Vec<u8>> = row.get(3).unwrap();
        let bytes: i64 = row.get(4).unwrap();
        let line = match (plain, frame) {
            (Some(line), None) => line,
            (None, Some(frame)) => {
                let line = String::from_utf8(decode(&frame)).unwrap();
                let saved = line.len() - frame.len();
                assert!(1_024 <= line.len() && 64 <= saved && line.len() <= 10 * saved);
                assert!(!line.contains("\\u") && !line.contains("\"session\""));
                line
            }
            both => panic!("{both:?}"),
        };
        assert_eq!(usize::try_from(bytes).unwrap(), line.len());
        let (_, lines) =
            found.entry(row.get(0).unwrap()).or_insert_with(|| (Place::Live, Vec::new()));
        let seq: usize = row.get::<_, i64>(1).unwrap().try_into().unwrap();
        assert_eq!(seq, lines.len());
        lines.push(line);
    }
}

fn cold(connection: &Connection, sessions: &Path, found: &mut Transcripts) {
    let sql = "SELECT session_id, generation, archive_name, archive_sha256, event_count, \
               raw_bytes, archive_bytes, last_seq, storage, archive_blob \
               FROM session_transcript_cold_archives";
    let mut select = connection.prepare(sql).unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let text = |column: usize| row.get::<_, String>(column).unwrap();
        let size = |column| usize::try_from(row.get::<_, i64>(column).unwrap()).unwrap();
        let (place, archive) = match text(8).as_str() {
            "file" => (Place::ColdFile, fs_err::read(sessions.join("cold").join(text(2))).unwrap()),
            _ => (Place::ColdBlob, row.get(9).unwrap()),
        };
        assert_eq!(sha256(&archive), text(3));
        assert_eq!(archive.len(), size(6));
        assert_eq!(text(2), format!("{}.jsonl.zst", text(3)));
        let records = String::from_utf8(decode(&archive)).unwrap();
        assert_eq!(records.len(), size(5));
        let records: Vec<Value> =
            records.lines().map(|record| serde_json::from_str(record).unwrap()).collect();
        assert_eq!(records[0]["kind"], "header");
        assert_eq!(records[0]["sessionId"], text(0));
        assert_eq!(records[0]["generation"], text(1));
        let events: Vec<_> = records.iter().filter(|record| record["kind"] == "event").collect();
        assert_eq!((events.len(), events.len() - 1), (size(4), size(7)));
        let kinds: BTreeSet<_> =
            records.iter().map(|record| record["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["active", "event", "header", "identity", "index"].into());
        for (seq, event) in events.iter().enumerate() {
            assert_eq!(event["row"]["seq"], seq);
            assert!(event["row"]["created_at"].is_i64());
        }
        let lines =
            events.iter().map(|event| event["row"]["event_json"].as_str().unwrap().to_owned());
        assert!(found.insert(text(0), (place, lines.collect())).is_none());
    }
}

fn archived(connection: &Connection, sessions: &Path, found: &mut Transcripts) {
    let sql = "SELECT session_id, encoding, archive_blob, archive_sha256, archive_name, \
               published_at FROM session_transcript_archives";
    let mut select = connection.prepare(sql).unwrap();
    let mut rows = select.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let text = |column: usize| row.get::<_, String>(column).unwrap();
        let blob: Vec<u8> = row.get(2).unwrap();
        assert_eq!(sha256(&blob), text(3));
        let place = match row.get::<_, Option<i64>>(5).unwrap() {
            Some(_) => {
                assert_eq!(fs_err::read(sessions.join(text(4))).unwrap(), blob);
                Place::Published
            }
            None => Place::Archived,
        };
        let lines = if text(1) == "zstd" { decode(&blob) } else { blob };
        assert_eq!(text(4).strip_suffix(".zst").is_some(), text(1) == "zstd");
        assert!(found.insert(text(0), (place, split(lines))).is_none());
    }
}

/// The published archives that the database does not know of.
fn files(sessions: &Path, found: &mut Transcripts) {
    let Ok(entries) = fs_err::read_dir(sessions) else { return };
    for path in entries.map(|entry| entry.unwrap().path()).filter(|path| !path.ends_with("cold")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        let (session, rest) = name.split_once(".jsonl.deleted.").unwrap();
        let bytes = fs_err::read(&path).unwrap();
        let (stamp, generation) = rest.split_at("2026-02-05T12-04-05.006Z".len());
        assert_eq!(stamp.find('T').zip(stamp.find('Z')), Some((10, 23)));
        let lines = match generation.strip_suffix(".zst") {
            Some(generation) => {
                assert_eq!(generation.len(), 33);
                decode(&bytes)
            }
            None => bytes,
        };
        found.entry(session.to_owned()).or_insert((Place::File, split(lines)));
    }
}

fn split(lines: Vec<u8>) -> Vec<String> {
    let lines = String::from_utf8(lines).unwrap();
    assert!(lines.ends_with("}\n"));
    lines.lines().map(str::to_owned).collect()
}

fn transcripts(db: &AgentDb) -> Transcripts {
    let connection = Connection::open(db.path()).unwrap();
    let mut found = Transcripts::new();
    live(&connection, &mut found);
    cold(&connection, &db.sessions_dir, &mut found);
    archived(&connection, &db.sessions_dir, &mut found);
    files(&db.sessions_dir, &mut found);
    found
}

fn used(event: &Value) -> Option<Sums> {
    let usage = event["message"].get("usage")?;
    let counts = ["input", "output", "cacheRead", "cacheWrite"];
    let tokens: u64 = counts.iter().map(|count| usage[count].as_u64().unwrap()).sum();
    assert_eq!(usage["totalTokens"], tokens);
    let dollars = usage["cost"]["total"].as_f64().unwrap();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small, positive")]
    let cost_nanos = (dollars * 1e9).round() as u64;
    Some(Sums { events: 1, tokens, cost_nanos })
}

fn add(to: &mut Sums, sums: Sums) {
    to.events += sums.events;
    to.tokens += sums.tokens;
    to.cost_nanos += sums.cost_nanos;
}

/// What is read back, added up without the ledger.
fn truth(found: &Transcripts) -> Truth {
    let mut truth = Truth::default();
    let mut once: BTreeMap<(String, String), (Sums, bool)> = BTreeMap::new();
    for (session, (place, lines)) in found {
        let events: Vec<Value> =
            lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(
            (&events[0]["type"], &events[0]["id"]),
            (&"session".into(), &session[..].into())
        );
        let parents: BTreeMap<_, _> =
            events[1..].iter().filter_map(|event| event["id"].as_str().zip(Some(event))).collect();
        let mut visible = BTreeSet::new();
        let mut next = events[1..].iter().rev().find_map(|event| event["id"].as_str());
        while let Some(id) = next {
            assert!(visible.insert(id));
            next = parents[id]["parentId"].as_str();
        }
        let mut own =
            SessionTruth { place: *place, all: Sums::default(), abandoned: Sums::default() };
        for event in &events[1..] {
            let Some(sums) = used(event) else { continue };
            let id = event["id"].as_str().unwrap();
            let is_visible = visible.contains(id);
            add(&mut own.all, sums);
            if !is_visible {
                add(&mut own.abandoned, sums);
            }
            let key = (id.to_owned(), event["timestamp"].to_string());
            once.entry(key).or_insert((sums, false)).1 |= is_visible;
        }
        truth.sessions.insert(session.clone(), own);
    }
    for (sums, is_visible) in once.into_values() {
        add(&mut truth.all, sums);
        if !is_visible {
            add(&mut truth.abandoned, sums);
        }
    }
    truth
}

/// That the database holds what the ledger says, but for what rewrites have dropped.
fn check(db: &AgentDb) -> Transcripts {
    let found = transcripts(db);
    let known = Truth { dropped: Sums::default(), ..db.truth() };
    assert_eq!(truth(&found), known);
    found
}

fn new() -> (TempDir, AgentDb, String) {
    let state = tempfile::tempdir().unwrap();
    let mut db = AgentDb::create(state.path(), "main").unwrap();
    let session = db.add_session_of(&CORPUS, 1, 12).unwrap();
    (state, db, session)
}

fn generation(db: &AgentDb, session: &str) -> String {
    let sql = "SELECT generation FROM transcript_rewrite_watermarks WHERE session_id = ?1";
    db.connection.query_row(sql, [session], |row| row.get(0)).unwrap()
}

fn count(db: &AgentDb, sql: &str) -> i64 {
    db.connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

#[test]
fn a_session_is_stored_by_the_published_rule() {
    let (_state, mut db, session) = new();
    let found = check(&db);
    let lines = &found[&session].1;
    assert_eq!(db.events(&session).len(), lines.len() - 1);
    assert_eq!(db.truth().all.events, 12);
    assert_eq!(db.truth().abandoned, Sums::default());
    let long = |text: &str| format!("{{\"type\":\"custom\",\"text\":\"{}\"}}", text.repeat(400));
    let raw = [long("plain "), long("\\u00ef "), "{\"type\":\"custom\"}".to_owned()];
    for json in &raw {
        db.append_raw(&session, json).unwrap();
    }
    let sql = "SELECT event_zstd IS NOT NULL FROM transcript_events ORDER BY seq DESC LIMIT 3";
    let mut select = db.connection.prepare(sql).unwrap();
    let is_compressed: Vec<bool> =
        select.query_map([], |row| row.get(0)).unwrap().map(|is| is.unwrap()).collect();
    assert_eq!(is_compressed, [false, false, true]);
    drop(select);
    let found = transcripts(&db);
    assert!(found[&session].1.ends_with(&raw));
    assert!(0 < count(&db, "SELECT count(*) FROM transcript_events WHERE event_zstd IS NULL"));
}

#[test]
fn going_on_with_a_session_moves_its_times() {
    let (state, mut db, session) = new();
    let sql = "SELECT transcript_updated_at FROM session_windows";
    let before = count(&db, sql);
    db.append(&session, 2).unwrap();
    assert!(before < count(&db, sql));
    assert_eq!(db.tick().unwrap(), session);
    assert_eq!(count(&db, "SELECT max(created_at) FROM transcript_events"), count(&db, sql));
    assert_eq!(db.truth().all.events, 15);
    check(&db);
    let ledger = db.close().unwrap();
    let mut db = AgentDb::open(state.path(), "main", ledger).unwrap();
    db.append(&session, 1).unwrap();
    assert_eq!(db.truth().all.events, 16);
    check(&db);
    assert_eq!(
        count(&db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"),
        1
    );
    assert!(AgentDb::create(state.path(), "main").is_err(), "a database is never overwritten");
}

#[test]
fn a_cold_transcript_leaves_the_table_and_the_session_stays() {
    type Move = fn(&mut AgentDb, &str) -> Result<(), Error>;
    let moves: [(Place, Move); 2] = [
        (Place::ColdFile, AgentDb::move_to_cold_file),
        (Place::ColdBlob, AgentDb::move_to_cold_blob),
    ];
    for (place, to_cold) in moves {
        let (_state, mut db, session) = new();
        let lines = check(&db)[&session].1.clone();
        to_cold(&mut db, &session).unwrap();
        assert_eq!(check(&db)[&session], (place, lines));
        assert_eq!(count(&db, "SELECT count(*) FROM transcript_events"), 0);
        assert_eq!(count(&db, "SELECT count(*) FROM session_windows"), 1);
        assert!(matches!(db.append(&session, 1), Err(Error::Place { .. })));
    }
}

#[test]
fn a_deleted_session_stays_as_a_blob_then_as_a_file() {
    for encoding in [Encoding::Identity, Encoding::Zstd] {
        let (_state, mut db, session) = new();
        let lines = check(&db)[&session].1.clone();
        db.delete_session(&session, encoding).unwrap();
        assert_eq!(check(&db)[&session], (Place::Archived, lines.clone()));
        for table in ["session_windows", "session_nodes", "transcript_rewrite_watermarks"] {
            assert_eq!(count(&db, &format!("SELECT count(*) FROM {table}")), 0);
        }
        db.publish(&session).unwrap();
        assert_eq!(check(&db)[&session], (Place::Published, lines.clone()));
        db.forget_blob(&session).unwrap();
        assert_eq!(check(&db)[&session], (Place::File, lines));
        assert_eq!(db.truth().all.events, 12);
    }
}

#[test]
fn a_reset_session_goes_on_under_its_key() {
    let (_state, mut db, session) = new();
    db.reset(&session, "after", Encoding::Zstd).unwrap();
    db.append("after", 3).unwrap();
    assert_eq!(db.truth().all.events, 15);
    assert_eq!(check(&db).len(), 2);
    let sql = "SELECT count(*) FROM session_nodes JOIN session_windows USING (session_key) \
               WHERE current_session_id = 'after' AND session_id = 'after' AND reason = 'reset'";
    assert_eq!(count(&db, sql), 1);
    assert_eq!(count(&db, "SELECT count(*) FROM session_nodes"), 1);
}

#[test]
fn a_fork_counts_its_own_events_only() {
    let (_state, mut db, session) = new();
    let before = db.truth().all;
    db.fork(&session, "fork", 10).unwrap();
    assert_eq!(db.truth().all, before);
    assert_eq!(db.events("fork"), db.events(&session)[..10]);
    let found = check(&db);
    assert_eq!(found["fork"].1[1..], found[&session].1[1..11]);
    db.append("fork", 2).unwrap();
    assert_eq!(db.truth().all.events, before.events + 2);
    assert_eq!(db.truth().abandoned, Sums::default());
    check(&db);
    let sql = "SELECT count(*) FROM session_nodes WHERE fork_source_session_key IS NOT NULL";
    assert_eq!(count(&db, sql), 1);
}

#[test]
fn what_comes_after_a_rewind_abandons_what_came_before() {
    let (_state, mut db, session) = new();
    let events = db.events(&session);
    db.rewind(&session, &events[5]).unwrap();
    assert_eq!(db.truth().abandoned.events, 0);
    db.append(&session, 1).unwrap();
    let abandoned = db.truth().abandoned;
    assert!(8 < abandoned.events);
    check(&db);
    // A fork of the abandoned branch is a path on which it is seen.
    db.fork(&session, "fork", events.len()).unwrap();
    assert_eq!(db.truth().sessions[&session].abandoned, abandoned);
    assert_eq!(db.truth().abandoned.events, 0);
    check(&db);
    assert!(matches!(db.rewind(&session, "nowhere"), Err(Error::NoEvent { .. })));
}

#[test]
fn a_rewritten_transcript_is_of_another_generation() {
    let (_state, mut db, session) = new();
    let (lines, first) = (check(&db)[&session].1.clone(), generation(&db, &session));
    db.rewrite(&session, 0).unwrap();
    assert_eq!(check(&db)[&session].1, lines);
    let second = generation(&db, &session);
    assert_ne!(first, second);
    let before = db.truth().all;
    db.rewrite(&session, 6).unwrap();
    let found = check(&db);
    assert_eq!(found[&session].1.len(), lines.len() - 6);
    assert!(found[&session].1[1].contains("\"parentId\":null"));
    let mut sum = db.truth().all;
    assert!(sum.events < before.events);
    add(&mut sum, db.truth().dropped);
    assert_eq!(sum, before);
    assert_ne!(second, generation(&db, &session));
    db.append(&session, 1).unwrap();
    check(&db);
    db.rewrite(&session, 1_000).unwrap();
    assert_eq!(check(&db)[&session].1.len(), 1);
    db.append(&session, 1).unwrap();
    check(&db);
}

#[test]
fn a_corpus_has_some_of_everything_and_is_always_the_same() {
    let state = tempfile::tempdir().unwrap();
    let (mut db, truth) = corpus(&CORPUS, state.path()).unwrap();
    let found = check(&db);
    assert_eq!(db.truth(), truth);
    for place in [
        Place::Live,
        Place::ColdFile,
        Place::ColdBlob,
        Place::Archived,
        Place::Published,
        Place::File,
    ] {
        assert!(found.values().any(|(at, _)| *at == place), "{place:?}");
    }
    assert!(0 < truth.abandoned.events && truth.abandoned.events < truth.all.events / 4);
    let again = tempfile::tempdir().unwrap();
    assert_eq!(corpus(&CORPUS, again.path()).unwrap().1, truth);
    for nth in 1..=20 {
        db.tick().unwrap();
        assert_eq!(db.truth().all.events, truth.all.events + nth);
    }
    check(&db);
}
