//! Reading one session of a database.

use std::{
    borrow::Cow,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::{
    FileId, FsError, Op, Timestamp,
    lines::{Buffer, Limits, Line, LineReader},
};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::{Xxh3Default, xxh3_64_with_seed};
use zstd::bulk::Decompressor;

use super::{Reading, Scanned, Scanner, Scratch};
use crate::{
    DbProblem, Lineage, Outcome, Parser as _, SessionDb, SessionRow, Stored,
    closed::Closed,
    discover::FoundDir,
    fold::Fold,
    openclaw::SessionReader,
    sessions::id_of,
    transcript::{Anchor, Fingerprint, LineCounts, Transcript},
};

/// The longest event that OpenClaw stores.
const EVENT_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// An archive in a file is held in memory as long as it is read. Some gigabytes of transcript are
/// not so long.
const COLD_BYTES_MAX: usize = 512 * 1024 * 1024;

/// What a thread keeps from one session to the next.
#[derive(Default)]
pub(super) struct Sessions {
    open: Option<(PathBuf, Box<dyn SessionDb>)>,
    event: Vec<u8>,
    decompressor: Option<Decompressor<'static>>,
    buffer: Buffer,
}

/// Which state of a session a fingerprint is of. It has no times: only what is said of events
/// counts.
pub(crate) fn fingerprint(file: FileId, row: &SessionRow) -> Fingerprint {
    let mut hash = Xxh3Default::new();
    hash.update(&file.ino.to_le_bytes());
    for part in [&row.id, &row.generation].into_iter().chain(&row.archives) {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let never = Timestamp::from_unix_nanos(0);
    Fingerprint {
        id: FileId { dev: file.dev, ino: hash.digest() },
        size_bytes: row.end,
        modified: never,
        changed: never,
    }
}

impl Scanner<'_> {
    /// Reads a session: what came after `previous`, if that is how it begins, or else everything.
    pub(crate) fn scan_session(
        &self,
        dir: &FoundDir,
        name: &OsStr,
        previous: Option<&Transcript>,
        scratch: &mut Scratch,
    ) -> Scanned {
        let sessions = &mut scratch.sessions;
        let Some(session) = id_of(name) else { return Scanned::Vanished };
        let goes_on = previous.filter(|known| known.complete && 0 < known.parsed_to);
        for previous in [goes_on, None] {
            match self.read_session(dir, &session, previous, sessions) {
                Ok(Some(scanned)) => return scanned,
                Ok(None) => (),
                Err(error) => return Scanned::Failed(error),
            }
        }
        Scanned::Unsteady
    }

    /// `None` if the session does not begin with what is known, or not on the visible path.
    fn read_session(
        &self,
        dir: &FoundDir,
        session: &str,
        previous: Option<&Transcript>,
        sessions: &mut Sessions,
    ) -> Result<Option<Scanned>, FsError> {
        let scanned_at = self.clock.now();
        let path = &dir.path;
        let Sessions { open, event, decompressor, buffer } = sessions;
        if open.as_ref().is_none_or(|(opened, _)| opened != path) {
            *open = None;
        }
        let (_, db) = match open {
            Some(open) => open,
            None => open.insert((path.clone(), self.open_sessions(path)?)),
        };
        let reader = previous.map(|known| known.state.as_deref().and_then(SessionReader::after));
        let mut pass = Pass {
            scanner: self,
            database: path,
            reader: match reader {
                Some(Some(reader)) => reader,
                Some(None) => return Ok(None),
                None => SessionReader::whole(),
            },
            fold: Fold::new(previous, self.models),
            lines: previous.map(|known| known.lines).unwrap_or_default(),
            bytes: 0,
            anchor: previous.map_or(Anchor::of(b""), |known| known.anchor),
            known: previous.map(|known| (known.parsed_to, known.anchor)),
            follows: previous.is_none(),
            event,
            decompressor,
            buffer,
            failed: None,
        };
        // The last event that is known is read again, to see whether it is the same.
        let after = previous.map(|known| seq(known.parsed_to).saturating_sub(2));
        let row = db.read(session, after, &mut |stored| pass.take(stored)).map_err(failed)?;
        if let Some(error) = pass.failed {
            return Err(error);
        }
        let Some(row) = row else { return Ok(Some(Scanned::Vanished)) };
        let fingerprint = fingerprint(db.file(), &row);
        let is_same = previous.is_none_or(|known| known.fingerprint.id == fingerprint.id);
        if !(is_same && pass.follows) || (previous.is_some() && pass.reader.has_branches()) {
            return Ok(None);
        }
        let Pass { mut reader, mut fold, lines, bytes, anchor, .. } = pass;
        reader.finish(&mut |event| fold.add(event));
        let transcript = Box::new(Transcript {
            source: Arc::from(dir.source.name()),
            version: dir.source.version(),
            as_file: false,
            fingerprint,
            scanned_at,
            parsed_to: row.end,
            anchor,
            complete: true,
            unsteady: false,
            lines,
            state: reader.state().map(Arc::from),
            lineage: Lineage::default(),
            project: None,
            rollup: fold.rollup(),
            log: fold.log(),
            gone_since: None,
        });
        Ok(Some(Scanned::Done(Reading { transcript, bytes, superseded: Vec::new() })))
    }

    fn open_sessions(&self, path: &Path) -> Result<Box<dyn SessionDb>, FsError> {
        let unsupported = || FsError {
            op: Op::Open,
            path: path.to_owned(),
            source: io::ErrorKind::Unsupported.into(),
        };
        let databases = self.options.databases.ok_or_else(unsupported)?;
        databases.open_sessions(path).map_err(failed)
    }
}

/// Of an event: its end, where the numbers are, and how long it is. Only the last one matters, but
/// which one that is nobody knows before.
fn anchor(json: &[u8]) -> Anchor {
    const END_BYTES: usize = 512;
    let end = json.get(json.len().saturating_sub(END_BYTES)..).unwrap_or_default();
    Anchor(xxh3_64_with_seed(end, json.len() as u64))
}

fn seq(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn failed(problem: DbProblem) -> FsError {
    FsError { op: Op::Read, path: problem.path.clone(), source: io::Error::other(problem) }
}

/// One attempt to read a session.
struct Pass<'p> {
    scanner: &'p Scanner<'p>,
    database: &'p Path,
    reader: SessionReader,
    fold: Fold<'p>,
    lines: LineCounts,
    bytes: u64,
    /// Of the last event.
    anchor: Anchor,
    /// The number after the last event that is known, and its anchor.
    known: Option<(u64, Anchor)>,
    /// Whether that was met.
    follows: bool,
    event: &'p mut Vec<u8>,
    decompressor: &'p mut Option<Decompressor<'static>>,
    buffer: &'p mut Buffer,
    failed: Option<FsError>,
}

impl Pass<'_> {
    fn take(&mut self, stored: Stored<'_>) {
        if self.failed.is_some() {
            return;
        }
        let taken = match stored {
            Stored::Event { seq, json } => {
                self.take_event(seq, json);
                Ok(())
            }
            Stored::CompressedEvent { seq, zstd, json_bytes } => {
                self.take_compressed(seq, zstd, json_bytes)
            }
            Stored::ColdFile { name, sha256 } => self.take_cold_file(name, sha256),
            Stored::ColdBlob { bytes, sha256 } => self.take_archive(bytes, true, sha256, true),
            Stored::Archive { bytes, compressed, sha256 } => {
                // A transcript of its own, which what came later does not go on from.
                let later = std::mem::replace(&mut self.reader, SessionReader::whole());
                let taken = self.take_archive(bytes, compressed, sha256, false);
                let mut reader = std::mem::replace(&mut self.reader, later);
                reader.finish(&mut |event| self.fold.add(event));
                taken
            }
        };
        self.failed = taken.err();
    }

    fn take_event(&mut self, at: i64, json: &[u8]) {
        let anchor = anchor(json);
        if let Some((parsed_to, known)) = self.known
            && at < seq(parsed_to)
        {
            self.follows |= at.saturating_add(1) == seq(parsed_to) && anchor == known;
            return;
        }
        self.anchor = anchor;
        if self.scanner.options.line_bytes_max < json.len() {
            self.lines.too_long += 1;
            return;
        }
        self.take_line(json);
    }

    fn take_line(&mut self, json: &[u8]) {
        self.bytes += json.len() as u64;
        match self.reader.line(json, &mut |event| self.fold.add(event)) {
            Outcome::Fine => (),
            Outcome::Malformed => self.lines.malformed += 1,
            Outcome::Unresolved => self.lines.unresolved += 1,
        }
    }

    /// An event that is not what was stored is as if it were not there.
    fn take_compressed(&mut self, seq: i64, zstd: &[u8], json_bytes: u64) -> Result<(), FsError> {
        let decompressor = match self.decompressor.take() {
            Some(decompressor) => decompressor,
            None => Decompressor::new().map_err(|error| self.error(error))?,
        };
        let decompressor = self.decompressor.insert(decompressor);
        let mut event = std::mem::take(self.event);
        event.clear();
        event.reserve(usize::try_from(json_bytes.min(EVENT_BYTES_MAX)).unwrap_or(0));
        let decompressed = decompressor.decompress_to_buffer(zstd, &mut event);
        if decompressed.is_ok_and(|bytes| bytes as u64 == json_bytes) {
            self.take_event(seq, &event);
        } else {
            self.lines.malformed += 1;
        }
        *self.event = event;
        Ok(())
    }

    fn take_cold_file(&mut self, name: &str, sha256: &str) -> Result<(), FsError> {
        let agent = self.database.parent().and_then(Path::parent).unwrap_or(self.database);
        let dir = self.scanner.fs.open_dir(&agent.join("sessions/cold"))?;
        let file = dir.open(OsStr::new(name), common_fs::Access::Read)?;
        let bytes = common_fs::read_whole(file.as_ref(), COLD_BYTES_MAX)?;
        let bytes = bytes.ok_or_else(|| self.damaged("the archive is too long"))?;
        self.take_archive(&bytes, true, sha256, true)
    }

    /// The lines of an archive; of a cold one, they are records of which some are events.
    fn take_archive(
        &mut self,
        bytes: &[u8],
        compressed: bool,
        sha256: &str,
        is_cold: bool,
    ) -> Result<(), FsError> {
        let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes));
        if !digest.eq_ignore_ascii_case(sha256) {
            return Err(self.damaged("an archive has another SHA-256 than it should have"));
        }
        let path = self.database;
        let content = Closed::bytes(path, bytes, compressed);
        let line_bytes_max = self.scanner.options.line_bytes_max;
        let limits = Limits { line_bytes_max, lookback_bytes: 0 };
        let mut buffer = std::mem::take(self.buffer);
        let mut lines = LineReader::new(&content, 0, u64::MAX, limits, &mut buffer)?;
        while let Some(line) = lines.next_line()? {
            match line {
                Line::Whole(line) if is_cold => self.take_record(line),
                Line::Whole(line) => self.take_line(line),
                Line::TooLong { .. } => self.lines.too_long += 1,
            }
        }
        lines.finish(&mut buffer);
        *self.buffer = buffer;
        Ok(())
    }

    fn take_record(&mut self, line: &[u8]) {
        let record = serde_json::from_slice::<ColdRecord<'_>>(line);
        let event = record.and_then(|record| match (&*record.kind, record.row) {
            ("event", Some(row)) => serde_json::from_str::<ColdEvent<'_>>(row.get()).map(Some),
            _ => Ok(None),
        });
        match event {
            Ok(Some(event)) => self.take_event(event.seq, event.event_json.as_bytes()),
            Ok(None) => (),
            Err(_) => self.lines.malformed += 1,
        }
    }

    fn damaged(&self, what: &'static str) -> FsError {
        self.error(io::Error::new(io::ErrorKind::InvalidData, what))
    }

    fn error(&self, source: io::Error) -> FsError {
        FsError { op: Op::Read, path: self.database.to_owned(), source }
    }
}

/// A line of a cold archive. What else than events is in it repeats what they say.
#[derive(Deserialize)]
struct ColdRecord<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    row: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ColdEvent<'a> {
    seq: i64,
    #[serde(borrow)]
    event_json: Cow<'a, str>,
}
