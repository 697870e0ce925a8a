//! Where the transcripts are.

use std::{
    collections::HashSet,
    ffi::OsString,
    path::{Path, PathBuf},
};

use common_fs::{Access, Dir, FileId, FileKind, Fs, FsError, RealFs, read_whole};
use serde::Deserialize;
use usage_cache::{Name, Place};

use super::{Looked, Runtime};

/// A file of OpenClaw with the names of its sessions that is larger than this is not read.
const SESSIONS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The name of that file.
const SESSIONS: &str = "sessions.json";

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) transcripts: Vec<Transcript>,
    pub(super) databases: Vec<Database>,
    pub(super) places: Vec<(PathBuf, Looked)>,
    pub(super) compressed: u64,
    pub(super) errors: Vec<FsError>,
}

/// A transcript that exists.
#[derive(Clone, Debug)]
pub(super) struct Transcript {
    pub(super) runtime: Runtime,
    pub(super) dir: PathBuf,
    pub(super) name: OsString,
    /// The session, by the name of the file.
    pub(super) session: String,
    /// Whether where it is, or a file beside it, says that it is that of a sub-agent.
    pub(super) is_subagent: bool,
}

/// A database of sessions that exists.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) path: PathBuf,
}

impl Database {
    /// A session in it, as if it were a file there.
    pub(super) fn transcript(&self, session: &str) -> Transcript {
        Transcript {
            runtime: Runtime::OpenClaw,
            dir: self.path.clone(),
            name: session.into(),
            session: session.to_owned(),
            // A database does not say so where this can be read.
            is_subagent: false,
        }
    }
}

/// Looks in some places. The transcripts of a directory are in the order of their names.
pub(super) fn find(places: &[Place]) -> Found {
    let mut search = Search { found: Found::default(), seen: HashSet::new() };
    for place in places {
        let Some(runtime) = Runtime::of(place.source.name()) else { continue };
        let looked = match RealFs.open_dir(&place.path) {
            Ok(_) => Looked::Directory,
            Err(error) if error.is_not_found() => Looked::Nothing,
            Err(error) => {
                search.found.errors.push(error);
                Looked::Unreadable
            }
        };
        search.found.places.push((place.path.clone(), looked));
        if looked == Looked::Directory {
            for pattern in place.source.dirs() {
                search.walk(runtime, &place.path, pattern);
            }
            for pattern in place.source.databases() {
                search.walk_to_database(&place.path, pattern);
            }
        }
    }
    search.found
}

struct Search {
    found: Found,
    /// The directories that were listed, by whatever name.
    seen: HashSet<(Runtime, FileId)>,
}

impl Search {
    /// Looks in the directories that match the rest of a pattern, as `usage_cache::Source::dirs`
    /// describes it.
    fn walk(&mut self, runtime: Runtime, path: &Path, pattern: &str) {
        let (first, rest) = pattern.split_once('/').unwrap_or((pattern, ""));
        match first {
            "" | "**" => {
                let dirs = self.list(runtime, path);
                for name in dirs.into_iter().filter(|_| first == "**") {
                    self.walk(runtime, &path.join(name), "**");
                }
            }
            "*" => {
                for name in self.subdirs(path) {
                    self.walk(runtime, &path.join(name), rest);
                }
            }
            name => self.walk(runtime, &path.join(name), rest),
        }
    }

    /// Looks for the databases that match the rest of a pattern.
    fn walk_to_database(&mut self, path: &Path, pattern: &str) {
        match pattern.split_once('/') {
            Some(("*", rest)) => {
                for name in self.subdirs(path) {
                    self.walk_to_database(&path.join(name), rest);
                }
            }
            Some((name, rest)) => self.walk_to_database(&path.join(name), rest),
            None => {
                let stat = RealFs.open_dir(path).and_then(|dir| dir.stat(pattern.as_ref()));
                match stat {
                    Ok(_) => self.found.databases.push(Database { path: path.join(pattern) }),
                    Err(error) => self.fail(error),
                }
            }
        }
    }

    fn subdirs(&mut self, path: &Path) -> Vec<OsString> {
        match RealFs.open_dir(path).and_then(|dir| dirs_in(dir.as_ref())) {
            Ok(dirs) => dirs,
            Err(error) => {
                self.fail(error);
                Vec::new()
            }
        }
    }

    /// Takes the transcripts in a directory, unless it was come to before, and returns the
    /// directories in it.
    fn list(&mut self, runtime: Runtime, path: &Path) -> Vec<OsString> {
        match self.try_list(runtime, path) {
            Ok(dirs) => dirs,
            Err(error) => {
                self.fail(error);
                Vec::new()
            }
        }
    }

    fn try_list(&mut self, runtime: Runtime, path: &Path) -> Result<Vec<OsString>, FsError> {
        let dir = RealFs.open_dir(path)?;
        if !self.seen.insert((runtime, dir.id()?)) {
            return Ok(Vec::new());
        }
        let subagents =
            if runtime == Runtime::OpenClaw { subagents(dir.as_ref()) } else { HashSet::new() };
        let is_in_subagents = path.ends_with("subagents");
        let mut entries = dir.list()?;
        entries.sort();
        for entry in entries.iter().filter(|entry| entry.kind == FileKind::File) {
            match runtime.source().classify(&entry.name) {
                Name::Transcript(named) if !named.compressed => {
                    let session = named.session.map(String::from_utf8_lossy).unwrap_or_default();
                    let is_subagent = subagents.contains(session.as_ref())
                        || runtime == Runtime::Claude
                            && (is_in_subagents || session.starts_with("agent-"));
                    let session = session.into_owned();
                    let (dir, name) = (path.to_owned(), entry.name.clone());
                    let transcript = Transcript { runtime, dir, name, session, is_subagent };
                    self.found.transcripts.push(transcript);
                }
                Name::Transcript(_) | Name::Compressed => self.found.compressed += 1,
                Name::Other => (),
            }
        }
        dirs_in(dir.as_ref())
    }

    fn fail(&mut self, error: FsError) {
        // What a link leads to may be away, or be no directory; and a place need not have all.
        if !error.is_not_found() && error.kind() != std::io::ErrorKind::NotADirectory {
            self.found.errors.push(error);
        }
    }
}

/// The directories in one, and the links, which may lead to some.
fn dirs_in(dir: &dyn Dir) -> Result<Vec<OsString>, FsError> {
    let entries = dir.list()?.into_iter();
    let dirs = entries.filter(|entry| matches!(entry.kind, FileKind::Dir | FileKind::Symlink));
    let mut names: Vec<OsString> =
        dirs.map(|entry| entry.name).filter(|name| !is_hidden(name)).collect();
    names.sort();
    Ok(names)
}

fn is_hidden(name: &OsString) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// A row in OpenClaw's file of sessions.
#[derive(Deserialize)]
struct Row {
    #[serde(rename = "sessionId")]
    session: Option<String>,
}

/// The sessions of sub-agents, by the keys in OpenClaw's file of sessions; none if that cannot be
/// read, as then nobody says which these are.
fn subagents(dir: &dyn Dir) -> HashSet<String> {
    let read = || {
        let file = dir.open(SESSIONS.as_ref(), Access::Read).ok()?;
        let content = read_whole(file.as_ref(), SESSIONS_BYTES_MAX).ok()??;
        serde_json::from_slice::<std::collections::HashMap<String, Row>>(&content).ok()
    };
    let rows = read().unwrap_or_default().into_iter();
    rows.filter(|(key, _)| key.contains(":subagent:")).filter_map(|(_, row)| row.session).collect()
}
