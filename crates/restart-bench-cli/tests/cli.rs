//! The program as its users run it, with real servers on this machine.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "the world of the program is real files")]

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use restart_bench::{
    EvidenceKind, Summary,
    record::{Failure, Record},
    summary,
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_restart-bench");

/// What keeps a measurement short.
const QUICK: [&str; 8] = [
    "--calibrate",
    "100ms",
    "--margin",
    "150ms",
    "--stable-for",
    "100ms",
    "--restart-timeout",
    "20s",
];

fn bench(args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args);
    command
}

fn run(args: &[&str]) -> Output {
    bench(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The arguments for a server that behaves so, and is restarted by SIGHUP.
fn server(port: u16, behaviour: &str) -> Vec<String> {
    let command = format!("{PROGRAM} demo-gateway --port {port} {behaviour}");
    let url = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let args = ["run", "--command", &command, "--signal", "HUP"].map(str::to_owned);
    let urls =
        ["--ready-url".to_owned(), url("/readyz"), "--health-url".to_owned(), url("/healthz")];
    args.into_iter().chain(urls).chain(QUICK.map(str::to_owned)).collect()
}

fn measure(behaviour: &str, more: &[&str]) -> Output {
    let args = server(free_port(), behaviour);
    let args: Vec<&str> = args.iter().map(String::as_str).chain(more.iter().copied()).collect();
    run(&args)
}

fn summary_of(output: &Output) -> Summary {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Whether any process of such a server is left.
fn is_left(port: u16) -> bool {
    let wanted = format!("--port\0{port}\0");
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter_map(|process| fs::read(process.path().join("cmdline")).ok())
        .any(|line| String::from_utf8_lossy(&line).contains(&wanted))
}

#[test]
fn the_demo_measures_what_the_server_says_that_it_does() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (result, page, table, rows) = (at("r.json"), at("r.html"), at("r.md"), at("r.csv"));
    let mut args = vec!["demo", "--restarts", "2", "--json", "--output", &result, "--html", &page];
    args.extend(["--markdown", &table, "--csv", &rows]);
    args.extend(QUICK);
    let output = run(&args);
    assert!(output.status.success(), "{output:?}");
    let found = summary_of(&output);
    assert_eq!(found.restarts.len(), 2);
    for restart in &found.restarts {
        // It drains for 120 ms and is closed for 250 ms; a machine that is busy adds to it.
        let downtime = restart.downtime_us.unwrap().as_millis();
        assert!((340.0..2_000.0).contains(&downtime), "{restart:?}");
        let kinds: Vec<EvidenceKind> = restart.evidence.iter().map(|found| found.kind).collect();
        assert!(kinds.contains(&EvidenceKind::UptimeFell), "{kinds:?}");
    }
    // The file holds all that the summary is made of.
    let record = Record::parse(&fs::read(&result).unwrap()).unwrap();
    assert_eq!(
        serde_json::to_string_pretty(&summary(&record)).unwrap() + "\n",
        text(&output.stdout)
    );
    for (path, what) in [(&page, "timeline-1"), (&table, "|"), (&rows, "downtime")] {
        assert!(fs::read_to_string(path).unwrap().contains(what), "{path}");
    }
    for form in ["text", "html", "markdown", "csv", "probes-csv", "json"] {
        let report = run(&["report", &result, "--form", form]);
        assert!(report.status.success() && !report.stdout.is_empty(), "{report:?}");
    }
    // Two restarts are too few to say anything.
    let compared = run(&["compare", &result, &result]);
    assert_eq!(compared.status.code(), Some(4), "{compared:?}");
    let threshold =
        measure("--close 100ms", &["--restarts", "1", "--fail-if", "downtime.max>50ms"]);
    assert_eq!(threshold.status.code(), Some(3), "{threshold:?}");
    assert!(text(&threshold.stderr).contains("exceeded: downtime.max>50ms"));
}

#[test]
fn a_handover_without_a_gap_costs_nothing() {
    let output = measure("--mode pass-socket", &["--restarts", "2", "--json"]);
    assert!(output.status.success(), "{output:?}");
    for restart in summary_of(&output).restarts {
        assert_eq!(restart.downtime_us.unwrap().0, 0, "{restart:?}");
        let kinds: Vec<EvidenceKind> = restart.evidence.iter().map(|found| found.kind).collect();
        assert!(kinds.contains(&EvidenceKind::ProcessChanged), "{kinds:?}");
    }
}

#[test]
fn without_a_restart_there_is_no_number() {
    let args = ["--restarts", "1", "--json", "--restart-timeout", "1s", "--timeout", "50ms"];
    let output = measure("--no-restart --block 150ms", &args);
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    let found = summary_of(&output);
    assert_eq!(found.restarts[0].failure, Some(Failure::RestartNotObserved));
    assert_eq!(found.restarts[0].downtime_us, None);
    assert!(text(&output.stderr).contains("restart_not_observed"));
}

#[test]
fn a_server_that_fails_is_told_with_its_last_words() {
    for (behaviour, signal, code) in [
        ("--exit-on-restart 7", "HUP", "exited"),
        ("", "USR1", "trigger_failed"),
        ("--fail-every 1", "HUP", "ready_timeout"),
    ] {
        let mut args = server(free_port(), behaviour);
        args[4] = signal.to_owned();
        args.extend(["--restarts", "1", "--restart-timeout", "1s"].map(str::to_owned));
        let output = run(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{behaviour}: {said}");
        assert!(said.contains(code) && said.contains("[gateway] ready"), "{said}");
    }
    let late = measure("--late-start 5s", &["--start-timeout", "200ms"]);
    assert_eq!(late.status.code(), Some(2), "{late:?}");
    assert!(text(&late.stderr).contains("--start-timeout"));
    let url = ["--ready-url", "http://127.0.0.1:1/"];
    let missing = run(&["run", "--command", "no-such-program-here", url[0], url[1]]);
    assert_eq!(missing.status.code(), Some(1), "{missing:?}");
    assert!(text(&missing.stderr).contains("no-such-program-here"));
}

#[test]
fn a_port_that_somebody_has_is_not_measured() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = server(other.local_addr().unwrap().port(), "");
    let output = run(&args.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&output.stderr).contains("port_taken"));
}

#[test]
fn a_server_that_runs_already_is_left_alone() {
    let port = free_port();
    let mut server = Command::new(PROGRAM)
        .args(["demo-gateway", "--port", &port.to_string(), "--close", "60ms"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (pid, url) = (server.id().to_string(), format!("http://127.0.0.1:{port}/readyz"));
    let args = ["run", "--pid", &pid, "--ready-url", &url, "--restarts", "2", "--json"];
    let output = run(&args.into_iter().chain(QUICK).collect::<Vec<_>>());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(summary_of(&output).counted().count(), 2);
    assert!(server.try_wait().unwrap().is_none(), "it still runs");
    server.kill().unwrap();
    server.wait().unwrap();
}

fn begin(port: u16, root: &Path) -> Child {
    let args = server(port, "--ignore-term --grandchild");
    let args = args.iter().map(String::as_str).chain(["--restarts", "1000", "--grace", "100ms"]);
    let log = fs::File::create(root.join("log")).unwrap();
    bench(&args.collect::<Vec<_>>()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

/// Waits until the measurement has come so far.
fn until_it_says(root: &Path, what: &str) {
    for _ in 0..2_000 {
        if fs::read_to_string(root.join("log")).unwrap().contains(what) {
            return;
        }
        pause();
    }
    panic!("it never said {what}: {}", fs::read_to_string(root.join("log")).unwrap());
}

/// Polls need some time between them, and nothing here depends on how much.
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(10));
}

#[test]
fn an_interruption_at_any_time_leaves_nothing_behind() {
    let root = tempfile::tempdir().unwrap();
    for (signal, said, code) in [
        ("-INT", "starting", Some(130)),
        ("-INT", "restart 1", Some(130)),
        ("-TERM", "restart 2", Some(143)),
        // Nobody can do anything about that but the guard.
        ("-KILL", "restart 1", None),
    ] {
        let port = free_port();
        let mut bench = begin(port, root.path());
        until_it_says(root.path(), said);
        let pid = bench.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        assert_eq!(bench.wait().unwrap().code(), code, "{signal} after {said}");
        for _ in 0..2_000 {
            if !is_left(port) {
                break;
            }
            pause();
        }
        assert!(!is_left(port), "{signal} after {said}");
    }
}

#[test]
fn the_environment_of_a_server_is_a_list() {
    let dir = tempfile::tempdir().unwrap();
    let seen = dir.path().join("seen");
    let command = format!("sh -c 'env > {}'", seen.display());
    let mut bench = bench(&["run", "--command", &command, "--ready-url", "http://127.0.0.1:1/"]);
    bench.env("SECRET_TOKEN", "s").env("PASSED", "p");
    let output =
        bench.args(["--env", "PASSED", "--env", "SET=x", "--start-timeout", "2s"]).output();
    assert_eq!(output.unwrap().status.code(), Some(2));
    let seen = fs::read_to_string(seen).unwrap();
    assert!(seen.contains("PASSED=p\n") && seen.contains("SET=x\n") && seen.contains("PATH="));
    assert!(!seen.contains("SECRET_TOKEN"), "{seen}");
}

#[test]
fn wrong_usage_is_told_apart_from_a_failure() {
    for (args, said) in [
        (vec!["run"], "--command"),
        (vec!["nonsense"], "nonsense"),
        (vec!["demo", "--every", "0s"], "nothing"),
        (vec!["demo", "--fail-if", "speed>1"], "downtime.p95>1500ms"),
        (vec!["run", "--pid", "1", "--ready-url", "https://x/"], "http://127.0.0.1:8080"),
        (vec!["run", "--pid", "4000000", "--ready-url", "http://127.0.0.1:1/"], "no such process"),
        (vec!["report", "/nowhere/r.json"], "/nowhere/r.json"),
        (vec!["compare", "/dev/null", "/dev/null"], "restart-bench run --output"),
    ] {
        let output = run(&args);
        assert_eq!(output.status.code(), Some(1), "{args:?} {output:?}");
        assert!(text(&output.stderr).contains(said), "{args:?} {output:?}");
    }
    let help = run(&["--help"]);
    assert!(help.status.success() && text(&help.stdout).contains("Exit status: 0 fine"));
}
