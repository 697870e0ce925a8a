use std::path::Path;

use common_fs::{FileKind, Timestamp};
use foldhash::{HashMap, HashMapExt as _, HashSet, HashSetExt as _};

use super::Total;
use crate::{
    FileClass, FileFact, Folder, Judged, Layout, Snapshot, StoreRow, StoreState, classify,
    file_name::{is_session_id, other_readings},
};

/// What is in a directory, by what it belongs to.
pub(super) struct Index<'s> {
    dir: &'s Path,
    /// How paths of files in this directory end before the name, however the directory was reached:
    /// `/agents/main/sessions/`.
    tail: Option<String>,
    layout: Layout,
    /// What each file of the snapshot is.
    classes: Vec<FileClass<'s>>,
    /// What there is of each session.
    sessions: HashMap<&'s str, Session>,
    /// Sessions and transcripts that somebody has locked.
    locked: HashSet<&'s str>,
    /// The first row that has a session.
    owners: HashMap<&'s str, usize>,
    /// The first row that names a transcript.
    namers: HashMap<&'s str, usize>,
    /// The rows that name something that cannot be a transcript here.
    strays: HashSet<usize>,
}

/// What there is of a session.
#[derive(Default)]
struct Session {
    modified: Option<Timestamp>,
    files: Total,
}

impl<'s> Index<'s> {
    pub(super) fn new(snapshot: &'s Snapshot<'_>) -> Self {
        let rows = match &snapshot.store {
            StoreState::Rows(store) => store.rows(),
            StoreState::None | StoreState::Missing | StoreState::Refused(_) => &[],
        };
        let mut index = Self {
            dir: &snapshot.dir,
            tail: tail(&snapshot.dir),
            layout: snapshot.layout,
            classes: Vec::with_capacity(snapshot.files.len()),
            sessions: HashMap::with_capacity(snapshot.files.len()),
            locked: HashSet::new(),
            owners: HashMap::with_capacity(rows.len()),
            namers: HashMap::with_capacity(rows.len()),
            strays: HashSet::new(),
        };
        for (nth, row) in rows.iter().enumerate() {
            index.add_row(nth, row);
        }
        for file in snapshot.files {
            index.add_file(file);
        }
        index
    }

    fn add_row(&mut self, nth: usize, row: &'s StoreRow<'_>) {
        if let Some(id) = row.session_id().map(str::trim).filter(|id| is_session_id(id)) {
            self.owners.entry(id).or_insert(nth);
        }
        match row.session_file().map(|file| self.named(file)) {
            Some(Some(name)) => {
                self.namers.entry(name).or_insert(nth);
            }
            Some(None) => {
                self.strays.insert(nth);
            }
            None => (),
        }
    }

    fn add_file(&mut self, file: &'s FileFact) {
        let class = classify(&file.name, file.kind, self.layout);
        self.classes.push(class);
        if file.folder == Folder::Archive {
            return;
        }
        match class {
            FileClass::Transcript { session }
            | FileClass::Companion { session }
            | FileClass::SideDir { session } => {
                let session = self.session(session);
                let session = self.sessions.entry(session).or_default();
                session.files.add(file.size_bytes);
                session.modified = session.modified.max(Some(file.modified));
            }
            FileClass::TranscriptLock { of } if file.judged != Judged::Abandoned => {
                let locked = classify(of.as_ref(), file.kind, self.layout);
                if let FileClass::Transcript { session } = locked {
                    let session = self.session(session);
                    self.locked.insert(session);
                }
                self.locked.insert(of);
            }
            _ => (),
        }
    }

    pub(super) fn class(&self, nth: usize) -> FileClass<'s> {
        self.classes.get(nth).copied().unwrap_or(FileClass::Other)
    }

    /// The session of a transcript: the first reading of its name that a row knows.
    pub(super) fn session(&self, stem: &'s str) -> &'s str {
        if self.owners.contains_key(stem) {
            return stem;
        }
        other_readings(stem).find(|session| self.owners.contains_key(*session)).unwrap_or(stem)
    }

    /// When any file of a session was last changed.
    pub(super) fn modified(&self, session: &str) -> Option<Timestamp> {
        self.sessions.get(session.trim())?.modified
    }

    /// The files of a session.
    pub(super) fn files(&self, session: &str) -> Total {
        self.sessions.get(session.trim()).map(|session| session.files).unwrap_or_default()
    }

    pub(super) fn is_locked(&self, session_or_name: &str) -> bool {
        !self.locked.is_empty() && self.locked.contains(session_or_name.trim())
    }

    /// The first row that has this session.
    pub(super) fn owner(&self, session: &str) -> Option<usize> {
        self.owners.get(session).copied()
    }

    /// The first row that names this transcript.
    pub(super) fn namer(&self, name: &str) -> Option<usize> {
        self.namers.get(name).copied()
    }

    /// Whether a row names something that cannot be a transcript in this directory.
    pub(super) fn is_stray(&self, row: usize) -> bool {
        !self.strays.is_empty() && self.strays.contains(&row)
    }

    /// The name of the transcript in this directory that a row means by `file`, if it means one.
    /// Whether there is one does not matter.
    fn named<'f>(&self, file: &'f str) -> Option<&'f str> {
        let name = self.beneath(file.trim());
        let class = classify(name.as_ref(), FileKind::File, self.layout);
        let is_transcript =
            matches!(class, FileClass::Transcript { .. } | FileClass::Companion { .. });
        (is_transcript && !name.contains(['/', '\\', '\0'])).then_some(name)
    }

    /// A path without the directory, if it is beneath it by any of its names.
    fn beneath<'f>(&self, file: &'f str) -> &'f str {
        if !file.starts_with('/') {
            return file;
        }
        let name_at = file.rfind('/').map_or(0, |at| at + 1);
        if let (Some(tail), Some((dir, name))) = (&self.tail, file.split_at_checked(name_at))
            && dir.ends_with(tail)
        {
            return name;
        }
        let beneath = Path::new(file).strip_prefix(self.dir).ok();
        beneath.and_then(Path::to_str).unwrap_or(file)
    }
}

/// The last part of a path, wherever it leads: what a row that stays may need by it.
pub(super) fn last_name(file: &str) -> &str {
    file.trim().rsplit(['/', '\\']).next().unwrap_or(file)
}

/// `/agents/main/sessions/` of a directory that ends in this, as OpenClaw knows one by it, too.
fn tail(dir: &Path) -> Option<String> {
    let mut parts = dir.iter().rev();
    let mut part = || parts.next()?.to_str();
    let (sessions, agent, agents) = (part()?, part()?, part()?);
    (agents == "agents" && sessions == "sessions").then(|| format!("/{agents}/{agent}/{sessions}/"))
}
