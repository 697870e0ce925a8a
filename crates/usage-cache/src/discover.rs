//! Finding the transcripts: one listing per directory, one look at each file.

mod key;

use std::{
    ffi::{OsStr, OsString},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use common_fs::{Clock, Dir, DirEntry, FileId, FileKind, Fs, FsError, Stat, follow_links};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use crate::{
    DatabaseStatus, Name, Origin, Place, Source, TranscriptName, openclaw, parallel,
    sessions::{DatabaseLooks, FoundDatabase},
    transcript::Fingerprint,
};

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Discovery {
    /// The directories of transcripts that could be listed.
    pub(crate) dirs: Vec<FoundDir>,
    /// The transcripts, by directory.
    pub(crate) found: Vec<Found>,
    /// The sources that were looked for.
    pub(crate) sources: Vec<&'static dyn Source>,
    /// The roots, and whether each is there.
    pub(crate) roots: Vec<Root>,
    /// Directories that exist but could not be listed.
    pub(crate) unlisted: HashSet<PathBuf>,
    /// Transcripts that exist but could not be looked at.
    pub(crate) hidden: HashSet<PathBuf>,
    /// Why directories and files could not be looked at.
    pub(crate) errors: Vec<FsError>,
    /// Files with the name of a transcript that are none: links, FIFOs, directories.
    pub(crate) not_files: u64,
    /// Transcripts in archives that cannot be read.
    pub(crate) compressed: u64,
    /// The databases of sessions,
    pub(crate) databases: Vec<FoundDatabase>,
    /// and how they stand.
    pub(crate) database_status: Vec<DatabaseStatus>,
}

/// A directory of transcripts, or a database of sessions.
#[derive(Clone, Debug)]
pub(crate) struct FoundDir {
    pub(crate) source: &'static dyn Source,
    pub(crate) holds: Holds,
    /// How it was reached from its root, links included: what stands behind a link may move.
    pub(crate) path: PathBuf,
    /// Whether the agent that it belongs to has a database.
    pub(crate) has_database: bool,
}

impl FoundDir {
    /// Whether a file is no archive of a database, although it could be one by its name.
    pub(crate) fn reads_as_file(&self, name: &OsStr) -> bool {
        let of_either = |name| match name {
            Name::Transcript(TranscriptName { origin, .. }) => origin == Origin::AppendedOrDatabase,
            Name::Compressed | Name::Other => false,
        };
        self.holds == Holds::Files && !self.has_database && of_either(self.source.classify(name))
    }
}

/// What is in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Files.
    Files,
    /// Sessions: it is a database.
    Sessions,
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
    /// The [name](Source::name) of the source.
    pub source: &'static str,
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

/// Looks for transcripts in some places. The sessions of databases are not listed yet.
pub(crate) fn discover(
    fs: &dyn Fs,
    clock: &dyn Clock,
    places: &[Place],
    threads: usize,
) -> Discovery {
    let find = |hand_over: &mut dyn FnMut(Look)| {
        let mut search = Search {
            fs,
            clock,
            found: Discovery::default(),
            seen: HashSet::new(),
            walked: HashSet::new(),
            dirs_in: HashMap::new(),
            hand_over,
        };
        for place in places {
            search.found.sources.push(place.source);
            search.look_in(place);
        }
        search.found
    };
    let (mut discovery, looked) =
        parallel::map_meanwhile(threads, LOOKS_BEFORE_THREADS, find, |look| look.carry_out(fs));
    discovery.tell_agents_with_databases();
    discovery.found.reserve_exact(looked.iter().map(|looked| looked.found.len()).sum());
    for looked in looked {
        discovery.take(looked);
    }
    discovery
}

/// Looks whether the places are there, and at nothing in them; and why some cannot be looked at.
pub(crate) fn roots(fs: &dyn Fs, places: &[Place]) -> (Vec<Root>, Vec<FsError>) {
    let mut errors = Vec::new();
    let roots = places.iter().map(|place| match open_root(fs, place) {
        Ok(path) => Root { source: place.source.name(), path, state: RootState::Listed },
        Err((root, error)) => {
            errors.extend(error);
            root
        }
    });
    (roots.collect(), errors)
}

/// The path of a root that can be opened.
fn open_root(fs: &dyn Fs, place: &Place) -> Result<PathBuf, (Root, Option<FsError>)> {
    match fs.open_dir(&place.path) {
        // What is known is known by path, which must not depend on where somebody stands.
        Ok(dir) if !place.path.is_absolute() => Ok(dir.path().to_owned()),
        Ok(_) => Ok(place.path.clone()),
        Err(error) => {
            let is_missing = error.is_not_found();
            let state = if is_missing { RootState::Missing } else { RootState::Unreadable };
            let root = Root { source: place.source.name(), path: place.path.clone(), state };
            Err((root, (!is_missing).then_some(error)))
        }
    }
}

struct Search<'f> {
    fs: &'f dyn Fs,
    clock: &'f dyn Clock,
    found: Discovery,
    /// The directories that were listed for a source, whatever their names.
    seen: HashSet<(&'static str, FileId)>,
    /// The directories that a pattern has come through.
    walked: HashSet<FileId>,
    /// The directories in those that were listed and that another pattern may come through.
    dirs_in: HashMap<PathBuf, Vec<(OsString, Via)>>,
    /// Takes what is to be looked at; others look while the search goes on.
    hand_over: &'f mut dyn FnMut(Look),
}

/// Names in a directory that are to be looked at.
struct Look {
    /// Index into [`Discovery::dirs`].
    dir: usize,
    path: PathBuf,
    names: Vec<OsString>,
}

/// What came of that.
#[derive(Default)]
struct Looked {
    found: Vec<Found>,
    /// The directory, if it can no longer be opened.
    unlisted: Option<PathBuf>,
    /// Transcripts that exist but could not be looked at.
    hidden: Vec<PathBuf>,
    errors: Vec<FsError>,
}

/// A thread opens the directory once for so many names.
const NAMES_PER_LOOK: usize = 256;

/// For less, another thread costs more than it saves.
const LOOKS_BEFORE_THREADS: usize = 8;

/// How a directory was come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Via {
    /// By a name that every place has.
    Name,
    /// By a name that was listed, of a directory,
    Dir,
    /// or of a link.
    Link,
}

impl Search<'_> {
    fn look_in(&mut self, place: &Place) {
        let root = match open_root(self.fs, place) {
            Ok(path) => {
                for pattern in place.source.dirs() {
                    self.walked.clear();
                    self.walk(place.source, path.clone(), pattern, Via::Name);
                }
                for pattern in place.source.databases() {
                    self.walk_to_database(place.source, &path, pattern, Via::Name);
                }
                Root { source: place.source.name(), path, state: RootState::Listed }
            }
            Err((root, error)) => {
                self.found.errors.extend(error);
                root
            }
        };
        self.found.roots.push(root);
    }

    /// Looks for the directories that match the rest of a pattern.
    fn walk(&mut self, source: &'static dyn Source, path: PathBuf, pattern: &str, via: Via) {
        let (first, rest) = pattern.split_once('/').unwrap_or((pattern, ""));
        match first {
            "" => {
                let dirs = self.list_transcripts(source, path.clone(), via);
                self.dirs_in.insert(path, dirs);
            }
            "**" => {
                for (name, via) in self.list_transcripts(source, path.clone(), via) {
                    if !name.as_encoded_bytes().starts_with(b".") {
                        self.walk(source, path.join(name), "**", via);
                    }
                }
            }
            "*" => {
                for (name, via) in self.list_dirs(&path, via) {
                    self.walk(source, path.join(name), rest, via);
                }
            }
            name => {
                let via = match self.dirs_in.get(&path) {
                    // What is not among them is not there, rather than away.
                    Some(dirs) => dirs.iter().find(|(dir, _)| dir == name).map(|(_, via)| *via),
                    // What a link leads to may be away, with all that is below it.
                    None if via == Via::Link => Some(via),
                    None => Some(Via::Name),
                };
                if let Some(via) = via {
                    self.walk(source, path.join(name), rest, via);
                }
            }
        }
    }

    /// Looks for the databases that match the rest of a pattern.
    fn walk_to_database(
        &mut self,
        source: &'static dyn Source,
        path: &Path,
        pattern: &str,
        via: Via,
    ) {
        match pattern.split_once('/') {
            None => match self.look_at_database(path, pattern) {
                // By another name it was found before.
                Ok(looks) if self.found.databases.iter().any(|known| known.is(&looks)) => (),
                Ok(looks) => self.found.databases.push(FoundDatabase {
                    source,
                    path: path.join(pattern),
                    looks,
                    was_listed: false,
                }),
                Err(error) if error.is_not_found() => {
                    if via == Via::Link {
                        self.found.unlisted.insert(path.join(pattern));
                    }
                }
                Err(error) if error.kind() == ErrorKind::NotADirectory => (),
                Err(error) => self.fail(path.join(pattern), error),
            },
            Some(("*", rest)) => {
                for (name, via) in self.list_dirs(path, via) {
                    self.walk_to_database(source, &path.join(name), rest, via);
                }
            }
            Some((name, rest)) => self.walk_to_database(source, &path.join(name), rest, via),
        }
    }

    fn look_at_database(&self, dir: &Path, name: &str) -> Result<DatabaseLooks, FsError> {
        let at = self.clock.now();
        let (dir, name) = follow_links(self.fs, &dir.join(name))?;
        let main = Fingerprint::from(&dir.stat(&name)?);
        let mut log = name;
        log.push("-wal");
        let log = match dir.stat(&log) {
            // Whoever reads may create an empty one.
            Ok(stat) if stat.size_bytes == 0 => None,
            // Whoever reads as root changes its owner to what it is: only writing counts.
            Ok(stat) => Some(Fingerprint::from(&Stat { changed: stat.modified, ..stat })),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        Ok(DatabaseLooks { main, log, at })
    }

    /// Lists a directory of transcripts, unless it was reached by another name before, and
    /// returns the directories in it.
    fn list_transcripts(
        &mut self,
        source: &'static dyn Source,
        path: PathBuf,
        via: Via,
    ) -> Vec<(OsString, Via)> {
        let Some((handle, entries)) = self.list(&path, via) else { return Vec::new() };
        match handle.id() {
            Ok(id) if !self.walked.insert(id) => return Vec::new(),
            Ok(id) if self.seen.insert((source.name(), id)) => (),
            Ok(_) => return subdirs(&entries),
            Err(error) => {
                self.fail(path, error);
                return Vec::new();
            }
        }
        let subdirs = subdirs(&entries);
        let mut names = Vec::new();
        for entry in entries {
            match (source.classify(&entry.name), entry.kind) {
                (Name::Transcript(_), FileKind::File) => names.push(entry.name),
                (Name::Transcript(_), _) => self.found.not_files += 1,
                (Name::Compressed, _) => self.found.compressed += 1,
                (Name::Other, _) => (),
            }
        }
        let dir = self.found.dirs.len();
        let mut names = names.into_iter().peekable();
        while names.peek().is_some() {
            let names = names.by_ref().take(NAMES_PER_LOOK).collect();
            (self.hand_over)(Look { dir, path: path.clone(), names });
        }
        let (holds, has_database) = (Holds::Files, false);
        self.found.dirs.push(FoundDir { source, holds, path, has_database });
        subdirs
    }

    /// The directories in one, which several patterns may come through.
    fn list_dirs(&mut self, path: &Path, via: Via) -> Vec<(OsString, Via)> {
        if let Some(dirs) = self.dirs_in.get(path) {
            return dirs.clone();
        }
        let dirs = self.list(path, via).map(|(_, entries)| subdirs(&entries)).unwrap_or_default();
        self.dirs_in.insert(path.to_owned(), dirs.clone());
        dirs
    }

    fn list(&mut self, path: &Path, via: Via) -> Option<(Box<dyn Dir>, Vec<DirEntry>)> {
        let listed = self.fs.open_dir(path).and_then(|dir| {
            let entries = dir.list()?;
            Ok((dir, entries))
        });
        match listed {
            Ok(listed) => Some(listed),
            // A link to something else than a directory.
            Err(error) if via == Via::Link && error.kind() == ErrorKind::NotADirectory => None,
            Err(error) if error.is_not_found() => {
                if via == Via::Link {
                    self.found.unlisted.insert(path.to_owned());
                }
                None
            }
            Err(error) => {
                self.fail(path.to_owned(), error);
                None
            }
        }
    }

    fn fail(&mut self, path: PathBuf, error: FsError) {
        self.found.errors.push(error);
        self.found.unlisted.insert(path);
    }
}

/// The directories among some entries.
///
/// Directories are often moved to another disk and linked. If two names lead to one directory,
/// it is known by the name that is not a link: that comes first.
fn subdirs(entries: &[DirEntry]) -> Vec<(OsString, Via)> {
    let mut dirs: Vec<(FileKind, &OsString)> = entries
        .iter()
        .filter(|entry| matches!(entry.kind, FileKind::Dir | FileKind::Symlink))
        .map(|entry| (entry.kind, &entry.name))
        .collect();
    dirs.sort();
    let via = |kind| if kind == FileKind::Symlink { Via::Link } else { Via::Dir };
    dirs.into_iter().map(|(kind, name)| (name.clone(), via(kind))).collect()
}

impl Discovery {
    /// The path by which a transcript is known.
    pub(crate) fn path(&self, found: &Found) -> PathBuf {
        self.dirs.get(found.dir).map_or_else(PathBuf::new, |dir| dir.path.join(&found.name))
    }

    fn tell_agents_with_databases(&mut self) {
        let databases = self.databases.iter();
        let agents: HashSet<&Path> =
            databases.filter_map(|database| openclaw::agent_of_database(&database.path)).collect();
        for dir in &mut self.dirs {
            let agent = openclaw::agent_of_files(&dir.path);
            dir.has_database = agent.is_some_and(|agent| agents.contains(agent));
        }
    }

    /// Forgets transcripts that were moved while they were looked for, from a directory that was
    /// looked at to one that was listed later: they were found in both, and would count twice.
    pub(crate) fn forget_moved(&mut self, fs: &dyn Fs) {
        let mut ids: Vec<FileId> = self.found.iter().map(|found| found.stat.id).collect();
        ids.sort_unstable();
        let twice = ids.windows(2).filter(|ids| matches!(ids, [one, other] if one == other));
        let twice: HashSet<FileId> = twice.flatten().copied().collect();
        if twice.is_empty() {
            return;
        }
        let dirs = &self.dirs;
        self.found.retain_mut(|Found { dir, name, stat }| {
            let Some(dir) = dirs.get(*dir).filter(|_| twice.contains(&stat.id)) else {
                return true;
            };
            // Two names of one file are still there, now that everything is listed; another file
            // may have taken the name of one that was moved.
            match fs.open_dir(&dir.path).and_then(|dir| dir.stat(name)) {
                Ok(now) => *stat = now,
                Err(error) if error.is_not_found() => return false,
                Err(_) => (),
            }
            true
        });
    }

    fn take(&mut self, looked: Looked) {
        let Looked { found, unlisted, hidden, errors } = looked;
        self.found.extend(found);
        self.unlisted.extend(unlisted);
        self.hidden.extend(hidden);
        self.errors.extend(errors);
    }
}

impl Look {
    /// Looks at each name once. What has vanished since the listing is not there.
    fn carry_out(self, fs: &dyn Fs) -> Looked {
        let Self { dir, path, names } = self;
        let mut looked = Looked::default();
        let handle = match fs.open_dir(&path) {
            Ok(handle) => handle,
            Err(error) if error.is_not_found() => return looked,
            Err(error) => {
                let (unlisted, errors) = (Some(path), vec![error]);
                return Looked { unlisted, errors, ..looked };
            }
        };
        looked.found.reserve_exact(names.len());
        for name in names {
            match handle.stat(&name) {
                Ok(stat) => looked.found.push(Found { dir, name, stat }),
                Err(error) if error.is_not_found() => (),
                Err(error) => {
                    looked.errors.push(error);
                    looked.hidden.push(path.join(name));
                }
            }
        }
        looked
    }
}

#[cfg(test)]
mod tests;
