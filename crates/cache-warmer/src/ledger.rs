use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{NanoDollars, Reason, RequestUsage, Verdict};

mod prometheus;

/// What warming has cost, and what it has been proven to save.
///
/// A saving counts when a real request has read, after its entry would have expired, what pings had
/// kept. Nothing is estimated in favour of warming.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ledger {
    /// Pings that were answered, by what they did.
    pub pings: BTreeMap<Verdict, u64>,
    /// Explicit caches whose life was extended.
    pub extended: u64,
    /// Pings that were not answered, by why: names of [`Failure`](crate::Failure).
    pub failed: BTreeMap<String, u64>,
    /// Pings that were cancelled or given up, so that nobody knows what they cost; the most
    /// that they can have cost counts as spent.
    pub unconfirmed: u64,
    /// What all of them cost.
    pub spent: NanoDollars,
    /// Their tokens, as far as the provider told.
    pub tokens: RequestUsage,
    /// What real requests did not have to pay.
    pub saved: NanoDollars,
    /// How many tokens they read instead of writing them.
    pub saved_tokens: u64,
    /// How idle spells ended that had a ping.
    pub spells: Spells,
    /// How often warming stopped, by why.
    pub stops: BTreeMap<Reason, u64>,
    /// What was spent today.
    pub today: Day,
}

/// How idle spells ended that had a ping.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Spells {
    /// A real request read what was kept.
    pub saved: u64,
    /// A real request came so early that it had not been needed.
    pub needless: u64,
    /// A real request read nothing all the same.
    pub lost: u64,
    /// The conversation was closed.
    pub closed: u64,
}

/// What was spent in a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Day {
    /// Days since 1970-01-01 (UTC).
    pub day: i64,
    /// What was spent in it.
    pub spent: NanoDollars,
}

const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

impl Ledger {
    /// What was saved, without what was spent.
    pub fn net(&self) -> NanoDollars {
        self.saved.minus(self.spent)
    }

    /// Begins a new day if it is one. A clock that goes back does not refill the budget.
    pub(crate) fn roll(&mut self, now: common_fs::Timestamp) {
        let day = now.unix_millis().div_euclid(DAY_MILLIS);
        if self.today.day < day {
            self.today = Day { day, spent: NanoDollars::ZERO };
        }
    }

    pub(crate) fn spend(&mut self, amount: NanoDollars) {
        self.spent = self.spent.plus(amount);
        // What was booked yesterday and turns out to be less is no room for today.
        self.today.spent = self.today.spent.plus(amount).max(NanoDollars::ZERO);
    }

    pub(crate) fn answered(&mut self, verdict: Verdict, usage: &RequestUsage) {
        count(&mut self.pings, verdict);
        self.tokens = self.tokens.plus(usage);
    }

    pub(crate) fn failed(&mut self, name: &str) {
        count(&mut self.failed, name.to_owned());
    }

    pub(crate) fn stopped(&mut self, reason: Reason) {
        count(&mut self.stops, reason);
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, u64>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

#[cfg(test)]
mod tests;
