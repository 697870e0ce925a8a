//! Token counts by kind, and by how much two of them differ.

use std::ops::AddAssign;

use demo_corpus::Counts;
use serde::{Deserialize, Serialize};

/// Tokens by what they are charged as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    #[serde(rename(deserialize = "inputTokens"))]
    pub(super) input: u64,
    #[serde(rename(deserialize = "outputTokens"))]
    pub(super) output: u64,
    #[serde(rename(deserialize = "cacheCreationTokens"))]
    pub(super) cache_write: u64,
    #[serde(rename(deserialize = "cacheReadTokens"))]
    pub(super) cache_read: u64,
}

/// What is counted too much, by kind; below zero, what is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Excess {
    pub(super) input: i128,
    pub(super) output: i128,
    pub(super) cache_write: i128,
    pub(super) cache_read: i128,
}

impl From<Counts> for Tokens {
    fn from(counts: Counts) -> Self {
        let Counts { input, output, cache_write, cache_read } = counts;
        Self { input, output, cache_write, cache_read }
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_write += other.cache_write;
        self.cache_read += other.cache_read;
    }
}

impl Tokens {
    /// What these are more than `truth`.
    pub(super) fn excess(self, truth: Self) -> Excess {
        let more = |counted: u64, true_: u64| i128::from(counted) - i128::from(true_);
        Excess {
            input: more(self.input, truth.input),
            output: more(self.output, truth.output),
            cache_write: more(self.cache_write, truth.cache_write),
            cache_read: more(self.cache_read, truth.cache_read),
        }
    }

    /// As what somebody counts who counts these too.
    pub(super) fn added(self) -> Excess {
        self.excess(Self::default())
    }

    /// As what somebody counts who does not count these.
    pub(super) fn left_out(self) -> Excess {
        Self::default().excess(self)
    }

    /// In this order everywhere.
    pub(super) fn kinds(self) -> [(&'static str, u64); 4] {
        [
            ("input", self.input),
            ("output", self.output),
            ("cache write", self.cache_write),
            ("cache read", self.cache_read),
        ]
    }
}

impl Excess {
    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    pub(super) fn kinds(self) -> [(&'static str, i128); 4] {
        [
            ("input", self.input),
            ("output", self.output),
            ("cache write", self.cache_write),
            ("cache read", self.cache_read),
        ]
    }
}

impl AddAssign for Excess {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_write += other.cache_write;
        self.cache_read += other.cache_read;
    }
}
