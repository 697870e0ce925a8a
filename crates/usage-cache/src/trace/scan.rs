//! Bringing a memo up to date with its database.

use std::ops::ControlFlow;

use common_fs::FileId;

use super::{
    Ends, Memo, Row, RowId, TraceDb, TraceView,
    anchor::{self, Anchored},
};
use crate::DbProblem;

/// What a scan is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanRequest {
    /// Rows from this second of the Unix epoch on matter; all if it is not positive.
    pub since: i64,
    /// Whether to forget what is known and look at everything again.
    pub force: bool,
}

impl ScanRequest {
    /// All rows, of which only the new ones are looked at.
    pub const ALL: Self = Self { since: 0, force: false };
}

/// What a scan did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScanWork {
    /// Rows that were looked at.
    pub rows: u64,
    /// The bytes of their texts.
    pub bytes: u64,
    /// Why what was known before did not count.
    pub restarted: Option<Restart>,
    /// Whether the caller broke off.
    pub interrupted: bool,
}

/// Why a scan begins with the first row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// Nothing was known.
    New,
    /// It was asked for.
    Forced,
    /// Another file is in the place of the database.
    Replaced,
    /// The last row has a lower number than one that was read.
    Truncated,
    /// A row has another content.
    Rewritten,
    /// All rows that could tell are gone.
    Unclear,
    /// Rows of an earlier time are asked for.
    Widened,
}

impl Restart {
    const ALL: [Self; 7] = [
        Self::New,
        Self::Forced,
        Self::Replaced,
        Self::Truncated,
        Self::Rewritten,
        Self::Unclear,
        Self::Widened,
    ];

    pub(super) fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|restart| restart.word() == word)
    }

    /// One word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Forced => "forced",
            Self::Replaced => "replaced",
            Self::Truncated => "truncated",
            Self::Rewritten => "rewritten",
            Self::Unclear => "unclear",
            Self::Widened => "widened",
        }
    }
}

/// How far a scan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanProgress {
    /// The row before the first that was looked at,
    pub from: RowId,
    /// the last row that was,
    pub row: RowId,
    /// and the last that there was when the scan began to look at this part.
    pub last: RowId,
}

/// Told how far a scan is; may break it off, and what was read is kept.
pub type OnScan<'p> = &'p mut dyn FnMut(ScanProgress) -> ControlFlow<()>;

/// A database is read in parts of about so many bytes of text, each from a view of its own: as
/// long as a view is held, the writer's log cannot be checkpointed.
const PART_BYTES: u64 = 64 * 1024 * 1024;
/// Rows without a text have a size, too.
const ROW_BYTES: u64 = 64;

/// Scans what is new in a database.
///
/// The memo takes in each part whole or not at all, so what it knows holds even where a problem
/// ends the scan.
pub fn scan(
    db: &mut dyn TraceDb,
    memo: &mut Memo,
    request: ScanRequest,
    on_scan: OnScan<'_>,
) -> (ScanWork, Result<(), DbProblem>) {
    let mut work = ScanWork::default();
    let mut first = true;
    loop {
        let part = Part { file: db.file(), request, begins: first };
        match part.scan(db, memo, &mut work) {
            Ok(None) => return (work, Ok(())),
            Ok(Some(progress)) => {
                if on_scan(progress).is_break() {
                    work.interrupted = true;
                    return (work, Ok(()));
                }
            }
            Err(problem) => return (work, Err(problem)),
        }
        first = false;
    }
}

/// A part of a scan.
struct Part {
    file: FileId,
    request: ScanRequest,
    /// Whether what is known has to be held against the database first.
    begins: bool,
}

impl Part {
    /// Returns how far it came, if there is more to be scanned.
    fn scan(
        &self,
        db: &mut dyn TraceDb,
        memo: &mut Memo,
        work: &mut ScanWork,
    ) -> Result<Option<ScanProgress>, DbProblem> {
        let mut view = db.view()?;
        let view = view.as_mut();
        let Ends { first, last } = view.ends()?;
        let mut next = memo.clone();
        let mut restarted = work.restarted;
        if self.begins {
            restarted = self.restart(view, &mut next, last)?;
            if restarted.is_some() {
                next = Memo::new(self.request.since);
                next.cursor =
                    first_row(view, self.request.since)?.map_or(0, |row| row.saturating_sub(1));
            }
            next.file = Some(self.file);
        }
        let from = next.cursor;
        let (mut rows, mut bytes, mut is_done) = (0, 0, true);
        view.rows(from, last, &mut |row: &Row<'_>| {
            if row.at.is_since(next.since) {
                next.observe(row.id, &row.at, row.body);
            }
            next.cursor = row.id;
            rows += 1;
            bytes += row.body.len() as u64;
            is_done = bytes + rows * ROW_BYTES < PART_BYTES;
            if is_done { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        is_done |= next.cursor == last;
        if is_done {
            // The last rows of all may have been deleted.
            next.cursor = next.cursor.max(last);
            let missing = view.missing(&mut next.rows())?;
            next.forget(&missing.into_iter().collect());
        }
        let moved = restarted != work.restarted || next.cursor != memo.cursor;
        if moved || next.anchors.is_empty() {
            next.anchors = anchor::drop_anchors(view, first, next.cursor)?;
        }
        let row = next.cursor;
        *memo = next;
        work.restarted = restarted;
        work.rows += rows;
        work.bytes += bytes;
        Ok((!is_done).then_some(ScanProgress { from, row, last }))
    }

    /// Why what is known does not count, if it does not. What is known of fewer rows than are
    /// asked for counts if there are no others.
    fn restart(
        &self,
        view: &mut dyn TraceView,
        memo: &mut Memo,
        last: RowId,
    ) -> Result<Option<Restart>, DbProblem> {
        let Some(file) = memo.file else { return Ok(Some(Restart::New)) };
        if self.request.force {
            return Ok(Some(Restart::Forced));
        }
        if file != self.file {
            return Ok(Some(Restart::Replaced));
        }
        if last < memo.cursor {
            return Ok(Some(Restart::Truncated));
        }
        match anchor::check(view, &memo.anchors)? {
            Anchored::Same => (),
            Anchored::Other => return Ok(Some(Restart::Rewritten)),
            // An empty database has no anchors, and nothing to be looked at again.
            Anchored::Unclear if memo.cursor == 0 => (),
            Anchored::Unclear => return Ok(Some(Restart::Unclear)),
        }
        if self.request.since.max(0) < memo.since.max(0) {
            let earliest = view.since(memo.since)?.earliest;
            if earliest.is_none_or(|earliest| earliest < memo.since) {
                return Ok(Some(Restart::Widened));
            }
            memo.since = self.request.since;
        }
        Ok(None)
    }
}

/// Where to begin; `None` for the first row.
fn first_row(view: &mut dyn TraceView, since: i64) -> Result<Option<RowId>, DbProblem> {
    if since <= 0 { Ok(None) } else { Ok(view.since(since)?.first) }
}
