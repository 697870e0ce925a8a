//! Putting back what was archived.

use std::{cmp::Reverse, collections::BTreeMap, ffi::OsStr, time::Duration};

use common_fs::{Access, Dir, FileKind, FsError, Host, Overwrite, Timestamp, lock::Lock};

use crate::{
    Archive, ArchivedFile, Failure, Item, Place, Removed, Store, SweepError, Total,
    copy::{Direction, copy, holds_same},
    file_name::ARCHIVE_FOLDER,
    insert,
    journal::Record,
    listing::{RawStore, read_store},
    sweep::{Work, has_store, remove, with_guard},
};

/// What came of a restore.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Restored {
    /// The keys of the rows that are back.
    pub rows: Vec<String>,
    /// The names of the files that are back.
    pub files: Vec<String>,
    /// How many files that are, and how long.
    pub total: Total,
    /// What could not be put back; it stays archived.
    pub failures: Vec<Failure>,
}

/// Puts archives back where they were: files by their former names, then rows as they stood.
///
/// What was restored counts as just used, so that the next sweep does not take it again at once.
/// Nothing is overwritten: what is there by now stays, and so does the archive.
///
/// # Errors
///
/// Fails if nothing could be done at all, or if the files are back and the store could not be
/// replaced; then the rows can be restored later.
pub fn restore<'a>(
    host: Host<'_>,
    place: &Place,
    archives: impl IntoIterator<Item = &'a Archive>,
    lock_wait: Duration,
) -> Result<Restored, SweepError> {
    if let Some(database) = place.database.clone() {
        return Err(SweepError::Database { database });
    }
    let dir = place.open(host.fs)?;
    with_guard(host, place, dir.as_ref(), |mut work| {
        let (_, failures) = work.recover(lock_wait)?;
        let archives: Vec<&Archive> = archives.into_iter().collect();
        let mut restored = work.restore(&archives, lock_wait)?;
        restored.failures.extend(failures);
        Ok(restored)
    })
}

/// Where something is in the journal: the sweep and the item.
type Entry = (u64, u32);

impl Work<'_> {
    fn restore(
        &mut self,
        archives: &[&Archive],
        lock_wait: Duration,
    ) -> Result<Restored, SweepError> {
        // Before any file moves: if the lock cannot be had, nothing has happened.
        let has_rows = archives.iter().any(|archive| archive.key.is_some());
        let lock = (has_rows && has_store(self.place.layout))
            .then(|| self.lock_store(lock_wait))
            .transpose()?;
        let raw = if lock.is_some() { read_store(self.dir)? } else { RawStore::None };
        let store = self.trusted(&raw)?.unwrap_or_else(Store::empty);
        let mut restored = Restored::default();
        let mut back = self.restore_files(archives, &mut restored);
        self.moves.sync()?;
        if let Some(lock) = lock {
            let taken = self.restore_rows(&back, &store, &raw, &lock, &mut restored)?;
            back.retain(|entry| !taken.contains(entry));
        }
        let mut by_sweep = BTreeMap::<u64, Vec<u32>>::new();
        for (sweep, nth) in back {
            by_sweep.entry(sweep).or_default().push(nth);
        }
        if !by_sweep.is_empty() {
            let records =
                by_sweep.into_iter().map(|(sweep, items)| Record::Restored { sweep, items });
            self.journal.append(records)?;
        }
        // What somebody put back who was interrupted may have been archived anew since.
        let moves = &self.moves;
        let is_gone =
            |item: &Item| item.row.is_none() && item.files.iter().all(|file| moves.is_gone(file));
        self.journal.tidy(self.host, |_, item| is_gone(item))?;
        // The folder of archives is ours: it goes when nothing is in it.
        self.dir.remove_dir(OsStr::new(ARCHIVE_FOLDER)).ok();
        Ok(restored)
    }

    /// Puts files back, and says which entries of the journal are complete.
    fn restore_files(&self, archives: &[&Archive], restored: &mut Restored) -> Vec<Entry> {
        let mut complete = Vec::new();
        for archive in archives {
            let failures = restored.failures.len();
            for file in &archive.files {
                match self.put_back(file) {
                    Ok(()) => {
                        restored.files.push(file.of.clone());
                        restored.total.add(file.size_bytes);
                    }
                    Err(error) => {
                        restored.failures.push(Failure { what: file.of.clone(), error });
                    }
                }
            }
            complete.extend(archive.entry.filter(|_| restored.failures.len() == failures));
        }
        complete
    }

    /// Puts the rows of these entries back into the store, and says of which there is another one.
    fn restore_rows(
        &self,
        entries: &[Entry],
        store: &Store<'_>,
        raw: &RawStore,
        lock: &Lock<'_>,
        restored: &mut Restored,
    ) -> Result<Vec<Entry>, SweepError> {
        let archived: BTreeMap<Entry, &Removed> = self
            .journal
            .journal()
            .archived()
            .filter_map(|found| Some(((found.sweep, found.nth), found.row?)))
            .collect();
        let mut rows: Vec<(Entry, &Removed)> =
            entries.iter().filter_map(|entry| Some((*entry, *archived.get(entry)?))).collect();
        // The last that were taken out go back first: each knows its neighbours as they were then.
        rows.sort_by_key(|((sweep, nth), _)| (Reverse(*sweep), *nth));
        let inserted = insert(store, rows.iter().map(|(_, row)| *row), archived.values().copied());
        if inserted.taken.len() < rows.len() {
            let read = match raw {
                RawStore::Text { stat, .. } => Some(stat),
                RawStore::None | RawStore::Missing | RawStore::Refused(_) => None,
            };
            self.replace_store(&inserted.pieces, read, lock)?;
        }
        let mut taken = Vec::new();
        for (entry, row) in rows {
            let there = store.row(&row.key).map(|there| store.member(there));
            if there.is_none_or(|there| there == row.member) {
                restored.rows.push(row.key.clone());
            } else {
                let key = row.key.clone();
                let error = SweepError::RowExists { key: key.clone() };
                restored.failures.push(Failure { what: key, error });
                taken.push(entry);
            }
        }
        Ok(taken)
    }

    /// Gives a file its former name back.
    fn put_back(&self, file: &ArchivedFile) -> Result<(), SweepError> {
        let of = OsStr::new(&file.of);
        match self.dir.stat(of) {
            // Somebody was interrupted who put it back.
            Ok(_) if self.is_same(file)? => {
                let Some(folder) = self.moves.folder(file.folder) else { return Ok(()) };
                return Ok(remove(folder, OsStr::new(&file.name))?);
            }
            Ok(_) => {
                let path = self.dir.path().join(of);
                return Err(SweepError::Changed { path, why: "is there already" });
            }
            Err(error) if error.is_not_found() => (),
            Err(error) => return Err(error.into()),
        }
        if file.compressed {
            self.decompress(file)?;
        } else {
            self.moves.rename_back(&file.of, &file.name, file.folder)?;
        }
        if file.kind == FileKind::File {
            touch(self.dir, of, self.host.clock.now())?;
        }
        Ok(())
    }

    /// Whether what is at the former name of a compressed file holds the same.
    fn is_same(&self, file: &ArchivedFile) -> Result<bool, FsError> {
        match self.moves.folder(file.folder) {
            Some(folder) if file.compressed => {
                holds_same((folder, OsStr::new(&file.name)), (self.dir, OsStr::new(&file.of)))
            }
            _ => Ok(false),
        }
    }

    fn decompress(&self, file: &ArchivedFile) -> Result<(), SweepError> {
        let Some(folder) = self.moves.folder(file.folder) else { return Ok(()) };
        let owner = self.host.processes.identity().process;
        let (name, of) = (OsStr::new(&file.name), OsStr::new(&file.of));
        let copied = copy((folder, name), (self.dir, of), Direction::Decompress, owner)?;
        if let Err(error) = self.dir.rename(&copied.name, of, Overwrite::Refuse) {
            remove(self.dir, &copied.name).ok();
            return Err(error.into());
        }
        self.dir.sync()?;
        Ok(remove(folder, name)?)
    }
}

/// Makes a file count as just used.
fn touch(dir: &dyn Dir, name: &OsStr, now: Timestamp) -> Result<(), FsError> {
    dir.open(name, Access::Read)?.set_modified(now)
}
