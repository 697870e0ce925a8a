//! A trace database in memory, with the faults of a real one.

use std::{
    collections::{BTreeMap, HashMap},
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use common_fs::FileId;
use usage_cache::{
    Databases, DbProblem, DbProblemKind, SessionDb,
    trace::{Ends, OnRow, Row, RowId, RowTime, Since, TraceDb, TraceView},
};

/// The databases of a simulated machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logs(Arc<Mutex<HashMap<PathBuf, Result<Log, DbProblemKind>>>>);

/// A database.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    pub(crate) ino: u64,
    pub(crate) rows: BTreeMap<RowId, (i64, String)>,
    /// The last number that was given to a row.
    pub(crate) last: RowId,
    pub(crate) has_index: bool,
    /// Reading fails at this row.
    pub(crate) fails_at: Option<RowId>,
    /// How many rows were read, one after the other.
    pub(crate) visited: u64,
}

impl Default for Log {
    fn default() -> Self {
        let rows = BTreeMap::new();
        Self { ino: 1, rows, last: 0, has_index: true, fails_at: None, visited: 0 }
    }
}

impl Log {
    pub(crate) fn push(&mut self, at: i64, body: impl Into<String>) -> RowId {
        self.last += 1;
        self.rows.insert(self.last, (at, body.into()));
        self.last
    }

    /// Rows that do not matter.
    pub(crate) fn push_many(&mut self, at: i64, rows: usize) {
        for nth in 0..rows {
            self.push(at, noise(nth));
        }
    }

    fn visit(&self, row: RowId, on_row: OnRow<'_>) -> ControlFlow<()> {
        let Some((at, body)) = self.rows.get(&row) else { return ControlFlow::Continue(()) };
        on_row(&Row { id: row, at: RowTime::Seconds(*at), body: body.as_bytes() })
    }
}

impl Logs {
    /// All databases, leaked, as they have to live for as long as the program.
    pub(crate) fn leak() -> &'static Self {
        Box::leak(Box::default())
    }

    pub(crate) fn put(&self, path: &str, log: Result<Log, DbProblemKind>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), log);
    }

    pub(crate) fn with<R>(&self, path: &str, act: impl FnOnce(&mut Log) -> R) -> R {
        let mut logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        act(logs.get_mut(Path::new(path)).unwrap().as_mut().unwrap())
    }
}

fn problem(path: &Path, kind: DbProblemKind) -> DbProblem {
    DbProblem { path: path.to_owned(), kind, source: "a fault".into() }
}

impl Databases for Logs {
    fn open_trace(&self, path: &Path) -> Result<Box<dyn TraceDb>, DbProblem> {
        let logs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match logs.get(path) {
            Some(Ok(_)) => Ok(Box::new(Open { logs: self.clone(), path: path.to_owned() })),
            Some(Err(kind)) => Err(problem(path, *kind)),
            None => Err(problem(path, DbProblemKind::Missing)),
        }
    }

    fn open_sessions(&self, path: &Path) -> Result<Box<dyn SessionDb>, DbProblem> {
        Err(problem(path, DbProblemKind::Missing))
    }
}

struct Open {
    logs: Logs,
    path: PathBuf,
}

impl TraceDb for Open {
    fn file(&self) -> FileId {
        FileId { dev: 1, ino: self.logs.with(self.path.to_str().unwrap(), |log| log.ino) }
    }

    fn view(&mut self) -> Result<Box<dyn TraceView + '_>, DbProblem> {
        let log = self.logs.with(self.path.to_str().unwrap(), |log| log.clone());
        Ok(Box::new(View { log, open: self }))
    }
}

struct View<'o> {
    log: Log,
    open: &'o Open,
}

impl TraceView for View<'_> {
    fn ends(&mut self) -> Result<Ends, DbProblem> {
        let first = self.log.rows.keys().next().copied().unwrap_or(self.log.last);
        Ok(Ends { first, last: self.log.last })
    }

    fn since(&mut self, since: i64) -> Result<Since, DbProblem> {
        if !self.log.has_index {
            return Ok(Since::default());
        }
        let mut later = self.log.rows.iter().filter(|(_, (at, _))| since <= *at);
        let earliest = self.log.rows.values().map(|(at, _)| *at).min();
        Ok(Since { first: later.next().map(|(row, _)| *row), earliest })
    }

    fn rows(&mut self, after: RowId, until: RowId, on_row: OnRow<'_>) -> Result<(), DbProblem> {
        let rows = self.log.rows.range(after + 1..(until + 1).max(after + 1));
        let rows: Vec<RowId> = rows.map(|(row, _)| *row).collect();
        for row in rows {
            if self.log.fails_at == Some(row) {
                return Err(problem(&self.open.path, DbProblemKind::Corrupt));
            }
            self.open.logs.with(self.open.path.to_str().unwrap(), |log| log.visited += 1);
            if self.log.visit(row, on_row).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn last_until(&mut self, until: RowId, on_row: OnRow<'_>) -> Result<(), DbProblem> {
        if let Some((row, _)) = self.log.rows.range(..=until).next_back() {
            let _: ControlFlow<()> = self.log.visit(*row, on_row);
        }
        Ok(())
    }

    fn missing(&mut self, rows: &mut dyn Iterator<Item = RowId>) -> Result<Vec<RowId>, DbProblem> {
        Ok(rows.filter(|row| !self.log.rows.contains_key(row)).collect())
    }
}

/// The text of a request with priority.
pub(crate) fn request(turn: &str, model: &str) -> String {
    format!(
        r#"session_loop{{thread_id=thread-of-{turn}}}:turn{{turn.id={turn}}}: websocket request: {{"type":"response.create","model":"{model}","service_tier":"priority","input":"private text"}}"#
    )
}

/// The text of a request on usual terms.
pub(crate) fn usual_request(turn: &str, model: &str) -> String {
    request(turn, model).replace("priority", "default")
}

/// The text of a complete answer.
pub(crate) fn completed(turn: &str, model: &str) -> String {
    format!(
        r#"turn{{turn.id={turn}}}: websocket event: {{"type":"response.completed","response":{{"model":"{model}","output":"private text"}}}}"#
    )
}

/// The text of something else.
pub(crate) fn noise(nth: usize) -> String {
    format!(
        "turn{{turn.id=other}}: websocket event: {{\"type\":\"response.output_text.delta\",\"delta\":\"private text {nth}\"}}"
    )
}
