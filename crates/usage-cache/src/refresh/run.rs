use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use common_fs::{Clock, Timestamp};

use super::{
    Options, Work,
    tasks::{Message, Task},
};
use crate::{
    CacheProblem, Key,
    checkpoint::{Action, Checkpoint, Event},
    discover::Discovery,
    entries::{Entries, Superseded},
    models::Models,
    reconcile::{Known, Plan, Standing, reconcile},
    scan::{Reading, Scanned},
    sessions::{FoundDatabase, KnownDatabase},
    store::{Complete, Saver},
    transcript::Transcript,
};

/// A refresh that is being carried out: takes in what the readers find, and saves it in
/// batches.
pub(super) struct Run<'r> {
    clock: &'r dyn Clock,
    models: &'r Mutex<Models>,
    pub(super) entries: Entries,
    pub(super) standing: Standing,
    pub(super) work: Work,
    pub(super) problems: Vec<CacheProblem>,
    /// Without one, nothing is saved.
    saver: Option<Saver<'r>>,
    /// The file is not what we saved any more.
    lost: bool,
    checkpoint: Checkpoint,
    /// Paths whose record in the cache file is out of date.
    changed: Vec<PathBuf>,
    /// What was found, if all of it is known.
    complete: Option<Key>,
    /// The same, if it was saved.
    pub(super) saved: Option<Complete>,
}

impl<'r> Run<'r> {
    pub(super) fn new(
        clock: &'r dyn Clock,
        options: &Options,
        models: &'r Mutex<Models>,
        entries: Entries,
        standing: Standing,
        saver: Option<Saver<'r>>,
    ) -> Self {
        Self {
            clock,
            models,
            entries,
            standing,
            work: Work::default(),
            problems: Vec::new(),
            saver,
            lost: false,
            checkpoint: Checkpoint::new(options.checkpoint, clock.monotonic()),
            changed: Vec::new(),
            complete: None,
            saved: None,
        }
    }

    /// Takes in what is known without reading: which transcripts are gone, and which are back.
    pub(super) fn take_known(&mut self, plan: &Plan) {
        let now = self.clock.now();
        for path in &plan.gone {
            self.set_gone(path, Some(now));
        }
        for path in &plan.returned {
            self.set_gone(path, None);
        }
        if !self.changed.is_empty() {
            self.step(Event::Changed);
        }
    }

    fn set_gone(&mut self, path: &Path, gone_since: Option<Timestamp>) {
        if let Some(entry) = self.entries.get(path) {
            let transcript = Transcript { gone_since, ..Transcript::clone(&entry.transcript) };
            self.put(path, transcript, Vec::new());
        }
    }

    fn put(&mut self, path: &Path, transcript: Transcript, superseded: Vec<Superseded>) {
        self.changed.push(path.to_owned());
        self.entries.put(path, transcript, superseded);
    }

    /// Takes in what a reader found.
    pub(super) fn take(&mut self, message: Message<'_>) {
        match message {
            Message::Partial(task, Reading { transcript, bytes, superseded }) => {
                self.work.scanned_bytes += bytes;
                if self.is_more(task, &transcript, &superseded) {
                    self.put(&task.path, *transcript, superseded);
                    self.step(Event::Changed);
                }
            }
            Message::Finished { task, scanned, .. } => self.take_finished(task, scanned),
        }
    }

    /// Whether a reading that is not finished knows more than what was known before: that must
    /// not become less because a transcript is read again, and that is broken off.
    fn is_more(&self, task: &Task<'_>, new: &Transcript, superseded: &[Superseded]) -> bool {
        let earlier = superseded.iter().map(|earlier| earlier.path.as_path());
        let known = [task.path.as_path()].into_iter().chain(earlier);
        let mut known = known.filter_map(|path| self.entries.get(path));
        task.known != Known::Fresh && known.all(|known| known.transcript.parsed_to <= new.parsed_to)
    }

    fn take_finished(&mut self, task: &Task<'_>, scanned: Scanned) {
        match scanned {
            Scanned::Done(Reading { transcript, bytes, superseded }) => {
                self.standing.subtract(task.known);
                self.standing.add(Known::Fresh);
                self.work.scanned_files += 1;
                self.work.scanned_bytes += bytes;
                self.put(&task.path, *transcript, superseded);
                self.step(Event::Scanned);
            }
            Scanned::Vanished => {
                self.standing.subtract(task.known);
                if task.known != Known::Unknown {
                    self.set_gone(&task.path, Some(self.clock.now()));
                    self.step(Event::Changed);
                }
            }
            Scanned::Failed(error) => {
                self.standing.unreadable.push(error);
                self.doubt(task);
            }
            Scanned::Unsteady | Scanned::Interrupted => self.doubt(task),
        }
    }

    /// What was believed to be known could not be confirmed.
    fn doubt(&mut self, task: &Task<'_>) {
        if task.known == Known::Fresh {
            self.standing.subtract(Known::Fresh);
            self.standing.add(Known::Stale);
        }
    }

    /// Saves the rest.
    pub(super) fn finish(&mut self, discovery: &Discovery) {
        self.remember_databases(discovery);
        if self.checkpoint.is_dirty() && self.standing.unreadable.is_empty() {
            let is_racy = discovery.databases.iter().any(|database| database.looks.is_racy());
            let is_complete = !is_racy && reconcile(&self.entries, discovery).is_nothing();
            self.complete = discovery.key().filter(|_| is_complete);
        }
        self.step(Event::Finished);
        if let Some(saver) = &self.saver {
            let written = saver.written();
            self.work.writes = written.writes;
            self.work.written_bytes = written.bytes;
            self.saved = saver.complete();
        }
    }

    /// What databases look like is worth keeping if all that is in them is known, and if
    /// something is saved anyway or nobody has written for a while.
    fn remember_databases(&mut self, discovery: &Discovery) {
        let listed = discovery.databases.iter().filter(|database| database.was_listed);
        for FoundDatabase { path, looks, .. } in listed {
            let saves = self.checkpoint.is_dirty() || 0 < self.work.scanned_files;
            if (saves || looks.has_settled()) && self.knows_all_of(discovery, path) {
                let known = KnownDatabase::new(*looks, path, &self.entries);
                self.entries.databases.insert(path.clone(), known);
                self.changed.push(path.clone());
                self.step(Event::Changed);
            }
        }
    }

    fn knows_all_of(&self, discovery: &Discovery, database: &Path) -> bool {
        let Some(dir) = discovery.dirs.iter().position(|dir| dir.path == *database) else {
            return false;
        };
        let known = self.entries.dir(database);
        discovery.found.iter().filter(|found| found.dir == dir).all(|found| {
            let entry = known.and_then(|known| known.get(&found.name));
            entry.is_some_and(|entry| {
                let Transcript { fingerprint, complete, gone_since, .. } = &*entry.transcript;
                // One that was read after it was listed may know more.
                *complete && gone_since.is_none() && found.stat.size_bytes <= fingerprint.size_bytes
            })
        })
    }

    fn step(&mut self, event: Event) {
        if self.checkpoint.step(event, self.clock.monotonic()) == Action::Continue {
            return;
        }
        let Some(saver) = self.saver.as_mut().filter(|_| !self.lost) else {
            self.changed.clear();
            return;
        };
        // A transcript that is read for long comes more than once. Paths would be compared name by
        // name, which takes longer.
        self.changed.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
        self.changed.dedup();
        // The readers ask for models all the time, and must not wait for a disk.
        let models = self.models.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match saver.save(&mut self.entries, &models, &self.changed, self.complete) {
            Ok(()) => {
                self.changed.clear();
                self.checkpoint.saved(self.clock.monotonic());
            }
            Err(problem) => {
                // Somebody else's file is not ours to try again; of other failures the first
                // says enough.
                if let CacheProblem::Changed { .. } = problem {
                    self.lost = true;
                }
                if self.problems.is_empty() {
                    self.problems.push(problem);
                }
            }
        }
    }
}
