//! Finding the agents of a state directory of OpenClaw, and what each has.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use common_fs::{Access, Dir, FileKind, Fs, FsError, Host, ProcessState, lock, read_whole};

use crate::{FileClass, FileFact, Judged, Snapshot, Store, StoreState, classify};

/// The name of a store.
const STORE: &str = "sessions.json";

/// A store that is longer is not read; it would have to be in memory as a whole.
const STORE_BYTES_MAX: usize = 4 << 30;

/// Where OpenClaw since 2026.7 keeps the sessions of an agent.
const DATABASE: &str = "openclaw-agent.sqlite";

/// An agent of OpenClaw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    /// The name of its directory.
    pub id: String,
    /// Its directory of sessions.
    pub sessions: PathBuf,
    /// The database to which it has moved, if it has: the files are remains then, which nobody
    /// keeps up to date, and nothing is concluded from them.
    pub database: Option<PathBuf>,
}

/// All agents below a state directory that have sessions, by name, whether they have jobs or not.
///
/// Fails if the directory of agents is there and cannot be listed; without one, there are none.
pub fn agents(fs: &dyn Fs, state_dir: &Path) -> Result<Vec<Agent>, FsError> {
    let listed = fs.open_dir(&state_dir.join("agents")).and_then(|dir| Ok((dir.list()?, dir)));
    let (entries, dir) = match listed {
        Ok(listed) => listed,
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut agents = Vec::new();
    for entry in entries {
        let Some(id) = entry.name.to_str() else { continue };
        let path = dir.path().join(id);
        let sessions = path.join("sessions");
        let database = path.join("agent").join(DATABASE);
        let has = |path: &Path| {
            let parent = common_fs::open_parent(fs, path);
            parent.and_then(|(dir, name)| dir.stat(&name)).is_ok()
        };
        let database = has(&database).then_some(database);
        if database.is_some() || has(&sessions) {
            agents.push(Agent { id: id.to_owned(), sessions, database });
        }
    }
    agents.sort_by(|one, other| one.id.cmp(&other.id));
    Ok(agents)
}

/// A directory of sessions, as it was read.
#[derive(Debug)]
pub struct Listing {
    dir: PathBuf,
    store: Option<Vec<u8>>,
    files: Vec<FileFact>,
}

impl Listing {
    /// Lists a directory of sessions and reads the store in it.
    ///
    /// Nothing is changed. What vanishes meanwhile was never there.
    pub fn read(host: Host<'_>, sessions: &Path) -> Result<Self, FsError> {
        let dir = host.fs.open_dir(sessions)?;
        let mut files = Vec::new();
        for entry in dir.list()? {
            let stat = match dir.stat(&entry.name) {
                Ok(stat) => stat,
                Err(error) if error.is_not_found() => continue,
                Err(error) => return Err(error),
            };
            let judged = match stat.kind {
                FileKind::File => judge(host, dir.as_ref(), &entry.name)?,
                _ => Judged::NotJudged,
            };
            let (size_bytes, modified) = (stat.size_bytes, stat.modified);
            files.push(FileFact {
                name: entry.name,
                kind: stat.kind,
                size_bytes,
                modified,
                judged,
            });
        }
        let store = match dir.open(STORE.as_ref(), Access::Read) {
            Ok(file) => read_whole(file.as_ref(), STORE_BYTES_MAX)?,
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        Ok(Self { dir: dir.path().to_owned(), store, files })
    }

    /// What a plan is made from.
    pub fn snapshot(&self) -> Snapshot<'_> {
        let store = match self.store.as_deref().map(Store::parse) {
            None => StoreState::Missing,
            Some(Ok(store)) => StoreState::Rows(store),
            Some(Err(error)) => StoreState::Refused(error),
        };
        let (dir, files) = (self.dir.clone(), self.files.clone());
        Snapshot { dir, store_name: STORE.to_owned(), store, files }
    }
}

fn judge(host: Host<'_>, dir: &dyn Dir, name: &OsStr) -> Result<Judged, FsError> {
    Ok(match classify(name, STORE) {
        FileClass::TranscriptLock { .. } => match lock::inspect(host, dir, name)? {
            lock::Verdict::Held(_) => Judged::InUse,
            lock::Verdict::Stale | lock::Verdict::Gone => Judged::Abandoned,
        },
        FileClass::StoreTemp { pid: Some(pid) } => match host.processes.state(pid) {
            ProcessState::Running { .. } => Judged::InUse,
            ProcessState::Dead => Judged::Abandoned,
        },
        _ => Judged::NotJudged,
    })
}
