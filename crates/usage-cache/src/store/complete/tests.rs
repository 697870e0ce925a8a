use std::{num::NonZeroUsize, ops::ControlFlow, time::Duration};

use common_fs::sim::Sim;

use super::*;
use crate::{
    CheckpointPolicy, Freshness, Gone, Locations, OpenClaw, Options, Place, Prices, Remembered,
    refresh, remember,
};

const CACHE: &str = "/state/usage-cache.jsonl";

/// A machine with some transcripts, of which all is known.
fn machine() -> (Sim, Options) {
    let sim = Sim::new();
    let sessions = "/h/.openclaw/agents/main/sessions";
    sim.fs.make_dir(sessions);
    for name in ["a", "b", "c"] {
        let answer = "{\"type\":\"message\",\"timestamp\":\"2026-02-05T12:00:00.000Z\",\"message\":\
                      {\"role\":\"assistant\",\"provider\":\"acme\",\"model\":\"x\",\
                      \"usage\":{\"input\":7}}}\n";
        sim.fs.put(format!("{sessions}/{name}.jsonl"), answer.as_bytes());
    }
    sim.clock.advance(Duration::from_secs(10));
    let places = vec![Place::new(&OpenClaw, "/h/.openclaw")];
    let options = Options {
        checkpoint: CheckpointPolicy::DEFAULT,
        threads: NonZeroUsize::MIN,
        ..Options::new(Locations::new(places, "/state".as_ref()))
    };
    refreshed(&sim, &options);
    (sim, options)
}

fn refreshed(sim: &Sim, options: &Options) -> crate::UsageCache {
    refresh(sim.host(), options, &mut |_| ControlFlow::Continue(())).usage
}

fn lines(sim: &Sim, found: Key, threads: usize) -> Option<Lines> {
    open_if_complete(sim.host(), CACHE.as_ref(), found, threads)
}

#[test]
fn every_line_is_checked_by_however_many_threads() {
    let (sim, _) = machine();
    let whole = sim.fs.content(CACHE).unwrap();
    let found = last_complete(sim.host(), CACHE.as_ref()).unwrap().found;
    for threads in (0..10).chain([whole.len(), whole.len() + 9]) {
        let (entries, _) = lines(&sim, found, threads).unwrap().read().unwrap();
        assert_eq!(entries.values().count(), 3);
        assert!(lines(&sim, Key(found.0 + 1), threads).is_none());
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        sim.fs.put(CACHE, &damaged);
        for threads in 1..5 {
            assert!(lines(&sim, found, threads).is_none(), "byte {at}, {threads} threads");
        }
    }
    // A line that is whole and is not one of them.
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', &whole).map(|end| end + 1).collect();
    for [from, to] in ends.windows(2).map(|ends| [ends[0], ends[1]]) {
        let twice = [&whole[..to], &whole[from..]].concat();
        let missing = [&whole[..from], &whole[to..]].concat();
        for content in [twice, missing] {
            sim.fs.put(CACHE, &content);
            assert!((1..5).all(|threads| lines(&sim, found, threads).is_none()));
        }
    }
}

#[test]
fn what_is_changed_before_it_is_asked_for_is_told() {
    for at_end in [false, true] {
        let (sim, options) = machine();
        let usage = refreshed(&sim, &options);
        let mut content = sim.fs.content(CACHE).unwrap();
        if at_end {
            content.pop();
        } else {
            let middle = content.len() / 2;
            content[middle] ^= 1;
        }
        sim.fs.put(CACHE, &content);
        let facts = usage.facts(Gone::Include, &Prices::none());
        let status = usage.status();
        assert_eq!((status.freshness, status.unreadable.len()), (Freshness::Stale, 1));
        let remembered = remember(sim.host(), &options, &usage, &facts).unwrap();
        assert_eq!((facts.basis(), remembered), (None, Remembered::No));
        assert_eq!((status.cached_files, status.pending_files), (0, 3));
    }
}

#[test]
fn what_saved_facts_do_not_tell_can_be_lost_too() {
    let (sim, options) = machine();
    let usage = refreshed(&sim, &options);
    let facts = usage.facts(Gone::Include, &Prices::none());
    remember(sim.host(), &options, &usage, &facts).unwrap();
    let usage = refreshed(&sim, &options);
    sim.fs.put(CACHE, b"");
    assert_eq!(usage.facts(Gone::Include, &Prices::none()), facts);
    assert_eq!(usage.status().freshness, Freshness::Fresh);
    let others = usage.facts(Gone::Exclude, &Prices::none());
    assert_eq!((usage.status().freshness, others.basis()), (Freshness::Stale, None));
}

#[test]
fn what_is_saved_before_it_is_asked_for_changes_nothing() {
    let (sim, options) = machine();
    let usage = refreshed(&sim, &options);
    sim.fs.put("/h/.openclaw/agents/main/sessions/d.jsonl", b"{}\n");
    sim.clock.advance(Duration::from_secs(10));
    assert_eq!(refreshed(&sim, &options).status().cached_files, 4);
    assert_eq!((usage.status().freshness, usage.status().cached_files), (Freshness::Fresh, 3));
}
