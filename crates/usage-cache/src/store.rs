//! The cache file: a log of what is known of each transcript.
//!
//! A checkpoint appends the records that changed; of several records of a path the last counts.
//! When most of the file is out of date it is replaced by its current records, in one step. The
//! file can be lost, cut or damaged at any time without an answer becoming wrong: what is not
//! there is read again from the transcripts.

mod format;
mod load;

use std::{
    collections::{BTreeSet, HashMap},
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::{
    Access, Dir, FileId, Fs, FsError, Host, Overwrite, ProcessId,
    append::{AppendError, append},
    lock::{Guard, TryGuard},
    open_parent,
    replace::{FileMode, ReplaceError, Replacement},
    temp,
};

use crate::{models::Models, transcript::Transcript};

pub(crate) use load::{Loaded, load};

/// A file is compacted when clearly more than half of it is out of date, but not for less than
/// this. When each record was replaced once, it is not: that is what every refresh of an active
/// machine comes to.
const GARBAGE_BYTES_MIN: u64 = 64 * 1024;

fn is_worth_compacting(live_bytes: u64, garbage_bytes: u64) -> bool {
    GARBAGE_BYTES_MIN < garbage_bytes && live_bytes + live_bytes / 4 < garbage_bytes
}

/// How much is handed to the file system at once when the file is replaced.
const WRITE_BYTES: usize = 256 * 1024;

/// A transcript, and its record in the file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) transcript: Arc<Transcript>,
    /// How long the record is; 0 if there is none.
    record_bytes: u64,
    /// Where the transcript was earlier, until that is saved.
    renamed_from: Vec<PathBuf>,
}

impl Entry {
    fn new(transcript: Transcript, record_bytes: u64) -> Self {
        Self { transcript: Arc::new(transcript), record_bytes, renamed_from: Vec::new() }
    }

    /// What is newly known of the transcript at a path, which was at other paths earlier.
    pub(crate) fn put(
        entries: &mut Entries,
        path: &Path,
        transcript: Transcript,
        renamed_from: Vec<PathBuf>,
    ) {
        for earlier in &renamed_from {
            entries.remove(earlier);
        }
        if let Some(entry) = entries.get_mut(path) {
            entry.transcript = Arc::new(transcript);
            entry.renamed_from.extend(renamed_from);
            return;
        }
        let entry = Self { renamed_from, ..Self::new(transcript, 0) };
        entries.insert(path.to_owned(), entry);
    }
}

/// Everything that is known, by the canonical path of the transcript.
pub(crate) type Entries = HashMap<PathBuf, Entry>;

/// What is to become of the cache file when something is saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnDisk {
    /// There is none.
    #[default]
    Absent,
    /// Records are appended to this file, as long as it has this length.
    Append(FileId, u64),
    /// It is torn, damaged, or by another parser: it is replaced.
    Replace,
    /// It is not ours: it gets another name.
    SetAside,
    /// It is not touched, and nothing is saved.
    Untouchable,
}

/// A problem with the cache file. None makes an answer wrong; they cost time, or history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheProblem {
    /// The file could not be read.
    #[error("the cache cannot be read, everything is scanned again")]
    Unreadable(#[source] FsError),
    /// The file was written by a newer version; it is left alone.
    #[error("`{}` was written by a newer version (format {version}); it is neither used nor changed", path.display())]
    TooNew {
        /// The cache file.
        path: PathBuf,
        /// Its format version.
        version: u32,
    },
    /// Others can write to the file, or it belongs to somebody else.
    #[error("`{}` is not used, because others than you can change it; run `chmod 600` on it, or remove it", path.display())]
    Untrusted {
        /// The cache file.
        path: PathBuf,
    },
    /// The file is no cache. The next save gives it another name.
    #[error("`{}` is not a usage cache; it is kept as `{}`", path.display(), set_aside(path, 0).display())]
    NotACache {
        /// The cache file.
        path: PathBuf,
    },
    /// Another process is saving; this one saves nothing.
    #[error("another refresh is running, this one is not saved")]
    Busy,
    /// The cache file was replaced or removed while this process was saving to it.
    #[error("`{}` was changed by somebody else, the rest is not saved", path.display())]
    Changed {
        /// The cache file.
        path: PathBuf,
    },
    /// Saving failed; the answer is right, but the next one will take as long.
    #[error("the cache cannot be saved")]
    NotSaved(#[source] SaveError),
}

/// Why saving failed.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says itself what it is")]
pub enum SaveError {
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// What saving has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) writes: u64,
    pub(crate) bytes: u64,
}

/// The name for a file that stands in the way of the cache.
fn set_aside(path: &Path, attempt: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".not-a-cache");
    if 0 < attempt {
        name.push(format!("-{attempt}"));
    }
    PathBuf::from(name)
}

/// More files than ever stand in the way.
const SET_ASIDE_MAX: u32 = 100;

/// Saves to the cache file, while nobody else does.
pub(crate) struct Saver<'d> {
    dir: &'d dyn Dir,
    name: OsString,
    guard: Guard<'d>,
    owner: ProcessId,
    on_disk: OnDisk,
    written: Written,
}

/// The name of the lock beside a cache file.
fn lock_name(name: &OsStr) -> OsString {
    let mut lock = name.to_owned();
    lock.push(".lock");
    lock
}

/// Whether some process is saving to the cache file now.
pub(crate) fn is_busy(fs: &dyn Fs, path: &Path) -> Result<bool, FsError> {
    let (dir, name) = open_parent(fs, path)?;
    match dir.open(&lock_name(&name), Access::Read) {
        Ok(lock) => Ok(!lock.try_lock()?),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

impl<'d> Saver<'d> {
    /// Takes the right to save to the file `name` in `dir`; `None` if another process has it.
    pub(crate) fn acquire(
        host: Host<'_>,
        dir: &'d dyn Dir,
        name: &OsStr,
        on_disk: OnDisk,
    ) -> Result<Option<Self>, FsError> {
        let TryGuard::Acquired(guard) = Guard::try_acquire(dir, &lock_name(name))? else {
            return Ok(None);
        };
        let owner = host.processes.identity().process;
        // What cannot be swept now is swept another time.
        temp::sweep_orphans(dir, host.processes, host.clock.now()).ok();
        let written = Written::default();
        Ok(Some(Self { dir, name: name.to_owned(), guard, owner, on_disk, written }))
    }

    /// Whether the file is still as it was loaded.
    pub(crate) fn is_unchanged(&self) -> Result<bool, FsError> {
        let found = match self.dir.stat(&self.name) {
            Ok(stat) => Some((stat.id, stat.size_bytes)),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        Ok(match self.on_disk {
            OnDisk::Absent => found.is_none(),
            OnDisk::Append(id, len) => found == Some((id, len)),
            OnDisk::Replace | OnDisk::SetAside | OnDisk::Untouchable => found.is_some(),
        })
    }

    /// The file was loaded again and looks like this now.
    pub(crate) fn reloaded(&mut self, on_disk: OnDisk) {
        self.on_disk = on_disk;
    }

    pub(crate) fn written(&self) -> Written {
        self.written
    }

    /// Saves the entries at `changed`; paths without an entry are forgotten.
    pub(crate) fn save(
        &mut self,
        entries: &mut Entries,
        models: &Models,
        changed: &BTreeSet<PathBuf>,
    ) -> Result<(), CacheProblem> {
        let unsaved = |error: FsError| CacheProblem::NotSaved(error.into());
        if !(self.guard.is_valid().map_err(unsaved)? && self.is_unchanged().map_err(unsaved)?) {
            return Err(CacheProblem::Changed { path: self.dir.path().join(&self.name) });
        }
        let saved = match self.on_disk {
            OnDisk::Untouchable => Ok(()),
            OnDisk::Append(id, len) => self.append(entries, models, changed, id, len),
            OnDisk::SetAside => self.set_aside().and_then(|()| self.replace(entries, models)),
            OnDisk::Absent | OnDisk::Replace => self.replace(entries, models),
        };
        saved.map_err(CacheProblem::NotSaved)?;
        for path in changed {
            if let Some(entry) = entries.get_mut(path) {
                entry.renamed_from.clear();
            }
        }
        Ok(())
    }

    fn append(
        &mut self,
        entries: &mut Entries,
        models: &Models,
        changed: &BTreeSet<PathBuf>,
        id: FileId,
        len: u64,
    ) -> Result<(), SaveError> {
        let mut lines = Vec::new();
        for path in changed {
            let start = lines.len();
            match entries.get_mut(path) {
                Some(entry) => {
                    lines.extend(format::transcript_line(path, entry, models));
                    entry.record_bytes = (lines.len() - start) as u64;
                }
                None => lines.extend(format::removed_line(path)),
            }
        }
        let new_len = len + lines.len() as u64;
        let live: u64 = entries.values().map(|entry| entry.record_bytes).sum();
        if is_worth_compacting(live, new_len.saturating_sub(live)) {
            return self.replace(entries, models);
        }
        // If this fails half-way, what is on disk is unknown until the file is replaced.
        self.on_disk = OnDisk::Replace;
        let file = self.dir.open(&self.name, Access::Append)?;
        match append(file.as_ref(), &lines) {
            Ok(()) => self.on_disk = OnDisk::Append(id, new_len),
            Err(error @ AppendError::Undone(_)) => {
                self.on_disk = OnDisk::Append(id, len);
                return Err(error.into());
            }
            Err(error @ AppendError::InDoubt(_)) => return Err(error.into()),
        }
        self.written.writes += 1;
        self.written.bytes += lines.len() as u64;
        Ok(())
    }

    /// Writes a new file with all entries, sorted by path.
    fn replace(&mut self, entries: &mut Entries, models: &Models) -> Result<(), SaveError> {
        let mut file = Replacement::begin(self.dir, &self.name, self.owner, FileMode::Private)?;
        let mut lines = format::header();
        let mut bytes = 0;
        let mut sorted: Vec<_> = entries.iter_mut().collect();
        sorted.sort_unstable_by_key(|(path, _)| *path);
        for (path, entry) in sorted {
            let line = format::transcript_line(path, entry, models);
            entry.record_bytes = line.len() as u64;
            lines.extend(line);
            if WRITE_BYTES <= lines.len() {
                file.write(&lines)?;
                bytes += lines.len() as u64;
                lines.clear();
            }
        }
        file.write(&lines)?;
        bytes += lines.len() as u64;
        let committed = file.commit();
        if matches!(committed, Ok(()) | Err(ReplaceError::DurabilityUnknown { .. })) {
            let stat = self.dir.stat(&self.name)?;
            self.on_disk = OnDisk::Append(stat.id, stat.size_bytes);
            self.written.writes += 1;
            self.written.bytes += bytes;
        }
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
