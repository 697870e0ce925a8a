//! A server that takes a fifth longer, and the same one again.

use anyhow::{Context as _, ensure};
use restart_bench::{Comparison, Metric, Verdict, compare};
use serde::Serialize;

use super::gateway::{Gateway, Measured};

/// A smaller difference does not matter.
const NOISE: f64 = 0.05;
const SEED: u64 = 1;

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Compared {
    restarts: u32,
    longer: Comparison,
    same: Comparison,
}

pub(super) fn prove(restarts: u32) -> anyhow::Result<Compared> {
    let base = measure("200ms", restarts)?;
    let (longer, same) = (measure("240ms", restarts)?, measure("200ms", restarts)?);
    let of = |new: &Measured| {
        let all = compare(&base.summary, &new.summary, NOISE, SEED);
        all.into_iter()
            .find(|comparison| comparison.metric == Metric::Downtime)
            .context("there is no downtime to compare")
    };
    let (longer, same) = (of(&longer)?, of(&same)?);
    ensure!(longer.verdict == Verdict::Worse, "a fifth more is not found: {longer:?}");
    ensure!(same.verdict == Verdict::NoDifference, "the same is taken for another: {same:?}");
    Ok(Compared { restarts, longer, same })
}

fn measure(close: &str, restarts: u32) -> anyhow::Result<Measured> {
    let measured = Gateway::new(&["--close", close], restarts)?.measure()?;
    let failure = measured.summary.failure();
    ensure!(failure.is_none(), "{failure:?}");
    Ok(measured)
}
