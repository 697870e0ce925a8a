//! A writer of Codex's trace database, `logs_2.sqlite`, as the runtime itself writes it.
//!
//! Rows come in batches, ids only grow, and old rows vanish from the middle of the table, because
//! each thread may keep only so many bytes.
//!
//! ```
//! use demo_corpus::trace::{Row, TraceDb};
//!
//! let home = tempfile::tempdir()?;
//! let mut db = TraceDb::create(&home.path().join(demo_corpus::trace::FILE_NAME))?;
//! db.insert(&[Row::request(1_788_220_800, "thread", "turn", "gpt-5.5", Some("priority"), "hi")])?;
//! assert_eq!(db.max_rowid()?, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod fill;
mod noise;
mod row;
mod writer;

use std::{path::Path, time::Duration};

use fastrand::Rng;
use rusqlite::{Connection, Result, params};

pub use self::{
    fill::{Truth, Turn, fill},
    row::Row,
    writer::{Tick, TraceWriter},
};

/// What Codex calls the database, in its home directory.
pub const FILE_NAME: &str = "logs_2.sqlite";

/// How long a writer waits for another, as in Codex.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
CREATE TABLE logs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    ts INTEGER NOT NULL,
    ts_nanos INTEGER NOT NULL,
    level TEXT NOT NULL,
    target TEXT NOT NULL,
    feedback_log_body TEXT,
    module_path TEXT,
    file TEXT,
    line INTEGER,
    thread_id TEXT,
    process_uuid TEXT,
    estimated_bytes INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX idx_logs_ts ON logs(ts DESC, ts_nanos DESC, id DESC);
CREATE INDEX idx_logs_thread_id ON logs(thread_id);
CREATE INDEX idx_logs_process_uuid ON logs(process_uuid);
CREATE INDEX idx_logs_thread_id_ts ON logs(thread_id, ts DESC, ts_nanos DESC, id DESC);
CREATE INDEX idx_logs_process_uuid_threadless_ts
    ON logs(process_uuid, ts DESC, ts_nanos DESC, id DESC) WHERE thread_id IS NULL;
";

/// All rows are written by one process.
const PROCESS: &str = "pid:4711:0198f2b6-0b1e-4c55-9f0d-6f2f1f6f9f11";

const INSERT: &str = "
INSERT INTO logs (ts, ts_nanos, level, target, feedback_log_body, module_path, file, line,
    thread_id, process_uuid, estimated_bytes)
VALUES (?1, ?2, ?3, ?4, ?5, ?4, ?6, ?7, ?8, ?9, ?10)";

/// The newest rows of a thread that fit into a number of bytes stay.
const PRUNE_THREAD: &str = "
DELETE FROM logs WHERE id IN (
    SELECT id FROM (
        SELECT id, sum(estimated_bytes) OVER (ORDER BY ts DESC, ts_nanos DESC, id DESC) AS newer
        FROM logs WHERE thread_id = ?1
    ) WHERE ?2 < newer)";

/// The same for the rows of this process that belong to no thread.
const PRUNE_THREADLESS: &str = "
DELETE FROM logs WHERE id IN (
    SELECT id FROM (
        SELECT id, sum(estimated_bytes) OVER (ORDER BY ts DESC, ts_nanos DESC, id DESC) AS newer
        FROM logs WHERE thread_id IS NULL AND process_uuid = ?1
    ) WHERE ?2 < newer)";

/// A trace database that is open for writing: write-ahead log, `synchronous = NORMAL`.
#[derive(Debug)]
pub struct TraceDb {
    connection: Connection,
    /// Rows of one second follow each other by this.
    nanos: i64,
}

impl TraceDb {
    /// Creates the database, with the tables and indexes of Codex. Its directory has to exist,
    /// and the database must not.
    pub fn create(path: &Path) -> Result<Self> {
        let db = Self::open(path)?;
        db.connection.execute_batch(SCHEMA)?;
        Ok(db)
    }

    /// Opens a database to go on with it.
    pub fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        Ok(Self { connection, nanos: 0 })
    }

    /// Appends a batch in one transaction.
    pub fn insert(&mut self, rows: &[Row]) -> Result<()> {
        self.insert_and_prune(rows, &[], i64::MAX)?;
        Ok(())
    }

    /// Deletes the rows before a time in seconds since the Unix epoch, and says how many.
    pub fn prune_before(&mut self, ts: i64) -> Result<usize> {
        self.connection.execute("DELETE FROM logs WHERE ts < ?1", [ts])
    }

    /// Deletes the oldest rows of a thread, so that what remains has at most so many bytes, and
    /// says how many rows went.
    pub fn prune_thread(&mut self, thread: &str, max_bytes: i64) -> Result<usize> {
        self.connection.execute(PRUNE_THREAD, params![thread, max_bytes])
    }

    /// Deletes rows in one transaction, and says how many there were.
    pub fn delete_rows(&mut self, rowids: &[i64]) -> Result<usize> {
        let transaction = self.connection.transaction()?;
        let mut deleted = 0;
        {
            let mut delete = transaction.prepare("DELETE FROM logs WHERE id = ?1")?;
            for rowid in rowids {
                deleted += delete.execute([rowid])?;
            }
        }
        transaction.commit()?;
        Ok(deleted)
    }

    /// Replaces what a row says, and nothing else of it. Codex never does this.
    pub fn replace_body(&mut self, rowid: i64, body: &str) -> Result<usize> {
        self.connection
            .execute("UPDATE logs SET feedback_log_body = ?2 WHERE id = ?1", params![rowid, body])
    }

    /// The largest id of the rows that there are, 0 without any.
    pub fn max_rowid(&self) -> Result<i64> {
        self.connection.query_row("SELECT ifnull(max(id), 0) FROM logs", [], |row| row.get(0))
    }

    /// How many rows there are.
    pub fn count(&self) -> Result<i64> {
        self.connection.query_row("SELECT count(*) FROM logs", [], |row| row.get(0))
    }

    /// Appends a batch and, in the same transaction, brings each of `threads` (`None` for the
    /// rows without a thread) down to `max_bytes`. Says how many rows went.
    fn insert_and_prune(
        &mut self,
        rows: &[Row],
        threads: &[Option<String>],
        max_bytes: i64,
    ) -> Result<usize> {
        let transaction = self.connection.transaction()?;
        let mut pruned = 0;
        {
            let mut insert = transaction.prepare(INSERT)?;
            for row in rows {
                // A prime near 1/128 s, so that equal seconds still have an order.
                self.nanos = (self.nanos + 7_812_503) % 1_000_000_000;
                let (level, target, file) = row.origin();
                let bytes = row.body.len() + level.len() + 2 * target.len() + file.len();
                insert.execute(params![
                    row.ts,
                    self.nanos,
                    level,
                    target,
                    row.body,
                    file,
                    117,
                    row.thread,
                    PROCESS,
                    i64::try_from(bytes).unwrap_or(i64::MAX),
                ])?;
            }
            for thread in threads {
                pruned += match thread {
                    Some(thread) => {
                        transaction.prepare(PRUNE_THREAD)?.execute(params![thread, max_bytes])?
                    }
                    None => transaction
                        .prepare(PRUNE_THREADLESS)?
                        .execute(params![PROCESS, max_bytes])?,
                };
            }
        }
        transaction.commit()?;
        Ok(pruned)
    }
}

/// An id that looks like those of Codex, which begin with the time.
fn uuid(rng: &mut Rng, ts: i64) -> String {
    let millis = ts * 1_000 + rng.i64(0..1_000);
    format!(
        "{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}",
        (millis >> 16) & 0xffff_ffff,
        millis & 0xffff,
        rng.u16(..0x1000),
        0x8000 | rng.u16(..0x4000),
        rng.u64(..1 << 48)
    )
}

#[cfg(test)]
mod tests;
