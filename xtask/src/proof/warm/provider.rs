//! A provider in virtual time that keeps what it has read for exactly as long as it says.

use std::collections::HashMap;

use cache_warmer::{Millis, RequestUsage};

/// Entries by what they are keys of: a conversation, or a chain of pings.
pub(super) struct Provider {
    lifetime: Millis,
    tokens: u64,
    /// Until when an entry is kept.
    entries: HashMap<String, Millis>,
    /// How often a whole prefix was written.
    pub(super) writes: u64,
}

impl Provider {
    /// Every prompt has so many tokens.
    pub(super) fn new(lifetime: Millis, tokens: u64) -> Self {
        Self { lifetime, tokens, entries: HashMap::new(), writes: 0 }
    }

    /// A request that starts then. Lifetimes count from the start.
    pub(super) fn request(&mut self, key: &str, started: Millis) -> RequestUsage {
        let kept_until = self.entries.get(key).copied();
        self.entries.insert(key.to_owned(), started.plus(self.lifetime));
        if kept_until.is_some_and(|until| started < until) {
            RequestUsage { read: self.tokens, ..RequestUsage::default() }
        } else {
            self.writes += 1;
            RequestUsage { write_5m: self.tokens, ..RequestUsage::default() }
        }
    }
}
