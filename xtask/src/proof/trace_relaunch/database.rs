//! What is asked of the database, and done to it, beside the production code.

use std::path::Path;

use anyhow::Context as _;
use demo_corpus::trace::Row;
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;

/// After all that the corpus and the writer write.
const TS: i64 = 1_789_000_000;
const THREAD: &str = "thread-of-the-proof";
pub(super) const MODEL: &str = "gpt-5.5";

/// Rows of noise, of the most harmless kind.
const CANDIDATES: &str = "select id from logs \
    where ?1 <= id and feedback_log_body like '%: poll_next; self.flow=%' order by id limit 20";

/// Rows that say nothing.
pub(super) fn noise(count: u32) -> Vec<Row> {
    let mut rng = fastrand::Rng::with_seed(count.into());
    (0..count).map(|_| Row::noise(&mut rng, TS, Some(THREAD), 4_000)).collect()
}

/// A row that asks for priority.
pub(super) fn priority(turn: &str) -> Row {
    Row::request(TS, THREAD, turn, MODEL, Some("priority"), "PRIVATE")
}

fn open(db: &Path) -> anyhow::Result<Connection> {
    Ok(Connection::open_with_flags(db, OpenFlags::SQLITE_OPEN_READ_ONLY)?)
}

/// How many rows there are now after a row, up to another.
pub(super) fn rows_between(db: &Path, after: i64, until: i64) -> anyhow::Result<u64> {
    let sql = "select count(*) from logs where ?1 < id and id <= ?2";
    let count: i64 = open(db)?.query_row(sql, [after, until], |row| row.get(0))?;
    Ok(count.try_into()?)
}

/// A row of noise, from `from` on, by which nobody tells whether this is the same database.
pub(super) fn row_to_change(db: &Path, from: i64, artifact: &Path) -> anyhow::Result<i64> {
    let anchors = anchors(artifact)?;
    let db = open(db)?;
    let mut select = db.prepare(CANDIDATES)?;
    let rows = select.query_map([from], |row| row.get(0))?.collect::<Result<Vec<i64>, _>>()?;
    rows.into_iter().find(|row| !anchors.contains(row)).context("there is no row to be changed")
}

/// The anchors in the artifact, which `docs/formats.md` describes.
fn anchors(artifact: &Path) -> anyhow::Result<Vec<i64>> {
    #[derive(Deserialize)]
    struct Document {
        databases: Vec<Database>,
    }
    #[derive(Deserialize)]
    struct Database {
        anchors: Vec<(i64, String)>,
    }
    let document: Document = serde_json::from_slice(&fs_err::read(artifact)?)?;
    let anchors = document.databases.into_iter().flat_map(|database| database.anchors);
    Ok(anchors.map(|(row, _)| row).collect())
}
