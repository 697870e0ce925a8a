use std::ops::ControlFlow;

use xxhash_rust::xxh3::Xxh3Default;

use super::{Row, RowId, RowTime, TraceView};
use crate::DbProblem;

/// How many rows are remembered by their content, spread over all. Codex deletes rows from
/// everywhere, so that some of them go; one that has changed is enough to tell another database.
pub(super) const ANCHORS: i64 = 8;

/// A row by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) row: RowId,
    pub(super) hash: u64,
}

impl Anchor {
    fn of(row: &Row<'_>) -> Self {
        let mut hash = Xxh3Default::new();
        match &row.at {
            RowTime::Seconds(seconds) => hash.update(&seconds.to_le_bytes()),
            RowTime::Text(text) => hash.update(text.as_bytes()),
        }
        hash.update(b"\n");
        hash.update(row.body);
        Self { row: row.id, hash: hash.digest() }
    }
}

/// What the anchors say of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchored {
    /// Some rows are as they were, and none is not.
    Same,
    /// A row has another content.
    Other,
    /// All of them are gone.
    Unclear,
}

pub(super) fn check(view: &mut dyn TraceView, anchors: &[Anchor]) -> Result<Anchored, DbProblem> {
    let mut anchored = Anchored::Unclear;
    for anchor in anchors {
        let mut found = None;
        view.rows(anchor.row.saturating_sub(1), anchor.row, &mut |row| {
            found = Some(Anchor::of(row));
            ControlFlow::Break(())
        })?;
        match found {
            Some(found) if found != *anchor => return Ok(Anchored::Other),
            Some(_) => anchored = Anchored::Same,
            None => (),
        }
    }
    Ok(anchored)
}

/// Anchors in a database, between two rows.
pub(super) fn drop_anchors(
    view: &mut dyn TraceView,
    first: RowId,
    last: RowId,
) -> Result<Vec<Anchor>, DbProblem> {
    let mut anchors: Vec<Anchor> = Vec::new();
    let span = i128::from(last) - i128::from(first);
    for nth in 1..=ANCHORS {
        let at = i128::from(first) + span * i128::from(nth) / i128::from(ANCHORS);
        let at = RowId::try_from(at).unwrap_or(last);
        view.last_until(at, &mut |row| {
            if anchors.last().is_none_or(|anchor| anchor.row < row.id) {
                anchors.push(Anchor::of(row));
            }
            ControlFlow::Break(())
        })?;
    }
    Ok(anchors)
}
