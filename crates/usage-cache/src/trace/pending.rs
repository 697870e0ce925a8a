use std::collections::{BTreeMap, HashMap, HashSet};

use super::RowId;

/// Completed answers by row: the model of each.
pub(super) type Completions = BTreeMap<RowId, String>;

/// Completed answers of turns that nobody has asked priority for, so far: the request may be in
/// a later row. The turn that came first is forgotten first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pending {
    turns_max: usize,
    by_turn: HashMap<String, (u64, Completions)>,
    /// The turns in the order in which they came.
    order: BTreeMap<u64, String>,
    next: u64,
}

impl Pending {
    pub(super) fn new(turns_max: usize) -> Self {
        Self { turns_max, by_turn: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    /// Adds an answer; a turn that is known keeps its place.
    pub(super) fn add(&mut self, turn: &str, row: RowId, model: String) {
        if let Some((_, completions)) = self.by_turn.get_mut(turn) {
            completions.insert(row, model);
            return;
        }
        self.add_turn(turn.to_owned(), Completions::from([(row, model)]));
    }

    /// Adds a turn, as the one that came last.
    pub(super) fn add_turn(&mut self, turn: String, completions: Completions) {
        if completions.is_empty() {
            return;
        }
        self.take(&turn);
        if self.turns_max <= self.order.len()
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.by_turn.remove(&oldest);
        }
        self.order.insert(self.next, turn.clone());
        self.by_turn.insert(turn, (self.next, completions));
        self.next += 1;
    }

    /// Takes the answers of a turn out.
    pub(super) fn take(&mut self, turn: &str) -> Completions {
        let Some((place, completions)) = self.by_turn.remove(turn) else {
            return Completions::new();
        };
        self.order.remove(&place);
        completions
    }

    /// The turns in the order in which they came.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Completions)> {
        self.order.values().filter_map(|turn| {
            self.by_turn.get(turn).map(|(_, completions)| (turn.as_str(), completions))
        })
    }

    /// Forgets rows, and turns without any.
    pub(super) fn forget(&mut self, rows: &HashSet<RowId>) {
        let order = &mut self.order;
        self.by_turn.retain(|_, (place, completions)| {
            completions.retain(|row, _| !rows.contains(row));
            if completions.is_empty() {
                order.remove(place);
            }
            !completions.is_empty()
        });
    }
}
