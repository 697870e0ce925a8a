//! The real program, over real sockets.
//!
//! Nothing here relies on how fast the machine is: whatever takes time is asked for until it is
//! there, and times have lower limits only.

#![expect(clippy::disallowed_methods, reason = "real processes take real time")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeSet,
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::process::CommandExt as _,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use demo_gateway::{Truth, What, read_truth};
use rustix::{
    process::{Pid, Signal, kill_process, kill_process_group, test_kill_process},
    time::{ClockId, clock_gettime},
};
use serde_json::Value;
use tempfile::TempDir;

/// After so long, something will never be there.
const NEVER: Duration = Duration::from_mins(1);

/// Times of generations are known to a millisecond.
const AGE_MS: u64 = 10;

const GATEWAY: &str = env!("CARGO_BIN_EXE_demo-gateway");

struct Gateway {
    child: Child,
    dir: TempDir,
    port: u16,
}

/// An answer of `/readyz`.
#[derive(Debug)]
struct Ready {
    status: u16,
    failing: Vec<String>,
    uptime_ms: u64,
    /// Up to one millisecond after the generation began, or any time before; in microseconds.
    began_us: u64,
}

impl Gateway {
    /// Starts one and waits until it is ready and of some age.
    fn start(arguments: &str) -> Self {
        let gateway = Self::spawn(arguments);
        gateway.age();
        gateway
    }

    /// Starts one and waits until it has a port.
    fn spawn(arguments: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let log = fs_err::File::create(dir.path().join("log")).unwrap();
        let errors = fs_err::File::create(dir.path().join("errors")).unwrap();
        let mut command = Command::new(GATEWAY);
        command.arg("--port-file").arg(dir.path().join("port"));
        command.arg("--truth").arg(dir.path().join("truth"));
        command.args(arguments.split_whitespace()).process_group(0);
        command.stdin(Stdio::null()).stdout(log.into_file()).stderr(errors.into_file());
        let child = command.spawn().unwrap();
        let mut gateway = Self { child, dir, port: 0 };
        let file = gateway.dir.path().join("port");
        gateway.port = until("it has a port", || {
            let text = fs_err::read_to_string(&file).ok()?;
            Some(text.trim().parse().unwrap())
        });
        gateway
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Sends the signal, and waits for a generation that began after that.
    fn restart(&self) -> Ready {
        self.age();
        let asked_us = now_us();
        self.signal(Signal::HUP);
        until("a new generation", || {
            self.ready().filter(|ready| ready.status == 200 && asked_us < ready.began_us)
        })
    }

    /// Waits until it is so old that it is not taken for a new one.
    fn age(&self) {
        until("it is ready and of some age", || {
            self.ready().filter(|ready| ready.status == 200 && AGE_MS <= ready.uptime_ms)
        });
    }

    fn ready(&self) -> Option<Ready> {
        let before_us = now_us();
        let (status, body) = get(self.port, "/readyz").ok()?;
        let body: Value = serde_json::from_str(&body).unwrap();
        let failing = body["failing"].as_array().unwrap();
        let uptime_ms = body["uptimeMs"].as_u64().unwrap();
        assert_eq!(body["ready"].as_bool().unwrap(), status == 200);
        Some(Ready {
            status,
            failing: failing.iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
            uptime_ms,
            began_us: before_us.saturating_sub(uptime_ms * 1_000),
        })
    }

    fn text(&self, name: &str) -> String {
        fs_err::read_to_string(self.dir.path().join(name)).unwrap()
    }

    fn truth(&self) -> Vec<Truth> {
        read_truth(&self.text("truth")).unwrap()
    }

    /// Waits for so many lines of truth.
    fn truth_of(&self, count: usize) -> Vec<Truth> {
        until("the truth", || Some(self.truth()).filter(|truth| count <= truth.len()))
    }

    fn await_log(&self, text: &str) {
        until(text, || self.text("log").contains(text).then_some(()));
    }

    fn exit(&mut self) -> ExitStatus {
        until("the end", || self.child.try_wait().unwrap())
    }

    /// The processes that this one started and that are there.
    fn children(&self) -> BTreeSet<i32> {
        let own = self.pid().as_raw_pid();
        processes().filter(|process| process.parent == own).map(|process| process.pid).collect()
    }

    /// All that is there of it.
    fn group(&self) -> BTreeSet<i32> {
        let own = self.pid().as_raw_pid();
        processes().filter(|process| process.group == own).map(|process| process.pid).collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        kill_process_group(self.pid(), Signal::KILL).ok();
        self.child.wait().ok();
        if thread::panicking() {
            eprint_all(&[self.text("log"), self.text("errors"), self.text("truth")]);
        }
    }
}

fn eprint_all(texts: &[String]) {
    for text in texts {
        writeln!(io::stderr(), "{}", text.chars().take(10_000).collect::<String>()).ok();
    }
}

struct Process {
    pid: i32,
    parent: i32,
    group: i32,
}

/// All that are not dead.
fn processes() -> impl Iterator<Item = Process> {
    let entries = fs_err::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(|pid| {
        let stat = fs_err::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut fields = rest.split(' ');
        let is_dead = fields.next()? == "Z";
        let (parent, group) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        (!is_dead).then_some(Process { pid, parent, group })
    })
}

/// Asks until there is an answer.
fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(begin.elapsed() < NEVER, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

fn now_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000 + now.tv_nsec / 1_000).unwrap()
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), NEVER)?;
    stream.set_read_timeout(Some(NEVER))?;
    Ok(stream)
}

fn exchange(port: u16, request: &[u8]) -> io::Result<String> {
    let mut stream = connect(port)?;
    stream.write_all(request)?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// Status and body.
fn get(port: u16, path: &str) -> io::Result<(u16, String)> {
    let answer = exchange(port, format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok((status.ok_or(io::ErrorKind::InvalidData)?, body.to_owned()))
}

fn lasts_ms(truth: &Truth) -> u64 {
    (truth.until_us - truth.from_us) / 1_000
}

fn whats(truth: &[Truth]) -> Vec<What> {
    truth.iter().map(|truth| truth.what).collect()
}

#[test]
fn in_place_the_process_stays_and_all_three_outages_are_told() {
    let gateway = Gateway::start("--drain 30ms --close 40ms --block 20ms");
    let first = gateway.ready().unwrap();
    let begin_us = now_us();
    let second = gateway.restart();
    assert!(first.began_us < second.began_us);
    let truth = gateway.truth();
    assert_eq!(whats(&truth), [What::Draining, What::Closed, What::Blocked]);
    assert!(truth.iter().zip([30, 40, 20]).all(|(truth, ms)| ms <= lasts_ms(truth)), "{truth:?}");
    assert!(truth.iter().all(|truth| truth.restart == 1));
    let times = truth.iter().flat_map(|truth| [truth.from_us, truth.until_us]);
    assert!([begin_us].into_iter().chain(times).chain([now_us()]).is_sorted(), "{truth:?}");
    assert_eq!(truth[0].until_us, truth[1].from_us);
    assert_eq!(truth[1].until_us, truth[2].from_us);
    assert!(gateway.children().is_empty());

    gateway.restart();
    assert_eq!(gateway.truth().iter().filter(|truth| truth.restart == 2).count(), 3);
}

#[test]
fn the_log_is_in_the_grammar_of_openclaw() {
    let gateway = Gateway::start("--drain 3ms");
    gateway.restart();
    gateway.await_log("restart.ready");
    let log = until("it is ready again", || {
        Some(gateway.text("log")).filter(|log| log.matches("[gateway] ready\n").count() == 2)
    });
    let listening = format!("(1 plugin: demo; 0.0s) on http://127.0.0.1:{}", gateway.port);
    assert_eq!(log.matches(&format!("[gateway] http server listening {listening}")).count(), 2);
    let phases = log.lines().filter_map(|line| {
        let (time, line) = line.split_once(' ')?;
        assert!(time.ends_with("+00:00") && time.len() == 29, "{time}");
        let (phase, rest) = line.strip_prefix("[gateway] restart trace: ")?.split_once(' ')?;
        let mut words = rest.split(' ');
        let took: f64 = words.next()?.strip_suffix("ms")?.parse().ok()?;
        let total: f64 = words.next()?.strip_prefix("total=")?.strip_suffix("ms")?.parse().ok()?;
        assert!(took <= total);
        Some((phase, words.collect::<Vec<_>>()))
    });
    let phases: Vec<_> = phases.collect();
    let names: Vec<_> = phases.iter().map(|(phase, _)| *phase).collect();
    let expected = ["signal.received", "drain", "close.total", "next-start", "ready"];
    assert_eq!(names, expected.map(|name| format!("restart.{name}")));
    assert_eq!(phases[0].1, ["signal=SIGHUP", "reason=demo"]);
    assert!(phases[4].1[0].starts_with("rssMb=") && phases[4].1[1] == "heapUsedMb=0.0");
}

#[test]
fn with_reuseport_another_process_serves_and_nobody_was_away() {
    let gateway = Gateway::start("--mode reuseport --restart-signal HUP");
    let before = gateway.children();
    gateway.restart();
    let after = until("the old one is gone", || {
        Some(gateway.children()).filter(|after| after.len() == 1 && *after != before)
    });
    assert!(before.is_disjoint(&after));
    assert_eq!(gateway.truth(), []);
}

#[test]
fn a_restart_that_all_its_processes_are_asked_for_is_one() {
    let gateway = Gateway::start("--mode pass-socket");
    let before = gateway.children();
    kill_process_group(gateway.pid(), Signal::HUP).unwrap();
    let after = until("the old one is gone", || {
        Some(gateway.children()).filter(|after| after.len() == 1 && *after != before)
    });
    assert!(before.is_disjoint(&after));
    assert_eq!(gateway.ready().unwrap().status, 200);
    assert_eq!(gateway.text("log").matches("restart.signal.received").count(), 1);
}

#[test]
fn a_gap_between_two_processes_is_told() {
    let gateway = Gateway::start("--mode reuseport --drain 10ms --close 40ms --block 20ms");
    gateway.restart();
    let truth = gateway.truth_of(3);
    assert_eq!(whats(&truth), [What::Draining, What::Closed, What::Blocked]);
    assert!(truth.iter().zip([10, 40, 20]).all(|(truth, ms)| ms <= lasts_ms(truth)), "{truth:?}");
    let times = truth.iter().flat_map(|truth| [truth.from_us, truth.until_us]);
    assert!(times.is_sorted(), "{truth:?}");
}

#[test]
fn with_a_passed_socket_no_request_of_500_fails_across_restarts() {
    let gateway = Gateway::start("--mode pass-socket");
    let before = gateway.children();
    let asked_us = now_us();
    for nth in 0..500 {
        if nth % 200 == 100 {
            gateway.signal(Signal::HUP);
        }
        assert_eq!(get(gateway.port, "/readyz").unwrap().0, 200, "request {nth}");
    }
    until("a new generation", || {
        Some(gateway.ready().unwrap()).filter(|ready| asked_us < ready.began_us)
    });
    let after = until("the old ones are gone", || {
        Some(gateway.children()).filter(|after| after.len() == 1)
    });
    assert!(before.is_disjoint(&after));
    assert_eq!(gateway.truth(), []);
}

#[test]
fn a_passed_socket_lets_clients_wait_when_nobody_accepts() {
    let gateway = Gateway::start("--mode pass-socket --block 30ms");
    let asked_us = now_us();
    gateway.signal(Signal::HUP);
    until("a new generation", || {
        Some(gateway.ready().unwrap()).filter(|ready| asked_us < ready.began_us)
    });
    let truth = gateway.truth_of(1);
    assert_eq!(whats(&truth), [What::Blocked]);
    assert!(30 <= lasts_ms(&truth[0]));
}

#[test]
fn a_signal_ends_it_in_each_mode_and_no_process_survives() {
    for mode in ["in-place", "reuseport", "pass-socket"] {
        for (signal, is_for_all) in
            [(Signal::TERM, false), (Signal::TERM, true), (Signal::INT, false)]
        {
            let mut gateway = Gateway::start(&format!("--mode {mode}"));
            gateway.restart();
            if is_for_all {
                kill_process_group(gateway.pid(), signal).unwrap();
            } else {
                gateway.signal(signal);
            }
            assert_eq!(gateway.exit().code(), Some(0), "{mode} {signal:?} {is_for_all}");
            until("no process", || gateway.group().is_empty().then_some(()));
        }
    }
}

#[test]
fn a_supervisor_that_is_killed_takes_its_processes_with_it() {
    let mut gateway = Gateway::start("--mode pass-socket --ignore-term");
    assert_eq!(gateway.children().len(), 1);
    gateway.signal(Signal::KILL);
    gateway.exit();
    until("no process", || gateway.group().is_empty().then_some(()));
}

#[test]
fn a_signal_during_an_outage_ends_it_too() {
    for arguments in ["--close 1h", "--block 1h", "--mode reuseport --close 1h", "--late-start 1h"]
    {
        let mut gateway = if arguments.contains("late") {
            Gateway::spawn(arguments)
        } else {
            Gateway::start(arguments)
        };
        if !arguments.contains("late") {
            gateway.signal(Signal::HUP);
            gateway.await_log("restart.drain");
        }
        gateway.signal(Signal::TERM);
        assert_eq!(gateway.exit().code(), Some(0), "{arguments}");
        until("no process", || gateway.group().is_empty().then_some(()));
    }
}

#[test]
fn sigterm_can_be_ignored() {
    for mode in ["in-place", "reuseport"] {
        let mut gateway = Gateway::start(&format!("--ignore-term --mode {mode}"));
        kill_process_group(gateway.pid(), Signal::TERM).unwrap();
        gateway.restart();
        assert!(gateway.child.try_wait().unwrap().is_none());
        gateway.signal(Signal::INT);
        assert_eq!(gateway.exit().code(), Some(0));
    }
}

#[test]
fn a_grandchild_is_out_of_reach_of_the_group() {
    let mut gateway = Gateway::start("--grandchild");
    gateway.await_log("[gateway] grandchild ");
    let log = gateway.text("log");
    let (_, rest) = log.split_once("[gateway] grandchild ").unwrap();
    let pid = Pid::from_raw(rest.lines().next().unwrap().parse().unwrap()).unwrap();
    kill_process_group(gateway.pid(), Signal::TERM).unwrap();
    assert_eq!(gateway.exit().code(), Some(0));
    until("no process of the group", || gateway.group().is_empty().then_some(()));
    kill_process(pid, Signal::TERM).unwrap();
    test_kill_process(pid).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

#[test]
fn without_a_restart_it_stalls_and_goes_on() {
    let gateway = Gateway::start("--no-restart --block 30ms");
    gateway.signal(Signal::HUP);
    let truth = gateway.truth_of(1);
    assert_eq!(whats(&truth), [What::Blocked]);
    assert!(30 <= lasts_ms(&truth[0]));
    assert!(gateway.ready().unwrap().began_us < truth[0].from_us);
    assert!(gateway.text("log").contains("signal=SIGHUP"));
}

#[test]
fn it_can_exit_instead() {
    for mode in ["in-place", "pass-socket"] {
        let mut gateway = Gateway::start(&format!("--exit-on-restart 7 --mode {mode}"));
        gateway.signal(Signal::HUP);
        assert_eq!(gateway.exit().code(), Some(7));
        until("no process", || gateway.group().is_empty().then_some(()));
    }
}

#[test]
fn each_second_restart_fails_until_the_next() {
    let gateway = Gateway::start("--fail-every 2");
    gateway.restart();
    gateway.signal(Signal::HUP);
    gateway.await_log("startup failed");
    let failed = until("it listens", || gateway.ready());
    assert_eq!((failed.status, &*failed.failing), (503, &["startup-sidecars".to_owned()][..]));
    gateway.signal(Signal::HUP);
    until("it is ready again", || gateway.ready().filter(|ready| ready.status == 200));
    let truth: Vec<_> = gateway.truth().iter().map(|truth| (truth.restart, truth.what)).collect();
    let closed = [1, 2, 3].map(|restart| (restart, What::Closed));
    assert_eq!(truth, [closed[0], closed[1], (3, What::Draining), closed[2]]);
}

#[test]
fn a_new_process_that_fails_leaves_the_old_one_serving() {
    let gateway = Gateway::start("--mode reuseport --fail-every 1");
    let begin_us = now_us();
    for _ in 0..2 {
        gateway.signal(Signal::HUP);
        let is_stuck = || (gateway.children().len() == 2).then_some(());
        until("a process that is stuck", is_stuck);
        let ready = gateway.ready().unwrap();
        assert_eq!(ready.status, 200);
        assert!(ready.began_us < begin_us);
    }
}

#[test]
fn it_flaps_as_often_as_it_is_told() {
    let gateway = Gateway::start("--flap 2 --flap-close 10ms --flap-gap 20ms");
    gateway.signal(Signal::HUP);
    let truth = gateway.truth_of(3);
    assert_eq!(whats(&truth), [What::Closed; 3]);
    assert!(truth.iter().all(|truth| truth.restart == 1));
    for pair in truth.windows(2) {
        assert!(20_000 <= pair[1].from_us - pair[0].until_us, "{truth:?}");
        assert!(10 <= lasts_ms(&pair[1]), "{truth:?}");
    }
}

#[test]
fn what_leaks_is_really_there() {
    for mode in ["in-place", "reuseport"] {
        let gateway = Gateway::start(&format!("--leak 24MiB --mode {mode}"));
        for restart in 1..=2 {
            gateway.restart();
            gateway.await_log(&format!("heapUsedMb={}.0", 24 * restart));
        }
        let log = gateway.text("log");
        let rss = log.split("rssMb=").skip(1).map(|rest| rest.split(' ').next().unwrap());
        let rss: Vec<f64> = rss.map(|rss| rss.parse().unwrap()).collect();
        assert!(24.0 <= rss[0] && 48.0 <= rss[1], "{rss:?}");
    }
}

#[test]
fn a_flood_comes_after_the_start() {
    for (arguments, lines_min) in [("--flood 1MB", 1_000), ("--flood 1MB --flood-line", 1)] {
        let gateway = Gateway::start(arguments);
        gateway.restart();
        gateway.await_log("restart.ready");
        let log = gateway.text("log");
        assert!(1_000_000 < log.len());
        let lines = log.lines().count();
        assert!(lines_min < lines && (lines_min == 1) == (lines < 100), "{lines}");
    }
}

#[test]
fn a_reader_that_does_not_read_stops_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("port");
    let mut command = Command::new(GATEWAY);
    command.arg("--port-file").arg(&file).args(["--flood", "10MB"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let port = until("it has a port", || fs_err::read_to_string(&file).ok()?.trim().parse().ok());
    until("it is ready", || get(port, "/readyz").ok().filter(|(status, _)| *status == 200));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(until("the end", || child.try_wait().unwrap()).code(), Some(0));
}

#[test]
fn bad_clients_do_no_harm() {
    let gateway = Gateway::start("");
    let silent: Vec<_> = (0..600).map(|_| connect(gateway.port).unwrap()).collect();
    for nth in 0..100 {
        let mut stream = connect(gateway.port).unwrap();
        stream.write_all(&vec![b'x'; 100 * nth]).ok();
        // With what is not read, the connection is reset.
        drop(stream);
    }
    for (request, status) in [
        ("nonsense\r\n\r\n", " 400 "),
        ("POST /readyz HTTP/1.1\r\n\r\n", " 405 "),
        ("GET / HTTP/1.1\r\n\r\n", " 404 "),
        ("GET /healthz HTTP/1.1\r\n\r\n", " 200 "),
    ] {
        let answer = exchange(gateway.port, request.as_bytes()).unwrap();
        assert!(answer.contains(status), "{answer}");
    }
    let endless = exchange(gateway.port, &vec![b'x'; 8_192]).unwrap();
    assert!(endless.contains(" 431 "), "{endless}");
    // Those that say nothing are dropped in the end.
    for mut stream in silent {
        assert!(stream.read(&mut [0]).is_ok_and(|count| count == 0));
    }
    assert_eq!(get(gateway.port, "/healthz").unwrap().0, 200);
}

#[test]
fn a_port_that_somebody_has_is_refused() {
    let gateway = Gateway::start("");
    for mode in ["in-place", "reuseport", "pass-socket"] {
        let mut command = Command::new(GATEWAY);
        command.args(["--port", &gateway.port.to_string(), "--mode", mode]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.starts_with("demo-gateway: cannot bind the port: "), "{message}");
    }
}

#[test]
fn wrong_usage_is_told_apart() {
    let impossible = ["--mode", "pass-socket", "--close", "1s"];
    for arguments in [&impossible[..], &["--mode", "other"]] {
        let output = Command::new(GATEWAY).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let file = PathBuf::from("/nowhere/truth");
    let output = Command::new(GATEWAY).arg("--truth").arg(&file).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("demo-gateway: cannot write `/nowhere/truth`: "), "{message}");
}

#[test]
fn the_help_has_an_example() {
    let output = Command::new(GATEWAY).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("kill -HUP $!") && help.contains("--flap-gap"), "{help}");
    assert!(!help.contains("--generation"), "{help}");
}
