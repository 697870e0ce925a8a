//! Temporary files of the dead, the living, and those who have a dead man's number (row F18).

use std::time::Duration;

use common_fs::{ProcessState, Timestamp, sim::Sim, temp};

const DEAD: u32 = 71;
const LIVING: u32 = 72;
const RECYCLED: u32 = 73;

fn machine() -> Sim {
    let sim = Sim::new();
    sim.fs.make_dir("/state");
    sim.processes.set(LIVING, ProcessState::Running { start_ticks: Some(500) });
    sim.processes.set(RECYCLED, ProcessState::Running { start_ticks: Some(900) });
    sim
}

fn sweep(sim: &Sim) -> Vec<String> {
    let host = sim.host();
    let dir = host.fs.open_dir("/state".as_ref()).unwrap();
    let swept = temp::sweep_orphans(dir.as_ref(), host.processes, host.clock.now()).unwrap();
    swept.into_iter().map(|name| name.into_string().unwrap()).collect()
}

#[test]
fn f18_only_what_is_dead_and_old_is_swept() {
    let sim = machine();
    let name = |pid: u32, start: &str| format!(".cache.{pid}.{start}.0.tmp");
    let kept = [
        name(LIVING, "500"),
        name(LIVING, "-"),
        "cache".to_owned(),
        ".cache.tmp".to_owned(),
        format!("cache.{DEAD}.500.0.tmp"),
    ];
    let orphans = [name(DEAD, "500"), name(DEAD, "-"), name(RECYCLED, "500")];
    for name in kept.iter().chain(&orphans) {
        sim.fs.put(format!("/state/{name}"), b"x");
    }
    sim.fs.symlink(format!("/state/{}", name(DEAD, "1")), "cache");
    assert_eq!(sweep(&sim), [""; 0], "all are young");

    sim.clock.advance(temp::ORPHAN_AGE + Duration::from_secs(1));
    sim.fs.put(format!("/state/{}", name(DEAD, "2")), b"young");
    let mut swept = sweep(&sim);
    swept.sort();
    let mut expected = orphans;
    expected.sort();
    assert_eq!(swept, expected);
    assert_eq!(sim.fs.names("/state").len(), kept.len() + 2);
}

#[test]
fn f18_a_clock_that_went_back_sweeps_nothing() {
    let sim = machine();
    sim.fs.put(format!("/state/.cache.{DEAD}.500.0.tmp"), b"x");
    sim.clock.set_now(Timestamp::UNIX_EPOCH);
    assert_eq!(sweep(&sim), [""; 0]);
}
