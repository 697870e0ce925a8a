//! Law 2: what is written is in proportion to what has changed, and little is lost by a crash.

use std::{ops::ControlFlow, time::Duration};

use common_fs::sim::Faults;
use usage_cache::CheckpointPolicy;

use crate::world::{CACHE, World, answer, session, tokens};

fn world_of(files: usize) -> World {
    let world = World::new();
    for nth in 0..files {
        world.put(&format!("{nth}.jsonl"), session(&nth.to_string()) + &answer(1));
    }
    world.wait();
    world
}

#[test]
fn u20_the_scenario_of_the_seed() {
    for files in [0, 1, 255, 256, 257, 400, 512] {
        let world = world_of(files);
        let expected = (files as u64 / 256) + u64::from(files % 256 != 0);
        let cold = world.refreshed();
        assert_eq!((cold.work.writes, tokens(&cold.usage)), (expected, files as u64));
        for nth in 0..files {
            world.append(&format!("{nth}.jsonl"), answer(2));
        }
        world.wait();
        let stale = world.refreshed();
        assert_eq!((stale.work.writes, tokens(&stale.usage)), (expected, 3 * files as u64));
        assert!(stale.work.written_bytes <= 2 * cold.work.written_bytes);
        assert_eq!(world.refreshed().work.writes, 0);
    }
}

#[test]
fn one_changed_file_among_many_costs_one_record() {
    let world = world_of(3_000);
    world.refreshed();
    world.append("77.jsonl", answer(2));
    world.wait();
    let work = world.refreshed().work;
    assert_eq!((work.writes, work.scanned_files), (1, 1));
    assert!(work.written_bytes < 500, "{work:?}");
}

#[test]
fn the_cache_is_compacted_when_most_of_it_is_out_of_date() {
    let world = world_of(200);
    let size = || world.sim.fs.content(CACHE).unwrap().len();
    world.refreshed();
    let compact = size();
    let mut largest = 0;
    for _ in 0..20 {
        for nth in 0..200 {
            world.append(&format!("{nth}.jsonl"), answer(2));
        }
        world.wait();
        assert_eq!(world.refreshed().work.writes, 1);
        largest = largest.max(size());
    }
    assert!(2 * compact < largest && largest < 4 * compact, "{compact} {largest}");
    assert_eq!(tokens(&world.open()), 200 * 41);
}

#[test]
fn u1_a_killed_refresh_loses_at_most_a_batch() {
    let world = world_of(600);
    let (_, faults) = world.refresh_with(Faults::none());
    let steps = faults.count();
    for nth in (0..steps).step_by(97) {
        let world = world_of(600);
        drop(world.refresh_with(Faults::none().die(nth)));
        let saved = tokens(&world.open());
        assert_eq!(saved % 256, if saved == 600 { 600 % 256 } else { 0 });
        let rest = world.refreshed();
        assert_eq!((rest.work.scanned_files, tokens(&rest.usage)), (600 - saved, 600));
        let kept = world.sim.fs.names("/state").len();
        assert!(kept <= 3, "at most one temporary file: {:?}", world.sim.fs.names("/state"));
    }
}

#[test]
fn a_long_transcript_is_saved_half_way() {
    let mut world = World::new();
    world.options.checkpoint = CheckpointPolicy { files: 256, interval: Duration::from_secs(5) };
    world.put("long.jsonl", answer(1).repeat(1_000));
    world.put("short.jsonl", answer(1));
    world.wait();
    // Reading is slow: a second for each report of progress. It is broken off in the middle.
    let clock = world.sim.clock.clone();
    let mut reports = 0;
    let broken = usage_cache::refresh(world.sim.host(), &world.options, &mut |progress| {
        clock.advance(Duration::from_secs(1));
        reports += 1;
        assert!(progress.bytes_done <= progress.bytes_total);
        if reports < 60 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert!(broken.interrupted);
    assert!((10..=13).contains(&broken.work.writes), "{:?}", broken.work);
    let saved = tokens(&world.open());
    assert!((200..1_000).contains(&saved), "{saved}");
    world.wait();
    let rest = world.refreshed();
    assert_eq!(tokens(&rest.usage), 1_001);
    let line = answer(1).len() as u64;
    assert_eq!(rest.work.scanned_bytes, (1_001 - saved) * line, "from where it was saved");
}

#[test]
fn a_full_disk_costs_time_but_no_answer() {
    let world = world_of(600);
    let (_, faults) = world.refresh_with(Faults::none());
    let writes: Vec<usize> = faults
        .trace()
        .iter()
        .enumerate()
        .filter(|(_, (op, _))| *op == common_fs::Op::Write)
        .map(|(nth, _)| nth)
        .collect();
    assert_eq!(writes.len(), 3);
    for nth in writes {
        let world = world_of(600);
        let faults = Faults::none().fail(nth, common_fs::observe::Errno::NOSPC);
        let (refreshed, _) = world.refresh_with(faults);
        assert_eq!(tokens(&refreshed.usage), 600);
        assert_eq!(refreshed.problems.len(), 1, "{:?}", refreshed.problems);
        // What could not be saved is tried again with the next batch, or next time.
        let next = world.refreshed();
        assert_eq!(tokens(&next.usage), 600);
        assert!(next.work.scanned_files <= 600 - 512, "{:?}", next.work);
    }
}
