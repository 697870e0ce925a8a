//! Nothing that was seen is lost or counted twice, whatever becomes of it.

use std::{ops::ControlFlow, path::PathBuf, time::Duration};

use common_fs::sim::{Faults, Sim};
use proptest::prelude::*;

use crate::{
    sweep::{Sweep, restore},
    world::{World, answer, answer_at, path, session, tokens},
};

#[derive(Clone, Debug)]
enum Life {
    /// So many tokens in an hour of the year.
    Write(usize, u64, u32),
    Archive(usize),
    /// It is archived, and may be brought back.
    Sweep(usize, Sweep),
    Restore(usize),
    Rename(usize),
    /// The transcript gets another name, and another session takes its place.
    Rotate(usize, u64),
    /// Onto the path of another one, which is lost: it was overwritten.
    RenameOver(usize, usize),
    Delete(usize),
}

/// How a refresh ends before a whole one follows.
#[derive(Clone, Copy, Debug)]
enum End {
    Whole,
    BrokenOff(usize),
    Killed(prop::sample::Index),
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        3 => Just(End::Whole),
        2 => (1_usize..4).prop_map(End::BrokenOff),
        1 => any::<prop::sample::Index>().prop_map(End::Killed),
    ]
}

/// Refreshes up to that end.
fn refresh_to(world: &World, end: End) {
    match end {
        End::Whole => (),
        End::BrokenOff(reports) => {
            let mut seen = 0;
            drop(usage_cache::refresh(world.sim.host(), &world.options, &mut |_| {
                seen += 1;
                if seen < reports { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            }));
        }
        End::Killed(nth) => {
            let fs = world.sim.fs.fork();
            let fork =
                World { sim: Sim { fs, ..world.sim.clone() }, options: world.options.clone() };
            let steps = fork.refresh_with(Faults::none()).1.count();
            drop(world.refresh_with(Faults::none().die(nth.index(steps))));
        }
    }
}

fn life() -> impl Strategy<Value = Life> {
    let nth = 0_usize..6;
    prop_oneof![
        6 => (nth.clone(), 1_u64..1_000, 0_u32..600)
            .prop_map(|(nth, tokens, hour)| Life::Write(nth, tokens, hour)),
        1 => (nth.clone(), 1_u64..1_000).prop_map(|(nth, tokens)| Life::Rotate(nth, tokens)),
        1 => nth.clone().prop_map(Life::Archive),
        3 => (nth.clone(), Sweep::any()).prop_map(|(nth, sweep)| Life::Sweep(nth, sweep)),
        3 => nth.clone().prop_map(Life::Restore),
        1 => nth.clone().prop_map(Life::Rename),
        1 => (nth.clone(), nth.clone()).prop_map(|(from, to)| Life::RenameOver(from, to)),
        1 => nth.prop_map(Life::Delete),
    ]
}

proptest! {
    /// Whatever becomes of transcripts once they were seen, their tokens count exactly once.
    #[test]
    fn nothing_that_was_seen_is_lost_or_doubled(
        lives in prop::collection::vec((life(), end()), 1..20),
    ) {
        let mut world = World::new();
        world.options.progress_bytes = 150;
        world.options.checkpoint.interval = Duration::ZERO;
        // The current name of each session and its tokens, and how often one was begun.
        let mut sessions: Vec<Option<(String, u64)>> = vec![None; 6];
        let (mut begun, mut expected) = (0, 0);
        // The archive, name and tokens of those that may be brought back.
        let mut swept: Vec<(PathBuf, String, u64)> = Vec::new();
        for (life, end) in lives {
            match life {
                Life::Write(nth, tokens, hour) => {
                    let (name, written) = sessions[nth].get_or_insert_with(|| {
                        begun += 1;
                        let name = format!("s{begun}.jsonl");
                        world.put(&name, session(&name));
                        (name, 0)
                    });
                    let time = format!("2026-{:02}-{:02}T{:02}:00:00Z", 1 + hour / 300, 1 + hour / 24 % 12, hour % 24);
                    world.append(name, answer_at(&time, tokens));
                    *written += tokens;
                    expected += tokens;
                }
                Life::Rotate(nth, tokens) => {
                    if let Some((name, written)) = &mut sessions[nth] {
                        begun += 1;
                        let old = format!("old{begun}-{name}");
                        world.sim.fs.rename(path(name), path(&old));
                        world.put(name, session(&format!("rotated {begun}")) + &answer(tokens));
                        *written = tokens;
                        expected += tokens;
                    }
                }
                Life::Archive(nth) => {
                    if let Some((name, _)) = sessions[nth].take() {
                        let archive = format!("{name}.deleted.2026-09-02T00-00-00.000Z");
                        world.sim.fs.rename(path(&name), path(&archive));
                    }
                }
                Life::Sweep(nth, sweep) => {
                    if let Some((name, tokens)) = sessions[nth].take() {
                        let archive = sweep.archive(&world, &path(&name));
                        swept.push((archive, name, tokens));
                    }
                }
                Life::Restore(nth) => {
                    if sessions[nth].is_none()
                        && let Some((archive, name, tokens)) = swept.pop()
                    {
                        restore(&world, &archive, &path(&name));
                        sessions[nth] = Some((name, tokens));
                    }
                }
                Life::Rename(nth) => {
                    if let Some((name, _)) = &mut sessions[nth] {
                        let new = format!("r{name}");
                        world.sim.fs.rename(path(name), path(&new));
                        *name = new;
                    }
                }
                Life::RenameOver(from, to) if from != to => {
                    if let (Some((old, _)), Some((new, lost))) = (&sessions[from], &sessions[to]) {
                        world.sim.fs.rename(path(old), path(new));
                        expected -= lost;
                        let name = new.clone();
                        let (_, tokens) = sessions[from].take().unwrap();
                        sessions[to] = Some((name, tokens));
                    }
                }
                Life::RenameOver(..) => (),
                Life::Delete(nth) => {
                    if let Some((name, _)) = sessions[nth].take() {
                        world.sim.fs.remove(path(&name));
                    }
                }
            }
            world.wait();
            refresh_to(&world, end);
            world.wait();
            let refreshed = world.refresh();
            prop_assert!(refreshed.problems.is_empty(), "{:?}", refreshed.problems);
            prop_assert_eq!(tokens(&refreshed.usage), expected);
        }
    }
}
