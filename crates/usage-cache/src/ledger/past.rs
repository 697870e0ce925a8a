use std::collections::BTreeMap;

use common_fs::Timestamp;

use crate::{Key, UsageCache, rollup::Quarter, transcript::Transcript};

/// Transcripts that cannot be read again, as far as they are known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Past {
    /// How many there are.
    pub transcripts: u64,
    /// When the first of them was found missing, or was imported.
    pub since: Option<Timestamp>,
    /// The quarter of an hour of the oldest answer in them.
    pub oldest: Option<Timestamp>,
}

impl Past {
    fn add(&mut self, transcript: &Transcript) {
        let first = |known: Option<Timestamp>, new: Option<Timestamp>| match (known, new) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
        let quarters = transcript.rollup.buckets().iter().filter_map(|bucket| bucket.quarter);
        let summed_up = quarters.map(Quarter::start).min();
        let oldest = first(summed_up, transcript.log.iter().filter_map(|event| event.at).min());
        self.transcripts += 1;
        self.since = first(self.since, transcript.gone_since);
        self.oldest = first(self.oldest, oldest);
    }
}

impl UsageCache {
    /// The transcripts of this machine that exist no more.
    pub fn gone_history(&self) -> Past {
        let own = self.own().flat_map(|(_, entries)| entries.values());
        let gone = own.filter(|entry| entry.transcript.gone_since.is_some());
        let mut past = Past::default();
        gone.for_each(|entry| past.add(&entry.transcript));
        past
    }

    /// The transcripts of other machines, by the name of the ledger that they come from. They are
    /// told also where they do not count, because this machine has them as well.
    pub fn imported_history(&self) -> BTreeMap<Key, Past> {
        let mut ledgers: BTreeMap<Key, Past> = BTreeMap::new();
        for imported in self.imported() {
            ledgers.entry(imported.origin.ledger).or_default().add(&imported.transcript);
        }
        ledgers
    }
}
