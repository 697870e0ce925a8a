//! What is left of a replacement that is interrupted (rows F1, F3 to F8).

use std::{sync::Arc, time::Duration};

use common_fs::{
    Host, Identity, Op, ProcessId, Processes as _,
    observe::{Errno, ObservedFs},
    replace::{ReplaceError, replace},
    sim::{Faults, Sim},
    temp,
};

use crate::replace::PRIVATE;

const PATH: &str = "/state/file";
const OLD: &[u8] = b"old content";
const NEW: &[u8] = b"the new content";

/// A machine on which the old content is safely stored.
fn machine() -> Sim {
    let sim = Sim::new();
    sim.fs.make_dir("/state");
    sim.fs.put(PATH, OLD);
    sim.fs.sync_all();
    sim
}

fn run(sim: &Sim, faults: Faults) -> (Result<(), ReplaceError>, Arc<Faults>) {
    let faults = Arc::new(faults);
    let fs = ObservedFs::new(sim.fs.clone(), faults.clone());
    (replace(Host { fs: &fs, ..sim.host() }, PATH.as_ref(), NEW, PRIVATE), faults)
}

/// The operations of an undisturbed replacement; each is a place to interrupt it.
fn steps(faults: Faults) -> Vec<Op> {
    let (result, faults) = run(&machine(), faults);
    result.unwrap();
    faults.trace().into_iter().map(|(op, _)| op).collect()
}

fn content(fs: &common_fs::sim::SimFs) -> Vec<u8> {
    fs.content(PATH).expect("the file is missing")
}

#[test]
fn the_steps_are_the_durable_ones() {
    let expected = [
        Op::OpenDir,
        Op::Stat,
        Op::Create,
        Op::Write,
        Op::SetMode,
        Op::Sync,
        Op::Stat,
        Op::Rename,
        Op::SyncDir,
    ];
    assert_eq!(steps(Faults::none()), expected);
}

#[test]
fn f1_a_kill_at_any_step_leaves_old_or_new_and_one_orphan_that_is_swept() {
    for writes in [NEW.len(), 4] {
        let steps = steps(Faults::none().short_writes(writes));
        for nth in 0..=steps.len() {
            let sim = machine();
            run(&sim, Faults::none().short_writes(writes).die(nth)).0.ok();
            let renamed = steps[..nth].contains(&Op::Rename);
            assert_eq!(content(&sim.fs), if renamed { NEW } else { OLD }, "killed at {nth}");
            let orphans = sim.fs.names("/state").len() - 1;
            assert!(orphans <= 1, "killed at {nth}: {:?}", sim.fs.names("/state"));

            let identity = sim.processes.identity();
            let later = ProcessId { pid: 200, start_ticks: Some(2_000) };
            sim.processes.become_process(Identity { process: later, ..identity });
            sim.clock.advance(temp::ORPHAN_AGE + Duration::from_secs(1));
            let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
            let swept = temp::sweep_orphans(dir.as_ref(), &sim.processes, now(&sim)).unwrap();
            assert_eq!(swept.len(), orphans);
            assert_eq!(sim.fs.names("/state"), ["file"]);
        }
    }
}

fn now(sim: &Sim) -> common_fs::Timestamp {
    sim.host().clock.now()
}

#[test]
fn f3_a_power_cut_at_any_step_leaves_old_or_new_whatever_was_reordered() {
    let mut states = 0;
    for writes in [NEW.len(), 8] {
        let steps = steps(Faults::none().short_writes(writes));
        for nth in 0..=steps.len() {
            let sim = machine();
            let (result, _) = run(&sim, Faults::none().short_writes(writes).die(nth));
            for after in sim.fs.power_loss_states() {
                states += 1;
                let content = content(&after);
                assert!(content == OLD || content == NEW, "cut at {nth}: {content:?}");
                if result.is_ok() {
                    assert_eq!(content, NEW, "committed, then lost");
                }
            }
        }
    }
    assert!(100 < states, "only {states} states: the simulation has nothing to lose");
}

#[test]
fn f3_the_simulation_catches_a_missing_flush() {
    // Without the flush before the rename, some power cut leaves neither old nor new.
    let sim = machine();
    let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let temp = dir.open("t".as_ref(), common_fs::Access::CreateNew { mode: 0o600 }).unwrap();
    common_fs::write_all(temp.as_ref(), NEW).unwrap();
    dir.rename("t".as_ref(), "file".as_ref(), common_fs::Overwrite::Allow).unwrap();
    dir.sync().unwrap();
    let bad = |content: &Vec<u8>| content != OLD && content != NEW;
    assert!(sim.fs.power_loss_states().iter().map(content).any(|content| bad(&content)));
}

#[test]
fn f4_a_failed_flush_is_not_tried_again() {
    let sim = machine();
    let sync = steps(Faults::none()).iter().position(|op| *op == Op::Sync).unwrap();
    let (result, faults) = run(&sim, Faults::none().fail(sync, Errno::IO));
    assert!(matches!(result, Err(ReplaceError::NotCommitted { .. })), "{result:?}");
    assert_eq!(content(&sim.fs), OLD);
    assert_eq!(sim.fs.names("/state"), ["file"]);
    let flushes = faults.trace().iter().filter(|(op, _)| *op == Op::Sync).count();
    assert_eq!(flushes, 1);
    assert!(sim.fs.power_loss_states().iter().all(|after| content(after) == OLD));

    // The next replacement relies on nothing that this one left in memory.
    run(&sim, Faults::none()).0.unwrap();
    assert!(sim.fs.power_loss_states().iter().all(|after| content(after) == NEW));
}

#[test]
fn f5_a_failed_flush_of_the_directory_is_told_apart() {
    let sim = machine();
    let sync = steps(Faults::none()).iter().position(|op| *op == Op::SyncDir).unwrap();
    let (result, _) = run(&sim, Faults::none().fail(sync, Errno::IO));
    assert!(matches!(result, Err(ReplaceError::DurabilityUnknown { .. })), "{result:?}");
    assert_eq!(content(&sim.fs), NEW);
    assert_eq!(sim.fs.names("/state"), ["file"]);
    let after: Vec<_> = sim.fs.power_loss_states().iter().map(content).collect();
    assert!(after.iter().any(|content| content == OLD), "the caller was told for a reason");
}

#[test]
fn f6_f7_an_error_at_any_step_before_the_rename_leaves_the_old_content() {
    let kinds = [
        (Errno::NOSPC, std::io::ErrorKind::StorageFull),
        (Errno::DQUOT, std::io::ErrorKind::QuotaExceeded),
        (Errno::ROFS, std::io::ErrorKind::ReadOnlyFilesystem),
        (Errno::ACCESS, std::io::ErrorKind::PermissionDenied),
        (Errno::PERM, std::io::ErrorKind::PermissionDenied),
    ];
    let steps = steps(Faults::none().short_writes(5));
    let renamed = steps.iter().position(|op| *op == Op::Rename).unwrap();
    for (errno, kind) in kinds {
        for nth in 0..=renamed {
            let sim = machine();
            let (result, _) = run(&sim, Faults::none().short_writes(5).fail(nth, errno));
            let Err(ReplaceError::NotCommitted { path, source, .. }) = result else {
                panic!("{errno} at {nth}: {result:?}");
            };
            assert_eq!(source.kind(), kind);
            assert_eq!(path, std::path::Path::new(PATH));
            assert_eq!(content(&sim.fs), OLD);
            assert_eq!(sim.fs.names("/state"), ["file"], "{errno} at {nth}");
        }
    }
}

#[test]
fn f8_short_writes_and_interruptions_give_the_whole_content() {
    for bytes in 1..=NEW.len() {
        let sim = machine();
        run(&sim, Faults::none().short_writes(bytes)).0.unwrap();
        assert_eq!(content(&sim.fs), NEW);
    }
    let steps = steps(Faults::none().short_writes(4));
    for (nth, op) in steps.iter().enumerate().filter(|(_, op)| **op == Op::Write) {
        let sim = machine();
        run(&sim, Faults::none().short_writes(4).fail(nth, Errno::INTR)).0.unwrap();
        assert_eq!(content(&sim.fs), NEW, "{op:?} {nth} was interrupted");
    }
}

#[test]
fn a_write_that_stores_nothing_does_not_loop_for_ever() {
    let sim = machine();
    let (result, _) = run(&sim, Faults::none().short_writes(0));
    assert!(matches!(result, Err(ReplaceError::NotCommitted { .. })), "{result:?}");
    assert_eq!(content(&sim.fs), OLD);
}
