use serde::{Deserialize, Serialize};

use crate::{
    Micros, Outage, Stats, outages,
    record::{Endpoint, Observation, Record},
};

/// If probes began later than they were to by more than so many slots, one in a hundred, the
/// measurement says nothing.
pub const LAG_SLOTS_MAX: u64 = 5;

/// Whether a measurement can be trusted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObserverSummary {
    /// How much later than they were to probes began, in milliseconds.
    pub lag_ms: Option<Stats>,
    /// How many processors it took, on average.
    pub cpu_cores: f64,
    /// How many probes were not sent, as too many were on their way.
    pub dropped: u64,
    /// The outages that were seen although nothing was restarted: there should be none.
    pub idle_outages: Vec<Outage>,
    /// It was too slow itself for its numbers to mean anything.
    pub is_unfit: bool,
}

pub(super) fn summary(record: &Record) -> ObserverSummary {
    let restarts = record.restarts.iter().map(|restart| &restart.observation);
    let seen: Vec<&Observation> = record.calibration.iter().chain(restarts).collect();
    let endpoints = || seen.iter().flat_map(|seen| endpoints_of(seen));
    let lags: Vec<f64> = endpoints()
        .flat_map(|endpoint| &endpoint.probes)
        .map(|probe| probe.started_us.since(probe.intended_us).as_millis())
        .collect();
    let lag_ms = Stats::of(&lags);
    let settings = &record.settings;
    let lag_max = settings.every_us.times(LAG_SLOTS_MAX).as_millis();
    let wall = record.observer.wall_us.max(Micros(1));
    let idle = record.calibration.iter().flat_map(endpoints_of);
    ObserverSummary {
        cpu_cores: record.observer.cpu_us.as_millis() / wall.as_millis(),
        dropped: endpoints().map(|endpoint| endpoint.dropped_us.len() as u64).sum(),
        idle_outages: idle
            .flat_map(|endpoint| outages(&endpoint.probes, settings.every_us, Micros::ZERO))
            .collect(),
        is_unfit: lag_ms.is_some_and(|lag| lag_max < lag.p99),
        lag_ms,
    }
}

fn endpoints_of(seen: &Observation) -> impl Iterator<Item = &Endpoint> {
    [&seen.health, &seen.ready].into_iter().flatten()
}
