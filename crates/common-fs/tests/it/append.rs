use std::sync::Arc;

use common_fs::{
    Access, Fs as _, Op,
    append::{AppendError, append},
    observe::{Errno, ObservedFs},
    sim::{Faults, Sim},
};

fn log() -> Sim {
    let sim = Sim::new();
    sim.fs.make_dir("/state");
    sim.fs.put("/state/log", b"old\n");
    sim.fs.sync_all();
    sim
}

/// Appends under `faults`, with every operation before the append already done.
fn run(sim: &Sim, faults: Faults) -> (Result<(), AppendError>, Arc<Faults>) {
    let faults = Arc::new(faults);
    let fs = ObservedFs::new(sim.fs.clone(), faults.clone());
    let dir = fs.open_dir("/state".as_ref()).unwrap();
    let file = dir.open("log".as_ref(), Access::Append).unwrap();
    (append(file.as_ref(), b"new\n"), faults)
}

#[test]
fn an_append_is_durable() {
    let sim = log();
    run(&sim, Faults::none()).0.unwrap();
    for after in sim.fs.power_loss_states() {
        assert_eq!(after.content("/state/log").unwrap(), b"old\nnew\n");
    }
}

#[test]
fn short_writes_and_interruptions_are_continued() {
    for bytes in 1..4 {
        let sim = log();
        run(&sim, Faults::none().short_writes(bytes)).0.unwrap();
        assert_eq!(sim.fs.content("/state/log").unwrap(), b"old\nnew\n");
    }
    let sim = log();
    run(&sim, Faults::none().fail(3, Errno::INTR)).0.unwrap();
    assert_eq!(sim.fs.content("/state/log").unwrap(), b"old\nnew\n");
}

#[test]
fn a_failed_append_leaves_nothing_or_says_that_it_may_have() {
    let (_, clean) = run(&log(), Faults::none().short_writes(1));
    let trace = clean.trace();
    for (nth, (op, _)) in trace.iter().enumerate().skip(2) {
        let sim = log();
        let (result, _) = run(&sim, Faults::none().short_writes(1).fail(nth, Errno::NOSPC));
        let content = sim.fs.content("/state/log").unwrap();
        match (op, result) {
            (Op::Sync, Err(AppendError::InDoubt(_))) => (),
            (Op::Stat | Op::Write, Err(AppendError::Undone(error))) => {
                assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
                assert_eq!(content, b"old\n", "after {op:?} {nth} failed");
            }
            (op, result) => panic!("{op:?}: {result:?}"),
        }
    }
    // The cut that undoes the append fails as well.
    let sim = log();
    let faults = Faults::none().short_writes(1).fail(4, Errno::NOSPC).fail(5, Errno::IO);
    let (result, _) = run(&sim, faults);
    assert!(matches!(result, Err(AppendError::InDoubt(_))));
}
