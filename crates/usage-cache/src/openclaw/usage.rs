//! The `usage` object of a message, in the spellings of all providers.
//!
//! Of several spellings the first that is not `null` counts, in the order of the tables below,
//! as in OpenClaw's `normalizeUsage`. Values are kept as the text of the transcript until they
//! are needed, so that no number, however odd, makes the line unreadable.

use crate::{
    NanoUsd, TokenCounts,
    json::{Raw, each_field, number, tokens},
};

/// What a `usage` object says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Usage {
    pub(super) tokens: TokenCounts,
    pub(super) cache_creation_1h: u64,
    pub(super) cost: Option<NanoUsd>,
}

/// Reads a `usage` object; `None` if it says nothing.
pub(super) fn read(raw: Raw<'_>) -> Option<Usage> {
    let mut fields = Fields::default();
    let is_object = each_field(raw, |key, raw| fields.offer(key, raw));
    if is_object { fields.usage() } else { None }
}

/// A count with several spellings: the lowest rank wins.
#[derive(Clone, Copy, Default)]
struct Count {
    rank: Option<usize>,
    value: Option<u64>,
}

impl Count {
    fn offer(&mut self, rank: usize, raw: Raw<'_>) {
        // Of a repeated key the last counts, as in JavaScript.
        if raw.get() != b"null" && self.rank.is_none_or(|known| rank <= known) {
            *self = Self { rank: Some(rank), value: tokens(raw) };
        }
    }

    fn or_zero(self) -> u64 {
        self.value.unwrap_or(0)
    }
}

/// Spellings by rank.
const INPUT: [&str; 6] =
    ["input", "inputTokens", "input_tokens", "promptTokens", "prompt_tokens", "prompt_n"];
const OUTPUT: [&str; 6] = [
    "output",
    "outputTokens",
    "output_tokens",
    "completionTokens",
    "completion_tokens",
    "predicted_n",
];
const CACHE_READ: [&str; 3] = ["cacheRead", "cache_read", "cache_read_input_tokens"];
const CACHE_CREATION: [&str; 4] =
    ["cacheWrite", "cache_write", "cache_creation_input_tokens", "cache_write_input_tokens"];
const TOTAL: [&str; 3] = ["total", "totalTokens", "total_tokens"];

/// Spellings of providers that count cached tokens as part of the input as well. They rank
/// after the ones above.
const CACHE_READ_OF_INPUT: [&str; 3] = ["cached_tokens", "cached_input_tokens", "cached"];
const DETAIL_CACHE_READ: &str = "cached_tokens";
const DETAIL_CACHE_CREATION: [&str; 2] = ["cache_write_tokens", "cache_creation_input_tokens"];
/// The ranks of details, in the two objects that can hold them.
const DETAIL_RANK: usize = 10;
const PROMPT_DETAIL_RANK: usize = 20;

#[derive(Default)]
struct Fields {
    input: Count,
    output: Count,
    cache_read: Count,
    cache_creation: Count,
    total: Count,
    cache_creation_1h: Count,
    /// The input includes what was read from, or written to, the cache.
    input_has_read: bool,
    input_has_creation: bool,
    cost: Option<NanoUsd>,
    cost_known: bool,
}

impl Fields {
    fn usage(&self) -> Option<Usage> {
        let counts = [self.input, self.output, self.cache_read, self.cache_creation, self.total];
        if counts.iter().all(|count| count.value.is_none()) && !self.cost_known {
            return None;
        }
        let (cache_read, cache_creation) =
            (self.cache_read.or_zero(), self.cache_creation.or_zero());
        let mut input = self.input.or_zero();
        if self.input_has_read {
            input = input.saturating_sub(cache_read);
        }
        if self.input_has_creation {
            input = input.saturating_sub(cache_creation);
        }
        let output = self.output.or_zero();
        let mut tokens = TokenCounts { input, output, cache_creation, cache_read, total: 0 };
        tokens.total = self.total.value.unwrap_or_else(|| tokens.sum_of_classes());
        let used_nothing = tokens.total == 0 && tokens.sum_of_classes() == 0;
        let cost = match self.cost {
            // What used nothing cost nothing, at any price.
            None if used_nothing => Some(NanoUsd::ZERO),
            // A zero that nothing supports is what OpenClaw writes when it knows no price.
            Some(NanoUsd::ZERO) if !self.cost_known && !used_nothing => None,
            cost => cost,
        };
        Some(Usage { tokens, cache_creation_1h: self.cache_creation_1h.or_zero(), cost })
    }

    fn offer(&mut self, key: &[u8], raw: Raw<'_>) {
        if let Some(rank) = rank(&INPUT, key) {
            self.input.offer(rank, raw);
        } else if let Some(rank) = rank(&OUTPUT, key) {
            self.output.offer(rank, raw);
        } else if let Some(rank) = rank(&CACHE_READ, key) {
            self.cache_read.offer(rank, raw);
        } else if let Some(rank) = rank(&CACHE_CREATION, key) {
            self.cache_creation.offer(rank, raw);
        } else if let Some(rank) = rank(&TOTAL, key) {
            self.total.offer(rank, raw);
        } else if let Some(rank) = rank(&CACHE_READ_OF_INPUT, key) {
            self.offer_read_of_input(CACHE_READ.len() + rank, raw);
        } else {
            match key {
                b"cacheWrite1h" => self.cache_creation_1h.offer(0, raw),
                b"cost" => (self.cost, self.cost_known) = cost(raw),
                b"timings" => self.offer_timings(raw),
                b"input_tokens_details" => self.offer_details(DETAIL_RANK, raw),
                b"prompt_tokens_details" => self.offer_details(PROMPT_DETAIL_RANK, raw),
                _ => (),
            }
        }
    }

    fn offer_read_of_input(&mut self, rank: usize, raw: Raw<'_>) {
        self.input_has_read |= raw.get() != b"null";
        self.cache_read.offer(rank, raw);
    }

    /// llama.cpp reports its counts there.
    fn offer_timings(&mut self, raw: Raw<'_>) {
        each_field(raw, |key, raw| match key {
            b"prompt_n" => self.input.offer(INPUT.len(), raw),
            b"predicted_n" => self.output.offer(OUTPUT.len(), raw),
            _ => (),
        });
    }

    fn offer_details(&mut self, offset: usize, raw: Raw<'_>) {
        each_field(raw, |key, raw| {
            if key == DETAIL_CACHE_READ.as_bytes() {
                self.offer_read_of_input(offset, raw);
            } else if let Some(rank) = rank(&DETAIL_CACHE_CREATION, key) {
                self.input_has_creation |= raw.get() != b"null";
                self.cache_creation.offer(offset + rank, raw);
            }
        });
    }
}

fn rank(spellings: &[&str], key: &[u8]) -> Option<usize> {
    spellings.iter().position(|spelling| spelling.as_bytes() == key)
}

/// Reads `usage.cost`: the amount, and whether it is certain even if it is zero.
///
/// Only an object with a `total` that is not negative is a recorded cost.
fn cost(raw: Raw<'_>) -> (Option<NanoUsd>, bool) {
    let (mut total, mut origin, mut component) = (None, false, false);
    each_field(raw, |key, raw| match key {
        b"total" => total = number(raw).and_then(NanoUsd::from_dollars),
        b"totalOrigin" => origin = raw.get() == b"\"provider-billed\"",
        b"input" | b"output" | b"cacheRead" | b"cacheWrite" => {
            component |= is_not_zero(raw);
        }
        _ => (),
    });
    let known = total.is_some_and(|total| total != NanoUsd::ZERO || origin || component);
    (total, known)
}

/// Whether this is a number other than zero, told without computing it: it has another digit
/// before its exponent.
fn is_not_zero(raw: Raw<'_>) -> bool {
    let mut digits = raw.get().iter().take_while(|byte| !matches!(byte, b'e' | b'E'));
    let numeric = matches!(raw.get(), [b'-' | b'0'..=b'9', ..]);
    numeric && digits.any(|byte| (b'1'..=b'9').contains(byte))
}
