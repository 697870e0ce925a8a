use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use common_fs::Timestamp;

use super::Total;
use crate::{
    FileClass, FileFact, Folder, Judged, Snapshot, StoreRow, StoreState, classify,
    file_name::{is_session_id, other_readings},
};

/// What is in a directory, by what it belongs to.
pub(super) struct Index<'s> {
    dir: &'s Path,
    layout: crate::Layout,
    /// What each file of the snapshot is.
    classes: Vec<FileClass<'s>>,
    /// What there is of each session.
    sessions: HashMap<&'s str, Session>,
    /// Sessions and transcripts that somebody has locked.
    locked: HashSet<&'s str>,
    /// The rows that have a session, in their order.
    owners: HashMap<String, Vec<usize>>,
    /// The rows that name a transcript, in their order.
    namers: HashMap<String, Vec<usize>>,
}

/// What there is of a session.
#[derive(Default)]
struct Session {
    modified: Option<Timestamp>,
    files: Total,
}

impl<'s> Index<'s> {
    pub(super) fn new(snapshot: &'s Snapshot<'_>) -> Self {
        let mut index = Self {
            dir: &snapshot.dir,
            layout: snapshot.layout,
            classes: Vec::with_capacity(snapshot.files.len()),
            sessions: HashMap::new(),
            locked: HashSet::new(),
            owners: HashMap::new(),
            namers: HashMap::new(),
        };
        if let StoreState::Rows(store) = &snapshot.store {
            for (nth, row) in store.rows().iter().enumerate() {
                index.add_row(nth, row);
            }
        }
        for file in snapshot.files {
            index.add_file(file);
        }
        index
    }

    fn add_row(&mut self, nth: usize, row: &StoreRow<'_>) {
        let id = row.session_id();
        if let Some(id) = id.as_deref().map(str::trim).filter(|id| is_session_id(id)) {
            self.owners.entry(id.to_owned()).or_default().push(nth);
        }
        if let Some(file) = row.session_file()
            && let Some(name) = self.named(&file)
        {
            self.namers.entry(name.to_owned()).or_default().push(nth);
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
        self.locked.contains(session_or_name.trim())
    }

    /// The first row that has this session.
    pub(super) fn owner(&self, session: &str) -> Option<usize> {
        self.owners.get(session)?.first().copied()
    }

    /// The first row that names this transcript.
    pub(super) fn namer(&self, name: &str) -> Option<usize> {
        self.namers.get(name)?.first().copied()
    }

    /// The name of the transcript in this directory that a row means by `file`, if it means one.
    /// Whether there is one does not matter.
    pub(super) fn named<'f>(&self, file: &'f str) -> Option<&'f str> {
        let path = Path::new(file.trim());
        let name = match path.strip_prefix(self.dir) {
            Ok(beneath) => beneath.to_str()?,
            Err(_) => file.trim(),
        };
        let class = classify(name.as_ref(), common_fs::FileKind::File, self.layout);
        let is_transcript =
            matches!(class, FileClass::Transcript { .. } | FileClass::Companion { .. });
        (is_transcript && !name.contains(['/', '\\', '\0'])).then_some(name)
    }
}
