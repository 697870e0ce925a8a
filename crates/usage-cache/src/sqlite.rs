//! Databases, read by SQLite itself.
//!
//! Another process is writing to them. So they are opened for reading only, through the
//! write-ahead log, and nothing waits for long or holds a view for longer than it reads.

mod problem;
mod sessions;
mod trace;

use std::{path::Path, time::Duration};

use common_fs::{FileId, FsError, RealFs};
use rusqlite::{Connection, OpenFlags};

use crate::{Databases, DbProblem, DbProblemKind, SessionDb, trace::TraceDb};

/// How long to wait for a lock that another process holds.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);

/// The databases on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Sqlite;

impl Databases for Sqlite {
    fn open_trace(&self, path: &Path) -> Result<Box<dyn TraceDb>, DbProblem> {
        trace::open(path).map(|db| Box::new(db) as Box<dyn TraceDb>)
    }

    fn open_sessions(&self, path: &Path) -> Result<Box<dyn SessionDb>, DbProblem> {
        sessions::open(path).map(|db| Box::new(db) as Box<dyn SessionDb>)
    }
}

/// Opens a database for reading, and says which file it is.
fn open(path: &Path) -> Result<(Connection, FileId), DbProblem> {
    let file = file(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let problem = |error| problem::of(path, error);
    let connection = Connection::open_with_flags(path, flags).map_err(problem)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(problem)?;
    if self::file(path)? != file {
        // It was replaced in between, and nobody can tell which one was opened.
        let source = "another file has just taken its place".into();
        return Err(DbProblem { path: path.to_owned(), kind: DbProblemKind::Busy, source });
    }
    Ok((connection, file))
}

/// What stands at a path, links included.
fn file(path: &Path) -> Result<FileId, DbProblem> {
    let stat = || -> Result<FileId, FsError> {
        let (dir, name) = common_fs::follow_links(&RealFs, path)?;
        Ok(dir.stat(&name)?.id)
    };
    stat().map_err(|error| problem::of_file(path, error))
}
