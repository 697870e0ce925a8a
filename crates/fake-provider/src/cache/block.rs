use std::time::Duration;

use super::{
    chain::Chain,
    entries::{Entries, Writes},
};
use crate::{
    lifetime::{Lifetimes, Tier},
    usage::Usage,
};

/// How many blocks before and including a breakpoint are looked up.
const LOOK_BACK: usize = 20;

/// The blocks of a prompt in the order in which they count: tools, system, messages.
#[derive(Clone)]
pub struct Prompt {
    chain: Chain,
    /// After how many blocks they are, ascending.
    breakpoints: Vec<(usize, Tier)>,
}

impl Prompt {
    /// Nothing yet, from an account for a model; neither ever sees what another one has cached.
    pub fn new(account: &str, model: &str) -> Self {
        let mut prompt = Self { chain: Chain::new(), breakpoints: Vec::new() };
        prompt.depend_on(account);
        prompt.depend_on(model);
        prompt
    }

    /// Makes all blocks from here on different from those after another text, as settings do that
    /// are no content.
    pub fn depend_on(&mut self, text: &str) {
        self.chain.depend_on(text);
    }

    /// Adds a block, and a breakpoint after it.
    pub fn push(&mut self, content: &str, tokens: u64, breakpoint: Option<Tier>) {
        let end = self.chain.push(content, tokens);
        self.breakpoints.extend(breakpoint.map(|tier| (end, tier)));
    }

    /// Of all blocks.
    pub fn tokens(&self) -> u64 {
        self.chain.tokens()
    }

    /// The tiers of the breakpoints, in order.
    pub fn breakpoints(&self) -> impl Iterator<Item = Tier> {
        self.breakpoints.iter().map(|(_, tier)| *tier)
    }

    /// Adds a breakpoint after the last block unless there is one.
    pub fn end_with_breakpoint(&mut self, tier: Tier) {
        let end = self.chain.len();
        if self.breakpoints.last().is_none_or(|(last, _)| *last < end) {
            self.breakpoints.push((end, tier));
        }
    }

    /// How many of the first blocks end with the one that is read.
    fn hit(&self, entries: &Entries, now: Duration) -> usize {
        let ends = self.breakpoints.iter().rev().map(|(end, _)| *end);
        let mut looked_up = ends.flat_map(|end| (1..=end).rev().take(LOOK_BACK));
        let live = |end: usize| self.chain.key(end).is_some_and(|key| entries.is_live(key, now));
        looked_up.find(|end| live(*end)).unwrap_or(0)
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
        let chain = &prompt.chain;
        let hit = prompt.hit(&self.0, started);
        self.0.refresh(chain, hit, started);
        let mut writes = Writes::new(started);
        let (mut one_hour, mut last) = (hit, hit);
        for (end, tier) in &prompt.breakpoints {
            if hit < *end && minimum_tokens <= chain.tokens_until(*end) {
                writes.add(chain.key(*end), lifetimes.of(*tier));
                last = *end;
                if *tier == Tier::OneHour {
                    one_hour = *end;
                }
            }
        }
        let tokens = |end| chain.tokens_until(end);
        let usage = Usage {
            uncached: chain.tokens() - tokens(last),
            read: tokens(hit),
            write_5m: tokens(last) - tokens(one_hour),
            write_1h: tokens(one_hour) - tokens(hit),
            ..Usage::default()
        };
        (usage, writes)
    }

    /// Makes what a request wrote readable: its answer has started.
    pub fn commit(&mut self, writes: Writes) {
        self.0.commit(writes);
    }

    /// Forgets everything, as a provider may at any time.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}
