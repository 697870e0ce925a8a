//! Exact token and cost totals over the transcripts of local AI-agent runtimes.
//!
//! Agent runtimes append every answer of a model to transcripts: gigabytes of JSON lines, of
//! which a few numbers matter. [`refresh()`] reads what is new in them, folds it into a small cache
//! file, and gives a [`UsageCache`] that answers for any days, any time zone and any prices
//! without reading a transcript again. [`open`] gives the same from the cache alone.
//!
//! # Example
//!
//! What was used today, and what is not known about it:
//!
//! ```
//! use std::ops::ControlFlow;
//! use usage_cache::{Locations, Options, Query, Zone, configured_prices, refresh};
//! # let home = common_fs::sim::Sim::new(); // a real program takes `Host::real()`
//! # let (host, env) = (home.host(), |name: &str| (name == "HOME").then(|| "/home/me".into()));
//!
//! let locations = Locations::from_env(host.fs, env).ok_or("no home directory")?;
//! let (prices, _unreadable) = configured_prices(host.fs, &locations);
//! let refreshed = refresh(host, &Options::new(locations), &mut |progress| {
//!     println!("{} of {} transcripts", progress.files_done, progress.files_total);
//!     ControlFlow::Continue(()) // or `Break` to end early; what was read is kept
//! });
//!
//! let zone: Zone = "Europe/Berlin".parse()?;
//! let today = zone.day(host.clock.now());
//! let query = Query { since: Some(today), ..Query::all(zone) };
//! let summary = refreshed.usage.summary(&query, &prices);
//! println!("{} tokens", summary.totals.tokens.total);
//! println!("${:.2}, without {} answers of unknown price",
//!     summary.totals.cost.dollars(), summary.totals.unpriced_events);
//! println!("{:?}", refreshed.usage.status().freshness);
//! # assert_eq!(summary.totals.tokens.total, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Guarantees
//!
//! * **Exact.** A refresh finds what a scan from nothing would find, after any history of
//!   appends, truncations, replacements, renames, deletions and crashes. The cache is never able
//!   to change an answer. (Not noticed is a change in the middle of a transcript that leaves its
//!   size, or lets it grow, and the last 4 KiB of what was read before; nobody who appends does
//!   that.)
//! * **In proportion.** Work and bytes written are in proportion to what has changed. Without
//!   changes, each transcript is looked at once, and nothing is opened or written.
//! * **Complete.** Every answer says what it does not know: [`Status`], [`Usage::unpriced_events`],
//!   [`Summary::untimed`]. Unknown cost is never zero.
//! * **Kept.** A transcript that is deleted stays counted, see [`Gone`]; one that is archived,
//!   renamed or moved counts once.
//!
//! # Not provided
//!
//! Transcripts of other runtimes than OpenClaw, transcripts in SQLite, compressed archives
//! (counted as passed over), and prices of its own.

mod checkpoint;
mod discover;
mod entries;
mod event;
mod freshness;
mod locations;
mod models;
mod money;
mod openclaw;
mod parallel;
mod prices;
mod reconcile;
mod refresh;
mod rollup;
mod scan;
mod scope;
mod store;
mod summary;
mod tokens;
mod transcript;
mod usage;
mod zone;

pub use checkpoint::CheckpointPolicy;
pub use common_fs;
pub use discover::{Root, RootState};
pub use locations::Locations;
pub use models::Model;
pub use money::NanoUsd;
pub use openclaw::{ConfigError, configured_prices};
pub use prices::{Price, Prices, Rates};
pub use refresh::{OnProgress, Options, Progress, Refreshed, Work, open, refresh};
pub use store::{CacheProblem, SaveError};
pub use summary::{DailyUsage, Gone, ModelUsage, Query, Summary, Usage};
pub use tokens::TokenCounts;
pub use usage::{Freshness, Status, UsageCache};
pub use zone::{Day, NotADay, UnknownZone, Zone};

/// Lets the tests compile the example in the README of the workspace.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
