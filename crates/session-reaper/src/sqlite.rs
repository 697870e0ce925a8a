//! OpenClaw's database of sessions (schema version 23), read by SQLite itself.
//!
//! Another process is writing to it: it is opened for reading only, through the write-ahead log, never
//! `immutable` and never as a copy, and everything is read in one view.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, Error, OpenFlags};

use crate::{Database, DatabaseArchive, DatabaseSession};

/// How long to wait for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

const SESSIONS: &str = "select w.session_key, w.session_id, w.status, w.updated_at, w.ended_at \
    from session_windows w left join session_nodes n on n.session_key = w.session_key \
    order by w.session_key, n.current_session_id is not w.session_id, w.session_id";
const EVENTS: &str = "select session_id, count(*), \
    sum(coalesce(octet_length(event_json), 0) + coalesce(octet_length(event_zstd), 0)) \
    from transcript_events group by session_id";
/// The table is made when it is first needed.
const HAS_ARCHIVES: &str = "select 1 from sqlite_master \
    where type = 'table' and name = 'session_transcript_archives'";
const ARCHIVES: &str = "select session_id, archive_name, octet_length(archive_blob), \
    published_at is not null from session_transcript_archives order by archive_name";

/// Why a database could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the database `{}`", path.display())]
pub struct DatabaseError {
    /// The database.
    pub path: PathBuf,
    /// What SQLite says.
    #[source]
    pub source: Error,
}

/// Reads what a database has of sessions.
pub fn read_database(path: &Path) -> Result<Database, DatabaseError> {
    let read = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        // The first statement takes the view, and it ends without anything to undo.
        let view = connection.unchecked_transaction()?;
        Ok(Database { sessions: sessions(&view)?, archives: archives(&view)? })
    };
    read().map_err(|source| DatabaseError { path: path.to_owned(), source })
}

fn sessions(db: &Connection) -> Result<Vec<DatabaseSession>, Error> {
    let mut events: HashMap<String, (i64, i64)> = HashMap::new();
    let mut statement = db.prepare(EVENTS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        events.insert(row.get(0)?, (row.get(1)?, row.get(2)?));
    }
    let mut statement = db.prepare(SESSIONS)?;
    let sessions = statement.query_map([], |row| {
        let id: String = row.get(1)?;
        let (count, bytes) = events.get(&id).copied().unwrap_or_default();
        Ok(DatabaseSession {
            key: row.get(0)?,
            id,
            status: row.get(2)?,
            updated_ms: row.get(3)?,
            ended_ms: row.get(4)?,
            events: count.unsigned_abs(),
            size_bytes: bytes.unsigned_abs(),
        })
    })?;
    sessions.collect()
}

fn archives(db: &Connection) -> Result<Vec<DatabaseArchive>, Error> {
    if !db.prepare(HAS_ARCHIVES)?.exists([])? {
        return Ok(Vec::new());
    }
    let mut statement = db.prepare(ARCHIVES)?;
    let archives = statement.query_map([], |row| {
        Ok(DatabaseArchive {
            session: row.get(0)?,
            name: row.get(1)?,
            size_bytes: row.get::<_, Option<i64>>(2)?.unwrap_or_default().unsigned_abs(),
            is_published: row.get(3)?,
        })
    })?;
    archives.collect()
}
