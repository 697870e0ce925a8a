//! The public behaviour of `usage-cache`, one binary.
//!
//! Rows `U…` name faults of the project's fault catalogue, see `docs/faults.md`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod adding_a_source;
mod archives;
mod cache_file;
mod checkpoints;
mod claude;
mod codex;
#[cfg(feature = "sqlite")]
mod database;
#[cfg(feature = "sqlite")]
mod database_edges;
mod discovery;
mod examples;
mod facts;
mod ledger;
mod ledger_files;
mod lives;
mod logs;
mod price_lists;
mod prices;
mod priority;
mod properties;
mod races;
mod refresh;
mod runtime;
mod sources;
mod sweep;
mod trace;
mod vectors;
mod verify;
mod world;
