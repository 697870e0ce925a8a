//! The proof of the limits: what a refresh may take of the machine.
//!
//! Each refresh runs in a process of its own, so that the peak of its memory and the time that
//! it spent on the processors are its own.

use std::{
    env,
    io::Write as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::Host;
use demo_corpus::Corpus;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use usage_cache::{Locations, OpenClaw, Options, Place};

use super::{claim, claim_at_most};

const MEMORY_BYTES_MAX: u64 = 64 << 20;
/// For one changed transcript among [`Sizes::many`].
const WRITTEN_BYTES_MAX: u64 = 4 << 10;
/// For a refresh without changes of [`Sizes::sessions`] at full size.
const NO_OP_CPU_MAX: Duration = Duration::from_millis(60);
const LONG_LINE_BYTES: u64 = 1 << 30;
/// Others use the machine too: the least of so many measurements counts.
const NO_OP_RUNS: usize = 5;

struct Sizes {
    /// Sessions of usual length.
    sessions: u32,
    /// Short sessions, of which one changes.
    many: u32,
    /// Processor time is a claim only at full size, in hands that can tell why it is exceeded.
    claim_cpu: bool,
}

/// What is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    session_count: u32,
    session_bytes: u64,
    cold: Measured,
    no_op: Measured,
    one_gib_line: Measured,
    one_changed_of: u32,
    one_changed: Measured,
}

/// What one refresh took.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    events: u64,
    scanned_files: u64,
    written_bytes: u64,
    peak_memory_bytes: u64,
    cpu_micros: u64,
}

pub(super) fn prove(quick: bool) -> anyhow::Result<Report> {
    let sizes = if quick {
        Sizes { sessions: 500, many: 3_000, claim_cpu: false }
    } else {
        Sizes { sessions: 8_190, many: 60_000, claim_cpu: true }
    };

    let home = Home::create()?;
    let (session_bytes, events) =
        home.fill(Corpus { sessions: sizes.sessions, ..Corpus::SMALL })?;
    let cold = home.refresh()?;
    claim("events of the sessions", cold.events, events)?;
    claim_at_most("peak memory of a cold refresh", cold.peak_memory_bytes, MEMORY_BYTES_MAX)?;
    let no_op = home.least_no_op()?;
    claim("transcripts read without changes", no_op.scanned_files, 0)?;
    claim_at_most("peak memory without changes", no_op.peak_memory_bytes, MEMORY_BYTES_MAX)?;
    if sizes.claim_cpu {
        let limit = u64::try_from(NO_OP_CPU_MAX.as_micros())?;
        claim_at_most("microseconds of processor without changes", no_op.cpu_micros, limit)?;
    }

    let home = Home::create()?;
    home.long_line()?;
    let one_gib_line = home.refresh()?;
    claim("events around the long line", one_gib_line.events, 2)?;
    let memory = one_gib_line.peak_memory_bytes;
    claim_at_most("peak memory with a line of 1 GiB", memory, MEMORY_BYTES_MAX)?;

    let home = Home::create()?;
    home.fill(Corpus { sessions: sizes.many, answers_median: 1, ..Corpus::SMALL })?;
    home.refresh()?;
    // Sessions that were made a moment before they were read are read again.
    home.refresh()?;
    home.change_one()?;
    let one_changed = home.refresh()?;
    claim("transcripts read after one changed", one_changed.scanned_files, 1)?;
    let written = one_changed.written_bytes;
    claim_at_most("bytes written after one changed", written, WRITTEN_BYTES_MAX)?;

    Ok(Report {
        session_count: sizes.sessions,
        session_bytes,
        cold,
        no_op,
        one_gib_line,
        one_changed_of: sizes.many,
        one_changed,
    })
}

/// Refreshes the cache in `root`, and prints what that took: the process that [`Home::refresh`]
/// starts.
pub(crate) fn measure(root: &Path) -> anyhow::Result<()> {
    let options = Options::new(locations(root));
    let refreshed =
        usage_cache::refresh(Host::real(), &options, &mut |_| ControlFlow::Continue(()));
    ensure!(refreshed.problems.is_empty(), "{:?}", refreshed.problems);
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let all = usage_cache::Query::all(usage_cache::Zone::utc());
    let measured = Measured {
        events: refreshed.usage.summary(&all, &usage_cache::Prices::none()).totals.events,
        scanned_files: refreshed.work.scanned_files,
        written_bytes: refreshed.work.written_bytes,
        peak_memory_bytes: peak_memory_bytes()?,
        cpu_micros: u64::try_from(Duration::try_from(cpu)?.as_micros())?,
    };
    crate::say(&serde_json::to_string(&measured)?)
}

/// From <https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>.
fn peak_memory_bytes() -> anyhow::Result<u64> {
    let status = fs_err::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kib.context("/proc/self/status does not tell the peak of the memory")?.parse::<u64>()?
        * 1024)
}

fn locations(root: &Path) -> Locations {
    Locations {
        places: vec![Place::new(&OpenClaw, root)],
        cache: root.join("state/usage-cache.jsonl"),
    }
}

/// A state directory of OpenClaw, and a cache.
struct Home {
    temp: tempfile::TempDir,
}

impl Home {
    fn create() -> anyhow::Result<Self> {
        let home = Self { temp: tempfile::tempdir()? };
        fs_err::create_dir_all(home.sessions())?;
        Ok(home)
    }

    fn sessions(&self) -> PathBuf {
        self.temp.path().join("agents/main/sessions")
    }

    /// Returns how many bytes were written, and how many events they record.
    fn fill(&self, corpus: Corpus) -> anyhow::Result<(u64, u64)> {
        let (mut bytes, mut events) = (0, 0);
        for file in corpus.openclaw() {
            bytes += file.content.len() as u64;
            events += file.truth.events;
            fs_err::write(self.temp.path().join(&file.path), file.content)?;
        }
        Ok((bytes, events))
    }

    /// One transcript with a line of 1 GiB between two events. It takes no space: the line is
    /// a hole.
    fn long_line(&self) -> anyhow::Result<()> {
        let mut file = fs_err::File::create(self.sessions().join("long.jsonl"))?;
        let line = event_line();
        file.write_all(line.as_bytes())?;
        file.set_len(line.len() as u64 + LONG_LINE_BYTES)?;
        let mut file =
            fs_err::OpenOptions::new().append(true).open(self.sessions().join("long.jsonl"))?;
        file.write_all(b"\n")?;
        Ok(file.write_all(line.as_bytes())?)
    }

    fn change_one(&self) -> anyhow::Result<()> {
        let mut entries = fs_err::read_dir(self.sessions())?;
        let path = entries.next().context("there are no sessions")??.path();
        let mut file = fs_err::OpenOptions::new().append(true).open(path)?;
        Ok(file.write_all(event_line().as_bytes())?)
    }

    fn refresh(&self) -> anyhow::Result<Measured> {
        let mut child = Command::new(env::current_exe()?);
        let output = child.arg("measure-refresh").arg(self.temp.path()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a refresh failed: {said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn least_no_op(&self) -> anyhow::Result<Measured> {
        let runs: Vec<_> = (0..NO_OP_RUNS).map(|_| self.refresh()).collect::<Result<_, _>>()?;
        runs.into_iter().min_by_key(|run| run.cpu_micros).context("nothing was measured")
    }
}

fn event_line() -> String {
    String::from(
        "{\"type\":\"message\",\"timestamp\":\"2026-02-05T12:00:00.000Z\",\"message\":{\
         \"role\":\"assistant\",\"provider\":\"openai\",\"model\":\"gpt-5.5\",\
         \"usage\":{\"input\":1,\"output\":2}}}\n",
    )
}
