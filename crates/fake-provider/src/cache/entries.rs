use std::{collections::HashMap, time::Duration};

use super::chain::Chain;

/// Sweeping starts at so many entries.
const FEW: usize = 1_024;

/// What lives in a cache, by the hash of the whole prefix.
#[derive(Debug, Default)]
pub(super) struct Entries {
    by_key: HashMap<u128, Entry>,
    /// With so many entries those that have expired are removed.
    sweep_at: usize,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    lifetime: Duration,
    expires: Duration,
}

/// What a request that has begun will have written once its answer starts.
#[derive(Debug)]
#[must_use = "nothing is written until it is committed"]
pub struct Writes {
    started: Duration,
    entries: Vec<(u128, Duration)>,
}

impl Writes {
    pub(super) fn new(started: Duration) -> Self {
        Self { started, entries: Vec::new() }
    }

    pub(super) fn add(&mut self, key: Option<u128>, lifetime: Duration) {
        self.entries.extend(key.map(|key| (key, lifetime)));
    }
}

impl Entries {
    pub(super) fn is_live(&self, key: u128, now: Duration) -> bool {
        self.by_key.get(&key).is_some_and(|entry| now < entry.expires)
    }

    /// Lets the entries of the first `end` blocks, and of fewer, live for their own lifetimes from
    /// `now` on, if they still do.
    pub(super) fn refresh(&mut self, chain: &Chain, end: usize, now: Duration) {
        for key in (1..=end).filter_map(|end| chain.key(end)) {
            self.refresh_key(key, now);
        }
    }

    pub(super) fn refresh_key(&mut self, key: u128, now: Duration) {
        if let Some(entry) = self.by_key.get_mut(&key).filter(|entry| now < entry.expires) {
            entry.expires = entry.expires.max(now.saturating_add(entry.lifetime));
        }
    }

    pub(super) fn commit(&mut self, writes: Writes) {
        for (key, lifetime) in writes.entries {
            let new = Entry { lifetime, expires: writes.started.saturating_add(lifetime) };
            let entry = self.by_key.entry(key).or_insert(new);
            // Somebody else may have written the same in the meantime.
            if entry.expires < new.expires {
                *entry = new;
            }
        }
        if self.sweep_at.max(FEW) <= self.by_key.len() {
            self.by_key.retain(|_, entry| writes.started < entry.expires);
            self.sweep_at = self.by_key.len().saturating_mul(2);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(super) fn clear(&mut self) {
        self.by_key.clear();
    }
}
