//! Rows taken out of a store and put back, without a change to any other byte.
//!
//! Between two rows there is a gap: white space, a comma, white space; before the first and
//! behind the last there is one without a comma. A row that is taken out remembers the gaps on
//! both sides. When it goes back it brings both along, so that the gaps are in the end what they
//! were, in whatever order rows go back.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use serde::{Deserialize, Serialize};

use super::{Store, StoreRow};

/// A row that was taken out, with all that is needed to put it back where it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Removed {
    /// Its key.
    pub key: String,
    /// The member as it stood, from the quote of its key to the end of its value.
    pub member: String,
    /// What stood between it and the row before it, or the opening brace.
    pub gap_before: String,
    /// What stood between it and the row behind it, or the closing brace.
    pub gap_behind: String,
    /// The key of the row before it; `None` for the first.
    pub after: Option<String>,
}

impl<'t> Store<'t> {
    /// What has to be kept of a row that is going to be taken out.
    pub fn removed(&self, row: &StoreRow<'t>) -> Removed {
        let nth = self.index_of(&row.key).unwrap_or_default();
        let before = nth.checked_sub(1).and_then(|nth| self.rows.get(nth));
        Removed {
            key: row.key.to_string(),
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

/// The pieces of the text without the rows of which the keys go, in order.
///
/// To be written one after the other, so that a large store is never in memory twice.
pub fn without<'t>(store: &Store<'t>, goes: impl Fn(&str) -> bool) -> Vec<&'t str> {
    let rows = store.rows();
    let mut pieces = vec![store.slice(0..store.body.start)];
    let mut kept_before = None;
    for (nth, row) in rows.iter().enumerate() {
        if goes(row.key.as_ref()) {
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

/// A text with rows put back.
#[derive(Debug, PartialEq, Eq)]
pub struct Inserted<'a> {
    /// The pieces of the text, in order.
    pub pieces: Vec<&'a str>,
    /// The keys that were not put back, as there is a row of that key.
    pub taken: Vec<&'a str>,
}

/// Puts rows that were taken out back into a store.
///
/// A row goes behind the one that it stood behind. If that is not there, but is among `others`, the
/// rows that were taken out at some time, it goes where that one would go; in the last resort, to
/// the beginning.
pub fn insert<'a>(
    store: &'a Store<'_>,
    rows: impl IntoIterator<Item = &'a Removed>,
    others: impl IntoIterator<Item = &'a Removed>,
) -> Inserted<'a> {
    let rows: Vec<&Removed> = rows.into_iter().collect();
    let mut before: HashMap<&str, Option<&str>> = HashMap::new();
    for other in others.into_iter().chain(rows.iter().copied()) {
        before.insert(&other.key, other.after.as_deref());
    }
    let mut sequence = Sequence::of(store);
    let mut taken = Vec::new();
    for row in rows {
        if sequence.by_key.contains_key(row.key.as_str()) {
            taken.push(row.key.as_str());
        } else {
            let after = sequence.nearest(row.after.as_deref(), &before);
            sequence.insert(row, after);
        }
    }
    Inserted { pieces: sequence.pieces(), taken }
}

/// A row in a sequence, and the gap that follows it.
struct Node<'a> {
    member: &'a str,
    gap_behind: [&'a str; 2],
    next: Option<usize>,
}

/// The rows of a store as a list into which others can be put. Its first node is the opening brace,
/// with all that is before it.
struct Sequence<'a> {
    nodes: Vec<Node<'a>>,
    by_key: HashMap<&'a str, usize>,
    closing: &'a str,
}

impl<'a> Sequence<'a> {
    const HEAD: usize = 0;

    fn of(store: &'a Store<'_>) -> Self {
        let count = store.rows.len();
        let mut nodes = Vec::with_capacity(count + 1);
        let mut by_key = HashMap::with_capacity(count);
        let head = store.slice(0..store.body.start);
        for nth in 0..=count {
            let member = match nth.checked_sub(1).and_then(|nth| store.rows.get(nth)) {
                Some(row) => {
                    by_key.insert(row.key.as_ref(), nth);
                    store.member(row)
                }
                None => head,
            };
            let gap_behind = [store.slice(store.gap(nth)), ""];
            nodes.push(Node {
                member,
                gap_behind,
                next: Some(nth + 1).filter(|nth| *nth <= count),
            });
        }
        Self { nodes, by_key, closing: store.slice(store.body.end..store.text.len()) }
    }

    /// Where a row goes that stood behind the row `after`.
    fn nearest<'k>(
        &self,
        mut after: Option<&'k str>,
        before: &HashMap<&'k str, Option<&'k str>>,
    ) -> usize {
        let mut seen = HashSet::new();
        while let Some(key) = after.filter(|key| seen.insert(*key)) {
            if let Some(nth) = self.by_key.get(key) {
                return *nth;
            }
            after = before.get(key).copied().flatten();
        }
        Self::HEAD
    }

    fn insert(&mut self, row: &'a Removed, after: usize) {
        let fresh = self.nodes.len();
        let Some(predecessor) = self.nodes.get_mut(after) else { return };
        let (is_first, is_last) = (after == Self::HEAD, predecessor.next.is_none());
        let now = predecessor.gap_behind;
        let (before, behind) = (row.gap_before.as_str(), row.gap_behind.as_str());
        predecessor.gap_behind = match (before.split_once(','), is_first) {
            (Some((_, lead)), true) => [lead, ""],
            (None, false) => [",", before],
            (Some(_), false) | (None, true) => [before, ""],
        };
        // If it has become the last, or is no longer, the gap that is there now is the right one.
        let gap_behind = if behind.contains(',') == is_last { now } else { [behind, ""] };
        let next = predecessor.next.replace(fresh);
        self.nodes.push(Node { member: &row.member, gap_behind, next });
        self.by_key.insert(&row.key, fresh);
    }

    fn pieces(&self) -> Vec<&'a str> {
        let mut pieces = Vec::with_capacity(3 * self.nodes.len() + 1);
        let mut at = Some(Self::HEAD);
        while let Some(node) = at.and_then(|at| self.nodes.get(at)) {
            pieces.push(node.member);
            pieces.extend(node.gap_behind);
            at = node.next;
        }
        pieces.push(self.closing);
        pieces
    }
}
