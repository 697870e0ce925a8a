//! Finding the transcripts: one listing per directory, one look at each file.

use std::{
    collections::HashSet,
    ffi::OsString,
    path::{Path, PathBuf},
};

use common_fs::{Dir, FileId, FileKind, Fs, FsError, Stat};

use crate::{
    openclaw::{self, Name},
    parallel,
};

/// What was found.
#[derive(Default)]
pub(crate) struct Discovery {
    /// The sessions directories that could be listed.
    pub(crate) dirs: Vec<SessionsDir>,
    /// The transcripts, by directory.
    pub(crate) found: Vec<Found>,
    /// The roots, and whether each is there.
    pub(crate) roots: Vec<Root>,
    /// Sessions directories that exist but could not be listed.
    pub(crate) unlisted: HashSet<PathBuf>,
    /// Sessions directories that are others of these by another name.
    pub(crate) aliases: HashSet<PathBuf>,
    /// Transcripts that exist but could not be looked at.
    pub(crate) hidden: HashSet<PathBuf>,
    /// Why directories and files could not be looked at.
    pub(crate) errors: Vec<FsError>,
    /// Files with the name of a transcript that are none: links, FIFOs, directories.
    pub(crate) not_files: u64,
    /// Transcripts in compressed archives.
    pub(crate) compressed: u64,
}

/// A directory of transcripts.
pub(crate) struct SessionsDir {
    /// The directory, open.
    pub(crate) handle: Box<dyn Dir>,
    /// How it was reached from its root, links included: what stands behind a link may move.
    pub(crate) path: PathBuf,
}

/// A transcript that exists.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Index into [`Discovery::dirs`].
    pub(crate) dir: usize,
    pub(crate) name: OsString,
    pub(crate) stat: Stat,
}

/// A place where transcripts were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Root {
    /// The path that was looked at.
    pub path: PathBuf,
    /// What came of it.
    pub state: RootState,
}

/// Whether a root could be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootState {
    /// It was listed.
    Listed,
    /// There is no such directory.
    Missing,
    /// It exists, or may exist, but cannot be listed.
    Unreadable,
}

/// Looks for transcripts below the state directories of OpenClaw.
pub(crate) fn discover(fs: &dyn Fs, state_dirs: &[PathBuf], threads: usize) -> Discovery {
    let mut discovery = Discovery::default();
    let mut search = Search { fs, seen: HashSet::new(), candidates: Vec::new() };
    for state_dir in state_dirs {
        let root = match list_agents(fs, state_dir) {
            Ok((path, agents)) => {
                for (kind, agent) in agents {
                    let sessions = path.join("agents").join(agent).join("sessions");
                    search.list(&mut discovery, sessions, kind);
                }
                Root { path, state: RootState::Listed }
            }
            Err(error) if error.is_not_found() => {
                Root { path: state_dir.clone(), state: RootState::Missing }
            }
            Err(error) => {
                discovery.errors.push(error);
                Root { path: state_dir.clone(), state: RootState::Unreadable }
            }
        };
        discovery.roots.push(root);
    }
    discovery.look_at(search.candidates, threads);
    discovery
}

/// The path of a state directory, and its agents. One without agents is there all the same.
fn list_agents(
    fs: &dyn Fs,
    state_dir: &Path,
) -> Result<(PathBuf, Vec<(FileKind, OsString)>), FsError> {
    let root = fs.open_dir(state_dir)?;
    // What is known is known by path, which must not depend on where somebody stands.
    let path = if state_dir.is_absolute() { state_dir } else { root.path() };
    let entries = match fs.open_dir(&path.join("agents")) {
        Ok(agents) => agents.list()?,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error),
    };
    // Agents are often moved to another disk and linked. If two names lead to one directory,
    // it is known by the name that is not a link: that sorts first.
    let mut agents: Vec<(FileKind, OsString)> = entries
        .into_iter()
        .filter(|entry| matches!(entry.kind, FileKind::Dir | FileKind::Symlink))
        .map(|entry| (entry.kind, entry.name))
        .collect();
    agents.sort();
    Ok((path.to_owned(), agents))
}

struct Search<'f> {
    fs: &'f dyn Fs,
    /// The directories that were listed, whatever their names.
    seen: HashSet<FileId>,
    candidates: Vec<Candidate>,
}

/// A name that is to be looked at.
struct Candidate {
    /// Index into [`Discovery::dirs`].
    dir: usize,
    name: OsString,
}

impl Search<'_> {
    /// Opens and lists the sessions directory of an agent, unless it was reached by another name
    /// before.
    fn list(&mut self, discovery: &mut Discovery, path: PathBuf, agent: FileKind) {
        let opened = self.fs.open_dir(&path).and_then(|dir| Ok((dir.id()?, dir)));
        let listed = match opened {
            Ok((id, _)) if self.seen.contains(&id) => {
                discovery.aliases.insert(path);
                return;
            }
            Ok((id, handle)) => handle.list().map(|entries| (id, handle, entries)),
            Err(error) => Err(error),
        };
        let (id, handle, entries) = match listed {
            Ok(listed) => listed,
            Err(error) => {
                if !error.is_not_found() {
                    discovery.errors.push(error);
                    discovery.unlisted.insert(path);
                } else if agent == FileKind::Symlink {
                    // What the link leads to may be away.
                    discovery.unlisted.insert(path);
                }
                return;
            }
        };
        self.seen.insert(id);
        for entry in entries {
            match (openclaw::classify(&entry.name), entry.kind) {
                (Name::Transcript(_), FileKind::File) => {
                    self.candidates.push(Candidate { dir: discovery.dirs.len(), name: entry.name });
                }
                (Name::Transcript(_), _) => discovery.not_files += 1,
                (Name::Compressed, _) => discovery.compressed += 1,
                (Name::Other, _) => (),
            }
        }
        discovery.dirs.push(SessionsDir { handle, path });
    }
}

impl Discovery {
    /// The path by which a transcript is known.
    pub(crate) fn path(&self, found: &Found) -> PathBuf {
        self.dirs.get(found.dir).map_or_else(PathBuf::new, |dir| dir.path.join(&found.name))
    }

    /// Looks at each candidate once. What has vanished since the listing is not there.
    fn look_at(&mut self, candidates: Vec<Candidate>, threads: usize) {
        let dirs = &self.dirs;
        let stats = parallel::map(&candidates, threads, |candidate| {
            match dirs.get(candidate.dir)?.handle.stat(&candidate.name) {
                Err(error) if error.is_not_found() => None,
                stat => Some(stat),
            }
        });
        for (Candidate { dir, name }, stat) in candidates.into_iter().zip(stats) {
            match stat {
                Some(Ok(stat)) => self.found.push(Found { dir, name, stat }),
                Some(Err(error)) => {
                    self.errors.push(error);
                    if let Some(dir) = self.dirs.get(dir) {
                        self.hidden.insert(dir.path.join(name));
                    }
                }
                None => (),
            }
        }
    }
}
