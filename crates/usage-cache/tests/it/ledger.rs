//! Transcripts that vanish stay counted; those that move count once.

use std::{ops::ControlFlow, path::PathBuf, time::Duration};

use common_fs::{
    Op,
    observe::Errno,
    sim::{Faults, Sim},
};
use usage_cache::Freshness;

use crate::world::{
    CACHE, LINE_BYTES_MAX, World, all, answer, answer_at, path, present, session, tokens,
};

fn world_with(name: &str) -> World {
    let world = World::new();
    world.put(name, session(name) + &answer(3));
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 3);
    world
}

#[test]
fn a_deleted_transcript_stays_counted_and_is_told() {
    let world = world_with("a.jsonl");
    world.sim.fs.remove(path("a.jsonl"));
    world.wait();
    for _ in 0..2 {
        let usage = world.refreshed().usage;
        assert_eq!((tokens(&usage), usage.status().gone_files), (3, 1));
        assert_eq!(all(&usage).gone.tokens.total, 3);
        assert_eq!(present(&usage).totals.tokens.total, 0);
        assert_eq!(usage.gone(), [path("a.jsonl")]);
        assert_eq!(usage.status().freshness, Freshness::Fresh);
    }
    assert_eq!(world.refreshed().work.writes, 0);
}

#[test]
fn the_ledger_outlives_the_directory() {
    let world = world_with("a.jsonl");
    world.sim.fs.remove("/h/.openclaw/agents/main");
    let usage = world.refreshed().usage;
    assert_eq!((tokens(&usage), usage.status().gone_files), (3, 1));
}

#[test]
fn a_transcript_that_comes_back_is_no_longer_gone() {
    let world = world_with("a.jsonl");
    world.sim.fs.rename(path("a.jsonl"), path("hidden"));
    assert_eq!(world.refreshed().usage.status().gone_files, 1);
    world.sim.fs.rename(path("hidden"), path("a.jsonl"));
    world.wait();
    let back = world.refreshed().usage;
    assert_eq!((tokens(&back), back.status().gone_files), (3, 0));
    // Unchanged even in its times, as after a disk was away.
    world.sim.fs.rename("/h/.openclaw/agents", "/h/.openclaw/away");
    assert_eq!(world.refreshed().usage.status().gone_files, 1);
    world.sim.fs.rename("/h/.openclaw/away", "/h/.openclaw/agents");
    let back = world.refreshed();
    assert_eq!((back.work.scanned_files, back.usage.status().gone_files), (0, 0));
    assert_eq!(world.refreshed().work.writes, 0);
}

#[test]
fn another_transcript_at_the_same_path_takes_its_place() {
    let world = world_with("a.jsonl");
    world.sim.fs.remove(path("a.jsonl"));
    world.refreshed();
    world.put("a.jsonl", session("b") + &answer(5));
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 5);
}

const ARCHIVE: &str = "a.jsonl.reset.2026-09-01T01-00-00.000Z";

#[test]
fn an_archived_transcript_counts_once() {
    for append in [false, true] {
        let world = world_with("a.jsonl");
        let mut expected = 3;
        if append {
            world.append("a.jsonl", answer(4));
            expected += 4;
        }
        world.sim.fs.rename(path("a.jsonl"), path(ARCHIVE));
        world.wait();
        for _ in 0..2 {
            let usage = world.refreshed().usage;
            assert_eq!((tokens(&usage), usage.status().gone_files), (expected, 0));
        }
        world.sim.fs.remove(path(ARCHIVE));
        let usage = world.refreshed().usage;
        assert_eq!((tokens(&usage), usage.status().gone_files), (expected, 1));
    }
}

#[test]
fn an_archive_by_copy_counts_once_and_an_older_one_stands_by_itself() {
    let world = world_with("a.jsonl");
    // An archive of an earlier session of the same name.
    let earlier = "a.jsonl.reset.2026-08-01T00-00-00.000Z";
    world.put(earlier, session("earlier") + &answer(10));
    world.sim.fs.remove(path("a.jsonl"));
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 13);
    // The same content as the live one had, in another file.
    world.put(ARCHIVE, session("a.jsonl") + &answer(3));
    world.wait();
    let usage = world.refreshed().usage;
    assert_eq!((tokens(&usage), usage.status().gone_files), (13, 0));
}

#[test]
fn an_archive_counts_instead_only_once_it_is_read() {
    let world = world_with("a.jsonl");
    world.put(ARCHIVE, session("a.jsonl") + &answer(3));
    world.sim.fs.remove(path("a.jsonl"));
    let opened = |world: &World| {
        let (_, faults) = world.refresh_with(Faults::none());
        faults.trace().iter().position(|call| *call == (Op::Open, path(ARCHIVE))).unwrap()
    };
    let fork = World {
        sim: Sim { fs: world.sim.fs.fork(), ..world.sim.clone() },
        options: world.options.clone(),
    };
    let (denied, _) = world.refresh_with(Faults::none().fail(opened(&fork), Errno::ACCESS));
    assert_eq!(tokens(&denied.usage), 3);
    world.sim.fs.remove(path(ARCHIVE));
    let usage = world.refreshed().usage;
    assert_eq!((tokens(&usage), usage.status().gone_files), (3, 1));
}

#[test]
fn an_archive_of_something_else_takes_nothing_away() {
    let world = world_with("a.jsonl");
    world.sim.fs.remove(path("a.jsonl"));
    world.put(ARCHIVE, session("another") + &answer(7));
    world.wait();
    let usage = world.refreshed().usage;
    assert_eq!((tokens(&usage), usage.status().gone_files), (10, 1));
    assert_eq!(world.refreshed().work.scanned_files, 0, "it is compared once");
}

#[test]
fn a_copy_that_was_known_before_counts_instead_when_the_original_goes() {
    for kill in [false, true] {
        let world = world_with("a.jsonl");
        world.put(ARCHIVE, session("a.jsonl") + &answer(3));
        world.wait();
        assert_eq!(tokens(&world.refreshed().usage), 6, "both are there");
        world.sim.fs.remove(path("a.jsonl"));
        world.wait();
        if kill {
            // Just after it was noted that the original is gone.
            let mut world = World { sim: world.sim.clone(), options: world.options.clone() };
            world.options.checkpoint.interval = Duration::ZERO;
            let (_, faults) = World {
                sim: Sim { fs: world.sim.fs.fork(), ..world.sim.clone() },
                options: world.options.clone(),
            }
            .refresh_with(Faults::none());
            let opened = |call: &(Op, PathBuf)| *call == (Op::Open, path(ARCHIVE));
            let nth = faults.trace().iter().position(opened).unwrap();
            drop(world.refresh_with(Faults::none().die(nth)));
            world.wait();
        }
        let usage = world.refreshed().usage;
        assert_eq!((tokens(&usage), usage.status().gone_files), (3, 0), "{kill}");
    }
}

#[test]
fn a_rename_onto_a_known_path_counts_what_is_there() {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(3));
    world.put("b.jsonl", session("b") + &answer(5));
    world.wait();
    world.refreshed();
    world.sim.fs.rename(path("a.jsonl"), path("b.jsonl"));
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 3);
}

#[test]
fn a_rotation_counts_each_once() {
    for reports in 1..4 {
        let world = World::new();
        world.put("s.jsonl", session("new") + &answer(3));
        world.put("s1.jsonl", session("old") + &answer(8));
        world.wait();
        world.refreshed();
        world.sim.fs.rename(path("s1.jsonl"), path("s2.jsonl"));
        world.sim.fs.rename(path("s.jsonl"), path("s1.jsonl"));
        world.wait();
        let mut seen = 0;
        drop(usage_cache::refresh(world.sim.host(), &world.options, &mut |_| {
            seen += 1;
            if seen < reports { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        }));
        let usage = world.refreshed().usage;
        assert_eq!((tokens(&usage), usage.status().gone_files), (11, 0));
        assert_eq!(tokens(&world.open()), 11);
    }
}

#[test]
fn an_archive_that_is_restored_counts_once() {
    let world = world_with("a.jsonl");
    world.sim.fs.rename(path("a.jsonl"), path(ARCHIVE));
    world.wait();
    world.refreshed();
    world.sim.fs.rename(path(ARCHIVE), path("a.jsonl"));
    world.wait();
    let usage = world.refreshed().usage;
    assert_eq!((tokens(&usage), usage.status().gone_files), (3, 0));
}

#[test]
fn a_rename_that_is_read_half_way_counts_once() {
    let mut world = World::new();
    world.options.checkpoint.interval = Duration::ZERO;
    world.put("a.jsonl", session("a") + &answer(1).repeat(100));
    world.wait();
    world.refreshed();
    for (from, to) in [("a.jsonl", "b.jsonl"), ("b.jsonl", ARCHIVE)] {
        world.sim.fs.rename(path(from), path(to));
        world.wait();
        let mut reports = 0;
        let broken = usage_cache::refresh(world.sim.host(), &world.options, &mut |_| {
            reports += 1;
            if reports < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        assert!(broken.interrupted && tokens(&broken.usage) <= 100);
        let usage = world.refreshed().usage;
        assert_eq!((tokens(&usage), usage.status().gone_files), (100, 0), "{to}");
    }
}

#[test]
fn a_rename_with_an_unfinished_line_of_any_length_counts_once() {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(5) + &"x".repeat(10 * LINE_BYTES_MAX));
    world.wait();
    world.refreshed();
    world.sim.fs.rename(path("a.jsonl"), path("b.jsonl"));
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 5);
    world.append("b.jsonl", "more");
    world.wait();
    let again = world.refreshed();
    let tail = 10 * LINE_BYTES_MAX as u64 + 4;
    assert_eq!((tokens(&again.usage), again.work.scanned_bytes), (5, tail));
}

#[test]
fn a_reused_file_number_is_not_taken_for_a_rename() {
    let world = world_with("a.jsonl");
    let number = world.sim.fs.stat(path("a.jsonl")).unwrap().id;
    world.sim.fs.remove(path("a.jsonl"));
    world.put("b.jsonl", session("b") + &answer(5));
    assert_eq!(world.sim.fs.stat(path("b.jsonl")).unwrap().id, number);
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 8);
}

#[test]
fn a_crash_between_the_names_of_a_rename_counts_once() {
    let steps = {
        let world = world_with("a.jsonl");
        world.sim.fs.rename(path("a.jsonl"), path("b.jsonl"));
        world.wait();
        world.refresh_with(Faults::none()).1.count()
    };
    for nth in 0..=steps {
        let world = world_with("a.jsonl");
        world.sim.fs.rename(path("a.jsonl"), path("b.jsonl"));
        world.sim.fs.sync_all();
        world.wait();
        drop(world.refresh_with(Faults::none().die(nth)));
        for fs in world.sim.fs.power_loss_states() {
            let after =
                World { sim: Sim { fs, ..world.sim.clone() }, options: world.options.clone() };
            assert_eq!(tokens(&after.refresh().usage), 3, "crash at {nth}");
        }
    }
}

/// So many answers, an hour apart.
fn hours(count: u32) -> String {
    let time = |hour: u32| format!("2026-01-{:02}T{:02}:00:00Z", hour / 24 + 1, hour % 24);
    (0..count).map(|hour| answer_at(&time(hour), 1)).collect()
}

#[test]
fn a_transcript_that_takes_the_place_of_a_renamed_one_does_not_build_on_its_record() {
    let world = World::new();
    world.put("x.jsonl", session("x") + &hours(20));
    world.wait();
    world.refreshed();
    world.sim.fs.rename(path("x.jsonl"), path("a.jsonl"));
    world.put("x.jsonl", session("x") + &hours(21));
    world.wait();
    world.refreshed();
    world.wait();
    assert_eq!(world.refreshed().work.scanned_files, 0);
    world.sim.fs.remove(path("x.jsonl"));
    assert_eq!(tokens(&world.refreshed().usage), 41);
}

#[test]
fn a_crash_while_a_rename_is_saved_loses_no_history() {
    let renamed = || {
        let world = World::new();
        world.put("a.jsonl", session("a") + &answer(3));
        world.wait();
        world.refreshed();
        let before = world.sim.fs.content(CACHE).unwrap().len();
        world.sim.fs.rename(path("a.jsonl"), path("b.jsonl"));
        world.wait();
        world.refreshed();
        (before, world)
    };
    let (before, world) = renamed();
    let whole = world.sim.fs.content(CACHE).unwrap();
    for cut in before..=whole.len() {
        let (_, world) = renamed();
        world.sim.fs.put(CACHE, &whole[..cut]);
        world.sim.fs.remove(path("b.jsonl"));
        world.wait();
        assert_eq!(tokens(&world.refresh().usage), 3, "{cut}");
    }
}

#[test]
fn a_damaged_record_of_a_rename_does_not_count_it_twice() {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(3));
    world.wait();
    world.refreshed();
    world.sim.fs.rename(path("a.jsonl"), path("b.jsonl"));
    world.wait();
    world.refreshed();
    for day in 1..5 {
        let time = format!("2026-03-{day:02}T00:00:00Z");
        world.append("b.jsonl", answer_at(&time, 1));
        world.wait();
        world.refreshed();
    }
    let whole = world.sim.fs.content(CACHE).unwrap();
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    for from in 1..lines.len() {
        for to in from + 1..=lines.len() {
            let damaged = [&lines[..from], &[&b"?\n"[..]], &lines[to..]].concat().concat();
            world.sim.fs.put(CACHE, &damaged);
            world.wait();
            let counted = tokens(&world.refresh().usage);
            assert_eq!(counted, 7, "without lines {from} to {to}");
        }
    }
}

#[test]
fn a_directory_that_is_renamed_and_linked_by_its_old_name_keeps_its_history() {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(3));
    world.put("g.jsonl", session("g") + &answer(4));
    world.wait();
    world.refreshed();
    world.sim.fs.remove(path("g.jsonl"));
    assert_eq!(tokens(&world.refreshed().usage), 7);
    world.sim.fs.rename("/h/.openclaw/agents/main", "/h/.openclaw/agents/prime");
    world.sim.fs.symlink("/h/.openclaw/agents/main", "prime");
    world.wait();
    for _ in 0..2 {
        let usage = world.refreshed().usage;
        assert_eq!((tokens(&usage), usage.status().gone_files), (7, 1));
    }
}
