//! What moves from one machine to another counts once there.

use std::{convert::Infallible, sync::Arc, time::Duration};

use common_fs::{
    Host,
    observe::ObservedFs,
    sim::{Faults, Sim},
};
use proptest::{prelude::*, sample::select};
use usage_cache::{
    Claude, Codex, Key, OpenClaw, Place, Summary, UsageCache,
    ledger::{self, Exported, Import, ImportError, Ledger, LedgerError, Saving},
};

use crate::{
    runtime::{self, Runtime},
    world::{CACHE, World, all, answer, answer_at, present, session, tokens},
};

const FILES: usize = 4;
const SESSIONS: &str = ".openclaw/agents/main/sessions";
const ARCHIVE: &str = "a.jsonl.deleted.2026-09-01T01-00-00.000Z";

/// A machine whose user is at home in this directory.
fn machine(home: &str) -> World {
    let mut world = runtime::world();
    world.options.locations.places = vec![
        Place::new(&OpenClaw, format!("{home}/.openclaw")),
        Place::new(&Claude, format!("{home}/.claude")),
        Place::new(&Codex, format!("{home}/.codex")),
    ];
    world.sim.fs.make_dir(format!("{home}/{SESSIONS}"));
    for dir in [".claude/projects/p", ".codex/sessions/2026/02/05"] {
        world.sim.fs.make_dir(format!("{home}/{dir}"));
    }
    // No two machines look at their clocks at the same time.
    world.sim.clock.advance(Duration::from_millis(home.len() as u64));
    world
}

fn put(world: &World, home: &str, name: &str, content: impl AsRef<[u8]>) {
    world.sim.fs.put(format!("{home}/{SESSIONS}/{name}"), content.as_ref());
}

fn remove(world: &World, home: &str, name: &str) {
    world.sim.fs.remove(format!("{home}/{SESSIONS}/{name}"));
}

fn export(world: &World, which: Exported) -> Vec<u8> {
    world.wait();
    let usage = world.refreshed().usage;
    let id = ledger::identify(world.sim.host(), &world.options).unwrap();
    let mut file = Vec::new();
    let mut write = |line: &[u8]| {
        file.extend_from_slice(line);
        Ok::<(), Infallible>(())
    };
    let Ok(_) = ledger::export(&usage, which, id, world.sim.host().clock.now(), &mut write);
    file
}

fn try_import(host: Host<'_>, world: &World, file: &[u8]) -> Result<Import, ImportError> {
    ledger::import(host, &world.options, &Ledger::read(file).unwrap(), Saving::Saved)
}

fn import(world: &World, file: &[u8]) -> Import {
    world.wait();
    world.refreshed();
    let import = try_import(world.sim.host(), world, file).unwrap();
    assert!(import.problems.is_empty(), "{:?}", import.problems);
    // What is saved is what was said.
    assert_eq!(all(&world.open()), all(&import.usage));
    import
}

fn counts(import: &Import) -> [u64; 4] {
    [import.added, import.grown, import.known, import.damaged]
}

/// A session of so many answers, an hour apart.
fn hours(id: &str, count: u32) -> String {
    let at = |hour: u32| answer_at(&format!("2026-01-05T{hour:02}:00:00Z"), 1);
    session(id) + &(0..count).map(at).collect::<String>()
}

#[test]
fn history_moves_and_counts_once_however_often_it_comes() {
    let (a, b) = (machine("/h"), machine("/home/b"));
    put(&a, "/h", "a.jsonl", hours("a", 3));
    put(&a, "/h", "g.jsonl", hours("g", 4));
    a.wait();
    a.refreshed();
    remove(&a, "/h", "g.jsonl");
    put(&b, "/home/b", "b.jsonl", hours("b", 10));
    let file = export(&a, Exported::All);
    assert_eq!(Ledger::read(&file).unwrap().header().transcripts, 2);
    let first = import(&b, &file);
    assert_eq!((counts(&first), tokens(&first.usage)), ([2, 0, 0, 0], 17));
    assert_eq!((first.usage.status().imported_files, first.usage.status().gone_files), (2, 0));
    let summary = all(&first.usage);
    assert_eq!((summary.imported.tokens.total, summary.gone.tokens.total), (7, 7));
    assert_eq!(present(&first.usage).totals.tokens.total, 10);
    let again = import(&b, &file);
    assert_eq!((counts(&again), tokens(&again.usage)), ([0, 0, 2, 0], 17));
    // What goes back, and on from there, adds nothing either.
    let back = export(&b, Exported::All);
    let own = import(&a, &back);
    assert_eq!((counts(&own), tokens(&own.usage)), ([1, 0, 2, 0], 17));
    let c = machine("/c");
    assert_eq!(tokens(&import(&c, &back).usage), 17);
    assert_eq!(counts(&import(&c, &file)), [0, 0, 2, 0]);
    assert_eq!(tokens(&c.open()), 17);
}

#[test]
fn what_is_gone_can_be_exported_alone() {
    let (a, b) = (machine("/h"), machine("/b"));
    put(&a, "/h", "a.jsonl", hours("a", 3));
    put(&a, "/h", "g.jsonl", hours("g", 4));
    a.wait();
    a.refreshed();
    remove(&a, "/h", "g.jsonl");
    let import = import(&b, &export(&a, Exported::Gone));
    assert_eq!((counts(&import), tokens(&import.usage)), ([1, 0, 0, 0], 4));
}

#[test]
fn the_longer_version_of_a_session_counts_wherever_it_is() {
    for (here, there) in [(5, 3), (3, 5), (4, 4), (0, 4)] {
        for archived in [false, true] {
            for gone in [false, true] {
                let (a, b) = (machine("/h"), machine("/b"));
                put(&a, "/h", if archived { ARCHIVE } else { "a.jsonl" }, hours("a", there));
                if 0 < here {
                    put(&b, "/b", "a.jsonl", hours("a", here));
                }
                let imported = import(&b, &export(&a, Exported::All));
                let what = format!("{here} {there} {archived} {gone}");
                let expected = u64::from(here.max(there));
                assert_eq!(tokens(&imported.usage), expected, "{what}");
                assert_eq!(present(&imported.usage).totals.tokens.total, u64::from(here), "{what}");
                if gone && 0 < here {
                    remove(&b, "/b", "a.jsonl");
                    b.wait();
                    assert_eq!(tokens(&b.refreshed().usage), expected, "{what}");
                }
                // The transcript itself comes after its history.
                if here <= there {
                    put(&b, "/b", "a.jsonl", hours("a", there));
                    b.wait();
                    assert_eq!(tokens(&b.refreshed().usage), expected, "{what}");
                }
            }
        }
    }
}

#[test]
fn an_answer_that_was_recorded_again_counts_as_it_was_last() {
    let line = |output: u32| {
        format!(
            "{{\"type\":\"assistant\",\"timestamp\":\"2026-02-05T12:00:00Z\",\"requestId\":\"r\",\
             \"message\":{{\"id\":\"m\",\"usage\":{{\"output_tokens\":{output}}}}}}}\n"
        )
    };
    let name = ".claude/projects/p/s.jsonl";
    for (first, last) in [(1, 20), (20, 1)] {
        let (a, b) = (machine("/h"), machine("/b"));
        a.sim.fs.put(format!("/h/{name}"), (line(first) + &line(last)).as_bytes());
        b.sim.fs.put(format!("/b/{name}"), line(first).as_bytes());
        b.wait();
        b.refreshed();
        b.sim.fs.remove(format!("/b/{name}"));
        assert_eq!(tokens(&import(&b, &export(&a, Exported::All)).usage), u64::from(last));
    }
}

#[test]
fn a_session_that_went_on_in_two_places_counts_both_ends() {
    let (a, b) = (machine("/h"), machine("/b"));
    let end = |day: u32| answer_at(&format!("2026-01-{day:02}T00:00:00Z"), 100);
    put(&a, "/h", "a.jsonl", hours("a", 5) + &end(8));
    put(&b, "/b", "a.jsonl", hours("a", 5) + &end(9));
    let import = import(&b, &export(&a, Exported::All));
    assert_eq!(tokens(&import.usage), 205);
}

#[test]
fn a_later_export_says_more_and_an_earlier_one_nothing_new() {
    let (a, b) = (machine("/h"), machine("/b"));
    put(&a, "/h", "a.jsonl", hours("a", 3));
    let early = export(&a, Exported::All);
    let sessions = format!("/h/{SESSIONS}");
    a.sim.fs.append(format!("{sessions}/a.jsonl"), answer(10).as_bytes());
    a.wait();
    a.refreshed();
    a.sim.fs.rename(format!("{sessions}/a.jsonl"), format!("{sessions}/{ARCHIVE}"));
    let late = export(&a, Exported::All);
    for (first, second, expected) in [(&early, &late, [0, 1, 0, 0]), (&late, &early, [0, 0, 1, 0])]
    {
        let b =
            World { sim: Sim { fs: b.sim.fs.fork(), ..b.sim.clone() }, options: b.options.clone() };
        import(&b, first);
        let import = import(&b, second);
        assert_eq!((counts(&import), tokens(&import.usage)), (expected, 13));
    }
}

#[test]
fn what_was_imported_outlives_refreshes_and_compactions() {
    let (a, mut b) = (machine("/h"), machine("/b"));
    b.options.checkpoint.interval = Duration::ZERO;
    put(&a, "/h", "a.jsonl", hours("a", 3));
    import(&b, &export(&a, Exported::All));
    let mut total = 3;
    for nth in 0..400 {
        put(
            &b,
            "/b",
            &format!("s{}.jsonl", nth % 50),
            session("s") + &hours("s", nth % 20).repeat(9),
        );
        b.wait();
        b.refreshed();
    }
    let summary = all(&b.open());
    assert_eq!(summary.imported.tokens.total, 3);
    total += present(&b.open()).totals.tokens.total;
    assert_eq!((summary.totals.tokens.total, tokens(&b.refreshed().usage)), (total, total));
    assert_eq!(b.refreshed().work.writes, 0);
}

#[test]
fn an_import_that_is_cut_off_changes_nothing_or_all() {
    let a = machine("/h");
    put(&a, "/h", "a.jsonl", hours("a", 3));
    put(&a, "/h", "b.jsonl", hours("b", 4));
    let file = export(&a, Exported::All);
    let b = machine("/b");
    put(&b, "/b", "x.jsonl", hours("x", 10));
    b.wait();
    b.refreshed();
    b.sim.fs.sync_all();
    let with = |faults: Faults| {
        let sim = Sim { fs: b.sim.fs.fork(), ..b.sim.clone() };
        let faults = Arc::new(faults);
        let fs = ObservedFs::new(sim.fs.clone(), faults.clone());
        let imported = try_import(Host { fs: &fs, ..sim.host() }, &b, &file);
        (World { sim, options: b.options.clone() }, faults, imported)
    };
    let (_, faults, imported) = with(Faults::none());
    assert_eq!(tokens(&imported.unwrap().usage), 17);
    let mut seen = [0, 0];
    for nth in 0..=faults.count() {
        let (world, ..) = with(Faults::none().die(nth));
        for fs in world.sim.fs.power_loss_states() {
            let after =
                World { sim: Sim { fs, ..world.sim.clone() }, options: world.options.clone() };
            let counted = tokens(&after.refreshed().usage);
            assert!([10, 17].contains(&counted), "{nth}: {counted}");
            seen[usize::from(counted == 17)] += 1;
            assert_eq!(tokens(&import(&after, &file).usage), 17, "{nth}");
        }
    }
    assert!(seen.iter().all(|times| 0 < *times), "{seen:?}");
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let (a, b) = (machine("/h"), machine("/b"));
    put(&a, "/h", "a.jsonl", hours("a", 3));
    put(&b, "/b", "b.jsonl", hours("b", 4));
    let file = export(&a, Exported::All);
    b.wait();
    b.refreshed();
    let before = b.sim.fs.content(CACHE);
    let ledger = Ledger::read(&file).unwrap();
    let dry = ledger::import(b.sim.host(), &b.options, &ledger, Saving::Dry).unwrap();
    assert_eq!((counts(&dry), tokens(&dry.usage)), ([1, 0, 0, 0], 7));
    assert_eq!((b.sim.fs.content(CACHE), tokens(&b.open())), (before, 4));
}

#[test]
fn damaged_and_missing_lines_are_counted_and_the_others_taken() {
    let (a, b) = (machine("/h"), machine("/b"));
    for (name, answers) in [("a.jsonl", 1), ("b.jsonl", 2), ("c.jsonl", 4)] {
        put(&a, "/h", name, hours(name, answers));
    }
    let file = export(&a, Exported::All);
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let mut flipped = lines[2].to_vec();
    flipped[40] ^= 1;
    let table: [(Vec<u8>, u64, u64); 5] = [
        ([lines[0], lines[1], &flipped, lines[3]].concat(), 1, 5),
        ([lines[0], lines[1], b"?\n", lines[2], lines[3]].concat(), 1, 7),
        (lines[..3].concat(), 1, 3),
        (file[..file.len() - 1].to_vec(), 1, 3),
        (lines[0].to_vec(), 3, 0),
    ];
    for (file, damaged, counted) in table {
        let fs = b.sim.fs.fork();
        let b = World { sim: Sim { fs, ..b.sim.clone() }, options: b.options.clone() };
        let import = import(&b, &file);
        assert_eq!((import.damaged, tokens(&import.usage)), (damaged, counted));
    }
}

#[test]
fn what_is_no_ledger_of_this_version_is_told() {
    let a = machine("/h");
    put(&a, "/h", "a.jsonl", hours("a", 3));
    let file = String::from_utf8(export(&a, Exported::All)).unwrap();
    let newer = file.lines().next().unwrap().replace("\"version\":1", "\"version\":2");
    let (body, _) = newer.rsplit_once(",\"sum\"").unwrap();
    let sum = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
    let newer = format!("{body},\"sum\":\"{sum:016x}\"}}\n");
    let cache = String::from_utf8(a.sim.fs.content(CACHE).unwrap()).unwrap();
    for (content, error) in [
        ("", LedgerError::Empty),
        ("{\"format\":\"upkeep-usage-ledger\"", LedgerError::NotALedger),
        (&cache, LedgerError::NotALedger),
        (&file[1..], LedgerError::NotALedger),
        ("novel\nby nobody\n", LedgerError::NotALedger),
        (&newer, LedgerError::TooNew { version: 2 }),
    ] {
        assert_eq!(Ledger::read(content.as_bytes()).err(), Some(error), "{content}");
    }
}

#[test]
fn a_path_that_leads_out_of_its_root_is_damage() {
    let (a, b) = (machine("/h"), machine("/b"));
    put(&a, "/h", "a.jsonl", hours("a", 3));
    let file = String::from_utf8(export(&a, Exported::All)).unwrap();
    for below in ["../a.jsonl", "/etc/a.jsonl", "", "agents/../../a.jsonl"] {
        let forge = |line: &str| {
            let good = format!("\"below\":\"{}\"", "agents/main/sessions/a.jsonl");
            let line = line.replace(&good, &format!("\"below\":\"{below}\""));
            let (body, _) = line.rsplit_once(",\"sum\"").unwrap();
            let sum = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
            format!("{body},\"sum\":\"{sum:016x}\"}}\n")
        };
        let forged: String = file.lines().map(forge).collect();
        let import = import(&b, forged.as_bytes());
        assert_eq!((counts(&import), tokens(&import.usage)), ([0, 0, 0, 1], 0), "{below}");
    }
}

#[test]
fn the_name_of_a_ledger_is_made_up_once() {
    let a = machine("/h");
    put(&a, "/h", "a.jsonl", hours("a", 3));
    a.wait();
    a.refreshed();
    let name = |world: &World| ledger::identify(world.sim.host(), &world.options).unwrap();
    let first = name(&a);
    a.wait();
    put(&a, "/h", "a.jsonl", hours("a", 4));
    a.refreshed();
    assert_eq!(name(&a), first);
    let b = machine("/b");
    assert_ne!(name(&b), first);
    assert_ne!(first, Key(0));
}

#[test]
fn what_has_no_name_of_a_session_is_told_apart_by_its_place() {
    let (a, b) = (machine("/h"), machine("/b"));
    let name = "x.reset.2026-09-01T01-00-00.000Z";
    put(&a, "/h", name, hours("a", 3));
    b.sim.fs.make_dir("/b/.openclaw/agents/other/sessions");
    b.sim.fs.put(format!("/b/.openclaw/agents/other/sessions/{name}"), hours("b", 4).as_bytes());
    let imported = import(&b, &export(&a, Exported::All));
    assert_eq!((counts(&imported), tokens(&imported.usage)), ([1, 0, 0, 0], 7));
    put(&b, "/b", name, hours("a", 3));
    b.wait();
    assert_eq!(tokens(&b.refreshed().usage), 7);
}

#[test]
fn what_this_machine_no_longer_looks_for_does_not_stand_for_an_import() {
    let (a, mut b) = (machine("/h"), machine("/b"));
    put(&a, "/h", "a.jsonl", hours("a", 3));
    put(&b, "/b", "a.jsonl", hours("a", 3));
    b.wait();
    b.refreshed();
    b.options.locations.places = vec![Place::new(&OpenClaw, "/elsewhere")];
    let imported = import(&b, &export(&a, Exported::All));
    assert_eq!((counts(&imported), tokens(&imported.usage)), ([1, 0, 0, 0], 3));
}

#[test]
fn what_this_machine_does_not_look_for_waits() {
    let (a, mut b) = (machine("/h"), machine("/b"));
    put(&a, "/h", "a.jsonl", hours("a", 3));
    let places = std::mem::take(&mut b.options.locations.places);
    b.options.locations.places = vec![Place::new(&Claude, "/b/.claude")];
    let imported = import(&b, &export(&a, Exported::All));
    assert_eq!((counts(&imported), tokens(&imported.usage)), ([1, 0, 0, 0], 0));
    b.options.locations.places = places;
    assert_eq!(tokens(&b.refreshed().usage), 3);
}

/// Who has which part of a transcript.
#[derive(Clone, Copy, Debug)]
enum Whose {
    A,
    B,
    /// One has all of it, the other the beginning.
    LongerOnA(prop::sample::Index),
    LongerOnB(prop::sample::Index),
}

fn whose() -> impl Strategy<Value = Whose> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        Just(Whose::A),
        Just(Whose::B),
        at().prop_map(Whose::LongerOnA),
        at().prop_map(Whose::LongerOnB),
    ]
}

/// What a report says, whoever knows it.
fn answers(usage: &UsageCache) -> Summary {
    let mut summary = all(usage);
    summary.imported = summary.untimed;
    summary.gone = summary.untimed;
    summary
}

proptest! {
    /// Of histories on two machines, export and import make the history of one.
    #[test]
    fn an_import_makes_one_history_of_two(
        (runtime, files) in Runtime::any().prop_flat_map(|runtime| {
            let file = (runtime.content(), whose(), any::<bool>());
            (Just(runtime), prop::collection::vec(file, FILES))
        }),
        other_home in select(vec!["/h", "/home/other"]),
        direct in any::<bool>(),
    ) {
        let (a, b, both) = (machine(other_home), machine("/h"), machine("/h"));
        let path = |home: &str, file: usize| {
            let path = runtime.path(file);
            std::path::Path::new(home).join(path.strip_prefix("/h").unwrap())
        };
        for (file, (content, whose, _)) in files.iter().enumerate() {
            let part = |cut: prop::sample::Index| &content[..cut.index(content.len() + 1)];
            let (on_a, on_b) = match *whose {
                Whose::A => (Some(&content[..]), None),
                Whose::B => (None, Some(&content[..])),
                Whose::LongerOnA(cut) => (Some(&content[..]), Some(part(cut))),
                Whose::LongerOnB(cut) => (Some(part(cut)), Some(&content[..])),
            };
            if let Some(content) = on_a {
                a.sim.fs.put(path(other_home, file), content);
            }
            if let Some(content) = on_b {
                b.sim.fs.put(path("/h", file), content);
            }
            both.sim.fs.put(path("/h", file), content);
        }
        let early = export(&a, Exported::All);
        for (file, (_, _, is_deleted)) in files.iter().enumerate() {
            let path = path(other_home, file);
            if *is_deleted && a.sim.fs.content(&path).is_some() {
                a.sim.fs.remove(&path);
            }
        }
        let late = export(&a, Exported::All);
        if direct {
            import(&b, &late);
        } else {
            // By way of a third machine, and once more.
            let c = machine("/c");
            import(&c, &early);
            let by_c = export(&c, Exported::All);
            import(&b, &by_c);
            import(&b, &late);
        }
        // Which of several records of an answer counts depends on which transcripts exist.
        for world in [&b, &both] {
            world.wait();
            world.refreshed();
            for file in 0..FILES {
                let path = path("/h", file);
                if world.sim.fs.content(&path).is_some() {
                    world.sim.fs.remove(&path);
                }
            }
            world.wait();
            world.refreshed();
        }
        prop_assert_eq!(answers(&b.open()), answers(&both.open()));
        prop_assert_eq!(counts(&import(&b, &late))[..2].to_vec(), [0, 0]);
        prop_assert_eq!(answers(&b.open()), answers(&both.open()));
    }
}
