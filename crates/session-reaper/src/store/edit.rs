//! Rows taken out of a store and put back, without a change to any other byte.
//!
//! Between two rows there is a gap: white space, a comma, white space; before the first and
//! behind the last there is one without a comma. A row that is taken out remembers the gaps on
//! both sides. When it goes back it brings both along, so that the gaps are in the end what they
//! were, in whatever order rows go back.

use std::{collections::BTreeSet, ops::Range};

use serde::{Deserialize, Serialize};

use super::{Store, StoreRow};

/// A row that was taken out, with all that is needed to put it back where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// The member as it stood, from the quote of its key to the end of its value.
    pub member: String,
    /// What stood between it and the row before it, or the opening brace.
    pub gap_before: String,
    /// What stood between it and the row behind it, or the closing brace.
    pub gap_behind: String,
    /// The key of the row before it; `None` for the first.
    pub after: Option<String>,
}

/// Where a row goes back to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position<'k> {
    /// Before all others.
    First,
    /// Right behind this one.
    After(&'k str),
}

impl<'t> Store<'t> {
    /// What has to be kept of a row that is going to be taken out.
    pub fn removed(&self, row: &StoreRow<'t>) -> Removed {
        let nth = self.index_of(&row.key).unwrap_or_default();
        let before = nth.checked_sub(1).and_then(|nth| self.rows.get(nth));
        Removed {
            member: self.member(row).to_owned(),
            gap_before: self.slice(self.gap(nth)).to_owned(),
            gap_behind: self.slice(self.gap(nth + 1)).to_owned(),
            after: before.map(|row| row.key.to_string()),
        }
    }

    /// The gap before row `nth`; that behind the last has the number of rows for its number.
    fn gap(&self, nth: usize) -> Range<usize> {
        let before = nth.checked_sub(1).and_then(|nth| self.rows.get(nth));
        let begin = before.map_or(self.body.start, |row| row.member.end);
        begin..self.rows.get(nth).map_or(self.body.end, |row| row.member.start)
    }
}

/// The pieces of the text without the rows of these keys, in order.
///
/// To be written one after the other, so that a large store is never in memory twice.
pub fn without<'t>(store: &Store<'t>, keys: &BTreeSet<&str>) -> Vec<&'t str> {
    let rows = store.rows();
    let mut pieces = vec![store.slice(0..store.body.start)];
    let mut kept_before = None;
    for (nth, row) in rows.iter().enumerate() {
        if keys.contains(row.key.as_ref()) {
            continue;
        }
        match kept_before.replace(nth) {
            None => pieces.push(store.slice(store.gap(0))),
            // The space of either side of what was between them.
            Some(before) => {
                let (trail, _) = halves(store.slice(store.gap(before + 1)));
                let (_, lead) = halves(store.slice(store.gap(nth)));
                pieces.extend([trail, ",", lead]);
            }
        }
        pieces.push(store.member(row));
    }
    let closing = store.gap(rows.len()).start;
    pieces.push(store.slice(closing..store.text.len()));
    pieces
}

/// What is before and behind the comma of a gap.
fn halves(gap: &str) -> (&str, &str) {
    gap.split_once(',').unwrap_or(("", gap))
}

/// The pieces of the text with a row that was taken out.
pub fn insert<'a>(store: &'a Store<'_>, removed: &'a Removed, at: &Position<'_>) -> Vec<&'a str> {
    let nth = match at {
        Position::First => 0,
        Position::After(key) => store.index_of(key).map_or(0, |nth| nth + 1),
    };
    let (is_first, is_last) = (nth == 0, nth == store.rows.len());
    let now = store.gap(nth);
    let (before, behind) = (removed.gap_before.as_str(), removed.gap_behind.as_str());
    let mut pieces = vec![store.slice(0..now.start)];
    match (before.split_once(','), is_first) {
        (Some((_, lead)), true) => pieces.push(lead),
        (None, false) => pieces.extend([",", before]),
        (Some(_), false) | (None, true) => pieces.push(before),
    }
    pieces.push(&removed.member);
    // If it has become the last, or is no longer, the gap that is there now is the right one.
    pieces.push(if behind.contains(',') == is_last { store.slice(now.clone()) } else { behind });
    pieces.push(store.slice(now.end..store.text.len()));
    pieces
}
