//! What others do to transcripts and the cache file while a refresh is at them.

use std::ops::ControlFlow;

use common_fs::{Host, Op, Timestamp, observe::Errno, sim::Faults};
use usage_cache::{Progress, Refreshed};

use crate::world::{CACHE, World, answer, path, present, refresh, session, tokens};

const LOCK: &str = "/state/usage-cache.jsonl.lock";

/// A refresh, and something that is done when it takes the lock.
fn refresh_with_another(world: &World, act: impl FnOnce() + Send + 'static) -> Refreshed {
    let fs = world.hooked((Op::Create, 0), LOCK, act);
    refresh(Host { fs: &fs, ..world.sim.host() }, &world.options)
}

fn break_off(world: &World, when: impl Fn(Progress) -> bool) -> Refreshed {
    usage_cache::refresh(world.sim.host(), &world.options, &mut |progress| {
        if when(progress) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
}

fn touch(world: &World, name: &str) {
    let modified = world.sim.fs.stat(path(name)).unwrap().modified.unix_nanos() + 5;
    world.sim.fs.set_modified(path(name), Timestamp::from_unix_nanos(modified));
    world.wait();
}

#[test]
fn u18_a_cache_that_another_has_mended_is_not_replaced_by_what_was_read_before() {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(1));
    world.wait();
    world.refreshed();
    world.put("b.jsonl", session("b") + &answer(4));
    world.put("c.jsonl", session("c") + &answer(8));
    world.wait();
    // Another process is appending: half a line is there.
    world.sim.fs.append(CACHE, b"{\"path\":");
    let (sim, options) = (world.sim.clone(), world.options.clone());
    refresh_with_another(&world, move || {
        assert_eq!(tokens(&refresh(sim.host(), &options).usage), 13);
        sim.fs.remove(path("b.jsonl"));
    });
    assert_eq!(tokens(&world.open()), 13);
}

#[test]
fn u18_a_cache_that_another_has_just_made_is_not_set_aside() {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(1));
    world.wait();
    world.sim.fs.make_dir("/state");
    world.sim.fs.put(CACHE, &b"It was a dark and stormy night.\n".repeat(20));
    world.sim.fs.set_mode(CACHE, 0o600);
    let (sim, options) = (world.sim.clone(), world.options.clone());
    refresh_with_another(&world, move || drop(refresh(sim.host(), &options)));
    assert!(world.sim.fs.content(format!("{CACHE}.not-a-cache")).is_some());
    assert!(world.sim.fs.content(format!("{CACHE}.not-a-cache-1")).is_none());
}

#[test]
fn u18_what_another_has_found_since_is_not_gone() {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(1));
    world.wait();
    let (sim, options) = (world.sim.clone(), world.options.clone());
    let refreshed = refresh_with_another(&world, move || {
        sim.fs.put(path("b.jsonl"), (session("b") + &answer(4)).as_bytes());
        assert_eq!(tokens(&refresh(sim.host(), &options).usage), 5);
    });
    let tokens = present(&refreshed.usage).totals.tokens.total;
    assert_eq!((refreshed.usage.status().gone_files, tokens), (0, 5));
}

#[test]
fn u18_looking_whether_somebody_saves_disturbs_nobody() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.wait();
    world.refreshed();
    let dir = world.sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let lock =
        dir.open(LOCK.rsplit('/').next().unwrap().as_ref(), common_fs::Access::Read).unwrap();
    assert!(lock.try_lock().unwrap());
    assert_eq!(world.open().status().freshness, usage_cache::Freshness::Refreshing);
    drop(lock);
    assert_eq!(world.open().status().freshness, usage_cache::Freshness::Fresh);
}

#[test]
fn u4_a_transcript_that_was_rewritten_before_it_was_saved_half_way_is_read_anew() {
    let content = |tokens: u64, lines: usize| session("same") + &answer(tokens).repeat(lines);
    let world = World::new();
    world.put("a.jsonl", content(1, 3_000));
    let fs = world.sim.fs.clone();
    let fs = world.hooked((Op::Read, 1), path("a.jsonl"), move || {
        fs.put(path("a.jsonl"), content(2, 6_000).as_bytes());
    });
    let host = Host { fs: &fs, ..world.sim.host() };
    let refreshed = usage_cache::refresh(host, &world.options, &mut |progress| {
        let enough = 300_000 < progress.bytes_done;
        if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(refreshed.interrupted);
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 12_000);
}

#[test]
fn reading_again_does_not_make_known_less_before_it_is_finished() {
    let after = |change: fn(&World), gone: &str| {
        let world = World::new();
        world.put("a.jsonl", session("a") + &answer(1).repeat(100));
        world.wait();
        world.refreshed();
        change(&world);
        let broken_off = break_off(&world, |_| true);
        assert!(broken_off.interrupted);
        assert_eq!(tokens(&broken_off.usage), 100);
        world.sim.fs.remove(path(gone));
        assert_eq!(tokens(&world.refreshed().usage), 100);
    };
    after(|world| touch(world, "a.jsonl"), "a.jsonl");
    let rename = |world: &World| {
        world.sim.fs.rename(path("a.jsonl"), path("b.jsonl"));
        world.wait();
    };
    after(rename, "b.jsonl");
    // The same if it cannot be finished.
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(1).repeat(5_000));
    world.wait();
    world.refreshed();
    touch(&world, "a.jsonl");
    let (_, trace) = world.refresh_with(Faults::none());
    touch(&world, "a.jsonl");
    let is_read = |call: &(Op, std::path::PathBuf)| *call == (Op::Read, path("a.jsonl"));
    let reads =
        trace.trace().iter().enumerate().filter(|(_, call)| is_read(call)).nth(2).unwrap().0;
    let (failed, _) = world.refresh_with(Faults::none().fail(reads, Errno::IO));
    assert_eq!((tokens(&failed.usage), failed.usage.status().unreadable.len()), (5_000, 1));
}
