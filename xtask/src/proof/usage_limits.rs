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
use serde::{Deserialize, Serialize};
use usage_cache::{Claude, Codex, Locations, OpenClaw, Options, Place, Source};

use super::{
    claim, claim_at_most,
    process::{peak_memory_bytes, processor_time},
};

const MEMORY_BYTES_MAX: u64 = 64 << 20;
/// For [`Sizes::many`].
const MEMORY_BYTES_MAX_OF_MANY: u64 = 128 << 20;
/// For one changed transcript among [`Sizes::many`].
const WRITTEN_BYTES_MAX: u64 = 4 << 10;
/// For a refresh without changes of [`Sizes::sessions`] of OpenClaw at full size.
const NO_OP_CPU_MAX: Duration = Duration::from_millis(60);
/// What the cache file has of an event to tell it from others.
const ID_BYTES_MAX: u64 = 24;
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
    runtimes: Vec<OfRuntime>,
    one_gib_line: Measured,
}

/// What was measured with the transcripts of a runtime.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OfRuntime {
    source: &'static str,
    session_count: u32,
    session_bytes: u64,
    cold: Measured,
    no_op: Measured,
    /// Of the identities in the cache file, for each event.
    id_bytes_per_event: f64,
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
    let runtimes = Runtime::ALL.into_iter().map(|runtime| of_runtime(runtime, &sizes));
    Ok(Report { runtimes: runtimes.collect::<Result<_, _>>()?, one_gib_line: one_gib_line()? })
}

fn of_runtime(runtime: Runtime, sizes: &Sizes) -> anyhow::Result<OfRuntime> {
    let what = |claim: &str| format!("{}: {claim}", runtime.name());
    let home = Home::create(runtime)?;
    let (session_bytes, events) =
        home.fill(Corpus { sessions: sizes.sessions, ..Corpus::SMALL })?;
    let cold = home.refresh()?;
    claim(&what("events"), cold.events, events)?;
    let memory = cold.peak_memory_bytes;
    claim_at_most(&what("peak memory of a cold refresh"), memory, MEMORY_BYTES_MAX)?;
    let no_op = home.least_no_op()?;
    claim(&what("transcripts read without changes"), no_op.scanned_files, 0)?;
    let memory = no_op.peak_memory_bytes;
    claim_at_most(&what("peak memory without changes"), memory, MEMORY_BYTES_MAX)?;
    if sizes.claim_cpu && runtime == Runtime::OpenClaw {
        let limit = u64::try_from(NO_OP_CPU_MAX.as_micros())?;
        claim_at_most("microseconds of processor without changes", no_op.cpu_micros, limit)?;
    }
    let id_bytes = home.id_bytes()?;
    claim_at_most(&what("bytes of identities"), id_bytes, ID_BYTES_MAX * events)?;

    let home = Home::create(runtime)?;
    home.fill(Corpus { sessions: sizes.many, answers_median: 1, ..Corpus::SMALL })?;
    home.refresh()?;
    // Sessions that were made a moment before they were read are read again.
    home.refresh()?;
    home.change_one()?;
    let one_changed = home.refresh()?;
    claim(&what("transcripts read after one changed"), one_changed.scanned_files, 1)?;
    let written = one_changed.written_bytes;
    claim_at_most(&what("bytes written after one changed"), written, WRITTEN_BYTES_MAX)?;
    let memory = one_changed.peak_memory_bytes;
    claim_at_most(&what("peak memory after one changed"), memory, MEMORY_BYTES_MAX_OF_MANY)?;

    Ok(OfRuntime {
        source: runtime.name(),
        session_count: sizes.sessions,
        session_bytes,
        cold,
        no_op,
        #[expect(clippy::cast_precision_loss, reason = "a ratio, to be read by people")]
        id_bytes_per_event: id_bytes as f64 / events as f64,
        one_changed_of: sizes.many,
        one_changed,
    })
}

fn one_gib_line() -> anyhow::Result<Measured> {
    let home = Home::create(Runtime::OpenClaw)?;
    home.long_line()?;
    let measured = home.refresh()?;
    claim("events around the long line", measured.events, 2)?;
    let memory = measured.peak_memory_bytes;
    claim_at_most("peak memory with a line of 1 GiB", memory, MEMORY_BYTES_MAX)?;
    Ok(measured)
}

/// Refreshes the cache in `root`, and prints what that took: the process that [`Home::refresh`]
/// starts.
pub(crate) fn measure(root: &Path) -> anyhow::Result<()> {
    let options = Options::new(locations(root));
    let refreshed =
        usage_cache::refresh(Host::real(), &options, &mut |_| ControlFlow::Continue(()));
    ensure!(refreshed.problems.is_empty(), "{:?}", refreshed.problems);
    let cpu = processor_time()?;
    let all = usage_cache::Query::all(usage_cache::Zone::utc());
    let measured = Measured {
        events: refreshed.usage.summary(&all, &usage_cache::Prices::none()).totals.events,
        scanned_files: refreshed.work.scanned_files,
        written_bytes: refreshed.work.written_bytes,
        peak_memory_bytes: peak_memory_bytes()?,
        cpu_micros: u64::try_from(cpu.as_micros())?,
    };
    crate::say(&serde_json::to_string(&measured)?)
}

fn locations(root: &Path) -> Locations {
    let places =
        Runtime::ALL.map(|runtime| Place::new(runtime.source(), root.join(runtime.name())));
    Locations { cache: cache(root), ..Locations::new(places.into(), root) }
}

fn cache(root: &Path) -> PathBuf {
    root.join("state/usage-cache.jsonl")
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Runtime {
    OpenClaw,
    Claude,
    Codex,
}

impl Runtime {
    const ALL: [Self; 3] = [Self::OpenClaw, Self::Claude, Self::Codex];

    fn source(self) -> &'static dyn Source {
        match self {
            Self::OpenClaw => &OpenClaw,
            Self::Claude => &Claude,
            Self::Codex => &Codex,
        }
    }

    fn name(self) -> &'static str {
        self.source().name()
    }

    fn files(self, corpus: Corpus) -> Box<dyn Iterator<Item = demo_corpus::File>> {
        match self {
            Self::OpenClaw => Box::new(corpus.openclaw()),
            Self::Claude => Box::new(corpus.claude()),
            Self::Codex => Box::new(corpus.codex()),
        }
    }

    /// A line that can be appended to any transcript, for a second answer.
    fn line(self) -> &'static str {
        match self {
            Self::OpenClaw => {
                "{\"type\":\"message\",\"timestamp\":\"2026-02-05T12:00:00.000Z\",\"message\":{\
                 \"role\":\"assistant\",\"provider\":\"openai\",\"model\":\"gpt-5.5\",\
                 \"usage\":{\"input\":1,\"output\":2}}}\n"
            }
            Self::Claude => {
                "{\"type\":\"assistant\",\"timestamp\":\"2026-02-05T12:00:00.000Z\",\
                 \"requestId\":\"one\",\"message\":{\"id\":\"more\",\"model\":\"claude-opus-4-7\",\
                 \"usage\":{\"input_tokens\":1,\"output_tokens\":2}}}\n"
            }
            Self::Codex => {
                "{\"type\":\"event_msg\",\"timestamp\":\"2026-02-05T12:00:00.000Z\",\"payload\":{\
                 \"type\":\"token_count\",\"info\":{\"last_token_usage\":{\
                 \"input_tokens\":1,\"output_tokens\":2}}}}\n"
            }
        }
    }
}

/// Transcripts of a runtime, and a cache.
struct Home {
    temp: tempfile::TempDir,
    runtime: Runtime,
}

impl Home {
    fn create(runtime: Runtime) -> anyhow::Result<Self> {
        Ok(Self { temp: tempfile::tempdir()?, runtime })
    }

    fn path(&self) -> PathBuf {
        self.temp.path().join(self.runtime.name())
    }

    /// Returns how many bytes were written, and how many events they record.
    fn fill(&self, corpus: Corpus) -> anyhow::Result<(u64, u64)> {
        let (mut bytes, mut events) = (0, 0);
        for file in self.runtime.files(corpus) {
            bytes += file.content.len() as u64;
            events += file.truth.events;
            let path = self.path().join(&file.path);
            fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
            fs_err::write(&path, file.content)?;
        }
        Ok((bytes, events))
    }

    /// How long the identities in the cache file are.
    fn id_bytes(&self) -> anyhow::Result<u64> {
        #[derive(Deserialize)]
        struct Record {
            transcript: Option<Transcript>,
        }
        #[derive(Deserialize)]
        struct Transcript {
            #[serde(default)]
            ids: String,
        }
        let mut bytes = 0;
        for line in fs_err::read_to_string(cache(self.temp.path()))?.lines() {
            let record: Record = serde_json::from_str(line)?;
            bytes += record.transcript.map_or(0, |transcript| transcript.ids.len() as u64);
        }
        Ok(bytes)
    }

    /// One transcript with a line of 1 GiB between two events. It takes no space: the line is
    /// a hole.
    fn long_line(&self) -> anyhow::Result<()> {
        let path = self.path().join("agents/main/sessions/long.jsonl");
        fs_err::create_dir_all(path.parent().unwrap_or(&path))?;
        let mut file = fs_err::File::create(&path)?;
        let line = self.runtime.line();
        file.write_all(line.as_bytes())?;
        file.set_len(line.len() as u64 + LONG_LINE_BYTES)?;
        let mut file = fs_err::OpenOptions::new().append(true).open(&path)?;
        file.write_all(b"\n")?;
        Ok(file.write_all(line.as_bytes())?)
    }

    fn change_one(&self) -> anyhow::Result<()> {
        let first = self.runtime.files(Corpus { sessions: 1, answers_median: 1, ..Corpus::SMALL });
        let path = first.map(|file| self.path().join(file.path)).next();
        let path = path.context("there are no sessions")?;
        let mut file = fs_err::OpenOptions::new().append(true).open(path)?;
        Ok(file.write_all(self.runtime.line().as_bytes())?)
    }

    fn refresh(&self) -> anyhow::Result<Measured> {
        let mut child = Command::new(env::current_exe()?);
        let output = child.arg("measure-refresh").arg(self.temp.path()).output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "a refresh failed: {said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn least_no_op(&self) -> anyhow::Result<Measured> {
        // Sessions that were made a moment before they were read are read again.
        self.refresh()?;
        let runs: Vec<_> = (0..NO_OP_RUNS).map(|_| self.refresh()).collect::<Result<_, _>>()?;
        runs.into_iter().min_by_key(|run| run.cpu_micros).context("nothing was measured")
    }
}
