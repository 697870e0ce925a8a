//! The proof that who asks again is answered at once: `usage-cache statusline`, and reports from
//! the cache alone, as people run them.

use std::{env, path::PathBuf, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use demo_corpus::Corpus;
use serde::Serialize;
use serde_json::Value;

use super::{claim, claim_at_most};

const STATUSLINE_CPU_MAX: Duration = Duration::from_millis(10);
const REPORT_CPU_MAX: Duration = Duration::from_millis(50);
/// Others use the machine too: the least of so many measurements counts.
const RUNS: usize = 5;
/// What was written a moment before it was read is read again: after some refreshes, all is known.
const REFRESHES_MAX: usize = 100;

/// The first is the overview.
const REPORTS: [&[&str]; 17] = [
    &[],
    &["daily"],
    &["daily", "--breakdown"],
    &["daily", "--project", "project-1"],
    &["weekly"],
    &["monthly"],
    &["session"],
    // These list every session.
    &["session", "--json"],
    &["session", "--csv"],
    &["session", "--csv", "--breakdown"],
    &["blocks"],
    &["project"],
    &["agent"],
    &["source"],
    &["model"],
    &["project", "--json"],
    &["report", "--html", "-"],
];

/// What is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    session_count: u32,
    events: u64,
    cache_bytes: u64,
    facts_bytes: u64,
    cpu: Vec<Cpu>,
}

/// The processor time of a command.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cpu {
    command: String,
    millis: u64,
}

pub(super) fn prove(quick: bool) -> anyhow::Result<Report> {
    let session_count = if quick { 300 } else { 60_607 };
    let home = Home::create()?;
    let (mut events, mut tokens) = (0, 0);
    for file in (Corpus { sessions: session_count, answers_median: 4, ..Corpus::SMALL }).claude() {
        events += file.truth.events;
        tokens += file.truth.tokens;
        let path = home.dir.path().join(".claude").join(&file.path);
        fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
        fs_err::write(&path, file.content)?;
    }
    for _ in 0..REFRESHES_MAX {
        home.run(&["refresh", "--background"])?;
        if fs_err::exists(home.state("usage-facts"))? {
            break;
        }
    }
    let daily = home.json(&["daily", "--json", "--no-refresh"])?;
    let total = |name: &str| daily.pointer(name).and_then(Value::as_u64).context("no totals");
    claim("tokens without a refresh", total("/totals/totalTokens")?, tokens)?;
    claim("events without a refresh", total("/totals/events")?, events)?;
    let as_json = home.json(&["session", "--json", "--no-refresh"])?;
    let sessions = as_json.get("sessions").and_then(Value::as_array).context("no sessions")?;
    let of_session = |row: &Value| row.get("totalTokens").and_then(Value::as_u64);
    claim("sessions as JSON", sessions.len() as u64, session_count.into())?;
    claim("their tokens", sessions.iter().filter_map(of_session).sum(), tokens)?;
    let as_csv = String::from_utf8(home.run(&["session", "--csv", "--no-refresh"])?)?;
    let (header, rows) = as_csv.split_once('\n').context("no header")?;
    let column = header.split(',').position(|name| name == "totalTokens").context("no tokens")?;
    let of_session = |row: &str| row.split(',').nth(column)?.parse::<u64>().ok();
    claim("sessions as CSV", rows.lines().count() as u64, session_count.into())?;
    claim("their tokens", rows.lines().filter_map(of_session).sum(), tokens)?;
    let refreshed = home.json(&["daily", "--json"])?;
    ensure!(refreshed.get("daily") == daily.get("daily"), "a refresh finds other days");
    let line = home.json(&["statusline", "--json", "--no-refresh"])?;
    ensure!(line.get("stale") == Some(&false.into()), "the line is out of date: {line}");

    let mut cpu = vec![home.least_cpu(&["statusline", "--no-refresh"])?];
    for report in REPORTS {
        cpu.push(home.least_cpu(&[report, &["--no-refresh"]].concat())?);
    }
    if !quick {
        for Cpu { command, millis } in &cpu {
            let is_line = command.starts_with("statusline");
            let limit = if is_line { STATUSLINE_CPU_MAX } else { REPORT_CPU_MAX };
            let limit = u64::try_from(limit.as_millis())?;
            claim_at_most(&format!("milliseconds of processor for {command}"), *millis, limit)?;
        }
    }
    Ok(Report {
        session_count,
        events,
        cache_bytes: fs_err::metadata(home.state("usage-cache.jsonl"))?.len(),
        facts_bytes: fs_err::metadata(home.state("usage-facts"))?.len(),
        cpu,
    })
}

/// A home directory, and the program.
struct Home {
    dir: tempfile::TempDir,
    program: PathBuf,
}

impl Home {
    /// Builds the program beside this one, as this one was built.
    fn create() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let ours = env::current_exe()?;
        let target = ours.parent().context("this program is nowhere")?;
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "usage-cache-cli"]);
        if !cfg!(debug_assertions) {
            build.arg("--release");
        }
        ensure!(build.status()?.success(), "usage-cache cannot be built");
        Ok(Self { dir, program: target.join("usage-cache") })
    }

    fn state(&self, name: &str) -> PathBuf {
        self.dir.path().join(".local/state/upkeep").join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", self.dir.path()).env("TZ", "UTC");
        command.stdin(std::process::Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let mut command = self.command(&self.program.display().to_string());
        let output = command.args(arguments).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "usage-cache {} failed: {said}", arguments.join(" "));
        Ok(output.stdout)
    }

    fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&self.run(arguments)?)?)
    }

    fn least_cpu(&self, arguments: &[&str]) -> anyhow::Result<Cpu> {
        let runs: Vec<u64> =
            (0..RUNS).map(|_| self.cpu_millis(arguments)).collect::<Result<_, _>>()?;
        let millis = runs.into_iter().min().context("nothing was measured")?;
        Ok(Cpu { command: arguments.join(" "), millis })
    }

    /// What a shell says of a command: user and system time, in seconds with three digits.
    fn cpu_millis(&self, arguments: &[&str]) -> anyhow::Result<u64> {
        let script = "TIMEFORMAT='%3U %3S'; time \"$@\" >/dev/null 2>&1";
        let mut shell = self.command("/bin/bash");
        shell.args(["-c", script, "time"]).arg(&self.program).args(arguments);
        let output = shell.output().context("cannot run `bash`, which measures")?;
        ensure!(output.status.success(), "usage-cache {} failed", arguments.join(" "));
        let said = String::from_utf8(output.stderr)?;
        let millis = said.split_whitespace().map(|seconds| seconds.replace('.', "").parse::<u64>());
        Ok(millis.sum::<Result<u64, _>>()?)
    }
}
