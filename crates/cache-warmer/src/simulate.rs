//! What warming would have cost and saved, over conversations that have been.
//!
//! A conversation is replayed as it was: who asked when, and how long the prompts were. What changes
//! with a [`SimulatedPolicy`] is what is in the cache when a request arrives. The cache is a truthful
//! one: an entry is kept for exactly the lifetime of its tier from the start of the last request or
//! ping that used it. The pings of our own policies are those that [`decide()`](crate::decide())
//! sends, in virtual time.
//!
//! # What is assumed
//!
//! * A request that came after the lifetime of its prefix, and wrote what could have been read, would
//!   have read it, had the prefix been kept. Where the prompt became shorter than what was cached, the
//!   conversation was compacted or changed, and nothing is credited.
//! * A request that came in time and wrote anyway was not helped by a ping.
//! * A conversation counts as closed after [`Settings::closed_after`] without a request, and is not
//!   warmed any longer. Nobody records when a conversation is closed; for a policy that never stops,
//!   that is what limits the loss.
//! * A ping is answered at once.
//!
//! # Example
//!
//! A pause of 20 minutes with 100,000 tokens in the cache:
//!
//! ```
//! use cache_warmer::{
//!     Providers, RequestUsage,
//!     simulate::{History, Request, Settings, SimulatedPolicy, simulate},
//! };
//! use common_fs::Timestamp;
//!
//! let request = |minute: i64| {
//!     let started = Timestamp::clamped(minute * 60, 0);
//!     let usage = RequestUsage { write_5m: 100_000, ..RequestUsage::default() };
//!     Request { started, ended: started, usage }
//! };
//! let history = History {
//!     id: "example".to_owned(),
//!     provider: "anthropic".to_owned(),
//!     model: "claude-opus-4-5".to_owned(),
//!     is_subagent: false,
//!     requests: vec![request(0), request(20)],
//! };
//! let settings = Settings::new(Timestamp::clamped(20 * 60, 0));
//! let policies = [SimulatedPolicy::None, SimulatedPolicy::SkiRental];
//! let simulation = simulate(&[history], &policies, &Providers::builtin(), &settings);
//!
//! // Each ping reads for 5 cents, and what would have been written for 62.5 cents is read instead.
//! let [none, warmed] = &simulation.conversations[0].outcomes[..] else { panic!() };
//! assert_eq!((none.pings, none.cost.to_string()), (0, "$1.2500".to_owned()));
//! assert_eq!((warmed.pings, warmed.net().to_string()), (4, "$0.3750".to_owned()));
//! ```

mod break_even;
mod gap;
mod history;
mod outcome;
mod past;
mod policy;
mod thread;

use std::collections::BTreeMap;

use common_fs::Timestamp;

use crate::{Millis, Providers, Tier};

pub use break_even::{BreakEven, break_even};
pub use history::{History, Request};
pub use outcome::{Conversation, Outcome, Simulation, Unpriced};
pub use policy::SimulatedPolicy;

use thread::Thread;

/// What a simulation assumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// For how long entries are kept.
    pub lifetime: Lifetime,
    /// After how long without a request a conversation counts as closed.
    pub closed_after: Millis,
    /// When the simulation ends: what comes later is not known yet.
    pub until: Timestamp,
}

/// For how long entries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As the requests themselves tell; else, as is usual with the provider.
    Recorded,
    /// As if all had been written for this one, where the provider has it.
    Always(Tier),
}

impl Settings {
    /// The usual ones: a conversation without a request for a day is closed.
    pub const fn new(until: Timestamp) -> Self {
        Self { lifetime: Lifetime::Recorded, closed_after: Millis::from_hours(24), until }
    }
}

/// Replays each history under each policy.
///
/// Histories of a model without a known price are told in [`Simulation::unpriced`], and count nowhere.
pub fn simulate(
    histories: &[History],
    policies: &[SimulatedPolicy],
    providers: &Providers,
    settings: &Settings,
) -> Simulation {
    let mut unpriced = UnpricedModels::new();
    let mut threads = Vec::new();
    for history in histories.iter().filter(|history| !history.requests.is_empty()) {
        if let Ok(model) = providers.model(&history.provider, &history.model) {
            threads.push(Thread::new(history, model, settings));
        } else {
            count_unpriced(&mut unpriced, history);
        }
    }
    let learns = policies.contains(&SimulatedPolicy::Histogram);
    let limits = if learns { past::limits(&threads, settings) } else { Vec::new() };
    let conversation = |(nth, thread): (usize, &Thread<'_>)| {
        thread.conversation(policies, limits.get(nth).map(Vec::as_slice).unwrap_or_default())
    };
    Simulation {
        policies: policies.to_vec(),
        conversations: threads.iter().enumerate().map(conversation).collect(),
        unpriced: unpriced.into_values().collect(),
    }
}

/// By provider and model.
type UnpricedModels = BTreeMap<(String, String), Unpriced>;

fn count_unpriced(models: &mut UnpricedModels, history: &History) {
    let (provider, model) = (&history.provider, &history.model);
    let new = || Unpriced {
        provider: provider.clone(),
        model: model.clone(),
        conversations: 0,
        requests: 0,
    };
    let of_model = models.entry((provider.clone(), model.clone())).or_insert_with(new);
    of_model.conversations += 1;
    of_model.requests += history.requests.len() as u64;
}

#[cfg(test)]
mod tests;
