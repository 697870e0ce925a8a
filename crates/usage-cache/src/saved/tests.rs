use std::{num::NonZeroUsize, ops::ControlFlow};

use common_fs::sim::Sim;

use super::{file::Header, *};
use crate::{
    CheckpointPolicy, Locations, NanoUsd, OpenClaw, Price, Prices, Query, Rates, Zone, refresh,
};

const SESSION: &str = "/h/.openclaw/agents/main/sessions/a.jsonl";
const FACTS: &str = "/state/usage-facts";

fn answer(tokens: u64) -> String {
    format!(
        "{{\"type\":\"message\",\"timestamp\":\"2026-02-05T12:00:00.000Z\",\"message\":{{\
         \"role\":\"assistant\",\"provider\":\"acme\",\"model\":\"x\",\
         \"usage\":{{\"input\":{tokens}}}}}}}\n"
    )
}

/// A machine with a transcript, of which all is known.
fn machine() -> (Sim, Options) {
    let sim = Sim::new();
    sim.fs.make_dir("/h/.openclaw/agents/main/sessions");
    sim.fs.put(SESSION, answer(7).as_bytes());
    wait(&sim);
    let places = vec![Place::new(&OpenClaw, "/h/.openclaw")];
    let options = Options {
        checkpoint: CheckpointPolicy::DEFAULT,
        threads: NonZeroUsize::MIN,
        ..Options::new(Locations::new(places, "/state".as_ref()))
    };
    refreshed(sim.host(), &options);
    (sim, options)
}

fn wait(sim: &Sim) {
    sim.clock.advance(std::time::Duration::from_secs(10));
}

fn refreshed(host: Host<'_>, options: &Options) -> UsageCache {
    refresh(host, options, &mut |_| ControlFlow::Continue(())).usage
}

fn facts_of(usage: &UsageCache) -> Facts {
    usage.facts(Gone::Include, &Prices::none())
}

fn tokens(facts: &Facts) -> u64 {
    facts.summary(&Query::all(Zone::utc())).totals.tokens.total
}

/// Tokens in the answers of a refresh, and in those of the cache alone.
fn answers(sim: &Sim, options: &Options, gone: Gone, prices: &Prices) -> [u64; 2] {
    let refreshed = refreshed(sim.host(), options).facts(gone, prices);
    let saved = open_saved(sim.host(), options, gone, prices).facts;
    [tokens(&refreshed), tokens(&saved)]
}

fn usual_answers(sim: &Sim, options: &Options) -> [u64; 2] {
    answers(sim, options, Gone::Include, &Prices::none())
}

/// Saves facts of something else, as if they were those of this machine: whoever takes them
/// tells something else. They say that there were 100 tokens.
fn with_wrong_facts() -> (Sim, Options) {
    let (other, options) = machine();
    other.fs.put(SESSION, answer(100).as_bytes());
    wait(&other);
    let (tables, sections) = facts_of(&refreshed(other.host(), &options)).written();
    let (sim, options) = machine();
    let usage = refreshed(sim.host(), &options);
    let basis = facts_of(&usage).basis().unwrap();
    let wrong = Facts::read(tables, sections, basis);
    assert_eq!(remember(sim.host(), &options, &usage, &wrong).unwrap(), Remembered::Saved);
    (sim, options)
}

#[test]
fn what_was_saved_is_taken() {
    let (sim, options) = with_wrong_facts();
    assert_eq!(usual_answers(&sim, &options), [100; 2]);
    let glance = glance(sim.host(), &options.locations).unwrap();
    assert_eq!(glance.summary(&Query::all(Zone::utc())).totals.tokens.total, 100);
    let project = Some("/p".to_owned());
    let query = Query { project, ..Query::all(Zone::utc()) };
    assert_eq!(glance.summary(&query).totals.tokens.total, 100);
    assert_eq!(glance.blocks(&query).len(), 1);
}

#[test]
fn what_was_made_of_something_else_is_not_taken() {
    let (sim, options) = with_wrong_facts();
    assert_eq!(answers(&sim, &options, Gone::Exclude, &Prices::none()), [7; 2]);
    assert_eq!(answers(&sim, &options, Gone::Include, &Prices::builtin()), [7; 2]);
    let mut configured = Prices::none();
    configured.add("acme", "x", Price::flat(Rates { input: Some(NanoUsd(1)), ..Rates::default() }));
    assert_eq!(answers(&sim, &options, Gone::Include, &configured), [7; 2]);
    // They are still there for who asks as before.
    assert_eq!(usual_answers(&sim, &options), [100; 2]);
    let places = [options.locations.places.clone(), vec![Place::new(&OpenClaw, "/none")]].concat();
    let elsewhere =
        Options { locations: Locations { places, ..options.locations.clone() }, ..options.clone() };
    assert!(glance(sim.host(), &elsewhere.locations).is_none());
    let saved = open_saved(sim.host(), &elsewhere, Gone::Include, &Prices::none());
    assert_eq!(tokens(&saved.facts), 7);
    // The cache file says something else from here on.
    sim.fs.append(SESSION, answer(1).as_bytes());
    wait(&sim);
    assert_eq!(usual_answers(&sim, &options), [8; 2]);
    assert_eq!(usual_answers(&sim, &options), [8; 2]);
}

#[test]
fn what_others_can_change_is_not_taken() {
    let (sim, options) = with_wrong_facts();
    sim.fs.set_mode(FACTS, 0o620);
    assert_eq!(usual_answers(&sim, &options), [7; 2]);
    assert!(glance(sim.host(), &options.locations).is_none());
}

#[test]
fn what_is_damaged_is_not_taken() {
    let (sim, options) = with_wrong_facts();
    let whole = sim.fs.content(FACTS).unwrap();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        sim.fs.put(FACTS, &damaged);
        assert_eq!(usual_answers(&sim, &options), [7; 2], "byte {at}");
        sim.fs.put(FACTS, &whole[..at]);
        assert_eq!(usual_answers(&sim, &options), [7; 2], "only {at} bytes");
    }
    sim.fs.put(FACTS, &[whole.as_slice(), b"\n"].concat());
    assert_eq!(usual_answers(&sim, &options), [7; 2]);
    sim.fs.put(FACTS, &whole);
    assert_eq!(usual_answers(&sim, &options), [100; 2]);
}

#[test]
fn what_was_written_by_another_version_is_not_taken() {
    let (sim, options) = machine();
    let usage = refreshed(sim.host(), &options);
    let facts = facts_of(&usage);
    let places = places_key(&options.locations.places).unwrap();
    let counts = || Counts::of(usage.status()).unwrap();
    let written = Header::write(places, &facts.basis().unwrap(), counts(), &facts);
    sim.fs.put(FACTS, &written);
    assert!(glance(sim.host(), &options.locations).is_some());
    let end = written.iter().position(|byte| *byte == b'\n').unwrap();
    let line: serde_json::Value = serde_json::from_slice(&written[..end]).unwrap();
    let changes = [("format", "other".into()), ("version", 2.into()), ("program", "9.9.9".into())];
    for (field, value) in changes {
        let mut line = line.clone();
        line.as_object_mut().unwrap().remove("sum");
        line[field] = value;
        let content = [crate::wire::seal(&line).line, written[end + 1..].to_vec()].concat();
        sim.fs.put(FACTS, &content);
        assert!(glance(sim.host(), &options.locations).is_none(), "{field}");
    }
}

#[test]
fn what_cannot_be_found_again_is_not_saved() {
    let (sim, options) = machine();
    let known = refreshed(sim.host(), &options);
    let facts = facts_of(&known);
    // What was opened, or read and not saved, has no name.
    let (opened, _) = crate::open(sim.host(), &options);
    let no = |usage: &UsageCache, facts: &Facts| {
        assert_eq!(remember(sim.host(), &options, usage, facts).unwrap(), Remembered::No);
        assert_eq!(sim.fs.content(FACTS), None);
    };
    no(&opened, &facts_of(&opened));
    no(&known, &facts_of(&opened));
    no(&opened, &facts);
    sim.fs.append(SESSION, answer(1).as_bytes());
    wait(&sim);
    // It was read and saved: that has another name than what was known before.
    no(&refreshed(sim.host(), &options), &facts);
}

#[test]
fn what_a_refresh_has_read_can_be_saved_and_confirmed() {
    let (sim, options) = machine();
    sim.fs.append(SESSION, answer(1).as_bytes());
    wait(&sim);
    let usage = refreshed(sim.host(), &options);
    let made = facts_of(&usage);
    assert_eq!(remember(sim.host(), &options, &usage, &made).unwrap(), Remembered::Saved);
    let modified = || sim.fs.stat(FACTS).unwrap().modified;
    let before = (modified(), sim.fs.content(FACTS));
    wait(&sim);
    let usage = refreshed(sim.host(), &options);
    let facts = facts_of(&usage);
    assert_eq!(facts, made);
    assert_eq!(remember(sim.host(), &options, &usage, &facts).unwrap(), Remembered::Confirmed);
    assert_eq!(sim.fs.content(FACTS), before.1);
    assert!(before.0 < modified());
    let glance = glance(sim.host(), &options.locations).unwrap();
    assert_eq!(glance.held_at(), modified());
    let saved = open_saved(sim.host(), &options, Gone::Include, &Prices::none());
    assert_eq!((tokens(&saved.facts), saved.held_at), (8, Some(modified())));
    assert_eq!(saved.status.refreshed_at, usage.status().refreshed_at);
    assert_eq!(saved.status.cached_files, 1);
}

#[test]
fn nothing_is_known_where_nothing_was_saved() {
    let sim = Sim::new();
    let places = vec![Place::new(&OpenClaw, "/h/.openclaw")];
    let options = Options::new(Locations::new(places, "/state".as_ref()));
    assert!(glance(sim.host(), &options.locations).is_none());
    let saved = open_saved(sim.host(), &options, Gone::Include, &Prices::none());
    assert_eq!((tokens(&saved.facts), saved.held_at), (0, None));
    assert_eq!(saved.status.cached_files, 0);
}
