//! Tokens by class, as Codex counts them.

use serde::{Deserialize, Serialize};

use crate::TokenCounts;

/// A usage, or the state of a counter. Unlike in [`TokenCounts`], the input includes what was
/// read from and written to the prompt cache. The output includes reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "[u64; 4]", into = "[u64; 4]")]
pub(super) struct Counts {
    pub(super) input: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write: u64,
    pub(super) output: u64,
}

impl Counts {
    /// The counts with the cached part of the input kept within the input.
    pub(super) fn consistent(self) -> Self {
        let cache_read = self.cache_read.min(self.input);
        let cache_write = self.cache_write.min(self.input - cache_read);
        Self { cache_read, cache_write, ..self }
    }

    pub(super) fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// Whether no class has less than in `other`.
    pub(super) fn at_least(self, other: Self) -> bool {
        self.max(other) == self
    }

    pub(super) fn plus(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }

    /// By how much each class is above `other`.
    pub(super) fn above(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }

    /// The state of a counter before `last` was added to it.
    pub(super) fn before(self, last: Self) -> Option<Self> {
        self.at_least(last).then(|| self.above(last))
    }

    pub(super) fn max(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    pub(super) fn min(self, other: Self) -> Self {
        self.zip(other, u64::min)
    }

    /// Class by class.
    pub(super) fn zip(self, other: Self, merge: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            input: merge(self.input, other.input),
            cache_read: merge(self.cache_read, other.cache_read),
            cache_write: merge(self.cache_write, other.cache_write),
            output: merge(self.output, other.output),
        }
    }

    pub(super) fn to_le_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, count) in bytes.chunks_exact_mut(8).zip(<[u64; 4]>::from(self)) {
            to.copy_from_slice(&count.to_le_bytes());
        }
        bytes
    }
}

impl From<[u64; 4]> for Counts {
    fn from([input, cache_read, cache_write, output]: [u64; 4]) -> Self {
        Self { input, cache_read, cache_write, output }
    }
}

impl From<Counts> for [u64; 4] {
    fn from(counts: Counts) -> Self {
        let Counts { input, cache_read, cache_write, output } = counts;
        [input, cache_read, cache_write, output]
    }
}

impl From<Counts> for TokenCounts {
    fn from(counts: Counts) -> Self {
        let Counts { input, cache_read, cache_write, output } = counts.consistent();
        Self {
            input: input - cache_read - cache_write,
            output,
            cache_creation: cache_write,
            cache_read,
            total: input.saturating_add(output),
        }
    }
}
