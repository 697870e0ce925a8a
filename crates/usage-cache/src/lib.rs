//! Exact token and cost totals over the transcripts of local AI-agent runtimes: Claude Code,
//! Codex, OpenClaw, and any other [`Source`].
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
//! let (configured, _unreadable) = configured_prices(host.fs, &locations);
//! let prices = configured.with_builtin();
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
//!   appends, truncations, replacements, renames, deletions and crashes, in any order of files.
//!   The cache is never able to change an answer about transcripts that exist. (Not noticed is a
//!   change in the middle of a transcript that leaves its size, or lets it grow, and the last
//!   4 KiB of what was read before; nobody who appends does that.)
//! * **Once.** An answer that several transcripts record, because a session was resumed or
//!   forked, counts once. What cannot be told from that is not counted, and reported.
//! * **In proportion.** Work and bytes written are in proportion to what has changed. Without
//!   changes, each transcript is looked at once, and none is opened, and nothing written.
//! * **Complete.** Every answer says what it does not know: [`Status`], [`Usage::unpriced_events`],
//!   [`Summary::untimed`], [`Summary::unresolved`]. Unknown cost is never zero.
//! * **Kept.** A transcript that is deleted stays counted, see [`Gone`], until another one takes
//!   its path; one that is renamed, archived (beside where it was or in `archive` there,
//!   compressed or not) or brought back counts once. What one machine knows can move to another,
//!   see [`ledger`].
//!
//! # Databases
//!
//! OpenClaw keeps its sessions in a database, and Codex's trace database tells which turns had
//! [priority](trace). They are read through [`Databases`], if [`Options::databases`] has one:
//! `Sqlite` with the feature `sqlite`, or your own.

mod archived;
mod checkpoint;
mod claude;
mod closed;
mod codex;
mod databases;
mod discover;
mod entries;
mod facts;
mod fold;
mod freshness;
mod json;
pub mod ledger;
mod locations;
mod log;
mod models;
mod money;
mod objects;
mod openclaw;
mod parallel;
mod prices;
mod reconcile;
mod refresh;
mod resolve;
mod rollup;
mod saved;
mod scan;
mod scope;
mod sessions;
mod source;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
mod summary;
mod tokens;
pub mod trace;
mod transcript;
mod usage;
mod varint;
pub mod verify;
mod wire;
mod zone;

pub use checkpoint::CheckpointPolicy;
pub use claude::Claude;
pub use codex::Codex;
pub use common_fs;
pub use databases::{
    DatabaseStatus, Databases, DbProblem, DbProblemKind, OnStored, SessionDb, SessionRow, Stored,
};
pub use discover::{Root, RootState};
pub use facts::{
    BLOCK_HOURS, Block, BurnRate, By, Facts, Group, GroupKey, HourUsage, Projection, Session,
    SessionList, SessionUsage,
};
pub use json::parse_time;
pub use locations::{Locations, Place};
pub use models::Model;
pub use money::NanoUsd;
pub use objects::{read_objects, skim_object};
pub use openclaw::{ConfigError, OpenClaw, configured_prices};
pub use prices::{
    Price, PriceEntry, PriceList, PriceListError, Prices, Rates, ServiceRates, TieredRates,
    UserPricesError, user_prices, user_prices_path,
};
pub use refresh::{OnProgress, Options, Progress, Refreshed, Work, open, refresh};
pub use saved::{Glance, Remembered, Saved, glance, open_saved, remember};
pub use source::{
    Beginning, Belongs, Event, Key, Lineage, Name, Origin, Outcome, Parser, ServiceTier, Source,
    TranscriptName,
};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
pub use store::{CacheProblem, SaveError};
pub use summary::{DailyUsage, Gone, ModelUsage, Query, SourceUsage, Summary, Unresolved, Usage};
pub use tokens::TokenCounts;
pub use usage::{Freshness, Status, UsageCache};
pub use zone::{Day, NotADay, UnknownZone, Weekday, Zone};

/// Lets the tests compile the example in the README of the workspace.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The same for the page about sources.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/adding-a-source.md")]
struct AddingASource;
