use std::{ops::ControlFlow, path::PathBuf};

use common_fs::FileId;

/// The number of a row. Codex never uses one again; those of later rows are higher.
pub type RowId = i64;

/// When a row was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowTime {
    /// In seconds of the Unix epoch, which is what Codex writes.
    Seconds(i64),
    /// As text.
    Text(String),
}

impl RowTime {
    /// As CodexBar keeps it.
    pub(super) fn to_text(&self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::Text(text) => text.clone(),
        }
    }

    pub(super) fn from_text(text: &str) -> Self {
        match text.parse() {
            Ok(seconds) => Self::Seconds(seconds),
            Err(_) => Self::Text(text.to_owned()),
        }
    }

    /// Whether it is not before a time. SQLite sorts text after numbers.
    pub(super) fn is_since(&self, since: i64) -> bool {
        match self {
            Self::Seconds(seconds) => since <= *seconds,
            Self::Text(_) => true,
        }
    }
}

/// A row of the log. Nothing of it may be kept for longer than it is looked at, except by
/// [`Memo`](super::Memo).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'r> {
    /// Its number.
    pub id: RowId,
    /// Its time.
    pub at: RowTime,
    /// Its text; empty if it has none.
    pub body: &'r [u8],
}

/// A trace database that is open.
pub trait TraceDb {
    /// Which file that is.
    fn file(&self) -> FileId;

    /// The database as it is now, and does not change while this is held. It should not be held
    /// for long: what others write meanwhile piles up.
    fn view(&mut self) -> Result<Box<dyn TraceView + '_>, DbProblem>;
}

/// Told of each row; may break off.
pub type OnRow<'v> = &'v mut dyn FnMut(&Row<'_>) -> ControlFlow<()>;

/// A trace database as it was at some time.
pub trait TraceView {
    /// Which rows there are.
    fn ends(&mut self) -> Result<Ends, DbProblem>;

    /// What an index by time tells of the rows that are not before `since`, in seconds of the
    /// Unix epoch; nothing without one.
    fn since(&mut self, since: i64) -> Result<Since, DbProblem>;

    /// Visits rows in order: all after `after`, up to `until`.
    fn rows(&mut self, after: RowId, until: RowId, on_row: OnRow<'_>) -> Result<(), DbProblem>;

    /// Visits the last row up to `until`, if there is one.
    fn last_until(&mut self, until: RowId, on_row: OnRow<'_>) -> Result<(), DbProblem>;

    /// Which of some rows are not there.
    fn missing(&mut self, rows: &mut dyn Iterator<Item = RowId>) -> Result<Vec<RowId>, DbProblem>;
}

/// Between which numbers there are rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// The number of the first row.
    pub first: RowId,
    /// The last number that was ever given to a row, which may have been deleted since; zero if
    /// there never was one.
    pub last: RowId,
}

/// What an index by time tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Since {
    /// The first row, by number, of those that are not before the time.
    pub first: Option<RowId>,
    /// The earliest time of all rows, in seconds of the Unix epoch.
    pub earliest: Option<i64>,
}

/// Why a database cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {}", path.display(), kind.in_words())]
pub struct DbProblem {
    /// The database.
    pub path: PathBuf,
    /// What is the matter.
    pub kind: DbProblemKind,
    /// What SQLite or the file system says.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// What can be the matter with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DbProblemKind {
    /// Another process has it locked.
    Busy,
    /// There is none.
    Missing,
    /// It is damaged, or no database.
    Corrupt,
    /// It has not the tables and columns that it should have.
    SchemaUnknown,
    /// It, or the directory that it is in, must not be read.
    NoPermission,
}

impl DbProblemKind {
    /// One word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Missing => "missing",
            Self::Corrupt => "corrupt",
            Self::SchemaUnknown => "schema_unknown",
            Self::NoPermission => "no_permission",
        }
    }

    /// The same for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Busy => "another process has it locked",
            Self::Missing => "there is no such file",
            Self::Corrupt => "it is damaged, or no database",
            Self::SchemaUnknown => "it has other tables than those that are known",
            Self::NoPermission => "it must not be read",
        }
    }
}
