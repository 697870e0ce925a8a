//! The totals that were seen last.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::counts::Counts;

/// How many totals are remembered, as in steipete/CodexBar.
const RECENT_MAX: usize = 64;

/// As much of a hash as is kept: enough for one mistake in a million million lines.
const HASH_BITS: u32 = 48;

/// So many bits are one letter of [`LETTERS`].
const LETTER_BITS: u32 = 6;
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HASH_LETTERS: usize = (HASH_BITS / LETTER_BITS) as usize;

/// The totals that were seen last, as hashes; written as eight letters each.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(super) struct Recent(VecDeque<u64>);

impl Recent {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn contains(&self, total: Counts) -> bool {
        self.0.contains(&hash(total))
    }

    pub(super) fn push(&mut self, total: Counts) {
        if self.0.len() == RECENT_MAX {
            self.0.pop_front();
        }
        self.0.push_back(hash(total));
    }
}

fn hash(total: Counts) -> u64 {
    xxh3_64(&total.to_le_bytes()) >> (u64::BITS - HASH_BITS)
}

impl From<Recent> for String {
    fn from(recent: Recent) -> Self {
        let letters = recent.0.iter().flat_map(|hash| {
            (0..HASH_BITS).step_by(LETTER_BITS as usize).map(move |shift| letter(hash >> shift))
        });
        letters.collect()
    }
}

fn letter(bits: u64) -> char {
    let index = usize::try_from(bits % LETTERS.len() as u64).unwrap_or_default();
    LETTERS.get(index).copied().unwrap_or_default().into()
}

impl From<String> for Recent {
    /// What is no such text is no total that could be met.
    fn from(text: String) -> Self {
        let value = |letter: &u8| LETTERS.iter().position(|known| known == letter).unwrap_or(0);
        let hash = |letters: &[u8]| {
            letters.iter().rev().fold(0, |hash, letter| hash << LETTER_BITS | value(letter) as u64)
        };
        Self(text.as_bytes().chunks_exact(HASH_LETTERS).take(RECENT_MAX).map(hash).collect())
    }
}
