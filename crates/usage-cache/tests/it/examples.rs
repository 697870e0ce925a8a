//! The examples, run: their files are modules here, as `cargo run --example` would have to be built
//! for each of them.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

use usage_cache::{By, GroupKey, Locations, OpenClaw, Place, Query, Zone};

use crate::world::{World, all, answer_at, tokens};

#[expect(dead_code, reason = "`main` is for programs")]
#[path = "../../examples/custom_source.rs"]
mod custom_source;
#[expect(dead_code, reason = "`main` is for programs")]
#[path = "../../examples/live_refresh.rs"]
mod live_refresh;
#[expect(dead_code, reason = "`main` is for programs")]
#[path = "../../examples/own_fs.rs"]
mod own_fs;
#[expect(dead_code, reason = "`main` is for programs")]
#[path = "../../examples/totals_today.rs"]
mod totals_today;

#[test]
fn totals_of_today_are_of_today() {
    let world = World::new();
    world.put("a.jsonl", answer_at("2026-08-31T23:59:59Z", 100));
    world.append("a.jsonl", answer_at("2026-09-01T00:00:00Z", 20));
    world.append("a.jsonl", answer_at("2026-09-01T00:00:05Z", 3));
    world.wait();
    let places = vec![Place::new(&OpenClaw, "/h/.openclaw")];
    let locations = Locations::new(places, Path::new("/state"));
    let today = totals_today::totals_today(world.sim.host(), locations, Zone::utc());
    assert_eq!((today.totals.tokens.total, today.totals.events), (23, 2));
    assert_eq!(today.totals.cost.0, 23_000_000);
}

#[test]
fn a_live_refresh_tells_and_is_broken_off() {
    let world = World::new();
    for name in ["a.jsonl", "b.jsonl", "c.jsonl"] {
        world.put(name, answer_at("2026-09-01T00:00:00Z", 100));
    }
    world.wait();
    let refresh = |cancelled: &AtomicBool, cancel_at: usize| {
        let mut lines = Vec::new();
        let mut show = |line: &str| {
            lines.push(line.to_owned());
            if lines.len() == cancel_at {
                cancelled.store(true, Relaxed);
            }
        };
        let host = world.sim.host();
        let done = live_refresh::live_refresh(host, &world.options, cancelled, &mut show);
        (done, lines)
    };
    let cancelled = AtomicBool::new(false);
    let (done, lines) = refresh(&cancelled, 1);
    assert!(done.interrupted && lines[0].contains(" of 3 transcripts"), "{lines:?}");
    assert!(lines.last().unwrap().starts_with("broken off"), "{lines:?}");
    assert!(tokens(&done.usage) < 300);
    let (again, lines) = refresh(&AtomicBool::new(false), usize::MAX);
    assert!(!again.interrupted && lines.last().unwrap() == "done", "{lines:?}");
    assert_eq!(all(&again.usage), all(&world.cold()));
    assert_eq!(done.work.scanned_files + again.work.scanned_files, 3);
}

#[test]
fn a_source_of_its_own_goes_on_where_it_was() {
    let facts = custom_source::facts_of_two_refreshes();
    let groups = facts.groups(&Query::all(Zone::utc()), By::Model);
    assert_eq!(groups.len(), 1);
    let group = &groups[0];
    assert_eq!(group.models[0].model.name.as_deref(), Some("forge-1"));
    let tokens = group.usage.tokens;
    assert_eq!(
        (group.usage.events, tokens.total, tokens.input, tokens.cache_read),
        (2, 313, 80, 220)
    );
    let projects = facts.groups(&Query::all(Zone::utc()), By::Project);
    assert_eq!(projects[0].key, GroupKey::Project(Some("/src/bell")));
}

#[test]
fn a_file_system_of_its_own_counts() {
    let [first, second] = own_fs::two_refreshes();
    assert_eq!(first.transcripts_opened.load(Relaxed), 1);
    assert!(0 < first.bytes_written.load(Relaxed) && 0 < first.bytes_read.load(Relaxed));
    assert_eq!(second.transcripts_opened.load(Relaxed), 0);
    assert_eq!(second.bytes_written.load(Relaxed), 0);
    // The cache itself.
    assert!(0 < second.bytes_read.load(Relaxed));
}
