//! Where sessions are kept.

use std::{
    collections::BTreeSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use common_fs::{Dir, FileKind, Fs, FsError};

use crate::Layout;

/// Where OpenClaw since 2026.7 keeps the sessions of an agent.
const DATABASE: &str = "openclaw-agent.sqlite";

/// The directories of runtimes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    /// State directories of OpenClaw.
    pub openclaw: Vec<PathBuf>,
    /// Configuration directories of Claude Code.
    pub claude: Vec<PathBuf>,
    /// Home directories of Codex.
    pub codex: Vec<PathBuf>,
}

/// A directory of sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose it is.
    pub layout: Layout,
    /// The agent, the project, or where it is below its root.
    pub name: String,
    /// The directory of a runtime that it was found in.
    pub root: PathBuf,
    /// The directory, by its path without links: one that somebody puts there later is not followed.
    pub dir: PathBuf,
    /// The database to which its sessions have moved, if they have: the files are remains then, which
    /// nobody keeps up to date, and nothing is changed.
    pub database: Option<PathBuf>,
}

impl Place {
    pub(crate) fn open(&self, fs: &dyn Fs) -> Result<Box<dyn Dir>, FsError> {
        common_fs::open_without_links(fs, &self.dir)
    }
}

impl Roots {
    /// The usual places, as the environment has them: `$OPENCLAW_STATE_DIR`, else `~/.openclaw`, or
    /// `~/.clawdbot` if only that exists; `$CLAUDE_CONFIG_DIR`, a list with commas, else
    /// `~/.config/claude` and `~/.claude`; `$CODEX_HOME`, else `~/.codex`. `None` without a home
    /// directory.
    pub fn from_env(fs: &dyn Fs, env: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let set = |name| env(name).filter(|value| !value.is_empty());
        let home = set("HOME").map(PathBuf::from)?;
        let openclaw = set("OPENCLAW_STATE_DIR").map_or_else(
            || {
                let former = home.join(".clawdbot");
                let current = home.join(".openclaw");
                let is_there = |path: &Path| fs.open_dir(path).is_ok();
                if is_there(&former) && !is_there(&current) { former } else { current }
            },
            PathBuf::from,
        );
        let claude = match set("CLAUDE_CONFIG_DIR") {
            Some(list) => list
                .to_string_lossy()
                .split(',')
                .map(str::trim)
                .filter(|path| !path.is_empty())
                .map(PathBuf::from)
                .collect(),
            None => vec![home.join(".config/claude"), home.join(".claude")],
        };
        let codex = set("CODEX_HOME").map_or_else(|| home.join(".codex"), PathBuf::from);
        Some(Self { openclaw: vec![openclaw], claude, codex: vec![codex] })
    }

    /// All directories of sessions below these roots, in the order of their paths. Of those that can
    /// be reached in several ways, the first.
    ///
    /// What is not there has none; what cannot be looked at is among the errors.
    pub fn places(&self, fs: &dyn Fs) -> (Vec<Place>, Vec<FsError>) {
        let mut finder = Finder { fs, places: Vec::new(), errors: Vec::new() };
        for root in &self.openclaw {
            finder.openclaw(root);
        }
        for root in &self.claude {
            finder.claude(root);
        }
        for root in &self.codex {
            finder.codex(root);
        }
        let mut seen = BTreeSet::new();
        finder.places.retain(|place| seen.insert(place.dir.clone()));
        (finder.places, finder.errors)
    }

    /// All roots, by runtime.
    pub fn all(&self) -> impl Iterator<Item = &Path> {
        let all = self.openclaw.iter().chain(&self.claude).chain(&self.codex);
        all.map(PathBuf::as_path)
    }
}

struct Finder<'f> {
    fs: &'f dyn Fs,
    places: Vec<Place>,
    errors: Vec<FsError>,
}

impl Finder<'_> {
    /// All agents below a state directory that have sessions, whether they have jobs or not.
    fn openclaw(&mut self, root: &Path) {
        for (name, agent) in self.dirs(&root.join("agents")) {
            let sessions = self.dir(&agent.join("sessions"));
            let database = agent.join("agent").join(DATABASE);
            let looked =
                common_fs::open_parent(self.fs, &database).and_then(|(dir, name)| dir.stat(&name));
            let database = match looked {
                Ok(_) => Some(database),
                Err(error) if error.is_not_found() => None,
                // Whether its sessions are there nobody can tell, so nothing of it is touched.
                Err(error) => {
                    self.errors.push(error);
                    Some(database)
                }
            };
            if let (None, None) = (&sessions, &database) {
                continue;
            }
            let dir = match sessions {
                Some(dir) => dir.path().to_owned(),
                None => agent.join("sessions"),
            };
            self.add(Layout::OpenClaw, name, root, dir, database);
        }
    }

    fn claude(&mut self, root: &Path) {
        for (name, dir) in self.dirs(&root.join("projects")) {
            self.add(Layout::Claude, name, root, dir, None);
        }
    }

    /// Rollouts are in a directory for each day, and those that were archived in one.
    fn codex(&mut self, root: &Path) {
        let is_number = |name: &str| name.bytes().all(|byte| byte.is_ascii_digit());
        for (year, dir) in self.dirs(&root.join("sessions")) {
            for (month, dir) in self.dirs(&dir) {
                for (day, dir) in self.dirs(&dir) {
                    if [&year, &month, &day].into_iter().all(|name| is_number(name)) {
                        let name = format!("sessions/{year}/{month}/{day}");
                        self.add(Layout::Codex, name, root, dir, None);
                    }
                }
            }
        }
        if let Some(dir) = self.dir(&root.join("archived_sessions")) {
            let dir = dir.path().to_owned();
            self.add(Layout::Codex, "archived_sessions".to_owned(), root, dir, None);
        }
    }

    fn add(
        &mut self,
        layout: Layout,
        name: String,
        root: &Path,
        dir: PathBuf,
        database: Option<PathBuf>,
    ) {
        self.places.push(Place { layout, name, root: root.to_owned(), dir, database });
    }

    fn dir(&mut self, path: &Path) -> Option<Box<dyn Dir>> {
        match self.fs.open_dir(path) {
            Ok(dir) => Some(dir),
            Err(error) if error.is_not_found() => None,
            Err(error) => {
                self.errors.push(error);
                None
            }
        }
    }

    /// The directories in a directory, and their paths without links, by name. Those that are links
    /// are followed: people keep agents and projects elsewhere.
    fn dirs(&mut self, path: &Path) -> Vec<(String, PathBuf)> {
        let Some(dir) = self.dir(path) else { return Vec::new() };
        let entries = match dir.list() {
            Ok(entries) => entries,
            Err(error) => {
                self.errors.push(error);
                return Vec::new();
            }
        };
        let is_dir = |kind| matches!(kind, FileKind::Dir | FileKind::Symlink);
        let mut names: Vec<OsString> = entries
            .into_iter()
            .filter(|entry| is_dir(entry.kind))
            .map(|entry| entry.name)
            .collect();
        names.sort();
        let mut dirs = Vec::new();
        for name in names {
            let is_file = |error: &FsError| error.kind() == std::io::ErrorKind::NotADirectory;
            match self.fs.open_dir(&dir.path().join(&name)) {
                Ok(below) => dirs.push((text(&name), below.path().to_owned())),
                Err(error) if error.is_not_found() || is_file(&error) => (),
                Err(error) => self.errors.push(error),
            }
        }
        dirs
    }
}

fn text(name: &OsStr) -> String {
    name.to_string_lossy().into_owned()
}
