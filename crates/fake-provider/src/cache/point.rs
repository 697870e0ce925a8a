use std::time::Duration;

use super::{
    chain::Chain,
    entries::{Entries, Writes},
};
use crate::usage::Usage;

/// The shortest prefix that is cached.
const MINIMUM_TOKENS: u64 = 1_024;

/// How many prefixes a request writes at most.
const WRITES_MAX: usize = 4;

/// How many of the first and of the latest explicit breakpoints are looked up.
const FIRST_EXPLICIT: usize = 2;
const LATEST_EXPLICIT: usize = 50;

/// How many earlier ends of messages are looked up.
const EARLIER_ENDS: usize = 20;

/// Where breakpoints are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointMode {
    /// At the end of the latest eligible message, and where the client has put some.
    Implicit,
    /// Where the client has put some.
    Explicit,
}

/// A prompt in blocks, with the ends of messages and the breakpoints of the client.
#[derive(Clone)]
pub struct PointPrompt {
    chain: Chain,
    mode: PointMode,
    /// After how many blocks, ascending, as are the others.
    explicit: Vec<usize>,
    /// Where eligible messages end.
    messages: Vec<usize>,
    /// Where the first messages end, if they are of the developer.
    developer: Option<usize>,
}

impl PointPrompt {
    /// Nothing yet, from an account for a model, with what the client calls its group of requests
    /// (`prompt_cache_key`); none of them ever sees what another one has cached.
    pub fn new(account: &str, model: &str, cache_key: &str, mode: PointMode) -> Self {
        let mut chain = Chain::new();
        for text in [account, model, cache_key] {
            chain.depend_on(text);
        }
        Self { chain, mode, explicit: Vec::new(), messages: Vec::new(), developer: None }
    }

    /// Makes all blocks from here on different from those after another text.
    pub fn depend_on(&mut self, text: &str) {
        self.chain.depend_on(text);
    }

    /// Adds a block.
    pub fn push(&mut self, content: &str, tokens: u64) {
        self.chain.push(content, tokens);
    }

    /// Adds a breakpoint of the client after the last block.
    pub fn mark(&mut self) {
        self.explicit.push(self.chain.len());
    }

    /// Says that an eligible message ends with the last block: one of the user, the last of some
    /// results of tools in a row, or the last of some of the developer with which it all begins.
    pub fn end_message(&mut self) {
        self.messages.push(self.chain.len());
    }

    /// Says that this was also the last of the developer with which it all begins.
    pub fn end_developer(&mut self) {
        self.end_message();
        self.developer = Some(self.chain.len());
    }

    /// Of all blocks.
    pub fn tokens(&self) -> u64 {
        self.chain.tokens()
    }

    /// After how many blocks prefixes are written, ascending.
    fn written(&self) -> Vec<usize> {
        let implicit = match self.mode {
            PointMode::Implicit => self.messages.last().copied(),
            PointMode::Explicit => None,
        };
        let explicit = WRITES_MAX - usize::from(implicit.is_some());
        let mut ends: Vec<_> = self.explicit.iter().rev().take(explicit).copied().collect();
        ends.extend(implicit);
        ends.sort_unstable();
        ends.dedup();
        ends
    }

    /// After how many blocks prefixes are looked up, descending.
    fn looked_up(&self) -> Vec<usize> {
        let first = self.explicit.iter().take(FIRST_EXPLICIT);
        let latest = self.explicit.iter().rev().take(LATEST_EXPLICIT);
        let mut ends: Vec<_> = first.chain(latest).copied().collect();
        if self.mode == PointMode::Implicit {
            ends.extend(self.messages.iter().rev().take(1 + EARLIER_ENDS));
            ends.extend(self.developer);
        }
        ends.sort_unstable_by(|a, b| b.cmp(a));
        ends
    }
}

/// OpenAI's cache for GPT-5.6 and later models: breakpoints, implicit and of the client, a lifetime
/// of thirty minutes, and a fee for writing.
///
/// Prefixes are looked up at breakpoints and at up to 20 earlier ends of messages, and what is read
/// ends exactly there. Reading refreshes, and costs no writing.
///
/// Source: OpenAI's guide to prompt caching, September 2026. The provider may keep entries longer;
/// this one does not. When the clock of an entry starts is not documented; here it does when the
/// request starts.
#[derive(Debug, Default)]
pub struct PointCache(Entries);

impl PointCache {
    /// Begins a request at `started`, see [`BlockCache::begin`](super::BlockCache::begin).
    pub fn begin(
        &mut self,
        prompt: &PointPrompt,
        lifetime: Duration,
        started: Duration,
    ) -> (Usage, Writes) {
        let chain = &prompt.chain;
        let live = |end: &usize| chain.key(*end).is_some_and(|key| self.0.is_live(key, started));
        let hit = prompt.looked_up().into_iter().find(live).unwrap_or(0);
        self.0.refresh(chain, hit, started);
        let mut writes = Writes::new(started);
        let mut last = hit;
        for end in prompt.written() {
            if hit < end && MINIMUM_TOKENS <= chain.tokens_until(end) {
                writes.add(chain.key(end), lifetime);
                last = end;
            }
        }
        let usage = Usage {
            uncached: chain.tokens() - chain.tokens_until(last),
            read: chain.tokens_until(hit),
            write_30m: chain.tokens_until(last) - chain.tokens_until(hit),
            ..Usage::default()
        };
        (usage, writes)
    }

    /// See [`BlockCache::commit`](super::BlockCache::commit).
    pub fn commit(&mut self, writes: Writes) {
        self.0.commit(writes);
    }

    /// See [`BlockCache::clear`](super::BlockCache::clear).
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests;
