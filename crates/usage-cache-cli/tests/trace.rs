//! Turns of Codex with priority, from a real rollout and a real trace database, through the
//! binary.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::{
    io::Write as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use demo_corpus::trace::{Row, TraceDb};
use rusqlite::Connection;
use serde_json::Value;

use common::Home;

const TS: i64 = 1_788_220_800;
const DB: &str = ".codex/logs_2.sqlite";
const ARTIFACT: &str = ".local/state/upkeep/codex-turns.json";

/// How many rows the database has at first.
const ROWS: usize = 123;
/// In these rows the turn `fast` was asked for and answered,
const REQUEST_ROW: usize = 61;
const ANSWER_ROW: usize = 92;
/// and in this one another turn was answered.
const OTHER_ANSWER_ROW: usize = 93;

const STANDARD_NANOS: u64 = 710_000;
const PRIORITY_NANOS: u64 = 1_775_000;

/// Two turns of 100 tokens of input, 20 of them cached, and 10 of output.
fn rollout() -> String {
    let line = |kind: &str, payload: &str| {
        format!(
            "{{\"timestamp\":\"2026-09-01T00:00:00Z\",\"type\":\"{kind}\",\"payload\":{{{payload}}}}}\n"
        )
    };
    let counts = |times: u32| {
        let (input, cached, output) = (100 * times, 20 * times, 10 * times);
        format!(
            r#"{{"input_tokens":{input},"cached_input_tokens":{cached},"output_tokens":{output}}}"#
        )
    };
    let mut rollout = line("session_meta", r#""id":"s","timestamp":"2026-09-01T00:00:00Z""#);
    for (nth, turn) in (1..).zip(["slow", "fast"]) {
        let (last, total) = (counts(1), counts(nth));
        let info = format!(r#"{{"last_token_usage":{last},"total_token_usage":{total}}}"#);
        rollout += &line("event_msg", &format!(r#""type":"task_started","turn_id":"{turn}""#));
        rollout += &line("turn_context", r#""model":"gpt-5.5""#);
        rollout += &line("event_msg", &format!(r#""type":"token_count","info":{info}"#));
    }
    rollout
}

/// Rows that say nothing, in about a page each.
fn noise(count: usize) -> Vec<Row> {
    let request = |nth| {
        let turn = format!("other-{nth}");
        Row::request(TS, "other", &turn, "gpt-5.5", None, &"PRIVATE ".repeat(400))
    };
    (0..count).map(request).collect()
}

fn priority(turn: &str) -> Row {
    Row::request(TS, "thread", turn, "gpt-5.5", Some("priority"), "PRIVATE")
}

fn answer(turn: &str) -> Row {
    Row::completion(TS, "thread", turn, "gpt-5.5", "PRIVATE")
}

fn rows() -> Vec<Row> {
    let mut rows = noise(ROWS);
    rows[REQUEST_ROW - 1] = priority("fast");
    rows[ANSWER_ROW - 1] = answer("fast");
    rows[OTHER_ANSWER_ROW - 1] = answer("slow");
    rows
}

/// A home directory with a rollout and a trace database, which nobody has looked at.
fn codex() -> Home {
    let home = Home::empty();
    home.write(".codex/sessions/2026/09/01/rollout-2026-09-01T00-00-00-s.jsonl", rollout());
    TraceDb::create(&home.path(DB)).unwrap().insert(&rows()).unwrap();
    home
}

fn report(home: &Home) -> Value {
    home.json(&["daily", "--json", "--source", "codex", "--timezone", "UTC"])
}

/// A report has the costs that the database tells of, whatever has become of it, and says so.
#[track_caller]
fn assert_split(home: &Home, status: &str) -> Value {
    let report = report(home);
    let model = &report["daily"][0]["modelBreakdowns"][0];
    for usage in [&report["totals"], &report["daily"][0], model] {
        assert_eq!(usage["standardTokens"], 110, "{status}: {report:#}");
        assert_eq!(usage["priorityTokens"], 110, "{status}: {report:#}");
        assert_eq!(usage["standardCostNanoUsd"], STANDARD_NANOS, "{status}: {report:#}");
        assert_eq!(usage["priorityCostNanoUsd"], PRIORITY_NANOS, "{status}: {report:#}");
    }
    assert_eq!(report["totals"]["totalCostNanoUsd"], STANDARD_NANOS + PRIORITY_NANOS);
    let trace = &report["status"]["trace"];
    assert_eq!(trace["status"], status, "{trace:#}");
    assert_eq!(trace["problem"].is_null(), status == "ok", "{trace:#}");
    trace.clone()
}

/// What people are told of a database that cannot be read.
#[track_caller]
fn assert_told(home: &Home, words: Option<&str>) {
    let text = home.stdout(&["daily", "--source", "codex"]);
    assert!(text.contains("1 answer with priority (110 tokens, <$0.01)"), "{text}");
    let told = text.lines().find(|line| line.contains("known from earlier"));
    match words {
        Some(words) => {
            let told = told.unwrap_or_else(|| panic!("nothing is said of it:\n{text}"));
            assert!(told.contains("(1 turn)") && told.contains(words), "{told}");
        }
        None => assert_eq!(told, None),
    }
}

#[test]
fn the_report_tells_what_had_priority() {
    let home = codex();
    let cold = assert_split(&home, "ok");
    assert_eq!(cold["restarted"], "new");
    assert_eq!(cold["rowsVisited"], ROWS);
    assert_eq!(cold["priorityTurns"], 1);
    assert_eq!(cold["retainedCompletions"], 2);
    let artifact = fs_err::read(home.path(ARTIFACT)).unwrap();
    let warm = assert_split(&home, "ok");
    assert_eq!(warm["restarted"], Value::Null);
    assert_eq!(warm["rowsVisited"], 0);
    assert_eq!(warm["memoCursor"], ROWS);
    assert_eq!(fs_err::read(home.path(ARTIFACT)).unwrap(), artifact, "nothing is written");
    assert!(!String::from_utf8(artifact).unwrap().contains("PRIVATE"));
    assert_told(&home, None);
}

/// What may happen to a database.
type Damage = fn(&Path);

fn truncate(path: &Path, part: impl Fn(u64) -> u64) {
    let file = fs_err::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(part(file.metadata().unwrap().len())).unwrap();
}

fn rename_table(path: &Path) {
    let connection = Connection::open(path).unwrap();
    connection.execute_batch("ALTER TABLE logs RENAME TO traces").unwrap();
}

#[test]
fn what_was_found_is_kept_whatever_becomes_of_the_database() {
    let cases: [(Damage, &str, &str); 4] = [
        (|path| fs_err::remove_file(path).unwrap(), "missing", "there is no such file"),
        (|path| truncate(path, |_| 0), "corrupt", "it is damaged"),
        (|path| truncate(path, |bytes| bytes / 2), "corrupt", "it is damaged"),
        (rename_table, "schema_unknown", "other tables"),
    ];
    for (damage, status, words) in cases {
        let home = codex();
        assert_split(&home, "ok");
        damage(&home.path(DB));
        // Also once what has become of it is known.
        for _ in 0..2 {
            assert_eq!(assert_split(&home, status)["knownPriorityTurns"], 1);
        }
        assert_told(&home, Some(words));
    }
}

/// From <https://sqlite.org/lang_transaction.html>: without a write-ahead log, nobody can read
/// during an exclusive transaction.
#[test]
fn a_database_that_is_locked_is_read_later() {
    let home = codex();
    assert_split(&home, "ok");
    let connection = Connection::open(home.path(DB)).unwrap();
    connection.pragma_update(None, "journal_mode", "delete").unwrap();
    connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_split(&home, "busy");
    assert_told(&home, Some("another process has it locked"));
    connection.execute_batch("ROLLBACK").unwrap();
    assert_eq!(assert_split(&home, "ok")["rowsVisited"], 0);
    assert_told(&home, None);
}

#[test]
fn a_database_that_must_not_be_read_changes_nothing() {
    for name in [DB, ".codex"] {
        let home = codex();
        assert_split(&home, "ok");
        let path = home.path(name);
        let metadata = fs_err::metadata(&path).unwrap();
        let set = |mode| {
            let permissions = std::fs::Permissions::from_mode(mode);
            fs_err::set_permissions(&path, permissions).unwrap();
        };
        if metadata.uid() == 0 {
            writeln!(std::io::stderr(), "skipped: nothing is forbidden to root").unwrap();
            return;
        }
        set(0);
        assert_split(&home, "no_permission");
        assert_told(&home, Some("it must not be read"));
        set(metadata.mode());
        assert_split(&home, "ok");
    }
}

#[test]
fn another_database_in_its_place_adds_what_it_knows() {
    let home = codex();
    assert_split(&home, "ok");
    let other = home.path("other.sqlite");
    let mut rows = noise(7);
    rows.push(priority("of another database"));
    TraceDb::create(&other).unwrap().insert(&rows).unwrap();
    fs_err::rename(other, home.path(DB)).unwrap();
    let trace = assert_split(&home, "ok");
    assert_eq!(trace["restarted"], "replaced");
    assert_eq!(trace["rowsVisited"], 8);
    assert_eq!(trace["priorityTurns"], 1);
    assert_eq!(trace["knownPriorityTurns"], 2);
    assert_eq!(assert_split(&home, "ok")["rowsVisited"], 0);
    assert_told(&home, None);
}

#[test]
fn what_a_killed_writer_has_left_is_read_up_to_where_it_is_whole() {
    let home = codex();
    assert_split(&home, "ok");
    let (path, log) = (home.path(DB), home.path(&format!("{DB}-wal")));
    let mut writer = TraceDb::open(&path).unwrap();
    writer.insert(&noise(3)).unwrap();
    let before = (fs_err::read(&path).unwrap(), fs_err::read(&log).unwrap());
    assert!(!before.1.is_empty(), "the rows are in the log");
    // It ends well and tidies up; then the files are again what they were before.
    drop(writer);
    fs_err::write(&path, before.0).unwrap();
    fs_err::write(&log, [before.1, b"garbage ".repeat(1_000)].concat()).unwrap();
    let trace = assert_split(&home, "ok");
    assert_eq!(trace["restarted"], Value::Null);
    assert_eq!(trace["rowsVisited"], 3);
    assert_eq!(trace["memoCursor"], ROWS + 3);
    assert_told(&home, None);
}

#[test]
fn the_status_says_what_is_known_and_looks_at_no_row() {
    let home = codex();
    let before = &home.json(&["trace", "status", "--json"])["trace"];
    assert_eq!(before["status"], "unread");
    assert_eq!(before["memoCursor"], 0);
    assert_eq!(before["lastScan"], Value::Null);
    assert_eq!(before["artifactBytes"], Value::Null);
    assert!(fs_err::metadata(home.path(".local")).is_err(), "nothing is created");
    let text = home.stdout(&["trace", "status"]);
    assert!(text.contains("State        not looked at"), "{text}");
    assert!(text.contains("Last scan    none"), "{text}");

    assert_split(&home, "ok");
    let after = &home.json(&["trace", "status", "--json"])["trace"];
    assert_eq!(after["status"], "unread");
    assert_eq!(after["memoCursor"], ROWS);
    assert_eq!(after["priorityTurns"], 1);
    assert_eq!(after["retainedCompletions"], 2);
    assert_eq!(after["lastScan"]["rows"], ROWS);
    assert_eq!(after["lastScan"]["restarted"], "new");
    assert_eq!(after["path"], home.path(DB).to_str().unwrap());
    assert_eq!(after["artifact"], home.path(ARTIFACT).to_str().unwrap());
    let text = home.stdout(&["trace", "status"]);
    for line in [
        &format!("Read         all rows, up to row {ROWS}, or further\n") as &str,
        "Found        1 priority turn, 2 answers kept\n",
        "Known        1 turn in all, also of rows that are gone\n",
    ] {
        assert!(text.contains(line), "{line} is missing:\n{text}");
    }
    assert!(text.lines().any(|line| line.starts_with("Last scan    2")), "{text}");
    home.run_unheard(&["trace", "status"]);
}

#[test]
fn a_rescan_can_be_forced() {
    let home = codex();
    assert_split(&home, "ok");
    // Codex never changes a row, so nobody looks at it again.
    let mut db = TraceDb::open(&home.path(DB)).unwrap();
    assert_eq!(db.replace_body(7, &priority("changed").body).unwrap(), 1);
    assert_eq!(assert_split(&home, "ok")["priorityTurns"], 1);
    let forced = &home.json(&["trace", "status", "--force-rescan", "--json"])["trace"];
    assert_eq!(forced["status"], "ok");
    assert_eq!(forced["restarted"], "forced");
    assert_eq!(forced["rowsVisited"], ROWS);
    assert_eq!(forced["priorityTurns"], 2);
    assert_eq!(assert_split(&home, "ok")["rowsVisited"], 0);

    drop(db);
    fs_err::remove_file(home.path(DB)).unwrap();
    let output = home.run(&["trace", "status", "--force-rescan"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("State        there is no such file"), "{text}");
}

/// A file of CodexBar about the database, up to a row, as Swift writes it: maps from rows are
/// arrays, and slashes are escaped.
fn codexbar(home: &Home, inode: u64, last_row: usize) -> PathBuf {
    let db = home.path(DB).to_str().unwrap().replace('/', "\\/");
    let turn =
        format!(r#"{{"threadID":"thread","turnID":"fast","model":"gpt-5.5","timestamp":"{TS}"}}"#);
    let text = format!(
        r#"{{"version":1,"producerKey":"codex:pt:pac951c637b111d71","states":{{"{db}":{{"observationID":18446744073709551615,"coverageSinceEpoch":0,"lastRowID":{last_row},"fileIdentity":{inode},"turns":{{"fast":{turn}}},"requestSourcesByTurnID":{{"fast":[{REQUEST_ROW},{turn}]}},"priorityCompletedModelsByTurnID":{{"fast":[{ANSWER_ROW},"gpt-5.5"]}},"completedModelsByTurnID":{{"slow":[{OTHER_ANSWER_ROW},"gpt-5.5"]}},"completedTurnIDInsertionOrder":["slow"],"completedTurnIDInsertionOrderStartIndex":0}}}}}}"#
    );
    home.write("codex-priority-turns-v1.json", text);
    home.path("codex-priority-turns-v1.json")
}

#[test]
fn what_codexbar_knows_is_taken_if_it_is_about_this_database() {
    let last_row = 100;
    for is_this in [true, false] {
        let home = codex();
        let inode = fs_err::metadata(home.path(DB)).unwrap().ino();
        let file = codexbar(&home, inode + u64::from(!is_this), last_row);
        let file = file.to_str().unwrap();
        let imported = &home.json(&["trace", "import", file, "--json"])["trace"];
        assert_eq!(imported["imported"], is_this, "{imported:#}");
        let visited = if is_this { ROWS - last_row } else { ROWS };
        assert_eq!(imported["rowsVisited"], visited, "{imported:#}");
        assert_eq!(imported["priorityTurns"], 1);
        assert_eq!(imported["retainedCompletions"], 2);
        let trace = assert_split(&home, "ok");
        assert_eq!(trace["rowsVisited"], 0);
        assert_eq!(trace["memoCursor"], ROWS);
        // What is known already goes further.
        let again = &home.json(&["trace", "import", file, "--json"])["trace"];
        assert_eq!(again["imported"], false);
        assert_eq!(again["rowsVisited"], 0);
    }
}

#[test]
fn what_is_no_file_of_codexbar_is_an_error() {
    let home = codex();
    home.write("no.json", "{\"version\":1}");
    home.write("other.json", r#"{"version":2,"states":{}}"#);
    for (name, words) in [
        ("no.json", "not a file of CodexBar"),
        ("other.json", "version 2"),
        ("nowhere.json", "nowhere.json"),
        (".codex", ".codex"),
    ] {
        let path = home.path(name);
        let path = path.to_str().unwrap();
        let output = home.run(&["trace", "import", path]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains(path) && error.contains(words), "{error}");
        assert!(output.stdout.is_empty());
    }
    assert!(fs_err::metadata(home.path(".local")).is_err(), "nothing is created");
}

#[test]
fn trace_alone_is_wrong_usage() {
    let home = Home::empty();
    let output = home.run(&["trace"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let usage = String::from_utf8(output.stderr).unwrap();
    for word in ["Usage:", "status", "import"] {
        assert!(usage.contains(word), "{word} is missing:\n{usage}");
    }
}
