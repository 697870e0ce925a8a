//! What a refresh reads, writes and leaves alone.

use std::{num::NonZeroUsize, ops::ControlFlow, time::Duration};

use common_fs::{FileKind, Host, Op, observe::Errno, sim::Faults};
use usage_cache::{CacheProblem, Freshness, OpenClaw, Options, Place, Progress};

use crate::world::{CACHE, FACTS, World, all, answer, path, present, refresh, session, tokens};

#[test]
fn only_new_bytes_are_read() {
    let world = World::new();
    let first = session("a") + &answer(1);
    world.put("a.jsonl", &first);
    world.wait();
    let cold = world.refreshed();
    assert_eq!((tokens(&cold.usage), cold.work.scanned_bytes), (1, first.len() as u64));

    world.append("a.jsonl", answer(2));
    world.wait();
    let before = world.open();
    assert_eq!(before.status().freshness, Freshness::Partial);
    assert_eq!((before.status().pending_files, tokens(&before)), (1, 1));
    let resumed = world.refreshed();
    assert_eq!((tokens(&resumed.usage), resumed.work.scanned_files), (3, 1));
    assert_eq!(resumed.work.scanned_bytes, answer(2).len() as u64);
    assert_eq!(resumed.usage.status().freshness, Freshness::Fresh);
}

#[test]
fn a_refresh_without_changes_looks_once_at_each_file_and_opens_none() {
    let world = World::new();
    for nth in 0..300 {
        world.put(&format!("{nth}.jsonl"), answer(1));
    }
    world.wait();
    world.refreshed();
    let (again, faults) = world.refresh_with(Faults::none());
    assert_eq!(tokens(&again.usage), 300);
    let count = |op| faults.trace().iter().filter(|(seen, _)| *seen == op).count();
    assert_eq!(again.work.writes, 0);
    // The sessions directory, and the cache once: opened, looked at. No facts were saved.
    assert_eq!((count(Op::List), count(Op::Stat)), (2, 300 + 2));
    let opened: Vec<_> = faults.trace().into_iter().filter(|(op, _)| *op == Op::Open).collect();
    assert_eq!(opened, [(Op::Open, CACHE.into()), (Op::Open, FACTS.into())]);
    for op in [Op::Create, Op::Write, Op::Sync, Op::Rename, Op::Remove, Op::Link] {
        assert_eq!(count(op), 0, "{op:?}");
    }
}

#[test]
fn an_unfinished_line_counts_when_it_is_finished() {
    let line = answer(5);
    for cut in 1..line.len() {
        let world = World::new();
        world.put("a.jsonl", answer(1) + &line[..cut]);
        world.wait();
        let first = world.refreshed();
        assert_eq!((tokens(&first.usage), first.usage.status().unfinished_files), (1, 1));
        world.append("a.jsonl", &line[cut..]);
        world.wait();
        let second = world.refreshed();
        assert_eq!((tokens(&second.usage), second.usage.status().unfinished_files), (6, 0));
    }
}

#[test]
fn a_file_that_was_replaced_is_read_from_the_beginning() {
    let world = World::new();
    let old = answer(1) + &answer(9);
    let cases: [(&str, String); 4] = [
        ("longer, with a line end at the old length", old.replace('9', "8") + &answer(10)),
        ("as long", answer(2) + &answer(8)),
        ("shorter", answer(4)),
        ("empty", String::new()),
    ];
    for (what, new) in cases {
        for in_place in [true, false] {
            world.put("a.jsonl", &old);
            world.wait();
            assert_eq!(tokens(&world.refreshed().usage), 10);
            if in_place {
                world.put("a.jsonl", &new);
            } else {
                world.put("new", &new);
                world.sim.fs.rename(path("new"), path("a.jsonl"));
            }
            world.wait();
            let refreshed = world.refreshed();
            assert_eq!(all(&refreshed.usage), all(&world.cold()), "{what}, {in_place}");
        }
    }
}

#[test]
fn u6_a_change_that_leaves_size_and_times_is_found() {
    let world = World::new();
    // A file system that keeps times to two seconds, and a rewrite within the same two.
    world.sim.fs.set_time_granularity(Duration::from_secs(2));
    world.put("a.jsonl", answer(1));
    assert_eq!(tokens(&world.refreshed().usage), 1);
    world.put("a.jsonl", answer(7));
    assert_eq!(tokens(&world.refreshed().usage), 7);
    // Long after, and with the modification time set back.
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 7);
    let modified = world.sim.fs.stat(path("a.jsonl")).unwrap().modified;
    world.put("a.jsonl", answer(9));
    world.sim.fs.set_modified(path("a.jsonl"), modified);
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 9);
}

#[test]
fn u7_a_clock_that_was_set_back_hides_nothing() {
    let world = World::new();
    world.sim.fs.set_time_granularity(Duration::from_secs(2));
    world.put("a.jsonl", answer(1));
    let changed = world.sim.host().clock.now();
    let earlier = common_fs::Timestamp::from_unix_nanos(changed.unix_nanos() - 3_600_000_000_000);
    world.sim.clock.set_now(earlier);
    assert_eq!(tokens(&world.refreshed().usage), 1);
    // The clock is set right again, and the file changes within the time that it already has.
    world.sim.clock.set_now(changed);
    world.put("a.jsonl", answer(7));
    assert_eq!(tokens(&world.refreshed().usage), 7);
}

fn refresh_just_before(
    world: &World,
    op: Op,
    name: &str,
    act: impl FnOnce() + Send + 'static,
) -> usage_cache::Refreshed {
    refresh_before(world, (op, 0), name, act)
}

/// The same, before the operation after some others of its kind.
fn refresh_before(
    world: &World,
    (op, skip): (Op, usize),
    name: &str,
    act: impl FnOnce() + Send + 'static,
) -> usage_cache::Refreshed {
    let fs = world.hooked((op, skip), path(name), act);
    refresh(Host { fs: &fs, ..world.sim.host() }, &world.options)
}

#[test]
fn u8_a_file_that_vanishes_is_skipped_and_the_others_count() {
    for op in [Op::Stat, Op::Open] {
        let world = World::new();
        world.put("a.jsonl", answer(1));
        world.put("b.jsonl", answer(2));
        let fs = world.sim.fs.clone();
        let found = refresh_just_before(&world, op, "a.jsonl", move || fs.remove(path("a.jsonl")));
        assert_eq!(tokens(&found.usage), 2);
        assert_eq!(found.usage.status().freshness, Freshness::Fresh);
    }
}

#[test]
fn a_file_that_vanishes_while_it_is_read_again_stays_in_the_ledger() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.wait();
    world.refreshed();
    world.append("a.jsonl", answer(2));
    let fs = world.sim.fs.clone();
    let found =
        refresh_just_before(&world, Op::Open, "a.jsonl", move || fs.remove(path("a.jsonl")));
    assert_eq!((tokens(&found.usage), found.usage.status().gone_files), (1, 1));
}

#[test]
fn what_is_appended_while_reading_is_left_for_the_next_time() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    let fs = world.sim.fs.clone();
    let found = refresh_just_before(&world, Op::Read, "a.jsonl", move || {
        fs.append(path("a.jsonl"), answer(2).as_bytes());
    });
    assert_eq!(tokens(&found.usage), 1);
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 3);
}

#[test]
fn u4_a_file_that_is_cut_while_reading_is_read_again() {
    let world = World::new();
    world.put("a.jsonl", answer(1) + &answer(2) + &answer(3));
    let fs = world.sim.fs.clone();
    let found = refresh_just_before(&world, Op::Read, "a.jsonl", move || {
        fs.truncate(path("a.jsonl"), 0);
        fs.append(path("a.jsonl"), answer(9).as_bytes());
    });
    assert_eq!(tokens(&found.usage), 9);
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 9);
}

#[test]
fn u4_a_file_that_is_rewritten_while_reading_is_not_mixed_for_long() {
    let content = |tokens: u64, lines: usize| session("same") + &answer(tokens).repeat(lines);
    for (reads, lines) in [(0, 4_000), (1, 4_000), (1, 3_000), (1, 6_000)] {
        let world = World::new();
        world.put("a.jsonl", content(1, 3_000));
        let fs = world.sim.fs.clone();
        drop(refresh_before(&world, (Op::Read, reads), "a.jsonl", move || {
            fs.put(path("a.jsonl"), content(2, lines).as_bytes());
        }));
        world.wait();
        assert_eq!(tokens(&world.refreshed().usage), 2 * lines as u64, "{reads} {lines}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named_and_the_others_count() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.put("b.jsonl", answer(2));
    let (_, faults) = world.refresh_with(Faults::none());
    let opened =
        faults.trace().iter().position(|call| *call == (Op::Open, path("a.jsonl"))).unwrap();
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.put("b.jsonl", answer(2));
    let (found, _) = world.refresh_with(Faults::none().fail(opened, Errno::ACCESS));
    let status = found.usage.status();
    assert_eq!((tokens(&found.usage), status.freshness), (2, Freshness::Partial));
    assert_eq!(status.unreadable.len(), 1);
    assert_eq!(status.unreadable[0].path, path("a.jsonl"));
}

#[test]
fn u9_u13_bad_content_costs_no_more_than_its_line() {
    let world = World::new();
    world.sim.fs.special(path("fifo.jsonl"), FileKind::Fifo);
    world.sim.fs.make_dir(path("dir.jsonl"));
    world.sim.fs.symlink(path("link.jsonl"), "a.jsonl");
    world.sim.fs.symlink(path("loop.jsonl"), "loop.jsonl");
    let mut content = b"\xef\xbb\xbf".to_vec();
    content.extend(answer(1).bytes());
    content.extend([0; 1_000]);
    content.extend(b"\n\xff\xfe\n\n{\"usage\"\n");
    content.extend(answer(2).replace('\n', "\r\n").bytes());
    content.extend([b'x'; super::world::LINE_BYTES_MAX + 1]);
    content.push(b'\n');
    content.extend(answer(4).bytes());
    world.put("a.jsonl", &content);
    world.wait();
    let found = world.refreshed().usage;
    let status = found.status();
    assert_eq!(tokens(&found), 7);
    assert_eq!((status.malformed_lines, status.too_long_lines, status.not_files), (3, 1, 4));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let summaries = [1, 2, 7].map(|threads| {
        let mut world = World::new();
        world.options.threads = NonZeroUsize::new(threads).unwrap();
        for nth in 0..500 {
            let day = format!("2026-02-{:02}T0{}:00:00Z", nth % 27 + 1, nth % 9);
            world.put(&format!("{nth}.jsonl"), crate::world::answer_at(&day, nth + 1));
        }
        world.wait();
        let cold = all(&world.refreshed().usage);
        assert_eq!(all(&world.refreshed().usage), cold);
        cold
    });
    assert_eq!(summaries[0], summaries[1]);
    assert_eq!(summaries[0], summaries[2]);
}

#[test]
fn progress_is_told_and_breaking_off_keeps_what_was_read() {
    let world = World::new();
    for nth in 0..10 {
        world.put(&format!("{nth}.jsonl"), answer(1));
    }
    world.wait();
    let mut seen: Vec<Progress> = Vec::new();
    let broken = usage_cache::refresh(world.sim.host(), &world.options, &mut |progress| {
        seen.push(progress);
        if progress.files_done < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    });
    assert!(broken.interrupted);
    assert_eq!(seen.iter().map(|progress| progress.files_done).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let bytes = answer(1).len() as u64;
    let Progress { files_total, bytes_done, bytes_total, .. } = seen[3];
    assert_eq!((files_total, bytes_done, bytes_total), (10, 4 * bytes, 10 * bytes));
    assert_eq!((tokens(&broken.usage), broken.usage.status().pending_files), (4, 6));
    assert_eq!(tokens(&world.open()), 4);
    let rest = world.refreshed();
    assert_eq!((rest.work.scanned_files, tokens(&rest.usage)), (6, 10));
}

#[test]
fn two_refreshes_at_once_are_both_right_and_one_saves() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.sim.fs.make_dir("/state");
    let dir = world.sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let lock = "usage-cache.jsonl.lock".as_ref();
    let guard = common_fs::lock::Guard::try_acquire(dir.as_ref(), lock).unwrap();
    let found = world.refresh();
    assert_eq!(tokens(&found.usage), 1);
    assert!(matches!(found.problems[..], [CacheProblem::Busy]), "{:?}", found.problems);
    assert_eq!(found.work.writes, 0);
    assert_eq!(world.open().status().freshness, Freshness::Refreshing);
    drop(guard);
    assert_eq!(world.refreshed().work.writes, 1);
    assert_eq!(world.open().status().freshness, Freshness::Fresh);
}

#[test]
fn another_refresh_in_between_is_not_overwritten() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.wait();
    world.refreshed();
    world.append("a.jsonl", answer(2));
    world.put("b.jsonl", answer(4));
    world.wait();
    // Between the moment this refresh has loaded the cache and the moment it takes the lock,
    // another one does all the work.
    let (sim, options) = (world.sim.clone(), world.options.clone());
    let fs = world.hooked((Op::Create, 0), "/state/usage-cache.jsonl.lock", move || {
        assert_eq!(refresh(sim.host(), &options).work.scanned_files, 2);
    });
    let late = refresh(Host { fs: &fs, ..world.sim.host() }, &world.options);
    assert!(late.problems.is_empty(), "{:?}", late.problems);
    assert_eq!((late.work.scanned_files, late.work.writes), (0, 0), "nothing was left to do");
    assert_eq!(tokens(&late.usage), 7);
}

#[test]
fn roots_that_are_not_asked_for_are_neither_counted_nor_forgotten() {
    let mut world = World::new();
    world.put("a.jsonl", answer(1));
    world.sim.fs.make_dir("/other/agents/x/sessions");
    world.sim.fs.put("/other/agents/x/sessions/b.jsonl", answer(2).as_bytes());
    world.wait();
    let both = ["/h/.openclaw", "/other"].map(|path| Place::new(&OpenClaw, path));
    let refresh_of = |world: &mut World, places: &[Place]| {
        world.options.locations.places = places.to_vec();
        let refreshed = world.refreshed();
        (tokens(&refreshed.usage), refreshed.work.scanned_files)
    };
    assert_eq!(refresh_of(&mut world, &both), (3, 2));
    assert_eq!(refresh_of(&mut world, &both[..1]), (1, 0));
    assert_eq!(refresh_of(&mut world, &both), (3, 0), "nothing is read again");
    assert_eq!(refresh_of(&mut world, &[Place::new(&OpenClaw, "/h/none")]), (0, 0));
}

#[test]
fn an_empty_place_is_fresh_and_nothing_is_created() {
    let world = World::new();
    let found = world.refreshed();
    assert_eq!(found.usage.status().freshness, Freshness::Fresh);
    assert_eq!(present(&found.usage).daily, []);
    assert!(world.sim.fs.stat("/state").is_none());
    let options = Options::new(world.options.locations.clone());
    assert_eq!(options.checkpoint.files, 256);
}

#[test]
fn keys_that_are_half_a_surrogate_pair_cost_nothing() {
    let time = "\"timestamp\":\"2026-02-05T12:00:00Z\"";
    let line = |usage: &str, more: &str| {
        format!("{{{more}{time},\"message\":{{\"role\":\"assistant\",\"usage\":{{{usage}}}}}}}\n")
    };
    let world = World::new();
    world.put(
        "a.jsonl",
        line("\"input\":5,\"\\ud800\":1", "") + &line("\"input\":7", "\"\\ud800\":1,"),
    );
    world.wait();
    let usage = world.refreshed().usage;
    assert_eq!((tokens(&usage), usage.status().malformed_lines), (12, 0));
}
