//! What happens to files between a crash and the next sweep.

use std::sync::Arc;

use common_fs::{Host, observe::ObservedFs, sim::Faults};
use session_reaper::{Layout, Policy};

use crate::{
    sweeps::{FORMS, UUID, messy, options, policy},
    world::{OPTIONS, World},
};

/// Sweeps until operation `nth`, and says whether it came so far.
fn interrupted(world: &World, policy: &Policy, form: usize, nth: usize) -> bool {
    let faults = Arc::new(Faults::none().die(nth));
    let fs = ObservedFs::new(world.sim.fs.clone(), faults.clone());
    let host = Host { fs: &fs, ..world.host() };
    world.sweep_on(host, policy, options(FORMS[form])).ok();
    let identity = common_fs::Identity {
        process: common_fs::ProcessId { pid: 101, start_ticks: Some(2_000) },
        ..world.host().processes.identity()
    };
    world.sim.processes.become_process(identity);
    world.sim.clock.advance(std::time::Duration::from_mins(1));
    nth < faults.count()
}

#[test]
fn a_session_that_is_used_again_after_a_crash_is_not_archived() {
    let ttl = std::time::Duration::from_hours(24);
    let policy = Policy { session_ttl: Some(ttl), ..policy() };
    for form in 0..FORMS.len() {
        for nth in 0.. {
            let world = World::empty(Layout::Claude, "/c/projects/-w");
            let name = format!("{UUID}.jsonl");
            world.put(&name, "old\n", 999);
            world.sim.fs.sync_all();
            if !interrupted(&world, &policy, form, nth) {
                break;
            }
            // Only if its transcript is where it was can anybody go on with it.
            if world.sim.fs.content(world.path(&name)).is_none() {
                continue;
            }
            world.sim.fs.append(world.path(&name), b"new\n");
            let sweep = world.sweep(&policy);
            assert!(sweep.failures.is_empty(), "{form} {nth}: {:?}", sweep.failures);
            assert_eq!(world.content(&name), "old\nnew\n", "{form}, killed before {nth}");
        }
    }
}

#[test]
fn a_transcript_that_is_there_again_is_in_nobodys_way() {
    for form in 0..FORMS.len() {
        for nth in 0.. {
            let world = messy();
            if !interrupted(&world, &policy(), form, nth) {
                break;
            }
            if world.sim.fs.content(world.path("old.jsonl")).is_some() {
                continue;
            }
            world.put("old.jsonl", "again\n", 0);
            world.sim.fs.sync_all();
            let sweep = world.sweep_on(world.host(), &policy(), OPTIONS);
            assert!(sweep.is_ok_and(|sweep| sweep.failures.is_empty()), "{form} {nth}");
            assert_eq!(world.content("old.jsonl"), "again\n", "{form} {nth}");
            let is_archive = |name: &String| name.contains("old.jsonl.deleted.");
            assert!(world.names().iter().any(is_archive), "{form} {nth}: {:?}", world.names());
            assert!(
                world.sweep(&policy()).plan.verdicts().all(|verdict| verdict.reason() != "expired")
            );
        }
    }
}

#[test]
fn without_its_journal_a_copy_is_kept_unless_there_is_another() {
    for nth in 0.. {
        let world = messy();
        if !interrupted(&world, &policy(), 2, nth) {
            break;
        }
        if world.names().contains(&".session-reaper.jsonl".to_owned()) {
            world.sim.fs.remove(world.path(".session-reaper.jsonl"));
        }
        world.sim.clock.advance(std::time::Duration::from_hours(2));
        world.sweep(&policy());
        let kept = |name: &String| name.contains("old.jsonl");
        assert!(world.names().iter().any(kept), "killed before {nth}: {:?}", world.names());
    }
}

#[test]
fn a_session_and_its_directory_go_together_or_stay() {
    let ttl = std::time::Duration::from_hours(24);
    let world = || {
        let world = World::empty(Layout::Claude, "/c/projects/-w");
        world.put(&format!("{UUID}.jsonl"), "x\n", 999);
        world.put(&format!("{UUID}/subagents/agent-1.jsonl"), "y\n", 999);
        world
    };
    let mut policy = Policy { session_ttl: Some(ttl), ..policy() };
    policy.budget.files = Some(1);
    let one = world();
    assert_eq!(one.sweep(&policy).archived_files.count, 2);
    let names = one.names();
    assert!(
        names.iter().all(|name| name.contains(".deleted.") || name.starts_with(".session")),
        "{names:?}"
    );
    policy.pins = vec![format!("{UUID}.jsonl").parse().unwrap()];
    let two = world();
    assert_eq!(two.sweep(&policy).archived_files.count, 0);
    // As soon as anything of it is young, all of it stays.
    policy.pins.clear();
    let three = world();
    three.put(&format!("{UUID}/subagents/agent-2.jsonl"), "z\n", 1);
    assert_eq!(three.sweep(&policy).archived_files.count, 0);
}

#[test]
fn what_is_larger_than_the_budget_goes_alone() {
    let mut policy = policy();
    policy.budget.bytes = Some(1);
    let world = messy();
    let mut sweeps = 0;
    while !world.plan(&policy).is_nothing() {
        sweeps += 1;
        assert!(sweeps < 40, "it makes no progress");
        world.sweep(&policy);
    }
    assert!(4 < sweeps, "{sweeps}");
}

#[test]
fn copies_that_were_made_in_time_are_used() {
    let mut policy = policy();
    policy.budget.time = Some(std::time::Duration::from_micros(120));
    let world = messy();
    let mut archived = 0;
    for _ in 0..40 {
        archived +=
            world.sweep_on(world.host(), &policy, options(FORMS[2])).unwrap().archived_files.count;
    }
    assert_eq!(archived, 10);
}

#[test]
fn what_is_pinned_later_stays_archived() {
    let world = messy();
    world.sweep(&policy());
    world.sim.clock.advance(std::time::Duration::from_hours(40 * 24));
    let pins = ["agent:main:cron:j:run:old", "older"].map(|pin| pin.parse().unwrap());
    let policy = Policy { pins: pins.to_vec(), ..policy() };
    world.sweep(&policy);
    let archives = world.archives();
    let keys: Vec<&str> = archives.iter().filter_map(|archive| archive.key.as_deref()).collect();
    assert!(keys.contains(&"agent:main:cron:j:run:old"), "{keys:?}");
    let names = world.names();
    assert!(names.iter().any(|name| name.starts_with("older.jsonl.deleted.")), "{names:?}");
}
