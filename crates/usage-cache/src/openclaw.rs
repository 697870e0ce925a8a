//! OpenClaw's transcripts: which files they are, and what their lines say.
//!
//! The rules are those of OpenClaw's own usage reports, as of version 2026.9.6, except that
//! lines end at byte 0x0A only and that what is skipped is counted. `docs/formats.md` has them
//! in full.

mod config;
mod line;
mod name;
mod records;
mod session;
mod usage;

use std::{ffi::OsStr, path::Path};

use crate::{Belongs, Event, Name, Outcome, Parser, Source};

pub use config::{ConfigError, configured_prices};
pub(crate) use session::SessionReader;

/// [OpenClaw](https://docs.openclaw.ai): `agents/<agent>/sessions` below a state directory, with
/// `archive` in it, and since version 2026.7.2 the database
/// `agents/<agent>/agent/openclaw-agent.sqlite`.
#[derive(Clone, Copy, Debug)]
pub struct OpenClaw;

impl Source for OpenClaw {
    fn name(&self) -> &'static str {
        "openclaw"
    }

    fn version(&self) -> u32 {
        1
    }

    fn dirs(&self) -> &'static [&'static str] {
        &["agents/*/sessions", "agents/*/sessions/archive"]
    }

    fn classify<'n>(&self, name: &'n OsStr) -> Name<'n> {
        name::classify(name)
    }

    /// `agents/<agent>/sessions`, with `archive` in it, or `agents/<agent>/agent/<database>`.
    fn belongs<'p>(&self, dir: &'p Path, _: &'p str) -> Belongs<'p> {
        let agent = agent_of_database(dir).or_else(|| agent_of_files(dir));
        let agent = agent.and_then(Path::file_name).map(OsStr::to_string_lossy);
        Belongs { agent, ..Belongs::default() }
    }

    fn parser(&self, _: Option<&str>) -> Box<dyn Parser> {
        Box::new(Self)
    }

    fn archive_parser(&self) -> Box<dyn Parser> {
        Box::new(SessionReader::whole())
    }

    fn databases(&self) -> &'static [&'static str] {
        &["agents/*/agent/openclaw-agent.sqlite"]
    }
}

/// The directory of the agent that a database belongs to.
pub(crate) fn agent_of_database(path: &Path) -> Option<&Path> {
    let is_database = path.ends_with("agent/openclaw-agent.sqlite");
    path.parent()?.parent().filter(|_| is_database)
}

/// The directory of the agent that a directory of transcripts belongs to.
pub(crate) fn agent_of_files(dir: &Path) -> Option<&Path> {
    let sessions = if dir.ends_with("sessions/archive") { dir.parent()? } else { dir };
    sessions.parent().filter(|_| sessions.ends_with("sessions"))
}

/// Each line stands for itself.
impl Parser for OpenClaw {
    fn line(&mut self, line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        records::read_line(line, hand_on)
    }
}
