//! Which lock files are taken over, and which are left alone (rows F21, F22, F23, F26).

use std::{sync::Arc, time::Duration};

use common_fs::{
    FileKind, Host, Identity, Op, Processes as _,
    lock::{HeldBecause, YOUNG},
    observe::{Errno, ObservedFs},
    sim::{Faults, Sim},
};
use serde_json::{Value, json};

use crate::lock::{DEAD, LIVING, LOCK, OF_ANOTHER_USER, attempt, busy, here, machine, names, put};

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
        (json!({"pid": LIVING, "starttime": "500", "token": 7, "bootId": []}), Some(LIVING)),
        (json!({"pid": DEAD, "starttime": -1.5, "createdAt": {}}), None),
    ];
    for (peers, holder) in cases {
        let ours = here(peers.clone());
        let sim = machine();
        put(&sim, &ours);
        match holder {
            None => attempt(sim.host()).unwrap(),
            Some(pid) => assert_held(&sim, &ours, pid, HeldBecause::Alive),
        }
        assert!(!names(&sim).iter().any(|name| name.contains("tmp")), "{ours}");

        // Peers that do not say where they run may do so in a container.
        let sim = machine();
        put(&sim, &peers);
        let because = if holder.is_none() { HeldBecause::Young } else { HeldBecause::Alive };
        let pid = u32::try_from(peers["pid"].as_u64().unwrap()).unwrap();
        sim.clock.advance(Duration::from_secs(29));
        assert_held(&sim, &peers, pid, because);
        sim.clock.advance(Duration::from_secs(2));
        match holder {
            None => attempt(sim.host()).unwrap(),
            Some(pid) => assert_held(&sim, &peers, pid, HeldBecause::Alive),
        }
    }
}

fn assert_held(sim: &Sim, payload: &Value, pid: u32, because: HeldBecause) {
    let found = busy(sim.host());
    assert_eq!((found.pid, found.because), (Some(pid), because), "{payload}");
    assert_eq!(sim.fs.content(LOCK).unwrap(), payload.to_string().as_bytes(), "it was touched");
}

#[test]
fn the_last_of_equal_keys_counts() {
    let sim = machine();
    sim.fs.put(LOCK, format!("{{\"pid\":{DEAD},\"pid\":{LIVING}}}").as_bytes());
    let holder = busy(sim.host());
    assert_eq!((holder.pid, holder.because), (Some(LIVING), HeldBecause::Alive));
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
        let holder = busy(sim.host());
        assert_eq!((holder.pid, holder.because), (None, HeldBecause::Young));
        sim.clock.advance(Duration::from_secs(29));
        assert_eq!(busy(sim.host()).because, HeldBecause::Young);
        assert_eq!(sim.fs.content(LOCK).unwrap(), content, "it was touched");
        sim.clock.advance(Duration::from_secs(2));
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
fn f23_a_lock_file_is_read_up_to_64_kib() {
    for (len, because) in [(65_536, HeldBecause::Alive), (65_537, HeldBecause::Young)] {
        let mut content = here(json!({"pid": LIVING})).to_string().into_bytes();
        content.resize(len, b' ');
        let sim = machine();
        sim.fs.put(LOCK, &content);
        assert_eq!(busy(sim.host()).because, because, "{len}");
    }
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
}

#[test]
fn f26_what_a_lock_leaves_out_has_to_be_unknown_here_as_well() {
    let known = machine();
    let unknown = machine();
    let identity = unknown.processes.identity();
    unknown.processes.become_process(Identity { boot_id: None, pid_namespace: None, ..identity });
    let whole = here(json!({"pid": DEAD}));
    let bare = json!({"pid": DEAD, "host": "sim"});
    for (sim, payload, is_here) in [
        (&known, &whole, true),
        (&known, &bare, false),
        (&unknown, &bare, true),
        (&unknown, &whole, false),
    ] {
        put(sim, payload);
        if is_here {
            attempt(sim.host()).unwrap();
        } else {
            assert_held(sim, payload, DEAD, HeldBecause::Elsewhere);
        }
    }
}

#[test]
fn a_lock_file_that_may_not_be_read_is_somebodys() {
    let counter = Arc::new(Faults::none());
    let sim = machine();
    put(&sim, &here(json!({"pid": DEAD})));
    sim.clock.advance(YOUNG * 2);
    let fs = ObservedFs::new(sim.fs.fork(), counter.clone());
    attempt(Host { fs: &fs, ..sim.host() }).unwrap();
    let is_open = |(op, path): &(Op, _)| *op == Op::Open && path == std::path::Path::new(LOCK);
    let opened = counter.trace().iter().position(is_open).unwrap();

    let faults = Faults::none().fail(opened, Errno::ACCESS);
    let fs = ObservedFs::new(sim.fs.clone(), Arc::new(faults));
    let holder = busy(Host { fs: &fs, ..sim.host() });
    assert_eq!((holder.pid, holder.because), (None, HeldBecause::Unreadable));
}

#[test]
fn a_stale_lock_is_handed_over_and_its_guard_does_not_stay() {
    use common_fs::{
        Fs as _,
        lock::{Verdict, inspect, with_stale},
    };

    let sim = machine();
    let dir = sim.fs.open_dir("/state".as_ref()).unwrap();
    let name = "store.lock".as_ref();
    let act = || dir.rename(name, "away".as_ref(), common_fs::Overwrite::Refuse);
    assert_eq!(inspect(sim.host(), dir.as_ref(), name).unwrap(), Verdict::Gone);
    assert!(!with_stale(sim.host(), dir.as_ref(), name, act).unwrap());
    put(&sim, &here(json!({"pid": LIVING})));
    assert!(matches!(inspect(sim.host(), dir.as_ref(), name).unwrap(), Verdict::Held(_)));
    assert!(!with_stale(sim.host(), dir.as_ref(), name, act).unwrap());
    put(&sim, &here(json!({"pid": DEAD})));
    assert_eq!(inspect(sim.host(), dir.as_ref(), name).unwrap(), Verdict::Stale);
    assert!(with_stale(sim.host(), dir.as_ref(), name, act).unwrap());
    assert_eq!(sim.fs.names("/state"), ["away"]);
}
