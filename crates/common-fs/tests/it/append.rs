use std::{collections::BTreeSet, sync::Arc};

use common_fs::{
    Access, Fs as _, Op,
    append::{AppendError, append},
    observe::{Errno, ObservedFs},
    sim::{Faults, Sim},
};

const LOG: &str = "/state/log";
const OLD: &[u8] = b"old\n";
const NEW: &[u8] = b"new\n";

fn log() -> Sim {
    let sim = Sim::new();
    sim.fs.make_dir("/state");
    sim.fs.put(LOG, OLD);
    sim.fs.sync_all();
    sim
}

/// Appends under `faults`, with every operation before the append already done.
fn run(sim: &Sim, faults: Faults) -> (Result<(), AppendError>, Arc<Faults>) {
    let faults = Arc::new(faults);
    let fs = ObservedFs::new(sim.fs.clone(), faults.clone());
    let dir = fs.open_dir("/state".as_ref()).unwrap();
    let file = dir.open("log".as_ref(), Access::Append).unwrap();
    (append(file.as_ref(), NEW), faults)
}

#[test]
fn an_append_is_durable() {
    let sim = log();
    run(&sim, Faults::none()).0.unwrap();
    for after in sim.fs.power_loss_states() {
        assert_eq!(after.content(LOG).unwrap(), b"old\nnew\n");
    }
}

#[test]
fn short_writes_and_interruptions_are_continued() {
    for bytes in 1..4 {
        let sim = log();
        run(&sim, Faults::none().short_writes(bytes)).0.unwrap();
        assert_eq!(sim.fs.content(LOG).unwrap(), b"old\nnew\n");
    }
    let sim = log();
    run(&sim, Faults::none().fail(3, Errno::INTR)).0.unwrap();
    assert_eq!(sim.fs.content(LOG).unwrap(), b"old\nnew\n");
}

#[test]
fn a_failed_append_leaves_nothing_or_says_that_it_may_have() {
    let (_, clean) = run(&log(), Faults::none().short_writes(1));
    let trace = clean.trace();
    for (nth, (op, _)) in trace.iter().enumerate().skip(2) {
        let sim = log();
        let (result, _) = run(&sim, Faults::none().short_writes(1).fail(nth, Errno::NOSPC));
        match (op, result) {
            (Op::Sync, Err(AppendError::InDoubt(_))) => (),
            (Op::Stat | Op::Write, Err(AppendError::Undone(error))) => {
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
                assert_eq!(sim.fs.content(LOG).unwrap(), OLD, "after {op:?} {nth} failed");
                for after in sim.fs.power_loss_states() {
                    assert_eq!(after.content(LOG).unwrap(), OLD, "a power cut brought it back");
                }
            }
            (op, result) => panic!("{op:?}: {result:?}"),
        }
    }
    // Undoing the append is to cut and to flush. Each of them may fail as well.
    for (undo, nth) in [(Op::SetLen, 5), (Op::Sync, 6)] {
        let sim = log();
        let faults = Faults::none().short_writes(1).fail(4, Errno::NOSPC).fail(nth, Errno::IO);
        let (result, faults) = run(&sim, faults);
        assert_eq!(faults.trace()[nth].0, undo);
        assert!(matches!(result, Err(AppendError::InDoubt(_))), "{undo:?}");
    }
}

#[test]
fn a_power_cut_at_any_step_costs_nothing_that_was_there() {
    let (_, clean) = run(&log(), Faults::none().short_writes(2));
    let mut torn = 0;
    for nth in 2..=clean.count() {
        let sim = log();
        let (result, _) = run(&sim, Faults::none().short_writes(2).die(nth));
        for after in sim.fs.power_loss_states() {
            let content = after.content(LOG).unwrap();
            let rest = content.strip_prefix(OLD).expect("old content was lost");
            assert!(rest.len() <= NEW.len());
            let parts = rest.iter().zip(NEW);
            assert!(parts.clone().all(|(found, new)| found == new || *found == 0), "{rest:?}");
            torn += u32::from(!rest.is_empty() && rest != NEW);
            assert!(result.is_err() || rest == NEW, "appended, then lost");
        }
    }
    assert!(0 < torn, "the simulation has nothing to tear");
}

#[test]
fn a_flush_that_failed_is_not_made_up_for_by_the_next() {
    let sim = log();
    let (_, clean) = run(&log(), Faults::none());
    let (result, _) = run(&sim, Faults::none().fail(clean.count() - 1, Errno::IO));
    assert!(matches!(result, Err(AppendError::InDoubt(_))));
    // What this is there to warn of: the next append succeeds, and the first may be lost.
    run(&sim, Faults::none()).0.unwrap();
    let after: BTreeSet<_> =
        sim.fs.power_loss_states().iter().map(|after| after.content(LOG).unwrap()).collect();
    assert!(after.contains(&b"old\nnew\nnew\n"[..]));
    assert!(after.contains(&b"old\n\0\0\0\0new\n"[..]));
}
