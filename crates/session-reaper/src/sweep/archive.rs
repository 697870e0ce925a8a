//! Archiving some tasks, from writing them down to saying that they are done.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    time::Duration,
};

use common_fs::{
    DirEntry, FileKind, Stat,
    lock::{self, Lock},
    replace::ReplaceError,
};
use foldhash::HashSet;

use super::{
    Failure, Pace, Sweep, SweepError, Work,
    carry::Context,
    has_store,
    tasks::{Task, Victim},
};
use crate::{FileClass, How, Item, Move, Store, file_name::STORE, journal::Record, without};

/// For how long files are renamed while nobody else can write to the store. With reading a store of
/// 500 MB before and writing it afterwards, that is less than the ten seconds for which OpenClaw waits.
const RENAMING_MAX: Duration = Duration::from_secs(3);

/// The names of what has a lock.
type Locks = HashSet<Vec<u8>>;

/// The lock of a store, and the store.
pub(super) struct Locked<'s, 'd> {
    pub(super) lock: Lock<'d>,
    /// Its rows, and which file it was when it was read, if it can be trusted.
    pub(super) store: Option<(&'s Store<'s>, Stat)>,
}

/// What came of one attempt.
pub(super) enum Attempt<'l> {
    /// All is done but these tasks, which were not begun.
    Done(Vec<Task<'l>>),
    /// Everything is undone, as somebody has written to the store.
    StoreChanged(Vec<Task<'l>>),
}

/// A task that is not done.
struct Refused {
    why: SweepError,
    /// Whether all of it is as it was.
    is_undone: bool,
}

impl Work<'_> {
    /// Writes down, renames, replaces the store.
    pub(super) fn archive<'l>(
        &mut self,
        locked: Option<Locked<'_, '_>>,
        mut tasks: Vec<Task<'l>>,
        context: &Context<'_>,
        pace: &mut Pace<'_>,
        sweep: &mut Sweep,
    ) -> Result<Attempt<'l>, SweepError> {
        let files: Vec<Vec<Move>> = tasks.iter().map(|task| moves(task, context)).collect();
        let rows = locked.as_ref().and_then(|locked| Some(locked.store?.0));
        let number = self.write_down(rows, &tasks, &files, context)?;
        let locks = self.locks()?;
        let until = locked.as_ref().map(|_| self.host.clock.monotonic() + RENAMING_MAX);
        let is_over = || until.is_some_and(|until| until <= self.host.clock.monotonic());
        let (mut kept, mut is_settled, mut begun) = (BTreeSet::new(), true, 0);
        for (nth, task) in tasks.iter().enumerate() {
            // At least one, or it would never end.
            if (0 < nth && is_over()) || !pace.goes_on() {
                kept.extend(nth..tasks.len());
                break;
            }
            begun = nth + 1;
            let moves: &[Move] = files.get(nth).map_or(&[], Vec::as_slice);
            if let Err(refused) = self.rename_all(task, moves, &locks) {
                kept.insert(nth);
                is_settled &= refused.is_undone;
                sweep.refuse(task.name(), refused.why);
            }
            pace.step(task.files.len() as u64);
        }
        match self.commit(locked.as_ref(), &tasks, &kept) {
            Ok(()) => (),
            Err(SweepError::Replace(error @ ReplaceError::DurabilityUnknown { .. })) => {
                // It is there; and if a power cut takes it back, the journal knows.
                sweep.failures.push(Failure { what: STORE.to_owned(), error: error.into() });
            }
            Err(error) => {
                // What could not be undone is still in the journal, and the next sweep goes on with it.
                if self.undo_renames(&files, sweep) {
                    self.write_done(number, (0..tasks.len()).collect())?;
                }
                if let SweepError::Unlocked { .. } = error {
                    return Ok(Attempt::StoreChanged(tasks));
                }
                self.drop_all_copies(&tasks, context);
                return Err(error);
            }
        }
        // The store is as it is to be; nobody has to wait for the rest.
        drop(locked);
        let left = tasks.split_off(begun);
        let is_finished = self.finish_copies(&tasks, &files, &mut kept, sweep);
        for (nth, task) in tasks.iter().enumerate().filter(|(nth, _)| !kept.contains(nth)) {
            let sizes = files.get(nth).into_iter().flatten().map(|file| file.size_bytes);
            sizes.for_each(|bytes| sweep.archived_files.add(bytes));
            let row = task.row.as_ref().zip(rows);
            if let Some(row) = row.and_then(|((key, _), rows)| rows.row(key)) {
                sweep.archived_rows.add(row.size_bytes());
            }
        }
        if is_finished && is_settled {
            self.write_done(number, kept)?;
            return Ok(Attempt::Done(left));
        }
        // The next sweep finishes this first; until then, what is left of it is in the journal, too.
        self.drop_all_copies(&left, context);
        Ok(Attempt::Done(Vec::new()))
    }

    /// Writes down what is going to happen.
    fn write_down(
        &mut self,
        rows: Option<&Store<'_>>,
        tasks: &[Task<'_>],
        files: &[Vec<Move>],
        context: &Context<'_>,
    ) -> Result<Option<u64>, SweepError> {
        if tasks.is_empty() {
            return Ok(None);
        }
        let sweep = self.journal.journal().next_sweep();
        let items = tasks.iter().zip(files).map(|(task, files)| {
            let row = task.row.as_ref().zip(rows);
            let row = row.and_then(|((key, _), rows)| Some(rows.removed(rows.row(key)?)));
            Item { row, files: files.clone() }
        });
        let items = (0_u32..).zip(items).map(|(nth, item)| Record::Item { sweep, nth, item });
        let begin = Record::Begin { sweep, at_ms: context.now.unix_millis() };
        self.journal.append([begin].into_iter().chain(items).chain([Record::Ready { sweep }]))?;
        Ok(Some(sweep))
    }

    fn write_done(&mut self, number: Option<u64>, kept: BTreeSet<usize>) -> Result<(), SweepError> {
        let Some(sweep) = number else { return Ok(()) };
        let kept = kept.into_iter().filter_map(|nth| u32::try_from(nth).ok()).collect();
        self.journal.append([Record::Done { sweep, kept }])
    }

    /// Renames the files of a task; all of them, or, if one cannot be, none.
    fn rename_all(&self, task: &Task<'_>, files: &[Move], locks: &Locks) -> Result<(), Refused> {
        for (nth, (victim, file)) in task.files.iter().zip(files).enumerate() {
            let done = self.check(victim, locks).and_then(|()| match file.how {
                // Its copy is complete; the file goes when the row is gone.
                How::Compress { .. } => Ok(()),
                How::Rename => self.rename(victim, file),
            });
            if let Err(why) = done {
                let renamed = files.iter().take(nth).filter(|file| file.how == How::Rename);
                // All of them, whatever comes of one.
                let stuck = renamed.filter(|file| self.moves.undo(file).is_err()).count();
                let is_undone = stuck == 0;
                return Err(Refused { why, is_undone });
            }
        }
        Ok(())
    }

    fn rename(&self, victim: &Victim<'_>, file: &Move) -> Result<(), SweepError> {
        let rename = || self.moves.rename_away(&file.from, &file.to, file.folder);
        if let FileClass::TranscriptLock { .. } = victim.class {
            let name = OsStr::new(&file.from);
            if lock::with_stale(self.host, self.dir, name, rename)? {
                return Ok(());
            }
            return Err(self.changed(victim, "is held now"));
        }
        Ok(rename()?)
    }

    /// Whether a file still is what it was when the plan was made, and nobody has it locked.
    fn check(&self, victim: &Victim<'_>, locks: &Locks) -> Result<(), SweepError> {
        let fact = victim.fact;
        let now = match self.dir.stat(OsStr::new(&victim.from)) {
            Ok(stat) => stat,
            Err(error) if error.is_not_found() => return Err(self.changed(victim, "is gone")),
            Err(error) => return Err(error.into()),
        };
        let is_same = now.id == fact.id
            && (fact.kind == FileKind::Dir
                || (now.size_bytes, now.modified) == (fact.size_bytes, fact.modified));
        if !is_same {
            return Err(self.changed(victim, "has changed since it was looked at"));
        }
        if let FileClass::Transcript { .. } | FileClass::Companion { .. } = victim.class
            && locks.contains(victim.from.as_bytes())
        {
            let name = OsString::from(format!("{}.lock", victim.from));
            if let lock::Verdict::Held(_) = lock::inspect(self.host, self.dir, &name)? {
                return Err(self.changed(victim, "is locked now"));
            }
        }
        Ok(())
    }

    /// The names of what has a lock now. One listing is less than one look for each transcript.
    fn locks(&self) -> Result<Locks, SweepError> {
        if !has_store(self.place.layout) {
            return Ok(Locks::default());
        }
        let entries = self.dir.list()?;
        let locked = |entry: &DirEntry| {
            entry.name.as_encoded_bytes().strip_suffix(b".lock").map(<[u8]>::to_vec)
        };
        Ok(entries.iter().filter_map(locked).collect())
    }

    fn changed(&self, victim: &Victim<'_>, why: &'static str) -> SweepError {
        SweepError::Changed { path: self.dir.path().join(&victim.from), why }
    }

    /// Makes the renames last, and replaces the store by one without the rows that go.
    fn commit(
        &self,
        locked: Option<&Locked<'_, '_>>,
        tasks: &[Task<'_>],
        kept: &BTreeSet<usize>,
    ) -> Result<(), SweepError> {
        self.moves.sync()?;
        let going = tasks.iter().enumerate().filter(|(nth, _)| !kept.contains(nth));
        let keys: HashSet<&str> =
            going.filter_map(|(_, task)| Some(task.row.as_ref()?.0.as_str())).collect();
        match locked.and_then(|locked| Some((locked.store?, &locked.lock))) {
            Some(((rows, stat), lock)) if !keys.is_empty() => {
                self.replace_store(&without(rows, |key| keys.contains(key)), Some(&stat), lock)
            }
            _ => Ok(()),
        }
    }

    /// Whether all could be undone.
    fn undo_renames(&self, files: &[Vec<Move>], sweep: &mut Sweep) -> bool {
        let failures = sweep.failures.len();
        for file in files.iter().flatten().filter(|file| file.how == How::Rename) {
            if let Err(error) = self.moves.undo(file) {
                sweep.failures.push(Failure { what: file.from.clone(), error });
            }
        }
        sweep.failures.len() == failures
    }

    /// Lets compressed copies take the place of the files that go, and drops the others; whether that
    /// was possible for all.
    fn finish_copies(
        &self,
        tasks: &[Task<'_>],
        files: &[Vec<Move>],
        kept: &mut BTreeSet<usize>,
        sweep: &mut Sweep,
    ) -> bool {
        let (mut any, mut is_finished) = (false, true);
        for (nth, (task, files)) in tasks.iter().zip(files).enumerate() {
            for file in files.iter().filter(|file| file.how != How::Rename) {
                any = true;
                let finished = if kept.contains(&nth) {
                    self.moves.undo(file)
                } else {
                    self.moves.finish(file)
                };
                if let Err(error) = finished {
                    let was_changed = matches!(error, SweepError::Changed { .. });
                    is_finished &= was_changed;
                    sweep.refuse(file.from.clone(), error);
                    if was_changed && task.row.is_none() {
                        kept.insert(nth);
                    }
                }
            }
        }
        if any && let Err(error) = self.moves.sync() {
            is_finished = false;
            sweep.refuse(self.dir.path().display().to_string(), error.into());
        }
        is_finished
    }
}

impl Sweep {
    /// Notes that something stays: in peace if somebody uses it, or as a failure.
    pub(super) fn refuse(&mut self, what: String, error: SweepError) {
        match error {
            SweepError::Changed { .. } => self.changed.push(what),
            error => self.failures.push(Failure { what, error }),
        }
    }
}

fn moves(task: &Task<'_>, context: &Context<'_>) -> Vec<Move> {
    let moves = task.files.iter().map(|file| Move {
        from: file.from.clone(),
        to: file.to.clone(),
        folder: context.orders.options.folder,
        id: file.fact.id,
        size_bytes: file.fact.size_bytes,
        modified_ns: file.fact.modified.unix_nanos(),
        how: file.copy.clone().map_or(How::Rename, |copy| How::Compress { copy }),
    });
    moves.collect()
}
