//! Codex's trace database: the table `logs`, of which three columns are read.

use std::path::{Path, PathBuf};

use common_fs::FileId;
use rusqlite::{
    Connection, Error, OptionalExtension as _, Statement, Transaction, types::ValueRef,
};

use super::problem;
use crate::{
    DbProblem,
    trace::{Ends, OnRow, Row, RowId, RowTime, Since, TraceDb, TraceView},
};

const ROWS: &str = "select rowid, ts, feedback_log_body from logs \
    where rowid > ?1 and rowid <= ?2 order by rowid";
const LAST_UNTIL: &str = "select rowid, ts, feedback_log_body from logs \
    where rowid <= ?1 order by rowid desc limit 1";
const ENDS: &str = "select (select min(rowid) from logs), (select max(rowid) from logs)";
/// What `autoincrement` has given out last; the table is there if any table has that.
const SEQUENCE: &str = "select seq from sqlite_sequence where name = 'logs'";
const EXISTS: &str = "select 1 from logs where rowid = ?1";
const INDEX: &str = "select 1 from sqlite_master where type = 'index' and tbl_name = 'logs' and name = 'idx_logs_ts'";
const FIRST_SINCE: &str = "select min(rowid) from logs indexed by idx_logs_ts where ts >= ?1";
const EARLIEST: &str = "select ts from logs indexed by idx_logs_ts order by ts limit 1";

pub(super) struct Trace {
    path: PathBuf,
    connection: Connection,
    file: FileId,
}

pub(super) fn open(path: &Path) -> Result<Trace, DbProblem> {
    let (connection, file) = super::open(path)?;
    Ok(Trace { path: path.to_owned(), connection, file })
}

impl TraceDb for Trace {
    fn file(&self) -> FileId {
        self.file
    }

    fn view(&mut self) -> Result<Box<dyn TraceView + '_>, DbProblem> {
        // Deferred: the first statement takes the view.
        let transaction = self.connection.unchecked_transaction();
        let transaction = transaction.map_err(|error| problem::of(&self.path, error))?;
        Ok(Box::new(View { path: &self.path, transaction }))
    }
}

struct View<'t> {
    path: &'t Path,
    /// Ends with the view, without anything to be undone.
    transaction: Transaction<'t>,
}

impl View<'_> {
    fn read<R>(&self, read: impl FnOnce(&Connection) -> Result<R, Error>) -> Result<R, DbProblem> {
        read(&self.transaction).map_err(|error| problem::of(self.path, error))
    }
}

impl TraceView for View<'_> {
    fn ends(&mut self) -> Result<Ends, DbProblem> {
        self.read(|db| {
            let ends = |row: &rusqlite::Row<'_>| {
                Ok((row.get::<_, Option<RowId>>(0)?, row.get::<_, Option<RowId>>(1)?))
            };
            let (first, last) = db.query_row(ENDS, [], ends)?;
            // Without the table, or with something else in it, the last row has to do.
            let given = db.query_row(SEQUENCE, [], |row| row.get::<_, RowId>(0)).ok();
            let last = last.max(given).unwrap_or(0);
            Ok(Ends { first: first.unwrap_or(last), last })
        })
    }

    fn since(&mut self, since: i64) -> Result<Since, DbProblem> {
        self.read(|db| {
            if db.query_row(INDEX, [], |_| Ok(())).optional()?.is_none() {
                return Ok(Since::default());
            }
            let first = db.query_row(FIRST_SINCE, [since], |row| row.get(0))?;
            let earliest = db.query_row(EARLIEST, [], |row| row.get(0)).optional();
            // Text, if somebody has written some.
            Ok(Since { first, earliest: earliest.ok().flatten() })
        })
    }

    fn rows(&mut self, after: RowId, until: RowId, on_row: OnRow<'_>) -> Result<(), DbProblem> {
        self.read(|db| visit(&mut db.prepare(ROWS)?, [after, until], on_row))
    }

    fn last_until(&mut self, until: RowId, on_row: OnRow<'_>) -> Result<(), DbProblem> {
        self.read(|db| visit(&mut db.prepare(LAST_UNTIL)?, [until], on_row))
    }

    fn missing(&mut self, rows: &mut dyn Iterator<Item = RowId>) -> Result<Vec<RowId>, DbProblem> {
        self.read(|db| {
            let mut exists = db.prepare(EXISTS)?;
            let mut missing = Vec::new();
            for row in rows {
                if !exists.exists([row])? {
                    missing.push(row);
                }
            }
            Ok(missing)
        })
    }
}

fn visit(
    statement: &mut Statement<'_>,
    bounds: impl rusqlite::Params,
    on_row: OnRow<'_>,
) -> Result<(), Error> {
    let mut rows = statement.query(bounds)?;
    while let Some(row) = rows.next()? {
        let at = match row.get_ref(1)? {
            ValueRef::Integer(seconds) => RowTime::Seconds(seconds),
            #[expect(clippy::cast_possible_truncation, reason = "`as` saturates")]
            ValueRef::Real(seconds) => RowTime::Seconds(seconds as i64),
            ValueRef::Text(text) => RowTime::Text(String::from_utf8_lossy(text).into_owned()),
            // Before all times.
            ValueRef::Null | ValueRef::Blob(_) => RowTime::Seconds(i64::MIN),
        };
        let body = match row.get_ref(2)? {
            ValueRef::Text(body) | ValueRef::Blob(body) => body,
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => &[],
        };
        if on_row(&Row { id: row.get(0)?, at, body }).is_break() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// steipete/CodexBar: `CostUsageScannerCodexPriorityTests`, query plans.
    #[test]
    fn no_query_looks_at_more_than_it_has_to() {
        let db = Connection::open_in_memory().unwrap();
        db.execute_batch(
            "create table logs (id integer primary key autoincrement, ts integer not null, \
             feedback_log_body text);
             create index idx_logs_ts on logs(ts desc, id desc);",
        )
        .unwrap();
        let by_row = "USING INTEGER PRIMARY KEY";
        for (query, expected) in [
            (ROWS, by_row),
            (LAST_UNTIL, by_row),
            (EXISTS, by_row),
            (FIRST_SINCE, "USING COVERING INDEX idx_logs_ts (ts>?)"),
            (EARLIEST, "USING COVERING INDEX idx_logs_ts"),
        ] {
            let mut statement = db.prepare(&format!("explain query plan {query}")).unwrap();
            let parameters = vec![1; statement.parameter_count()];
            let plan = statement
                .query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>(3))
                .unwrap();
            let plan = plan.map(Result::unwrap).collect::<Vec<String>>().join("; ");
            assert!(plan.contains(expected) && !plan.contains("TEMP B-TREE"), "{query}: {plan}");
        }
    }
}
