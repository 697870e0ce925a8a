//! Short outages, at each restart: whoever asks ten times a second misses some of them.

use anyhow::{Context as _, ensure};
use restart_bench::{Outage, Probe, outages};
use serde::Serialize;

use super::gateway::Gateway;
use crate::proof::claim;

const OUTAGE: &str = "40ms";
/// What asks every 100 ms would have seen every tenth probe, from one of the first ten on.
const STRIDE: u32 = 10;

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Short {
    restarts: u32,
    /// Of these, the probes of every 10 ms have found,
    found: u64,
    /// and those of every 100 ms, on average over where they begin.
    found_every_100_ms: f64,
}

pub(super) fn prove(restarts: u32) -> anyhow::Result<Short> {
    let gateway = Gateway::new(&["--close", OUTAGE], restarts)?;
    let measured = gateway.measure()?;
    let failure = measured.summary.failure();
    ensure!(failure.is_none(), "{failure:?}");
    let every = gateway.task.settings.every_us;
    let (mut found, mut found_rarely) = (0, 0_u32);
    for restart in &measured.run.record.restarts {
        let ready = restart.observation.ready.as_ref().context("it was not probed")?;
        let after = |outage: &Outage| restart.trigger_us <= outage.until_us;
        let is_found = |probes: &[Probe], every| {
            outages(probes, every, restart_bench::Micros::ZERO).iter().any(after)
        };
        found += u64::from(is_found(&ready.probes, every));
        for first in 0..STRIDE {
            let some: Vec<Probe> = ready
                .probes
                .iter()
                .skip(first as usize)
                .step_by(STRIDE as usize)
                .copied()
                .collect();
            found_rarely += u32::from(is_found(&some, every.times(STRIDE.into())));
        }
    }
    claim("short outages that were found", found, restarts.into())?;
    let found_every_100_ms = f64::from(found_rarely) / f64::from(STRIDE);
    ensure!(
        found_every_100_ms < 0.8 * f64::from(restarts),
        "of {restarts} short outages, {found_every_100_ms} are found by asking every 100 ms"
    );
    Ok(Short { restarts, found, found_every_100_ms })
}
