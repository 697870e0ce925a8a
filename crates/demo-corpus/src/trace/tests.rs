use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use super::*;

const TS: i64 = 1_788_220_800;

/// What a row means, read as CodexBar does.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Completed { turn: String, model: String },
    Priority { turn: String, thread: Option<String>, model: Option<String> },
    Nothing,
}

fn named(prefix: &str, name: &str) -> Option<String> {
    let (_, value) = prefix.split_once(&format!("{name}="))?;
    let end = value.find(|c: char| c.is_whitespace() || ",])}:".contains(c));
    let value = &value[..end.unwrap_or(value.len())];
    (!value.is_empty()).then(|| value.to_owned())
}

fn object_after<'body>(body: &'body str, marker: &str) -> Option<(&'body str, Value)> {
    let (prefix, json) = body.split_once(marker)?;
    Some((prefix, serde_json::from_str(json.trim()).ok()?))
}

fn meaning(body: &str) -> Meaning {
    if let Some((prefix, event)) = object_after(body, "websocket event:")
        && event["type"] == "response.completed"
        && let Some(model) = event["response"]["model"].as_str().filter(|model| !model.is_empty())
        && let Some(turn) = named(prefix, "turn.id").or_else(|| named(prefix, "turn_id"))
    {
        return Meaning::Completed { turn, model: model.to_owned() };
    }
    if let Some((prefix, request)) = object_after(body, "websocket request:")
        && request["type"] == "response.create"
        && request["service_tier"] == "priority"
        && let Some(turn) = named(prefix, "turn.id")
    {
        let model = request["model"].as_str().map(str::to_owned);
        return Meaning::Priority { turn, thread: named(prefix, "thread_id"), model };
    }
    if !body.contains("websocket request:")
        && body.contains("service_tier: Some(Some(\"priority\"))")
        && let Some((prefix, submission)) = body.split_once("Submission sub=Submission {")
        && let Some((_, id)) = submission.split_once("id: \"")
        && let Some((turn, _)) = id.split_once('"')
    {
        let thread = named(prefix, "thread_id");
        return Meaning::Priority { turn: turn.to_owned(), thread, model: None };
    }
    Meaning::Nothing
}

fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(FILE_NAME);
    (home, path)
}

fn bodies(path: &Path) -> Vec<String> {
    let connection = Connection::open(path).unwrap();
    let mut select = connection.prepare("SELECT feedback_log_body FROM logs ORDER BY id").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(|body| body.unwrap()).collect()
}

fn ids(path: &Path) -> Vec<i64> {
    let connection = Connection::open(path).unwrap();
    let mut select = connection.prepare("SELECT id FROM logs ORDER BY id").unwrap();
    select.query_map([], |row| row.get(0)).unwrap().map(|id| id.unwrap()).collect()
}

#[test]
fn rows_mean_what_they_are_called() {
    let private = "say \"hi\"\nwith a \\ and a }";
    let request = |tier| Row::request(TS, "th", "tu", "gpt-5.5", tier, private).body;
    let priority = |model: Option<&str>| Meaning::Priority {
        turn: "tu".into(),
        thread: Some("th".into()),
        model: model.map(str::to_owned),
    };
    assert_eq!(meaning(&request(Some("priority"))), priority(Some("gpt-5.5")));
    for tier in [None, Some("default"), Some("fast"), Some("flex"), Some("auto")] {
        assert_eq!(meaning(&request(tier)), Meaning::Nothing, "{tier:?}");
    }
    assert_eq!(meaning(&Row::submission(TS, "th", "tu", private).body), priority(None));
    let completed = Meaning::Completed { turn: "tu".into(), model: "gpt-5.4".into() };
    assert_eq!(meaning(&Row::completion(TS, "th", "tu", "gpt-5.4", private).body), completed);
}

#[test]
fn noise_means_nothing_and_has_about_its_size() {
    let mut rng = Rng::with_seed(3);
    let mut near_misses = 0;
    for nth in 0..4_000 {
        let thread = if nth % 8 == 0 { None } else { Some("019f-thread") };
        let row = Row::noise(&mut rng, TS, thread, 4_000);
        assert_eq!(meaning(&row.body), Meaning::Nothing, "{}", row.body);
        assert!((3_500..4_500).contains(&row.body.len()), "{}", row.body.len());
        near_misses += u32::from(row.body.contains("priority"));
    }
    assert!(200 < near_misses, "{near_misses}");
}

#[test]
fn the_database_has_the_columns_indexes_and_the_log_of_codex() {
    let (_home, path) = home();
    let mut db = TraceDb::create(&path).unwrap();
    db.insert(&[Row::submission(TS, "th", "tu", "hi")]).unwrap();
    let connection = Connection::open(&path).unwrap();
    let indexes: i64 = connection
        .query_row("SELECT count(*) FROM pragma_index_list('logs')", [], |row| row.get(0))
        .unwrap();
    assert_eq!(indexes, 5);
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
    let row: (i64, String, String, i64, i64) = connection
        .query_row(
            "SELECT ts, level, thread_id, estimated_bytes, length(feedback_log_body) FROM logs \
             INDEXED BY idx_logs_ts WHERE ts = ?1",
            [TS],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?)),
        )
        .unwrap();
    assert_eq!((row.0, row.1.as_str(), row.2.as_str()), (TS, "DEBUG", "th"));
    assert!(row.4 < row.3 && row.3 < row.4 + 200);
}

#[test]
fn rows_go_by_age_by_thread_and_by_id_and_ids_are_never_reused() {
    let (_home, path) = home();
    let mut db = TraceDb::create(&path).unwrap();
    let mut rng = Rng::with_seed(1);
    let rows: Vec<_> = (TS..TS + 40)
        .zip(["a", "b"].into_iter().cycle())
        .map(|(ts, thread)| Row::noise(&mut rng, ts, Some(thread), 1_000))
        .collect();
    db.insert(&rows).unwrap();
    assert_eq!(db.prune_before(TS + 4).unwrap(), 4);
    // Eighteen of this thread are left, of which three fit.
    assert_eq!(db.prune_thread("a", 4_000).unwrap(), 15);
    assert_eq!(ids(&path).iter().filter(|id| *id % 2 == 1).count(), 3);
    assert_eq!(db.delete_rows(&[40, 39, 1]).unwrap(), 2);
    assert_eq!(db.replace_body(38, "other").unwrap(), 1);
    drop(db);
    let mut db = TraceDb::open(&path).unwrap();
    assert_eq!((db.max_rowid().unwrap(), db.count().unwrap()), (38, 19));
    assert_eq!(bodies(&path).last().unwrap(), "other");
    db.insert(&rows[..1]).unwrap();
    assert_eq!(db.max_rowid().unwrap(), 41);
}

#[test]
fn a_busy_writer_appends_and_takes_from_the_middle() {
    let (_home, path) = home();
    let mut writer = TraceWriter::new(TraceDb::create(&path).unwrap(), 7, TS).keep(100_000);
    let kept = Row::request(TS, "other", "tu", "gpt-5.5", Some("priority"), "hi");
    let first = writer.tick_with(vec![kept]).unwrap();
    assert_eq!((first.inserted, first.ts), (129, TS + 3));
    let (mut pruned, mut kept) = (first.pruned, 129);
    for nth in 1..10 {
        let tick = writer.tick().unwrap();
        assert_eq!(writer.db().max_rowid().unwrap(), 129 + 128 * nth);
        pruned += tick.pruned;
        kept += 128;
    }
    assert!(0 < pruned);
    let ids = ids(&path);
    assert_eq!(ids.len(), kept - pruned);
    assert!(1 < ids.windows(2).filter(|pair| pair[0] + 1 < pair[1]).count());
    let meanings = bodies(&path).iter().filter(|body| meaning(body) != Meaning::Nothing).count();
    assert_eq!(meanings, 1);
}

#[test]
fn a_filled_database_holds_what_it_says() {
    let (home, path) = home();
    let truth = fill(&path, 8_000_000, 30, 50, 5).unwrap();
    assert_eq!((truth.turns.len(), truth.completions), (30, 50));
    let size = fs_err::metadata(&path).unwrap().len();
    assert!((7_500_000..8_500_000).contains(&size), "{size}");
    assert_eq!(ids(&path), (1..=truth.max_rowid).collect::<Vec<_>>());
    let mut found = Truth { max_rowid: truth.max_rowid, ..Truth::default() };
    for body in bodies(&path) {
        match meaning(&body) {
            Meaning::Completed { turn, model } => {
                found.completions += 1;
                found.completed.insert(turn, model);
            }
            Meaning::Priority { turn, thread, model } => {
                let thread = thread.unwrap();
                let new = Turn { thread, request_model: None, final_model: None };
                let turn = found.turns.entry(turn).or_insert(new);
                turn.request_model = model.or(turn.request_model.take());
            }
            Meaning::Nothing => {}
        }
    }
    for (id, turn) in &mut found.turns {
        turn.final_model = found.completed.get(id).cloned();
    }
    assert_eq!(found, truth);
    let again = fill(&home.path().join("again.sqlite"), 8_000_000, 30, 50, 5).unwrap();
    assert_eq!(again, truth);
    assert!(fill(&path, 1, 1, 1, 1).is_err(), "a database is never overwritten");
}
