//! Codex's rollouts: which files they are, and what their lines say.
//!
//! A rollout is the transcript of one thread. It records what the model used as counters that
//! run on, so a line means something only after the lines before it; and a thread that was forked
//! from another, or started by one, may begin with a copy of what the other recorded.
//!
//! The format is that of `codex-rs/protocol` in
//! [openai/codex](https://github.com/openai/codex). The rules for odd counters and copies are
//! those of [CodexBar](https://github.com/steipete/CodexBar), except where real rollouts have
//! shown them to lose or to invent usage; `counters` and `session` say where. `docs/formats.md`
//! has the fields.

mod counters;
mod counts;
mod line;
mod reader;
mod recent;
mod session;

use std::{borrow::Cow, ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path};

use crate::{
    Belongs, Name, Origin, Parser, Source, TranscriptName,
    archived::{Archived, COMPRESSED},
};

/// [Codex](https://github.com/openai/codex): `sessions` and `archived_sessions` below
/// `$CODEX_HOME`.
#[derive(Clone, Copy, Debug)]
pub struct Codex;

impl Source for Codex {
    fn name(&self) -> &'static str {
        "codex"
    }

    fn version(&self) -> u32 {
        3
    }

    fn dirs(&self) -> &'static [&'static str] {
        &["sessions/**", "archived_sessions/**"]
    }

    fn classify<'n>(&self, name: &'n OsStr) -> Name<'n> {
        let name = name.as_bytes();
        if name.starts_with(b".") {
            return Name::Other;
        }
        let archived = Archived::read(name);
        let is_compressed = archived.is_some_and(|archived| archived.compressed);
        let live = archived.map_or(name, |archived| archived.of);
        // Codex compresses a rollout that is finished; who puts one away, what there is.
        let (rollout, compressed, origin) = match live.strip_suffix(COMPRESSED) {
            Some(rollout) if !is_compressed => (rollout, true, Origin::Finished),
            _ => (live, is_compressed, Origin::Appended),
        };
        if let Some(session) = rollout.strip_suffix(b".jsonl") {
            let (session, archived_at) = (Some(session), archived.map(|archived| archived.at));
            let transcript = TranscriptName { session, archived_at, compressed, origin };
            return Name::Transcript(transcript);
        }
        if live.ends_with(b".jsonl.gz") || live.ends_with(b".jsonl.zst") {
            return Name::Compressed;
        }
        Name::Other
    }

    /// `rollout-<time>-<id of the session>`.
    fn belongs<'p>(&self, _: &'p Path, session: &'p str) -> Belongs<'p> {
        /// Of a UUID.
        const ID_CHARS: usize = 36;
        let id = session.len().checked_sub(ID_CHARS).and_then(|at| session.get(at..));
        let id = id.filter(|id| session.starts_with("rollout-") && id.split('-').count() == 5);
        Belongs { session: id.map(Cow::Borrowed), ..Belongs::default() }
    }

    /// A state that is not one counts as none.
    fn parser(&self, state: Option<&str>) -> Box<dyn Parser> {
        Box::new(state.and_then(reader::Reader::resume).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
