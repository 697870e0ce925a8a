//! Scenario f: `cache-warmer simulate` over transcripts of which is known what they hold.

use std::{
    env,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use demo_corpus::{Corpus, File, Truth};
use serde::Serialize;
use serde_json::Value;

use crate::proof::{
    claim,
    process::{millis, processor_time_of_children},
};

/// Of so many runs the fastest counts: what else the machine does makes others slower.
const RUNS: u32 = 3;

/// What a simulation says that it has passed over.
const PASSED_OVER: [&str; 6] = [
    "malformedLines",
    "tooLongLines",
    "untimedAnswers",
    "unresolvedAnswers",
    "compressedTranscripts",
    "unreadable",
];

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Replay {
    /// Of Claude Code, Codex and OpenClaw, as many of each.
    transcripts: u64,
    bytes: u64,
    requests: u64,
    /// What they cost without warming.
    nano_dollars: u64,
    /// Of the first run, when its files were not all in memory yet.
    first_wall_ms: f64,
    /// Of the fastest run after that, from start to end.
    pub(super) wall_ms: f64,
    cpu_ms: f64,
}

/// `each` transcripts of each runtime. What they hold is counted while they are made up, at prices
/// that the generator has of its own.
pub(super) fn prove(each: u32) -> anyhow::Result<Replay> {
    let home = tempfile::tempdir()?;
    let corpus = Corpus { sessions: each, ..Corpus::SMALL };
    let mut truth = Truth::default();
    let mut bytes = 0;
    let files = corpus.claude().map(|file| (".claude", file));
    let files = files.chain(corpus.codex().map(|file| (".codex", file)));
    let files = files.chain(corpus.openclaw().map(|file| (".openclaw", file)));
    for (dir, File { path, content, truth: of_file, .. }) in files {
        let path = home.path().join(dir).join(path);
        fs_err::create_dir_all(path.parent().context("a file is in a directory")?)?;
        bytes += content.len() as u64;
        fs_err::write(path, content)?;
        truth.events += of_file.events;
        truth.cost_nanos += of_file.cost_nanos;
    }
    let transcripts = 3 * u64::from(each);
    let (document, first) = simulate(home.path(), &["--json"])?;
    check(&serde_json::from_slice(&document)?, transcripts, bytes, truth)?;
    let runs = (0..RUNS).map(|_| simulate(home.path(), &[]).map(|(_, took)| took));
    let runs = runs.collect::<anyhow::Result<Vec<_>>>()?;
    let best = runs.into_iter().min_by_key(|took| took.wall).context("there is a run")?;
    Ok(Replay {
        transcripts,
        bytes,
        requests: truth.events,
        nano_dollars: truth.cost_nanos,
        first_wall_ms: millis(first.wall),
        wall_ms: millis(best.wall),
        cpu_ms: millis(best.cpu),
    })
}

fn check(document: &Value, transcripts: u64, bytes: u64, truth: Truth) -> anyhow::Result<()> {
    let number = |pointer: &str| {
        let number = document.pointer(pointer).and_then(Value::as_u64);
        number.with_context(|| format!("simulate says nothing of {pointer}"))
    };
    claim("transcripts", number("/read/transcripts")?, transcripts)?;
    claim("bytes of transcripts", number("/read/bytes")?, bytes)?;
    for name in PASSED_OVER {
        claim(name, number(&format!("/read/{name}"))?, 0)?;
    }
    claim("subagents", number("/subagents/0/costNanoDollars")?, 0)?;
    let list = |name: &str| {
        let list = document.get(name).and_then(Value::as_array);
        list.with_context(|| format!("simulate lists no {name}"))
    };
    let unpriced = list("unpriced")?;
    ensure!(unpriced.is_empty(), "without a price: {unpriced:?}");
    let requests = list("conversations")?.iter().filter_map(|of| of.get("requests")?.as_u64());
    claim("requests", requests.sum(), truth.events)?;
    let policy = document.pointer("/policies/0/policy").and_then(Value::as_str);
    ensure!(policy == Some("none"), "the first policy is {policy:?}");
    claim("nano-dollars", number("/policies/0/costNanoDollars")?, truth.cost_nanos)
}

/// What a run took.
struct Took {
    wall: Duration,
    cpu: Duration,
}

/// Runs the program, and returns what it prints.
fn simulate(home: &Path, arguments: &[&str]) -> anyhow::Result<(Vec<u8>, Took)> {
    let mut command = Command::new(env::current_exe()?);
    command.args(["cache-warmer", "simulate"]).args(arguments).env_clear().env("HOME", home);
    let (cpu, began) = (processor_time_of_children()?, SystemClock.monotonic());
    let output = command.stdin(Stdio::null()).output()?;
    let wall = SystemClock.monotonic().saturating_sub(began);
    let cpu = processor_time_of_children()?.saturating_sub(cpu);
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
    Ok((output.stdout, Took { wall, cpu }))
}
