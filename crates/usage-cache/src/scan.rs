//! Reading one transcript.

use std::{
    ops::ControlFlow,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use common_fs::{
    Access, Clock, Dir, File, FsError, Timestamp,
    lines::{Buffer, Limits, Line, LineReader},
};

use crate::{
    Options,
    discover::Found,
    models::Models,
    openclaw::{self, Outcome},
    rollup::RollupBuilder,
    transcript::{ANCHOR_BYTES, Anchor, Fingerprint, LineCounts, Transcript},
};

/// A file that shrinks while it is read is read anew, so often.
const ATTEMPTS: u32 = 3;

/// What all readings share.
pub(crate) struct Scanner<'s> {
    pub(crate) clock: &'s dyn Clock,
    pub(crate) models: &'s Mutex<Models>,
    pub(crate) options: &'s Options,
}

/// What became of a reading.
#[derive(Debug)]
pub(crate) enum Scanned {
    /// The transcript was read to the end that it had.
    Done {
        transcript: Box<Transcript>,
        /// How much was read.
        bytes: u64,
        /// Under which names it was known earlier.
        renamed_from: Vec<PathBuf>,
    },
    /// It does not exist any more.
    Vanished,
    /// It cannot be read, or shrinks faster than it is read.
    Failed(FsError),
    /// It shrinks while it is read, again and again.
    Unsteady,
    /// The caller broke off.
    Interrupted,
}

/// How far a reading is.
pub(crate) struct Partial {
    /// Bytes since the last message.
    pub(crate) bytes: u64,
    /// What is known so far, to be saved.
    pub(crate) transcript: Box<Transcript>,
}

/// Told how far a reading is; may break it off.
pub(crate) type OnProgress<'p> = &'p mut dyn FnMut(Partial) -> ControlFlow<()>;

impl Scanner<'_> {
    /// Reads a transcript: from where `previous` ends, if its anchor still holds, or else from
    /// the beginning. Finds out which of `renamed_from` it was.
    pub(crate) fn scan(
        &self,
        dir: &dyn Dir,
        found: &Found,
        previous: Option<&Transcript>,
        renamed_from: &[(PathBuf, Arc<Transcript>)],
        buffer: &mut Buffer,
        on_progress: OnProgress<'_>,
    ) -> Scanned {
        let file = match dir.open(&found.name, Access::Read) {
            Ok(file) => file,
            Err(error) if error.is_not_found() => return Scanned::Vanished,
            Err(error) => return Scanned::Failed(error),
        };
        let mut previous = previous;
        for _ in 0..ATTEMPTS {
            match self.read(file.as_ref(), previous, buffer, on_progress) {
                Ok(Read::Done { transcript, bytes }) => {
                    let renamed_from = renamed(file.as_ref(), renamed_from, buffer);
                    return Scanned::Done { transcript, bytes, renamed_from };
                }
                Ok(Read::Interrupted) => return Scanned::Interrupted,
                Ok(Read::NotTheSame) => previous = None,
                Err(error) => return Scanned::Failed(error),
            }
        }
        Scanned::Unsteady
    }

    fn read(
        &self,
        file: &dyn File,
        previous: Option<&Transcript>,
        buffer: &mut Buffer,
        on_progress: OnProgress<'_>,
    ) -> Result<Read, FsError> {
        let scanned_at = self.clock.now();
        let before = file.stat()?;
        let end = before.size_bytes;
        let resumed = previous.filter(|previous| {
            let same_file = previous.fingerprint.id == before.id;
            same_file && 0 < previous.parsed_to && previous.parsed_to <= end
        });
        let start = resumed.map_or(0, |previous| previous.parsed_to);
        let limits =
            Limits { line_bytes_max: self.options.line_bytes_max, lookback_bytes: ANCHOR_BYTES };
        let mut lines = LineReader::new(file, start, end, limits, buffer)?;
        if let Some(previous) = resumed
            && (previous.anchor.is_none() || previous.anchor != lines.before_tail().map(Anchor::of))
        {
            lines.finish(buffer);
            return Ok(Read::NotTheSame);
        }
        let mut reading = Reading {
            fingerprint: Fingerprint::from(&before),
            scanned_at,
            lines: resumed.map(|previous| previous.lines).unwrap_or_default(),
            rollup: RollupBuilder::new(
                resumed.map(|previous| previous.rollup.clone()).unwrap_or_default(),
                self.models,
            ),
        };
        let interrupted =
            reading.read_lines(&mut lines, self.options.progress_bytes, on_progress)?.is_break();
        let tail = Tail::of(&lines);
        lines.finish(buffer);
        if interrupted {
            return Ok(Read::Interrupted);
        }
        if tail.read_to < end || file.stat()?.size_bytes < end {
            return Ok(Read::NotTheSame);
        }
        let transcript = Transcript { complete: true, ..reading.so_far(&tail) };
        Ok(Read::Done { transcript: Box::new(transcript), bytes: end - start })
    }
}

/// Those of the transcripts whose content `file` begins with.
fn renamed(
    file: &dyn File,
    transcripts: &[(PathBuf, Arc<Transcript>)],
    buffer: &mut Buffer,
) -> Vec<PathBuf> {
    let is_same = |transcript: &Transcript, buffer: &mut Buffer| {
        let end = transcript.parsed_to;
        let limits = Limits { line_bytes_max: 0, lookback_bytes: ANCHOR_BYTES };
        // What cannot be read now is not the same; it is kept as gone.
        let Ok(lines) = LineReader::new(file, end, end, limits, buffer) else { return false };
        let anchor = lines.before_tail().map(Anchor::of);
        let same = lines.read_to() == end && transcript.anchor == anchor;
        lines.finish(buffer);
        same || end == 0
    };
    let same = transcripts.iter().filter(|(_, transcript)| is_same(transcript, buffer));
    same.map(|(path, _)| path.clone()).collect()
}

enum Read {
    Done {
        transcript: Box<Transcript>,
        bytes: u64,
    },
    /// The file is not the one that was read before, or not the one that it was when the
    /// reading began.
    NotTheSame,
    Interrupted,
}

/// Where a reader stands.
struct Tail {
    parsed_to: u64,
    anchor: Option<Anchor>,
    read_to: u64,
}

impl Tail {
    fn of(lines: &LineReader<'_>) -> Self {
        Self {
            parsed_to: lines.tail_start(),
            anchor: lines.before_tail().map(Anchor::of),
            read_to: lines.read_to(),
        }
    }
}

/// A reading that is under way.
struct Reading<'m> {
    fingerprint: Fingerprint,
    scanned_at: Timestamp,
    lines: LineCounts,
    rollup: RollupBuilder<'m>,
}

impl Reading<'_> {
    fn read_lines(
        &mut self,
        lines: &mut LineReader<'_>,
        progress_bytes: u64,
        on_progress: OnProgress<'_>,
    ) -> Result<ControlFlow<()>, FsError> {
        let mut reported = lines.tail_start();
        while let Some(line) = lines.next_line()? {
            match line {
                Line::Whole(line) => {
                    let outcome = openclaw::read_line(line, &mut |event| self.rollup.add(event));
                    self.lines.malformed += u64::from(outcome == Outcome::Malformed);
                }
                Line::TooLong { .. } => self.lines.too_long += 1,
            }
            let bytes = lines.tail_start() - reported;
            if progress_bytes <= bytes {
                reported = lines.tail_start();
                let transcript = Box::new(self.so_far(&Tail::of(lines)));
                if on_progress(Partial { bytes, transcript }).is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// What is known up to here.
    fn so_far(&self, tail: &Tail) -> Transcript {
        Transcript {
            fingerprint: self.fingerprint,
            scanned_at: self.scanned_at,
            parsed_to: tail.parsed_to,
            anchor: tail.anchor,
            complete: false,
            outdated: false,
            lines: self.lines,
            rollup: self.rollup.rollup().clone(),
            gone_since: None,
        }
    }
}
