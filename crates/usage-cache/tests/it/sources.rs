//! Sources that a program brings along, in odd places.

use std::ffi::OsStr;

use usage_cache::{
    Beginning, Event, Key, Lineage, Name, Outcome, Parser, Place, Source, TokenCounts,
    TranscriptName, parse_time,
};

use crate::world::{World, all};

/// Transcripts of lines such as `id 10`, an answer with its tokens, or `copy 1`: so many answers
/// are those of others.
#[derive(Debug)]
struct Made {
    name: &'static str,
    dirs: &'static [&'static str],
    suffix: &'static str,
}

impl Source for Made {
    fn name(&self) -> &'static str {
        self.name
    }

    fn version(&self) -> u32 {
        1
    }

    fn dirs(&self) -> &'static [&'static str] {
        self.dirs
    }

    fn classify<'n>(&self, name: &'n OsStr) -> Name<'n> {
        if name.as_encoded_bytes().ends_with(self.suffix.as_bytes()) {
            Name::Transcript(TranscriptName::default())
        } else {
            Name::Other
        }
    }

    fn parser(&self, state: Option<&str>) -> Box<dyn Parser> {
        Box::new(MadeParser { copied: state.and_then(|state| state.parse().ok()) })
    }
}

struct MadeParser {
    copied: Option<u64>,
}

impl Parser for MadeParser {
    fn line(&mut self, line: &[u8], hand_on: &mut dyn FnMut(&Event<'_>)) -> Outcome {
        let (id, number) = std::str::from_utf8(line).unwrap().split_once(' ').unwrap();
        let number = number.parse().unwrap();
        if id == "copy" {
            self.copied = Some(number);
            return Outcome::Fine;
        }
        hand_on(&Event {
            identity: Some(Key::of(&[id.as_bytes()])),
            at: parse_time("2026-02-05"),
            tokens: TokenCounts { input: number, total: number, ..TokenCounts::default() },
            ..Event::default()
        });
        Outcome::Fine
    }

    fn state(&self) -> Option<String> {
        self.copied.map(|copied| copied.to_string())
    }

    fn lineage(&self) -> Lineage {
        let beginning = match self.copied {
            Some(events) => Beginning::Copy { events: Some(events) },
            None => Beginning::Own,
        };
        Lineage { session: None, beginning }
    }
}

static A: Made = Made { name: "a", dirs: &["logs"], suffix: ".a" };
static B: Made = Made { name: "b", dirs: &["logs"], suffix: ".b" };
static TWICE: Made = Made { name: "twice", dirs: &["logs", "logs/**", "*"], suffix: ".a" };

fn world(sources: &[&'static Made]) -> World {
    let mut world = World::new();
    world.sim.fs.make_dir("/h/x/logs/sub");
    let places = sources.iter().map(|source| Place::new(*source, "/h/x"));
    world.options.locations.places.extend(places);
    world
}

fn tokens(world: &World) -> u64 {
    world.wait();
    all(&world.refreshed().usage).totals.tokens.total
}

#[test]
fn a_copy_leaves_an_event_to_whoever_it_was_copied_from() {
    for (original, copy) in [("p.a", "q.a"), ("q.a", "p.a")] {
        let world = world(&[&A]);
        world.sim.fs.put(format!("/h/x/logs/{original}"), b"one 10\n");
        world.sim.fs.put(format!("/h/x/logs/{copy}"), b"copy 1\none 10\ntwo 5\n");
        assert_eq!(tokens(&world), 15);
    }
}

#[test]
fn sources_may_share_a_directory() {
    let world = world(&[&A, &B]);
    world.sim.fs.put("/h/x/logs/1.a", b"one 10\n");
    world.sim.fs.put("/h/x/logs/1.b", b"two 5\n");
    assert_eq!(tokens(&world), 15);
}

#[test]
fn patterns_may_overlap() {
    let world = world(&[&TWICE]);
    world.sim.fs.put("/h/x/logs/1.a", b"one 10\n");
    world.sim.fs.put("/h/x/logs/sub/1.a", b"two 5\n");
    // A circle of links ends.
    world.sim.fs.symlink("/h/x/logs/sub/up", "/h/x/logs");
    assert_eq!(tokens(&world), 15);
}

#[test]
fn a_place_within_another_may_be_away() {
    let mut world = world(&[&A]);
    world.sim.fs.make_dir("/h/x/inner/logs");
    world.options.locations.places.push(Place::new(&B, "/h/x/inner"));
    world.sim.fs.put("/h/x/inner/logs/1.b", b"two 5\n");
    assert_eq!(tokens(&world), 5);
    world.sim.fs.rename("/h/x/inner", "/h/x/away");
    assert_eq!(tokens(&world), 5);
    let status = world.refreshed().usage;
    let status = status.status();
    assert_eq!((status.gone_files, status.unverified_files), (0, 1));
}
