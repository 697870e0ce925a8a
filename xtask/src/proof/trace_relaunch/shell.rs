//! The same work in the shell of SQLite, as a measure of the machine.

use std::{
    io::{self, Write as _},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use serde::Serialize;

use crate::proof::process::thousandths;

/// The texts that CodexBar asks for.
const SQL: &str = "select count(*), sum(length(feedback_log_body)) from logs \
    where feedback_log_body like '%websocket request:%' \
    or feedback_log_body like '%response.completed%' \
    or feedback_log_body like '%service_tier: Some(Some(\"priority\"))%'";

/// Of so many measurements each, taken in turn, the one in the middle counts.
const RUNS: usize = 3;

/// Scans from nothing, compared with `sqlite3`; processor time.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compared {
    cold_cpu_ms: f64,
    sqlite3_cpu_ms: f64,
    pub(super) sqlite3_ratio: f64,
}

/// `None` if there is no `sqlite3`. `scan` says how long the scan of that number took.
pub(super) fn compare(
    db: &Path,
    scan: impl Fn(usize) -> anyhow::Result<f64>,
) -> anyhow::Result<Option<Compared>> {
    let (mut sqlite3, mut cold) = ([0.0; RUNS], [0.0; RUNS]);
    for (nth, (sqlite3, cold)) in sqlite3.iter_mut().zip(&mut cold).enumerate() {
        let Some(cpu_ms) = select(db)? else { return Ok(None) };
        (*sqlite3, *cold) = (cpu_ms, scan(nth)?);
    }
    let [sqlite3_cpu_ms, cold_cpu_ms] = [sqlite3, cold].map(median);
    let sqlite3_ratio = thousandths(cold_cpu_ms / sqlite3_cpu_ms);
    Ok(Some(Compared { cold_cpu_ms, sqlite3_cpu_ms, sqlite3_ratio }))
}

fn median(mut runs: [f64; RUNS]) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs[RUNS / 2]
}

/// How long `sqlite3` takes.
fn select(db: &Path) -> anyhow::Result<Option<f64>> {
    let mut shell = Command::new("sqlite3");
    // Whatever the user has set is not read.
    shell.args(["-batch", "-init", "/dev/null", "-readonly"]).arg(db);
    shell.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match shell.spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        child => child.context("cannot run `sqlite3`")?,
    };
    // What stands on its command line is not timed. One that has ended says why.
    if let Some(mut stdin) = child.stdin.take() {
        writeln!(stdin, ".timer on\n{SQL};").ok();
    }
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "`sqlite3` failed: {said}");
    let output = String::from_utf8(output.stdout)?;
    cpu_ms(&output).with_context(|| format!("`sqlite3` does not tell its time: {output}")).map(Some)
}

/// From a line such as `Run Time: real 0.325 user 0.291135 sys 0.033012`, in seconds.
fn cpu_ms(output: &str) -> Option<f64> {
    let line = output.lines().find(|line| line.starts_with("Run Time:"))?;
    let seconds = |name: &str| {
        let mut words = line.split_whitespace().skip_while(|word| *word != name);
        words.nth(1)?.parse::<f64>().ok()
    };
    Some(thousandths((seconds("user")? + seconds("sys")?) * 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_of_the_shell() {
        let output = "2121|7040947\nRun Time: real 0.325 user 0.250000 sys 0.125000\n";
        assert_eq!(cpu_ms(output), Some(375.0));
        assert_eq!(cpu_ms("2121|7040947\n"), None);
        assert_eq!(cpu_ms("Run Time: real 0.325 user\n"), None);
    }
}
