use std::ops::AddAssign;

use crate::{Millis, NanoDollars, Tier};

/// What came out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    /// The policies, in the order of all outcomes.
    pub policies: Vec<super::SimulatedPolicy>,
    /// The conversations, in the order of their histories.
    pub conversations: Vec<Conversation>,
    /// The models without a known price, which count nowhere.
    pub unpriced: Vec<Unpriced>,
}

/// A model without a known price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpriced {
    /// Of which provider.
    pub provider: String,
    /// Its name.
    pub model: String,
    /// In how many conversations it was asked.
    pub conversations: u64,
    /// How often.
    pub requests: u64,
}

/// What came out for one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversation {
    /// That of its history.
    pub id: String,
    /// Of which provider.
    pub provider: String,
    /// The model, without date and variant.
    pub model: String,
    /// Whether it is that of a sub-agent.
    pub is_subagent: bool,
    /// How many requests it has.
    pub requests: u64,
    /// The tier of its last entry.
    pub tier: Tier,
    /// After how many pauses the entry would have been gone, without any pings.
    pub long_gaps: u64,
    /// The longest of all pauses, from the start of a request to that of the next.
    pub longest_gap: Millis,
    /// What came of each policy.
    pub outcomes: Vec<Outcome>,
}

/// What came of a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// What all requests and pings cost.
    pub cost: NanoDollars,
    /// How many pings were sent.
    pub pings: u64,
    /// How many of those came too late, and wrote everything.
    pub late_pings: u64,
    /// What the pings cost.
    pub spent_on_pings: NanoDollars,
    /// What writing cost more, for a longer lifetime.
    pub spent_on_writes: NanoDollars,
    /// What reading instead of writing saved.
    pub saved: NanoDollars,
    /// After how many long pauses something was read that would have been written.
    pub hits: u64,
    /// After how many long pauses the entry was gone.
    pub expired: u64,
}

impl Outcome {
    /// What was spent.
    pub const fn spent(&self) -> NanoDollars {
        self.spent_on_pings.plus(self.spent_on_writes)
    }

    /// What was gained; negative if it was lost.
    pub const fn net(&self) -> NanoDollars {
        self.saved.minus(self.spent())
    }
}

impl AddAssign<&Self> for Outcome {
    fn add_assign(&mut self, other: &Self) {
        self.cost = self.cost.plus(other.cost);
        self.pings += other.pings;
        self.late_pings += other.late_pings;
        self.spent_on_pings = self.spent_on_pings.plus(other.spent_on_pings);
        self.spent_on_writes = self.spent_on_writes.plus(other.spent_on_writes);
        self.saved = self.saved.plus(other.saved);
        self.hits += other.hits;
        self.expired += other.expired;
    }
}

impl Simulation {
    /// The sums over some conversations, by policy.
    pub fn totals(&self, of: impl Fn(&Conversation) -> bool) -> Vec<Outcome> {
        let mut totals = vec![Outcome::default(); self.policies.len()];
        for conversation in self.conversations.iter().filter(|conversation| of(conversation)) {
            for (total, outcome) in totals.iter_mut().zip(&conversation.outcomes) {
                *total += outcome;
            }
        }
        totals
    }
}
