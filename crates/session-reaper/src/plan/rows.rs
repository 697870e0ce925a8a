use std::{borrow::Cow, cmp::Reverse, collections::BTreeSet, time::Duration};

use common_fs::Timestamp;
use foldhash::{HashMap, HashMapExt as _};

use super::{Allowance, Go, Keep, RowVerdict, Verdict, index::Index, verdict::after};
use crate::{Age, CronKey, KeepLast, Matches, Policy, Rule, RuleTtl, Store, StoreRow, Time};

/// A run that says it is running is believed for so long after its last sign of life: nobody
/// corrects the row of one that was killed.
const RUNNING_TRUSTED: Duration = Duration::from_hours(7 * 24);

/// A run that may be among the last of its job.
struct Run<'t> {
    nth: usize,
    key: CronKey<'t>,
    failed: bool,
    time: Timestamp,
    keep_last: KeepLast,
}

/// The verdicts of all rows, in their order.
pub(super) fn judge(
    now: Timestamp,
    store: &Store<'_>,
    jobs: Option<&BTreeSet<String>>,
    index: &Index<'_>,
    policy: &Policy,
    allowance: &mut Allowance,
) -> Vec<RowVerdict> {
    let judge = Judge { now, jobs, index, policy };
    let mut runs = Vec::new();
    let mut verdicts: Vec<RowVerdict> = store
        .rows()
        .iter()
        .enumerate()
        .map(|(nth, row)| {
            let (verdict, last_alive) = judge.row(row, nth, &mut runs);
            let unsafe_file = row.session_file().filter(|_| index.is_stray(nth));
            RowVerdict {
                key: row.key.to_string(),
                session: row.session_id().map(|id| id.trim().to_owned()),
                size_bytes: row.size_bytes(),
                last_alive,
                verdict,
                unsafe_file: unsafe_file.map(str::to_owned),
            }
        })
        .collect();
    for nth in kept_last(runs) {
        if let Some(row) = verdicts.get_mut(nth)
            && row.verdict.goes()
        {
            row.verdict = Verdict::Keep(Keep::KeptLast);
        }
    }
    spend(&mut verdicts, index, allowance);
    verdicts
}

/// The last runs of each job.
fn kept_last(mut runs: Vec<Run<'_>>) -> Vec<usize> {
    runs.sort_by_key(|run| (Reverse(run.time), run.nth));
    let mut seen: HashMap<(Cow<'_, str>, Cow<'_, str>, bool), u32> = HashMap::new();
    let mut kept = Vec::new();
    for run in runs {
        let limit = if run.failed { run.keep_last.failed } else { run.keep_last.succeeded };
        let before = seen.entry((run.key.agent, run.key.job, run.failed)).or_default();
        if *before < limit {
            kept.push(run.nth);
        }
        *before = before.saturating_add(1);
    }
    kept
}

/// Leaves what is too much for one sweep, so that the oldest go first.
fn spend(rows: &mut [RowVerdict], index: &Index<'_>, allowance: &mut Allowance) {
    let going = rows.iter().enumerate().filter(|(_, row)| row.verdict.goes());
    let mut going: Vec<(Option<Timestamp>, usize)> =
        going.map(|(nth, row)| (row.last_alive, nth)).collect();
    going.sort_unstable();
    for (_, nth) in going {
        let Some(row) = rows.get_mut(nth) else { continue };
        let files = row.session.as_deref().map(|session| index.files(session));
        if !allowance.take(files.unwrap_or_default()) {
            row.verdict = Verdict::Keep(Keep::OverBudget);
        }
    }
}

struct Judge<'j, 't> {
    now: Timestamp,
    jobs: Option<&'j BTreeSet<String>>,
    index: &'j Index<'t>,
    policy: &'j Policy,
}

/// What retention a row has.
struct Retention<'t> {
    ttl: Option<Duration>,
    go: Go,
    /// The job of which it may be one of the last.
    run: Option<(CronKey<'t>, KeepLast)>,
}

impl Judge<'_, '_> {
    /// The verdict of a row, and when it was last alive.
    fn row<'t>(
        &self,
        row: &'t StoreRow<'_>,
        nth: usize,
        runs: &mut Vec<Run<'t>>,
    ) -> (Verdict, Option<Timestamp>) {
        let Some(retention) = self.retention(row) else {
            return (Verdict::Keep(Keep::NoRetention), None);
        };
        let unclear = row.unclear().or(row.is_null().then_some("its entry is null"));
        if let Some(why) = unclear {
            return (Verdict::Keep(Keep::Unclear { why }), None);
        }
        let Some(time) = self.time(row) else { return (Verdict::Keep(Keep::AgeUnknown), None) };
        // What runs or is young takes a place among the last, too.
        if let Some((key, keep_last)) = retention.run
            && (0, 0) != (keep_last.succeeded, keep_last.failed)
        {
            let failed = matches!(row.status(), Some("failed" | "killed" | "timeout"));
            runs.push(Run { nth, key, failed, time, keep_last });
        }
        let verdict = if self.is_pinned(row) {
            Verdict::Keep(Keep::Pinned)
        } else if self.is_running(row, time) {
            Verdict::Keep(Keep::Running)
        } else {
            after(self.now, time, retention.ttl, retention.go)
        };
        (verdict, Some(time))
    }

    /// `None` if the row stays whatever its age.
    fn retention<'t>(&self, row: &'t StoreRow<'_>) -> Option<Retention<'t>> {
        let key = CronKey::parse(&row.key);
        let rule = self.policy.rules.iter().find(|rule| matches(rule, row, key.as_ref()));
        let ruled = |ttl| match rule.map_or(RuleTtl::AsPolicy, |rule| rule.ttl) {
            RuleTtl::AsPolicy => ttl,
            RuleTtl::Forever => None,
            RuleTtl::For(ttl) => Some(ttl),
        };
        match key {
            Some(key) if key.is_run(self.policy.grammar) => {
                let keep_last = rule.and_then(|rule| rule.keep_last);
                let keep_last = keep_last.unwrap_or(self.policy.keep_last);
                let run = (!key.descendant).then_some((key, keep_last));
                Some(Retention { ttl: ruled(self.policy.run_ttl), go: Go::Expired, run })
            }
            Some(key) if key.run.is_none() && self.is_deleted(&key.job) => {
                let ttl = ruled(self.policy.deleted_job_ttl);
                Some(Retention { ttl, go: Go::JobDeleted, run: None })
            }
            _ => match rule {
                Some(Rule { matches: Matches::Key(_), ttl: RuleTtl::For(ttl), .. }) => {
                    Some(Retention { ttl: Some(*ttl), go: Go::Expired, run: None })
                }
                _ => None,
            },
        }
    }

    /// Whether it is known that there is no such job.
    fn is_deleted(&self, job: &str) -> bool {
        self.jobs.is_some_and(|jobs| !jobs.contains(job))
    }

    fn is_pinned(&self, row: &StoreRow<'_>) -> bool {
        !self.policy.pins.is_empty()
            && (self.policy.pins(&row.key)
                || row.session_id().is_some_and(|id| self.policy.pins(id.trim())))
    }

    fn is_running(&self, row: &StoreRow<'_>, time: Timestamp) -> bool {
        let id = row.session_id();
        if id.is_some_and(|id| self.index.is_locked(id)) {
            return true;
        }
        self.policy.age == Age::RowAndTranscripts
            && row.status() == Some("running")
            && self.now <= time.plus(RUNNING_TRUSTED)
    }

    /// When the session last showed a sign of life.
    fn time(&self, row: &StoreRow<'_>) -> Option<Timestamp> {
        if self.policy.age == Age::RowAlone {
            return as_seed(row.updated_at());
        }
        let plausible = |time| plausible(time).filter(|time| *time <= self.now);
        let of_row = plausible(row.ended_at()).or_else(|| plausible(row.updated_at()));
        let id = row.session_id();
        // A transcript from the future means that the clock was set back: it may be from just now.
        let of_files = id.and_then(|id| self.index.modified(id)).map(|time| time.min(self.now));
        of_row.max(of_files)
    }
}

fn matches(rule: &Rule, row: &StoreRow<'_>, key: Option<&CronKey<'_>>) -> bool {
    match &rule.matches {
        Matches::Key(pattern) => pattern.matches(row.key.trim()),
        Matches::Job(pattern) => key.is_some_and(|key| pattern.matches(&key.job)),
        Matches::Agent(pattern) => key.is_some_and(|key| pattern.matches(&key.agent)),
        Matches::Label(pattern) => row.label().is_some_and(|label| pattern.matches(label)),
    }
}

/// As OpenClaw 2026.3: what is missing is the beginning of time, and what is no number never ends.
fn as_seed(time: Time) -> Option<Timestamp> {
    match time {
        Time::Missing => Some(Timestamp::UNIX_EPOCH),
        Time::Millis(millis) => millis_to_time(millis),
        Time::Unclear => None,
    }
}

/// A time after 1970.
fn plausible(time: Time) -> Option<Timestamp> {
    match time {
        Time::Millis(millis) if 0.0 < millis => millis_to_time(millis),
        Time::Millis(_) | Time::Missing | Time::Unclear => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a time that is out of range is clamped")]
fn millis_to_time(millis: f64) -> Option<Timestamp> {
    if millis.is_nan() {
        return None;
    }
    let nanos = (millis * 1_000_000.0) as i64;
    Some(Timestamp::from_unix_millis(millis as i64).unwrap_or(Timestamp::from_unix_nanos(nanos)))
}
