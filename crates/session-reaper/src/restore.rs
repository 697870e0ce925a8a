//! Putting back what was archived.

use std::{collections::BTreeMap, ffi::OsStr, time::Duration};

use common_fs::{Access, Dir, FileKind, FsError, Host, Overwrite, Timestamp};

use crate::{
    Archive, ArchivedFile, Failure, Place, Removed, SweepError, Total,
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
    let dir = host.fs.open_dir(&place.dir)?;
    with_guard(host, place, dir.as_ref(), |mut work| {
        work.recover(lock_wait)?;
        let archives: Vec<&Archive> = archives.into_iter().collect();
        work.restore(&archives, lock_wait)
    })
}

impl Work<'_> {
    fn restore(
        &mut self,
        archives: &[&Archive],
        lock_wait: Duration,
    ) -> Result<Restored, SweepError> {
        let mut restored = Restored::default();
        let mut entries: Vec<(u64, u32)> = Vec::new();
        // Before any file moves: if the lock cannot be had, nothing has happened.
        let has_rows = archives.iter().any(|archive| archive.entry.is_some());
        let lock = (has_rows && has_store(self.place.layout))
            .then(|| self.lock_store(lock_wait))
            .transpose()?;
        let raw = if lock.is_some() { read_store(self.dir)? } else { RawStore::None };
        let store = self.trusted(&raw)?;
        for archive in archives {
            let mut complete = true;
            for file in &archive.files {
                match self.put_back(file) {
                    Ok(()) => {
                        restored.files.push(file.of.clone());
                        restored.total.add(file.size_bytes);
                    }
                    Err(error) => {
                        complete = false;
                        restored.failures.push(Failure { what: file.of.clone(), error });
                    }
                }
            }
            entries.extend(archive.entry.filter(|_| complete));
        }
        self.moves.sync()?;
        if let Some(lock) = lock {
            let journal = self.journal.journal();
            let archived: BTreeMap<(u64, u32), &Removed> =
                journal.archived().map(|found| ((found.sweep, found.nth), found.row)).collect();
            let rows: Vec<((u64, u32), &Removed)> =
                entries.iter().filter_map(|entry| Some((*entry, *archived.get(entry)?))).collect();
            let empty = crate::Store::empty();
            let store = store.as_ref().unwrap_or(&empty);
            let inserted =
                insert(store, rows.iter().map(|(_, row)| *row), archived.values().copied());
            let stat = match &raw {
                RawStore::Text { stat, .. } => Some(stat),
                _ => None,
            };
            let mut back = BTreeMap::<u64, Vec<u32>>::new();
            for ((sweep, nth), row) in &rows {
                let there = store.row(&row.key).map(|there| store.member(there));
                if there.is_none_or(|there| there == row.member) {
                    restored.rows.push(row.key.clone());
                    back.entry(*sweep).or_default().push(*nth);
                } else {
                    restored.failures.push(Failure {
                        what: row.key.clone(),
                        error: SweepError::RowExists { key: row.key.clone() },
                    });
                }
            }
            if inserted.taken.len() < rows.len() {
                self.replace_store(&inserted.pieces, stat, &lock)?;
            }
            let records = back.into_iter().map(|(sweep, items)| Record::Restored { sweep, items });
            let records: Vec<Record> = records.collect();
            self.journal.append(records)?;
        }
        self.journal.tidy(self.host, |_, _| false)?;
        self.remove_empty_folder();
        Ok(restored)
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

    /// The folder of archives is ours: it goes when nothing is in it.
    pub(crate) fn remove_empty_folder(&self) {
        self.dir.remove_dir(OsStr::new(ARCHIVE_FOLDER)).ok();
    }
}

/// Makes a file count as just used.
fn touch(dir: &dyn Dir, name: &OsStr, now: Timestamp) -> Result<(), FsError> {
    dir.open(name, Access::Read)?.set_modified(now)
}
