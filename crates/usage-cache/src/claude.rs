//! Claude Code's transcripts: which files they are, and what their lines say.
//!
//! An answer is recorded several times: once per block of its content while it is streamed, with
//! counts that grow, and again in every session that is resumed or forked from this one. What
//! tells answers apart is the number of the message together with that of the request.

mod line;

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path, sync::LazyLock};

use memchr::memmem::Finder;

use crate::{
    Belongs, Event, Name, Origin, Outcome, Parser, Source, TranscriptName, archived::Archived,
    read_objects, skim_object,
};
use line::Line;

/// [Claude Code](https://code.claude.com/docs): `projects` below a configuration directory.
#[derive(Clone, Copy, Debug)]
pub struct Claude;

impl Source for Claude {
    fn name(&self) -> &'static str {
        "claude"
    }

    fn version(&self) -> u32 {
        2
    }

    fn dirs(&self) -> &'static [&'static str] {
        &["projects/**"]
    }

    fn classify<'n>(&self, name: &'n OsStr) -> Name<'n> {
        let name = name.as_bytes();
        let archived = Archived::read(name);
        let live = archived.map_or(name, |archived| archived.of);
        match live.strip_suffix(b".jsonl") {
            Some(session) if !session.is_empty() && !session.starts_with(b".") => {
                Name::Transcript(TranscriptName {
                    session: Some(session),
                    archived_at: archived.map(|archived| archived.at),
                    compressed: archived.is_some_and(|archived| archived.compressed),
                    origin: Origin::Appended,
                })
            }
            Some(_) | None => Name::Other,
        }
    }

    /// `projects/<directory, with dashes>/<session>/subagents` has the sub-agents of a session.
    fn belongs<'p>(&self, dir: &'p Path, _: &'p str) -> Belongs<'p> {
        let (above, session) = match (dir.parent(), dir.ends_with(SUB_AGENTS)) {
            (Some(session), true) => (session.parent(), session.file_name()),
            _ => (Some(dir), None),
        };
        Belongs {
            agent: None,
            project: above.and_then(Path::file_name).map(OsStr::to_string_lossy),
            session: session.map(OsStr::to_string_lossy),
        }
    }

    fn parser(&self, _: Option<&str>) -> Box<dyn Parser> {
        Box::new(Reader::default())
    }
}

/// The directory of a session's sub-agents.
const SUB_AGENTS: &str = "subagents";

/// Lines without these cannot record an answer. Writers of JSON do not escape letters.
static USAGE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"usage\""));
static ASSISTANT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"assistant\""));

/// What is known after some lines.
#[derive(Debug, Default)]
struct Reader {
    project: Option<String>,
}

/// Each line stands for itself; that later ones replace earlier ones is said by their identity.
impl Parser for Reader {
    fn line(&mut self, line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        if USAGE.find(line).is_none() || ASSISTANT.find(line).is_none() {
            return skim_object(line);
        }
        read_objects(line, &mut |object| {
            let Some(line) = Line::read(object)? else { return Ok(Outcome::Malformed) };
            if let Some(event) = line.event() {
                hand_on(&event);
            }
            if self.project.is_none() {
                self.project = line.project();
            }
            Ok(Outcome::Fine)
        })
    }

    fn project(&self) -> Option<&str> {
        self.project.as_deref()
    }
}

#[cfg(test)]
mod tests;
