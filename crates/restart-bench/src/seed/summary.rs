use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Object,
    seed::{Case, FailureCode, Iteration, ResourceSlope, Sample, Stats, summarize_numbers},
};

/// What came of a case (seed 003, `CaseResult`).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CaseResult {
    /// That of the [`Case`].
    pub id: String,
    /// That of the [`Case`].
    pub name: String,
    /// The processes that were measured.
    pub samples: Vec<Sample>,
    /// What they amount to.
    pub summary: Summary,
}

impl CaseResult {
    /// The result of a case (seed 003, `summarizeCase`).
    pub fn new(case: &Case, samples: Vec<Sample>) -> Self {
        let summary = Summary::of(&samples);
        Self { id: case.id.to_owned(), name: case.name.to_owned(), samples, summary }
    }
}

/// The restarts of all samples of a case together; times are in milliseconds. Restarts that failed
/// count as far as they have the value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// [`Iteration::downtime_ms`], without the restarts in which no request failed.
    pub downtime_ms: Option<Stats>,
    /// The share of restarts that failed, from 0 to 1. A sample that failed while none of its
    /// restarts did counts as one more.
    pub failure_rate: f64,
    /// What was wrong in the first sample that failed.
    pub first_failure_code: Option<FailureCode>,
    /// From the signal to the recovery of `/healthz`.
    pub healthz_recovery_ms: Option<Stats>,
    /// From the signal to the recovery of `/readyz`.
    pub readyz_recovery_ms: Option<Stats>,
    /// How resources grew, over samples.
    pub resource_slope: SlopeSummary,
    /// The phase `restart.ready` of the trace.
    pub restart_ready_ms: Option<Stats>,
    /// When it ended, since the signal. OpenClaw 2026.9.6 writes it up to two seconds before it
    /// answers.
    pub restart_ready_total_ms: Option<Stats>,
    /// Every value of the restart traces.
    pub restart_trace: Object<Stats>,
}

/// [`ResourceSlope`] over samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "as those of `ResourceSlope`, which has another order")]
pub struct SlopeSummary {
    pub rss_mb_per_restart: Option<Stats>,
    pub heap_used_mb_per_restart: Option<Stats>,
    pub fd_count_per_restart: Option<Stats>,
    pub active_handles_count_per_restart: Option<Stats>,
    pub active_requests_count_per_restart: Option<Stats>,
    pub active_timers_count_per_restart: Option<Stats>,
}

impl Summary {
    /// What `samples` amount to.
    pub fn of(samples: &[Sample]) -> Self {
        let iterations: Vec<_> = samples.iter().flat_map(|sample| &sample.iterations).collect();
        let of = |value: fn(&Iteration) -> Option<f64>| {
            summarize_numbers(iterations.iter().filter_map(|iteration| value(iteration)))
        };
        Self {
            downtime_ms: of(Iteration::downtime_ms),
            failure_rate: failure_rate(samples),
            first_failure_code: first_failure(samples),
            healthz_recovery_ms: of(|iteration| iteration.healthz.ms),
            readyz_recovery_ms: of(|iteration| iteration.readyz.ms),
            resource_slope: SlopeSummary::of(samples),
            restart_ready_ms: of(Iteration::restart_ready_ms),
            restart_ready_total_ms: of(Iteration::restart_ready_total_ms),
            restart_trace: restart_trace(&iterations),
        }
    }
}

fn failure_rate(samples: &[Sample]) -> f64 {
    let has_failed = |iteration: &&Iteration| iteration.failure_code.is_some();
    let (mut failed, mut all) = (0_u32, 0_u32);
    for sample in samples {
        let of_restarts = sample.iterations.iter().filter(has_failed).count();
        let of_itself = usize::from(sample.failure_code.is_some() && of_restarts == 0);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        failed = failed.saturating_add(count(of_restarts + of_itself));
        all = all.saturating_add(count(sample.iterations.len() + of_itself));
    }
    if all == 0 { 0.0 } else { f64::from(failed) / f64::from(all) }
}

fn first_failure(samples: &[Sample]) -> Option<FailureCode> {
    let mut iterations = samples.iter().flat_map(|sample| &sample.iterations);
    let of_samples = samples.iter().find_map(|sample| sample.failure_code);
    of_samples.or_else(|| iterations.find_map(|iteration| iteration.failure_code))
}

/// Statistics of every value, by name.
fn restart_trace(iterations: &[&Iteration]) -> Object<Stats> {
    // JavaScript sorts by code units.
    let mut values: BTreeMap<Vec<u16>, (&str, Vec<f64>)> = BTreeMap::new();
    for (name, value) in iterations.iter().flat_map(|iteration| iteration.restart_trace.iter()) {
        let (_, values) = values.entry(name.encode_utf16().collect()).or_insert((name, Vec::new()));
        values.push(*value);
    }
    let mut trace = Object::new();
    for (name, values) in values.into_values() {
        if let Some(stats) = summarize_numbers(values) {
            trace.set(name, stats);
        }
    }
    trace
}

impl SlopeSummary {
    fn of(samples: &[Sample]) -> Self {
        let of = |value: fn(&ResourceSlope) -> Option<f64>| {
            summarize_numbers(samples.iter().filter_map(|sample| value(&sample.resource_slope)))
        };
        Self {
            rss_mb_per_restart: of(|slope| slope.rss_mb_per_restart),
            heap_used_mb_per_restart: of(|slope| slope.heap_used_mb_per_restart),
            fd_count_per_restart: of(|slope| slope.fd_count_per_restart),
            active_handles_count_per_restart: of(|slope| slope.active_handles_count_per_restart),
            active_requests_count_per_restart: of(|slope| slope.active_requests_count_per_restart),
            active_timers_count_per_restart: of(|slope| slope.active_timers_count_per_restart),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::CASES;

    fn sample(failure: Option<FailureCode>, iterations: &[Option<FailureCode>]) -> Sample {
        let iteration =
            |code: &Option<FailureCode>| Iteration { failure_code: *code, ..Iteration::default() };
        let iterations = iterations.iter().map(iteration).collect();
        Sample { failure_code: failure, iterations, ..Sample::default() }
    }

    #[test]
    fn rates_and_first_codes_of_failures() {
        let trace = Some(FailureCode::TraceMissing);
        let ready = Some(FailureCode::ReadyLogTimeout);
        let exit = Some(FailureCode::ChildNonzeroExit);
        let table = [
            (vec![], 0.0, None),
            (vec![sample(None, &[None, None])], 0.0, None),
            (vec![sample(trace, &[None, trace])], 0.5, trace),
            (vec![sample(ready, &[])], 1.0, ready),
            (vec![sample(exit, &[None, None, None])], 0.25, exit),
            (vec![sample(None, &[ready]), sample(trace, &[trace])], 1.0, trace),
            (vec![sample(None, &[None, ready])], 0.5, ready),
        ];
        for (samples, rate, first) in table {
            let result = CaseResult::new(&CASES[3], samples);
            assert_eq!(
                (result.summary.failure_rate, result.summary.first_failure_code),
                (rate, first)
            );
            assert_eq!(result.id, "default");
        }
    }

    #[test]
    fn downtime_is_that_of_readyz_first() {
        let mut sample = sample(None, &[None, None, None]);
        for (iteration, [healthz, readyz]) in sample.iterations.iter_mut().zip([
            [Some(1.0), Some(5.0)],
            [Some(3.0), None],
            [None, None],
        ]) {
            iteration.healthz.downtime_ms = healthz;
            iteration.readyz.downtime_ms = readyz;
        }
        let stats = Summary::of(&[sample]).downtime_ms.unwrap();
        assert_eq!((stats.min, stats.p50, stats.max), (3.0, 4.0, 5.0));
    }

    #[test]
    fn traces_are_sorted_by_code_units() {
        let mut sample = sample(None, &[None]);
        for name in ["\u{ff5e}", "\u{1f600}", "b", "7", "a.total"] {
            sample.iterations[0].restart_trace.set(name, 1.0);
        }
        let trace = Summary::of(&[sample]).restart_trace;
        let names: Vec<_> = trace.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["7", "a.total", "b", "\u{1f600}", "\u{ff5e}"]);
    }
}
