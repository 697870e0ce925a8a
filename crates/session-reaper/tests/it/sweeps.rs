//! Sweeps and restores.

use std::{collections::BTreeMap, sync::Arc};

use common_fs::{
    Host,
    observe::{Call, Decision, Errno, ObservedFs, Observer},
    sim::{Faults, SimFs},
};
use session_reaper::{
    Compression, Folder, KeepLast, Orders, Policy, Store, Sweep, SweepError, SweepOptions, select,
};

use crate::world::{OPTIONS, World, row, seed, store};

pub(crate) const UUID: &str = "0a1b2c3d-0000-4000-8000-000000000000";

pub(crate) fn policy() -> Policy {
    Policy { keep_last: KeepLast { succeeded: 0, failed: 0 }, ..Policy::SAFE }
}

/// All ways to archive.
pub(crate) const FORMS: [(Folder, Compression); 4] = [
    (Folder::Here, Compression::None),
    (Folder::Archive, Compression::None),
    (Folder::Here, Compression::Zstd),
    (Folder::Archive, Compression::Zstd),
];

pub(crate) fn options((folder, compression): (Folder, Compression)) -> SweepOptions {
    SweepOptions { folder, compression, ..OPTIONS }
}

/// A directory with something of everything.
pub(crate) fn messy() -> World {
    let rows = [
        row("agent:main:cron:j", "base", 0),
        row("agent:main:cron:j:run:old", "old", 100),
        row("agent:main:cron:j:run:new", "new", 1),
        row("agent:main:cron:j:run:older", "older", 200),
        row("agent:main:cron:j:run:bare", "bare", 200),
        row("agent:main:dm:x", "dm", 1_000),
        row("agent:main:cron:k:run:last", "last", 300),
    ];
    let checkpoint = format!("old.checkpoint.{UUID}.jsonl");
    let temp = format!("sessions.json.{UUID}.tmp");
    let files = [
        ("base.jsonl", 0),
        ("old.jsonl", 100),
        ("old-topic-7.jsonl", 100),
        ("old.trajectory.jsonl", 100),
        ("old.trajectory-path.json", 100),
        (&checkpoint, 100),
        ("older.jsonl", 200),
        ("new.jsonl", 1),
        ("dm.jsonl", 1_000),
        ("last.jsonl", 300),
        ("orphan.jsonl", 999),
        (&temp, 999),
        ("notes.txt", 999),
    ];
    let world = World::new(&store(&rows), &files);
    world.put("dead.jsonl.lock", r#"{"pid":999999,"createdAt":"2026-01-01T00:00:00.000Z"}"#, 999);
    world.sim.fs.sync_all();
    world
}

/// All that a sweep of [`messy`] archives.
const GOING: [&str; 10] = [
    "dead.jsonl.lock",
    "last.jsonl",
    "old-topic-7.jsonl",
    "old.checkpoint.0a1b2c3d-0000-4000-8000-000000000000.jsonl",
    "old.jsonl",
    "old.trajectory-path.json",
    "old.trajectory.jsonl",
    "older.jsonl",
    "orphan.jsonl",
    "sessions.json.0a1b2c3d-0000-4000-8000-000000000000.tmp",
];

fn keys(world: &World) -> Vec<String> {
    let text = world.content("sessions.json");
    let store = Store::parse(text.as_bytes()).unwrap();
    store.rows().iter().map(|row| row.key.to_string()).collect()
}

#[test]
fn what_is_archived_can_be_restored_to_the_byte() {
    for form in FORMS {
        let world = messy();
        let before = world.tree();
        let sweep = world.sweep_on(world.host(), &policy(), options(form)).unwrap();
        assert!(sweep.failures.is_empty() && sweep.changed.is_empty(), "{sweep:?}");
        assert_eq!((sweep.archived_rows.count, sweep.archived_files.count), (4, 10), "{form:?}");
        let after = world.tree();
        for name in GOING {
            assert!(!after.contains_key(name), "{form:?} {name}");
        }
        let expected =
            ["agent:main:cron:j", "agent:main:cron:j:run:new", "agent:main:dm:x"].map(String::from);
        assert_eq!(keys(&world), expected);
        assert!(world.sweep(&policy()).plan.is_nothing(), "the second sweep finds nothing");
        assert_eq!(world.tree(), after, "the second sweep changes nothing");

        let restored = world.restore();
        assert!(restored.failures.is_empty(), "{restored:?}");
        assert_eq!((restored.rows.len(), restored.files.len()), (4, 10));
        assert_eq!(world.tree(), before, "{form:?}");
    }
}

#[test]
fn names_of_archives_say_what_they_are() {
    let world = messy();
    world.sweep(&policy());
    let names = world.names();
    let stamp = "2026-09-21T14-13-20.000Z";
    for (name, word) in [
        ("old.jsonl", "deleted"),
        ("old-topic-7.jsonl", "deleted"),
        ("orphan.jsonl", "deleted"),
        ("old.trajectory.jsonl", "bak"),
        ("dead.jsonl.lock", "bak"),
    ] {
        let archive = format!("{name}.{word}.{stamp}");
        assert!(names.contains(&archive), "{archive} is not in {names:?}");
    }
    let world = messy();
    world.sweep_on(world.host(), &policy(), options(FORMS[3])).unwrap();
    let archive = format!("archive/old.jsonl.deleted.{stamp}.zst");
    assert!(world.names().contains(&archive), "{:?}", world.names());
}

#[test]
fn one_session_is_restored_by_any_of_its_names() {
    for what in ["agent:main:cron:j:run:old", "old", "old.jsonl", "old.trajectory.jsonl"] {
        let world = messy();
        world.sweep(&policy());
        let archives = world.archives();
        let chosen = select(&archives, what);
        assert_eq!(chosen.len(), 1, "{what}");
        let restored =
            session_reaper::restore(world.host(), &world.place, chosen, OPTIONS.lock_wait).unwrap();
        assert_eq!(restored.rows, ["agent:main:cron:j:run:old"]);
        assert_eq!(restored.files.len(), 5);
        assert!(keys(&world).contains(&"agent:main:cron:j:run:old".to_owned()));
        // It counts as just used.
        let going: Vec<_> =
            world.plan(&policy()).rows.into_iter().filter(|row| row.verdict.goes()).collect();
        assert!(going.is_empty(), "{going:?}");
    }
}

#[test]
fn nothing_is_overwritten() {
    let world = messy();
    world.sweep(&policy());
    world.put("old.jsonl", "new life\n", 0);
    let text = world.content("sessions.json");
    let again =
        text.replacen('{', "{\n  \"agent:main:cron:k:run:last\": { \"sessionId\": \"z\" },", 1);
    world.put("sessions.json", &again, 0);
    let restored = world.restore();
    let mut failed: Vec<&str> =
        restored.failures.iter().map(|failure| failure.what.as_str()).collect();
    failed.sort_unstable();
    assert_eq!(failed, ["agent:main:cron:k:run:last", "old.jsonl"]);
    assert_eq!(world.content("old.jsonl"), "new life\n");
    assert!(world.names().iter().any(|name| name.starts_with("old.jsonl.deleted.")));
    assert!(world.content("sessions.json").contains("\"sessionId\": \"z\""));
    assert_eq!(world.archives().len(), 2, "what could not be restored is still archived");
}

#[test]
fn archives_whose_name_is_taken_get_another() {
    let world = messy();
    let taken = "old.jsonl.deleted.2026-09-21T14-13-20.000Z";
    world.put(taken, "precious\n", 0);
    // Names are given by the clock, which moves by microseconds here.
    let sweep = world.sweep(&policy());
    assert!(sweep.failures.is_empty(), "{:?}", sweep.failures);
    assert_eq!(world.content(taken), "precious\n");
    let next = "old.jsonl.deleted.2026-09-21T14-13-20.001Z";
    assert!(world.names().contains(&next.to_owned()), "{:?}", world.names());
}

#[test]
fn archives_go_when_their_time_is_over_and_rows_with_them() {
    let world = messy();
    world.sweep(&policy());
    assert!(world.names().contains(&".session-reaper.jsonl".to_owned()));
    world.sim.clock.advance(std::time::Duration::from_hours(31 * 24));
    let sweep = world.sweep(&policy());
    assert_eq!(sweep.removed_files.count, 10);
    assert_eq!(sweep.forgotten_rows.count, 4);
    // By now, another run has ended long enough ago.
    let keys: Vec<_> = world.archives().into_iter().filter_map(|archive| archive.key).collect();
    assert_eq!(keys, ["agent:main:cron:j:run:new"]);
}

#[test]
fn what_is_needed_no_more_leaves_the_journal_also_if_there_is_always_more() {
    let world = messy();
    world.sweep(&policy());
    let first = world.content(".session-reaper.jsonl").len();
    let hour = std::time::Duration::from_hours(1);
    for day in 1..80_u32 {
        world.sim.clock.advance(24 * hour);
        let now = common_fs::Clock::now(&world.sim.clock).unix_millis() - 48 * 3_600_000;
        let row = format!(r#""agent:main:cron:j:run:{day}": {{ "updatedAt": {now} }}"#);
        let text = world.content("sessions.json").replacen('{', &format!("{{\n  {row},"), 1);
        world.put("sessions.json", &text, 0);
        assert!(1 <= world.sweep(&policy()).archived_rows.count, "{day}");
    }
    let archived = world.archives().iter().filter(|archive| archive.key.is_some()).count();
    // As many again may be waiting for most of it to be over.
    assert!((29..=62).contains(&archived), "{archived}");
    let last = world.content(".session-reaper.jsonl").len();
    assert!(last < 10 * first, "{first} {last}");
}

/// Does something once, right before the n-th operation of a kind on a path.
struct Meanwhile<F> {
    fs: SimFs,
    on: (common_fs::Op, &'static str),
    act: F,
    done: std::sync::atomic::AtomicBool,
    always: bool,
}

impl<F: Fn(&SimFs) + Send + Sync> Observer for Meanwhile<F> {
    fn before(&self, call: Call<'_>) -> Decision {
        let is_it = call.op == self.on.0 && call.path.ends_with(self.on.1);
        if is_it && (self.always || !self.done.swap(true, std::sync::atomic::Ordering::SeqCst)) {
            (self.act)(&self.fs);
        }
        Decision::Proceed
    }
}

fn meanwhile(
    world: &World,
    on: (common_fs::Op, &'static str),
    always: bool,
    act: impl Fn(&SimFs) + Send + Sync + 'static,
) -> Result<Sweep, SweepError> {
    let fs = world.sim.fs.clone();
    let observer = Meanwhile { fs, on, act, done: false.into(), always };
    let fs = ObservedFs::new(world.sim.fs.clone(), Arc::new(observer));
    let host = Host { fs: &fs, ..world.host() };
    world.sweep_on(host, &policy(), OPTIONS)
}

fn edit(fs: &SimFs, from: &str, to: &str) {
    let path = format!("{}/sessions.json", crate::world::DIR);
    let text = String::from_utf8(fs.content(&path).unwrap()).unwrap();
    assert!(text.contains(from), "{text}");
    fs.put(&path, text.replace(from, to).as_bytes());
}

#[test]
fn what_changes_after_the_plan_was_made_stays() {
    use common_fs::Op;
    // A row is touched before the lock is taken.
    let world = messy();
    let sweep = meanwhile(&world, (Op::Link, "sessions.json.lock"), false, |fs| {
        edit(fs, "\"sessionId\": \"old\",", "\"sessionId\": \"old\", \"x\": 1,");
    })
    .unwrap();
    assert_eq!(sweep.changed, ["agent:main:cron:j:run:old"]);
    assert_eq!(sweep.archived_rows.count, 3);
    assert!(world.names().contains(&"old.jsonl".to_owned()));
    // A new row needs a transcript that was to go.
    let world = messy();
    let sweep = meanwhile(&world, (Op::Link, "sessions.json.lock"), false, |fs| {
        edit(
            fs,
            "\"sessionId\": \"dm\",",
            "\"sessionId\": \"dm\", \"sessionFile\": \"orphan.jsonl\",",
        );
    })
    .unwrap();
    assert_eq!(sweep.changed, ["orphan.jsonl"]);
    // A transcript grows.
    let world = messy();
    let sweep = meanwhile(&world, (Op::Link, "sessions.json.lock"), false, |fs| {
        fs.append(format!("{}/older.jsonl", crate::world::DIR), b"more\n");
    })
    .unwrap();
    assert_eq!(sweep.changed, ["agent:main:cron:j:run:older"]);
    assert!(keys(&world).contains(&"agent:main:cron:j:run:older".to_owned()));
    // Somebody begins to work with it.
    let world = messy();
    let sweep = meanwhile(&world, (Op::Link, "sessions.json.lock"), false, |fs| {
        fs.put(format!("{}/older.jsonl.lock", crate::world::DIR), b"{}");
    })
    .unwrap();
    assert_eq!(sweep.changed, ["agent:main:cron:j:run:older"]);
}

#[test]
fn a_store_that_is_written_to_without_its_lock_is_not_replaced() {
    use common_fs::Op;
    // Once, while the new store is being written: the work is done again.
    let world = messy();
    let sweep = meanwhile(&world, (Op::Sync, ".sessions.json.100.1000.0.tmp"), false, |fs| {
        edit(fs, "\"sessionId\": \"dm\",", "\"sessionId\": \"dm\", \"x\": 1,");
    })
    .unwrap();
    assert_eq!(sweep.archived_rows.count, 4);
    assert!(world.content("sessions.json").contains("\"x\": 1"));
    // Again and again: nothing changes.
    let world = messy();
    let before = world.tree();
    let error = meanwhile(&world, (Op::Sync, ".sessions.json.100.1000.0.tmp"), true, |fs| {
        edit(fs, "\"sessionId\": \"dm\"", "\"sessionId\": \"dm\"");
    })
    .unwrap_err();
    assert!(matches!(error, SweepError::Unlocked { .. }), "{error}");
    let mut after = world.tree();
    after.remove(".session-reaper.jsonl");
    assert_eq!(after, before);
}

#[test]
fn a_lock_that_is_taken_over_is_noticed_before_anything_is_committed() {
    use common_fs::Op;
    let world = messy();
    let before = world.content("sessions.json");
    let error = meanwhile(&world, (Op::Sync, ".sessions.json.100.1000.0.tmp"), false, |fs| {
        let lock = format!("{}/sessions.json.lock", crate::world::DIR);
        fs.put(lock, br#"{"pid":77,"createdAt":"2026-09-21T00:00:00.000Z"}"#);
    })
    .unwrap_err();
    assert!(error.to_string().contains("taken over"), "{error}");
    assert_eq!(world.content("sessions.json"), before);
    assert!(GOING.iter().all(|name| world.names().contains(&(*name).to_owned())));
}

#[test]
fn a_lock_that_is_held_leaves_everything_as_it_is() {
    let world = messy();
    world.sim.processes.set(77, common_fs::ProcessState::Running { start_ticks: None });
    world.put("sessions.json.lock", r#"{"pid":77,"createdAt":"2026-09-21T00:00:00.000Z"}"#, 0);
    let before = world.tree();
    for form in FORMS {
        let error = world.sweep_on(world.host(), &policy(), options(form)).unwrap_err();
        assert!(error.to_string().contains("process 77"), "{error}");
        let mut after = world.tree();
        after.retain(|name, _| !name.starts_with("archive/"));
        assert_eq!(after, before, "{form:?}");
    }
}

#[test]
fn two_sweeps_at_once_are_one_too_many() {
    let world = messy();
    let dir = common_fs::Fs::open_dir(&world.sim.fs, world.place.dir.as_ref()).unwrap();
    let guard = common_fs::lock::Guard::try_acquire(dir.as_ref(), ".session-reaper.guard".as_ref());
    let error = world.sweep_on(world.host(), &policy(), OPTIONS).unwrap_err();
    assert!(matches!(error, SweepError::Busy { .. }), "{error}");
    drop(guard);
    assert_eq!(world.sweep(&policy()).archived_rows.count, 4);
}

#[test]
fn a_clock_that_may_have_jumped_ahead_sweeps_nothing() {
    use session_reaper::Clockwork;
    let world = messy();
    world
        .sim
        .clock
        .set_now(crate::world::time(crate::world::NOW + 10 * 365 * 24 * crate::world::HOUR));
    let doubt = SweepOptions { clockwork: Clockwork::Doubt, ..OPTIONS };
    let before = world.tree();
    let error = world.sweep_on(world.host(), &policy(), doubt).unwrap_err();
    assert!(matches!(error, SweepError::Clock { .. }), "{error}");
    assert_eq!(world.tree(), before);
    // If something is known to have happened not long ago, or the operator says so, it is right.
    let since = common_fs::Clock::now(&world.sim.clock);
    let since = SweepOptions { clockwork: Clockwork::DoubtSince(since), ..OPTIONS };
    assert!(world.sweep_on(world.host(), &policy(), since).is_ok());
    // Set back, nothing is old.
    let world = messy();
    world.sim.clock.set_now(crate::world::time(crate::world::NOW - 365 * 24 * crate::world::HOUR));
    assert_eq!(world.sweep(&policy()).archived_rows.count, 0);
}

#[test]
fn a_database_is_left_to_openclaw() {
    let mut world = messy();
    world.place.database = Some("/s/agents/main/agent/openclaw-agent.sqlite".into());
    let error = world.sweep_on(world.host(), &policy(), OPTIONS).unwrap_err();
    assert!(error.to_string().contains("openclaw sessions cleanup"), "{error}");
}

#[test]
fn one_file_that_cannot_be_renamed_keeps_its_row_and_nothing_else() {
    let world = messy();
    let faults = Faults::none();
    let fs = ObservedFs::new(world.sim.fs.clone(), Arc::new(Denied));
    drop(faults);
    let host = Host { fs: &fs, ..world.host() };
    let sweep = world.sweep_on(host, &policy(), OPTIONS).unwrap();
    assert_eq!(sweep.failures.len(), 1, "{sweep:?}");
    assert_eq!(sweep.failures[0].what, "agent:main:cron:j:run:old");
    assert_eq!((sweep.archived_rows.count, sweep.archived_files.count), (3, 5));
    assert!(keys(&world).contains(&"agent:main:cron:j:run:old".to_owned()));
    assert!(world.names().contains(&"old.jsonl".to_owned()), "renamed back");
}

/// One file must not be renamed.
struct Denied;

impl Observer for Denied {
    fn before(&self, call: Call<'_>) -> Decision {
        let name = call.path.file_name().unwrap_or_default().to_string_lossy();
        if call.op == common_fs::Op::Rename && name.starts_with("old.trajectory.jsonl.") {
            return Decision::Fail(Errno::ACCESS);
        }
        Decision::Proceed
    }
}

#[test]
fn a_guard_that_is_taken_again_stays() {
    const GUARD: &str = "s.jsonl.lock.guard";
    let world = World::new("{}", &[(GUARD, 1), ("x.jsonl.lock.guard", 1)]);
    world.sim.clock.advance(std::time::Duration::from_mins(11));
    let taken = Arc::new(std::sync::Mutex::new(None));
    let (holder, path) = (taken.clone(), world.place.dir.clone());
    // Right before the sweep opens it to remove it.
    let sweep = meanwhile(&world, (common_fs::Op::Create, GUARD), false, move |fs| {
        let dir = common_fs::Fs::open_dir(fs, &path).unwrap();
        let file = dir.open(GUARD.as_ref(), common_fs::Access::Read).unwrap();
        assert!(file.try_lock().unwrap());
        *holder.lock().unwrap() = Some(file);
    });
    let sweep = sweep.unwrap();
    assert_eq!((sweep.changed, sweep.removed_files.count), (vec![GUARD.to_owned()], 1));
    assert!(world.names().contains(&GUARD.to_owned()));
    drop(taken);
}

#[test]
fn breaking_off_leaves_what_is_not_done() {
    for after in 0..12 {
        let world = messy();
        let before = world.tree();
        let mut asked = 0;
        let sweep = session_reaper::sweep(
            world.host(),
            &world.place,
            Orders { policy: &policy(), options: OPTIONS, needs: None },
            &mut |_| {
                asked += 1;
                if after < asked {
                    std::ops::ControlFlow::Break(())
                } else {
                    std::ops::ControlFlow::Continue(())
                }
            },
        )
        .unwrap();
        assert!(sweep.failures.is_empty());
        world.restore();
        assert_eq!(world.tree(), before, "broken off after {after}");
    }
}

#[test]
fn without_a_store_stale_locks_go_all_the_same() {
    let world = World::empty(session_reaper::Layout::OpenClaw, crate::world::DIR);
    world.put("dead.jsonl.lock", r#"{"pid":999999,"createdAt":"2026-01-01T00:00:00.000Z"}"#, 999);
    world.put("dead.jsonl", "x\n", 999);
    let sweep = world.sweep(&policy());
    assert_eq!(sweep.archived_files.count, 1, "{sweep:?}");
    assert!(world.names().contains(&"dead.jsonl".to_owned()));
}

#[test]
fn openclaw_of_2026_3_finds_its_archives() {
    let rows = [row("agent:main:cron:j:run:old", "old-run", 25)];
    let world = World::new(&store(&rows), &[("old-run.jsonl", 25)]);
    let sweep = world.sweep(&seed(24));
    assert_eq!(sweep.archived_rows.count, 1);
    let names = world.names();
    assert!(!names.contains(&"old-run.jsonl".to_owned()));
    assert!(names.iter().any(|name| name.starts_with("old-run.jsonl.deleted.")));
    assert_eq!(world.content("sessions.json"), "{\n}");
}

/// The content of every file that there is, compressed or not, by the name that it had.
fn originals(world: &World) -> BTreeMap<String, String> {
    world.restore();
    let mut tree = world.tree();
    tree.retain(|name, _| !name.contains(".session-reaper.") && !name.contains(".guard"));
    tree
}

/// After a crash: another process comes, sweeps and restores, and everything is there.
pub(crate) fn recovers(world: &World, before: &BTreeMap<String, String>, what: &str) {
    let identity = common_fs::Identity {
        process: common_fs::ProcessId { pid: 101, start_ticks: Some(2_000) },
        ..world.host().processes.identity()
    };
    world.sim.processes.become_process(identity);
    world.sim.clock.advance(std::time::Duration::from_mins(1));
    let sweep = world.sweep(&policy());
    assert!(sweep.failures.is_empty(), "{what}: {:?}", sweep.failures);
    let again = world.sweep(&policy());
    assert!(
        again.plan.is_nothing()
            || again.plan.verdicts().all(|verdict| verdict.reason() != "expired"),
        "{what}"
    );
    assert_eq!(keys(world).len(), 3, "{what}: the sweep was finished");
    let mut after = originals(world);
    // Copies that nobody finished are removed when they are ten minutes old.
    after.retain(|name, _| !is_own_temp(name));
    after.remove("sessions.json.lock");
    assert_eq!(&after, before, "{what}");
}

fn is_own_temp(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or_default();
    name.starts_with('.') && name.strip_suffix(".tmp").is_some()
}

#[test]
fn a_kill_at_any_step_loses_nothing() {
    for form in FORMS {
        let before = messy().tree();
        let mut nth = 0;
        loop {
            let world = messy();
            let faults = Arc::new(Faults::none().die(nth));
            let fs = ObservedFs::new(world.sim.fs.clone(), faults.clone());
            let host = Host { fs: &fs, ..world.host() };
            let done = world.sweep_on(host, &policy(), options(form));
            let what = format!("{form:?}, killed before {nth} of {}", faults.count());
            if faults.count() <= nth {
                assert!(done.is_ok());
                break;
            }
            recovers(&world, &before, &what);
            nth += 1;
        }
        assert!(80 < nth, "{nth}");
    }
}

#[test]
fn a_failure_of_any_step_loses_nothing() {
    for form in FORMS {
        let before = messy().tree();
        let mut nth = 0;
        loop {
            let world = messy();
            let errno = [Errno::IO, Errno::NOSPC, Errno::ACCESS, Errno::ROFS][nth % 4];
            let faults = Arc::new(Faults::none().fail(nth, errno));
            let fs = ObservedFs::new(world.sim.fs.clone(), faults.clone());
            let host = Host { fs: &fs, ..world.host() };
            world.sweep_on(host, &policy(), options(form)).ok();
            if faults.count() <= nth {
                break;
            }
            let what = format!("{form:?}, {errno} at {nth}: {:?}", faults.trace().get(nth));
            // The same process goes on, and then another one.
            let sweep = world.sweep(&policy());
            assert!(sweep.failures.is_empty(), "{what}: {:?}", sweep.failures);
            recovers(&world, &before, &what);
            nth += 1;
        }
    }
}

#[test]
fn a_power_cut_at_any_step_loses_nothing() {
    // A rename between two directories is one step on file systems with a journal, and this model
    // has none.
    for form in [FORMS[0], FORMS[2]] {
        let before = messy().tree();
        let mut nth = 0;
        loop {
            let world = messy();
            let faults = Arc::new(Faults::none().die(nth));
            let fs = ObservedFs::new(world.sim.fs.clone(), faults.clone());
            let host = Host { fs: &fs, ..world.host() };
            world.sweep_on(host, &policy(), options(form)).ok();
            if faults.count() <= nth {
                break;
            }
            for seed in 0..6 {
                let world = world.after(world.sim.fs.power_loss(seed));
                recovers(&world, &before, &format!("{form:?}, power cut {seed} before {nth}"));
            }
            nth += 1;
        }
    }
}

#[test]
fn a_kill_at_any_step_of_a_restore_loses_nothing() {
    for form in FORMS {
        let before = messy().tree();
        let mut nth = 0;
        loop {
            let world = messy();
            world.sweep_on(world.host(), &policy(), options(form)).unwrap();
            let faults = Arc::new(Faults::none().die(nth));
            let fs = ObservedFs::new(world.sim.fs.clone(), faults.clone());
            let host = Host { fs: &fs, ..world.host() };
            let archives = world.archives();
            session_reaper::restore(host, &world.place, &archives, OPTIONS.lock_wait).ok();
            if faults.count() <= nth {
                break;
            }
            let identity = common_fs::Identity {
                process: common_fs::ProcessId { pid: 101, start_ticks: Some(2_000) },
                ..world.host().processes.identity()
            };
            world.sim.processes.become_process(identity);
            world.sim.clock.advance(std::time::Duration::from_mins(1));
            let restored = world.restore();
            let mut after = world.tree();
            after.retain(|name, _| !name.contains(".session-reaper.") && !is_own_temp(name));
            after.remove("sessions.json.lock");
            assert!(restored.failures.is_empty(), "{form:?} {nth}: {:?}", restored.failures);
            assert_eq!(after, before, "{form:?}, killed before {nth}");
            nth += 1;
        }
    }
}
