//! The least that anybody has to do who reads all: every event and archive, decompressed, and
//! nothing made of it.

use std::{
    env,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use demo_corpus::openclaw_db::Encoding;
use rusqlite::{Connection, OpenFlags, Row, types::ValueRef};
use serde::{Deserialize, Serialize};
use zstd::bulk::Decompressor;

use crate::proof::process::{millis, peak_memory_bytes, processor_time};

const EVENTS: &str = "select event_json, event_zstd, event_utf8_bytes from transcript_events";
const COLDS: &str = "select archive_name, archive_blob from session_transcript_cold_archives";
const ARCHIVES: &str = "select encoding, archive_blob from session_transcript_archives";
const HAS_ARCHIVE: &str =
    "select exists (select 1 from session_transcript_archives where archive_name = ?1)";

/// What the process is told.
#[derive(Debug, clap::Args)]
pub(crate) struct ReadAgent {
    /// The directory of an agent of OpenClaw
    agent: PathBuf,
}

/// What was read, and what that took.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Baseline {
    wall_ms: f64,
    pub(super) cpu_ms: f64,
    peak_memory_bytes: u64,
    rows: u64,
    compressed_rows: u64,
    archives: u64,
    /// Of all events and archives, decompressed.
    json_bytes: u64,
}

/// Reads all in a process of its own.
pub(super) fn run(agent: &Path) -> anyhow::Result<Baseline> {
    let mut child = Command::new(env::current_exe()?);
    let output = child.arg("read-agent").arg("--").arg(agent).stdin(Stdio::null()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the baseline failed: {said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The process that [`run`] starts.
pub(crate) fn read(args: &ReadAgent) -> anyhow::Result<()> {
    let (begun, cpu_begun) = (SystemClock.monotonic(), processor_time()?);
    let reader = Reader::read(&args.agent)?;
    let baseline = Baseline {
        wall_ms: millis(SystemClock.monotonic().saturating_sub(begun)),
        cpu_ms: millis(processor_time()?.saturating_sub(cpu_begun)),
        peak_memory_bytes: peak_memory_bytes()?,
        rows: reader.rows,
        compressed_rows: reader.compressed_rows,
        archives: reader.archives,
        json_bytes: reader.json_bytes,
    };
    crate::say(&serde_json::to_string(&baseline)?)
}

struct Reader {
    sessions_dir: PathBuf,
    decompressor: Decompressor<'static>,
    event: Vec<u8>,
    rows: u64,
    compressed_rows: u64,
    archives: u64,
    json_bytes: u64,
}

impl Reader {
    fn read(agent: &Path) -> anyhow::Result<Self> {
        let path = agent.join("agent/openclaw-agent.sqlite");
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        let mut reader = Self {
            sessions_dir: agent.join("sessions"),
            decompressor: Decompressor::new()?,
            event: Vec::new(),
            rows: 0,
            compressed_rows: 0,
            archives: 0,
            json_bytes: 0,
        };
        for_each(&db, EVENTS, |row| reader.event(row))?;
        for_each(&db, COLDS, |row| reader.cold(row))?;
        for_each(&db, ARCHIVES, |row| {
            let encoding = row.get_ref(0)?.as_str()?;
            let encoding = if encoding == "zstd" { Encoding::Zstd } else { Encoding::Identity };
            reader.archive(row.get_ref(1)?.as_blob()?, encoding)
        })?;
        reader.published(&db)?;
        Ok(reader)
    }

    fn event(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        self.rows += 1;
        if let ValueRef::Text(json) = row.get_ref(0)? {
            self.json_bytes += json.len() as u64;
            return Ok(());
        }
        let bytes = usize::try_from(row.get::<_, i64>(2)?)?;
        self.event.clear();
        self.event.reserve(bytes);
        let frame = row.get_ref(1)?.as_blob()?;
        let decompressed = self.decompressor.decompress_to_buffer(frame, &mut self.event)?;
        ensure!(decompressed == bytes, "an event of {bytes} bytes has {decompressed}");
        self.compressed_rows += 1;
        self.json_bytes += bytes as u64;
        Ok(())
    }

    fn cold(&mut self, row: &Row<'_>) -> anyhow::Result<()> {
        let (name, blob) = (row.get_ref(0)?.as_str()?, row.get_ref(1)?.as_blob_or_null()?);
        match blob {
            Some(blob) => self.archive(blob, Encoding::Zstd),
            None => self.file(&self.sessions_dir.join("cold").join(name)),
        }
    }

    /// The files of archives that are in the database no more.
    fn published(&mut self, db: &Connection) -> anyhow::Result<()> {
        let mut has_archive = db.prepare(HAS_ARCHIVE)?;
        let entries = match fs_err::read_dir(&self.sessions_dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let (is_file, name) = (entry.file_type()?.is_file(), entry.file_name());
            let name = name.to_str().context("an archive has an odd name")?;
            if is_file && !has_archive.query_row([name], |row| row.get(0))? {
                self.file(&entry.path())?;
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path) -> anyhow::Result<()> {
        let is_compressed = path.extension() == Some(OsStr::new("zst"));
        let encoding = if is_compressed { Encoding::Zstd } else { Encoding::Identity };
        self.archive(&fs_err::read(path)?, encoding)
    }

    fn archive(&mut self, bytes: &[u8], encoding: Encoding) -> anyhow::Result<()> {
        self.archives += 1;
        self.json_bytes += match encoding {
            Encoding::Identity => bytes.len() as u64,
            Encoding::Zstd => {
                let mut frames = zstd::stream::read::Decoder::with_buffer(bytes)?;
                io::copy(&mut frames, &mut io::sink())?
            }
        };
        Ok(())
    }
}

fn for_each(
    db: &Connection,
    sql: &str,
    mut take: impl FnMut(&Row<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut statement = db.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row)?;
    }
    Ok(())
}
