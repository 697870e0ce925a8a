use std::{ops::ControlFlow, path::PathBuf, sync::Arc};

use super::{OnProgress, Options, Progress, run::Run};
use crate::{
    Name,
    discover::{Discovery, Found, Holds},
    entries::Entries,
    parallel,
    reconcile::{Job, Known},
    scan::{Candidate, Reading, Scanned, Scanner, Scratch},
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

/// Tasks whose results are reported together: a message to another thread costs about as much
/// as reading a short transcript.
const GROUP_TASKS_MAX: usize = 32;
/// No more than this is read before anything is reported.
const GROUP_BYTES_MAX: u64 = 1024 * 1024;

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

    /// How much room it takes in a group. What nobody knows beforehand takes all.
    fn weight(&self, discovery: &Discovery) -> u64 {
        let is_unknown = discovery.dirs.get(self.found.dir).is_none_or(|dir| {
            let name = dir.source.classify(&self.found.name);
            let is_compressed = matches!(name, Name::Transcript(name) if name.compressed);
            dir.holds == Holds::Sessions || is_compressed
        });
        if is_unknown { GROUP_BYTES_MAX } else { self.bytes(discovery) }
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
            Holds::Sessions => scanner.scan_session(dir, name, previous, scratch),
            Holds::Files => {
                scanner.scan(dir, name, previous, &self.candidates, scratch, &mut on_progress)
            }
        };
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
    let threads = options.threads.get();
    // Without other threads nothing is sent, and everything is told at once.
    let tasks_max = if threads == 1 { 1 } else { GROUP_TASKS_MAX };
    let groups: Vec<&[Task<'_>]> = groups(tasks, discovery, tasks_max).collect();
    let flow = parallel::for_each(
        &groups,
        threads,
        |group, scratch: &mut Scratch, send| read_group(group, scanner, discovery, scratch, send),
        |messages| {
            let mut flow = ControlFlow::Continue(());
            // What was read is taken in even if nothing more is wanted.
            for message in messages {
                match &message {
                    Message::Partial(_, reading) => progress.bytes_done += reading.bytes,
                    Message::Finished { bytes, .. } => {
                        progress.bytes_done += bytes;
                        progress.files_done += 1;
                    }
                }
                run.take(message);
                if flow.is_continue() {
                    flow = on_progress(progress);
                }
            }
            flow
        },
    );
    (flow, progress)
}

/// Divides tasks into groups that are worth a message.
fn groups<'t>(
    tasks: &'t [Task<'t>],
    discovery: &Discovery,
    tasks_max: usize,
) -> impl Iterator<Item = &'t [Task<'t>]> {
    let (mut tasks_before, mut bytes_before) = (0, 0);
    tasks.chunk_by(move |task, next| {
        tasks_before += 1;
        bytes_before += task.weight(discovery);
        let joins =
            tasks_before < tasks_max && bytes_before + next.weight(discovery) <= GROUP_BYTES_MAX;
        if !joins {
            (tasks_before, bytes_before) = (0, 0);
        }
        joins
    })
}

/// Reads the transcripts of a group, and reports them together.
fn read_group<'t>(
    group: &'t [Task<'t>],
    scanner: &Scanner<'_>,
    discovery: &Discovery,
    scratch: &mut Scratch,
    send: &mut dyn FnMut(Vec<Message<'t>>) -> ControlFlow<()>,
) {
    let mut messages = Vec::with_capacity(group.len());
    let mut flow = ControlFlow::Continue(());
    for task in group {
        task.read(scanner, discovery, scratch, &mut |message| {
            let is_partial = matches!(message, Message::Partial(..));
            messages.push(message);
            if is_partial {
                flow = send(std::mem::take(&mut messages));
            }
            flow
        });
        if flow.is_break() {
            return;
        }
    }
    // Whoever broke off does not want to hear more.
    send(messages).is_break();
}

#[cfg(test)]
mod tests {
    use common_fs::sim::Sim;

    use super::*;
    use crate::{Codex, Place, discover::discover, reconcile::reconcile};

    #[test]
    fn groups_are_bounded_and_in_order() {
        const MIB: usize = 1024 * 1024;
        let sim = Sim::new();
        let dir = "/h/sessions/2026/05/10";
        sim.fs.make_dir(dir);
        let put = |name: String, bytes| sim.fs.put(format!("{dir}/{name}"), &vec![b'x'; bytes]);
        (0..40).for_each(|number| put(format!("a{number:02}.jsonl"), 1));
        (0..3).for_each(|number| put(format!("b{number}.jsonl"), MIB / 2));
        put("c.jsonl".to_owned(), 2 * MIB);
        put("d.jsonl.zst".to_owned(), 1);
        put("e.jsonl.zst".to_owned(), 1);
        let places = [Place::new(&Codex, "/h")];
        let discovery = discover(&sim.fs, sim.host().clock, &places, 1);
        let entries = Entries::default();
        let plan = reconcile(&entries, &discovery);
        let tasks: Vec<Task<'_>> =
            plan.jobs.iter().filter_map(|job| Task::new(job, &discovery, &entries)).collect();
        let groups: Vec<Vec<String>> = groups(&tasks, &discovery, GROUP_TASKS_MAX)
            .map(|group| {
                let names = group.iter().filter_map(|task| task.path.file_stem());
                names.map(|name| name.to_string_lossy().into_owned()).collect()
            })
            .collect();
        let numbered =
            |numbers: std::ops::Range<u32>| numbers.map(|number| format!("a{number:02}"));
        let others = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let expected: Vec<Vec<String>> = vec![
            others(&["c"]),
            numbered(0..32).collect(),
            numbered(32..40).chain(["b0".to_owned()]).collect(),
            others(&["b1", "b2"]),
            others(&["d.jsonl"]),
            others(&["e.jsonl"]),
        ];
        assert_eq!(groups, expected);
    }
}
