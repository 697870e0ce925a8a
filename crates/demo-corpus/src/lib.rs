//! Made-up transcripts of agent runtimes, the same for the same seed.
//!
//! For demonstrations, benchmarks and tests: sessions of plausible length, with prompts, tool
//! calls, tool results, and answers that carry usage and cost. What the text says is nonsense.
//!
//! ```
//! let corpus = demo_corpus::Corpus { sessions: 3, seed: 1, ..demo_corpus::Corpus::SMALL };
//! for file in corpus.openclaw() {
//!     assert!(file.path.starts_with("agents/main/sessions"));
//!     assert!(file.content.ends_with(b"}\n"));
//! }
//! ```

mod claude;
mod codex;
mod draft;
mod json;
mod openclaw;
pub mod openclaw_db;
pub mod openclaw_store;
mod recorded;
pub mod trace;

use std::path::PathBuf;

pub use recorded::{Counts, Recorded};

/// What is to be made up.
#[derive(Clone, Copy, Debug)]
pub struct Corpus {
    /// How many sessions.
    pub sessions: u32,
    /// Other seeds make other sessions.
    pub seed: u64,
    /// About when the latest sessions end, in milliseconds since the Unix epoch.
    pub latest_millis: i64,
    /// Over how many days before that the sessions are spread.
    pub days: u32,
    /// How many answers a session has, at the median. The longest have twenty times as many.
    pub answers_median: u32,
}

impl Corpus {
    /// Enough to look at: some megabytes over a month, until 2026-09-01.
    pub const SMALL: Self = Self {
        sessions: 60,
        seed: 1,
        latest_millis: 1_788_220_800_000,
        days: 30,
        answers_median: 25,
    };

    /// The files below a state directory of OpenClaw, one session at a time.
    pub fn openclaw(self) -> impl Iterator<Item = File> {
        (0..self.sessions).map(move |nth| openclaw::session(&self, nth))
    }

    /// The files below a configuration directory of Claude Code. Answers are recorded several
    /// times while they grow, and again in sessions that go on with another.
    pub fn claude(self) -> impl Iterator<Item = File> {
        (0..self.sessions).map(move |nth| claude::session(&self, nth))
    }

    /// The files below a home directory of Codex.
    pub fn codex(self) -> impl Iterator<Item = File> {
        (0..self.sessions).map(move |nth| codex::session(&self, nth))
    }
}

/// A file that is made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it belongs, below the directory of the runtime.
    pub path: PathBuf,
    /// What it holds.
    pub content: Vec<u8>,
    /// What its own answers add up to.
    pub truth: Truth,
    /// The tokens that it records, those that count and those that do not.
    pub recorded: Recorded,
}

/// What a file adds up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Answers with usage.
    pub events: u64,
    /// All their tokens.
    pub tokens: u64,
    /// Their cost in billionths of a dollar.
    pub cost_nanos: u64,
}
