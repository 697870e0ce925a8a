//! Many outages whose beginning and end are known to the microsecond.

use anyhow::{Context as _, ensure};
use demo_gateway::{Truth, What};
use restart_bench::{Micros, Outage};
use serde::Serialize;

use super::gateway::Gateway;
use crate::proof::{claim, process::thousandths};

/// Shorter ones may fall between two probes.
const OUTAGE_MS: u64 = 30;

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accuracy {
    outages: u64,
    /// Whose length is within the bounds.
    within_bounds: u64,
    /// By how much the estimate was wrong at most, in milliseconds,
    error_max_ms: f64,
    /// and on average.
    error_mean_ms: f64,
    /// What the measurement took, of one processor.
    pub(super) observer_cores: f64,
    /// How late 99 of 100 probes were at most.
    pub(super) lag_p99_ms: f64,
}

pub(super) fn prove(restarts: u32, outages_of_each: u32) -> anyhow::Result<Accuracy> {
    let flaps = (outages_of_each - 1).to_string();
    let close = format!("{OUTAGE_MS}ms");
    let behaviour =
        ["--close", &close, "--flap", &flaps, "--flap-close", &close, "--flap-gap", "70ms"];
    let mut gateway = Gateway::new(&behaviour, restarts)?;
    // Only then is it known that all of them are over.
    gateway.task.settings.stable_for_us = Micros::from_millis(400);
    let measured = gateway.measure()?;
    let summary = &measured.summary;
    ensure!(summary.failure().is_none(), "{:?}: {:?}", summary.failure(), measured.run.tail);
    let truth: Vec<&Truth> =
        measured.truth.iter().filter(|truth| truth.what == What::Closed).collect();
    let expected = u64::from(restarts) * u64::from(outages_of_each);
    claim("outages that the server knows of", truth.len() as u64, expected)?;
    let seen = summary.restarts.iter().filter_map(|restart| restart.ready.as_ref());
    let seen: Vec<&Outage> = seen.flat_map(|endpoint| &endpoint.outages).collect();
    claim("outages that were seen", seen.len() as u64, expected)?;
    let (mut within, mut errors) = (0, Vec::new());
    for (truth, outage) in truth.iter().zip(&seen) {
        let length = Micros(truth.until_us - truth.from_us);
        let upper = outage.upper_us().context("an outage without an end")?;
        within += u64::from(outage.lower_us() <= length && length <= upper);
        errors.push(outage.estimate_us.as_millis() - length.as_millis());
    }
    let share = within * 100;
    ensure!(99 * expected <= share, "{within} of {expected} are within their bounds");
    let worst = errors.iter().fold(0.0_f64, |worst, error| worst.max(error.abs()));
    // One slot, and as long as a probe takes.
    ensure!(worst <= 12.0, "an estimate is wrong by {worst} ms");
    let lag = summary.observer.lag_ms.context("there were no probes")?;
    #[expect(clippy::cast_precision_loss, reason = "to be read by people")]
    let mean = errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len() as f64;
    Ok(Accuracy {
        outages: expected,
        within_bounds: within,
        error_max_ms: thousandths(worst),
        error_mean_ms: thousandths(mean),
        observer_cores: thousandths(summary.observer.cpu_cores),
        lag_p99_ms: thousandths(lag.p99),
    })
}
