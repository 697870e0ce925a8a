//! Many outages whose beginning and end are known to the microsecond.

use anyhow::{Context as _, ensure};
use demo_gateway::{Truth, What};
use restart_bench::{Micros, Outage, Stats};
use serde::Serialize;

use super::gateway::Gateway;
use crate::proof::{claim, process::thousandths};

/// Shorter ones may fall between two probes.
const OUTAGE_MS: u64 = 30;

/// Of all outages, so many percent have to be within their bounds.
const WITHIN_PERCENT_MIN: u64 = 99;
/// One slot, and as long as a probe takes.
const ERROR_MS_MAX: f64 = 12.0;

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Accuracy {
    outages: u64,
    /// How many were seen, rightly or wrongly.
    seen: u64,
    /// Those of the server that were.
    found: u64,
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
    let (mut within, mut errors) = (0, Vec::new());
    for truth in &truth {
        let overlaps = |outage: &&&Outage| {
            outage.from_us.0 < truth.until_us && truth.from_us < outage.until_us.0
        };
        let Some(outage) = seen.iter().find(overlaps) else { continue };
        let length = Micros(truth.until_us - truth.from_us);
        let is_below = outage.upper_us().is_some_and(|upper| length <= upper);
        within += u64::from(outage.lower_us() <= length && is_below);
        errors.push((outage.estimate_us.as_millis() - length.as_millis()).abs());
    }
    // Whatever the machine does besides.
    ensure!(9 * truth.len() <= 10 * errors.len(), "only {} outages were found", errors.len());
    let lag = summary.observer.lag_ms.context("there were no probes")?;
    let stats = Stats::of(&errors).context("no outage was found")?;
    Ok(Accuracy {
        outages: expected,
        seen: seen.len() as u64,
        found: errors.len() as u64,
        within_bounds: within,
        error_max_ms: thousandths(stats.max),
        error_mean_ms: thousandths(stats.mean),
        observer_cores: thousandths(summary.observer.cpu_cores),
        lag_p99_ms: thousandths(lag.p99),
    })
}

impl Accuracy {
    /// What is claimed on a machine that does nothing else.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        claim("outages that were found", self.found, self.outages)?;
        claim("outages that were seen", self.seen, self.outages)?;
        let (within, all) = (self.within_bounds, self.outages);
        ensure!(
            WITHIN_PERCENT_MIN * all <= 100 * within,
            "{within} of {all} outages are within their bounds"
        );
        let worst = self.error_max_ms;
        ensure!(worst <= ERROR_MS_MAX, "an estimate is wrong by {worst} ms");
        Ok(())
    }
}
