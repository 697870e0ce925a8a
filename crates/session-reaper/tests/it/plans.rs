//! What goes and what stays.

use std::{path::Path, time::Duration};

use common_fs::{Timestamp, sim::Sim};
use session_reaper::{KeepLast, Listing, Plan, Policy, plan};

const HOUR: i64 = 3_600_000;
/// Late enough that everything can be older than it may become.
pub(crate) const NOW: i64 = 1_790_000_000_000;

pub(crate) fn time(millis: i64) -> Timestamp {
    Timestamp::from_unix_millis(millis).unwrap()
}

/// A directory of sessions with this store and these files, changed so many hours ago.
pub(crate) fn sessions(store: &str, files: &[(&str, i64)]) -> Sim {
    let sim = Sim::new();
    sim.fs.make_dir("/s");
    sim.fs.put("/s/sessions.json", store.as_bytes());
    for (name, hours) in files {
        let path = Path::new("/s").join(name);
        sim.fs.put(&path, b"{}\n");
        sim.fs.set_modified(&path, time(NOW - hours * HOUR));
    }
    sim
}

pub(crate) fn planned(sim: &Sim, policy: &Policy) -> Plan {
    let listing = Listing::read(sim.host(), Path::new("/s")).unwrap();
    plan(time(NOW), &listing.snapshot(), policy)
}

/// `name reason` of each row and file, without the store.
pub(crate) fn reasons(plan: &Plan) -> Vec<String> {
    let rows = plan.rows.iter().map(|row| (row.key.clone(), &row.verdict));
    let files = plan.files.iter().map(|file| (file.name.display().to_string(), &file.verdict));
    rows.chain(files.filter(|(name, _)| name != "sessions.json"))
        .map(|(name, verdict)| format!("{name} {}", verdict.reason()))
        .collect()
}

fn row(key: &str, id: &str, hours: i64) -> String {
    format!(r#""{key}":{{"sessionId":"{id}","updatedAt":{}}}"#, NOW - hours * HOUR)
}

fn seed(hours: u64) -> Policy {
    Policy::openclaw_2026_3(Some(Duration::from_hours(hours)))
}

const NO_LAST: KeepLast = KeepLast { succeeded: 0, failed: 0 };

#[test]
fn openclaw_prunes_the_expired_run_alone() {
    let store = [
        row("agent:main:cron:job1", "base", 0),
        row("agent:main:cron:job1:run:old", "old", 25),
        row("agent:main:cron:job1:run:new", "new", 1),
        row("agent:main:telegram:dm:123", "dm", 100),
    ];
    let store = format!("{{{}}}", store.join(","));
    let plan = planned(&sessions(&store, &[("old.jsonl", 25), ("dm.jsonl", 100)]), &seed(24));
    assert_eq!(
        reasons(&plan),
        [
            "agent:main:cron:job1 no-retention",
            "agent:main:cron:job1:run:old expired",
            "agent:main:cron:job1:run:new too-young",
            "agent:main:telegram:dm:123 no-retention",
            "dm.jsonl referenced",
            "old.jsonl with-row",
        ]
    );
    assert_eq!(plan.next_due(), Some(time(NOW + 23 * HOUR)));
}

#[test]
fn what_is_exactly_as_old_as_it_may_become_stays() {
    for (millis, goes) in [(0, false), (1, true)] {
        let updated = NOW - HOUR - millis;
        let store = format!(r#"{{"agent:a:cron:j:run:r":{{"updatedAt":{updated}}}}}"#);
        let plan = planned(&sessions(&store, &[]), &seed(1));
        assert_eq!(plan.rows[0].verdict.goes(), goes, "{millis}");
    }
}

#[test]
fn without_retention_nothing_expires() {
    let store = format!("{{{}}}", row("agent:a:cron:j:run:r", "r", 1_000));
    let sim = sessions(&store, &[("r.jsonl", 1_000)]);
    let plan = planned(&sim, &Policy::openclaw_2026_3(None));
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
        let sim = sessions(&store, &[]);
        for (policy, expected) in [(&seed(24), as_seed), (&safe, as_safe)] {
            let plan = planned(&sim, policy);
            assert_eq!(plan.rows[0].verdict.reason(), expected, "{written} {:?}", policy.age);
        }
    }
}

#[test]
fn a_transcript_that_grows_keeps_its_run() {
    let store = format!("{{{}}}", row("agent:a:cron:j:run:r", "r", 100));
    let sim = sessions(&store, &[("r-topic-7.jsonl", 2)]);
    let policy = Policy { keep_last: NO_LAST, ..Policy::SAFE };
    let plan = planned(&sim, &policy);
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
    let sim = sessions(&store, &[("locked.jsonl", 30)]);
    let me = sim.host().processes.identity().process.pid;
    let lock = format!(r#"{{"pid":{me},"createdAt":"2026-09-20T00:00:00.000Z"}}"#);
    sim.fs.put("/s/locked.jsonl.lock", lock.as_bytes());
    let policy = Policy { keep_last: NO_LAST, ..Policy::SAFE };
    assert_eq!(
        reasons(&planned(&sim, &policy)),
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
    let plan = planned(&sessions(&format!("{{{}}}", rows.join(",")), &[]), &policy);
    let going: Vec<_> = plan.rows.iter().map(|row| row.verdict.reason()).collect();
    assert_eq!(going, ["kept-last", "kept-last", "kept-last", "expired", "expired", "kept-last"]);
}

#[test]
fn what_runs_have_started_goes_by_its_own_age() {
    let rows = [
        row("agent:a:cron:j:run:r:subagent:x", "x", 30),
        row("agent:a:cron:j:run:r:thread:y", "y", 3),
    ];
    let sim = sessions(&format!("{{{}}}", rows.join(",")), &[]);
    let plan = planned(&sim, &Policy::SAFE);
    assert_eq!(plan.rows_going().count, 1);
    assert_eq!(planned(&sim, &seed(24)).rows_going().count, 0);
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
    let sim = sessions("{}", &files);
    sim.fs.put("/s/z.jsonl.lock", br#"{"pid":999999,"createdAt":"2026-01-01T00:00:00.000Z"}"#);
    sim.fs.set_modified("/s/z.jsonl.lock", time(0));
    assert_eq!(
        reasons(&planned(&sim, &Policy::SAFE)),
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
