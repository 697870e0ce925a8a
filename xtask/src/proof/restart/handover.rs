//! Each way to restart, again and again.

use anyhow::{Context as _, ensure};
use restart_bench::{Metric, Stats};
use serde::Serialize;

use super::gateway::Gateway;
use crate::proof::{claim, process::thousandths};

/// What came of one way.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Handover {
    mode: &'static str,
    restarts: u32,
    downtime_p50_ms: f64,
    downtime_max_ms: f64,
    failed_probes: f64,
    stable_p50_ms: f64,
}

pub(super) fn prove(restarts: u32) -> anyhow::Result<Vec<Handover>> {
    let ways: [(&str, &[&str]); 3] = [
        ("in-place", &["--mode", "in-place", "--drain", "40ms", "--close", "40ms"]),
        ("reuseport", &["--mode", "reuseport"]),
        ("pass-socket", &["--mode", "pass-socket"]),
    ];
    let mut all = Vec::new();
    for (mode, behaviour) in ways {
        let measured = Gateway::new(behaviour, restarts)?.measure()?;
        let summary = &measured.summary;
        ensure!(summary.failure().is_none(), "{mode}: {:?}", summary.failure());
        claim("restarts that count", summary.counted().count() as u64, restarts.into())?;
        let of = |metric: Metric| Stats::of(&metric.values(summary)).context("no restart counts");
        let (downtime, failed) = (of(Metric::Downtime)?, of(Metric::Failed)?);
        match mode {
            // An outage of 40 ms falls between no two probes that are 10 ms apart.
            "in-place" => ensure!(70.0 <= downtime.min, "{mode}: {downtime:?}"),
            "pass-socket" => ensure!(downtime.max == 0.0, "{mode}: {downtime:?}"),
            // What is in the queue of the old listener is reset, now and then.
            _ => ensure!(downtime.p50 <= 10.0, "{mode}: {downtime:?}"),
        }
        all.push(Handover {
            mode,
            restarts,
            downtime_p50_ms: thousandths(downtime.p50),
            downtime_max_ms: thousandths(downtime.max),
            failed_probes: failed.mean,
            stable_p50_ms: thousandths(of(Metric::Stable)?.p50),
        });
    }
    Ok(all)
}
