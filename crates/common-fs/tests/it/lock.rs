//! Taking, holding, losing and giving back a lock (row F25).

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use common_fs::{
    Clock, Fs as _, Host, Op, ProcessState, Processes as _, Timestamp,
    lock::{Guard, HOLD_MAX, HeldBecause, Holder, Lock, LockError, TryGuard, YOUNG},
    observe::{Call, Decision, Errno, ObservedFs, Observer},
    replace::{FileMode, ReplaceError, Replacement},
    sim::{Faults, Sim},
};
use serde_json::{Value, json};

pub(crate) const LOCK: &str = "/state/store.lock";
pub(crate) const DEAD: u32 = 71;
pub(crate) const LIVING: u32 = 72;
pub(crate) const OF_ANOTHER_USER: u32 = 73;

pub(crate) fn machine() -> Sim {
    let sim = Sim::new();
    sim.fs.make_dir("/state");
    sim.processes.set(LIVING, ProcessState::Running { start_ticks: Some(500) });
    sim.processes.set(OF_ANOTHER_USER, ProcessState::Running { start_ticks: None });
    sim
}

/// Takes the lock without waiting and gives it back at once.
pub(crate) fn attempt(host: Host<'_>) -> Result<(), LockError> {
    let failed = |source| LockError::Fs { path: LOCK.into(), source };
    let dir = host.fs.open_dir("/state".as_ref()).map_err(failed)?;
    Lock::acquire(host, dir.as_ref(), "store.lock".as_ref(), Duration::ZERO)?.release()
}

pub(crate) fn busy(host: Host<'_>) -> Holder {
    match attempt(host) {
        Err(LockError::Busy { holder, .. }) => holder,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn put(sim: &Sim, payload: &Value) {
    sim.fs.put(LOCK, payload.to_string().as_bytes());
}

/// Adds where this process runs, as our own locks do.
pub(crate) fn here(mut payload: Value) -> Value {
    let place = json!({"host": "sim", "bootId": "boot-1", "pidNs": "pid:[1]"});
    payload.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
    payload
}

/// What is in the directory beside the guard file.
pub(crate) fn names(sim: &Sim) -> Vec<String> {
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

/// What a program that works on a store under a lock has to tell apart.
#[derive(Debug, thiserror::Error)]
enum StoreError {
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

#[test]
fn f25_nothing_is_committed_under_a_lock_that_is_lost() {
    let sim = machine();
    sim.fs.put("/state/store", b"old");
    let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let me = sim.processes.identity().process;
    let commit = |disturb: &dyn Fn()| -> Result<(), StoreError> {
        let name = "store.lock".as_ref();
        let lock = Lock::acquire(sim.host(), dir.as_ref(), name, Duration::ZERO)?;
        let target = "store".as_ref();
        let mut new = Replacement::begin(dir.as_ref(), target, me, FileMode::Private)?;
        new.write(b"new")?;
        disturb();
        new.commit_if(|_| Ok(lock.verify()?))
    };
    let overtaken = commit(&|| put(&sim, &json!({"pid": LIVING, "token": "theirs"})));
    assert!(matches!(overtaken, Err(StoreError::Lock(LockError::Lost { .. }))), "{overtaken:?}");
    sim.fs.remove(LOCK);
    let expired = commit(&|| sim.clock.advance(HOLD_MAX));
    assert!(matches!(expired, Err(StoreError::Lock(LockError::Expired { .. }))), "{expired:?}");
    assert_eq!(sim.fs.content("/state/store").unwrap(), b"old");
    assert_eq!(names(&sim), ["store"]);
    commit(&|| ()).unwrap();
    assert_eq!(sim.fs.content("/state/store").unwrap(), b"new");
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
    // Operations take microseconds.
    assert!(wait <= waited && waited < wait + Duration::from_millis(1), "{waited:?}");
    sim.processes.set(LIVING, ProcessState::Dead);
    sim.clock.advance(YOUNG);
    acquire().unwrap().release().unwrap();
}

/// A clock on which the holder of the lock gives it back while somebody waits for it.
struct GivenBackAt {
    sim: Sim,
    at: Duration,
}

impl Clock for GivenBackAt {
    fn now(&self) -> Timestamp {
        self.sim.clock.now()
    }
    fn monotonic(&self) -> Duration {
        self.sim.clock.monotonic()
    }
    fn sleep(&self, span: Duration) {
        self.sim.clock.sleep(span);
        if self.at <= self.monotonic() && self.sim.fs.content(LOCK).is_some() {
            self.sim.fs.remove(LOCK);
        }
    }
}

#[test]
fn a_lock_is_as_old_as_its_taking_not_as_the_waiting_for_it() {
    let sim = machine();
    put(&sim, &json!({"pid": LIVING}));
    let clock = GivenBackAt { sim: sim.clone(), at: Duration::from_mins(1) };
    let host = Host { clock: &clock, ..sim.host() };
    let dir = host.fs.open_dir("/state".as_ref()).unwrap();
    let wait = Duration::from_mins(2);
    let lock = Lock::acquire(host, dir.as_ref(), "store.lock".as_ref(), wait).unwrap();
    let now = clock.now();
    assert!(Duration::from_mins(1) <= clock.monotonic());
    let payload: Value = serde_json::from_slice(&sim.fs.content(LOCK).unwrap()).unwrap();
    let started = Timestamp::from_unix_millis(payload["startedAt"].as_i64().unwrap()).unwrap();
    assert!(now.since(started) < Duration::from_millis(2), "{payload}");
    let modified = sim.fs.stat(LOCK).unwrap().modified;
    assert!(now.since(modified) < Duration::from_millis(2), "peers go by this as well");
    lock.verify().unwrap();
}

#[test]
fn a_lock_cannot_be_relied_on_when_peers_may_take_it() {
    let second = Duration::from_secs(1);
    let sim = machine();
    let dir = sim.host().fs.open_dir("/state".as_ref()).unwrap();
    let acquire = || {
        let name = "store.lock".as_ref();
        Lock::acquire(sim.host(), dir.as_ref(), name, Duration::ZERO).unwrap()
    };
    let expired = |lock: &Lock<'_>| match lock.verify() {
        Err(LockError::Expired { held, .. }) => HOLD_MAX <= held,
        other => panic!("{other:?}"),
    };
    let lock = acquire();
    sim.clock.advance(HOLD_MAX.saturating_sub(second));
    lock.verify().unwrap();
    sim.clock.advance(second);
    assert!(expired(&lock));
    // The clock was set back: the lock is as old as before.
    sim.clock.set_now(Timestamp::UNIX_EPOCH);
    assert!(expired(&lock));
    lock.release().unwrap();
    assert_eq!(names(&sim), [""; 0], "it was ours to the end");

    // The machine slept: for peers, the lock is old.
    let lock = acquire();
    sim.clock.set_now(sim.clock.now().plus(HOLD_MAX));
    assert!(expired(&lock));
}

#[test]
fn a_release_says_what_came_of_it() {
    let sim = machine();
    let counter = Arc::new(Faults::none());
    let fs = ObservedFs::new(sim.fs.clone(), counter.clone());
    let dir = fs.open_dir("/state".as_ref()).unwrap();
    let acquire =
        |dir| Lock::acquire(sim.host(), dir, "store.lock".as_ref(), Duration::ZERO).unwrap();
    acquire(dir.as_ref()).release().unwrap();
    let removed = counter.count() - 1;
    assert_eq!(counter.trace()[removed].0, Op::Remove);

    let faults = Faults::none().fail(removed, Errno::IO);
    let fs = ObservedFs::new(sim.fs.clone(), Arc::new(faults));
    let dir = fs.open_dir("/state".as_ref()).unwrap();
    let error = acquire(dir.as_ref()).release().unwrap_err();
    assert_eq!(error.to_string(), format!("cannot access the lock `{LOCK}`"));
    sim.fs.remove(LOCK);

    let lock = acquire(dir.as_ref());
    sim.fs.remove(LOCK);
    assert!(matches!(lock.release(), Err(LockError::Lost { .. })));
}

/// A network file system that repeats the request to link, and reports what it met.
struct LinkedTwice(Sim);

impl Observer for LinkedTwice {
    fn before(&self, call: Call<'_>) -> Decision {
        if call.op != Op::Link {
            return Decision::Proceed;
        }
        let names = self.0.fs.names("/state");
        let ticket = names.iter().find(|name| name.as_encoded_bytes().ends_with(b".tmp")).unwrap();
        let dir = self.0.fs.open_dir("/state".as_ref()).unwrap();
        dir.link(ticket, call.path.file_name().unwrap()).unwrap();
        Decision::Fail(Errno::EXIST)
    }
}

#[test]
fn a_lock_whose_link_was_reported_as_taken_is_ours() {
    let sim = machine();
    let fs = ObservedFs::new(sim.fs.clone(), Arc::new(LinkedTwice(sim.clone())));
    let host = Host { fs: &fs, ..sim.host() };
    let dir = host.fs.open_dir("/state".as_ref()).unwrap();
    let name = "store.lock".as_ref();
    let lock = Lock::acquire(host, dir.as_ref(), name, Duration::ZERO).unwrap();
    lock.verify().unwrap();
    assert_eq!(names(&sim), ["store.lock"]);
    lock.release().unwrap();
    assert_eq!(names(&sim), [""; 0]);
}

/// Somebody who is faster so many times, and gives the lock back at once.
struct Faster {
    times: usize,
    links: AtomicUsize,
}

impl Observer for Faster {
    fn before(&self, call: Call<'_>) -> Decision {
        if call.op == Op::Link && self.links.fetch_add(1, Ordering::Relaxed) < self.times {
            return Decision::Fail(Errno::EXIST);
        }
        Decision::Proceed
    }
}

#[test]
fn who_is_always_a_little_late_gets_the_lock_in_the_end() {
    let sim = machine();
    let faster = Faster { times: 2_500, links: AtomicUsize::new(0) };
    let fs = ObservedFs::new(sim.fs.clone(), Arc::new(faster));
    let host = Host { fs: &fs, ..sim.host() };
    let dir = host.fs.open_dir("/state".as_ref()).unwrap();
    let acquire = |wait| Lock::acquire(host, dir.as_ref(), "store.lock".as_ref(), wait);
    match acquire(Duration::ZERO) {
        Err(LockError::Busy { holder, .. }) => assert_eq!(holder.because, HeldBecause::Contended),
        _ => panic!("it was free only in between"),
    }
    acquire(Duration::from_secs(1)).unwrap().release().unwrap();
    assert_eq!(names(&sim), [""; 0]);
}

#[test]
fn a_lock_is_not_reclaimed_while_another_is_at_it() {
    let sim = machine();
    put(&sim, &here(json!({"pid": DEAD})));
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
                put(&sim, &here(json!({"pid": DEAD})));
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
    let stale = here(json!({"pid": DEAD})).to_string();
    for before in [None, Some(stale.as_bytes())] {
        let sim = || {
            let sim = machine();
            before.inspect(|stale| sim.fs.put(LOCK, stale));
            sim
        };
        let counter = Arc::new(Faults::none());
        let clean = sim();
        let fs = ObservedFs::new(clean.fs.clone(), counter.clone());
        attempt(Host { fs: &fs, ..clean.host() }).unwrap();
        let linked = counter.trace().iter().position(|(op, _)| *op == Op::Link).unwrap();
        for nth in 0..=linked {
            let sim = sim();
            let faults = Faults::none().fail(nth, Errno::NOSPC);
            let fs = ObservedFs::new(sim.fs.clone(), Arc::new(faults));
            let result = attempt(Host { fs: &fs, ..sim.host() });
            assert!(matches!(result, Err(LockError::Fs { .. })), "{nth}: {result:?}");
            let left = sim.fs.content(LOCK);
            assert!(left.is_none() || left.as_deref() == before, "failed at {nth}");
            assert!(names(&sim).iter().all(|name| name == "store.lock"), "failed at {nth}");
        }
    }
}
