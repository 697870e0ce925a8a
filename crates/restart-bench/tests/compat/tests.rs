use std::{
    cell::Cell,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use common_fs::{Clock as _, SystemClock};
use restart_bench::{
    ServerKind, Step, Trigger,
    seed::{FailureCode, Sample, SeedError, report},
};

use crate::{measure, task};

/// Leaves nothing in the directory that it gets.
type Test = fn(&Path);

/// What is tested, one after the other: each looks at the children of this process.
const TESTS: [(&str, Test); 8] = [
    ("restarts_are_measured", restarts_are_measured),
    ("a_gateway_without_a_handler_is_spared", a_gateway_without_a_handler_is_spared),
    ("a_gateway_that_exits_is_told", a_gateway_that_exits_is_told),
    ("a_gateway_that_does_not_end_is_killed", a_gateway_that_does_not_end_is_killed),
    ("a_gateway_that_never_listens_is_given_up", a_gateway_that_never_listens_is_given_up),
    ("a_preset_is_measured", a_preset_is_measured),
    ("a_directory_of_somebody_else_stays", a_directory_of_somebody_else_stays),
    ("nothing_survives_an_interruption", nothing_survives_an_interruption),
];

/// Runs those whose names have one of `filters` in them, or all.
pub(crate) fn run(filters: &[&str]) {
    let filters: Vec<_> = filters.iter().filter(|filter| !filter.starts_with('-')).collect();
    for (name, test) in TESTS {
        if !filters.is_empty() && !filters.iter().any(|filter| name.contains(**filter)) {
            continue;
        }
        let below = tempfile::tempdir().unwrap();
        test(below.path());
        assert_eq!(children(), "", "{name}");
        assert_eq!(std::fs::read_dir(below.path()).unwrap().count(), 0, "{name}");
        println!("test {name} ... ok");
    }
    if filters.is_empty() {
        nothing_survives_a_kill();
        println!("test nothing_survives_a_kill ... ok");
    }
}

fn children() -> String {
    let me = std::process::id();
    std::fs::read_to_string(format!("/proc/self/task/{me}/children")).unwrap()
}

fn sample(kind: &str, below: &Path, restarts: u64) -> Sample {
    let payload = measure(kind, below, restarts, &mut |_| (), &|| false).unwrap();
    let [result] = payload.results.as_slice() else { panic!("{payload:?}") };
    let [sample] = result.samples.as_slice() else { panic!("{result:?}") };
    sample.clone()
}

fn restarts_are_measured(below: &Path) {
    let mut lines = Vec::new();
    let payload =
        measure("good", below, 3, &mut |line| lines.push(line.to_owned()), &|| false).unwrap();
    let result = &payload.results[0];
    let sample = &result.samples[0];
    assert_eq!(sample.failure_code, None, "{sample:?}");
    // A machine with much else to do may not let it end in two seconds.
    let is_killed = sample.child_signal.as_deref() == Some("SIGKILL");
    assert!(sample.child_exit_code == Some(0) || is_killed, "{sample:?}");
    assert_eq!(
        (sample.initial_healthz.status, sample.initial_readyz.status),
        (Some(200), Some(200))
    );
    assert_eq!(sample.iterations.len(), 3);
    for restart in &sample.iterations {
        assert_eq!(restart.failure_code, None, "{restart:?}");
        assert_eq!((restart.healthz.status, restart.readyz.status), (Some(200), Some(200)));
        assert!(restart.restart_ready_total_ms().is_some_and(|ms| 60.0 <= ms), "{restart:?}");
        assert_eq!(restart.resource_snapshots.len(), 3);
        assert!(restart.resource_snapshots.iter().all(|taken| taken.fd_count.is_some()));
        assert!(restart.rss_mb().is_some() && restart.cpu_ms.is_some(), "{restart:?}");
        assert!(restart.downtime_ms().is_none_or(|ms| 0.0 <= ms));
    }
    assert!(sample.max_rss_mb.is_some() && sample.output_tail.contains("[gateway] ready"));
    assert_eq!(lines.len(), 4);
    assert!(lines[2].contains("skipChannels restart 3/3: readyz="), "{}", lines[2]);
    assert!(
        lines[3].contains("skipChannels sample 1/1: iterations=3 failure=none"),
        "{}",
        lines[3]
    );
    assert!(report(result).contains("failure rate: 0.0%"));
    let mut json = Vec::new();
    payload.write_json(&mut json).unwrap();
    assert!(String::from_utf8(json).unwrap().contains("\"type\": \"restart-intent-written\""));
}

fn a_gateway_without_a_handler_is_spared(below: &Path) {
    let sample = sample("deaf", below, 2);
    assert_eq!(sample.failure_code, Some(FailureCode::RestartSignalFailed), "{sample:?}");
    assert_eq!(sample.iterations.len(), 1);
    assert_ne!(sample.child_signal.as_deref(), Some("SIGUSR1"));
}

fn a_gateway_that_exits_is_told(below: &Path) {
    let sample = sample("fragile", below, 2);
    assert_eq!(sample.failure_code, Some(FailureCode::RestartChildExited), "{sample:?}");
    assert_eq!((sample.iterations.len(), sample.child_exit_code), (1, Some(3)));
}

fn a_gateway_that_does_not_end_is_killed(below: &Path) {
    let sample = sample("stubborn", below, 1);
    assert_eq!(sample.failure_code, None, "{sample:?}");
    assert_eq!(sample.child_signal.as_deref(), Some("SIGKILL"));
}

fn a_gateway_that_never_listens_is_given_up(below: &Path) {
    let sample = sample("mute", below, 1);
    assert_eq!(sample.failure_code, Some(FailureCode::InitialHealthzTimeout), "{sample:?}");
    assert!(sample.iterations.is_empty() && sample.initial_readyz.transitions.is_empty());
}

/// Also that restarts are announced, and kept apart.
fn a_preset_is_measured(below: &Path) {
    let task = task("good", below, 2);
    let Trigger::Intent { file, .. } = &task.trigger else { panic!("{:?}", task.trigger) };
    let mut intent = String::new();
    let mut on_step = |step| {
        if step == Step::Stop {
            intent = std::fs::read_to_string(file).unwrap_or_default();
        }
    };
    let measured = restart_bench::run(&task, &mut on_step, &|| false).unwrap();
    let record = measured.record;
    assert_eq!(record.failure, None);
    assert!(intent.starts_with("{\"kind\":\"gateway-restart\",\"pid\":"), "{intent}");
    let [first, second] = record.restarts.as_slice() else { panic!("{record:?}") };
    assert_eq!((first.failure, second.failure), (None, None));
    let apart = Duration::from(second.trigger_us.since(first.trigger_us));
    assert!(task.spacing <= apart, "{apart:?}");
    assert_eq!(record.target.trigger, "SIGUSR1 with an intent");
}

fn a_directory_of_somebody_else_stays(below: &Path) {
    let mut task = task("good", below, 1);
    let theirs = below.join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    let ServerKind::Started(orders) = &mut task.server else { panic!("{:?}", task.server) };
    orders.root.as_mut().unwrap().path.clone_from(&theirs);
    let error = restart_bench::run(&task, &mut |_| (), &|| false).unwrap_err().to_string();
    assert!(error.contains("theirs: File exists"), "{error}");
    std::fs::remove_dir(&theirs).unwrap();
}

fn nothing_survives_an_interruption(below: &Path) {
    // Before it starts, while it starts, and in the middle of a restart.
    for after in [0, 3, 40] {
        let asked = Cell::new(0);
        let is_interrupted = || {
            asked.set(asked.get() + 1);
            after < asked.get()
        };
        let error = measure("good", below, 100, &mut |_| (), &is_interrupted).unwrap_err();
        assert!(matches!(error, SeedError::Interrupted), "{error}");
        assert_eq!(children(), "");
    }
}

/// The process that measures is killed, not asked: its guard is all that is left.
fn nothing_survives_a_kill() {
    let below = tempfile::tempdir().unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["measure", "stubborn"]).arg(below.path()).stdout(Stdio::piped());
    let mut measuring = command.spawn().unwrap();
    let mut lines = BufReader::new(measuring.stdout.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().contains("restart 1/1000"));
    assert_eq!(std::fs::read_dir(below.path()).unwrap().count(), 1);
    measuring.kill().unwrap();
    measuring.wait().unwrap();
    let mut patience = 1_200;
    while std::fs::read_dir(below.path()).unwrap().count() != 0 {
        patience -= 1;
        assert_ne!(patience, 0, "it survives");
        SystemClock.sleep(Duration::from_millis(100));
    }
    // This process has become the parent of what the guard leaves alone: nothing but the guard.
    let any = rustix::process::WaitOptions::empty();
    while let Ok(Some(_)) = rustix::process::wait(any) {}
    assert_eq!(children(), "");
}
