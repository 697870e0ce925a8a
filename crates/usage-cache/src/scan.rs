//! Reading one transcript.

mod dir;
mod session;

use std::{
    ffi::OsStr,
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use common_fs::{
    Clock, File, Fs, FsError, Timestamp,
    lines::{Buffer, Limits, Line, LineReader},
};

use crate::{
    Name, Options, Origin, Outcome, Parser, Source,
    closed::{Closed, LastLine},
    discover::FoundDir,
    entries::Superseded,
    fold::Fold,
    models::Models,
    transcript::{ANCHOR_BYTES, Anchor, Fingerprint, LineCounts, Transcript},
};

use dir::LastDir;
use session::Sessions;
pub(crate) use session::fingerprint as session_fingerprint;

/// A file that shrinks while it is read is read anew, so often.
const ATTEMPTS: u32 = 3;

/// What all readings share.
pub(crate) struct Scanner<'s> {
    pub(crate) fs: &'s dyn Fs,
    pub(crate) clock: &'s dyn Clock,
    pub(crate) models: &'s Mutex<Models>,
    pub(crate) options: &'s Options,
}

/// What a thread keeps from one reading to the next.
#[derive(Default)]
pub(crate) struct Scratch {
    buffer: Buffer,
    dir: LastDir,
    sessions: Sessions,
}

/// What became of a reading.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// The transcript was read to the end that it had.
    Done(Reading),
    /// It does not exist any more.
    Vanished,
    /// It cannot be read.
    Failed(FsError),
    /// It shrinks while it is read, again and again.
    Unsteady,
    /// The caller broke off.
    Interrupted,
}

/// What a reading has found, at its end or so far.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) transcript: Box<Transcript>,
    /// How much was read since the last report.
    pub(crate) bytes: u64,
    /// Where the transcript was known earlier.
    pub(crate) superseded: Vec<Superseded>,
}

/// Told what was found so far; may break the reading off.
pub(crate) type OnProgress<'p> = &'p mut dyn FnMut(Reading) -> ControlFlow<()>;

/// A known transcript that may be the one that is read, under an earlier name.
pub(crate) type Candidate = (PathBuf, Arc<Transcript>);

impl Scanner<'_> {
    /// Reads a transcript: from where `previous` ends, if its anchor still holds, or else from
    /// the beginning.
    pub(crate) fn scan(
        &self,
        dir: &FoundDir,
        name: &OsStr,
        previous: Option<&Transcript>,
        candidates: &[Candidate],
        Scratch { buffer, dir: last_dir, .. }: &mut Scratch,
        on_progress: OnProgress<'_>,
    ) -> Scanned {
        let file = match last_dir.open(self.fs, &dir.path, name) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Scanned::Vanished,
            Err(error) => return Scanned::Failed(error),
        };
        let as_file = dir.reads_as_file(name);
        let Name::Transcript(name) = dir.source.classify(name) else { return Scanned::Vanished };
        let of_database = match name.origin {
            Origin::Appended | Origin::Finished => false,
            Origin::AppendedOrDatabase => !as_file,
            Origin::Database => true,
        };
        // Nobody appends to what is compressed or was written at once.
        let is_whole = of_database || name.origin == Origin::Finished;
        let is_closed = name.compressed || is_whole;
        let last_line = if is_whole { LastLine::Whole } else { LastLine::Unfinished };
        let closed = Closed::file(file.as_ref(), name.compressed, last_line);
        let file = if is_closed { &closed } else { file.as_ref() };
        let superseded = superseded(file, candidates, buffer);
        let mut previous = previous.filter(|_| !is_closed);
        for _ in 0..ATTEMPTS {
            let source = dir.source;
            let superseded = &superseded;
            let pass =
                Pass { scanner: self, source, of_database, as_file, is_closed, file, superseded };
            match pass.read(previous, buffer, on_progress) {
                Ok(Read::Done(reading)) => return Scanned::Done(reading),
                Ok(Read::Interrupted) => return Scanned::Interrupted,
                Ok(Read::NotTheSame) => previous = None,
                Err(error) => return Scanned::Failed(error),
            }
        }
        Scanned::Unsteady
    }
}

/// Those candidates whose content `file` begins with.
fn superseded(file: &dyn File, candidates: &[Candidate], buffer: &mut Buffer) -> Vec<Superseded> {
    let same = candidates.iter().filter(|(_, known)| begins_with(file, known, buffer));
    same.map(|(path, known)| Superseded { path: path.clone(), id: known.fingerprint.id }).collect()
}

fn begins_with(file: &dyn File, known: &Transcript, buffer: &mut Buffer) -> bool {
    let end = known.parsed_to;
    let limits = Limits { line_bytes_max: 0, lookback_bytes: ANCHOR_BYTES };
    // What cannot be read now is not the same: it stays counted under its earlier name.
    let Ok(lines) = LineReader::new(file, end, end, limits, buffer) else { return false };
    let same = lines.read_to() == end && known.anchor == Anchor::of(lines.before_tail());
    lines.finish(buffer);
    // Where nothing was counted, nothing can be counted twice.
    same || end == 0
}

enum Read {
    Done(Reading),
    /// The file is not the one that was read before, or not the one that it was when the
    /// reading began.
    NotTheSame,
    Interrupted,
}

/// One attempt to read a file to its end.
struct Pass<'p> {
    scanner: &'p Scanner<'p>,
    source: &'p dyn Source,
    /// Whether it is an archive of a database,
    of_database: bool,
    /// or could be one, but is not.
    as_file: bool,
    /// Whether nobody appends to it.
    is_closed: bool,
    /// Its content, even if it is compressed.
    file: &'p dyn File,
    superseded: &'p [Superseded],
}

impl Pass<'_> {
    fn read(
        &self,
        previous: Option<&Transcript>,
        buffer: &mut Buffer,
        on_progress: OnProgress<'_>,
    ) -> Result<Read, FsError> {
        let scanned_at = self.scanner.clock.now();
        let before = self.file.stat()?;
        // How long the content of what is closed is, nobody knows before.
        let end = if self.is_closed { u64::MAX } else { before.size_bytes };
        let resumed = previous.filter(|previous| {
            let same_file = previous.fingerprint.id == before.id;
            same_file && 0 < previous.parsed_to && previous.parsed_to <= end
        });
        let start = resumed.map_or(0, |previous| previous.parsed_to);
        let limits = Limits {
            line_bytes_max: self.scanner.options.line_bytes_max,
            lookback_bytes: ANCHOR_BYTES,
        };
        let mut lines = LineReader::new(self.file, start, end, limits, buffer)?;
        if let Some(previous) = resumed
            && previous.anchor != Anchor::of(lines.before_tail())
        {
            lines.finish(buffer);
            return Ok(Read::NotTheSame);
        }
        let mut state = State {
            fingerprint: Fingerprint::from(&before),
            scanned_at,
            source: Arc::from(self.source.name()),
            version: self.source.version(),
            lines: resumed.map(|previous| previous.lines).unwrap_or_default(),
            as_file: self.as_file,
            parser: if self.of_database {
                self.source.archive_parser()
            } else {
                self.source.parser(resumed.and_then(|previous| previous.state.as_deref()))
            },
            fold: Fold::new(resumed, self.scanner.models),
            project: resumed.and_then(|previous| previous.project.clone()),
        };
        let reported = self.read_lines(&mut lines, &mut state, on_progress);
        state.parser.finish(&mut |event| state.fold.add(event));
        let transcript = state.so_far(&lines, false);
        let read_to = lines.read_to();
        lines.finish(buffer);
        let Some(reported) = reported? else { return Ok(Read::Interrupted) };
        let after = self.file.stat()?;
        let end = if self.is_closed { read_to } else { end };
        let is_shorter = after.size_bytes < before.size_bytes;
        if read_to < end || is_shorter {
            return Ok(Read::NotTheSame);
        }
        let unsteady = Fingerprint::from(&after) != Fingerprint::from(&before);
        let transcript = Box::new(Transcript { complete: true, unsteady, ..transcript });
        let superseded = self.superseded.to_vec();
        Ok(Read::Done(Reading { transcript, bytes: end - reported, superseded }))
    }

    /// Reads all lines and returns up to where that was reported; `None` if it was broken off.
    fn read_lines(
        &self,
        lines: &mut LineReader<'_>,
        state: &mut State<'_>,
        on_progress: OnProgress<'_>,
    ) -> Result<Option<u64>, FsError> {
        let mut reported = lines.tail_start();
        while let Some(line) = lines.next_line()? {
            state.take(line);
            let bytes = lines.tail_start() - reported;
            // What waits for the end is not known before.
            if !self.of_database && self.scanner.options.progress_bytes <= bytes {
                reported = lines.tail_start();
                let now = Fingerprint::from(&self.file.stat()?);
                let unsteady = now != state.fingerprint;
                let transcript = Box::new(state.so_far(lines, unsteady));
                let superseded = self.superseded.to_vec();
                if on_progress(Reading { transcript, bytes, superseded }).is_break() {
                    return Ok(None);
                }
            }
        }
        Ok(Some(reported))
    }
}

/// What is known while a file is read.
struct State<'m> {
    fingerprint: Fingerprint,
    scanned_at: Timestamp,
    source: Arc<str>,
    version: u32,
    as_file: bool,
    lines: LineCounts,
    parser: Box<dyn Parser>,
    fold: Fold<'m>,
    /// What was known of it before.
    project: Option<Arc<str>>,
}

impl State<'_> {
    fn take(&mut self, line: Line<'_>) {
        match line {
            Line::Whole(line) => match self.parser.line(line, &mut |event| self.fold.add(event)) {
                Outcome::Fine => (),
                Outcome::Malformed => self.lines.malformed += 1,
                Outcome::Unresolved => self.lines.unresolved += 1,
            },
            Line::TooLong { .. } => self.lines.too_long += 1,
        }
    }

    /// What is known up to where the reader stands.
    fn so_far(&self, lines: &LineReader<'_>, unsteady: bool) -> Transcript {
        Transcript {
            source: Arc::clone(&self.source),
            version: self.version,
            as_file: self.as_file,
            fingerprint: self.fingerprint,
            scanned_at: self.scanned_at,
            parsed_to: lines.tail_start(),
            anchor: Anchor::of(lines.before_tail()),
            complete: false,
            unsteady,
            lines: self.lines,
            state: self.parser.state().map(Arc::from),
            lineage: self.parser.lineage(),
            project: self.project.clone().or_else(|| self.parser.project().map(Arc::from)),
            rollup: self.fold.rollup(),
            log: self.fold.log(),
            gone_since: None,
        }
    }
}
