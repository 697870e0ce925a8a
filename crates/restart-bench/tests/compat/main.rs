//! `--compat seed` on a real server, from its start to the last of its processes.
//!
//! A guard is a program, and so is a gateway: this test is all of them, depending on its arguments.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "it says which tests have run")]
#![expect(clippy::disallowed_methods, reason = "it looks at what is left on the machine")]

mod gateway;
mod tests;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use restart_bench::{
    GuardOrders, Micros, ServerKind, StartOrders, Task, guard, host_facts,
    preset::{Place, Protocol, free_port, plan},
    record::Settings,
    root_path,
    seed::{CASES, Payload, SeedError, SeedOptions, SeedSetup, run_seed},
};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str().unwrap()).collect();
    match words.as_slice() {
        ["guard", ..] => {
            let orders = GuardOrders::from_arguments(arguments[1..].iter().cloned());
            guard(&orders.unwrap()).unwrap();
        }
        ["gateway", kind, rest @ ..] => return gateway::run(kind, rest),
        ["measure", kind, below] => {
            let mut on_line = |line: &str| println!("{line}");
            measure(kind, below.as_ref(), 1_000, &mut on_line, &|| false).unwrap();
        }
        ["--list", ..] => (),
        filters => tests::run(filters),
    }
    ExitCode::SUCCESS
}

/// Restarts a gateway of some [kind](gateway::run) so often, in directories `below` this one.
fn measure(
    kind: &str,
    below: &Path,
    restarts: u64,
    on_line: &mut dyn FnMut(&str),
    is_interrupted: &dyn Fn() -> bool,
) -> Result<Payload, SeedError> {
    let (guard, node) = programs(kind);
    let options = SeedOptions {
        cases: vec![&CASES[0]],
        entry: "dist/entry.js".to_owned(),
        json: false,
        output: None,
        post_ready_delay_ms: 30,
        restarts,
        runs: 1,
        // Of the kind that never listens, it is waited for; others have all the time they need.
        timeout_ms: if kind == "mute" { 300 } else { 600_000 },
        warmup: 0,
    };
    let setup = SeedSetup {
        guard,
        node,
        node_version: "v24.0.0".to_owned(),
        temp_dir: below.to_owned(),
        inherited: std::env::vars_os().collect(),
    };
    run_seed(&options, &setup, on_line, is_interrupted)
}

/// The guard, and what runs the script of a gateway of some kind.
fn programs(kind: &str) -> ((PathBuf, Vec<OsString>), Vec<OsString>) {
    let me = std::env::current_exe().unwrap();
    ((me.clone(), vec!["guard".into()]), vec![me.into(), "gateway".into(), kind.into()])
}

/// The same for the measurement that does not follow the seed; three seconds are between two restarts.
fn task(kind: &str, below: &Path, restarts: u32) -> Task {
    let (guard, node) = programs(kind);
    let root = root_path(below, "preset-").unwrap();
    let port = free_port().unwrap();
    let place = Place { root: &root, port, node: &node, entry: "dist/entry.js" };
    let plan = plan(Protocol::JsonIntent, &CASES[0], &place, |name| std::env::var_os(name));
    let orders = StartOrders {
        guard,
        command: plan.command,
        environment: plan.environment,
        dir: Some(plan.root.path.clone()),
        root: Some(plan.root),
        grace: Duration::from_secs(2),
    };
    let patient = Duration::from_mins(10);
    Task {
        name: kind.to_owned(),
        version: None,
        server: ServerKind::Started(orders),
        trigger: plan.trigger,
        endpoints: plan.endpoints,
        log: plan.log,
        settings: Settings {
            every_us: Micros::from_millis(10),
            timeout_us: Micros::from_millis(10_000),
            // Long enough for the processes to be looked at once more.
            stable_for_us: Micros::from_millis(1_000),
            merge_gap_us: Micros::ZERO,
            in_flight_max: 64,
        },
        restarts,
        warmup_restarts: 0,
        start_timeout: patient,
        restart_timeout: patient,
        calibrate: Duration::ZERO,
        margin: Duration::from_millis(10),
        spacing: Duration::from_secs(3),
        measured_at: String::new(),
        host: host_facts(),
    }
}
