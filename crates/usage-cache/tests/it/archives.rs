//! Sessions that a sweep archives, and that are brought back, are counted as they were.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use common_fs::{Op, sim::Faults};
use usage_cache::{Claude, Codex, Place, Prices, Query, Summary, UsageCache, Zone};

use crate::{
    sweep::{SWEEPS, Sweep, restore, restore_slowly},
    world::{CACHE, SESSIONS, World, all, answer, path, present, session, tokens},
};

const PROJECT: &str = "/h/.claude/projects/p";
const DAY: &str = "/h/.codex/sessions/2026/02/05";
const ARCHIVED: &str = "/h/.codex/archived_sessions";
const UUID: &str = "0b4b2d3c-5d6e-4f70-8a9b-0c1d2e3f4a5b";

/// An answer of OpenClaw with an id.
fn identified(id: &str, tokens: u64) -> String {
    answer(tokens).replacen('{', &format!("{{\"id\":\"{id}\","), 1)
}

/// An answer of Claude Code.
fn claude_answer(id: &str, day: u32, output: u64) -> String {
    format!(
        "{{\"type\":\"assistant\",\"timestamp\":\"2026-05-{day:02}T12:00:00.123Z\",\
         \"sessionId\":\"s\",\"requestId\":\"req_{id}\",\"message\":{{\"id\":\"msg_{id}\",\
         \"model\":\"claude-opus-4-7\",\"usage\":{{\"input_tokens\":3,\"output_tokens\":{output}}}}}}}\n"
    )
}

fn codex_line(minute: u32, kind: &str, payload: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-02-05T12:{minute:02}:00Z\",\"type\":\"{kind}\",\
         \"payload\":{{{payload}}}}}\n"
    )
}

fn codex_meta(minute: u32, id: &str, parent: Option<&str>) -> String {
    let parent = parent.map(|id| format!(",\"forked_from_id\":\"{id}\"")).unwrap_or_default();
    codex_line(minute, "session_meta", &format!("\"id\":\"{id}\"{parent}"))
}

/// A counter of Codex.
fn codex_total(minute: u32, input: u64) -> String {
    let usage = format!("{{\"input_tokens\":{input},\"output_tokens\":0}}");
    let info = format!("\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{usage}}}");
    codex_line(minute, "event_msg", &info)
}

/// A world without transcripts.
fn empty() -> World {
    let mut world = World::new();
    let places = &mut world.options.locations.places;
    places.extend([Place::new(&Claude, "/h/.claude"), Place::new(&Codex, "/h/.codex")]);
    for dir in [PROJECT, DAY, ARCHIVED] {
        world.sim.fs.make_dir(dir);
    }
    world
}

/// A world with transcripts of all runtimes that share what can be shared, some of which end in
/// the middle of a line; and which of them can be archived.
fn furnished() -> (World, Vec<PathBuf>) {
    let world = empty();
    let copied = session("a") + &identified("1", 3) + &identified("1", 3) + &identified("2", 4);
    let unfinished = identified("4", 6);
    let parent = codex_meta(0, "p", None) + &codex_total(1, 10) + &codex_total(9, 30);
    let fork = codex_meta(5, "f", Some("p")) + &codex_total(6, 27);
    let files = [
        (SESSIONS, "a.jsonl", copied.clone()),
        // A fork of it, which counts on its own.
        (SESSIONS, "b-topic-7.jsonl", copied + &identified("3", 5)),
        (SESSIONS, "c.jsonl", session("c") + unfinished.trim_end()),
        (SESSIONS, "d.jsonl", session("d") + "no json\n" + &identified("5", 7) + "{\"usage\":"),
        (SESSIONS, "e.jsonl", String::new()),
        (PROJECT, "one.jsonl", claude_answer("1", 1, 5) + &claude_answer("2", 1, 8)),
        // The same answer, said to be of another day.
        (PROJECT, "two.jsonl", claude_answer("1", 2, 5) + &claude_answer("3", 2, 1)),
        (DAY, "rollout-p.jsonl", parent),
        (ARCHIVED, "rollout-f.jsonl", fork.clone() + &codex_total(7, 28)),
        (DAY, "rollout-f.jsonl", fork + codex_total(8, 50).trim_end()),
    ];
    let mut paths = Vec::new();
    for (dir, name, content) in files {
        let path = Path::new(dir).join(name);
        world.sim.fs.put(&path, content.as_bytes());
        paths.push(path);
    }
    let finished = codex_meta(0, "z", None) + codex_total(1, 100).trim_end();
    let finished = zstd::encode_all(finished.as_bytes(), 1).unwrap();
    let path = Path::new(DAY).join("rollout-z.jsonl.zst");
    world.sim.fs.put(&path, &finished);
    paths.push(path);
    world.wait();
    (world, paths)
}

static PRICES: LazyLock<Prices> = LazyLock::new(Prices::builtin);

/// All that is said of days.
fn answers(usage: &UsageCache) -> Summary {
    let zone: Zone = "Asia/Kathmandu".parse().unwrap();
    usage.summary(&Query::all(zone), &PRICES)
}

/// What a refresh finds, which has to be what one from nothing finds.
fn refreshed(world: &World) -> Summary {
    world.wait();
    let usage = world.refreshed().usage;
    assert!(usage.gone().is_empty(), "{:?}", usage.gone());
    assert_eq!(answers(&usage), answers(&world.cold()));
    assert_eq!(answers(&usage), answers(&world.open()));
    answers(&usage)
}

#[test]
fn a_sweep_changes_no_answer_and_neither_does_taking_it_back() {
    for sweep in SWEEPS {
        for is_known in [false, true] {
            let (world, paths) = furnished();
            let before = answers(&world.cold());
            assert_eq!(before.totals.tokens.total, 20 + 5 + 7 + 19 + 4 + 30 + 18 + 100);
            if is_known {
                assert_eq!(refreshed(&world), before);
            }
            let archives: Vec<_> = paths.iter().map(|path| sweep.archive(&world, path)).collect();
            assert_eq!(refreshed(&world), before, "{sweep:?}");
            if is_known {
                world.sim.fs.remove(CACHE);
            }
            for (archive, path) in archives.iter().zip(&paths) {
                restore(&world, archive, path);
            }
            assert_eq!(refreshed(&world), before, "{sweep:?}");
        }
    }
}

#[test]
fn a_sweep_that_comes_only_half_way_changes_no_answer() {
    for sweep in SWEEPS {
        let (world, paths) = furnished();
        let before = refreshed(&world);
        for path in &paths {
            let archive = sweep.archive(&world, path);
            assert_eq!(refreshed(&world), before, "{sweep:?} {}", path.display());
            // Put away in another way meanwhile, which nobody saw.
            restore(&world, &archive, path);
            for other in SWEEPS {
                let archive = other.archive(&world, path);
                assert_eq!(refreshed(&world), before, "{sweep:?} {other:?} {}", path.display());
                world.wait();
                restore(&world, &archive, path);
            }
            sweep.archive(&world, path);
        }
        assert_eq!(refreshed(&world), before, "{sweep:?}");
    }
}

#[test]
fn what_is_nowhere_for_a_moment_counts_once() {
    for aside in [false, true] {
        let sweep = Sweep { aside, compressed: true };
        let (world, paths) = furnished();
        let before = refreshed(&world);
        for path in &paths {
            let seen = || {
                let usage = world.refreshed().usage;
                assert_eq!(usage.status().gone_files, 1);
                // Which of two records counts is another matter, as one of them is gone.
                assert_eq!(answers(&usage).totals, before.totals, "{}", path.display());
            };
            let archive = sweep.put_away_slowly(&world, path, "deleted", seen);
            assert_eq!(refreshed(&world), before, "{}", path.display());
            // In both places for a moment, which counts as two where nobody can tell.
            restore_slowly(&world, &archive, path, || drop(world.refreshed()));
            assert_eq!(refreshed(&world), before, "{}", path.display());
        }
    }
}

#[test]
fn what_was_written_since_it_was_read_counts_when_it_is_archived_and_when_it_is_back() {
    for sweep in SWEEPS {
        let world = empty();
        world.put("a.jsonl", session("a") + &answer(1));
        refreshed(&world);
        world.append("a.jsonl", answer(2) + answer(4).trim_end());
        world.wait();
        let archive = sweep.archive(&world, &path("a.jsonl"));
        assert_eq!(refreshed(&world).totals.tokens.total, 3, "{sweep:?}");
        restore(&world, &archive, &path("a.jsonl"));
        world.append("a.jsonl", "\n".to_owned() + &answer(8));
        assert_eq!(refreshed(&world).totals.tokens.total, 15, "{sweep:?}");
    }
}

#[test]
fn what_a_compressed_archive_ends_with_is_no_unfinished_line() {
    let unfinished = |world: &World| world.refreshed().usage.status().unfinished_files;
    let world = empty();
    // Compressed, it is longer than without the line that counts.
    world.put("a.jsonl", "0123456789");
    world.wait();
    assert_eq!(unfinished(&world), 1);
    let archive = Sweep { aside: false, compressed: false }.archive(&world, &path("a.jsonl"));
    world.wait();
    assert_eq!(unfinished(&world), 1);
    restore(&world, &archive, &path("a.jsonl"));
    Sweep { aside: false, compressed: true }.archive(&world, &path("a.jsonl"));
    world.wait();
    assert_eq!(unfinished(&world), 0);
}

#[test]
fn an_archive_in_which_something_else_is_takes_nothing_away() {
    let world = empty();
    world.put("a.jsonl", session("a") + &answer(3));
    refreshed(&world);
    world.sim.fs.remove(path("a.jsonl"));
    let other = zstd::encode_all((session("b") + &answer(7)).as_bytes(), 1).unwrap();
    world.sim.fs.make_dir(path("archive"));
    world.put("archive/a.jsonl.deleted.2026-09-02T00-00-00.000Z.zst", other);
    world.wait();
    let usage = world.refreshed().usage;
    assert_eq!((tokens(&usage), usage.status().gone_files), (10, 1));
    assert_eq!(world.refreshed().work.scanned_files, 0, "it is compared once");
    // Another session of that name takes nothing from an archive that is gone.
    world.sim.fs.remove(path("archive/a.jsonl.deleted.2026-09-02T00-00-00.000Z.zst"));
    world.refreshed();
    world.put("a.jsonl", session("c") + &answer(1));
    world.wait();
    let usage = world.refreshed().usage;
    assert_eq!((tokens(&usage), usage.status().gone_files), (8, 1));
    assert_eq!(world.refreshed().work.scanned_files, 0);
}

#[test]
fn an_archive_that_cannot_be_read_leaves_things_as_they_were_known() {
    let world = empty();
    world.put("a.jsonl", session("a") + &answer(3));
    refreshed(&world);
    let archive = Sweep { aside: true, compressed: true }.archive(&world, &path("a.jsonl"));
    let whole = world.sim.fs.content(&archive).unwrap();
    world.sim.fs.truncate(&archive, whole.len() / 2);
    world.wait();
    let usage = world.refreshed().usage;
    let status = usage.status();
    assert_eq!((tokens(&usage), status.gone_files, status.unreadable.len()), (3, 1, 1));
    world.sim.fs.put(&archive, &whole);
    assert_eq!(refreshed(&world).totals.tokens.total, 3);
}

#[test]
fn a_crash_while_an_archive_is_taken_in_counts_once() {
    for sweep in [SWEEPS[0], SWEEPS[3]] {
        let swept = || {
            let mut world = empty();
            world.options.checkpoint.interval = std::time::Duration::ZERO;
            world.put("a.jsonl", session("a") + &answer(1).repeat(20));
            world.put("b.jsonl", session("b") + &answer(3));
            refreshed(&world);
            for name in ["a.jsonl", "b.jsonl"] {
                sweep.archive(&world, &path(name));
            }
            world.wait();
            world
        };
        let steps = swept().refresh_with(Faults::none()).1.count();
        for nth in 0..=steps {
            let world = swept();
            drop(world.refresh_with(Faults::none().die(nth)));
            assert_eq!(refreshed(&world).totals.tokens.total, 23, "{sweep:?}, killed at {nth}");
        }
    }
}

#[test]
fn copies_that_are_put_away_do_not_count() {
    for sweep in SWEEPS {
        let world = empty();
        world.put("s.jsonl", session("s") + &answer(1));
        let copies = [
            format!("s.checkpoint.{UUID}.jsonl"),
            "s.trajectory.jsonl".to_owned(),
            "s.trajectory-path.json".to_owned(),
            format!("sessions.json.71.{UUID}.tmp"),
            "s.jsonl.lock".to_owned(),
        ];
        for name in &copies {
            world.put(name, session("s") + &answer(1));
        }
        assert_eq!(refreshed(&world).totals.tokens.total, 1);
        for name in &copies {
            sweep.put_away(&world, &path(name), "bak");
        }
        for (dir, content) in [(SESSIONS, answer(2)), (PROJECT, claude_answer("1", 1, 2))] {
            let path = Path::new(dir).join("copy.jsonl");
            world.sim.fs.put(&path, content.as_bytes());
            sweep.put_away(&world, &path, "bak");
        }
        let rollout = Path::new(DAY).join("rollout-p.jsonl");
        world.sim.fs.put(&rollout, (codex_meta(0, "p", None) + &codex_total(1, 10)).as_bytes());
        sweep.put_away(&world, &rollout, "bak");
        assert_eq!(refreshed(&world).totals.tokens.total, 1, "{sweep:?}");
        assert_eq!(world.refreshed().usage.status().cached_files, 1);
    }
}

#[test]
fn archives_of_checkpoints_and_trajectories_repeat_what_a_transcript_holds() {
    for sweep in SWEEPS {
        for reason in ["deleted", "reset"] {
            let world = empty();
            world.put("s.jsonl", session("s") + &answer(1));
            for name in [format!("s.checkpoint.{UUID}.jsonl"), "s.trajectory.jsonl".to_owned()] {
                world.put(&name, session("s") + &answer(1));
                sweep.put_away(&world, &path(&name), reason);
            }
            assert_eq!(refreshed(&world).totals.tokens.total, 1, "{sweep:?} {reason}");
        }
    }
}

/// A line of the cache file with the right sum, whatever it says.
fn sealed(line: &str) -> String {
    let (body, _) = line.rsplit_once(",\"sum\"").unwrap();
    let sum = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
    format!("{body},\"sum\":\"{sum:016x}\"}}\n")
}

#[test]
fn what_was_taken_for_a_transcript_by_earlier_rules_is_forgotten() {
    for is_there in [true, false] {
        let world = empty();
        world.put("s.jsonl", session("s") + &answer(1));
        let counted = "x.jsonl.deleted.2026-02-05T12-04-05.006Z";
        world.put(counted, session("s") + &answer(1));
        world.wait();
        assert_eq!(tokens(&world.refreshed().usage), 2);
        let checkpoint = format!("s.checkpoint.{UUID}.jsonl.deleted.2026-02-05T12-04-05.006Z");
        world.sim.fs.rename(path(counted), path(&checkpoint));
        if !is_there {
            world.sim.fs.remove(path(&checkpoint));
        }
        let text = String::from_utf8(world.sim.fs.content(CACHE).unwrap()).unwrap();
        let renamed: String =
            text.lines().map(|line| sealed(&line.replace(counted, &checkpoint))).collect();
        assert_ne!(renamed, text);
        world.sim.fs.put(CACHE, renamed.as_bytes());
        world.wait();
        assert_eq!(tokens(&world.open()), 1);
        let usage = world.refresh().usage;
        assert_eq!((tokens(&usage), usage.status().gone_files), (1, 0), "{is_there}");
    }
}

#[test]
fn a_session_of_claude_is_put_away_with_what_is_beside_it() {
    for aside in [false, true] {
        let sweep = Sweep { aside, compressed: false };
        let world = empty();
        let (transcript, side) = (format!("{PROJECT}/{UUID}.jsonl"), format!("{PROJECT}/{UUID}"));
        world.sim.fs.make_dir(format!("{side}/subagents"));
        world.sim.fs.put(&transcript, claude_answer("1", 1, 5).as_bytes());
        let agent = claude_answer("1", 2, 5) + &claude_answer("2", 2, 9);
        world.sim.fs.put(format!("{side}/subagents/agent-1.jsonl"), agent.as_bytes());
        let before = refreshed(&world);
        assert_eq!(before.totals.tokens.total, 8 + 12);
        let paths = [Path::new(&transcript), Path::new(&side)];
        let archives = paths.map(|path| sweep.archive(&world, path));
        assert_eq!(refreshed(&world), before, "{sweep:?}");
        for (archive, path) in archives.iter().zip(paths) {
            restore(&world, archive, path);
        }
        assert_eq!(refreshed(&world), before, "{sweep:?}");
    }
}

#[test]
fn a_fork_finds_its_parent_in_an_archive() {
    for sweep in SWEEPS {
        for is_known in [false, true] {
            let world = empty();
            let [parent, fork] =
                ["p", "f"].map(|name| PathBuf::from(format!("{DAY}/{name}.jsonl")));
            let content = codex_meta(0, "p", None) + &codex_total(1, 10) + &codex_total(2, 20);
            world.sim.fs.put(&parent, content.as_bytes());
            let content = codex_meta(5, "f", Some("p")) + &codex_total(6, 27);
            world.sim.fs.put(&fork, content.as_bytes());
            if is_known {
                refreshed(&world);
            }
            let archive = sweep.archive(&world, &parent);
            assert_eq!(refreshed(&world).totals.tokens.total, 27, "{sweep:?}");
            // It goes on where it was left.
            restore(&world, &archive, &parent);
            world.sim.fs.append(&parent, codex_total(9, 25).as_bytes());
            assert_eq!(refreshed(&world).totals.tokens.total, 32, "{sweep:?}");
        }
    }
}

/// Where the database of the agent would be. Nobody reads it here.
const DATABASE: &str = "/h/.openclaw/agents/main/agent/openclaw-agent.sqlite";

#[test]
fn what_is_compressed_is_of_a_database_only_where_there_is_one() {
    let hash = "0123456789abcdef0123456789abcdef";
    let world = empty();
    world.sim.fs.make_dir(Path::new(DATABASE).parent().unwrap());
    let copied = session("a") + &identified("1", 3) + identified("2", 4).trim_end();
    for (name, aside) in [("a.jsonl", false), ("b.jsonl", true)] {
        world.put(name, &copied);
        Sweep { aside, compressed: true }.archive(&world, &path(name));
    }
    let counts = |expected: u64| {
        world.wait();
        assert_eq!(all(&world.cold()).totals.tokens.total, expected);
        assert_eq!(tokens(&world.refresh().usage), expected);
        assert_eq!(world.refresh().work.scanned_files, 0);
        assert_eq!(tokens(&world.open()), expected);
    };
    // Each line counts that has an end.
    counts(3 + 3);
    // Each event of the database counts once, and its archives are written at once.
    world.sim.fs.put(DATABASE, b"database");
    counts(3 + 4);
    world.sim.fs.remove(DATABASE);
    counts(3 + 3);
    // This one is of a database, whatever became of that.
    let compressed = zstd::encode_all(copied.as_bytes(), 1).unwrap();
    for session in ["c", "d"] {
        let name = format!("{session}.jsonl.deleted.2026-02-05T12-04-05.006Z.{hash}.zst");
        world.put(&name, &compressed);
    }
    counts(3 + 3 + 7);
}

#[test]
fn the_directory_of_archives_belongs_to_its_agent() {
    let world = empty();
    world.sim.fs.make_dir("/disk/sessions/archive");
    world.sim.fs.symlink("/h/.openclaw/agents/linked", "/disk");
    let archive = "/disk/sessions/archive/a.jsonl.deleted.2026-02-05T12-04-05.006Z";
    world.sim.fs.put(archive, answer(3).as_bytes());
    // Further down is nobody's.
    world.sim.fs.make_dir("/disk/sessions/archive/archive");
    world.sim.fs.put("/disk/sessions/archive/archive/x.jsonl", answer(100).as_bytes());
    assert_eq!(refreshed(&world).totals.tokens.total, 3);
    // The disk is away with all that is on it.
    world.sim.fs.rename("/disk", "/away");
    let usage = world.refreshed().usage;
    let status = usage.status();
    assert_eq!((tokens(&usage), status.gone_files, status.unverified_files), (3, 0, 1));
    world.sim.fs.rename("/away", "/disk");
    assert_eq!(refreshed(&world).totals.tokens.total, 3);
    // Where the rest is there, a directory is gone.
    world.sim.fs.remove("/disk/sessions/archive");
    let usage = world.refreshed().usage;
    let status = usage.status();
    assert_eq!((tokens(&usage), status.gone_files, status.unverified_files), (3, 1, 0));
    assert_eq!(present(&usage).totals.tokens.total, 0);
    // What was never there is not looked for.
    let (_, calls) = world.refresh_with(Faults::none());
    let archive = Path::new("/h/.openclaw/agents/linked/sessions/archive");
    assert!(!calls.trace().contains(&(Op::OpenDir, archive.to_owned())));
}
