use std::time::Duration;

use crate::KeyGrammar;

/// What is kept, and for how long.
///
/// Ages are compared strictly: what is exactly as old as it may become is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a run of a cron job is kept after it ended; `None` keeps all.
    pub run_ttl: Option<Duration>,
    /// Which keys are those of runs.
    pub grammar: KeyGrammar,
    /// How many runs of a job are kept, however old they are.
    pub keep_last: KeepLast,
    /// What the age of a row is.
    pub age: Age,
    /// How long a transcript that no row knows is kept after its last change; `None` keeps all.
    pub orphan_min_age: Option<Duration>,
    /// How long the archive of a deleted session is kept after it was archived; `None` keeps all.
    pub archive_ttl: Option<Duration>,
}

/// How many runs of a job are kept, however old they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepLast {
    /// Of those that did not fail.
    pub succeeded: u32,
    /// Of those whose status is `failed`, `killed` or `timeout`.
    pub failed: u32,
}

/// What the age of a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// The time since `updatedAt`; a row without one is as old as 1970. Nothing else is asked, as
    /// in OpenClaw 2026.3.
    RowAlone,
    /// The time since it ended, or else was updated, or since a transcript of it was changed,
    /// whichever is shorter. A row without a time that can be true is as old as its transcripts,
    /// and kept if it has none.
    RowAndTranscripts,
}

const DAY: Duration = Duration::from_hours(24);

impl Policy {
    /// What is safe without knowing more: a day for runs, and the last ones of each job for as
    /// long as there are no newer ones (as many as Kubernetes keeps of a `CronJob`); a week for
    /// transcripts that no row knows, thirty days for archives.
    pub const SAFE: Self = Self {
        run_ttl: Some(DAY),
        grammar: KeyGrammar::RunsAndDescendants,
        keep_last: KeepLast { succeeded: 3, failed: 1 },
        age: Age::RowAndTranscripts,
        orphan_min_age: Some(Duration::from_hours(7 * 24)),
        archive_ttl: Some(Duration::from_hours(30 * 24)),
    };

    /// As the session reaper of OpenClaw 2026.3.13 with this `cron.sessionRetention`
    /// ([`resolve_retention`](crate::resolve_retention)).
    pub const fn openclaw_2026_3(retention: Option<Duration>) -> Self {
        Self {
            run_ttl: retention,
            grammar: KeyGrammar::Runs,
            keep_last: KeepLast { succeeded: 0, failed: 0 },
            age: Age::RowAlone,
            orphan_min_age: None,
            archive_ttl: retention,
        }
    }
}
