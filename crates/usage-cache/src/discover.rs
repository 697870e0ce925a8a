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
    /// The sessions directories, open.
    pub(crate) dirs: Vec<Box<dyn Dir>>,
    /// The transcripts, by directory and name.
    pub(crate) found: Vec<Found>,
    /// The roots, and whether each is there.
    pub(crate) roots: Vec<Root>,
    /// Directories and files that could not be looked at.
    pub(crate) errors: Vec<FsError>,
    /// Of these, the sessions directories.
    pub(crate) unlisted: HashSet<PathBuf>,
    /// Files with the name of a transcript that are none: links, FIFOs, directories.
    pub(crate) not_files: u64,
    /// Transcripts in compressed archives.
    pub(crate) compressed: u64,
}

/// A transcript that exists.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Index into [`Discovery::dirs`].
    pub(crate) dir: usize,
    pub(crate) name: OsString,
    pub(crate) path: PathBuf,
    pub(crate) stat: Stat,
}

/// A place where transcripts were looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The path that was looked at, without symbolic links if it exists.
    pub path: PathBuf,
    /// What came of it.
    pub state: RootState,
}

/// Whether a root could be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RootState {
    /// It was listed.
    Listed,
    /// It does not exist.
    Missing,
    /// It exists, or may exist, but cannot be listed.
    Unreadable,
}

/// Looks for transcripts below the state directories of OpenClaw.
pub(crate) fn discover(fs: &dyn Fs, state_dirs: &[PathBuf], threads: usize) -> Discovery {
    let mut discovery = Discovery::default();
    let mut seen = HashSet::new();
    let mut candidates = Vec::new();
    for state_dir in state_dirs {
        let root = match list_agents(fs, state_dir) {
            Ok((path, agents)) => {
                for agent in agents {
                    let sessions = path.join("agents").join(agent).join("sessions");
                    discovery.list(fs, &sessions, &mut seen, &mut candidates);
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
    discovery.look_at(candidates, threads);
    discovery
}

/// The agents of a state directory, by name. One without agents is there all the same.
fn list_agents(fs: &dyn Fs, state_dir: &Path) -> Result<(PathBuf, Vec<OsString>), FsError> {
    let root = fs.open_dir(state_dir)?;
    let path = root.path().to_owned();
    let entries = match fs.open_dir(&path.join("agents")) {
        Ok(agents) => agents.list()?,
        Err(error) if error.is_not_found() => Vec::new(),
        Err(error) => return Err(error),
    };
    // Agents are often moved to another disk and linked.
    let agent = |kind| matches!(kind, FileKind::Dir | FileKind::Symlink);
    let mut names: Vec<OsString> =
        entries.into_iter().filter(|entry| agent(entry.kind)).map(|entry| entry.name).collect();
    names.sort();
    Ok((path, names))
}

/// A name that is to be looked at.
struct Candidate {
    dir: usize,
    name: OsString,
}

impl Discovery {
    /// Opens and lists a sessions directory, unless it was reached by another name before.
    fn list(
        &mut self,
        fs: &dyn Fs,
        path: &Path,
        seen: &mut HashSet<FileId>,
        candidates: &mut Vec<Candidate>,
    ) {
        let listed = fs.open_dir(path).and_then(|dir| {
            let entries = if seen.insert(dir.id()?) { dir.list()? } else { Vec::new() };
            Ok((dir, entries))
        });
        let (dir, entries) = match listed {
            Ok(listed) => listed,
            Err(error) if error.is_not_found() => return,
            Err(error) => {
                self.errors.push(error);
                self.unlisted.insert(path.to_owned());
                return;
            }
        };
        for entry in entries {
            match (openclaw::classify(&entry.name), entry.kind) {
                (Name::Transcript(_), FileKind::File) => {
                    candidates.push(Candidate { dir: self.dirs.len(), name: entry.name });
                }
                (Name::Transcript(_), _) => self.not_files += 1,
                (Name::Compressed, _) => self.compressed += 1,
                (Name::Other, _) => (),
            }
        }
        self.dirs.push(dir);
    }

    /// Looks at each candidate once. What has vanished since the listing is not there.
    fn look_at(&mut self, candidates: Vec<Candidate>, threads: usize) {
        let stats = parallel::map(&candidates, threads, |candidate| {
            let dir = self.dirs.get(candidate.dir)?;
            match dir.stat(&candidate.name) {
                Err(error) if error.is_not_found() => None,
                stat => Some((dir.path().join(&candidate.name), stat)),
            }
        });
        for (Candidate { dir, name }, stat) in candidates.into_iter().zip(stats) {
            match stat {
                Some((path, Ok(stat))) => self.found.push(Found { dir, name, path, stat }),
                Some((_, Err(error))) => self.errors.push(error),
                None => (),
            }
        }
    }
}
