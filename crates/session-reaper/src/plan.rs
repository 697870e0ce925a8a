//! What is to become of each row and each file.

mod files;
mod rows;

use std::{collections::HashMap, ffi::OsString};

use common_fs::Timestamp;

use crate::{Policy, Snapshot, StoreState};

/// A verdict for everything there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The rows in the order of the store.
    pub rows: Vec<RowVerdict>,
    /// The files in the order of their names.
    pub files: Vec<FileVerdict>,
}

/// What is to become of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowVerdict {
    /// Its key.
    pub key: String,
    /// How long its member is in the store.
    pub size_bytes: u64,
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
    /// How long it is.
    pub size_bytes: u64,
    /// What is to become of it.
    pub verdict: Verdict,
}

/// What is to become of something, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It stays.
    Keep(Keep),
    /// Retention is over for it.
    Go(Go),
}

/// Why something stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The session is not the run of a job, or the policy has no end for it.
    NoRetention,
    /// It goes at this time, if nothing happens to it until then.
    TooYoung {
        /// When.
        until: Timestamp,
    },
    /// It is among the last of its job.
    KeptLast,
    /// Somebody has it locked, or it says that it is running and was changed not long ago.
    Running,
    /// It has no time that can be true.
    AgeUnknown,
    /// The row is not an object that can be read in only one way.
    Unclear {
        /// What is the matter.
        why: &'static str,
    },
    /// A row that stays needs it.
    ReferencedBy {
        /// The key of the first such row.
        key: String,
    },
    /// It is the store, or belongs to it.
    Protected,
    /// It is not a regular file.
    NotAFile,
    /// There is no store that can be trusted, so nobody knows what is needed.
    NoStore,
    /// Nothing is known about files with such a name.
    Unknown,
}

/// Why retention is over for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Go {
    /// It is older than a run may become.
    Expired,
    /// It belongs to a row that goes.
    WithRow {
        /// The key of the row.
        key: String,
    },
    /// No row knows it, and it has not been changed for long.
    Orphan,
    /// It was archived long ago.
    ArchiveExpired,
    /// Its process has ended.
    StaleLock,
    /// Whoever wrote it did not finish.
    LeakedTemp,
}

impl Verdict {
    /// Whether it goes.
    pub fn goes(&self) -> bool {
        matches!(self, Self::Go(_))
    }

    /// The word for the reason, as in JSON documents.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Keep(keep) => match keep {
                Keep::NoRetention => "no-retention",
                Keep::TooYoung { .. } => "too-young",
                Keep::KeptLast => "kept-last",
                Keep::Running => "running",
                Keep::AgeUnknown => "age-unknown",
                Keep::Unclear { .. } => "unclear",
                Keep::ReferencedBy { .. } => "referenced",
                Keep::Protected => "protected",
                Keep::NotAFile => "not-a-file",
                Keep::NoStore => "no-store",
                Keep::Unknown => "unknown",
            },
            Self::Go(go) => match go {
                Go::Expired => "expired",
                Go::WithRow { .. } => "with-row",
                Go::Orphan => "orphan",
                Go::ArchiveExpired => "archive-expired",
                Go::StaleLock => "stale-lock",
                Go::LeakedTemp => "leaked-temp",
            },
        }
    }
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
    fn of(sizes: impl Iterator<Item = u64>) -> Self {
        sizes.fold(Self::default(), |sum, bytes| Self {
            count: sum.count + 1,
            bytes: sum.bytes.saturating_add(bytes),
        })
    }
}

impl Plan {
    /// The rows that go.
    pub fn rows_going(&self) -> Total {
        Total::of(self.rows.iter().filter(|row| row.verdict.goes()).map(|row| row.size_bytes))
    }

    /// The files that go.
    pub fn files_going(&self) -> Total {
        Total::of(self.files.iter().filter(|file| file.verdict.goes()).map(|file| file.size_bytes))
    }

    /// When the first of what is too young goes, if nothing changes until then.
    pub fn next_due(&self) -> Option<Timestamp> {
        let rows = self.rows.iter().map(|row| &row.verdict);
        let verdicts = rows.chain(self.files.iter().map(|file| &file.verdict));
        verdicts
            .filter_map(|verdict| match verdict {
                Verdict::Keep(Keep::TooYoung { until }) => Some(*until),
                _ => None,
            })
            .min()
    }
}

/// Decides what is to become of everything in `snapshot` at the time `now`.
///
/// The same input always gives the same plan. Without a store that can be trusted, everything
/// stays.
pub fn plan(now: Timestamp, snapshot: &Snapshot<'_>, policy: &Policy) -> Plan {
    let index = files::Index::new(snapshot);
    let rows = match &snapshot.store {
        StoreState::Rows(store) => rows::judge(now, store, &index, policy),
        StoreState::Missing | StoreState::Refused(_) => Vec::new(),
    };
    let going: HashMap<&str, bool> =
        rows.iter().map(|row| (row.key.as_str(), row.verdict.goes())).collect();
    let files = files::judge(now, snapshot, &index, policy, &going);
    Plan { rows, files }
}
