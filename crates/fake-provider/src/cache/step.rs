use std::time::Duration;

use xxhash_rust::xxh3::Xxh3;

use super::entries::{Entries, Writes};
use crate::usage::Usage;

/// The shortest prefix that is cached.
const FIRST_TOKENS: u64 = 1_024;

/// Longer ones are so many tokens apart.
const STEP_TOKENS: u64 = 128;

const BYTES_PER_TOKEN: u64 = 4;

/// A prompt as one text, of which four bytes are a token.
#[derive(Clone)]
pub struct StepPrompt {
    hasher: Xxh3,
    bytes: u64,
    /// The keys of the prefixes that can be cached, shortest first.
    steps: Vec<u128>,
}

impl StepPrompt {
    /// Nothing yet, from an account for a model, with what the client calls its prefix
    /// (`prompt_cache_key`); none of them ever sees what another one has cached.
    ///
    /// The provider says that the key has a part in choosing a machine, each of which has a cache
    /// of its own; here every key has its own machine.
    pub fn new(account: &str, model: &str, cache_key: &str) -> Self {
        let mut hasher = Xxh3::new();
        for text in [account, model, cache_key] {
            hasher.update(&text.len().to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Self { hasher, bytes: 0, steps: Vec::new() }
    }

    /// Adds text.
    pub fn push(&mut self, text: &str) {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let until_step = usize::try_from(self.next_step() - self.bytes).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(until_step.min(rest.len()));
            self.hasher.update(now);
            self.bytes += u64::try_from(now.len()).unwrap_or_default();
            if self.bytes == self.next_step() {
                self.steps.push(self.hasher.digest128());
            }
            rest = later;
        }
    }

    /// Of all the text.
    pub fn tokens(&self) -> u64 {
        self.bytes.div_ceil(BYTES_PER_TOKEN)
    }

    /// At how many bytes there is a prefix that can be cached next.
    fn next_step(&self) -> u64 {
        BYTES_PER_TOKEN * step_tokens(self.steps.len())
    }
}

/// The tokens of the prefix that is the longest but `index`.
fn step_tokens(index: usize) -> u64 {
    FIRST_TOKENS + STEP_TOKENS * u64::try_from(index).unwrap_or_default()
}

/// OpenAI's automatic cache, as it is for models before GPT-5.6: prefixes of 1,024 tokens and of
/// each 128 more, no fee for writing, and so no count of what is written.
///
/// Reading refreshes. When the clock of an entry starts is not documented; here it does when the
/// request starts.
#[derive(Debug, Default)]
pub struct StepCache(Entries);

impl StepCache {
    /// Begins a request at `started`, see [`BlockCache::begin`](super::BlockCache::begin).
    pub fn begin(
        &mut self,
        prompt: &StepPrompt,
        lifetime: Duration,
        started: Duration,
    ) -> (Usage, Writes) {
        let live = |key: &u128| self.0.is_live(*key, started);
        let hit = prompt.steps.iter().rposition(live);
        let read = hit.map_or(0, step_tokens);
        let mut writes = Writes::new(started);
        for (index, key) in prompt.steps.iter().enumerate() {
            if hit.is_some_and(|hit| index <= hit) {
                self.0.refresh_key(*key, started);
            } else {
                writes.add(Some(*key), lifetime);
            }
        }
        (Usage { uncached: prompt.tokens() - read, read, ..Usage::default() }, writes)
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
