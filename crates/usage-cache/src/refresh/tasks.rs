use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use common_fs::lines::Buffer;

use super::{OnProgress, Options, Progress, run::Run};
use crate::{
    discover::{Discovery, Found},
    parallel,
    reconcile::{Job, Known},
    scan::{Partial, Scanned, Scanner},
    store::Entries,
    transcript::Transcript,
};

/// A job with all that a reading thread needs for it.
pub(super) struct Task<'t> {
    pub(super) found: &'t Found,
    /// How well the transcript is known,
    pub(super) known: Known,
    /// and what is known of it.
    transcript: Option<Arc<Transcript>>,
    /// Whether reading goes on where the last one ended.
    resume: bool,
    /// What is known of transcripts that may be this one, under an earlier name.
    renamed_from: Vec<(PathBuf, Arc<Transcript>)>,
}

/// What a reading thread reports of a task.
pub(super) enum Message<'t> {
    /// It came further, by so many bytes.
    Partial { task: &'t Task<'t>, bytes: u64, transcript: Box<Transcript> },
    /// It is finished, so many bytes after the last message.
    Finished { task: &'t Task<'t>, bytes: u64, scanned: Scanned },
}

impl<'t> Task<'t> {
    pub(super) fn new(job: &Job, discovery: &'t Discovery, entries: &Entries) -> Option<Self> {
        let found = discovery.found.get(job.found)?;
        let transcript =
            |path: &PathBuf| entries.get(path).map(|entry| Arc::clone(&entry.transcript));
        let renamed = |path: &PathBuf| Some((path.clone(), transcript(path)?));
        Some(Self {
            found,
            known: job.known,
            transcript: transcript(&found.path),
            resume: job.resume,
            renamed_from: job.renamed_from.iter().filter_map(renamed).collect(),
        })
    }

    /// What the reading goes on from.
    fn previous(&self) -> Option<&Transcript> {
        self.transcript.as_deref().filter(|_| self.resume)
    }

    /// How much there is to read, as far as that is known beforehand.
    fn bytes(&self) -> u64 {
        let start = self.previous().map_or(0, |previous| previous.parsed_to);
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
        let mut left = self.bytes();
        let mut on_progress = |Partial { bytes, transcript }: Partial| {
            left = left.saturating_sub(bytes);
            send(Message::Partial { task: self, bytes, transcript })
        };
        let scanned = scanner.scan(
            dir.as_ref(),
            self.found,
            self.previous(),
            &self.renamed_from,
            buffer,
            &mut on_progress,
        );
        // Whoever broke off does not want to hear more.
        send(Message::Finished { task: self, bytes: left, scanned }).is_break();
    }
}

/// Reads the transcripts and lets `run` take in what is found.
pub(super) fn read_all<'t>(
    tasks: &'t [Task<'t>],
    scanner: &Scanner<'_>,
    discovery: &Discovery,
    options: &Options,
    run: &mut Run<'_>,
    on_progress: OnProgress<'_>,
) -> ControlFlow<()> {
    let mut progress = Progress {
        files_total: tasks.len() as u64,
        bytes_total: tasks.iter().map(Task::bytes).sum(),
        ..Progress::default()
    };
    parallel::for_each(
        tasks,
        options.threads.get(),
        |task, buffer, send| task.read(scanner, discovery, buffer, send),
        |message| {
            match &message {
                Message::Partial { bytes, .. } => progress.bytes_done += bytes,
                Message::Finished { bytes, .. } => {
                    progress.bytes_done += bytes;
                    progress.files_done += 1;
                }
            }
            run.take(message);
            on_progress(progress)
        },
    )
}
