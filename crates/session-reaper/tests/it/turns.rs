//! Storage that is slow, and others that wait for the lock of the store.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use common_fs::{
    Clock as _, Host, Op,
    observe::{Call, Decision, ObservedFs, Observer},
    sim::{Faults, ManualClock, SimFs},
};
use session_reaper::{Budget, Compression, Folder, Policy, Sweep};

use crate::{
    sweeps::{FORMS, options, policy, recovers},
    world::{World, row, store},
};

const SESSIONS: usize = 30;

/// Renaming or removing a transcript takes a second; says when the lock of the store was held.
struct Slow {
    fs: SimFs,
    clock: ManualClock,
    held: Mutex<Vec<(Duration, Option<Duration>)>>,
    /// Done to the store in each turn of the others.
    edit: fn(&str) -> String,
}

impl Observer for Slow {
    fn before(&self, call: Call<'_>) -> Decision {
        let name = call.path.file_name().unwrap_or_default().to_string_lossy();
        let is_move = matches!(call.op, Op::Rename | Op::Remove) && name.starts_with("run-");
        if is_move {
            self.clock.advance(Duration::from_secs(1));
        }
        Decision::Proceed
    }

    fn after(&self, call: Call<'_>) {
        if !call.path.ends_with("sessions.json.lock") {
            return;
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        match call.op {
            Op::Link => held.push((self.clock.monotonic(), None)),
            Op::Remove => {
                if let Some((_, until)) = held.last_mut() {
                    *until = Some(self.clock.monotonic());
                }
                let path = call.path.with_file_name("sessions.json");
                let text = String::from_utf8(self.fs.content(&path).unwrap()).unwrap();
                self.fs.put(&path, (self.edit)(&text).as_bytes());
            }
            _ => (),
        }
    }
}

/// With so many sessions that are over, and three that are not.
fn world(sessions: usize) -> World {
    let id = |nth: usize| format!("run-{nth:02}");
    let over = (0..sessions).map(|nth| row(&format!("agent:main:cron:j:run:{nth}"), &id(nth), 99));
    let live = ["x", "y", "z"].map(|name| row(&format!("agent:main:dm:{name}"), name, 0));
    let names: Vec<String> = (0..sessions).map(|nth| format!("{}.jsonl", id(nth))).collect();
    let files: Vec<(&str, i64)> = names.iter().map(|name| (name.as_str(), 99)).collect();
    World::new(&store(&over.chain(live).collect::<Vec<_>>()), &files)
}

fn slow(world: &World, edit: fn(&str) -> String) -> Arc<Slow> {
    let (fs, clock) = (world.sim.fs.clone(), world.sim.clock.clone());
    Arc::new(Slow { fs, clock, held: Mutex::default(), edit })
}

/// What came of it, and from when to when the lock was held.
fn sweep(
    world: &World,
    policy: &Policy,
    form: (Folder, Compression),
    edit: fn(&str) -> String,
) -> (Sweep, Vec<(Duration, Duration)>) {
    let slow = slow(world, edit);
    let fs = ObservedFs::new(world.sim.fs.clone(), slow.clone());
    let host = Host { fs: &fs, ..world.host() };
    let sweep = world.sweep_on(host, policy, options(form)).unwrap();
    let held = slow.held.lock().unwrap_or_else(PoisonError::into_inner);
    (sweep, held.iter().map(|(from, until)| (*from, until.unwrap())).collect())
}

#[test]
fn others_have_their_turn_while_much_is_archived() {
    for form in FORMS {
        let world = world(SESSIONS);
        let before = world.tree();
        let (sweep, held) = sweep(&world, &policy(), form, str::to_owned);
        assert!(sweep.failures.is_empty() && sweep.changed.is_empty(), "{form:?} {sweep:?}");
        assert_eq!(sweep.archived_rows.count, SESSIONS as u64, "{form:?}");
        assert_eq!(sweep.archived_files.count, SESSIONS as u64, "{form:?}");
        let is_slow = form.1 == Compression::None;
        assert!(if is_slow { 9 < held.len() } else { held.len() == 1 }, "{form:?} {held:?}");
        for (from, until) in &held {
            assert!(*until < *from + Duration::from_secs(5), "{form:?} {held:?}");
        }
        for (one, next) in held.iter().zip(&held[1..]) {
            assert!(one.1 + Duration::from_secs(1) < next.0, "{form:?} {held:?}");
        }
        assert!(world.restore().failures.is_empty());
        assert_eq!(world.tree(), before, "{form:?}");
    }
}

#[test]
fn what_others_write_in_their_turn_counts() {
    let world = world(SESSIONS);
    // The last one is used again as soon as anybody else can write.
    let (sweep, _) = sweep(&world, &policy(), FORMS[0], |text| {
        text.replace("\"sessionId\": \"run-29\",", "\"sessionId\": \"run-29\", \"used\": true,")
    });
    assert!(sweep.failures.is_empty(), "{sweep:?}");
    assert_eq!(sweep.changed, ["agent:main:cron:j:run:29"]);
    assert_eq!(sweep.archived_rows.count, SESSIONS as u64 - 1);
    assert!(world.names().contains(&"run-29.jsonl".to_owned()));
}

#[test]
fn a_budget_is_for_all_turns_together() {
    let world = world(SESSIONS);
    let budget = Budget { files: Some(10), ..Budget::UNLIMITED };
    let (sweep, held) = sweep(&world, &Policy { budget, ..policy() }, FORMS[0], str::to_owned);
    assert!(2 < held.len() && sweep.changed.is_empty(), "{held:?} {sweep:?}");
    assert_eq!(sweep.archived_files.count, 10);
    let world = self::world(SESSIONS);
    let budget = Budget { time: Some(Duration::from_secs(7)), ..Budget::UNLIMITED };
    let (sweep, _) = self::sweep(&world, &Policy { budget, ..policy() }, FORMS[0], str::to_owned);
    assert!(sweep.broken_off && sweep.failures.is_empty(), "{sweep:?}");
    assert!((3..9).contains(&sweep.archived_files.count), "{sweep:?}");
}

#[test]
fn a_kill_in_any_turn_loses_nothing() {
    for form in FORMS {
        let before = world(8).tree();
        for nth in 0.. {
            let world = world(8);
            let faults = Arc::new(Faults::none().die(nth));
            let fs = ObservedFs::new(world.sim.fs.clone(), slow(&world, str::to_owned));
            let fs = ObservedFs::new(fs, faults.clone());
            let done = world.sweep_on(Host { fs: &fs, ..world.host() }, &policy(), options(form));
            if faults.count() <= nth {
                assert!(100 < nth && done.is_ok(), "{nth} {done:?}");
                break;
            }
            recovers(&world, &before, &format!("{form:?}, killed before {nth}"));
        }
    }
}
