//! A server that writes more than anybody reads, in a process of its own.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};

use super::gateway::Gateway;

/// A server writes more than that.
const FLOOD_BYTES_A_SECOND: u64 = 50_000_000;

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasureFlood {
    /// How much the server writes
    bytes: u64,
    /// All of it in one line
    #[arg(long)]
    line: bool,
}

/// What the process tells.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flood {
    log_bytes: u64,
    pub(super) peak_memory_bytes: u64,
    wall_ms: f64,
    restarts: usize,
    /// Lines that mean something, between all the others.
    lines_found: usize,
}

pub(super) fn prove(bytes: u64) -> anyhow::Result<Flood> {
    let lines = child(bytes, false)?;
    ensure!(bytes <= lines.log_bytes, "only {} bytes were read", lines.log_bytes);
    ensure!(2 <= lines.lines_found, "of the lines that mean something {}", lines.lines_found);
    let line = child(bytes / 10, true)?;
    let peak_memory_bytes = lines.peak_memory_bytes.max(line.peak_memory_bytes);
    Ok(Flood { peak_memory_bytes, ..lines })
}

fn child(bytes: u64, line: bool) -> anyhow::Result<Flood> {
    let mut child = Command::new(std::env::current_exe()?);
    child.arg("measure-flood").arg(bytes.to_string()).args(line.then_some("--line"));
    let output = child.stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "a measurement beside a flood failed: {said}");
    serde_json::from_slice(&output.stdout).context("the measurement said nothing")
}

/// The process that measures.
pub(crate) fn measure(args: &MeasureFlood) -> anyhow::Result<()> {
    let flood = args.bytes.to_string();
    let mut behaviour = vec!["--close", "30ms", "--flood", &flood];
    behaviour.extend(args.line.then_some("--flood-line"));
    let mut gateway = Gateway::new(&behaviour, 2)?;
    // A flood takes a while: it comes while the server is only watched.
    gateway.task.calibrate = Duration::from_secs(1 + args.bytes / FLOOD_BYTES_A_SECOND);
    gateway.task.start_timeout = Duration::from_mins(5);
    gateway.task.restart_timeout = Duration::from_mins(5);
    let measured = gateway.measure()?;
    ensure!(measured.summary.restarts.len() == 2, "{:?}", measured.summary.failure());
    let record = &measured.run.record;
    let lines = record.restarts.iter().map(|restart| restart.observation.lines.len()).sum();
    crate::say(&serde_json::to_string(&Flood {
        log_bytes: record.observer.log_bytes,
        peak_memory_bytes: record.observer.peak_memory_bytes,
        wall_ms: record.observer.wall_us.as_millis(),
        restarts: record.restarts.len(),
        lines_found: lines,
    })?)
}
