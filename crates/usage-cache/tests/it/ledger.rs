//! Transcripts that vanish stay counted; those that move count once.

use proptest::prelude::*;
use usage_cache::Freshness;

use crate::world::{World, all, answer, path, present, session, tokens};

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
        world.refresh_with(common_fs::sim::Faults::none()).1.count()
    };
    for nth in 0..=steps {
        let world = world_with("a.jsonl");
        world.sim.fs.rename(path("a.jsonl"), path("b.jsonl"));
        world.sim.fs.sync_all();
        world.wait();
        drop(world.refresh_with(common_fs::sim::Faults::none().die(nth)));
        for fs in world.sim.fs.power_loss_states() {
            let after = World {
                sim: common_fs::sim::Sim { fs, ..world.sim.clone() },
                options: world.options.clone(),
            };
            assert_eq!(tokens(&after.refresh().usage), 3, "crash at {nth}");
        }
    }
}

#[derive(Clone, Debug)]
enum Life {
    Write(usize, u64),
    Archive(usize),
    Rename(usize),
    Delete(usize),
}

fn life() -> impl Strategy<Value = Life> {
    let nth = 0_usize..6;
    prop_oneof![
        4 => (nth.clone(), 1_u64..1_000).prop_map(|(nth, tokens)| Life::Write(nth, tokens)),
        1 => nth.clone().prop_map(Life::Archive),
        1 => nth.clone().prop_map(Life::Rename),
        1 => nth.prop_map(Life::Delete),
    ]
}

proptest! {
    /// Whatever becomes of transcripts once they were seen, their tokens count exactly once.
    #[test]
    fn nothing_that_was_seen_is_lost_or_doubled(lives in prop::collection::vec(life(), 1..40)) {
        let world = World::new();
        // The current name of each session, and how often it was begun anew.
        let mut names: Vec<Option<String>> = vec![None; 6];
        let (mut begun, mut written) = (0, 0);
        for life in lives {
            match life {
                Life::Write(nth, tokens) => {
                    let name = names[nth].get_or_insert_with(|| {
                        begun += 1;
                        let name = format!("s{begun}.jsonl");
                        world.put(&name, session(&name));
                        name
                    });
                    world.append(name, answer(tokens));
                    written += tokens;
                }
                Life::Archive(nth) => {
                    if let Some(name) = names[nth].take() {
                        let archive = format!("{name}.deleted.2026-09-02T00-00-00.000Z");
                        world.sim.fs.rename(path(&name), path(&archive));
                    }
                }
                Life::Rename(nth) => {
                    if let Some(name) = &mut names[nth] {
                        let new = format!("r{name}");
                        world.sim.fs.rename(path(name), path(&new));
                        *name = new;
                    }
                }
                Life::Delete(nth) => {
                    if let Some(name) = names[nth].take() {
                        world.sim.fs.remove(path(&name));
                    }
                }
            }
            world.wait();
            prop_assert_eq!(tokens(&world.refreshed().usage), written);
        }
    }
}
