//! The requests that agent runtimes have recorded: when they were sent, when they were answered,
//! and what they used.
//!
//! What an answer used is read by the library `usage-cache`, which knows the formats; when it was
//! asked for is the time of the last line before it that a person, a tool, or the runtime wrote.

mod database;
mod find;
mod join;
mod reader;
mod skim;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
};

use cache_warmer::simulate::History;
use common_fs::{FsError, Timestamp, lines::Buffer};
use usage_cache::{Claude, Codex, DbProblem, OpenClaw, Place, Source};

use find::{Found, Transcript};
use reader::Reading;

/// What was found in some places.
#[derive(Debug, Default)]
pub(crate) struct Transcripts {
    /// The conversations, by their ids.
    pub(crate) histories: Vec<History>,
    /// Where transcripts were looked for, and what is there.
    pub(crate) places: Vec<(PathBuf, Looked)>,
    /// What was read, and what was not.
    pub(crate) counts: Counts,
    /// Why files, directories and databases could not be read.
    pub(crate) errors: Vec<ReadError>,
}

/// What is where transcripts were looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Looked {
    /// A directory.
    Directory,
    /// Nothing.
    Nothing,
    /// Something that cannot be read, or no directory.
    Unreadable,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// A file or a directory.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// A database.
    #[error(transparent)]
    Database(#[from] DbProblem),
}

/// How much was read, and what was passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Transcripts that were read.
    pub(crate) files: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Transcripts in compressed archives, which are not read.
    pub(crate) compressed: u64,
    /// Lines that are damaged.
    pub(crate) malformed_lines: u64,
    /// Lines that are longer than any answer.
    pub(crate) too_long_lines: u64,
    /// Answers without a time.
    pub(crate) untimed: u64,
    /// Answers of which nobody can tell what they used, or whose they are.
    pub(crate) unresolved: u64,
    /// Answers that another transcript has, too.
    pub(crate) repeated: u64,
    /// Answers before the time that was asked for.
    pub(crate) before: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.compressed += other.compressed;
        self.malformed_lines += other.malformed_lines;
        self.too_long_lines += other.too_long_lines;
        self.untimed += other.untimed;
        self.unresolved += other.unresolved;
        self.repeated += other.repeated;
        self.before += other.before;
    }
}

/// A runtime whose transcripts can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Runtime {
    Claude,
    Codex,
    OpenClaw,
}

impl Runtime {
    fn of(name: &str) -> Option<Self> {
        match name {
            "claude" => Some(Self::Claude),
            "codex" => Some(Self::Codex),
            "openclaw" => Some(Self::OpenClaw),
            _ => None,
        }
    }

    fn source(self) -> &'static dyn Source {
        match self {
            Self::Claude => &Claude,
            Self::Codex => &Codex,
            Self::OpenClaw => &OpenClaw,
        }
    }
}

/// What is done while transcripts are read.
pub(crate) trait Watch: Sync {
    /// So many of the transcripts have been read. Returns whether to go on.
    fn progress(&self, done: usize, total: usize) -> bool;
}

/// Reads the transcripts in some places; `None` if `watch` did not want to go on.
///
/// Answers before `since` are left out.
pub(crate) fn read(
    places: &[Place],
    since: Option<Timestamp>,
    watch: &dyn Watch,
) -> Option<Transcripts> {
    let Found { transcripts, databases, places, compressed, errors } = find::find(places);
    let mut errors: Vec<_> = errors.into_iter().map(ReadError::from).collect();
    let readings = read_all(&transcripts, watch)?;
    let mut counts = Counts { compressed, ..Counts::default() };
    let mut read = Vec::with_capacity(readings.len());
    for (transcript, reading) in transcripts.iter().zip(readings) {
        match reading {
            Ok(reading) => {
                counts.add(&reading.counts);
                read.push((transcript.clone(), reading));
            }
            // It has been deleted meanwhile.
            Err(error) if error.is_not_found() => (),
            Err(error) => errors.push(error.into()),
        }
    }
    for database in &databases {
        match database::read(database) {
            Ok(sessions) => {
                for (session, reading) in sessions {
                    counts.add(&reading.counts);
                    read.push((session, reading));
                }
            }
            Err(error) => errors.push(error.into()),
        }
    }
    let histories = join::join(read, since, &mut counts);
    Some(Transcripts { histories, places, counts, errors })
}

/// Reads all on as many threads as there are processors; in the order of the transcripts.
fn read_all(
    transcripts: &[Transcript],
    watch: &dyn Watch,
) -> Option<Vec<Result<Reading, FsError>>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let stopped = AtomicBool::new(false);
    let work = || {
        let mut buffer = Buffer::default();
        let mut readings = BTreeMap::new();
        loop {
            let nth = next.fetch_add(1, Ordering::Relaxed);
            let Some(transcript) = transcripts.get(nth) else { break };
            if stopped.load(Ordering::Relaxed) {
                break;
            }
            readings.insert(nth, reader::read(transcript, &mut buffer));
            let done = done.fetch_add(1, Ordering::Relaxed) + 1;
            if !watch.progress(done, transcripts.len()) {
                stopped.store(true, Ordering::Relaxed);
            }
        }
        readings
    };
    let readings: BTreeMap<usize, _> = std::thread::scope(|scope| {
        let running: Vec<_> =
            (0..threads.min(transcripts.len())).map(|_| scope.spawn(work)).collect();
        let joined = running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    });
    (!stopped.load(Ordering::Relaxed)).then(|| readings.into_values().collect())
}
