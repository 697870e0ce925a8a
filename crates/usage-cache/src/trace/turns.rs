use std::{collections::HashMap, sync::Arc};

use super::{Memo, RowId};
use crate::Key;

/// The turns that are known to have been asked for with priority, whatever has become of the
/// rows that said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriorityTurns {
    pub(super) known: HashMap<Key, KnownTurn>,
}

/// What is known of a turn with priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct KnownTurn {
    /// The model of the last answer, or else the one that was asked for.
    pub(super) model: Option<Arc<str>>,
    /// The row of that answer; `None` if it is the model that was asked for.
    pub(super) answer: Option<RowId>,
}

/// The name under which the events of a turn are known, see [`Event::turn`](crate::Event::turn).
pub fn turn_key(turn: &str) -> Key {
    Key::of(&[b"codex turn", turn.as_bytes()])
}

impl PriorityTurns {
    /// Whether a turn is known, and if so, the model that answered, or else the one that was
    /// asked for.
    pub fn get(&self, turn: Key) -> Option<Option<&str>> {
        self.known.get(&turn).map(|known| known.model.as_deref())
    }

    /// What tells these from others, as far as it matters to costs.
    pub(crate) fn key(&self) -> Key {
        let turns = self.known.iter().map(|(turn, known)| {
            let model: &[&[u8]] = match &known.model {
                Some(model) => &[model.as_bytes()],
                None => &[],
            };
            Key::of(&[[&turn.0.to_le_bytes()[..]].as_slice(), model].concat()).0
        });
        // Of whatever order.
        Key(turns.fold(0, u64::wrapping_add))
    }

    /// How many turns are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Adds what a memo knows. Returns whether something is new.
    pub(super) fn learn(&mut self, memo: &Memo) -> bool {
        let mut is_new = false;
        for turn in memo.turns() {
            let model = turn.model().map(Arc::from);
            let known = KnownTurn { model, answer: turn.answer };
            is_new |= self.add(turn_key(turn.turn), known);
        }
        is_new
    }

    /// Adds what another process knew. Returns whether something is new.
    pub(super) fn merge(&mut self, other: &Self) -> bool {
        let mut is_new = false;
        for (turn, known) in &other.known {
            // Of what was only asked for, ours is as good.
            if known.answer.is_some() || !self.known.contains_key(turn) {
                is_new |= self.add(*turn, known.clone());
            }
        }
        is_new
    }

    /// What an answer said is certain, and the last one counts, even if its row is gone by now; of
    /// what was asked for, what was learned last.
    fn add(&mut self, turn: Key, new: KnownTurn) -> bool {
        let known = self.known.get(&turn);
        if known.is_some_and(|known| *known == new || new.answer < known.answer) {
            return false;
        }
        self.known.insert(turn, new);
        true
    }
}
