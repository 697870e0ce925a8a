use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use common_fs::lines::Buffer;

use super::{OnProgress, Options, Progress, run::Run};
use crate::{
    discover::{Discovery, Found, Holds},
    entries::Entries,
    parallel,
    reconcile::{Job, Known},
    scan::{Candidate, Reading, Scanned, Scanner, Sessions},
    transcript::Transcript,
};

/// A job with all that a reading thread needs for it.
pub(super) struct Task<'t> {
    found: &'t Found,
    /// The path by which the transcript is known,
    pub(super) path: PathBuf,
    /// how well it is known,
    pub(super) known: Known,
    /// and what reading goes on from.
    previous: Option<Arc<Transcript>>,
    candidates: Vec<Candidate>,
}

/// What a reading thread keeps from one task to the next.
#[derive(Default)]
struct Scratch {
    buffer: Buffer,
    sessions: Sessions,
}

/// What a reading thread reports of a task.
pub(super) enum Message<'t> {
    /// It came further.
    Partial(&'t Task<'t>, Reading),
    /// It is finished; so many bytes were expected that are not reported yet.
    Finished { task: &'t Task<'t>, bytes: u64, scanned: Scanned },
}

impl<'t> Task<'t> {
    pub(super) fn new(job: &Job, discovery: &'t Discovery, entries: &Entries) -> Option<Self> {
        let found = discovery.found.get(job.found)?;
        let path = discovery.path(found);
        let transcript = |path: &PathBuf| Some(Arc::clone(&entries.get(path)?.transcript));
        let candidate = |path: &PathBuf| Some((path.clone(), transcript(path)?));
        Some(Self {
            found,
            known: job.known,
            previous: transcript(&path).filter(|_| job.resume),
            candidates: job.candidates.iter().filter_map(candidate).collect(),
            path,
        })
    }

    /// How much there is to read, as far as that is known beforehand.
    fn bytes(&self, discovery: &Discovery) -> u64 {
        // How long a session is in a database, is known when it was read.
        let dir = discovery.dirs.get(self.found.dir);
        if dir.is_none_or(|dir| dir.holds == Holds::Sessions) {
            return 0;
        }
        let start = self.previous.as_ref().map_or(0, |previous| previous.parsed_to);
        self.found.stat.size_bytes.saturating_sub(start)
    }

    fn read(
        &'t self,
        scanner: &Scanner<'_>,
        discovery: &Discovery,
        scratch: &mut Scratch,
        send: &mut dyn FnMut(Message<'t>) -> ControlFlow<()>,
    ) {
        let Some(dir) = discovery.dirs.get(self.found.dir) else { return };
        let mut bytes = self.bytes(discovery);
        let mut on_progress = |reading: Reading| {
            bytes = bytes.saturating_sub(reading.bytes);
            send(Message::Partial(self, reading))
        };
        let (name, previous) = (&self.found.name, self.previous.as_deref());
        let scanned = match dir.holds {
            Holds::Sessions => scanner.scan_session(dir, name, previous, &mut scratch.sessions),
            Holds::Files => {
                let (candidates, buffer) = (&self.candidates, &mut scratch.buffer);
                scanner.scan(dir, name, previous, candidates, buffer, &mut on_progress)
            }
        };
        // Whoever broke off does not want to hear more.
        send(Message::Finished { task: self, bytes, scanned }).is_break();
    }
}

/// Reads the transcripts and lets `run` take in what is found; returns how far that came.
pub(super) fn read_all<'t>(
    tasks: &'t [Task<'t>],
    scanner: &Scanner<'_>,
    discovery: &Discovery,
    options: &Options,
    run: &mut Run<'_>,
    on_progress: OnProgress<'_>,
) -> (ControlFlow<()>, Progress) {
    let mut progress = Progress {
        files_total: tasks.len() as u64,
        bytes_total: tasks.iter().map(|task| task.bytes(discovery)).sum(),
        ..Progress::default()
    };
    let flow = parallel::for_each(
        tasks,
        options.threads.get(),
        |task, scratch: &mut Scratch, send| task.read(scanner, discovery, scratch, send),
        |message| {
            match &message {
                Message::Partial(_, reading) => progress.bytes_done += reading.bytes,
                Message::Finished { bytes, .. } => {
                    progress.bytes_done += bytes;
                    progress.files_done += 1;
                }
            }
            run.take(message);
            on_progress(progress)
        },
    );
    (flow, progress)
}
