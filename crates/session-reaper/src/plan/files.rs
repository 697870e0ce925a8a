use std::cmp::Reverse;

use common_fs::{FileKind, Timestamp};
use foldhash::{HashMap, HashMapExt as _};

use super::{
    Allowance, FileVerdict, Go, Keep, RowVerdict, Total, Verdict,
    index::{Index, last_name},
    verdict::after,
};
use crate::{
    ArchiveReason, Companions, FileClass, FileFact, Folder, Judged, Layout, Policy, Reclaim,
    Snapshot, StoreRow, StoreState, classify,
    file_name::{is_uuid, other_readings},
};

/// The verdicts of the files, as far as they are known.
pub(super) struct Files<'j, 's> {
    now: Timestamp,
    snapshot: &'j Snapshot<'s>,
    index: &'j Index<'j>,
    policy: &'j Policy,
    verdicts: Vec<Option<Verdict>>,
}

impl<'j, 's> Files<'j, 's> {
    pub(super) fn new(
        now: Timestamp,
        snapshot: &'j Snapshot<'s>,
        index: &'j Index<'j>,
        policy: &'j Policy,
    ) -> Self {
        let verdicts = vec![None; snapshot.files.len()];
        Self { now, snapshot, index, policy, verdicts }
    }

    /// What does not depend on rows: it goes first, as it makes room.
    pub(super) fn judge_archives(&mut self, allowance: &mut Allowance) {
        for (nth, file) in self.snapshot.files.iter().enumerate() {
            let verdict = match self.index.class(nth) {
                FileClass::Archive { of, reason, at, .. } => self.archive(file, of, reason, at),
                FileClass::OwnTemp { .. } if !self.is_spare(file) => Verdict::Keep(Keep::Unknown),
                FileClass::OwnTemp { .. } | FileClass::LockGuard => self.own(file),
                _ => continue,
            };
            self.decide(nth, verdict, allowance);
        }
    }

    /// Everything else, now that it is known which rows go.
    pub(super) fn judge_rest(&mut self, rows: &[RowVerdict], allowance: &mut Allowance) {
        let references = References::new(self.snapshot, rows);
        let last = self.last_sessions();
        for (nth, file) in self.snapshot.files.iter().enumerate() {
            let is_dir = matches!(self.index.class(nth), FileClass::SideDir { .. });
            if is_dir || self.verdicts.get(nth).is_none_or(Option::is_some) {
                continue;
            }
            let verdict = self.file(nth, file, &references, &last);
            if let Verdict::Go(Go::With { .. }) = verdict {
                // The row has paid for it.
                self.set(nth, verdict);
            } else {
                self.decide(nth, verdict, allowance);
            }
        }
        self.judge_side_dirs(&last, allowance);
        if self.policy.archives.reclaim == Reclaim::WhenArchiving && !self.archives_something() {
            self.keep_archives();
        }
    }

    /// The directory of a session goes with its transcript or stays with it.
    fn judge_side_dirs(&mut self, last: &[&str], allowance: &mut Allowance) {
        let mut of_sessions: HashMap<&str, Verdict> = HashMap::new();
        for (nth, file) in self.snapshot.files.iter().enumerate() {
            if let (FileClass::Transcript { session }, Folder::Here, Some(Some(verdict))) =
                (self.index.class(nth), file.folder, self.verdicts.get(nth))
            {
                of_sessions.insert(session, verdict.clone());
            }
        }
        for (nth, file) in self.snapshot.files.iter().enumerate() {
            let FileClass::SideDir { session } = self.index.class(nth) else { continue };
            match of_sessions.get(session).filter(|_| file.folder == Folder::Here) {
                Some(Verdict::Go(_)) => {
                    self.set(nth, Verdict::Go(Go::With { key: session.to_owned() }));
                }
                Some(Verdict::Keep(keep)) => self.set(nth, Verdict::Keep(keep.clone())),
                None => {
                    let verdict = self.session_file(file, session, last);
                    self.decide(nth, verdict, allowance);
                }
            }
        }
    }

    pub(super) fn verdicts(self) -> Vec<FileVerdict> {
        let mut verdicts: Vec<FileVerdict> = self
            .snapshot
            .files
            .iter()
            .zip(self.verdicts)
            .map(|(file, verdict)| FileVerdict {
                name: file.name.clone(),
                folder: file.folder,
                kind: file.kind,
                size_bytes: file.size_bytes,
                modified: file.modified,
                verdict: verdict.unwrap_or(Verdict::Keep(Keep::Unknown)),
            })
            .collect();
        verdicts.sort_by(|one, other| (one.folder, &one.name).cmp(&(other.folder, &other.name)));
        verdicts
    }

    fn decide(&mut self, nth: usize, verdict: Verdict, allowance: &mut Allowance) {
        let size = self.snapshot.files.get(nth).map_or(0, |file| file.size_bytes);
        let affordable = !verdict.goes() || allowance.take(Total { count: 1, bytes: size });
        self.set(nth, if affordable { verdict } else { Verdict::Keep(Keep::OverBudget) });
    }

    fn set(&mut self, nth: usize, verdict: Verdict) {
        if let Some(place) = self.verdicts.get_mut(nth) {
            *place = Some(verdict);
        }
    }

    fn archives_something(&self) -> bool {
        let is_with =
            |verdict: &Option<Verdict>| matches!(verdict, Some(Verdict::Go(Go::With { .. })));
        self.verdicts.iter().any(is_with)
    }

    fn keep_archives(&mut self) {
        for verdict in self.verdicts.iter_mut().flatten() {
            if *verdict == Verdict::Go(Go::ArchiveExpired) {
                *verdict = Verdict::Keep(Keep::NoRetention);
            }
        }
    }

    /// What a process of ours has left.
    fn own(&self, file: &FileFact) -> Verdict {
        if file.kind != FileKind::File {
            return Verdict::Keep(Keep::NotAFile);
        }
        if file.judged != Judged::Abandoned {
            return Verdict::Keep(Keep::Running);
        }
        // A copy has the time of its original; that nobody touched it says when it was made.
        let since = file.modified.max(file.changed);
        after(self.now, since, Some(common_fs::temp::ORPHAN_AGE), Go::OwnTemp)
    }

    /// Whether what a temporary file of ours was made from, or for, is there without it.
    fn is_spare(&self, file: &FileFact) -> bool {
        let Some(target) = common_fs::temp::target(&file.name) else { return false };
        let wanted = match classify(target, FileKind::File, self.snapshot.layout) {
            FileClass::Store
            | FileClass::StoreLock
            | FileClass::TranscriptLock { .. }
            | FileClass::Own => return true,
            FileClass::Archive { of, .. } => of,
            FileClass::Transcript { .. }
            | FileClass::Companion { .. }
            | FileClass::StoreTemp { .. } => target.to_str().unwrap_or_default(),
            _ => return false,
        };
        self.snapshot.files.iter().enumerate().any(|(nth, other)| {
            other.name == *wanted
                || matches!(self.index.class(nth), FileClass::Archive { of, .. } if of == wanted)
        })
    }

    fn archive(
        &self,
        file: &FileFact,
        of: &str,
        reason: ArchiveReason,
        at: Option<Timestamp>,
    ) -> Verdict {
        let is_side_dir = file.kind == FileKind::Dir && self.snapshot.layout == Layout::Claude;
        if file.kind != FileKind::File && !is_side_dir {
            return Verdict::Keep(Keep::NotAFile);
        }
        let session = of.strip_suffix(".jsonl").unwrap_or(of);
        if self.is_pinned(file, of) || self.is_pinned(file, session) {
            return Verdict::Keep(Keep::Pinned);
        }
        let archives = &self.policy.archives;
        let ttl = if is_former(of, reason, self.snapshot.layout) {
            archives.former_ttl
        } else {
            archives.ttl
        };
        match at {
            Some(at) => after(self.now, at, ttl, Go::ArchiveExpired),
            None => Verdict::Keep(Keep::AgeUnknown),
        }
    }

    fn file(
        &self,
        nth: usize,
        file: &FileFact,
        references: &References<'_>,
        last: &[&str],
    ) -> Verdict {
        let class = self.index.class(nth);
        match class {
            FileClass::Own | FileClass::Store | FileClass::StoreLock | FileClass::StoreBackup => {
                return Verdict::Keep(Keep::Protected);
            }
            FileClass::Other => return Verdict::Keep(Keep::Unknown),
            _ => (),
        }
        if file.kind != FileKind::File {
            return Verdict::Keep(Keep::NotAFile);
        }
        if file.folder == Folder::Archive {
            // Only what says when it was archived can have been enough so.
            return Verdict::Keep(Keep::Unknown);
        }
        match class {
            FileClass::TranscriptLock { of } => self.lock(file, of),
            FileClass::StoreTemp { .. } => self.store_temp(file),
            FileClass::Transcript { session } | FileClass::Companion { session } => {
                match self.snapshot.store {
                    StoreState::None => self.session_file(file, session, last),
                    StoreState::Rows(_) => self.transcript(file, class, session, references),
                    StoreState::Missing | StoreState::Refused(_) => Verdict::Keep(Keep::NoStore),
                }
            }
            _ => Verdict::Keep(Keep::Unknown),
        }
    }

    fn lock(&self, file: &FileFact, of: &str) -> Verdict {
        if self.is_pinned(file, of) {
            return Verdict::Keep(Keep::Pinned);
        }
        match (file.judged, self.policy.leftover_min_age) {
            (_, None) => Verdict::Keep(Keep::NoRetention),
            (Judged::Abandoned, Some(_)) => Verdict::Go(Go::StaleLock),
            (Judged::InUse | Judged::NotJudged, Some(_)) => Verdict::Keep(Keep::Running),
        }
    }

    /// It may be all that is left of a store, so only beside one that can be trusted.
    fn store_temp(&self, file: &FileFact) -> Verdict {
        if !matches!(self.snapshot.store, StoreState::Rows(_)) {
            return Verdict::Keep(Keep::NoStore);
        }
        if self.is_pinned(file, "") {
            return Verdict::Keep(Keep::Pinned);
        }
        match file.judged {
            Judged::InUse => Verdict::Keep(Keep::Running),
            Judged::Abandoned | Judged::NotJudged => {
                after(self.now, file.modified, self.policy.leftover_min_age, Go::LeakedTemp)
            }
        }
    }

    /// A transcript beside a store.
    fn transcript(
        &self,
        file: &FileFact,
        class: FileClass<'_>,
        stem: &str,
        references: &References<'_>,
    ) -> Verdict {
        let name = file.name.to_str().unwrap_or_default();
        // Every reading of its name counts for a reference: what could be needed stays.
        let by_session = || first_of(stem, |session| references.by_session.get(session));
        if let Some(key) = references.by_name.get(name).or_else(by_session) {
            return Verdict::Keep(Keep::ReferencedBy { key: (*key).to_owned() });
        }
        if self.is_pinned(file, stem) {
            return Verdict::Keep(Keep::Pinned);
        }
        let is_locked = |id: &str| self.index.is_locked(id).then_some(());
        if first_of(stem, is_locked).or_else(|| is_locked(name)).is_some() {
            return Verdict::Keep(Keep::Running);
        }
        if let Some(key) = self.owner(class, name, stem) {
            return Verdict::Go(Go::With { key });
        }
        after(self.now, file.modified, self.policy.orphan_min_age, Go::Orphan)
    }

    /// The first row that takes this file with it: nothing that stays refers to it.
    fn owner(&self, class: FileClass<'_>, name: &str, stem: &str) -> Option<String> {
        let StoreState::Rows(store) = &self.snapshot.store else { return None };
        let follows = match self.policy.companions {
            Companions::Follow => true,
            Companions::Leave => {
                matches!(class, FileClass::Transcript { session } if session == stem)
                    && self.index.owner(stem).is_some()
            }
        };
        let owner = || first_of(stem, |session| self.index.owner(session));
        let nth = follows.then(owner).flatten().or_else(|| self.index.namer(name))?;
        Some(store.rows().get(nth)?.key.to_string())
    }

    /// A transcript, or the directory of one, of a runtime without a store.
    fn session_file(&self, file: &FileFact, session: &str, last: &[&str]) -> Verdict {
        if file.folder == Folder::Archive {
            return Verdict::Keep(Keep::Unknown);
        }
        if self.is_pinned(file, session) {
            return Verdict::Keep(Keep::Pinned);
        }
        if let Some(by) = self.snapshot.needed.and_then(|needed| needed.get(session)) {
            return Verdict::Keep(Keep::ReferencedBy { key: by.clone() });
        }
        let time = self.index.modified(session).unwrap_or(file.modified);
        if self.policy.session_ttl.is_some() && self.now < time {
            return Verdict::Keep(Keep::AgeUnknown);
        }
        let go = if file.kind == FileKind::Dir { Go::Orphan } else { Go::Expired };
        let verdict = after(self.now, time, self.policy.session_ttl, go);
        if verdict.goes() && last.contains(&session) {
            return Verdict::Keep(Keep::KeptLast);
        }
        verdict
    }

    /// The sessions of a project of Claude Code that are kept however old.
    fn last_sessions(&self) -> Vec<&'j str> {
        if self.snapshot.layout != Layout::Claude {
            return Vec::new();
        }
        let sessions = self.snapshot.files.iter().enumerate().filter_map(|(nth, file)| {
            let FileClass::Transcript { session } = self.index.class(nth) else { return None };
            // What an agent of a session wrote is no session of its own.
            let is_session = file.folder == Folder::Here && is_uuid(session);
            is_session.then_some((Reverse(file.modified), session))
        });
        let mut sessions: Vec<_> = sessions.collect();
        sessions.sort_unstable();
        let count = usize::try_from(self.policy.keep_last.succeeded).unwrap_or(usize::MAX);
        sessions.into_iter().take(count).map(|(_, session)| session).collect()
    }

    fn is_pinned(&self, file: &FileFact, session: &str) -> bool {
        !self.policy.pins.is_empty()
            && (file.name.to_str().is_some_and(|name| self.policy.pins(name))
                || self.policy.pins(session))
    }
}

/// What there is of the first session that a name can be read as. Most have only one reading.
fn first_of<'s, T>(stem: &'s str, of: impl Fn(&'s str) -> Option<T>) -> Option<T> {
    of(stem).or_else(|| other_readings(stem).find_map(of))
}

/// Whether an archive is one that a runtime has made because a session began anew or its file was
/// replaced, rather than of something that was deleted.
pub(crate) fn is_former(of: &str, reason: ArchiveReason, layout: Layout) -> bool {
    let is_transcript = || {
        let class = classify(of.as_ref(), FileKind::File, layout);
        matches!(class, FileClass::Transcript { .. } | FileClass::Other)
    };
    match reason {
        ArchiveReason::Deleted => false,
        ArchiveReason::Reset => true,
        ArchiveReason::Backup => is_transcript(),
    }
}

/// What rows that stay need, and the key of the first that does.
struct References<'s> {
    by_session: HashMap<&'s str, &'s str>,
    /// By the last part of the path that the row has: in whatever directory it says that the file is,
    /// it may be reached through a link.
    by_name: HashMap<&'s str, &'s str>,
}

impl<'s> References<'s> {
    fn new(snapshot: &'s Snapshot<'_>, verdicts: &[RowVerdict]) -> Self {
        let capacity = verdicts.len();
        let mut references = Self {
            by_session: HashMap::with_capacity(capacity),
            by_name: HashMap::with_capacity(capacity),
        };
        if let StoreState::Rows(store) = &snapshot.store {
            for (row, verdict) in store.rows().iter().zip(verdicts) {
                if !verdict.verdict.goes() {
                    references.add(row);
                }
            }
        }
        references
    }

    fn add(&mut self, row: &'s StoreRow<'_>) {
        let checkpoints = row.checkpoint_sessions().iter().map(AsRef::as_ref);
        for session in row.session_id().into_iter().chain(checkpoints) {
            self.by_session.entry(session.trim()).or_insert(&row.key);
        }
        let checkpoints = row.checkpoint_files().iter().map(AsRef::as_ref);
        for file in row.session_file().into_iter().chain(checkpoints) {
            self.by_name.entry(last_name(file)).or_insert(&row.key);
        }
    }
}
