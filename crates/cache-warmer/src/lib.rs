//! Keeps the prompt cache of a conversation warm, only while that pays.
//!
//! Providers keep the prefix of a prompt for five minutes or an hour after it was last used. Reading
//! it costs a twentieth to a tenth of writing it anew. So somebody who comes back after a pause pays
//! dearly, and a small request in time, a ping, would have avoided that; but pings cost too, and most
//! pauses are longer than pings can pay for.
//!
//! [`decide`](fn@decide) says for one conversation what to do, why, and by which numbers. [`Warmer`] does so for
//! all conversations over time: events go in, actions come out. Nothing here asks for the time, sends
//! or writes anything; [`Ledger`] holds what it has cost and what it is proven to have saved.
//!
//! # Example
//!
//! The loop of an embedder, here in virtual time:
//!
//! ```
//! use cache_warmer::{
//!     Account, Action, Answered, Event, Fingerprint, Happened, Ledger, Millis, Now, Policy,
//!     Providers, Reason, RequestUsage, Warmer,
//! };
//! use std::sync::Arc;
//!
//! let mut warmer =
//!     Warmer::new(Policy::SKI_RENTAL, Ledger::default(), Now::virtual_millis(0));
//! let providers = Providers::builtin();
//! let model = Arc::clone(providers.model("anthropic", "claude-sonnet-4-5")?);
//! let answered = Answered {
//!     usage: RequestUsage { write_5m: 100_000, ..RequestUsage::default() },
//!     took: Millis::from_secs(2),
//!     model: Some(model),
//!     tier: None,
//!     prefix: Fingerprint(0x5eed),
//!     account: Account(1),
//!     subagent: false,
//! };
//! let mut clock = 2000;
//! let mut todo = Vec::new();
//! for happened in [
//!     Happened::EnabledSet(true),
//!     Happened::TurnStarted,
//!     Happened::Answered(answered),
//!     Happened::TurnSettled,
//! ] {
//!     let now = Now::virtual_millis(clock);
//!     todo.extend(warmer.handle(Event::Conversation("c", happened), now));
//! }
//! let mut pings = 0;
//! loop {
//!     for action in std::mem::take(&mut todo) {
//!         let report = match action {
//!             // Written down, durably.
//!             Action::Persist { version, settings, .. } => Happened::Persisted { version, settings },
//!             // Sent; this is the answer.
//!             Action::Send { generation, .. } => {
//!                 pings += 1;
//!                 clock += 1000;
//!                 let usage = RequestUsage { read: 100_000, ..RequestUsage::default() };
//!                 Happened::WarmCompleted { generation, usage, took: Millis::from_secs(1) }
//!             }
//!             Action::Cancel { .. } | Action::Notify { .. } => continue,
//!         };
//!         let now = Now::virtual_millis(clock);
//!         todo.extend(warmer.handle(Event::Conversation("c", report), now));
//!     }
//!     if todo.is_empty() {
//!         // Sleep until the next time something is due.
//!         let Some(due) = warmer.next_due() else { break };
//!         clock = due.0;
//!         todo = warmer.handle(Event::Tick, Now::virtual_millis(clock));
//!     }
//! }
//! // Nobody came back: it has stopped by itself.
//! assert_eq!((pings, warmer.status("c").reason), (11, Reason::PingsSpent));
//! assert_eq!(warmer.ledger().spent.to_string(), "$0.3300");
//! # Ok::<(), cache_warmer::Unknown>(())
//! ```
//!
//! # Guarantees
//!
//! * **Opt-in.** Nothing is sent for a conversation that nobody has switched on, nor before a real
//!   request was seen. Switching off holds at once; switching on, once it is written down.
//! * **Bounded.** An idle spell gets no more pings than can pay for themselves; a budget is not
//!   exceeded, as each ping has to leave room for the most that it can cost.
//! * **Never silent.** After a failure a conversation is scheduled, or its [`Reason`] says why not.
//! * **Honest.** A ping counts by what the last real request had left in the cache; a saving counts
//!   when a real request has read what was kept after it would have expired.
//!
//! # Not provided
//!
//! Sending, and what is part of it: capturing the last request, and replaying exactly that.

mod decide;
pub mod economics;
mod event;
mod gaps;
mod ledger;
mod millis;
mod money;
mod now;
mod policy;
mod provider;
#[cfg(feature = "proxy")]
pub mod proxy;
mod reason;
pub mod seed;
mod settings;
pub mod simulate;
mod state;
mod tier;
mod timers;
mod usage;
mod verify;
mod warmer;

pub use decide::{Decided, Decision, Numbers, Situation, Spent, decide};
pub use event::{
    Account, Action, Answered, Event, Failure, Fingerprint, Generation, Happened, Status,
};
pub use gaps::{GapHistogram, Stakes};
pub use ledger::{Day, Ledger, Spells};
pub use millis::Millis;
pub use money::NanoDollars;
pub use now::Now;
pub use policy::{BreakerRules, Budget, GAPS_MIN, Guard, PingLimit, Policy};
pub use provider::{Model, Prices, Providers, ProvidersError, Source, Terms, Unknown, WarmMethod};
pub use reason::Reason;
pub use settings::{Interval, Settings};
pub use state::{Claim, StateDir, StateError, StoredSettings};
pub use tier::Tier;
pub use usage::RequestUsage;
pub use verify::{Verdict, verify};
pub use warmer::{Load, Warmer};
