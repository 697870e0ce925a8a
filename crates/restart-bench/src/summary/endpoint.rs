use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    Class, Micros, Outage, Probe, Stats, outages,
    record::{Endpoint, Settings},
};

/// What one endpoint says of a restart. Times count from its trigger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSummary {
    /// The outages after the trigger, or in which it fell.
    pub outages: Vec<Outage>,
    /// All of them together, as long as they most likely were,
    pub total_us: Micros,
    /// at least,
    pub total_lower_us: Micros,
    /// and at most; `None` if the beginning or the end of one was not seen.
    pub total_upper_us: Option<Micros>,
    /// The first of them; `None` if there was none.
    pub first_us: Option<Micros>,
    /// The longest of them; nothing if there was none.
    pub longest_us: Micros,
    /// How much of the total the server was draining, closed, or blocked.
    pub by_class: BTreeMap<Class, Micros>,
    /// How many probes failed,
    pub failed: u64,
    /// and how many were not even sent.
    pub dropped: u64,
    /// When the first probe after the first outage ended well.
    pub first_ok_us: Option<Micros>,
    /// When the first of those probes ended that went well for long enough, after there was evidence of
    /// a restart.
    pub stable_us: Option<Micros>,
    /// How long clients waited for an answer that was the expected one, from when they were to ask,
    /// in milliseconds.
    pub wait_ms: Option<Stats>,
}

/// What probes say of a restart that was triggered, and is known to have happened.
pub(super) fn summary(
    endpoint: &Endpoint,
    trigger_us: Micros,
    proven_us: Option<Micros>,
    settings: &Settings,
) -> EndpointSummary {
    let all = outages(&endpoint.probes, settings.every_us, settings.merge_gap_us);
    let outages: Vec<Outage> =
        all.into_iter().filter(|outage| trigger_us < outage.until_us).collect();
    let mut by_class = BTreeMap::new();
    for (class, span) in outages.iter().flat_map(Outage::by_class) {
        let sum: &mut Micros = by_class.entry(class).or_default();
        *sum = sum.plus(span);
    }
    let after = |at: Micros| at.since(trigger_us);
    let waits = endpoint.probes.iter().filter(|probe| probe.outcome.is_ok());
    let waits = waits.filter(|probe| trigger_us <= probe.finished_us);
    let waits: Vec<f64> =
        waits.map(|probe| probe.finished_us.since(probe.intended_us).as_millis()).collect();
    EndpointSummary {
        total_us: outages.iter().map(|outage| outage.estimate_us).sum(),
        total_lower_us: outages.iter().map(Outage::lower_us).sum(),
        total_upper_us: outages.iter().map(Outage::upper_us).sum(),
        first_us: outages.first().map(|outage| outage.estimate_us),
        longest_us: outages.iter().map(|outage| outage.estimate_us).max().unwrap_or_default(),
        by_class,
        failed: outages.iter().map(|outage| outage.failed).sum(),
        dropped: endpoint.dropped_us.iter().filter(|at| trigger_us <= **at).count() as u64,
        first_ok_us: outages.first().and_then(|outage| outage.ok_after_us).map(after),
        stable_us: proven_us
            .and_then(|proven| stable(&endpoint.probes, proven, settings.stable_for_us))
            .map(after),
        wait_ms: Stats::of(&waits),
        outages,
    }
}

/// When the first success ended of a run that went on for long enough after the restart was proven.
/// One that began before counts from the proof on.
pub(crate) fn stable(probes: &[Probe], proven_us: Micros, stable_for_us: Micros) -> Option<Micros> {
    let mut probes: Vec<&Probe> = probes.iter().collect();
    probes.sort_by_key(|probe| (probe.started_us, probe.intended_us));
    probes.chunk_by(|one, other| one.outcome.is_ok() == other.outcome.is_ok()).find_map(|run| {
        let (first, last) = (run.first()?, run.last()?);
        let from = first.finished_us.max(proven_us);
        let is_stable = first.outcome.is_ok() && stable_for_us <= last.finished_us.since(from);
        (is_stable && from <= last.finished_us).then_some(from)
    })
}
