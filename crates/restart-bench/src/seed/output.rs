//! What the seed prints for people. No line has its end.

use crate::{
    js,
    seed::{Case, CaseResult, FailureCode, Iteration, Sample, Stats},
};

/// On the standard error, after each restart of `restarts`.
pub fn restart_progress(case: &Case, iteration: &Iteration, restarts: u64) -> String {
    format!(
        "[gateway-restart-bench] {} restart {}/{restarts}: readyz={} downtime={} restartReady={} \
         cpu={} rss={} failure={}",
        case.id,
        iteration.index,
        ms(iteration.readyz.ms),
        ms(iteration.downtime_ms()),
        ms(iteration.restart_ready_total_ms()),
        ms(iteration.cpu_ms),
        mb(iteration.rss_mb()),
        failure(iteration.failure_code),
    )
}

/// On the standard error, after the sample `number` of `runs`, from 1.
pub fn sample_progress(case: &Case, sample: &Sample, number: u64, runs: u64) -> String {
    let slope = &sample.resource_slope;
    format!(
        "[gateway-restart-bench] {} sample {number}/{runs}: iterations={} failure={} rssSlope={} \
         heapSlope={} fdSlope={}",
        case.id,
        sample.iterations.len(),
        failure(sample.failure_code),
        mb(slope.rss_mb_per_restart),
        mb(slope.heap_used_mb_per_restart),
        slope.fd_count_per_restart.map_or(NOTHING.to_owned(), js::number),
    )
}

/// On the standard error, after the sample `number` of `warmup` that are not measured, from 1.
pub fn warmup_progress(case: &Case, sample: &Sample, number: u64, warmup: u64) -> String {
    let failure = failure(sample.failure_code);
    format!("[gateway-restart-bench] {} warmup {number}/{warmup}: failure={failure}", case.id)
}

/// On the standard output, for each case, unless it is JSON. The percentile of 95 is never printed.
pub fn report(result: &CaseResult) -> String {
    let CaseResult { id, name, summary, .. } = result;
    let slope = &summary.resource_slope;
    let avg = |stats: Option<Stats>| stats.map(|stats| stats.avg);
    let mut lines = vec![
        format!("\n{name} ({id})"),
        format!("  failure rate: {}%", js::fixed(summary.failure_rate * 100.0, 1)),
        format!("  first failure: {}", failure(summary.first_failure_code)),
        format!("  downtime:      {}", stats(summary.downtime_ms)),
        format!("  /healthz next: {}", stats(summary.healthz_recovery_ms)),
        format!("  /readyz next:  {}", stats(summary.readyz_recovery_ms)),
        format!("  restart.ready: {}", stats(summary.restart_ready_total_ms)),
        format!(
            "  resource slope: rss={}/restart heap={}/restart fd={}/restart",
            mb(avg(slope.rss_mb_per_restart)),
            mb(avg(slope.heap_used_mb_per_restart)),
            unit(avg(slope.fd_count_per_restart), 2, ""),
        ),
    ];
    let top = trace_top(result);
    if !top.is_empty() {
        lines.push("  trace top:".to_owned());
        lines.extend(top);
    }
    lines.join("\n")
}

/// How many phases are printed.
const TOP: usize = 10;

/// The phases that took longest on average.
fn trace_top(result: &CaseResult) -> Vec<String> {
    let trace = &result.summary.restart_trace;
    let mut phases: Vec<_> = trace.iter().filter(|(name, _)| is_phase(name)).collect();
    phases.sort_by(|(_, a), (_, b)| b.avg.total_cmp(&a.avg));
    phases.truncate(TOP);
    phases.iter().map(|(name, of)| format!("    {name}: {}", stats(Some(**of)))).collect()
}

/// Whether the flat name of a trace is that of a phase, as far as names tell. Phases that are called
/// `X.total`, such as `restart.close.total`, are taken for the total of `X`.
fn is_phase(name: &str) -> bool {
    const METRICS: [&str; 6] =
        ["eventLoopMax", "rssMb", "heapTotalMb", "heapUsedMb", "externalMb", "arrayBuffersMb"];
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_total = last == "total" && last.len() < name.len();
    let is_metric = METRICS.contains(&last) || last.ends_with("Count") || last.ends_with("Ms");
    !is_metric && !is_total
}

const NOTHING: &str = "n/a";

fn stats(stats: Option<Stats>) -> String {
    let Some(Stats { avg, max, min, p50, .. }) = stats else {
        return NOTHING.to_owned();
    };
    let [p50, avg, min, max] = [p50, avg, min, max].map(|value| ms(Some(value)));
    format!("p50={p50} avg={avg} min={min} max={max}")
}

fn ms(value: Option<f64>) -> String {
    unit(value, 1, "ms")
}

fn mb(value: Option<f64>) -> String {
    unit(value, 1, "MB")
}

fn unit(value: Option<f64>, digits: usize, unit: &str) -> String {
    value.map_or(NOTHING.to_owned(), |value| js::fixed(value, digits) + unit)
}

fn failure(code: Option<FailureCode>) -> &'static str {
    code.map_or("none", FailureCode::name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::CASES;

    #[test]
    fn what_is_printed_of_nothing() {
        let sample =
            Sample { failure_code: Some(FailureCode::InitialHealthzTimeout), ..Sample::default() };
        assert_eq!(
            warmup_progress(&CASES[0], &sample, 1, 2),
            "[gateway-restart-bench] skipChannels warmup 1/2: failure=initial_healthz_timeout"
        );
        assert_eq!(
            sample_progress(&CASES[0], &sample, 1, 1),
            "[gateway-restart-bench] skipChannels sample 1/1: iterations=0 \
             failure=initial_healthz_timeout rssSlope=n/a heapSlope=n/a fdSlope=n/a"
        );
        assert_eq!(
            restart_progress(&CASES[0], &Iteration::new(2), 5),
            "[gateway-restart-bench] skipChannels restart 2/5: readyz=n/a downtime=n/a \
             restartReady=n/a cpu=n/a rss=n/a failure=none"
        );
        assert_eq!(
            report(&CaseResult::new(&CASES[3], vec![sample])),
            "\ngateway restart, default (default)\n\
             \x20 failure rate: 100.0%\n\
             \x20 first failure: initial_healthz_timeout\n\
             \x20 downtime:      n/a\n\
             \x20 /healthz next: n/a\n\
             \x20 /readyz next:  n/a\n\
             \x20 restart.ready: n/a\n\
             \x20 resource slope: rss=n/a/restart heap=n/a/restart fd=n/a/restart"
        );
    }

    #[test]
    fn which_names_are_phases() {
        for name in ["restart.drain", "restart.ready.sidecars", "total", "a.Max", "x.rssMbx"] {
            assert!(is_phase(name), "{name}");
        }
        for name in ["restart.close.total", "a.eventLoopMax", "a.b.rssMb", "a.xCount", "aMs"] {
            assert!(!is_phase(name), "{name}");
        }
    }
}
