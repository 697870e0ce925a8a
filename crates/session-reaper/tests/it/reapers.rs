//! Sweeps again and again.

use std::{
    ops::ControlFlow,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use common_fs::{
    Host, Op, ProcessState,
    observe::{Call, Decision, ObservedFs, Observer},
};
use session_reaper::{Orders, Policy, Reaper, SweepResult, ThrottleRules};

use crate::{
    sweeps::{messy, policy},
    world::{HOUR, NOW, OPTIONS, World, time},
};

fn ask(reaper: &mut Reaper, host: Host<'_>, world: &World, policy: &Policy) -> SweepResult {
    let orders = Orders { policy, options: OPTIONS, needs: None };
    reaper.sweep(host, &world.place, orders, false, &mut |_| ControlFlow::Continue(()))
}

/// Counts what is opened and what is written.
#[derive(Default)]
struct Counts {
    opened: AtomicU64,
    written: AtomicU64,
}

impl Observer for Counts {
    fn before(&self, call: Call<'_>) -> Decision {
        match call.op {
            Op::Open | Op::List => self.opened.fetch_add(1, Ordering::Relaxed),
            Op::Create | Op::Write | Op::Rename | Op::Remove | Op::Sync | Op::SyncDir => {
                self.written.fetch_add(1, Ordering::Relaxed)
            }
            _ => 0,
        };
        Decision::Proceed
    }
}

#[test]
fn where_nothing_can_have_expired_nothing_is_read() {
    let world = messy();
    let mut reaper = Reaper::new(ThrottleRules::Safe);
    let counts = Arc::new(Counts::default());
    let fs = ObservedFs::new(world.sim.fs.clone(), counts.clone());
    let host = Host { fs: &fs, ..world.host() };
    let later = |hours: f64| {
        #[expect(clippy::cast_possible_truncation, reason = "hours of a test")]
        world.sim.clock.set_now(time(NOW + (hours * 3_600_000.0) as i64));
    };
    assert!(matches!(ask(&mut reaper, host, &world, &policy()), SweepResult::Swept(Some(_))));
    later(1.0);
    // There was something to do the last time, so it looks once more.
    assert!(matches!(ask(&mut reaper, host, &world, &policy()), SweepResult::Swept(Some(_))));
    // From one process to the next.
    let text = serde_json::to_string(&reaper).unwrap();
    let mut reaper: Reaper = serde_json::from_str(&text).unwrap();
    later(2.0);
    counts.opened.store(0, Ordering::Relaxed);
    counts.written.store(0, Ordering::Relaxed);
    assert!(matches!(ask(&mut reaper, host, &world, &policy()), SweepResult::Swept(None)));
    let seen = (counts.opened.load(Ordering::Relaxed), counts.written.load(Ordering::Relaxed));
    assert_eq!(seen, (0, 0));

    // Another policy, a write to the store, a new file, or a time that has come: it looks again.
    later(3.0);
    let other = Policy { session_ttl: Some(std::time::Duration::from_hours(1)), ..policy() };
    assert!(matches!(ask(&mut reaper, host, &world, &other), SweepResult::Swept(Some(_))));
    later(4.0);
    assert!(matches!(ask(&mut reaper, host, &world, &policy()), SweepResult::Swept(Some(_))));
    later(5.0);
    world.sim.fs.append(world.path("sessions.json"), b"\n");
    assert!(matches!(ask(&mut reaper, host, &world, &policy()), SweepResult::Swept(Some(_))));
    later(6.0);
    world.put("new-one.jsonl", "{}\n", 0);
    assert!(matches!(ask(&mut reaper, host, &world, &policy()), SweepResult::Swept(Some(_))));
    later(7.0);
    assert!(matches!(ask(&mut reaper, host, &world, &policy()), SweepResult::Swept(None)));
    // `run:new` was updated an hour before.
    later(23.1);
    let SweepResult::Swept(Some(sweep)) = ask(&mut reaper, host, &world, &policy()) else {
        panic!("it is due")
    };
    assert_eq!(sweep.archived_rows.count, 1);
    // The clock is set back.
    later(22.0);
    assert!(matches!(ask(&mut reaper, host, &world, &policy()), SweepResult::Swept(Some(_))));
}

#[test]
fn every_result_is_told_apart_and_counted() {
    let world = messy();
    let mut reaper = Reaper::new(ThrottleRules::Safe);
    let never = Policy::openclaw_2026_3(None);
    assert!(matches!(ask(&mut reaper, world.host(), &world, &never), SweepResult::Disabled));

    world.sim.processes.set(77, ProcessState::Running { start_ticks: None });
    world.put("sessions.json.lock", r#"{"pid":77,"createdAt":"2026-09-21T00:00:00.000Z"}"#, 0);
    let SweepResult::Busy { owner } = ask(&mut reaper, world.host(), &world, &policy()) else {
        panic!("it is locked")
    };
    assert!(owner.contains("process 77"), "{owner}");
    world.sim.fs.remove(world.path("sessions.json.lock"));

    // Neither counted: the next one is admitted at once.
    let SweepResult::Swept(Some(sweep)) = ask(&mut reaper, world.host(), &world, &policy()) else {
        panic!("it is free")
    };
    assert_eq!(sweep.archived_rows.count, 4);
    let SweepResult::Throttled { retry_at } = ask(&mut reaper, world.host(), &world, &policy())
    else {
        panic!("too soon")
    };
    assert!(time(NOW + 5 * 60_000) <= retry_at && retry_at < time(NOW + HOUR));

    world.sim.clock.set_now(time(NOW + HOUR));
    world.sim.fs.remove(world.path(".session-reaper.jsonl"));
    world.sim.fs.make_dir(world.path(".session-reaper.jsonl"));
    assert!(matches!(ask(&mut reaper, world.host(), &world, &policy()), SweepResult::Failed(_)));

    let counters = reaper.counters();
    let counted: Vec<(&str, u64)> =
        counters.sweeps.iter().map(|(result, count)| (result.as_str(), *count)).collect();
    let expected = [("busy", 1), ("disabled", 1), ("failed", 1), ("swept", 1), ("throttled", 1)];
    assert_eq!(counted, expected);
    assert_eq!((counters.archived_rows, counters.archived_files, counters.orphans), (4, 10, 1));
    let text = counters.prometheus();
    assert!(text.contains("session_reaper_sweeps_total{result=\"busy\"} 1\n"), "{text}");
    assert!(text.contains("session_reaper_kept_total{reason=\"referenced\"} 3\n"), "{text}");
    assert_eq!(text.matches("# TYPE ").count(), 11, "{text}");
}
