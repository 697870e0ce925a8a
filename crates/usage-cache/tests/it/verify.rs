//! Whether the cache says what the transcripts say.

use std::{ops::ControlFlow, sync::Arc};

use common_fs::{Host, Op, observe::ObservedFs, sim::Faults};
use usage_cache::verify::{Verified, verify};

use crate::world::{CACHE, World, answer, path, session, tokens};

fn verified(host: Host<'_>, world: &World) -> Verified {
    verify(host, &world.options, &mut |_| ControlFlow::Continue(()))
}

fn world() -> World {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(3).repeat(100));
    world.put("b.jsonl", session("b") + &answer(4));
    world.put("g.jsonl", session("g") + &answer(8));
    world.wait();
    world.refreshed();
    world.sim.fs.remove(path("g.jsonl"));
    world.wait();
    world.refreshed();
    world
}

#[test]
fn what_is_right_is_the_same_and_nothing_is_written() {
    let world = world();
    world.append("b.jsonl", answer(5));
    world.put("new.jsonl", session("new") + &answer(1));
    world.wait();
    let faults = Arc::new(Faults::none());
    let fs = ObservedFs::new(world.sim.fs.clone(), faults.clone());
    let before = world.sim.fs.content(CACHE);
    let verified = verified(Host { fs: &fs, ..world.sim.host() }, &world);
    assert!(verified.is_same() && !verified.interrupted, "{verified:?}");
    assert_eq!((verified.compared, verified.unsteady.len()), (3, 0));
    for (op, path) in faults.trace() {
        let reads = [Op::OpenDir, Op::List, Op::Stat, Op::Open, Op::Read, Op::ReadLink];
        assert!(reads.contains(&op), "{op} {}", path.display());
    }
    assert_eq!(world.sim.fs.content(CACHE), before);
}

#[test]
fn what_the_cache_has_wrong_is_told_by_transcript_day_and_model() {
    let world = world();
    // Nobody who appends does that: what was read long ago is changed, the last 4 KiB are not.
    let content = String::from_utf8(world.sim.fs.content(path("a.jsonl")).unwrap()).unwrap();
    assert!(8_192 < content.len());
    world.put("a.jsonl", content.replacen("\"input\":3", "\"input\":9", 1) + &answer(1));
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 313, "it is not noticed");
    let verified = verified(world.sim.host(), &world);
    let [transcript] = &verified.transcripts[..] else { panic!("{verified:?}") };
    assert_eq!(transcript.path, path("a.jsonl"));
    let total = |usage: Option<usage_cache::Usage>| usage.unwrap().tokens.total;
    assert_eq!((total(transcript.cached), total(transcript.read)), (301, 307));
    let [day] = &verified.days[..] else { panic!("{verified:?}") };
    assert_eq!(day.day.to_string(), "2026-02-05");
    assert_eq!(day.model.name.as_deref(), Some("gpt-5.5"));
    assert_eq!((day.cached.tokens.total, day.read.tokens.total), (305, 311));
    assert!(!verified.is_same());
}

#[test]
fn a_transcript_that_grows_meanwhile_is_no_difference() {
    for (op, skip) in [(Op::Open, 0), (Op::Read, 0), (Op::Stat, 0), (Op::Stat, 1)] {
        let world = world();
        let appended = world.sim.fs.clone();
        let act = move || appended.append(path("a.jsonl"), answer(7).as_bytes());
        let fs = world.hooked((op, skip), path("a.jsonl"), act);
        let verified = verified(Host { fs: &fs, ..world.sim.host() }, &world);
        assert!(verified.is_same() && verified.unsteady.is_empty(), "{op} {skip}: {verified:?}");
        assert_eq!(verified.compared, 2, "{op} {skip}");
        let grown = world.sim.fs.content(path("a.jsonl")).unwrap();
        assert!(grown.ends_with(answer(7).as_bytes()), "{op} {skip}: it did not grow");
    }
}

#[test]
fn a_verification_can_be_broken_off() {
    let world = world();
    let verified = verify(world.sim.host(), &world.options, &mut |_| ControlFlow::Break(()));
    assert!(verified.interrupted && verified.compared == 0);
}

#[test]
fn a_lost_cache_is_right_by_itself() {
    let world = world();
    world.sim.fs.remove(CACHE);
    let verified = verified(world.sim.host(), &world);
    assert!(verified.is_same(), "{verified:?}");
    assert_eq!(verified.compared, 2);
    assert!(world.sim.fs.content(CACHE).is_none());
}
