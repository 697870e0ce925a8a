//! Locks between real processes (rows F21, F22, F24).

use std::{
    io::{BufRead as _, BufReader, Read as _},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common_fs::{
    Access, Clock, Host, ProcessId, ProcessState, Processes as _, RealProcesses, SystemClock,
    Timestamp,
    lock::{Lock, LockError},
};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::{
    helper,
    world::{Real, World as _},
};

const NAME: &str = "store.lock";

/// The real clock, but those who wait give way instead of sleeping.
struct Impatient;

impl Clock for Impatient {
    fn now(&self) -> Timestamp {
        SystemClock.now()
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
    fn sleep(&self, _: Duration) {
        std::thread::yield_now();
    }
}

fn state(pid: u32) -> String {
    match RealProcesses.state(pid) {
        ProcessState::Running { start_ticks: Some(_) } => "running".to_owned(),
        ProcessState::Running { start_ticks: None } => "running since nobody knows when".to_owned(),
        ProcessState::Dead => "dead".to_owned(),
    }
}

/// Helper: says whether a process lives, as this user sees it.
pub(crate) fn helper_state(pid: u64) -> String {
    state(u32::try_from(pid).unwrap())
}

/// Helper: takes the lock, says so, and holds it until killed.
pub(crate) fn helper_hold(dir: &Path) -> String {
    let host = Host::real();
    let dir = host.fs.open_dir(dir).unwrap();
    let _lock = Lock::acquire(host, dir.as_ref(), NAME.as_ref(), Duration::ZERO).unwrap();
    helper::say("held");
    // Should the test end before it has killed us, our input ends with it.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    "not killed".to_owned()
}

/// Helper: takes the lock up to `rounds` times. Under it, increments a counter in a way that
/// loses updates if two do it at once. Is killed early, with the lock in its hands.
pub(crate) fn helper_contend(dir: &Path, rounds: u64, seed: u64) -> String {
    let host = Host { clock: &Impatient, ..Host::real() };
    let handle = host.fs.open_dir(dir).unwrap();
    let wait = Duration::from_mins(5);
    for round in 0..rounds {
        let lock = Lock::acquire(host, handle.as_ref(), NAME.as_ref(), wait).unwrap();
        let inside = handle.open("inside".as_ref(), Access::CreateNew { mode: 0o600 });
        assert!(inside.is_ok(), "two are inside");
        let count: u64 = fs_err::read_to_string(dir.join("count")).unwrap().parse().unwrap();
        std::thread::yield_now();
        fs_err::write(dir.join("count"), (count + 1).to_string()).unwrap();
        handle.remove("inside".as_ref()).unwrap();
        lock.verify().unwrap();
        if (seed + round) % 3 == 2 {
            helper::say(&(round + 1).to_string());
            kill_process(rustix::process::getpid(), Signal::KILL).unwrap();
        }
        lock.release().unwrap();
    }
    rounds.to_string()
}

#[test]
fn f24_eight_processes_and_their_dead_never_meet_in_the_lock() {
    let world = Real::new();
    world.put("count", b"0");
    let root = world.root().to_str().unwrap();
    let (mut taken, mut kills) = (0, 0);
    for wave in 0..3 {
        let contenders: Vec<_> = (0..8)
            .map(|nth| {
                let seed = (wave + nth).to_string();
                helper::command("contend", &[root, "6", &seed]).spawn().unwrap()
            })
            .collect();
        for contender in contenders {
            let output = contender.wait_with_output().unwrap();
            let killed = output.status.signal() == Some(Signal::KILL.as_raw());
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(killed || output.status.success(), "{stderr}");
            kills += u32::from(killed);
            taken += helper::said(&output.stdout).unwrap().parse::<u64>().unwrap();
        }
    }
    let count = world.content("count").unwrap();
    assert_eq!(String::from_utf8(count).unwrap(), taken.to_string(), "updates were lost");
    assert!(24 <= taken, "everybody gets it at least once");
    assert_eq!(kills, 24, "everybody is killed with the lock in its hands");
}

#[test]
fn f21_the_lock_of_a_process_that_was_killed_is_taken_over() {
    let world = Real::new();
    let root = world.root().to_str().unwrap();
    let mut holder = helper::command("hold", &[root]).stdin(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert!(lines.map(Result::unwrap).any(|line| line.ends_with("answer: held")));
    let dir = world.dir();
    let acquire = || Lock::acquire(world.host(), dir.as_ref(), NAME.as_ref(), Duration::ZERO);
    assert!(matches!(acquire(), Err(LockError::Busy { .. })));
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(world.content(NAME).is_some(), "nobody has cleaned up");
    acquire().unwrap().release().unwrap();
    assert!(world.content(NAME).is_none());
}

/// A child that waits until its input ends.
fn waiting_child() -> std::process::Child {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).spawn().unwrap()
}

fn put_lock(world: &Real, process: ProcessId) {
    let start = process.start_ticks.unwrap();
    let me = RealProcesses.identity();
    let payload = serde_json::json!({
        "pid": process.pid,
        "starttime": start,
        "host": me.host,
        "bootId": me.boot_id,
        "pidNs": me.pid_namespace,
    });
    world.put(NAME, payload.to_string().as_bytes());
}

fn process_id(pid: u32) -> ProcessId {
    let ProcessState::Running { start_ticks } = RealProcesses.state(pid) else { panic!("{pid}") };
    ProcessId { pid, start_ticks }
}

#[test]
fn f21_f22_living_zombie_and_recycled_processes_are_told_apart() {
    let world = Real::new();
    let dir = world.dir();
    let attempt =
        || Lock::acquire(world.host(), dir.as_ref(), NAME.as_ref(), Duration::ZERO).map(drop);
    let mut child = waiting_child();
    let process = process_id(child.id());

    put_lock(&world, process);
    assert!(matches!(attempt(), Err(LockError::Busy { .. })), "its holder lives");

    let earlier = process.start_ticks.map(|ticks| ticks - 1);
    put_lock(&world, ProcessId { start_ticks: earlier, ..process });
    attempt().expect("another process has the number now");

    put_lock(&world, process);
    drop(child.stdin.take());
    // Waits until it has ended, and leaves its remains.
    let pid = Pid::from_child(&child);
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
    attempt().expect("its holder is a zombie");
    child.wait().unwrap();
    assert!(process.is_dead(&RealProcesses));
}

#[test]
fn f21_a_process_that_is_hidden_from_us_is_alive() {
    // Process 1 belongs to root, and without `/proc` all there is to ask is whether we may send
    // it a signal. Where users cannot mount, the unit test of `RealProcesses` is all there is.
    let world = Real::new();
    world.set_mode(".", 0o755);
    let inner = helper::public_command(world.root(), "state", &["1"]);
    let mut command = helper::mounting("mount -t tmpfs none /proc", &inner);
    if rustix::process::geteuid().is_root() {
        command.uid(65_534);
    }
    command.current_dir("/");
    if let Some(answer) = helper::answer_if_mounted(command) {
        assert_eq!(answer, "running since nobody knows when");
    }
}

#[test]
fn f21_a_process_of_another_user_is_alive() {
    // Process 1 belongs to root. Where we are root ourselves, somebody else is asked.
    if !rustix::process::geteuid().is_root() {
        assert_eq!(state(1), "running");
        return;
    }
    let world = Real::new();
    world.set_mode(".", 0o755);
    let mut command = helper::public_command(world.root(), "state", &["1"]);
    command.uid(65_534).current_dir("/");
    assert_eq!(helper::answer(command), "running");
}
