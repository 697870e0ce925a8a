//! The proof of restarts: what is measured of a server that knows when it was away is true, where the
//! rules of the seed are wrong; what was not restarted has no number; and nothing is left behind.

mod accuracy;
mod compared;
mod flood;
mod gateway;
mod handover;
mod interrupted;
mod left;
mod page;
mod replayed;
mod rules;
mod short;
mod teardown;

use anyhow::ensure;
use serde::Serialize;

pub(crate) use flood::{MeasureFlood, measure as measure_flood};
pub(crate) use interrupted::{BeInterrupted, be as be_interrupted};

use self::{
    accuracy::Accuracy, compared::Compared, flood::Flood, handover::Handover,
    interrupted::Interrupted, page::Page, replayed::Replayed, rules::Rules, short::Short,
    teardown::Teardown,
};

/// Of one processor, at a probe of two endpoints every 10 ms.
const CORES_MAX: f64 = 0.03;
/// By which 99 of 100 probes are late.
const LAG_P99_MS_MAX: f64 = 2.0;
/// Of a measurement whose server writes 10 GB.
const FLOOD_MEMORY_BYTES_MAX: u64 = 64 << 20;

struct Sizes {
    /// Outages whose lengths are known.
    restarts_of_truth: u32,
    outages_of_each: u32,
    restarts_of_handover: u32,
    restarts_of_growth: u32,
    restarts_of_comparison: u32,
    flood_bytes: u64,
    interruptions: u32,
}

const FULL: Sizes = Sizes {
    restarts_of_truth: 20,
    outages_of_each: 50,
    restarts_of_handover: 20,
    restarts_of_growth: 20,
    restarts_of_comparison: 12,
    flood_bytes: 10_000_000_000,
    interruptions: 1_000,
};

const QUICK: Sizes = Sizes {
    restarts_of_truth: 2,
    outages_of_each: 10,
    restarts_of_handover: 2,
    restarts_of_growth: 8,
    restarts_of_comparison: 5,
    flood_bytes: 100_000_000,
    interruptions: 10,
};

/// What is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    accuracy: Accuracy,
    handover: Vec<Handover>,
    rules: Rules,
    short: Short,
    replayed: Replayed,
    compared: Compared,
    teardown: Teardown,
    flood: Flood,
    interrupted: Interrupted,
    /// Nothing if it was not asked for, or there is no browser.
    page: Option<Page>,
    #[serde(skip)]
    is_quick: bool,
}

pub(super) fn prove(quick: bool, is_page_asked: bool) -> anyhow::Result<Report> {
    let sizes = if quick { QUICK } else { FULL };
    Ok(Report {
        accuracy: accuracy::prove(sizes.restarts_of_truth, sizes.outages_of_each)?,
        handover: handover::prove(sizes.restarts_of_handover)?,
        rules: rules::prove(sizes.restarts_of_growth)?,
        short: short::prove(sizes.restarts_of_handover)?,
        replayed: replayed::prove()?,
        compared: compared::prove(sizes.restarts_of_comparison)?,
        teardown: teardown::prove()?,
        flood: flood::prove(sizes.flood_bytes)?,
        interrupted: interrupted::prove(sizes.interruptions)?,
        page: if is_page_asked { page::prove()? } else { None },
        is_quick: quick,
    })
}

impl Report {
    /// Whether a browser has shown the page.
    pub(super) fn has_page(&self) -> bool {
        self.page.is_some()
    }

    /// What depends on the machine.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        let peak = self.flood.peak_memory_bytes;
        let max = FLOOD_MEMORY_BYTES_MAX;
        ensure!(peak <= max, "memory beside a flood: {peak} bytes, at most {max}");
        if self.is_quick {
            return Ok(());
        }
        self.accuracy.check()?;
        let Accuracy { observer_cores: cores, lag_p99_ms: lag, .. } = self.accuracy;
        ensure!(cores <= CORES_MAX, "processors of the observer: {cores}, at most {CORES_MAX}");
        ensure!(lag <= LAG_P99_MS_MAX, "lag of probes: {lag} ms, at most {LAG_P99_MS_MAX}");
        Ok(())
    }
}
