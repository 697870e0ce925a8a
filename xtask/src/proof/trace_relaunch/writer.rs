//! Codex at work, in a process of its own.

use std::{
    env,
    io::{self, BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use demo_corpus::trace::{TraceDb, TraceWriter};
use serde::{Deserialize, Serialize};

/// After all that the corpus writes.
const TS: i64 = 1_788_000_000;
/// Between batches. Codex writes one every two or three seconds, but nobody waits for that here.
const PAUSE: Duration = Duration::from_millis(5);

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct WriteTrace {
    /// A trace database of Codex
    db: PathBuf,
}

/// A batch, on a line.
#[derive(Serialize, Deserialize)]
struct Batch {
    inserted: u64,
    pruned: u64,
    last_row: i64,
}

/// What the writer has written.
#[derive(Clone, Copy, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Written {
    pub(super) batches: u64,
    pub(super) rows_inserted: u64,
    pub(super) rows_pruned: u64,
}

/// The process that [`Writer`] starts: appends and prunes until standard input ends, as it does
/// when whoever has started it ends in whatever way.
pub(crate) fn write(args: &WriteTrace) -> anyhow::Result<()> {
    let mut writer = TraceWriter::new(TraceDb::open(&args.db)?, 0, TS);
    let has_ended = Arc::new(AtomicBool::new(false));
    let ending = Arc::clone(&has_ended);
    std::thread::spawn(move || {
        io::copy(&mut io::stdin(), &mut io::sink()).ok();
        ending.store(true, Ordering::Relaxed);
    });
    while !has_ended.load(Ordering::Relaxed) {
        let tick = writer.tick()?;
        let (inserted, pruned) = (tick.inserted as u64, tick.pruned as u64);
        let batch = Batch { inserted, pruned, last_row: writer.db().max_rowid()? };
        crate::say(&serde_json::to_string(&batch)?)?;
        SystemClock.sleep(PAUSE);
    }
    Ok(())
}

/// A writer at work. It ends with this, at the latest.
pub(super) struct Writer {
    child: Child,
    batches: BufReader<ChildStdout>,
    written: Written,
}

impl Writer {
    pub(super) fn start(db: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(env::current_exe()?);
        command.arg("write-trace").arg("--").arg(db);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let batches = BufReader::new(child.stdout.take().context("the writer has no output")?);
        Ok(Self { child, batches, written: Written::default() })
    }

    /// The next batch; `None` once the writer has ended.
    fn batch(&mut self) -> anyhow::Result<Option<Batch>> {
        let mut line = String::new();
        if self.batches.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let batch: Batch = serde_json::from_str(&line)?;
        self.written.batches += 1;
        self.written.rows_inserted += batch.inserted;
        self.written.rows_pruned += batch.pruned;
        Ok(Some(batch))
    }

    /// Waits until there is a row after some row.
    pub(super) fn wait_for_row_after(&mut self, row: i64) -> anyhow::Result<()> {
        while self.batch()?.context("the writer has ended by itself")?.last_row <= row {}
        Ok(())
    }

    /// Waits until rows are deleted.
    pub(super) fn wait_for_pruning(&mut self) -> anyhow::Result<()> {
        while self.written.rows_pruned == 0 {
            self.batch()?.context("the writer has ended by itself")?;
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> anyhow::Result<Written> {
        drop(self.child.stdin.take());
        while self.batch()?.is_some() {}
        let status = self.child.wait()?;
        ensure!(status.success(), "the writer has failed: {status}");
        Ok(self.written)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
