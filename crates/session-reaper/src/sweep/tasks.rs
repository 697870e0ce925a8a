//! What a plan says to archive, as tasks: a row and its files, or a file alone.

use std::{
    ffi::{OsStr, OsString},
    time::Duration,
};

use common_fs::{FileKind, Timestamp};
use foldhash::{HashMap, HashMapExt as _, HashSet};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Act, FileClass, FileFact, Folder, Go, Layout, Listing, Plan, Store, Verdict, classify,
    file_name::ArchiveReason, format_stamp,
};

/// Something that is archived as a whole or not at all.
pub(super) struct Task<'l> {
    /// The row, and the hash of its member when the plan was made.
    pub(super) row: Option<(String, u64)>,
    pub(super) files: Vec<Victim<'l>>,
}

/// A file that is archived.
pub(super) struct Victim<'l> {
    pub(super) fact: &'l FileFact,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) class: FileClass<'l>,
    /// The compressed copy that was made of it.
    pub(super) copy: Option<String>,
}

/// The tasks of a plan. Names of archives are new; they end in the time `now` or a few milliseconds
/// later.
pub(super) fn tasks<'l>(
    plan: &Plan,
    listing: &'l Listing,
    store: Option<&Store<'_>>,
    layout: Layout,
    now: Timestamp,
) -> Vec<Task<'l>> {
    let by_name = listing.by_name();
    let mut names = Names::new(listing, now);
    let mut tasks: Vec<Task<'l>> = Vec::new();
    let mut by_key: HashMap<&str, usize> = HashMap::new();
    for row in plan.rows.iter().filter(|row| row.verdict.goes()) {
        let Some(found) = store.and_then(|store| Some((store, store.row(&row.key)?))) else {
            continue;
        };
        let hash = member_hash(found.0.member(found.1));
        by_key.insert(&row.key, tasks.len());
        tasks.push(Task { row: Some((row.key.clone(), hash)), files: Vec::new() });
    }
    // Without rows, the transcript of a session and its directory go together.
    let mut by_session: HashMap<String, usize> = HashMap::new();
    for file in plan.files.iter().filter(|file| file.verdict.act() == Some(Act::Archive)) {
        let Some(fact) = by_name.get(&(file.folder, file.name.as_os_str())).copied() else {
            continue;
        };
        let Some(from) = fact.name.to_str().map(str::to_owned) else { continue };
        let class = classify(&fact.name, fact.kind, layout);
        let to = names.archive(&from, class.reason());
        let victim = Victim { fact, from, to, class, copy: None };
        let session = match class {
            FileClass::SideDir { session } | FileClass::Transcript { session }
                if layout != Layout::OpenClaw =>
            {
                Some(session)
            }
            _ => None,
        };
        let with = match (&file.verdict, session) {
            (_, Some(session)) => by_session.get(session).copied(),
            (Verdict::Go(Go::With { key }), None) => by_key.get(key.as_str()).copied(),
            _ => None,
        };
        if let Some(task) = with.and_then(|nth| tasks.get_mut(nth)) {
            task.files.push(victim);
            continue;
        }
        if let Some(session) = session {
            by_session.insert(session.to_owned(), tasks.len());
        }
        tasks.push(Task { row: None, files: vec![victim] });
    }
    tasks
}

impl Task<'_> {
    /// The key of its row, or the name of its file.
    pub(super) fn name(&self) -> String {
        let key = self.row.as_ref().map(|(key, _)| key.clone());
        key.or_else(|| self.files.first().map(|file| file.from.clone())).unwrap_or_default()
    }
}

pub(super) fn member_hash(member: &str) -> u64 {
    xxh3_64(member.as_bytes())
}

impl Victim<'_> {
    /// Whether it is worth compressing, and can be.
    pub(super) fn is_compressible(&self) -> bool {
        let is_text = matches!(
            self.class,
            FileClass::Transcript { .. }
                | FileClass::Companion { .. }
                | FileClass::StoreTemp { .. }
        );
        let is_compressed = self.from.as_bytes().ends_with(b".zst");
        is_text && !is_compressed && self.fact.kind == FileKind::File && 0 < self.fact.size_bytes
    }
}

/// Names for archives that nobody has.
struct Names {
    taken: HashSet<OsString>,
    now: Timestamp,
}

impl Names {
    fn new(listing: &Listing, now: Timestamp) -> Self {
        let archives = listing
            .files()
            .iter()
            .filter(|file| file.folder == Folder::Archive || looks_like_archive(&file.name));
        Self { taken: archives.map(|file| file.name.clone()).collect(), now }
    }

    fn archive(&mut self, from: &str, reason: ArchiveReason) -> String {
        let mut at = self.now;
        loop {
            let name = format!("{from}{}{}", reason.marker(), format_stamp(at));
            let compressed = format!("{name}.zst");
            if !self.taken.contains(OsStr::new(&name))
                && !self.taken.contains(OsStr::new(&compressed))
            {
                self.taken.insert(name.clone().into());
                return name;
            }
            at = at.plus(Duration::from_millis(1));
        }
    }
}

/// All names that [`Names::archive`] could give have one of these in them.
fn looks_like_archive(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    [&b".deleted."[..], b".bak."]
        .iter()
        .any(|marker| name.windows(marker.len()).any(|window| window == *marker))
}
