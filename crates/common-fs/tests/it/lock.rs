//! Who gets a lock file, and who is left alone (rows F21, F22, F23, F25, F26).

use std::{sync::Arc, time::Duration};

use common_fs::{
    FileKind, Host, Identity, ProcessState, Processes as _,
    lock::{Guard, HeldBecause, Holder, Lock, LockError, TryGuard},
    observe::{Errno, ObservedFs},
    sim::{Faults, Sim},
};
use serde_json::{Value, json};

const LOCK: &str = "/state/store.lock";
const DEAD: u32 = 71;
const LIVING: u32 = 72;
const OF_ANOTHER_USER: u32 = 73;

fn machine() -> Sim {
    let sim = Sim::new();
    sim.fs.make_dir("/state");
    sim.processes.set(LIVING, ProcessState::Running { start_ticks: Some(500) });
    sim.processes.set(OF_ANOTHER_USER, ProcessState::Running { start_ticks: None });
    sim
}

/// Takes the lock without waiting and gives it back at once.
fn attempt(host: Host<'_>) -> Result<(), LockError> {
    let dir = host.fs.open_dir("/state".as_ref())?;
    Lock::acquire(host, dir.as_ref(), "store.lock".as_ref(), Duration::ZERO).map(drop)
}

fn busy(host: Host<'_>) -> Holder {
    match attempt(host) {
        Err(LockError::Busy { holder, .. }) => holder,
        other => panic!("{other:?}"),
    }
}

fn put(sim: &Sim, payload: &Value) {
    sim.fs.put(LOCK, payload.to_string().as_bytes());
}

/// What is in the directory beside the guard file.
fn names(sim: &Sim) -> Vec<String> {
    let names = sim.fs.names("/state").into_iter().map(|name| name.into_string().unwrap());
    names.filter(|name| name != "store.lock.guard").collect()
}

#[test]
fn a_lock_is_readable_by_every_peer() {
    let sim = machine();
    let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let wait = Duration::ZERO;
    let lock = Lock::acquire(sim.host(), dir.as_ref(), "store.lock".as_ref(), wait).unwrap();
    let payload: Value = serde_json::from_slice(&sim.fs.content(LOCK).unwrap()).unwrap();
    let created = payload["createdAt"].as_str().unwrap();
    assert!(created.starts_with("2026-09-01T00:00:00.") && created.ends_with('Z'), "{created}");
    assert_eq!(created.len(), "2026-09-01T00:00:00.000Z".len());
    assert_eq!(payload["pid"], 100);
    assert_eq!((&payload["starttime"], &payload["startTime"]), (&json!(1000), &json!(1000)));
    assert_eq!(payload["startedAt"].as_i64().unwrap() / 1_000, 1_788_220_800);
    assert_eq!(payload["host"], "sim");
    assert_eq!(payload["bootId"], "boot-1");
    assert_eq!(payload["pidNs"], "pid:[1]");
    assert!(!payload["token"].as_str().unwrap().is_empty());
    assert_eq!(sim.fs.stat(LOCK).unwrap().mode, 0o600);
    assert_eq!(names(&sim), ["store.lock"], "the ticket is gone");

    assert_eq!(busy(sim.host()).because, HeldBecause::Alive, "not even we get it twice");
    lock.verify().unwrap();
    drop(lock);
    assert_eq!(names(&sim), [""; 0]);
    attempt(sim.host()).unwrap();
}

#[test]
fn f21_f22_only_locks_of_the_dead_are_taken_over() {
    let cases = [
        (json!({"pid": DEAD}), None),
        (json!({"pid": DEAD, "createdAt": "2026-09-01T00:00:00.000Z", "starttime": 5}), None),
        (json!({"pid": DEAD, "createdAt": "2099-01-01T00:00:00.000Z"}), None),
        (json!({"pid": DEAD, "startedAt": 1, "token": "x"}), None),
        (json!({"pid": LIVING}), Some(LIVING)),
        (json!({"pid": LIVING, "starttime": 500}), Some(LIVING)),
        (json!({"pid": LIVING, "startTime": 500}), Some(LIVING)),
        // The number was given to another process.
        (json!({"pid": LIVING, "starttime": 499}), None),
        (json!({"pid": LIVING, "startTime": 499}), None),
        // A process that may not be signalled is alive.
        (json!({"pid": OF_ANOTHER_USER, "starttime": 5}), Some(OF_ANOTHER_USER)),
        // However long ago it was taken.
        (json!({"pid": LIVING, "createdAt": "2001-01-01T00:00:00.000Z"}), Some(LIVING)),
        // Fields of unexpected types say nothing.
        (json!({"pid": LIVING, "starttime": "500", "token": 7, "host": []}), Some(LIVING)),
        (json!({"pid": DEAD, "starttime": -1.5, "createdAt": {}}), None),
    ];
    for (payload, holder) in cases {
        let sim = machine();
        put(&sim, &payload);
        match holder {
            None => attempt(sim.host()).unwrap(),
            Some(pid) => {
                let found = busy(sim.host());
                assert_eq!((found.pid, found.because), (Some(pid), HeldBecause::Alive));
                assert_eq!(sim.fs.content(LOCK).unwrap(), payload.to_string().as_bytes());
            }
        }
        assert!(!names(&sim).iter().any(|name| name.contains("tmp")), "{payload}");
    }
}

#[test]
fn f23_what_is_no_lock_is_one_while_it_is_young() {
    let huge = vec![b' '; 10_000_000];
    let contents: [&[u8]; 9] = [
        b"",
        b"{",
        b"{\"pid\":",
        b"null",
        b"[]",
        b"{\"pid\":0}",
        b"{\"pid\":-1}",
        b"{\"pid\":4294967295}",
        &huge,
    ];
    for content in contents {
        let sim = machine();
        sim.fs.put(LOCK, content);
        assert_eq!(busy(sim.host()).because, HeldBecause::Young);
        assert_eq!(sim.fs.content(LOCK).unwrap(), content, "it was touched");
        sim.clock.advance(Duration::from_secs(31));
        attempt(sim.host()).unwrap();
    }
    let sim = machine();
    sim.fs.special(LOCK, FileKind::Fifo);
    assert_eq!(busy(sim.host()).because, HeldBecause::Young);
    sim.clock.advance(Duration::from_secs(31));
    attempt(sim.host()).unwrap();

    let sim = machine();
    sim.fs.symlink(LOCK, "/state/nowhere");
    sim.clock.advance(Duration::from_secs(31));
    attempt(sim.host()).unwrap();

    let sim = machine();
    sim.fs.make_dir(LOCK);
    sim.clock.advance(Duration::from_secs(31));
    assert_eq!(busy(sim.host()).because, HeldBecause::NotAFile);
}

#[test]
fn f25_a_lost_lock_is_noticed_and_left_to_its_new_holder() {
    let sim = machine();
    let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let acquire = || {
        let name = "store.lock".as_ref();
        Lock::acquire(sim.host(), dir.as_ref(), name, Duration::ZERO).unwrap()
    };
    let peer = json!({"pid": LIVING, "token": "theirs"}).to_string();
    let lock = acquire();
    sim.fs.put(LOCK, peer.as_bytes());
    assert!(matches!(lock.verify(), Err(LockError::Lost { .. })));
    drop(lock);
    assert_eq!(sim.fs.content(LOCK).unwrap(), peer.as_bytes());

    sim.fs.remove(LOCK);
    let lock = acquire();
    sim.fs.remove(LOCK);
    assert!(matches!(lock.verify(), Err(LockError::Lost { .. })));
    let next = acquire();
    drop(lock);
    next.verify().unwrap();
}

#[test]
fn f26_a_lock_from_elsewhere_is_not_judged() {
    for (field, value) in [("host", "other"), ("bootId", "boot-2"), ("pidNs", "pid:[2]")] {
        let sim = machine();
        put(&sim, &json!({"pid": DEAD, field: value, "createdAt": "2026-08-31T00:00:00.000Z"}));
        sim.clock.advance(Duration::from_hours(10_000));
        let holder = busy(sim.host());
        assert_eq!(holder.because, HeldBecause::Elsewhere);
        assert!(holder.to_string().contains("remove the file"), "{holder}");
    }
    // A system that cannot tell where it runs assumes the best of locks that can.
    let sim = machine();
    let identity = sim.processes.identity();
    sim.processes.become_process(Identity { boot_id: None, pid_namespace: None, ..identity });
    put(&sim, &json!({"pid": DEAD, "bootId": "boot-2", "pidNs": "pid:[2]"}));
    attempt(sim.host()).unwrap();
}

#[test]
fn waiting_ends_when_the_holder_goes_or_the_time_is_up() {
    let sim = machine();
    put(&sim, &json!({"pid": LIVING}));
    let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let before = sim.host().clock.monotonic();
    let wait = Duration::from_secs(10);
    let acquire = || Lock::acquire(sim.host(), dir.as_ref(), "store.lock".as_ref(), wait);
    assert!(matches!(acquire(), Err(LockError::Busy { .. })));
    let waited = sim.host().clock.monotonic().saturating_sub(before);
    assert!(wait <= waited && waited < wait + Duration::from_secs(2), "{waited:?}");
    sim.processes.set(LIVING, ProcessState::Dead);
    drop(acquire().unwrap());
}

#[test]
fn a_lock_is_not_reclaimed_while_another_is_at_it() {
    let sim = machine();
    put(&sim, &json!({"pid": DEAD}));
    let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let guard = Guard::try_acquire(dir.as_ref(), "store.lock.guard".as_ref()).unwrap();
    assert!(matches!(guard, TryGuard::Acquired(_)));
    assert_eq!(busy(sim.host()).because, HeldBecause::Contended);
    drop(guard);
    attempt(sim.host()).unwrap();
}

#[test]
fn a_guard_whose_file_was_removed_protects_nothing_and_says_so() {
    let sim = machine();
    let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let acquire = || match Guard::try_acquire(dir.as_ref(), "guard".as_ref()).unwrap() {
        TryGuard::Acquired(guard) => guard,
        TryGuard::Held => panic!("held"),
    };
    let first = acquire();
    assert!(first.is_valid().unwrap());
    sim.fs.remove("/state/guard");
    assert!(!first.is_valid().unwrap());
    let second = acquire();
    assert!(second.is_valid().unwrap() && !first.is_valid().unwrap());
}

#[test]
fn a_kill_at_any_step_blocks_nobody_for_ever() {
    let count = |sim: &Sim| {
        let faults = Arc::new(Faults::none());
        let fs = ObservedFs::new(sim.fs.clone(), faults.clone());
        attempt(Host { fs: &fs, ..sim.host() }).unwrap();
        faults.count()
    };
    for stale in [false, true] {
        let sim = || {
            let sim = machine();
            if stale {
                put(&sim, &json!({"pid": DEAD}));
            }
            sim
        };
        for nth in 0..=count(&sim()) {
            let sim = sim();
            let fs = ObservedFs::new(sim.fs.clone(), Arc::new(Faults::none().die(nth)));
            attempt(Host { fs: &fs, ..sim.host() }).ok();
            let mut next = sim.processes.identity();
            next.process.pid = 200;
            sim.processes.become_process(next);
            attempt(sim.host()).unwrap();
            assert!(sim.fs.content(LOCK).is_none(), "killed at {nth}: not released");
        }
    }
}

#[test]
fn an_error_at_any_step_leaves_no_lock_behind() {
    let counter = Arc::new(Faults::none());
    let sim = machine();
    let fs = ObservedFs::new(sim.fs.clone(), counter.clone());
    attempt(Host { fs: &fs, ..sim.host() }).unwrap();
    let linked = counter.trace().iter().position(|(_, path)| path.ends_with(LOCK)).unwrap();
    for nth in 0..=linked {
        let sim = machine();
        let faults = Faults::none().fail(nth, Errno::NOSPC);
        let fs = ObservedFs::new(sim.fs.clone(), Arc::new(faults));
        let result = attempt(Host { fs: &fs, ..sim.host() });
        assert!(matches!(result, Err(LockError::Fs(_))), "{nth}: {result:?}");
        assert_eq!(names(&sim), [""; 0], "failed at {nth}");
    }
}
