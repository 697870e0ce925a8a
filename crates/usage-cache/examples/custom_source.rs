//! A source of one's own: transcripts of a runtime that the library does not know.
//!
//! `docs/adding-a-source.md` has a shorter one. In this one, only the first line says which model
//! answers, so that the parser has to remember it, also from one refresh to the next.
//!
//! `cargo run --example custom_source` does it on a simulated machine.
#![expect(clippy::print_stdout, reason = "a program says what it has found")]

use std::{borrow::Cow, error::Error, ffi::OsStr, ops::ControlFlow, path::Path, time::Duration};

use serde::Deserialize;
use usage_cache::{
    Event, Facts, Gone, Locations, Name, Options, Outcome, Parser, Place, Prices, Query, Session,
    Source, TokenCounts, TranscriptName, Zone, common_fs::sim::Sim, parse_time, read_objects,
    refresh,
};

const RUN: &str = "/home/me/.forge/runs/7.jsonl";
const BEGINNING: &str = r#"{"model":"forge-1","directory":"/src/bell"}
{"at":"2026-08-31T12:00:00Z","prompt":100,"cached":60,"answer":5}
"#;
const MORE: &str = r#"{"at":"2026-08-31T12:05:00Z","prompt":200,"cached":160,"answer":8}
"#;

/// Keeps one file for each run: `~/.forge/runs/<number>.jsonl`.
#[derive(Debug)]
struct Forge;

impl Source for Forge {
    fn name(&self) -> &'static str {
        "forge"
    }

    fn version(&self) -> u32 {
        1
    }

    fn dirs(&self) -> &'static [&'static str] {
        &["runs"]
    }

    fn classify<'n>(&self, name: &'n OsStr) -> Name<'n> {
        match name.as_encoded_bytes().strip_suffix(b".jsonl") {
            Some(run) => {
                Name::Transcript(TranscriptName { session: Some(run), ..TranscriptName::default() })
            }
            None => Name::Other,
        }
    }

    fn parser(&self, state: Option<&str>) -> Box<dyn Parser> {
        Box::new(Run { model: state.map(str::to_owned), directory: None })
    }
}

/// What is known of a run after some of its lines.
struct Run {
    model: Option<String>,
    directory: Option<String>,
}

/// A line: the first one, or an answer.
#[derive(Deserialize)]
struct Line {
    model: Option<String>,
    directory: Option<String>,
    at: Option<String>,
    #[serde(default)]
    prompt: u64,
    #[serde(default)]
    cached: u64,
    #[serde(default)]
    answer: u64,
}

impl Parser for Run {
    fn line(&mut self, line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        // Also if a crash of the runtime has left two lines without an end between them.
        read_objects(line, &mut |object| {
            let line: Line = serde_json::from_slice(object)?;
            self.model = line.model.or(self.model.take());
            self.directory = line.directory.or(self.directory.take());
            let total = line.prompt.saturating_add(line.answer);
            if total != 0 {
                let tokens = TokenCounts {
                    // The classes do not overlap.
                    input: line.prompt.saturating_sub(line.cached),
                    cache_read: line.cached,
                    output: line.answer,
                    cache_creation: 0,
                    total,
                };
                let at = line.at.as_deref().and_then(parse_time);
                let model = self.model.as_deref().map(Cow::Borrowed);
                hand_on(&Event { at, model, tokens, ..Event::default() });
            }
            Ok(Outcome::Fine)
        })
    }

    fn state(&self) -> Option<String> {
        self.model.clone()
    }

    fn project(&self) -> Option<&str> {
        self.directory.as_deref()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let facts = facts_of_two_refreshes();
    for of in facts.sessions(&Query::all(Zone::utc())).iter() {
        let Session { source, id, project, .. } = of.session;
        let project = project.ok_or("the first line has a directory")?;
        println!("{source} {id} in {project}: {} tokens", of.usage.tokens.total);
        for model in of.models {
            println!("  {:?}: {} answers", model.model.name, model.usage.events);
        }
    }
    Ok(())
}

/// What is known of a run that went on after it was first read.
pub(crate) fn facts_of_two_refreshes() -> Facts {
    let machine = Sim::new();
    machine.fs.make_dir("/home/me/.forge/runs");
    let places = vec![Place::new(&Forge, "/home/me/.forge")];
    let options = Options::new(Locations::new(places, Path::new("/home/me/state")));
    let refresh = || {
        machine.clock.advance(Duration::from_mins(1));
        refresh(machine.host(), &options, &mut |_| ControlFlow::Continue(())).usage
    };
    machine.fs.put(RUN, BEGINNING.as_bytes());
    refresh();
    machine.fs.append(RUN, MORE.as_bytes());
    refresh().facts(Gone::Include, &Prices::builtin())
}
