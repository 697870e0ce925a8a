use std::{cmp::Reverse, collections::HashMap, time::Duration};

use common_fs::Timestamp;

use super::{Go, Keep, RowVerdict, Verdict, files::Index};
use crate::{Age, CronKey, Policy, Store, StoreRow, Time};

/// A run that says it is running is believed for so long after its last sign of life: nobody
/// corrects the row of one that was killed.
const RUNNING_TRUSTED: Duration = Duration::from_hours(7 * 24);

/// A run whose retention is over, unless it is among the last of its job.
struct Expired {
    nth: usize,
    key: CronKey,
    failed: bool,
    time: Timestamp,
}

/// The verdicts of all rows, in their order.
pub(super) fn judge(
    now: Timestamp,
    store: &Store<'_>,
    index: &Index<'_>,
    policy: &Policy,
) -> Vec<RowVerdict> {
    let judge = Judge { now, index, policy };
    let mut runs = Vec::new();
    let mut verdicts: Vec<RowVerdict> = store
        .rows()
        .iter()
        .enumerate()
        .map(|(nth, row)| {
            let verdict = judge.row(row, nth, &mut runs);
            let unsafe_file = row.session_file().filter(|file| index.named(file).is_none());
            RowVerdict {
                key: row.key.to_string(),
                size_bytes: row.size_bytes(),
                verdict,
                unsafe_file: unsafe_file.map(std::borrow::Cow::into_owned),
            }
        })
        .collect();
    for nth in kept_last(runs, policy) {
        if let Some(row) = verdicts.get_mut(nth)
            && row.verdict.goes()
        {
            row.verdict = Verdict::Keep(Keep::KeptLast);
        }
    }
    verdicts
}

/// The last runs of each job.
fn kept_last(mut runs: Vec<Expired>, policy: &Policy) -> Vec<usize> {
    runs.sort_by_key(|run| (Reverse(run.time), run.nth));
    let mut seen: HashMap<(String, String, bool), u32> = HashMap::new();
    let mut kept = Vec::new();
    for run in runs {
        let limit = if run.failed { policy.keep_last.failed } else { policy.keep_last.succeeded };
        let before = seen.entry((run.key.agent, run.key.job, run.failed)).or_default();
        if *before < limit {
            kept.push(run.nth);
        }
        *before = before.saturating_add(1);
    }
    kept
}

struct Judge<'j, 't> {
    now: Timestamp,
    index: &'j Index<'t>,
    policy: &'j Policy,
}

impl Judge<'_, '_> {
    fn row(&self, row: &StoreRow<'_>, nth: usize, runs: &mut Vec<Expired>) -> Verdict {
        let Some(key) = CronKey::parse(&row.key).filter(|key| key.is_run(self.policy.grammar))
        else {
            return Verdict::Keep(Keep::NoRetention);
        };
        if row.is_null() {
            return Verdict::Keep(Keep::Unclear { why: "its entry is null" });
        }
        if let Some(why) = row.unclear() {
            return Verdict::Keep(Keep::Unclear { why });
        }
        let Some(time) = self.time(row) else { return Verdict::Keep(Keep::AgeUnknown) };
        let failed = matches!(row.status().as_deref(), Some("failed" | "killed" | "timeout"));
        let running = self.is_running(row, time);
        // What runs or is young takes a place among the last, too.
        if !key.descendant {
            runs.push(Expired { nth, key, failed, time });
        }
        if running {
            return Verdict::Keep(Keep::Running);
        }
        let Some(ttl) = self.policy.run_ttl else { return Verdict::Keep(Keep::NoRetention) };
        let until = time.plus(ttl);
        if until < self.now {
            Verdict::Go(Go::Expired)
        } else {
            Verdict::Keep(Keep::TooYoung { until })
        }
    }

    fn is_running(&self, row: &StoreRow<'_>, time: Timestamp) -> bool {
        let id = row.session_id();
        if id.as_deref().is_some_and(|id| self.index.is_locked(id)) {
            return true;
        }
        self.policy.age == Age::RowAndTranscripts
            && row.status().as_deref() == Some("running")
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
        let of_files = id.and_then(|id| self.index.modified(&id)).filter(|time| *time <= self.now);
        of_row.max(of_files)
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
