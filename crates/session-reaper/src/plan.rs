//! What is to become of each row and each file.

mod files;
mod index;
mod room;
mod rows;
mod verdict;

use std::ffi::OsString;

use common_fs::{FileKind, Timestamp};

use crate::{Folder, Policy, Snapshot, StoreError, StoreState};

pub(crate) use files::is_former;
pub use verdict::{Act, Go, Keep, Verdict};

/// A verdict for everything there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The rows in the order of the store.
    pub rows: Vec<RowVerdict>,
    /// The files in the order of their names, those in the folder of archives last.
    pub files: Vec<FileVerdict>,
    /// The rows that were archived, in the order in which that was done.
    pub archived_rows: Vec<ArchivedRowVerdict>,
    /// Why the store decides nothing, if there is one that cannot be trusted.
    pub refused: Option<StoreError>,
    /// How much room is still missing when all that may go for it is gone.
    pub shortfall: Shortfall,
}

/// What is to become of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowVerdict {
    /// Its key.
    pub key: String,
    /// Its session, if it names one.
    pub session: Option<String>,
    /// How long its member is in the store.
    pub size_bytes: u64,
    /// When the session last showed a sign of life, if that is known of a row that can expire.
    pub last_alive: Option<Timestamp>,
    /// What is to become of it.
    pub verdict: Verdict,
    /// It names a transcript that cannot be one: outside the directory, or not a transcript. That
    /// file is not touched, whatever becomes of the row.
    pub unsafe_file: Option<String>,
}

/// What is to become of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileVerdict {
    /// Its name in the directory.
    pub name: OsString,
    /// In which of the two directories it is.
    pub folder: Folder,
    /// What it is.
    pub kind: FileKind,
    /// How long it is.
    pub size_bytes: u64,
    /// When it was last changed.
    pub modified: Timestamp,
    /// What is to become of it.
    pub verdict: Verdict,
}

/// What is to become of a row that was archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRowVerdict {
    /// Its key.
    pub key: String,
    /// When it was archived.
    pub at: Timestamp,
    /// How long its member is.
    pub size_bytes: u64,
    /// What is to become of it.
    pub verdict: Verdict,
}

/// How much room is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shortfall {
    /// So much more has to go before the directory is as small as it may be.
    pub dir_bytes: u64,
    /// So much more before the file system has as much room as is wanted.
    pub free_bytes: u64,
}

/// How many, and how long all of them are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// How many.
    pub count: u64,
    /// Their lengths.
    pub bytes: u64,
}

impl Total {
    /// Counts one more.
    pub fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }

    fn of(sizes: impl Iterator<Item = u64>) -> Self {
        sizes.fold(Self::default(), |mut sum, bytes| {
            sum.add(bytes);
            sum
        })
    }
}

impl std::ops::AddAssign for Total {
    fn add_assign(&mut self, other: Self) {
        self.count += other.count;
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

impl Plan {
    /// The rows that are archived.
    pub fn rows_going(&self) -> Total {
        Total::of(self.rows.iter().filter(|row| row.verdict.goes()).map(|row| row.size_bytes))
    }

    /// The files that are archived.
    pub fn archiving(&self) -> Total {
        self.acting(Act::Archive)
    }

    /// The files that are removed for good.
    pub fn reclaiming(&self) -> Total {
        self.acting(Act::Remove)
    }

    fn acting(&self, act: Act) -> Total {
        let files = self.files.iter().filter(|file| file.verdict.act() == Some(act));
        Total::of(files.map(|file| file.size_bytes))
    }

    /// Whether nothing goes.
    pub fn is_nothing(&self) -> bool {
        !self.verdicts().any(Verdict::goes)
    }

    /// All verdicts.
    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        let rows = self.rows.iter().map(|row| &row.verdict);
        let files = self.files.iter().map(|file| &file.verdict);
        rows.chain(files).chain(self.archived_rows.iter().map(|row| &row.verdict))
    }

    /// When the first of what is too young goes, if nothing changes until then.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.verdicts()
            .filter_map(|verdict| match verdict {
                Verdict::Keep(Keep::TooYoung { until }) => Some(*until),
                _ => None,
            })
            .min()
    }

    /// Whether something is left for the next sweep only because this one may not do more.
    pub fn is_cut_short(&self) -> bool {
        self.verdicts().any(|verdict| *verdict == Verdict::Keep(Keep::OverBudget))
    }
}

/// Decides what is to become of everything in `snapshot` at the time `now`.
///
/// The same input always gives the same plan. Without a store that can be trusted, everything
/// stays, except what says by itself that its time is over: archives and what was left behind.
pub fn plan(now: Timestamp, snapshot: &Snapshot<'_>, policy: &Policy) -> Plan {
    let index = index::Index::new(snapshot);
    let mut allowance = Allowance::of(policy);
    let mut files = files::Files::new(now, snapshot, &index, policy);
    files.judge_archives(&mut allowance);
    let rows = match &snapshot.store {
        StoreState::Rows(store) => {
            rows::judge(now, store, snapshot.jobs, &index, policy, &mut allowance)
        }
        StoreState::None | StoreState::Missing | StoreState::Refused(_) => Vec::new(),
    };
    files.judge_rest(&rows, &mut allowance);
    let mut files = files.verdicts();
    let shortfall = room::make(snapshot, policy, &mut files, &mut allowance);
    let archived_rows = snapshot.archived_rows.iter().map(|row| ArchivedRowVerdict {
        key: row.key.clone(),
        at: row.at,
        size_bytes: row.size_bytes,
        verdict: if policy.pins(&row.key) {
            Verdict::Keep(Keep::Pinned)
        } else {
            verdict::after(now, row.at, policy.archives.ttl, Go::ArchiveExpired)
        },
    });
    let archived_rows = archived_rows.collect();
    let refused = match &snapshot.store {
        StoreState::Refused(error) => Some(error.clone()),
        StoreState::None | StoreState::Missing | StoreState::Rows(_) => None,
    };
    Plan { rows, files, archived_rows, refused, shortfall }
}

/// What a sweep may still do.
struct Allowance {
    files: u64,
    bytes: u64,
    /// Nothing was taken of it yet.
    is_whole: bool,
}

impl Allowance {
    fn of(policy: &Policy) -> Self {
        let limit = |limit: Option<u64>| limit.unwrap_or(u64::MAX);
        let (files, bytes) = (limit(policy.budget.files), limit(policy.budget.bytes));
        Self { files, bytes, is_whole: true }
    }

    /// Takes so much of it, if there is as much left. What is more than all of it is taken once, or it
    /// would never be its turn.
    fn take(&mut self, total: Total) -> bool {
        let fits = total.count <= self.files && total.bytes <= self.bytes;
        let is_first = self.is_whole && 0 < self.files && 0 < self.bytes;
        if !fits && !is_first {
            return false;
        }
        self.files = self.files.saturating_sub(total.count);
        self.bytes = self.bytes.saturating_sub(total.bytes);
        self.is_whole = false;
        true
    }
}
