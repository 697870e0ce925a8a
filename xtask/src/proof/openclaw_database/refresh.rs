//! A refresh: the production code in a process of its own.

use std::{
    env,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::ensure;
use common_fs::{Clock as _, Host, SystemClock};
use serde::{Deserialize, Serialize};
use usage_cache::{
    Locations, OpenClaw, Options, Place, Prices, Query, Refreshed, Sqlite, Status, Summary, Zone,
};

use super::{agent::Written, totals::Totals};
use crate::proof::process::{millis, peak_memory_bytes, processor_time};

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasureAgent {
    /// A state directory of OpenClaw
    openclaw: PathBuf,
    /// Where to keep what is known of it
    state: PathBuf,
    /// How many threads read; one for each processor if this is not said
    #[arg(long)]
    threads: Option<NonZeroUsize>,
}

/// What the process tells.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) freshness: String,
    /// What could not be read, or not be understood.
    pub(super) problems: Vec<String>,
    pub(super) totals: Totals,
    /// Of all that the summary says, by day and model.
    pub(super) summary_hash: u64,
    pub(super) numbers: Numbers,
}

/// What a refresh took, without the start of its process.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Numbers {
    pub(super) wall_ms: f64,
    pub(super) cpu_ms: f64,
    /// Processor time of the first summary afterwards.
    summary_ms: f64,
    peak_memory_bytes: u64,
    pub(super) scanned_sessions: u64,
    scanned_bytes: u64,
    pub(super) writes: u64,
    pub(super) written_bytes: u64,
}

/// Which refresh is meant.
#[derive(Clone)]
pub(super) struct Refresh {
    pub(super) openclaw: PathBuf,
    pub(super) state: PathBuf,
    pub(super) threads: Threads,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Threads {
    One,
    /// What whoever does not ask for anything else gets.
    Usual,
}

impl Threads {
    pub(super) const ALL: [Self; 2] = [Self::One, Self::Usual];

    /// In words.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::One => "one thread",
            Self::Usual => "the usual threads",
        }
    }
}

impl Refresh {
    /// The process, before it is started.
    pub(super) fn command(&self) -> anyhow::Result<Command> {
        let mut child = Command::new(env::current_exe()?);
        let threads: &[&str] = match self.threads {
            Threads::One => &["--threads", "1"],
            Threads::Usual => &[],
        };
        child.arg("measure-agent").args(threads).arg("--").args([&self.openclaw, &self.state]);
        child.stdin(Stdio::null());
        Ok(child)
    }

    pub(super) fn run(&self) -> anyhow::Result<Measured> {
        let output = self.command()?.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a refresh failed: {said}");
        let measured: Measured = serde_json::from_slice(&output.stdout)?;
        ensure!(measured.problems.is_empty(), "problems of a refresh: {:?}", measured.problems);
        Ok(measured)
    }

    /// One that counts exactly what there is.
    pub(super) fn exact(&self, what: &str, written: Written) -> anyhow::Result<Measured> {
        let measured = self.run()?;
        let (freshness, found, totals) = (&measured.freshness, measured.totals, written.totals);
        ensure!(freshness == "fresh", "{what}: expected `fresh`, got `{freshness}`");
        ensure!(found == totals, "{what}: expected {totals:?}, got {found:?}");
        Ok(measured)
    }

    /// The same, without a cache.
    pub(super) fn cold(&self, written: Written) -> anyhow::Result<Measured> {
        if fs_err::exists(&self.state)? {
            fs_err::remove_dir_all(&self.state)?;
        }
        self.exact("without a cache", written)
    }
}

/// The process that [`Refresh::run`] starts.
pub(crate) fn measure(args: &MeasureAgent) -> anyhow::Result<()> {
    let options = options(args);
    let (begun, cpu_begun) = (SystemClock.monotonic(), processor_time()?);
    let refreshed =
        usage_cache::refresh(Host::real(), &options, &mut |_| ControlFlow::Continue(()));
    let (ended, cpu_ended) = (SystemClock.monotonic(), processor_time()?);
    let summary = refreshed.usage.summary(&Query::all(Zone::utc()), &Prices::none());
    let summarized = processor_time()?;
    let work = refreshed.work;
    let measured = Measured {
        freshness: refreshed.usage.status().freshness.word().to_owned(),
        problems: problems(&refreshed),
        totals: totals(&summary),
        summary_hash: hash(&summary),
        numbers: Numbers {
            wall_ms: millis(ended.saturating_sub(begun)),
            cpu_ms: millis(cpu_ended.saturating_sub(cpu_begun)),
            summary_ms: millis(summarized.saturating_sub(cpu_ended)),
            peak_memory_bytes: peak_memory_bytes()?,
            scanned_sessions: work.scanned_files,
            scanned_bytes: work.scanned_bytes,
            writes: work.writes,
            written_bytes: work.written_bytes,
        },
    };
    crate::say(&serde_json::to_string(&measured)?)
}

fn options(args: &MeasureAgent) -> Options {
    let locations = locations(&args.openclaw, &args.state);
    let usual = Options { databases: Some(&Sqlite), ..Options::new(locations) };
    Options { threads: args.threads.unwrap_or(usual.threads), ..usual }
}

pub(super) fn locations(openclaw: &Path, state: &Path) -> Locations {
    Locations::new(vec![Place::new(&OpenClaw, openclaw)], state)
}

fn problems(refreshed: &Refreshed) -> Vec<String> {
    let Status { databases, unreadable, malformed_lines, unresolved_lines, .. } =
        refreshed.usage.status();
    let of_cache = refreshed.problems.iter().map(|problem| format!("{problem:?}"));
    let of_databases = databases.iter().filter_map(|database| database.problem.as_ref());
    let of_databases = of_databases.map(|problem| format!("{problem:?}"));
    let of_files = unreadable.iter().map(|error| format!("{error:?}"));
    let of_lines = [("malformed", malformed_lines), ("unresolved", unresolved_lines)];
    let of_lines = of_lines.into_iter().filter(|(_, lines)| **lines != 0);
    let of_lines = of_lines.map(|(what, lines)| format!("{lines} {what} lines"));
    of_cache.chain(of_databases).chain(of_files).chain(of_lines).collect()
}

fn totals(summary: &Summary) -> Totals {
    let Summary { totals, abandoned, .. } = summary;
    Totals {
        events: totals.events,
        tokens: totals.tokens.total,
        cost_nanos: totals.cost.0,
        abandoned_events: abandoned.events,
        abandoned_tokens: abandoned.tokens.total,
        abandoned_cost_nanos: abandoned.cost.0,
    }
}

/// The same in every process of the same program.
fn hash(summary: &Summary) -> u64 {
    let mut hasher = DefaultHasher::new();
    format!("{summary:?}").hash(&mut hasher);
    hasher.finish()
}
