//! What a sweep takes of the memory, in a process of its own.

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use common_fs::{
    Clock as _, Host, Op, RealFs, SystemClock,
    observe::{Call, Decision, ObservedFs, Observer},
};
use serde::{Deserialize, Serialize};
use session_reaper::{Compression, Folder, Roots};

use super::{
    home::{Form, clean_sweep, safe},
    messy::Messy,
};
use crate::proof::{
    claim,
    process::{millis, peak_memory_bytes, processor_time, thousandths},
};

/// Of a row in a store of OpenClaw.
const ROW_BYTES: u64 = 1_150;

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasureSweep {
    /// A state directory of OpenClaw with one agent
    openclaw: PathBuf,
    /// Keep archives in a folder of their own
    #[arg(long)]
    folder: bool,
    /// Compress archives
    #[arg(long)]
    compress: bool,
}

/// What the process tells, after a line that says that it begins.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Measured {
    archived_rows: u64,
    archived_files: u64,
    removed_archives: u64,
    peak_memory_bytes: u64,
    wall_ms: f64,
    cpu_ms: f64,
    /// For how long nobody else could write to the store, in all,
    locked_ms: f64,
    /// and without a pause.
    longest_lock_ms: f64,
}

/// A sweep of a large store.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Large {
    store_bytes: u64,
    #[serde(flatten)]
    measured: Measured,
    /// The peak of the memory, in sizes of the store.
    pub(super) memory_in_stores: f64,
}

/// One for each size.
pub(super) fn prove(store_bytes: &[u64]) -> anyhow::Result<Vec<Large>> {
    let mut all = Vec::new();
    // They go together in the end: see `super::prove`.
    let mut agents = Vec::new();
    for bytes in store_bytes {
        let messy = Messy::create(u32::try_from(bytes / ROW_BYTES)?)?;
        all.push(sweep(&messy)?);
        agents.push(messy);
    }
    Ok(all)
}

fn sweep(messy: &Messy) -> anyhow::Result<Large> {
    let form = Form { folder: Folder::Here, compression: Compression::None };
    let output = command(&messy.home.root, form)?.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "a sweep failed: {said}");
    let last = output.stdout.trim_ascii().rsplit(|byte| *byte == b'\n').next();
    let measured: Measured = serde_json::from_slice(last.context("the sweep said nothing")?)?;
    claim("rows archived of a large store", measured.archived_rows, messy.expected.rows)?;
    claim("files archived beside a large store", measured.archived_files, messy.expected.files)?;
    claim("archives removed", measured.removed_archives, messy.expected.removed)?;
    messy.victims.are_untouched()?;
    #[expect(clippy::cast_precision_loss, reason = "a ratio, to be read by people")]
    let memory_in_stores =
        thousandths(measured.peak_memory_bytes as f64 / messy.store_bytes as f64);
    Ok(Large { store_bytes: messy.store_bytes, measured, memory_in_stores })
}

/// The process, before it is started.
pub(super) fn command(openclaw: &Path, form: Form) -> anyhow::Result<Command> {
    let mut child = Command::new(env::current_exe()?);
    child.arg("measure-sweep");
    child.args((form.folder == Folder::Archive).then_some("--folder"));
    child.args((form.compression == Compression::Zstd).then_some("--compress"));
    child.arg("--").arg(openclaw).stdin(Stdio::null());
    Ok(child)
}

/// The process that sweeps once.
pub(crate) fn measure(args: &MeasureSweep) -> anyhow::Result<()> {
    let host = Host::real();
    let roots = Roots { openclaw: vec![args.openclaw.clone()], ..Roots::default() };
    let (places, errors) = roots.places(host.fs);
    ensure!(errors.is_empty(), "{errors:?}");
    let [place] = places.as_slice() else { bail!("expected one agent, got {places:?}") };
    let form = Form {
        folder: if args.folder { Folder::Archive } else { Folder::Here },
        compression: if args.compress { Compression::Zstd } else { Compression::None },
    };
    crate::say("begun")?;
    std::io::stdout().flush()?;
    let held = Arc::new(Held::default());
    let fs = ObservedFs::new(RealFs, held.clone());
    let host = Host { fs: &fs, ..host };
    let (begun, cpu) = (SystemClock.monotonic(), processor_time()?);
    let sweep = clean_sweep(host, place, &safe(), form.options())?;
    let cpu = processor_time()?.saturating_sub(cpu);
    let wall = SystemClock.monotonic().saturating_sub(begun);
    let measured = Measured {
        archived_rows: sweep.archived_rows.count,
        archived_files: sweep.archived_files.count,
        removed_archives: sweep.removed_files.count,
        peak_memory_bytes: peak_memory_bytes()?,
        wall_ms: millis(wall),
        cpu_ms: millis(cpu),
        locked_ms: millis(held.times().total),
        longest_lock_ms: millis(held.times().longest),
    };
    crate::say(&serde_json::to_string(&measured)?)
}

/// For how long the lock of a store is held.
#[derive(Default)]
struct Held(Mutex<Times>);

#[derive(Clone, Copy, Default)]
struct Times {
    since: Option<Duration>,
    total: Duration,
    longest: Duration,
}

impl Held {
    fn times(&self) -> Times {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Held {
    fn before(&self, _: Call<'_>) -> Decision {
        Decision::Proceed
    }

    fn after(&self, call: Call<'_>) {
        if !call.path.ends_with("sessions.json.lock") {
            return;
        }
        let times = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = SystemClock.monotonic();
        match call.op {
            Op::Link => times.since = Some(now),
            Op::Remove => {
                if let Some(since) = times.since.take() {
                    let held = now.saturating_sub(since);
                    times.total += held;
                    times.longest = times.longest.max(held);
                }
            }
            _ => (),
        }
    }
}
