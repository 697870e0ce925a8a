//! Reading a directory of sessions.

mod needs;

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Path, PathBuf},
};

use common_fs::{
    Access, Dir, File, FileKind, FsError, Host, ProcessState, Space, Stat, Timestamp, lock,
    open_parent, read_whole,
};

use foldhash::HashMap;

use crate::{
    ArchivedRow, FileClass, FileFact, Folder, Journal, Judged, Layout, Place, Policy, Snapshot,
    Store, StoreError, StoreState, SweepError, classify,
    configured::{jobs_path, store_elsewhere},
    file_name::{ARCHIVE_FOLDER, STORE},
    journal::JournalFile,
};

pub use needs::Needs;

/// A store that is longer is not read; it would have to be in memory as a whole.
const STORE_BYTES_MAX: usize = 4 << 30;

/// A longer list of jobs is none.
const JOBS_BYTES_MAX: usize = 64 << 20;

/// A directory of sessions, as it was read.
#[derive(Debug)]
pub struct Listing {
    dir: PathBuf,
    layout: Layout,
    store: RawStore,
    files: Vec<FileFact>,
    archived_rows: Vec<ArchivedRow>,
    jobs: Option<BTreeSet<String>>,
    space: Option<Space>,
    /// Whether a sweep was interrupted.
    is_interrupted: bool,
    damaged_lines: u64,
}

/// The text of a store, or why there is none.
#[derive(Debug)]
pub(crate) enum RawStore {
    None,
    Missing,
    Refused(StoreError),
    Text { content: Vec<u8>, stat: Stat },
}

impl Listing {
    /// Lists a directory of sessions and reads the store in it, if its runtime has one.
    ///
    /// Nothing is changed. What vanishes meanwhile was never there.
    pub fn read(host: Host<'_>, place: &Place, policy: &Policy) -> Result<Self, SweepError> {
        let dir = place.open(host.fs)?;
        let journal = JournalFile::open(dir.as_ref())?.into_journal();
        Self::of(host, place, policy, dir.as_ref(), &journal)
    }

    pub(crate) fn of(
        host: Host<'_>,
        place: &Place,
        policy: &Policy,
        dir: &dyn Dir,
        journal: &Journal,
    ) -> Result<Self, SweepError> {
        let files = Self::files_of(host, place, dir)?;
        let store = match place.layout {
            Layout::OpenClaw => match store_elsewhere(host.fs, place) {
                Some(path) => RawStore::Refused(StoreError::Elsewhere { path }),
                None => read_store(dir)?,
            },
            Layout::Claude | Layout::Codex => RawStore::None,
        };
        let jobs = match place.layout {
            Layout::OpenClaw if policy.deleted_job_ttl.is_some() => jobs(host, &place.root),
            _ => None,
        };
        let space = policy.room.free_bytes_min.map(|_| dir.space()).transpose()?;
        let archived_rows = journal.archived().filter_map(|archived| {
            let row = archived.row?;
            let size_bytes = row.member.len() as u64;
            Some(ArchivedRow { key: row.key.clone(), size_bytes, at: archived.at })
        });
        Ok(Self {
            dir: dir.path().to_owned(),
            layout: place.layout,
            store,
            files,
            archived_rows: archived_rows.collect(),
            jobs,
            space,
            is_interrupted: journal.is_interrupted(),
            damaged_lines: journal.damaged_lines(),
        })
    }

    /// What is in a directory and its folder of archives.
    pub(crate) fn files_of(
        host: Host<'_>,
        place: &Place,
        dir: &dyn Dir,
    ) -> Result<Vec<FileFact>, SweepError> {
        let reader = Reader { host, layout: place.layout };
        let mut files = reader.files(dir, Folder::Here)?;
        match dir.open_dir(OsStr::new(ARCHIVE_FOLDER)) {
            Ok(archive) => files.extend(reader.files(archive.as_ref(), Folder::Archive)?),
            Err(error) if is_no_dir(&error) => (),
            Err(error) => return Err(error.into()),
        }
        Ok(files)
    }

    /// What a plan is made from.
    pub fn snapshot<'l>(&'l self, needs: Option<&'l Needs>) -> Snapshot<'l> {
        self.snapshot_of(self.store.state(), needs)
    }

    /// The same with another store.
    pub(crate) fn snapshot_of<'l>(
        &'l self,
        store: StoreState<'l>,
        needs: Option<&'l Needs>,
    ) -> Snapshot<'l> {
        Snapshot {
            dir: self.dir.clone(),
            layout: self.layout,
            store,
            files: &self.files,
            archived_rows: &self.archived_rows,
            jobs: self.jobs.as_ref(),
            needed: needs.filter(|_| self.layout == Layout::Codex).map(Needs::sessions),
            space: self.space,
        }
    }

    /// Whether a sweep was interrupted here; the next one finishes it first.
    pub fn is_interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// How many lines of the journal could not be read.
    pub fn damaged_lines(&self) -> u64 {
        self.damaged_lines
    }

    /// When anything here was last changed, by a clock that nobody can set back: that of the file
    /// system.
    pub fn last_change(&self) -> Option<Timestamp> {
        // Our own guard has just been made.
        let files = self.files.iter().filter(|file| file.name != crate::sweep::GUARD);
        files.map(|file| file.changed).max()
    }

    pub(crate) fn files(&self) -> &[FileFact] {
        &self.files
    }

    /// Takes the store out, for somebody who is going to look at it again.
    pub(crate) fn take_store(&mut self) -> RawStore {
        std::mem::replace(&mut self.store, RawStore::None)
    }

    /// What is known of a file, by its name.
    pub(crate) fn by_name(&self) -> HashMap<(Folder, &OsStr), &FileFact> {
        self.files.iter().map(|file| ((file.folder, file.name.as_os_str()), file)).collect()
    }
}

impl RawStore {
    pub(crate) fn state(&self) -> StoreState<'_> {
        match self {
            Self::None => StoreState::None,
            Self::Missing => StoreState::Missing,
            Self::Refused(error) => StoreState::Refused(error.clone()),
            Self::Text { content, .. } => match Store::parse(content) {
                Ok(store) => StoreState::Rows(store),
                Err(error) => StoreState::Refused(error),
            },
        }
    }
}

/// Reads the store of a directory.
pub(crate) fn read_store(dir: &dyn Dir) -> Result<RawStore, FsError> {
    let refused = |error| Ok(RawStore::Refused(error));
    let stat = match dir.stat(OsStr::new(STORE)) {
        Ok(stat) => stat,
        Err(error) if error.is_not_found() => return Ok(RawStore::Missing),
        Err(error) => return Err(error),
    };
    if stat.kind != FileKind::File {
        return refused(StoreError::NotAFile(stat.kind));
    }
    if 1 < stat.links {
        return refused(StoreError::Linked(stat.links));
    }
    let file = match dir.open(OsStr::new(STORE), Access::Read) {
        Ok(file) => file,
        Err(error) if error.is_not_found() => return Ok(RawStore::Missing),
        Err(error) => return Err(error),
    };
    // Before its content: if it is changed meanwhile, the difference shows.
    let stat = file.stat()?;
    match read_whole(file.as_ref(), STORE_BYTES_MAX)? {
        Some(content) => Ok(RawStore::Text { content, stat }),
        None => refused(StoreError::TooLong { max_bytes: STORE_BYTES_MAX }),
    }
}

struct Reader<'h> {
    host: Host<'h>,
    layout: Layout,
}

impl Reader<'_> {
    fn files(&self, dir: &dyn Dir, folder: Folder) -> Result<Vec<FileFact>, FsError> {
        let entries = dir.list()?;
        let mut files = Vec::with_capacity(entries.len());
        for entry in entries {
            let stat = match dir.stat(&entry.name) {
                Ok(stat) => stat,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            let mut file = FileFact {
                name: entry.name,
                folder,
                kind: stat.kind,
                id: stat.id,
                size_bytes: stat.size_bytes,
                modified: stat.modified,
                changed: stat.changed,
                judged: Judged::NotJudged,
            };
            match stat.kind {
                // Of what cannot be looked at, nothing is known but that it stays.
                FileKind::File => {
                    file.judged = self.judge(dir, &file.name).unwrap_or(Judged::InUse);
                }
                FileKind::Dir if self.look_into(dir, &mut file).is_err() => {
                    file.modified = Timestamp::from_unix_nanos(i64::MAX);
                }
                FileKind::Dir => (),
                _ => file.size_bytes = 0,
            }
            files.push(file);
        }
        Ok(files)
    }

    fn judge(&self, dir: &dyn Dir, name: &OsStr) -> Result<Judged, FsError> {
        let used = |is_used| if is_used { Judged::InUse } else { Judged::Abandoned };
        let processes = self.host.processes;
        Ok(match classify(name, FileKind::File, self.layout) {
            FileClass::TranscriptLock { .. } => {
                used(matches!(lock::inspect(self.host, dir, name)?, lock::Verdict::Held(_)))
            }
            FileClass::StoreTemp { pid: Some(pid) } => {
                used(processes.state(pid) != ProcessState::Dead)
            }
            FileClass::LockGuard => used(!can_be_taken(dir, name)?),
            FileClass::OwnTemp { owner } => used(!owner.is_dead(processes)),
            _ => Judged::NotJudged,
        })
    }

    /// Sums up what is in the directory of a session. Others are not looked into.
    fn look_into(&self, dir: &dyn Dir, file: &mut FileFact) -> Result<(), FsError> {
        file.size_bytes = 0;
        let class = classify(&file.name, FileKind::Dir, self.layout);
        if !matches!(class, FileClass::SideDir { .. } | FileClass::Archive { .. }) {
            return Ok(());
        }
        let mut todo = match dir.open_dir(&file.name) {
            Ok(below) => vec![below],
            Err(error) if is_no_dir(&error) => return Ok(()),
            Err(error) => return Err(error),
        };
        let mut newest = None;
        while let Some(dir) = todo.pop() {
            for entry in dir.list()? {
                let stat = match dir.stat(&entry.name) {
                    Ok(stat) => stat,
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error),
                };
                file.changed = file.changed.max(stat.changed);
                match stat.kind {
                    FileKind::File => {
                        file.size_bytes += stat.size_bytes;
                        newest = newest.max(Some(stat.modified));
                    }
                    FileKind::Dir => todo.push(dir.open_dir(&entry.name)?),
                    _ => (),
                }
            }
        }
        // That a directory was copied or moved says nothing of the session.
        file.modified = newest.unwrap_or(file.modified);
        Ok(())
    }
}

/// Whether nobody has an advisory lock.
fn can_be_taken(dir: &dyn Dir, name: &OsStr) -> Result<bool, FsError> {
    match dir.open(name, Access::Read).and_then(|file| file.try_lock()) {
        Err(error) if error.is_not_found() => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Ok(false),
        taken => taken,
    }
}

/// Nothing is there, or something else than a directory, which is left alone.
fn is_no_dir(error: &FsError) -> bool {
    error.is_not_found() || error.is_link() || error.kind() == std::io::ErrorKind::NotADirectory
}

/// The ids of the jobs of OpenClaw, from `cron/jobs.json`; `None` if that cannot be read: then all
/// that could be of a job is taken to be.
fn jobs(host: Host<'_>, root: &Path) -> Option<BTreeSet<String>> {
    #[derive(serde::Deserialize)]
    struct File {
        jobs: Vec<Job>,
    }
    #[derive(serde::Deserialize)]
    struct Job {
        id: String,
    }
    let path = jobs_path(host.fs, root)?;
    let (dir, name) = open_parent(host.fs, &path).ok()?;
    let file = dir.open(&name, Access::Read).ok()?;
    let content = read_whole(file.as_ref(), JOBS_BYTES_MAX).ok()??;
    let file: File = serde_json::from_slice(&content).ok()?;
    Some(file.jobs.into_iter().map(|job| job.id.trim().to_lowercase()).collect())
}

/// Compares the content of an open file with one in memory, in pieces.
pub(crate) fn content_is(file: &dyn File, content: &[u8]) -> Result<bool, FsError> {
    let mut buffer = vec![0; 256 * 1024];
    let mut at = 0;
    loop {
        let read = match file.read_at(&mut buffer, at as u64) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            return Ok(at == content.len());
        }
        if content.get(at..at + read) != buffer.get(..read) {
            return Ok(false);
        }
        at += read;
    }
}
