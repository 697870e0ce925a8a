//! A launch: the production code in a process of its own.

use std::{
    collections::BTreeMap,
    env,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use common_fs::Host;
use serde::{Deserialize, Serialize};
use usage_cache::{
    Locations, Sqlite,
    trace::{self, Restart, ScanRequest, Updated, turn_key},
};

use crate::proof::process::{millis, processor_time};

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasureTrace {
    /// A trace database of Codex
    db: PathBuf,
    /// Where to keep what is known of it
    state: PathBuf,
    /// Turns that are to be told of, if they are known
    turns: Vec<String>,
    /// Begin with the first row again
    #[arg(long)]
    force: bool,
}

/// What the process tells.
#[derive(Serialize, Deserialize)]
pub(super) struct Launched {
    pub(super) status: String,
    pub(super) problem: Option<String>,
    pub(super) restarted: Option<String>,
    pub(super) known_turns: u64,
    /// The turns that were asked about and are known, and their models.
    pub(super) turns: BTreeMap<String, Option<String>>,
    pub(super) numbers: Numbers,
}

/// What a launch took, and how far it came; the first eight keys are those of the original.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Numbers {
    pub(super) db_bytes: Option<u64>,
    pub(super) disk_load_ms: f64,
    pub(super) scan_ms: f64,
    /// `null` if there was nothing worth a write.
    pub(super) persist_ms: Option<f64>,
    pub(super) priority_turns: u64,
    pub(super) memo_cursor: i64,
    pub(super) retained_completions: u64,
    pub(super) artifact_bytes: Option<u64>,
    pub(super) rows_visited: u64,
    /// Processor time of loading, scanning and saving, without that of starting the process.
    pub(super) cpu_ms: f64,
}

/// Launches a process.
pub(super) fn run<'n>(
    db: &Path,
    state: &Path,
    force: bool,
    names: impl Iterator<Item = &'n str>,
) -> anyhow::Result<Launched> {
    let mut child = Command::new(env::current_exe()?);
    child.arg("measure-trace").args(force.then_some("--force"));
    let output = child.arg("--").args([db, state]).args(names).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "a launch failed: {said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The process that [`run`] starts.
pub(crate) fn measure(args: &MeasureTrace) -> anyhow::Result<()> {
    let locations = locations(&args.db, &args.state);
    let request = ScanRequest { force: args.force, ..ScanRequest::ALL };
    let begun = processor_time()?;
    let Updated { turns, status, problems } =
        trace::update(Host::real(), &locations, &Sqlite, request, &mut |_| {
            ControlFlow::Continue(())
        });
    let cpu = processor_time()?.saturating_sub(begun);
    ensure!(problems.is_empty(), "{problems:?}");
    let status = status.context("the database was not looked for")?;
    let known = |name: &String| {
        let model = turns.get(turn_key(name))?;
        Some((name.clone(), model.map(str::to_owned)))
    };
    let launched = Launched {
        status: status.word().to_owned(),
        problem: status.problem.as_ref().map(|problem| format!("{problem}: {}", problem.source)),
        restarted: status.work.restarted.map(Restart::word).map(str::to_owned),
        known_turns: status.known_turns as u64,
        turns: args.turns.iter().filter_map(known).collect(),
        numbers: Numbers {
            db_bytes: status.size_bytes,
            disk_load_ms: millis(status.load),
            scan_ms: millis(status.scan),
            persist_ms: status.save.map(millis),
            priority_turns: status.turns as u64,
            memo_cursor: status.cursor,
            retained_completions: status.completions as u64,
            artifact_bytes: status.file_bytes,
            rows_visited: status.work.rows,
            cpu_ms: millis(cpu),
        },
    };
    crate::say(&serde_json::to_string(&launched)?)
}

pub(super) fn locations(db: &Path, state: &Path) -> Locations {
    Locations { trace: Some(db.to_owned()), ..Locations::new(Vec::new(), state) }
}
