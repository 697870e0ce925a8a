//! The cache file: what it says, and what becomes of it in bad hands (rows U16, U17, U19).

use common_fs::{Host, Op, observe::Errno, sim::Faults};
use serde_json::{Value, json};
use usage_cache::{CacheProblem, Refreshed};

use crate::world::{CACHE, World, all, answer, answer_at, path, session, tokens};

/// Three transcripts, one of them gone.
fn world() -> World {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(1) + &answer_at("2026-02-06T00:00:00Z", 2));
    world.put("b.jsonl", session("b") + &answer(4) + "not json\n");
    world.put("c.jsonl", session("c") + &answer(8));
    world.wait();
    world.refreshed();
    world.sim.fs.remove(path("c.jsonl"));
    world.refreshed();
    world
}

fn cache(world: &World) -> Vec<u8> {
    world.sim.fs.content(CACHE).unwrap()
}

/// Refreshes with this cache file, and checks that the present transcripts are right.
fn refresh_with(world: &World, cache: &[u8]) -> Refreshed {
    world.sim.fs.put(CACHE, cache);
    world.wait();
    let refreshed = world.refresh();
    let present = crate::world::present(&refreshed.usage).totals.tokens.total;
    assert_eq!(present, 7);
    refreshed
}

#[test]
fn the_file_is_readable_by_other_tools() {
    let world = World::new();
    world.put("a.jsonl", session("a") + &answer(1_500));
    world.wait();
    world.refreshed();
    let text = String::from_utf8(cache(&world)).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let header = json!({
        "format": "upkeep-usage-cache",
        "version": 4,
        "sum": lines[0]["sum"],
    });
    assert_eq!(lines[0], header);
    let record = &lines[1];
    assert_eq!(record["path"], path("a.jsonl").to_str().unwrap());
    let transcript = &record["transcript"];
    assert_eq!(transcript["source"], "openclaw");
    assert_eq!(transcript["sizeBytes"], transcript["parsedTo"]);
    assert_eq!(transcript["models"], json!([["openai", "gpt-5.5"]]));
    // 2026-02-05T12:00Z is quarter 1,966,992 since 1970.
    let bucket = json!([1_966_992, 0, 0, 1, 1_500, 0, 0, 0, 0, 1_500, 1_500_000_000]);
    assert_eq!(transcript["buckets"], json!([bucket]));
    assert_eq!(world.sim.fs.stat(CACHE).unwrap().mode, 0o600);
    assert_eq!(world.sim.fs.stat("/state").unwrap().mode, 0o700);
}

#[test]
fn u16_a_file_cut_anywhere_costs_time_only() {
    let world = world();
    let whole = cache(&world);
    for len in 0..=whole.len() {
        let refreshed = refresh_with(&world, &whole[..len]);
        assert!(refreshed.problems.is_empty(), "{len}: {:?}", refreshed.problems);
        let again = world.refreshed();
        assert_eq!((again.work.scanned_files, again.work.writes), (0, 0), "{len}");
    }
}

#[test]
fn u16_a_flipped_bit_costs_time_or_history_and_is_told() {
    let world = world();
    let whole = cache(&world);
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        let refreshed = refresh_with(&world, &damaged);
        let gone = tokens(&refreshed.usage) - 7;
        let told = matches!(refreshed.problems[..], [CacheProblem::Damaged { .. }]);
        // A line end that became something else makes the last line look torn.
        let torn = at + 1 == whole.len();
        assert!(gone == 8 || gone == 0 && (told || torn), "byte {at}: {:?}", refreshed.problems);
    }
}

#[test]
fn u16_a_damaged_first_line_costs_no_history() {
    let world = world();
    let mut damaged = cache(&world);
    damaged[5] ^= 1;
    let refreshed = refresh_with(&world, &damaged);
    assert_eq!((tokens(&refreshed.usage), refreshed.usage.status().gone_files), (15, 1));
    assert!(world.refreshed().work.scanned_files == 0);
}

/// A line with the right sum, whatever it says.
fn sealed(line: &str) -> String {
    let (body, _) = line.rsplit_once(",\"sum\"").unwrap();
    let sum = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
    format!("{body},\"sum\":\"{sum:016x}\"}}")
}

/// Lines with the right sums, also where one names that of another.
fn all_sealed(text: &str) -> String {
    let sum = |line: &str| line.rsplit('"').nth(1).unwrap().to_owned();
    let mut text = text.to_owned();
    for nth in 0..text.lines().count() {
        let line = text.lines().nth(nth).unwrap().to_owned();
        let right = sealed(&line);
        text = text.replace(&line, &right).replace(&sum(&line), &sum(&right));
    }
    text
}

#[test]
fn u16_a_record_that_makes_no_sense_is_no_record() {
    let forgeries = [
        ("\"models\":[[", "\"models\":[],\"x\":[["),
        ("\"buckets\":[[", "\"buckets\":[[0],["),
        ("\"anchor\":\"", "\"anchor\":\"x"),
        ("\"buckets\":", "\"kinds\":[[9,0,0]],\"buckets\":"),
        ("\"buckets\":", "\"events\":\"AAAA\",\"buckets\":"),
        ("\"path\":\"", "\"path\":\"\\u0000zz"),
        ("\"transcript\":", "\"extends\":\"0123456789abcdef\",\"transcript\":"),
        ("\"transcript\":", "\"extends\":\"no hex\",\"transcript\":"),
    ];
    for (what, instead) in forgeries {
        let world = world();
        let text = String::from_utf8(cache(&world)).unwrap();
        assert!(text.contains(what), "{what}");
        let forge = |line: &str| sealed(&line.replacen(what, instead, 1)) + "\n";
        let forged: String = text.lines().map(forge).collect();
        let refreshed = refresh_with(&world, forged.as_bytes());
        let problem = &refreshed.problems[..];
        let told =
            matches!(problem, [CacheProblem::Damaged { .. } | CacheProblem::NotACache { .. }]);
        assert!(told, "{what}: {problem:?}");
    }
    // Numbers as large as they come are only numbers.
    let world = world();
    let text = String::from_utf8(cache(&world)).unwrap();
    let largest = u64::MAX.to_string();
    let forge = |line: &str| {
        sealed(&line.replace("\"parsedTo\":", &format!("\"parsedTo\":{largest},\"x\":"))) + "\n"
    };
    let forged: String = text.lines().map(forge).collect();
    refresh_with(&world, forged.as_bytes());
}

#[test]
fn long_sessions_are_saved_by_what_changed() {
    let world = World::new();
    let day = |day: u32, hour: u32| answer_at(&format!("2026-01-{day:02}T{hour:02}:00:00Z"), 1);
    let month: String = (1..=28).flat_map(|d| (0..24).map(move |h| day(d, h))).collect();
    world.put("a.jsonl", session("a") + &month);
    world.wait();
    let whole = world.refreshed().work.written_bytes;
    assert!(20_000 < whole, "{whole}");
    let mut written = 0;
    for nth in 0..100 {
        world.append("a.jsonl", day(29 + nth / 72, nth % 24));
        world.wait();
        let work = world.refreshed().work;
        assert!(
            work.written_bytes < 600 || work.written_bytes < 2 * whole && 30 < nth,
            "{nth} {work:?}"
        );
        written += work.written_bytes;
        assert_eq!(all(&world.open()), all(&world.cold()));
    }
    assert!(written < 6 * whole, "{written}");
    // A damaged record in between takes those that build on it with it.
    let text = String::from_utf8(cache(&world)).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines.remove(lines.len() - 3);
    let without = lines.concat();
    world.sim.fs.put(CACHE, without.as_bytes());
    assert_eq!(all(&world.refresh().usage), all(&world.cold()));
}

#[test]
fn a_newer_file_is_left_alone() {
    let world = world();
    let header = "{\"format\":\"upkeep-usage-cache\",\"version\":5";
    let sum = xxhash_rust::xxh3::xxh3_64(header.as_bytes());
    let newer = format!("{header},\"sum\":\"{sum:016x}\"}}\nwhatever\n");
    let refreshed = refresh_with(&world, newer.as_bytes());
    let problem = &refreshed.problems[..];
    assert!(matches!(problem, [CacheProblem::TooNew { version: 5, .. }]), "{problem:?}");
    assert_eq!(cache(&world), newer.as_bytes());
}

#[test]
fn what_another_version_of_a_source_read_is_read_again_but_what_is_gone_stays() {
    let world = world();
    let text = String::from_utf8(cache(&world)).unwrap();
    let older = text.replace("\"sourceVersion\":1", "\"sourceVersion\":0");
    let older = all_sealed(&older);
    // One more transcript vanishes at the same time.
    world.sim.fs.remove(path("b.jsonl"));
    world.sim.fs.put(CACHE, older.as_bytes());
    world.wait();
    let refreshed = world.refreshed();
    assert_eq!((refreshed.work.scanned_files, tokens(&refreshed.usage)), (1, 15));
    assert_eq!(refreshed.usage.status().gone_files, 2);
    let again = world.refreshed();
    assert_eq!((again.work.scanned_files, tokens(&again.usage)), (0, 15));
}

#[test]
fn files_of_older_versions_are_read_and_replaced() {
    let versions = [
        ("\"version\":1,\"parsers\":{\"openclaw\":1}", "\"sourceVersion\":1,"),
        ("\"version\":2", "what it did not have"),
        ("\"version\":3", "what it did not have either"),
    ];
    for (version, without) in versions {
        let world = world();
        let text = String::from_utf8(cache(&world)).unwrap();
        let older = text.replace(without, "").replace("\"version\":4", version);
        assert_ne!(older, text);
        world.sim.fs.put(CACHE, all_sealed(&older).as_bytes());
        world.wait();
        assert_eq!((world.refreshed().work.scanned_files, tokens(&world.open())), (0, 15));
        world.append("b.jsonl", answer(1));
        world.wait();
        let refreshed = world.refreshed();
        assert_eq!((refreshed.work.scanned_files, tokens(&refreshed.usage)), (1, 16));
        assert!(String::from_utf8(cache(&world)).unwrap().contains("\"version\":4"));
    }
}

#[test]
fn a_file_that_is_no_cache_is_kept_under_another_name() {
    let world = world();
    let novel = b"It was a dark and stormy night.\nThe rain fell in torrents.\n".repeat(9);
    for attempt in 0..3 {
        let refreshed = refresh_with(&world, &novel);
        let problem = &refreshed.problems[..];
        assert!(matches!(problem, [CacheProblem::NotACache { .. }]), "{problem:?}");
        let aside = match attempt {
            0 => format!("{CACHE}.not-a-cache"),
            nth => format!("{CACHE}.not-a-cache-{nth}"),
        };
        assert_eq!(world.sim.fs.content(aside).unwrap(), novel);
        assert!(world.refresh().problems.is_empty());
    }
}

#[test]
fn u17_a_file_that_others_can_change_is_not_used() {
    for (mode, uid) in [(0o620, 1_000), (0o602, 1_000), (0o600, 1_001)] {
        let world = world();
        world.sim.fs.set_mode(CACHE, mode);
        world.sim.fs.set_owner(CACHE, uid, 1_000);
        let before = cache(&world);
        let refreshed = world.refresh();
        let problem = &refreshed.problems[..];
        assert!(matches!(problem, [CacheProblem::Untrusted { .. }]), "{problem:?}");
        assert_eq!(tokens(&refreshed.usage), 7);
        assert_eq!(cache(&world), before);
    }
}

#[test]
fn u19_a_cache_that_cannot_be_written_is_reported_and_changes_no_answer() {
    for errno in [Errno::NOSPC, Errno::ROFS, Errno::ACCESS, Errno::IO] {
        let steps = {
            let world = world();
            world.append("a.jsonl", answer(16));
            world.refresh_with(Faults::none()).1.trace()
        };
        for (nth, (op, at)) in steps.iter().enumerate() {
            if !at.starts_with("/state") || matches!(op, Op::Remove) {
                continue;
            }
            let world = world();
            world.append("a.jsonl", answer(16));
            let (refreshed, _) = world.refresh_with(Faults::none().fail(nth, errno));
            let present = crate::world::present(&refreshed.usage).totals.tokens.total;
            assert_eq!(present, 23, "{op:?} {nth}");
            world.wait();
            assert_eq!(all(&world.refresh().usage).totals.tokens.total, 31, "{op:?} {nth}");
        }
    }
}

#[test]
fn a_cache_that_is_removed_meanwhile_is_not_brought_back_half() {
    let world = World::new();
    for nth in 0..400 {
        world.put(&format!("{nth}.jsonl"), answer(1));
    }
    let mut world = world;
    world.options.checkpoint.files = 100;
    let fs = world.sim.fs.clone();
    let mut removed = false;
    let refreshed = usage_cache::refresh(world.sim.host(), &world.options, &mut |progress| {
        if progress.files_done == 150 && !removed {
            fs.remove(CACHE);
            removed = true;
        }
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(refreshed.work.writes, 1, "what was written before is told");
    assert_eq!(tokens(&refreshed.usage), 400);
    let problem = &refreshed.problems[..];
    assert!(matches!(problem, [CacheProblem::Changed { .. }]), "{problem:?}");
    assert!(world.sim.fs.content(CACHE).is_none());
    let host: Host<'_> = world.sim.host();
    assert!(crate::world::refresh(host, &world.options).problems.is_empty());
}
