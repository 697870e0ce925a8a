use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::{
    Access, Dir, FsError, Host, Overwrite, ProcessId,
    append::{AppendError, append},
    lock::{Guard, TryGuard},
    replace::{FileMode, ReplaceError, Replacement},
    temp,
};

use super::{
    CacheProblem, LOCK_ATTEMPTS, LOCK_PAUSE, Loaded, OnDisk, RECORD_BYTES_MAX, SaveError, Seen,
    format::{self, Complete},
    lock_name,
    problem::set_aside,
};
use crate::{
    Key,
    entries::{Entries, Entry, Saved},
    log::EventLog,
    models::Models,
    wire::{Sealed, fold_sums},
};

/// A file is compacted when clearly more than half of it is out of date, but not for less than
/// this. When each record was replaced once, it is not: that is what every refresh of an active
/// machine comes to.
const GARBAGE_BYTES_MIN: u64 = 64 * 1024;

fn is_worth_compacting(live_bytes: u64, garbage_bytes: u64) -> bool {
    GARBAGE_BYTES_MIN < garbage_bytes && live_bytes + live_bytes / 4 < garbage_bytes
}

/// That takes a look at all entries, so it is done first and then when the file is longer by this
/// part.
const JUDGED_AGAIN_AFTER: u64 = 8;

/// How much is handed to the file system at once when the file is replaced.
const WRITE_BYTES: usize = 256 * 1024;

/// More files than ever stand in the way.
const SET_ASIDE_MAX: u32 = 100;

/// Each change is merged into what was before when the file is loaded.
const DELTAS_MAX: u32 = 32;

/// Saves to the cache file, while nobody else does.
pub(crate) struct Saver<'d> {
    dir: &'d dyn Dir,
    name: OsString,
    guard: Guard<'d>,
    owner: ProcessId,
    on_disk: OnDisk,
    /// The [sums](fold_sums) of the lines on disk.
    sums: u64,
    /// What the last line on disk says, if that all is known.
    complete: Option<Complete>,
    /// How long the file was when it was last judged whether it is worth compacting.
    judged_bytes: u64,
    written: Written,
}

/// What saving has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) writes: u64,
    pub(crate) bytes: u64,
}

impl<'d> Saver<'d> {
    /// Takes the right to save to the file `name` in `dir`; `None` if another process has it.
    pub(crate) fn acquire(
        host: Host<'_>,
        dir: &'d dyn Dir,
        name: &OsStr,
        loaded: &Loaded,
    ) -> Result<Option<Self>, FsError> {
        let lock = lock_name(name);
        let mut attempts = 1;
        let guard = loop {
            match Guard::try_acquire(dir, &lock)? {
                TryGuard::Acquired(guard) => break guard,
                TryGuard::Held if attempts == LOCK_ATTEMPTS => return Ok(None),
                TryGuard::Held => host.clock.sleep(LOCK_PAUSE),
            }
            attempts += 1;
        };
        let owner = host.processes.identity().process;
        // What cannot be swept now is swept another time.
        temp::sweep_orphans(dir, host.processes, host.clock.now()).ok();
        let written = Written::default();
        let (name, on_disk, sums) = (name.to_owned(), loaded.on_disk, loaded.sums);
        Ok(Some(Self {
            dir,
            name,
            guard,
            owner,
            on_disk,
            sums,
            complete: None,
            judged_bytes: 0,
            written,
        }))
    }

    /// Whether the file is still as it was loaded.
    pub(crate) fn is_unchanged(&self) -> Result<bool, FsError> {
        let found = match self.dir.stat(&self.name) {
            Ok(stat) => Some(Seen { id: stat.id, size_bytes: stat.size_bytes }),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        Ok(match self.on_disk {
            OnDisk::Absent => found.is_none(),
            OnDisk::Append(seen) | OnDisk::Replace(seen) | OnDisk::SetAside(seen) => {
                found == Some(seen)
            }
            OnDisk::InDoubt | OnDisk::Untouchable => found.is_some(),
        })
    }

    /// The file was loaded again and looks like this now.
    pub(crate) fn reloaded(&mut self, loaded: &Loaded) {
        (self.on_disk, self.sums) = (loaded.on_disk, loaded.sums);
    }

    pub(crate) fn written(&self) -> Written {
        self.written
    }

    /// What was saved last, if that all is known.
    pub(crate) fn complete(&self) -> Option<Complete> {
        self.complete
    }

    /// Saves the entries at `changed`, where no path comes twice; paths without an entry are
    /// forgotten. With `found`, that all of that is known then.
    pub(crate) fn save(
        &mut self,
        entries: &mut Entries,
        models: &Models,
        changed: &[PathBuf],
        found: Option<Key>,
    ) -> Result<(), CacheProblem> {
        let unsaved = |error: FsError| CacheProblem::NotSaved(error.into());
        if !(self.guard.is_valid().map_err(unsaved)? && self.is_unchanged().map_err(unsaved)?) {
            return Err(CacheProblem::Changed { path: self.dir.path().join(&self.name) });
        }
        self.complete = None;
        let saved = match self.on_disk {
            OnDisk::Untouchable => return Ok(()),
            OnDisk::Append(seen) => self.append(entries, models, (changed, found), seen),
            OnDisk::SetAside(_) => {
                self.set_aside().and_then(|()| self.replace(entries, models, found))
            }
            OnDisk::Absent | OnDisk::Replace(_) | OnDisk::InDoubt => {
                self.replace(entries, models, found)
            }
        };
        saved.map_err(CacheProblem::NotSaved)
    }

    /// Saves everything anew: at once, or not at all.
    pub(crate) fn rewrite(
        &mut self,
        entries: &mut Entries,
        models: &Models,
        found: Option<Key>,
    ) -> Result<(), CacheProblem> {
        let path = self.dir.path().join(&self.name);
        let unsaved = |error: FsError| CacheProblem::NotSaved(error.into());
        if !(self.guard.is_valid().map_err(unsaved)? && self.is_unchanged().map_err(unsaved)?) {
            return Err(CacheProblem::Changed { path });
        }
        self.complete = None;
        let aside = match self.on_disk {
            OnDisk::Untouchable => return Err(CacheProblem::Changed { path }),
            OnDisk::SetAside(_) => self.set_aside(),
            OnDisk::Absent | OnDisk::Append(_) | OnDisk::Replace(_) | OnDisk::InDoubt => Ok(()),
        };
        let saved = aside.and_then(|()| self.replace(entries, models, found));
        saved.map_err(CacheProblem::NotSaved)
    }

    fn append(
        &mut self,
        entries: &mut Entries,
        models: &Models,
        (changed, found): (&[PathBuf], Option<Key>),
        seen: Seen,
    ) -> Result<(), SaveError> {
        let (mut lines, mut removed) = (Vec::new(), Vec::new());
        let (mut saved, mut databases) = (Vec::new(), Vec::new());
        let mut has_all = true;
        for path in changed {
            if let Some(known) = entries.databases.get(path) {
                databases.extend(format::database_line(path, known).line);
                continue;
            }
            match entries.get(path).map(|entry| line(path, entry, models)) {
                Some(Some((line, now))) => {
                    lines.extend(line);
                    saved.push((path, now));
                }
                // Nobody could read it.
                Some(None) => has_all = false,
                None => removed.extend(format::removed_line(path).line),
            }
        }
        // If a crash keeps a part of this, it is not the part that makes a path forgotten whose
        // transcript is recorded under another one.
        lines.extend(removed);
        // The same is true of what is only right if all else is there.
        lines.extend(databases);
        let all_found = found.filter(|_| has_all && knows_all(entries, &saved));
        let (sums, complete) = complete(&mut lines, self.sums, all_found);
        let new_len = seen.size_bytes + lines.len() as u64;
        if self.judged_bytes + self.judged_bytes / JUDGED_AGAIN_AFTER <= new_len {
            let live = live_bytes(entries, &saved);
            if is_worth_compacting(live, new_len.saturating_sub(live)) {
                return self.replace(entries, models, found);
            }
            self.judged_bytes = new_len;
        }
        // If this fails half-way, what is on disk is unknown until the file is replaced.
        self.on_disk = OnDisk::InDoubt;
        let file = self.dir.open(&self.name, Access::Append)?;
        match append(file.as_ref(), &lines) {
            Ok(()) => self.on_disk = OnDisk::Append(Seen { size_bytes: new_len, ..seen }),
            Err(error @ AppendError::Undone(_)) => {
                self.on_disk = OnDisk::Append(seen);
                return Err(error.into());
            }
            Err(error @ AppendError::InDoubt(_)) => return Err(error.into()),
        }
        (self.sums, self.complete) = (sums, complete);
        self.written.writes += 1;
        self.written.bytes += lines.len() as u64;
        for (path, now) in saved {
            if let Some(entry) = entries.get_mut(path) {
                entry.is_saved(now);
            }
        }
        Ok(())
    }

    /// Writes a new file with all entries, sorted by path.
    fn replace(
        &mut self,
        entries: &mut Entries,
        models: &Models,
        found: Option<Key>,
    ) -> Result<(), SaveError> {
        let mut file = Replacement::begin(self.dir, &self.name, self.owner, FileMode::Private)?;
        let mut lines = format::header();
        let (mut bytes, mut sums) = (0, 0);
        let databases = entries.databases.iter();
        let databases = databases.flat_map(|(path, known)| format::database_line(path, known).line);
        let mut rest: Vec<u8> = databases.collect();
        rest.extend(entries.ledger.into_iter().flat_map(|ledger| format::ledger_line(ledger).line));
        let imported = entries.imported.iter();
        let imported = imported.map(|imported| format::imported_line(imported, models).line);
        let imported = imported.filter(|line| line.len() <= RECORD_BYTES_MAX);
        let imported: Vec<Vec<u8>> = imported.collect();
        let imported_bytes = imported.iter().map(|line| line.len() as u64).sum();
        let mut sorted = entries.sorted_mut();
        let mut saved = Vec::with_capacity(sorted.len());
        for (path, entry) in &sorted {
            let written = full(path, entry, models);
            saved.push(written.map(|(line, now)| {
                lines.extend(line);
                now
            }));
            if WRITE_BYTES <= lines.len() {
                file.write(&lines)?;
                sums = fold_sums(sums, &lines);
                bytes += lines.len() as u64;
                lines.clear();
            }
        }
        for line in imported {
            rest.extend(line);
            if WRITE_BYTES <= rest.len() {
                lines.append(&mut rest);
                file.write(&lines)?;
                sums = fold_sums(sums, &lines);
                bytes += lines.len() as u64;
                lines.clear();
            }
        }
        lines.extend(rest);
        let all_found = found.filter(|_| saved.iter().all(Option::is_some));
        let (sums, complete) = complete(&mut lines, sums, all_found);
        file.write(&lines)?;
        bytes += lines.len() as u64;
        let committed = file.commit();
        if let Err(ReplaceError::NotCommitted { .. }) = &committed {
            return Ok(committed?);
        }
        for ((_, entry), now) in sorted.iter_mut().zip(saved) {
            match now {
                Some(now) => entry.is_saved(now),
                None => entry.saved = None,
            }
        }
        entries.imported_bytes = imported_bytes;
        let stat = self.dir.stat(&self.name)?;
        (self.sums, self.complete) = (sums, complete);
        self.on_disk = OnDisk::Append(Seen { id: stat.id, size_bytes: stat.size_bytes });
        self.judged_bytes = stat.size_bytes;
        self.written.writes += 1;
        self.written.bytes += bytes;
        Ok(committed?)
    }

    fn set_aside(&mut self) -> Result<(), SaveError> {
        let mut attempt = 0;
        loop {
            let aside = set_aside(Path::new(&self.name), attempt);
            attempt += 1;
            match self.dir.rename(&self.name, aside.as_os_str(), Overwrite::Refuse) {
                Ok(()) => break,
                Err(error) if error.is_already_exists() && attempt < SET_ASIDE_MAX => (),
                Err(error) => return Err(error.into()),
            }
        }
        self.on_disk = OnDisk::Absent;
        Ok(())
    }
}

/// Takes the sums of lines into those of the lines before, and adds the line that says that all
/// that was found is known then.
fn complete(lines: &mut Vec<u8>, sums: u64, found: Option<Key>) -> (u64, Option<Complete>) {
    let before = fold_sums(sums, lines);
    let Some(found) = found else { return (before, None) };
    let complete = Complete { found, before };
    let line = format::complete_line(complete).line;
    lines.extend_from_slice(&line);
    (fold_sums(before, &line), Some(complete))
}

impl Entry {
    fn is_saved(&mut self, saved: Saved) {
        self.saved = Some(saved);
        self.superseded.clear();
    }
}

/// Whether the file would know all entries, if `saved` were in it.
fn knows_all(entries: &Entries, saved: &[(&PathBuf, Saved)]) -> bool {
    let unsaved = entries.values().filter(|entry| entry.saved.is_none()).count();
    let is_new = |path: &Path| entries.get(path).is_some_and(|entry| entry.saved.is_none());
    saved.iter().filter(|(path, _)| is_new(path)).count() == unsaved
}

/// What the file would hold of live records, if `saved` were in it.
fn live_bytes(entries: &Entries, saved: &[(&PathBuf, Saved)]) -> u64 {
    let of = |saved: &Saved| saved.full_bytes + saved.delta_bytes;
    let before: u64 = entries.values().filter_map(|entry| entry.saved.as_ref()).map(of).sum();
    let replaced = saved.iter().filter_map(|(path, _)| entries.get(path)?.saved.as_ref());
    let after: u64 = saved.iter().map(|(_, saved)| of(saved)).sum();
    before - replaced.map(of).sum::<u64>() + after + entries.imported_bytes
}

/// The shortest line that brings the file up to date with an entry, and what is saved then;
/// `None` if it would be too long.
fn line(path: &Path, entry: &Entry, models: &Models) -> Option<(Vec<u8>, Saved)> {
    let Some(before) = &entry.saved else { return full(path, entry, models) };
    let (now, then) = (&entry.transcript, &before.transcript);
    let changed = now.rollup.since(&then.rollup).zip(now.log.since(&then.log));
    let Some((buckets, events)) = changed else { return full(path, entry, models) };
    let changed = (&buckets[..], &EventLog::new(&events));
    let Sealed { line, sum } = format::delta_line(path, entry, changed, before.sum, models);
    let bytes = line.len() as u64;
    let delta_bytes = before.delta_bytes + bytes;
    // A reader has to go through all changes; a record of all that is known ends them.
    if before.full_bytes <= delta_bytes || before.deltas == DELTAS_MAX {
        return full(path, entry, models);
    }
    let (transcript, deltas) = (Arc::clone(&entry.transcript), before.deltas + 1);
    Some((line, Saved { transcript, sum, full_bytes: before.full_bytes, delta_bytes, deltas }))
}

/// The line with all that is known, and what is saved then; `None` if it would be too long.
fn full(path: &Path, entry: &Entry, models: &Models) -> Option<(Vec<u8>, Saved)> {
    let Sealed { line, sum } = format::full_line(path, entry, models);
    let full_bytes = line.len() as u64;
    let transcript = Arc::clone(&entry.transcript);
    let saved = Saved { transcript, sum, full_bytes, delta_bytes: 0, deltas: 0 };
    (line.len() <= RECORD_BYTES_MAX).then_some((line, saved))
}

#[cfg(test)]
mod tests {
    use std::{fmt::Write as _, ops::ControlFlow, time::Duration};

    use common_fs::sim::Sim;

    use crate::{Claude, Locations, Options, Place, Prices, Query, Zone, refresh};

    /// So many answers need a record that is too long in these tests.
    const MANY: u64 = 8_000;

    fn answers(numbers: std::ops::Range<u64>) -> String {
        numbers.fold(String::new(), |mut lines, number| {
            writeln!(
                lines,
                "{{\"type\":\"assistant\",\"timestamp\":\"2026-05-10T12:00:00Z\",\
                 \"requestId\":\"r{number}\",\"message\":{{\"id\":\"m{number}\",\
                 \"model\":\"m\",\"usage\":{{\"output_tokens\":1}}}}}}"
            )
            .unwrap();
            lines
        })
    }

    #[test]
    fn a_transcript_whose_record_would_be_too_long_is_read_every_time() {
        let sim = Sim::new();
        let dir = "/h/.claude/projects/p";
        sim.fs.make_dir(dir);
        sim.fs.put(format!("{dir}/long.jsonl"), answers(0..MANY).as_bytes());
        sim.fs.put(format!("{dir}/short.jsonl"), answers(MANY..MANY + 1).as_bytes());
        let places = vec![Place::new(&Claude, "/h/.claude")];
        let options = Options::new(Locations::new(places, "/state".as_ref()));
        let mut expected = MANY + 1;
        for step in 0..4 {
            sim.clock.advance(Duration::from_mins(1));
            let refreshed = refresh(sim.host(), &options, &mut |_| ControlFlow::Continue(()));
            assert_eq!(refreshed.problems.len(), 0, "{:?}", refreshed.problems);
            let query = Query::all(Zone::utc());
            let events = refreshed.usage.summary(&query, &Prices::none()).totals.events;
            assert_eq!(events, expected, "at step {step}");
            if step == 1 {
                // Something else is saved beside it.
                let more = answers(expected..expected + 1);
                sim.fs.append(format!("{dir}/short.jsonl"), more.as_bytes());
                expected += 1;
            }
        }
    }
}
