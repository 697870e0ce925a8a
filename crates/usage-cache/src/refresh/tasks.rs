use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use common_fs::lines::Buffer;

use super::{OnProgress, Options, Progress, run::Run};
use crate::{
    discover::{Discovery, Found},
    entries::Entries,
    parallel,
    reconcile::{Job, Known},
    scan::{Candidate, Reading, Scanned, Scanner},
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
    fn bytes(&self) -> u64 {
        let start = self.previous.as_ref().map_or(0, |previous| previous.parsed_to);
        self.found.stat.size_bytes.saturating_sub(start)
    }

    fn read(
        &'t self,
        scanner: &Scanner<'_>,
        discovery: &Discovery,
        buffer: &mut Buffer,
        send: &mut dyn FnMut(Message<'t>) -> ControlFlow<()>,
    ) {
        let Some(dir) = discovery.dirs.get(self.found.dir) else { return };
        let mut bytes = self.bytes();
        let mut on_progress = |reading: Reading| {
            bytes = bytes.saturating_sub(reading.bytes);
            send(Message::Partial(self, reading))
        };
        let scanned = scanner.scan(
            dir,
            &self.found.name,
            self.previous.as_deref(),
            &self.candidates,
            buffer,
            &mut on_progress,
        );
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
        bytes_total: tasks.iter().map(Task::bytes).sum(),
        ..Progress::default()
    };
    let flow = parallel::for_each(
        tasks,
        options.threads.get(),
        |task, buffer, send| task.read(scanner, discovery, buffer, send),
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
