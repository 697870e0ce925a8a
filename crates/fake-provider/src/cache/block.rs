use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

use super::entries::{Entries, Writes};
use crate::{
    lifetime::{Lifetimes, Tier},
    usage::Usage,
};

/// How many blocks before and including a breakpoint are looked up.
const LOOK_BACK: usize = 20;

/// The blocks of a prompt in the order in which they count: tools, system, messages.
#[derive(Clone)]
pub struct Prompt {
    hasher: Xxh3,
    tokens: u64,
    blocks: Vec<Block>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    /// Of this block, all before it, and all else that the prefix depends on.
    key: u128,
    /// Of this block and all before it.
    tokens: u64,
    breakpoint: Option<Tier>,
}

impl Prompt {
    /// Nothing yet, from an account for a model; neither ever sees what another one has cached.
    pub fn new(account: &str, model: &str) -> Self {
        let mut prompt = Self { hasher: Xxh3::new(), tokens: 0, blocks: Vec::new() };
        prompt.depend_on(account);
        prompt.depend_on(model);
        prompt
    }

    /// Makes all blocks from here on different from those after another text, as settings do that
    /// are no content.
    pub fn depend_on(&mut self, text: &str) {
        // The length keeps "ab", "c" and "a", "bc" apart.
        self.hasher.update(&text.len().to_le_bytes());
        self.hasher.update(text.as_bytes());
    }

    /// Adds a block, and a breakpoint after it.
    pub fn push(&mut self, content: &str, tokens: u64, breakpoint: Option<Tier>) {
        self.depend_on(content);
        self.tokens = self.tokens.saturating_add(tokens);
        let key = self.hasher.digest128();
        self.blocks.push(Block { key, tokens: self.tokens, breakpoint });
    }

    /// Of all blocks.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// The tiers of the breakpoints, in order.
    pub fn breakpoints(&self) -> impl Iterator<Item = Tier> {
        self.blocks.iter().filter_map(|block| block.breakpoint)
    }

    /// Adds a breakpoint after the last block unless there is one.
    pub fn end_with_breakpoint(&mut self, tier: Tier) {
        if let Some(last) = self.blocks.last_mut() {
            last.breakpoint.get_or_insert(tier);
        }
    }

    /// How many of the first blocks end with the one that is read.
    fn hit(&self, entries: &Entries, now: Duration) -> usize {
        let ends = (1..=self.blocks.len()).rev();
        let breakpoints = ends.filter(|end| self.ends_with_breakpoint(*end));
        let looked_up = breakpoints.flat_map(|end| (1..=end).rev().take(LOOK_BACK));
        let live = |end: &usize| {
            let block = self.blocks.get(*end - 1);
            block.is_some_and(|block| entries.is_live(block.key, now))
        };
        looked_up.into_iter().find(live).unwrap_or(0)
    }

    fn ends_with_breakpoint(&self, end: usize) -> bool {
        self.blocks.get(end - 1).is_some_and(|block| block.breakpoint.is_some())
    }

    /// The tokens of the first `end` blocks.
    fn tokens_until(&self, end: usize) -> u64 {
        let last = end.checked_sub(1).and_then(|last| self.blocks.get(last));
        last.map_or(0, |block| block.tokens)
    }
}

/// Anthropic's cache: explicit breakpoints, and two lifetimes.
///
/// * Entries are made at breakpoints only. For each breakpoint the 20 blocks before it, itself
///   included, are looked up, and the longest prefix that lives is read.
/// * What comes after that, until the last breakpoint, is written; a prefix below the minimum size
///   of the model is neither written nor read, and nothing says so.
/// * With breakpoints of both tiers, what is written until the last of one hour counts as that, and
///   the rest as five minutes.
/// * Reading refreshes the entry and those of shorter prefixes, each for its own lifetime: an entry
///   of five minutes stays one if a breakpoint of one hour reads it. (The provider's documents
///   leave this open.)
#[derive(Debug, Default)]
pub struct BlockCache(Entries);

impl BlockCache {
    /// Begins a request at `started`: what its prompt reads, and what it is going to write.
    ///
    /// The time is since any fixed moment. `minimum_tokens` is that of the model.
    pub fn begin(
        &mut self,
        prompt: &Prompt,
        minimum_tokens: u64,
        lifetimes: &Lifetimes,
        started: Duration,
    ) -> (Usage, Writes) {
        let hit = prompt.hit(&self.0, started);
        let mut writes = Writes::new(started);
        let (mut one_hour, mut last) = (hit, hit);
        for (block, end) in prompt.blocks.iter().zip(1..) {
            if end <= hit {
                self.0.refresh(block.key, started);
            } else if let Some(tier) = block.breakpoint.filter(|_| minimum_tokens <= block.tokens) {
                writes.add(block.key, lifetimes.of(tier));
                last = end;
                if tier == Tier::OneHour {
                    one_hour = end;
                }
            }
        }
        let tokens = |end| prompt.tokens_until(end);
        let usage = Usage {
            uncached: prompt.tokens - tokens(last),
            read: tokens(hit),
            write_5m: tokens(last) - tokens(one_hour),
            write_1h: tokens(one_hour) - tokens(hit),
            output: 0,
        };
        (usage, writes)
    }

    /// Makes what a request wrote readable: its answer has started.
    pub fn commit(&mut self, writes: Writes) {
        self.0.commit(writes);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Forgets everything, as a provider may at any time.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}
