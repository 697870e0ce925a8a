//! What goes and what stays.

use std::time::Duration;

use common_fs::Clock as _;
use session_reaper::{KeepLast, Listing, Matches, Policy, Rule, RuleTtl, Water, plan};

use crate::world::{HOUR, NOW, World, reasons, row, seed, store, time};

const NO_LAST: KeepLast = KeepLast { succeeded: 0, failed: 0 };

#[test]
fn openclaw_prunes_the_expired_run_alone() {
    let rows = [
        row("agent:main:cron:job1", "base", 0),
        row("agent:main:cron:job1:run:old", "old", 25),
        row("agent:main:cron:job1:run:new", "new", 1),
        row("agent:main:telegram:dm:123", "dm", 100),
    ];
    let plan = World::new(&store(&rows), &[("old.jsonl", 25), ("dm.jsonl", 100)]).plan(&seed(24));
    assert_eq!(
        reasons(&plan),
        [
            "agent:main:cron:job1 no-retention",
            "agent:main:cron:job1:run:old expired",
            "agent:main:cron:job1:run:new too-young",
            "agent:main:telegram:dm:123 no-retention",
            "dm.jsonl referenced",
            "old.jsonl with-session",
        ]
    );
    assert_eq!(plan.next_due(), Some(time(NOW + 23 * HOUR)));
}

#[test]
fn what_is_exactly_as_old_as_it_may_become_stays() {
    for (millis, goes) in [(0, false), (1, true)] {
        let updated = NOW - HOUR - millis;
        let store = format!(r#"{{"agent:a:cron:j:run:r":{{"updatedAt":{updated}}}}}"#);
        let plan = World::new(&store, &[]).plan(&seed(1));
        assert_eq!(plan.rows[0].verdict.goes(), goes, "{millis}");
    }
}

#[test]
fn without_retention_nothing_expires() {
    let store = store(&[row("agent:a:cron:j:run:r", "r", 1_000)]);
    let world = World::new(&store, &[("r.jsonl", 1_000)]);
    let plan = world.plan(&Policy::openclaw_2026_3(None));
    assert_eq!(reasons(&plan), ["agent:a:cron:j:run:r no-retention", "r.jsonl referenced"]);
}

#[test]
fn times_that_cannot_be_true() {
    // As it is written, in OpenClaw 2026.3, and with the safe policy where no transcript tells.
    let table = [
        ("null", "expired", "age-unknown"),
        ("-5", "expired", "age-unknown"),
        ("\"1700000000000\"", "expired", "expired"),
        ("\"abc\"", "age-unknown", "age-unknown"),
        ("1e400", "too-young", "age-unknown"),
        ("99999999999999", "too-young", "age-unknown"),
    ];
    let safe = Policy { keep_last: NO_LAST, ..Policy::SAFE };
    for (written, as_seed, as_safe) in table {
        let store = format!(r#"{{"agent:a:cron:j:run:r":{{"updatedAt":{written}}}}}"#);
        let world = World::new(&store, &[]);
        for (policy, expected) in [(&seed(24), as_seed), (&safe, as_safe)] {
            let plan = world.plan(policy);
            assert_eq!(plan.rows[0].verdict.reason(), expected, "{written} {:?}", policy.age);
        }
    }
}

#[test]
fn a_transcript_that_grows_keeps_its_run() {
    let store = store(&[row("agent:a:cron:j:run:r", "r", 100)]);
    let world = World::new(&store, &[("r-topic-7.jsonl", 2)]);
    let policy = Policy { keep_last: NO_LAST, ..Policy::SAFE };
    let plan = world.plan(&policy);
    assert_eq!(reasons(&plan), ["agent:a:cron:j:run:r too-young", "r-topic-7.jsonl referenced"]);
    assert_eq!(plan.next_due(), Some(time(NOW + 22 * HOUR)));
}

#[test]
fn a_run_that_is_at_work_stays() {
    let store = format!(
        r#"{{"agent:a:cron:j:run:r":{{"sessionId":"r","updatedAt":{},"status":"running"}},
            "agent:a:cron:j:run:dead":{{"sessionId":"dead","updatedAt":{},"status":"running"}},{}}}"#,
        NOW - 30 * HOUR,
        NOW - 200 * HOUR,
        row("agent:a:cron:j:run:locked", "locked", 30),
    );
    let world = World::new(&store, &[("locked.jsonl", 30)]);
    let me = world.host().processes.identity().process.pid;
    let lock = format!(r#"{{"pid":{me},"createdAt":"2026-09-20T00:00:00.000Z"}}"#);
    world.put("locked.jsonl.lock", &lock, 0);
    let policy = Policy { keep_last: NO_LAST, ..Policy::SAFE };
    assert_eq!(
        reasons(&world.plan(&policy)),
        [
            "agent:a:cron:j:run:r running",
            "agent:a:cron:j:run:dead expired",
            "agent:a:cron:j:run:locked running",
            "locked.jsonl referenced",
            "locked.jsonl.lock running",
        ]
    );
}

#[test]
fn the_last_of_each_job_stay_however_old() {
    let run = |job: &str, nth: i64, status: &str| {
        format!(
            r#""agent:a:cron:{job}:run:{nth}":{{"updatedAt":{},"status":"{status}"}}"#,
            NOW - nth * 100 * HOUR
        )
    };
    let rows = [
        run("j", 1, "done"),
        run("j", 2, "failed"),
        run("j", 3, "done"),
        run("j", 4, "timeout"),
        run("j", 5, "done"),
        run("k", 6, "done"),
    ];
    let policy = Policy { keep_last: KeepLast { succeeded: 2, failed: 1 }, ..Policy::SAFE };
    let plan = World::new(&store(&rows), &[]).plan(&policy);
    let going: Vec<_> = plan.rows.iter().map(|row| row.verdict.reason()).collect();
    assert_eq!(going, ["kept-last", "kept-last", "kept-last", "expired", "expired", "kept-last"]);
}

#[test]
fn what_runs_have_started_goes_by_its_own_age() {
    let rows = [
        row("agent:a:cron:j:run:r:subagent:x", "x", 30),
        row("agent:a:cron:j:run:r:thread:y", "y", 3),
    ];
    let world = World::new(&store(&rows), &[]);
    assert_eq!(world.plan(&Policy::SAFE).rows_going().count, 1);
    assert_eq!(world.plan(&seed(24)).rows_going().count, 0);
}

#[test]
fn remnants_go_when_they_are_old_and_nobody_uses_them() {
    let uuid = "0a1b2c3d-0000-4000-8000-000000000000";
    let files = [
        ("gone.jsonl", 200),
        ("gone.trajectory.jsonl", 200),
        ("young.jsonl", 100),
        (&format!("sessions.json.{uuid}.tmp"), 1),
        (&format!("sessions.json.4000000.{uuid}.tmp"), 1),
        ("x.jsonl.deleted.2026-01-01T00-00-00.000Z", 0),
        ("x.jsonl.deleted.2026-09-20T00-00-00.000Z.zst", 9_999),
        ("x.jsonl.reset.2020-01-01T00-00-00.000Z", 9_999),
        ("sessions.json.bak.1", 9_999),
        ("notes.txt", 9_999),
    ];
    let world = World::new("{}", &files);
    let lock = r#"{"pid":999999,"createdAt":"2026-01-01T00:00:00.000Z"}"#;
    world.put("z.jsonl.lock", lock, 9_999);
    assert_eq!(
        reasons(&world.plan(&Policy::SAFE)),
        [
            "gone.jsonl orphan".to_owned(),
            "gone.trajectory.jsonl orphan".to_owned(),
            "notes.txt unknown".to_owned(),
            format!("sessions.json.{uuid}.tmp leaked-temp"),
            format!("sessions.json.4000000.{uuid}.tmp leaked-temp"),
            "sessions.json.bak.1 protected".to_owned(),
            "x.jsonl.deleted.2026-01-01T00-00-00.000Z archive-expired".to_owned(),
            "x.jsonl.deleted.2026-09-20T00-00-00.000Z.zst too-young".to_owned(),
            "x.jsonl.reset.2020-01-01T00-00-00.000Z no-retention".to_owned(),
            "young.jsonl too-young".to_owned(),
            "z.jsonl.lock stale-lock".to_owned(),
        ]
    );
}

#[test]
fn what_a_kill_left_of_ours_goes_after_ten_minutes() {
    const COPY: &str = ".s.jsonl.deleted.2026-01-01T00-00-00.000Z.zst.999999.5.0.tmp";
    const STORE: &str = ".sessions.json.999999.5.0.tmp";
    const GUARD: &str = "s.jsonl.lock.guard";
    let left = |world: &World, minutes: u64| {
        world.sim.clock.advance(Duration::from_mins(minutes));
        let listing = Listing::read(world.host(), &world.place, &Policy::SAFE).unwrap();
        let now = world.sim.clock.now();
        let mut reasons = reasons(&plan(now, &listing.snapshot(None), &Policy::SAFE));
        reasons.retain(|reason| reason.ends_with(" own-temp"));
        reasons
    };
    // A copy has the time of its original; it is as old as it is unchanged.
    let world = World::new("{}", &[(COPY, 1), (STORE, 1), (GUARD, 1), ("s.jsonl", 1)]);
    assert_eq!(left(&world, 9), [""; 0]);
    assert_eq!(left(&world, 2), [COPY, STORE, GUARD].map(|name| format!("{name} own-temp")));
    // The copy may be all there is of its original.
    let world = World::new("{}", &[(COPY, 1)]);
    assert!(left(&world, 60).is_empty());
    // Somebody is at it.
    let world = World::new("{}", &[(GUARD, 1)]);
    let dir = common_fs::Fs::open_dir(&world.sim.fs, crate::world::DIR.as_ref()).unwrap();
    let file = dir.open(GUARD.as_ref(), common_fs::Access::Read).unwrap();
    assert!(file.try_lock().unwrap());
    assert!(left(&world, 60).is_empty());
}

#[test]
fn openclaw_leaves_abandoned_locks_and_temporary_stores() {
    let uuid = "0a1b2c3d-0000-4000-8000-000000000000";
    let world = World::new("{}", &[(&format!("sessions.json.{uuid}.tmp"), 1)]);
    let lock = r#"{"pid":999999,"createdAt":"2026-01-01T00:00:00.000Z"}"#;
    world.put("z.jsonl.lock", lock, 9_999);
    assert!(world.plan(&seed(24)).is_nothing());
}

#[test]
fn the_first_rule_that_matches_decides() {
    let rule = |matches, ttl, last: u32| Rule {
        matches,
        ttl,
        keep_last: Some(KeepLast { succeeded: last, failed: last }),
    };
    let pattern = |text: &str| text.parse().unwrap();
    let for_hours = |hours| RuleTtl::For(Duration::from_hours(hours));
    let rules = vec![
        rule(Matches::Job(pattern("nightly*")), RuleTtl::Forever, 0),
        rule(Matches::Label(pattern("keep me")), for_hours(1_000), 0),
        rule(Matches::Key(pattern("agent:*:hook:*")), for_hours(10), 0),
        rule(Matches::Agent(pattern("b")), RuleTtl::AsPolicy, 1),
        rule(Matches::Agent(pattern("*")), for_hours(50), 0),
    ];
    let policy = Policy { rules, keep_last: NO_LAST, ..Policy::SAFE };
    let labelled = format!(
        r#"  "agent:a:cron:x:run:2": {{ "updatedAt": {}, "label": "keep me" }}"#,
        NOW - 100 * HOUR
    );
    let rows = [
        row("agent:a:cron:nightly-x:run:1", "1", 9_999),
        labelled,
        row("agent:a:hook:h", "3", 11),
        row("agent:a:hook:h2", "4", 9),
        row("agent:a:dm:x", "5", 9_999),
        row("agent:b:cron:x:run:6", "6", 100),
        row("agent:b:cron:x:run:7", "7", 101),
        row("agent:a:cron:x:run:8", "8", 49),
        row("agent:a:cron:x:run:9", "9", 51),
    ];
    let plan = World::new(&store(&rows), &[]).plan(&policy);
    let reasons: Vec<_> = plan.rows.iter().map(|row| row.verdict.reason()).collect();
    assert_eq!(
        reasons,
        [
            "no-retention",
            "too-young",
            "expired",
            "too-young",
            "no-retention",
            "kept-last",
            "expired",
            "too-young",
            "expired",
        ]
    );
}

#[test]
fn what_is_pinned_stays() {
    let rows = [
        row("agent:a:cron:x:run:1", "one", 9_999),
        row("agent:a:cron:x:run:2", "two", 9_999),
        row("agent:a:cron:x:run:3", "three", 9_999),
    ];
    let archive = "x.jsonl.deleted.2020-01-01T00-00-00.000Z";
    let files = [("three.jsonl", 9_999), ("orphan.jsonl", 9_999), (archive, 0)];
    let pins = ["agent:a:cron:x:run:1", "two", "orphan.jsonl", "x.jsonl.*"];
    let pins = pins.map(|pin| pin.parse().unwrap()).to_vec();
    let policy = Policy { pins, keep_last: NO_LAST, ..Policy::SAFE };
    assert_eq!(
        reasons(&World::new(&store(&rows), &files).plan(&policy)),
        [
            "agent:a:cron:x:run:1 pinned",
            "agent:a:cron:x:run:2 pinned",
            "agent:a:cron:x:run:3 expired",
            "orphan.jsonl pinned",
            "three.jsonl with-session",
            "x.jsonl.deleted.2020-01-01T00-00-00.000Z pinned",
        ]
    );
}

#[test]
fn what_the_runs_of_a_deleted_job_went_on_from_goes_if_the_jobs_are_known() {
    let rows = [row("agent:a:cron:alive", "1", 9_999), row("agent:a:cron:Deleted", "2", 9_999)];
    let world = World::new(&store(&rows), &[]);
    assert!(world.plan(&Policy::SAFE).is_nothing());
    world.sim.fs.make_dir("/s/cron");
    world.sim.fs.put("/s/cron/jobs.json", b"{ torn");
    assert!(world.plan(&Policy::SAFE).is_nothing());
    world.sim.fs.put("/s/cron/jobs.json", br#"{"version":1,"jobs":[{"id":"Alive","x":1}]}"#);
    let plan = world.plan(&Policy::SAFE);
    assert_eq!(
        reasons(&plan),
        ["agent:a:cron:alive no-retention", "agent:a:cron:Deleted job-deleted"]
    );
    assert!(world.plan(&seed(24)).is_nothing());
}

/// Archives of 10 bytes each, the oldest first in time.
fn with_archives() -> World {
    let world = World::new("{}", &[]);
    for day in 1..=5 {
        world.put(&format!("{day}.jsonl.deleted.2026-09-1{day}T00-00-00.000Z"), "0123456789", 0);
    }
    world.put("x.jsonl.reset.2020-01-01T00-00-00.000Z", "0123456789", 0);
    world
}

fn removed(plan: &session_reaper::Plan) -> Vec<String> {
    let going = plan.files.iter().filter(|file| file.verdict.goes());
    going
        .map(|file| format!("{} {}", &file.name.to_str().unwrap()[..1], file.verdict.reason()))
        .collect()
}

#[test]
fn above_the_cap_the_oldest_archives_go() {
    let mut policy = Policy::SAFE;
    policy.archives.bytes_max = Some(40);
    assert_eq!(
        removed(&with_archives().plan(&policy)),
        ["1 over-archive-cap", "2 over-archive-cap"]
    );
}

#[test]
fn above_high_water_archives_go_down_to_low_water() {
    let mut policy = Policy::SAFE;
    // 50 bytes of archives, 10 of a former transcript, 2 of the store.
    policy.room.dir = Some(Water { high_bytes: 62, low_bytes: 0 });
    assert!(with_archives().plan(&policy).is_nothing());
    policy.room.dir = Some(Water { high_bytes: 61, low_bytes: 40 });
    let plan = with_archives().plan(&policy);
    assert_eq!(removed(&plan), ["1 over-dir-cap", "2 over-dir-cap", "3 over-dir-cap"]);
    assert_eq!(plan.shortfall.dir_bytes, 0);
    policy.room.dir = Some(Water { high_bytes: 61, low_bytes: 5 });
    let plan = with_archives().plan(&policy);
    assert_eq!((removed(&plan).len(), plan.shortfall.dir_bytes), (5, 7));
}

#[test]
fn with_too_little_room_archives_go_until_there_is_enough() {
    let world = with_archives();
    world.sim.fs.set_space(common_fs::Space { total_bytes: 1_000, available_bytes: 85 });
    let mut policy = Policy::SAFE;
    policy.room.free_bytes_min = Some(100);
    assert_eq!(removed(&world.plan(&policy)), ["1 low-space", "2 low-space"]);
    policy.room.free_bytes_min = Some(1_000);
    let plan = world.plan(&policy);
    assert_eq!((removed(&plan).len(), plan.shortfall.free_bytes), (5, 1_000 - 85 - 50));
}

#[test]
fn one_sweep_does_no_more_than_its_budget_and_the_oldest_first() {
    let rows = [
        row("agent:a:cron:x:run:1", "one", 100),
        row("agent:a:cron:x:run:2", "two", 300),
        row("agent:a:cron:x:run:3", "three", 200),
    ];
    let files =
        [("one.jsonl", 100), ("two.jsonl", 300), ("two-topic-1.jsonl", 300), ("three.jsonl", 200)];
    let mut policy = Policy { keep_last: NO_LAST, ..Policy::SAFE };
    policy.budget.files = Some(3);
    let plan = World::new(&store(&rows), &files).plan(&policy);
    assert!(plan.is_cut_short());
    assert_eq!(
        reasons(&plan),
        [
            "agent:a:cron:x:run:1 over-budget",
            "agent:a:cron:x:run:2 expired",
            "agent:a:cron:x:run:3 expired",
            "one.jsonl referenced",
            "three.jsonl with-session",
            "two-topic-1.jsonl with-session",
            "two.jsonl with-session",
        ]
    );
    policy.budget.bytes = Some(0);
    assert!(World::new(&store(&rows), &files).plan(&policy).is_nothing());
}

#[test]
fn openclaw_looks_at_archives_only_when_it_archives() {
    let archive = ("x.jsonl.deleted.2020-01-01T00-00-00.000Z", 0);
    assert!(World::new("{}", &[archive]).plan(&seed(24)).is_nothing());
    let rows = [row("agent:a:cron:x:run:1", "one", 100)];
    let plan = World::new(&store(&rows), &[archive, ("one.jsonl", 100)]).plan(&seed(24));
    assert_eq!((plan.archiving().count, plan.reclaiming().count), (1, 1));
}

#[test]
fn openclaw_leaves_what_only_begins_like_the_transcript() {
    let rows = [row("agent:a:cron:x:run:1", "one", 100)];
    let files = [("one.jsonl", 100), ("one-topic-7.jsonl", 100), ("one.trajectory.jsonl", 100)];
    let world = World::new(&store(&rows), &files);
    assert_eq!(world.plan(&seed(24)).archiving().count, 1);
    assert_eq!(world.plan(&Policy { keep_last: NO_LAST, ..Policy::SAFE }).archiving().count, 3);
}

#[test]
fn a_row_takes_the_transcript_along_that_it_names() {
    let rows = [format!(
        r#"  "agent:a:cron:x:run:1": {{ "sessionId": "one", "sessionFile": "{}/other.jsonl", "updatedAt": 1 }}"#,
        crate::world::DIR
    )];
    let world = World::new(&store(&rows), &[("other.jsonl", 100)]);
    let expected = ["agent:a:cron:x:run:1 expired", "other.jsonl with-session"];
    assert_eq!(reasons(&world.plan(&seed(24))), expected);
}

#[test]
fn a_store_that_the_runtime_does_not_use_decides_nothing() {
    let rows = store(&[row("agent:main:cron:j:run:r", "r", 999)]);
    let world = World::new(&rows, &[("r.jsonl", 999), ("used-there.jsonl", 999)]);
    world.sim.fs.put("/s/openclaw.json", b"{ session: { store: '/data/{agentId}.json' } }");
    let plan = world.plan(&Policy::SAFE);
    assert!(plan.is_nothing());
    let refused = plan.refused.clone().unwrap();
    assert!(refused.to_string().contains("/data/{agentId}.json"), "{refused}");
    let before = world.tree();
    world.sweep(&Policy::SAFE);
    assert_eq!(world.tree(), before);
}

#[test]
fn jobs_that_are_listed_elsewhere_are_not_taken_for_deleted() {
    let rows = store(&[row("agent:main:cron:there", "base", 9_999)]);
    let world = World::new(&rows, &[]);
    world.sim.fs.make_dir("/s/cron");
    world.sim.fs.put("/s/cron/jobs.json", br#"{"jobs":[]}"#);
    assert_eq!(reasons(&world.plan(&Policy::SAFE)), ["agent:main:cron:there job-deleted"]);
    world.sim.fs.put("/s/openclaw.json", br#"{"cron":{"store":"/data/jobs.json"}}"#);
    assert_eq!(reasons(&world.plan(&Policy::SAFE)), ["agent:main:cron:there no-retention"]);
}
