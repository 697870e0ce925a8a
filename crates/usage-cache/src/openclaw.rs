//! OpenClaw's transcripts: which files they are, and what their lines say.
//!
//! The rules are those of OpenClaw's own usage reports, as of version 2026.9.6, except that
//! lines end at byte 0x0A only and that what is skipped is counted. `docs/formats.md` has them
//! in full.

mod config;

mod line;
mod name;
mod records;
mod usage;

pub use config::{ConfigError, configured_prices};
pub(crate) use name::{Name, Transcript, classify};
pub(crate) use records::{Outcome, read_line};

/// Goes up when the same bytes give other events or other buckets than before; then all
/// transcripts are read again.
pub(crate) const PARSER_VERSION: u32 = 1;
