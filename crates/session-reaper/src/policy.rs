use std::{fmt, str::FromStr, time::Duration};

use crate::KeyGrammar;

/// What is kept, and for how long.
///
/// Ages are compared strictly: what is exactly as old as it may become is kept. Where a time is
/// `None`, all is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a run of a cron job is kept after it ended.
    pub run_ttl: Option<Duration>,
    /// How long the session that the runs of a job go on from is kept after its last sign of life,
    /// once the job does not exist any more.
    pub deleted_job_ttl: Option<Duration>,
    /// How long a session of Claude Code or Codex is kept after its last change. As long as this
    /// is `None`, nothing of theirs goes but archives.
    pub session_ttl: Option<Duration>,
    /// Which keys are those of runs.
    pub grammar: KeyGrammar,
    /// How many runs of a job, or sessions of a project of Claude Code, are kept however old.
    pub keep_last: KeepLast,
    /// What holds for some rows instead; the first rule that matches decides.
    pub rules: Vec<Rule>,
    /// What is never touched: keys, ids of sessions, or names of files.
    pub pins: Vec<Pattern>,
    /// What the age of a row is.
    pub age: Age,
    /// How long a transcript that no row knows is kept after its last change.
    pub orphan_min_age: Option<Duration>,
    /// How long a new store that nobody finished writing is left alone; `None` also leaves locks of
    /// processes that have ended.
    pub leftover_min_age: Option<Duration>,
    /// Which files a row takes with it.
    pub companions: Companions,
    /// What is kept of archives.
    pub archives: Archives,
    /// How much room a directory may take.
    pub room: Room,
    /// How much one sweep does.
    pub budget: Budget,
}

/// How many are kept, however old they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepLast {
    /// Of those that did not fail.
    pub succeeded: u32,
    /// Of those whose status is `failed`, `killed` or `timeout`.
    pub failed: u32,
}

/// What holds for some rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// For which.
    pub matches: Matches,
    /// How long they are kept.
    pub ttl: RuleTtl,
    /// How many are kept however old they are; as the policy says if `None`.
    pub keep_last: Option<KeepLast>,
}

/// For which rows a rule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matches {
    /// The key. Such a rule alone reaches rows that are not those of runs, if it has a time.
    Key(Pattern),
    /// The job that a run is one of.
    Job(Pattern),
    /// The agent of a run.
    Agent(Pattern),
    /// The label of a run.
    Label(Pattern),
}

/// How long the rows of a rule are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleTtl {
    /// As long as without the rule.
    AsPolicy,
    /// For ever.
    Forever,
    /// For so long.
    For(Duration),
}

/// What a text may look like: `*` stands for any text, `?` for any character, `[a-z]` for one of
/// several. In any case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(glob::Pattern);

impl Pattern {
    /// Whether `text` looks like that.
    pub fn matches(&self, text: &str) -> bool {
        let options = glob::MatchOptions { case_sensitive: false, ..glob::MatchOptions::new() };
        self.0.matches_with(text, options)
    }
}

/// A text is not a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a pattern: {why} at character {at}")]
pub struct PatternError {
    /// The text.
    pub pattern: String,
    /// What is the matter.
    pub why: &'static str,
    /// Where.
    pub at: usize,
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        glob::Pattern::new(text).map(Self).map_err(|error| PatternError {
            pattern: text.to_owned(),
            why: error.msg,
            at: error.pos,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())
    }
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

/// Which files a row takes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Companions {
    /// The transcript named after its session and the one that it names, and nothing else, as in
    /// OpenClaw 2026.3.
    Leave,
    /// Also those of topics, checkpoints and trajectories.
    Follow,
}

/// What is kept of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Archives {
    /// How long the archive of a session, and the row that was archived with it, is kept after it
    /// was archived.
    pub ttl: Option<Duration>,
    /// How long a transcript is kept that a runtime put away because its session began anew or its
    /// file was replaced (`.reset.`, `.bak.`).
    pub former_ttl: Option<Duration>,
    /// Above this, the oldest archives go.
    pub bytes_max: Option<u64>,
    /// When archives are looked at.
    pub reclaim: Reclaim,
}

/// When archives are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reclaim {
    /// Always.
    Always,
    /// Only when a transcript is archived, as in OpenClaw 2026.3.
    WhenArchiving,
}

/// How much room a directory may take. Only archives go for it, the oldest first; what is still
/// missing then is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// How large the directory may become.
    pub dir: Option<Water>,
    /// How much of the file system has to stay free.
    pub free_bytes_min: Option<u64>,
}

/// When to begin to make room, and when to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Water {
    /// Above this size.
    pub high_bytes: u64,
    /// At this size.
    pub low_bytes: u64,
}

/// How much one sweep of a directory does; the next one goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// So many files are archived or removed.
    pub files: Option<u64>,
    /// So many bytes of them.
    pub bytes: Option<u64>,
    /// For so long.
    pub time: Option<Duration>,
}

impl Budget {
    /// All that there is to do.
    pub const UNLIMITED: Self = Self { files: None, bytes: None, time: None };
}

const DAY: Duration = Duration::from_hours(24);

impl Policy {
    /// What is safe without knowing more: a day for runs, and the last ones of each job for as
    /// long as there are no newer ones (as many as Kubernetes keeps of a `CronJob`); a month for
    /// what jobs leave behind that do not exist any more; a week for transcripts that no row knows;
    /// thirty days for archives. Sessions of Claude Code and Codex stay.
    pub const SAFE: Self = Self {
        run_ttl: Some(DAY),
        deleted_job_ttl: Some(Duration::from_hours(30 * 24)),
        session_ttl: None,
        grammar: KeyGrammar::RunsAndDescendants,
        keep_last: KeepLast { succeeded: 3, failed: 1 },
        rules: Vec::new(),
        pins: Vec::new(),
        age: Age::RowAndTranscripts,
        orphan_min_age: Some(Duration::from_hours(7 * 24)),
        // As long as OpenClaw waits since 2026.9.
        leftover_min_age: Some(Duration::from_mins(5)),
        companions: Companions::Follow,
        archives: Archives {
            ttl: Some(Duration::from_hours(30 * 24)),
            former_ttl: None,
            bytes_max: None,
            reclaim: Reclaim::Always,
        },
        room: Room { dir: None, free_bytes_min: None },
        budget: Budget::UNLIMITED,
    };

    /// As the session reaper of OpenClaw 2026.3.13 with this `cron.sessionRetention`
    /// ([`resolve_retention`](crate::resolve_retention)).
    pub const fn openclaw_2026_3(retention: Option<Duration>) -> Self {
        Self {
            run_ttl: retention,
            deleted_job_ttl: None,
            session_ttl: None,
            grammar: KeyGrammar::Runs,
            keep_last: KeepLast { succeeded: 0, failed: 0 },
            rules: Vec::new(),
            pins: Vec::new(),
            age: Age::RowAlone,
            orphan_min_age: None,
            leftover_min_age: None,
            companions: Companions::Leave,
            archives: Archives {
                ttl: retention,
                former_ttl: None,
                bytes_max: None,
                reclaim: Reclaim::WhenArchiving,
            },
            room: Room { dir: None, free_bytes_min: None },
            budget: Budget::UNLIMITED,
        }
    }

    /// Whether there is no end for anything.
    pub fn is_disabled(&self) -> bool {
        let ends = [
            self.run_ttl,
            self.deleted_job_ttl,
            self.session_ttl,
            self.orphan_min_age,
            self.leftover_min_age,
            self.archives.former_ttl,
        ];
        // That archives end means nothing where none are made, as in OpenClaw.
        let archives =
            [self.archives.ttl].map(|ttl| ttl.filter(|_| self.archives.reclaim == Reclaim::Always));
        let has_rule = self.rules.iter().any(|rule| matches!(rule.ttl, RuleTtl::For(_)));
        let needs_room = self.archives.bytes_max.or(self.room.free_bytes_min).is_some()
            || self.room.dir.is_some();
        !has_rule && !needs_room && ends.iter().chain(&archives).all(Option::is_none)
    }

    /// Whether `text` is pinned.
    pub(crate) fn pins(&self, text: &str) -> bool {
        self.pins.iter().any(|pin| pin.matches(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let table = [
            ("*", "anything:at/all", true),
            ("nightly*", "Nightly-1", true),
            ("nightly*", "a-nightly", false),
            ("agent:*:hook:*", "agent:main:hook:x", true),
            ("job-[0-9]", "job-7", true),
            ("job-?", "job-77", false),
        ];
        for (pattern, text, matches) in table {
            let pattern: Pattern = pattern.parse().unwrap();
            assert_eq!(pattern.matches(text), matches, "{pattern} {text}");
        }
        assert!("[a".parse::<Pattern>().is_err());
    }
}
