use std::time::Duration;

use common_fs::Timestamp;

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
    /// The policy has no end for it; most rows are not those of runs.
    NoRetention,
    /// It goes at this time, if nothing happens to it until then.
    TooYoung {
        /// When.
        until: Timestamp,
    },
    /// It is among the last of its job or project.
    KeptLast,
    /// The policy has it pinned.
    Pinned,
    /// Somebody has it locked, or it says that it is running and was changed not long ago.
    Running,
    /// It has no time that can be true.
    AgeUnknown,
    /// The row is not an object that can be read in only one way.
    Unclear {
        /// What is the matter.
        why: &'static str,
    },
    /// A row that stays, or another session, needs it.
    ReferencedBy {
        /// The key of the first such row, or the session.
        key: String,
    },
    /// It is the store, or belongs to it, or is ours.
    Protected,
    /// It is not a regular file.
    NotAFile,
    /// There is no store that can be trusted, so nobody knows what is needed.
    NoStore,
    /// Nothing is known about files with such a name.
    Unknown,
    /// It was left when the sessions moved to a database; only OpenClaw itself removes it.
    Leftover,
    /// It could go, but the policy has a limit for what one sweep does.
    OverBudget,
}

/// Why retention is over for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Go {
    /// It is older than a run or a session may become.
    Expired,
    /// The job whose runs went on from it does not exist any more.
    JobDeleted,
    /// It belongs to a row or a session that goes.
    With {
        /// The key of the row, or the session.
        key: String,
    },
    /// No row knows it, and it has not been changed for long.
    Orphan,
    /// Its process has ended.
    StaleLock,
    /// Whoever wrote it did not finish.
    LeakedTemp,
    /// An unfinished copy of ours, or a guard that nobody needs any more.
    OwnTemp,
    /// It was archived long ago.
    ArchiveExpired,
    /// There are more archives than there may be.
    OverArchiveCap,
    /// The directory is larger than it may be.
    OverDirCap,
    /// The file system has less room than is wanted.
    LowSpace,
}

/// What is done to what goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is archived, and can be restored.
    Archive,
    /// It is removed for good.
    Remove,
}

impl Verdict {
    /// Whether it goes.
    pub fn goes(&self) -> bool {
        matches!(self, Self::Go(_))
    }

    /// What is done to it, if it goes.
    pub fn act(&self) -> Option<Act> {
        match self {
            Self::Keep(_) => None,
            Self::Go(go) => Some(match go {
                Go::Expired
                | Go::JobDeleted
                | Go::With { .. }
                | Go::Orphan
                | Go::StaleLock
                | Go::LeakedTemp => Act::Archive,
                Go::OwnTemp
                | Go::ArchiveExpired
                | Go::OverArchiveCap
                | Go::OverDirCap
                | Go::LowSpace => Act::Remove,
            }),
        }
    }

    /// The word for the reason, as in JSON documents.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Keep(keep) => match keep {
                Keep::NoRetention => "no-retention",
                Keep::TooYoung { .. } => "too-young",
                Keep::KeptLast => "kept-last",
                Keep::Pinned => "pinned",
                Keep::Running => "running",
                Keep::AgeUnknown => "age-unknown",
                Keep::Unclear { .. } => "unclear",
                Keep::ReferencedBy { .. } => "referenced",
                Keep::Protected => "protected",
                Keep::NotAFile => "not-a-file",
                Keep::NoStore => "no-store",
                Keep::Unknown => "unknown",
                Keep::Leftover => "leftover",
                Keep::OverBudget => "over-budget",
            },
            Self::Go(go) => match go {
                Go::Expired => "expired",
                Go::JobDeleted => "job-deleted",
                Go::With { .. } => "with-session",
                Go::Orphan => "orphan",
                Go::StaleLock => "stale-lock",
                Go::LeakedTemp => "leaked-temp",
                Go::OwnTemp => "own-temp",
                Go::ArchiveExpired => "archive-expired",
                Go::OverArchiveCap => "over-archive-cap",
                Go::OverDirCap => "over-dir-cap",
                Go::LowSpace => "low-space",
            },
        }
    }
}

/// Whether something goes that was last alive at `since` and is kept for `ttl`.
pub(super) fn after(now: Timestamp, since: Timestamp, ttl: Option<Duration>, go: Go) -> Verdict {
    let Some(ttl) = ttl else { return Verdict::Keep(Keep::NoRetention) };
    let until = since.plus(ttl);
    if until < now { Verdict::Go(go) } else { Verdict::Keep(Keep::TooYoung { until }) }
}
