use std::ops::ControlFlow;

use common_fs::FileId;

use crate::DbProblem;

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
