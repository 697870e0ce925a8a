//! Locks between real processes (rows F21, F22, F24).

use std::{
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    path::Path,
    process::Command,
    time::Duration,
};

use common_fs::{
    Access, Clock, Host, ProcessId, ProcessState, Processes as _, RealProcesses, SystemClock,
    Timestamp,
    lock::{Lock, LockError},
};

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
        ProcessState::Running { .. } => "running".to_owned(),
        ProcessState::Dead => "dead".to_owned(),
    }
}

/// Helper: says whether a process lives, as this user sees it.
pub(crate) fn helper_state(pid: u64) -> String {
    state(u32::try_from(pid).unwrap())
}

/// Helper: takes the lock and dies with it.
pub(crate) fn helper_hold(dir: &Path) -> String {
    let host = Host::real();
    let dir = host.fs.open_dir(dir).unwrap();
    let lock = Lock::acquire(host, dir.as_ref(), NAME.as_ref(), Duration::ZERO).unwrap();
    std::mem::forget(lock);
    "held".to_owned()
}

/// Helper: takes the lock up to `rounds` times. Under it, increments a counter in a way that
/// loses updates if two do it at once. Ends early, as if killed, with the lock in its hands.
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
            std::mem::forget(lock);
            return (round + 1).to_string();
        }
    }
    rounds.to_string()
}

#[test]
fn f24_eight_processes_and_their_dead_never_meet_in_the_lock() {
    let world = Real::new();
    world.put("count", b"0");
    let root = world.root().to_str().unwrap();
    let mut taken = 0;
    for wave in 0..3 {
        let contenders: Vec<_> = (0..8)
            .map(|nth| {
                let seed = (wave + nth).to_string();
                helper::command("contend", &[root, "6", &seed]).spawn().unwrap()
            })
            .collect();
        for contender in contenders {
            let output = contender.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
            let answer = stdout.lines().find_map(|line| line.split_once("answer: ")).unwrap().1;
            taken += answer.parse::<u64>().unwrap();
        }
    }
    let count = world.content("count").unwrap();
    assert_eq!(String::from_utf8(count).unwrap(), taken.to_string(), "updates were lost");
    assert!(24 <= taken, "everybody gets it at least once");
}

#[test]
fn f21_the_lock_of_a_process_that_died_is_taken_over() {
    let world = Real::new();
    let root = world.root().to_str().unwrap();
    assert_eq!(helper::answer(helper::command("hold", &[root])), "held");
    assert!(world.content(NAME).is_some());
    let dir = world.dir();
    drop(Lock::acquire(world.host(), dir.as_ref(), NAME.as_ref(), Duration::ZERO).unwrap());
    assert!(world.content(NAME).is_none());
}

/// A child that waits until its input ends.
fn waiting_child() -> std::process::Child {
    let mut command = Command::new("cat");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    command.spawn().unwrap()
}

fn put_lock(world: &Real, process: ProcessId) {
    let start = process.start_ticks.unwrap();
    let payload = format!("{{\"pid\":{},\"starttime\":{start}}}", process.pid);
    world.put(NAME, payload.as_bytes());
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
    let mut output = BufReader::new(child.stdout.take().unwrap());
    drop(child.stdin.take());
    // The end of its output is the end of the process, up to its exit.
    assert_eq!(output.read_line(&mut String::new()).unwrap(), 0);
    while state(process.pid) == "running" {
        std::thread::yield_now();
    }
    attempt().expect("its holder is a zombie");
    child.wait().unwrap();
    assert!(process.is_dead(&RealProcesses));
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
