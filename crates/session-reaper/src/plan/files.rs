use std::{
    collections::{HashMap, HashSet},
    path::Path,
    time::Duration,
};

use common_fs::{FileKind, Timestamp};

use super::{FileVerdict, Go, Keep, Verdict};
use crate::{
    ArchiveReason, FileClass, FileFact, Judged, Policy, Snapshot, StoreRow, StoreState, classify,
    file_name::{is_session_id, other_readings},
};

/// A new store that nobody finished writing is left alone for so long; OpenClaw waits as long.
const TEMP_MIN_AGE: Duration = Duration::from_mins(5);

/// What is in a directory, by what it belongs to.
pub(super) struct Index<'s> {
    dir: &'s Path,
    store_name: &'s str,
    /// The last change of any transcript of a session.
    modified: HashMap<&'s str, Timestamp>,
    locked: HashSet<&'s str>,
    /// The rows that have a session, in their order.
    owners: HashMap<String, Vec<usize>>,
}

impl<'s> Index<'s> {
    pub(super) fn new(snapshot: &'s Snapshot<'_>) -> Self {
        let mut index = Self {
            dir: &snapshot.dir,
            store_name: &snapshot.store_name,
            modified: HashMap::new(),
            locked: HashSet::new(),
            owners: HashMap::new(),
        };
        if let StoreState::Rows(store) = &snapshot.store {
            for (nth, row) in store.rows().iter().enumerate() {
                if let Some(id) = row.session_id().filter(|id| is_session_id(id)) {
                    index.owners.entry(id.trim().to_owned()).or_default().push(nth);
                }
            }
        }
        for file in &snapshot.files {
            index.add(file);
        }
        index
    }

    fn add(&mut self, file: &'s FileFact) {
        match classify(&file.name, self.store_name) {
            FileClass::Transcript { session } => {
                let session = self.session(session);
                let modified = self.modified.entry(session).or_insert(file.modified);
                *modified = file.modified.max(*modified);
            }
            FileClass::TranscriptLock { of } if file.judged != Judged::Abandoned => {
                if let FileClass::Transcript { session } = classify(of.as_ref(), self.store_name) {
                    let session = self.session(session);
                    self.locked.insert(session);
                }
                self.locked.insert(of);
            }
            _ => (),
        }
    }

    /// The session of a transcript: the first reading of its name that a row knows.
    fn session(&self, stem: &'s str) -> &'s str {
        if self.owners.contains_key(stem) {
            return stem;
        }
        other_readings(stem).find(|session| self.owners.contains_key(*session)).unwrap_or(stem)
    }

    pub(super) fn modified(&self, session: &str) -> Option<Timestamp> {
        self.modified.get(session.trim()).copied()
    }

    pub(super) fn is_locked(&self, session: &str) -> bool {
        self.locked.contains(session.trim())
    }

    /// The name of the transcript in this directory that a row means by `file`, if it means one.
    /// Whether there is one does not matter.
    pub(super) fn named<'f>(&self, file: &'f str) -> Option<&'f str> {
        let path = Path::new(file.trim());
        let name = match path.strip_prefix(self.dir) {
            Ok(beneath) => beneath.to_str()?,
            Err(_) => file.trim(),
        };
        let class = classify(name.as_ref(), self.store_name);
        let is_transcript = matches!(class, FileClass::Transcript { .. });
        (is_transcript && !name.contains(['/', '\\', '\0'])).then_some(name)
    }
}

/// What rows that stay need.
#[derive(Default)]
struct References {
    by_session: HashMap<String, String>,
    by_name: HashMap<String, String>,
}

impl References {
    fn new(snapshot: &Snapshot<'_>, index: &Index<'_>, going: &HashMap<&str, bool>) -> Self {
        let mut references = Self::default();
        if let StoreState::Rows(store) = &snapshot.store {
            let stays = |row: &&StoreRow<'_>| going.get(row.key.as_ref()) != Some(&true);
            for row in store.rows().iter().filter(stays) {
                references.add(row, index);
            }
        }
        references
    }

    fn add(&mut self, row: &StoreRow<'_>, index: &Index<'_>) {
        let sessions =
            row.session_id().into_iter().chain(row.checkpoint_sessions().iter().cloned());
        for session in sessions {
            let known = self.by_session.entry(session.trim().to_owned());
            known.or_insert_with(|| row.key.to_string());
        }
        let files = row.session_file().into_iter().chain(row.checkpoint_files().iter().cloned());
        for file in files {
            if let Some(name) = index.named(&file) {
                let known = self.by_name.entry(name.to_owned());
                known.or_insert_with(|| row.key.to_string());
            }
        }
    }
}

/// The verdicts of all files, in the order of their names.
pub(super) fn judge(
    now: Timestamp,
    snapshot: &Snapshot<'_>,
    index: &Index<'_>,
    policy: &Policy,
    going: &HashMap<&str, bool>,
) -> Vec<FileVerdict> {
    let references = References::new(snapshot, index, going);
    let judge = Judge { now, snapshot, index, policy, references };
    let mut files: Vec<FileVerdict> = snapshot
        .files
        .iter()
        .map(|file| FileVerdict {
            name: file.name.clone(),
            size_bytes: file.size_bytes,
            verdict: judge.file(file),
        })
        .collect();
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}

struct Judge<'j, 's> {
    now: Timestamp,
    snapshot: &'j Snapshot<'s>,
    index: &'j Index<'j>,
    policy: &'j Policy,
    references: References,
}

impl Judge<'_, '_> {
    fn file(&self, file: &FileFact) -> Verdict {
        if file.kind != FileKind::File {
            return Verdict::Keep(Keep::NotAFile);
        }
        match classify(&file.name, &self.snapshot.store_name) {
            FileClass::Store | FileClass::StoreLock | FileClass::StoreBackup => {
                Verdict::Keep(Keep::Protected)
            }
            FileClass::Other => Verdict::Keep(Keep::Unknown),
            _ if !matches!(self.snapshot.store, StoreState::Rows(_)) => {
                Verdict::Keep(Keep::NoStore)
            }
            FileClass::Transcript { session } => self.transcript(file, session),
            FileClass::TranscriptLock { .. } => match file.judged {
                Judged::Abandoned => Verdict::Go(Go::StaleLock),
                Judged::InUse | Judged::NotJudged => Verdict::Keep(Keep::Running),
            },
            FileClass::StoreTemp { .. } if file.judged == Judged::InUse => {
                Verdict::Keep(Keep::Running)
            }
            FileClass::StoreTemp { .. } => {
                self.after(file.modified, Some(TEMP_MIN_AGE), Go::LeakedTemp)
            }
            FileClass::Archive { reason: ArchiveReason::Deleted, at: Some(at), .. } => {
                self.after(at, self.policy.archive_ttl, Go::ArchiveExpired)
            }
            FileClass::Archive { reason: ArchiveReason::Deleted, at: None, .. } => {
                Verdict::Keep(Keep::AgeUnknown)
            }
            FileClass::Archive { .. } => Verdict::Keep(Keep::NoRetention),
        }
    }

    fn transcript(&self, file: &FileFact, stem: &str) -> Verdict {
        let name = file.name.to_str().unwrap_or_default();
        let session = self.index.session(stem);
        // Every reading of its name counts for a reference: what could be needed stays.
        let mut sessions = [stem].into_iter().chain(other_readings(stem));
        let by_session = sessions.find_map(|session| self.references.by_session.get(session));
        if let Some(key) = self.references.by_name.get(name).or(by_session) {
            return Verdict::Keep(Keep::ReferencedBy { key: key.clone() });
        }
        if self.index.is_locked(session) || self.index.is_locked(name) {
            return Verdict::Keep(Keep::Running);
        }
        if let Some(key) = self.owner(session) {
            return Verdict::Go(Go::WithRow { key });
        }
        self.after(file.modified, self.policy.orphan_min_age, Go::Orphan)
    }

    /// The first row that has this session; it goes, as nothing that stays refers to it.
    fn owner(&self, session: &str) -> Option<String> {
        let StoreState::Rows(store) = &self.snapshot.store else { return None };
        let nth = self.index.owners.get(session)?.first()?;
        Some(store.rows().get(*nth)?.key.to_string())
    }

    fn after(&self, since: Timestamp, ttl: Option<Duration>, go: Go) -> Verdict {
        let Some(ttl) = ttl else { return Verdict::Keep(Keep::NoRetention) };
        let until = since.plus(ttl);
        if until < self.now { Verdict::Go(go) } else { Verdict::Keep(Keep::TooYoung { until }) }
    }
}
