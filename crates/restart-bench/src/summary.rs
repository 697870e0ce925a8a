//! What a [`Record`] means: worked out from what was seen, and from nothing else.

mod endpoint;
mod observer;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use endpoint::EndpointSummary;
pub use observer::{LAG_SLOTS_MAX, ObserverSummary};

use crate::{
    Evidence, Micros, Slope, evidence,
    record::{Endpoint, Failure, Record, Resources, Restart, Seen},
    slope,
};

/// What a measurement means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Each restart.
    pub restarts: Vec<RestartSummary>,
    /// What grows from restart to restart, those that warm up left out.
    pub slopes: BTreeMap<Resource, Slope>,
    /// Whether the measurement itself can be trusted.
    pub observer: ObserverSummary,
    /// What of the whole could not be done, if anything.
    pub failure: Option<Failure>,
}

/// What a restart cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestartSummary {
    /// Which one, from 1 on.
    pub index: u32,
    /// It only warms up.
    pub is_warmup: bool,
    /// What shows that it happened.
    pub evidence: Vec<Evidence>,
    /// Why it does not count. There is no downtime then.
    pub failure: Option<Failure>,
    /// For how long the server was of no use to its clients, all outages together: by its readiness
    /// if it tells, else by its health.
    pub downtime_us: Option<Micros>,
    /// Its readiness.
    pub ready: Option<EndpointSummary>,
    /// Its health.
    pub health: Option<EndpointSummary>,
    /// Processor time from the trigger to the end.
    pub cpu_us: Option<Micros>,
    /// The last that was seen.
    pub resources: Option<Resources>,
}

/// Something that can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Memory, in bytes.
    Rss,
    /// Open files and sockets.
    OpenFiles,
    /// Threads.
    Threads,
}

impl RestartSummary {
    /// Whether it is one of those that statistics are made of.
    pub fn counts(&self) -> bool {
        !self.is_warmup && self.failure.is_none()
    }

    /// What tells of its clients: the readiness if there is one, else the health.
    pub fn endpoint(&self) -> Option<&EndpointSummary> {
        self.ready.as_ref().or(self.health.as_ref())
    }
}

impl Summary {
    /// The restarts that statistics are made of.
    pub fn counted(&self) -> impl Iterator<Item = &RestartSummary> {
        self.restarts.iter().filter(|restart| restart.counts())
    }

    /// The first failure, of the whole or of a restart. One that only warms up counts, too: it ends the
    /// measurement.
    pub fn failure(&self) -> Option<Failure> {
        let of_restart = self.restarts.iter().find_map(|restart| restart.failure);
        self.failure.or(of_restart).or(self.observer.is_unfit.then_some(Failure::ObserverUnfit))
    }
}

/// Works out what a record means.
pub fn summary(record: &Record) -> Summary {
    let restarts: Vec<RestartSummary> =
        record.restarts.iter().map(|restart| of_restart(restart, record)).collect();
    let slopes = [
        (Resource::Rss, values(&restarts, |resources| resources.rss_bytes)),
        (Resource::OpenFiles, values(&restarts, |resources| resources.open_files)),
        (Resource::Threads, values(&restarts, |resources| resources.threads)),
    ];
    Summary {
        slopes: slopes
            .into_iter()
            .filter_map(|(resource, values)| Some((resource, slope(&values)?)))
            .collect(),
        restarts,
        observer: observer::summary(record),
        failure: record.failure,
    }
}

#[expect(clippy::cast_precision_loss, reason = "to be read by people")]
fn values(restarts: &[RestartSummary], of: impl Fn(&Resources) -> u64) -> Vec<f64> {
    let counted = restarts.iter().filter(|restart| restart.counts());
    counted.filter_map(|restart| Some(of(restart.resources.as_ref()?) as f64)).collect()
}

fn of_restart(restart: &Restart, record: &Record) -> RestartSummary {
    let evidence = evidence(&restart.observation, restart.trigger_us);
    let proven_us = evidence.first().map(|evidence| evidence.at_us);
    let endpoint = |endpoint: &Option<Endpoint>| {
        let endpoint = endpoint.as_ref()?;
        Some(endpoint::summary(endpoint, restart.trigger_us, proven_us, &record.settings))
    };
    let (ready, health) =
        (endpoint(&restart.observation.ready), endpoint(&restart.observation.health));
    let not_observed = proven_us.is_none().then_some(Failure::RestartNotObserved);
    let failure = restart.failure.or(not_observed);
    let downtime_us = ready.as_ref().or(health.as_ref()).map(|endpoint| endpoint.total_us);
    let resources = &restart.observation.resources;
    RestartSummary {
        index: restart.index,
        is_warmup: restart.is_warmup,
        evidence,
        failure,
        downtime_us: downtime_us.filter(|_| failure.is_none()),
        ready,
        health,
        cpu_us: cpu(resources, restart.trigger_us),
        resources: resources.last().map(|seen| seen.what),
    }
}

fn cpu(resources: &[Seen<Resources>], trigger: Micros) -> Option<Micros> {
    let before = resources.iter().rev().find(|seen| seen.at_us <= trigger)?;
    let after = resources.last()?;
    Some(after.what.cpu_us.since(before.what.cpu_us))
}

#[cfg(test)]
pub(crate) mod tests;
