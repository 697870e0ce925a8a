//! When a server was of no use, as far as probes can tell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Class, Micros, Outcome, Probe};

/// A run of probes that failed.
///
/// How long the server was of no use is known up to the time between two probes: not shorter than
/// from the beginning of the first failure to the end of the last, and not longer than from the end
/// of the last success before it to the end of the first one after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outage {
    /// When the first failure began.
    pub from_us: Micros,
    /// When the last failure was known, or the server was seen to be of use before that.
    pub until_us: Micros,
    /// The end of the last success before it, or its beginning, if it ended only later; `None` if there
    /// was none.
    pub ok_before_us: Option<Micros>,
    /// The end of the first success after it; `None` if there was none.
    pub ok_after_us: Option<Micros>,
    /// The most likely length: as many slots as failed.
    pub estimate_us: Micros,
    /// How many probes failed,
    pub failed: u64,
    /// and in which ways.
    pub outcomes: BTreeMap<Outcome, u64>,
}

impl Outage {
    /// It was not shorter.
    pub fn lower_us(&self) -> Micros {
        self.until_us.since(self.from_us)
    }

    /// It was not longer; `None` if its beginning or its end was not seen.
    pub fn upper_us(&self) -> Option<Micros> {
        Some(self.ok_after_us?.since(self.ok_before_us?))
    }

    /// Half of what is not known of its length.
    pub fn uncertainty_us(&self) -> Option<Micros> {
        Some(Micros(self.upper_us()?.since(self.lower_us()).0 / 2))
    }

    /// How much of its estimate belongs to each class of failures.
    pub fn by_class(&self) -> BTreeMap<Class, Micros> {
        let mut classes = BTreeMap::new();
        let slot = self.estimate_us.0.checked_div(self.failed).unwrap_or(0);
        for (outcome, count) in &self.outcomes {
            if let Some(class) = outcome.class() {
                let sum: &mut Micros = classes.entry(class).or_default();
                *sum = sum.plus(Micros(slot).times(*count));
            }
        }
        classes
    }
}

/// The outages that probes of one endpoint have seen, `every_us` apart.
///
/// An outage is over where a probe shows that the server was of use between two that failed: it began
/// after the one was known, and ended before the other began. A slow one that was accepted before an
/// outage, or waited until after it, shows nothing of the time between. Outages between which the server
/// was of use for less than `merge_gap_us` are one.
pub fn outages(probes: &[Probe], every_us: Micros, merge_gap_us: Micros) -> Vec<Outage> {
    let mut probes: Vec<&Probe> = probes.iter().collect();
    probes.sort_by_key(|probe| (probe.started_us, probe.intended_us));
    let mut finder = Finder::default();
    for probe in probes {
        if probe.outcome.is_ok() {
            finder.add_ok(probe);
        } else {
            finder.add_failure(probe, merge_gap_us);
        }
    }
    let mut outages = finder.outages;
    for outage in &mut outages {
        // A probe may wait in vain for long after others were served again.
        outage.until_us = outage.ok_after_us.map_or(outage.until_us, |ok| ok.min(outage.until_us));
        outage.estimate_us = estimate(outage, every_us);
    }
    outages
}

/// What is known after some probes, in the order in which they began.
#[derive(Default)]
struct Finder<'p> {
    outages: Vec<Outage>,
    last_ok: Option<&'p Probe>,
    /// The first to end of those that ended well and began after the last failure was known.
    first_since: Option<Micros>,
    /// When the last failure was known: one that waits in vain fails from its beginning on.
    failed_us: Micros,
}

impl<'p> Finder<'p> {
    fn add_ok(&mut self, probe: &'p Probe) {
        self.last_ok = Some(probe);
        if self.failed_us <= probe.started_us {
            let first = self.first_since.map_or(probe.finished_us, |us| us.min(probe.finished_us));
            self.first_since = Some(first);
            if let Some(last) = self.outages.last_mut() {
                last.ok_after_us = Some(first);
            }
        }
    }

    fn add_failure(&mut self, probe: &Probe, merge_gap_us: Micros) {
        let is_over = self.first_since.is_some_and(|ok| ok <= probe.started_us);
        match self.outages.last_mut() {
            Some(last) if !is_over || probe.started_us.since(last.until_us) < merge_gap_us => {
                last.until_us = last.until_us.max(probe.finished_us);
                last.ok_after_us = None;
                last.failed += 1;
                *last.outcomes.entry(probe.outcome).or_default() += 1;
            }
            _ => self.outages.push(Outage {
                from_us: probe.started_us,
                until_us: probe.finished_us,
                ok_before_us: self.last_ok.map(|ok| before(ok, probe.started_us)),
                ok_after_us: None,
                estimate_us: Micros::ZERO,
                failed: 1,
                outcomes: BTreeMap::from([(probe.outcome, 1)]),
            }),
        }
        self.first_since = None;
        let known_us = match probe.outcome {
            Outcome::Timeout => probe.started_us,
            _ => probe.finished_us,
        };
        self.failed_us = self.failed_us.max(known_us);
    }
}

/// When, at the latest before `us`, a probe that ended well shows that the server was of use.
fn before(ok: &Probe, us: Micros) -> Micros {
    if ok.finished_us <= us { ok.finished_us } else { ok.started_us }
}

/// As many slots as failed, within the bounds.
fn estimate(outage: &Outage, every_us: Micros) -> Micros {
    let estimate = every_us.times(outage.failed).max(outage.lower_us());
    outage.upper_us().map_or(estimate, |upper| estimate.min(upper))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EVERY: Micros = Micros::from_millis(10);

    /// One probe every 10 ms that takes 1 ms, or 100 ms if it times out.
    fn probes(outcomes: &str) -> Vec<Probe> {
        let probe = |(slot, letter): (u64, char)| {
            let (outcome, millis) = match letter {
                '.' => (Outcome::Ok, 1),
                'd' => (Outcome::NotReady { status: 503 }, 1),
                'x' => (Outcome::Refused, 1),
                'r' => (Outcome::Reset, 1),
                _ => (Outcome::Timeout, 100),
            };
            let started_us = EVERY.times(slot);
            Probe {
                intended_us: started_us,
                started_us,
                finished_us: started_us.plus(Micros::from_millis(millis)),
                outcome,
                uptime_ms: None,
            }
        };
        (0..).zip(outcomes.chars()).map(probe).collect()
    }

    fn millis(span: Micros) -> u64 {
        span.0 / 1_000
    }

    /// Lower, estimate and upper, in milliseconds.
    type Bounds = (u64, u64, Option<u64>);

    #[test]
    fn runs_of_failures_are_outages_with_bounds() {
        let table: [(&str, &[Bounds]); 10] = [
            ("", &[]),
            ("....", &[]),
            ("..x..", &[(1, 10, Some(20))]),
            ("..xrd..", &[(21, 30, Some(40))]),
            ("..x..xx.", &[(1, 10, Some(20)), (11, 20, Some(30))]),
            // The beginning, or the end, was not seen.
            ("xx..", &[(11, 20, None)]),
            ("..xx", &[(11, 20, None)]),
            ("xxxx", &[(31, 40, None)]),
            // Two wait in vain, and others are served meanwhile.
            ("..tt......", &[(21, 21, Some(30))]),
            // Nobody else is served: the last one says so for all the time that it waited.
            ("..tt", &[(110, 110, None)]),
        ];
        for (text, expected) in table {
            let found = outages(&probes(text), EVERY, Micros::ZERO);
            let found: Vec<_> = found
                .iter()
                .map(|outage| {
                    let upper = outage.upper_us().map(millis);
                    (millis(outage.lower_us()), millis(outage.estimate_us), upper)
                })
                .collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_slow_success_shows_nothing_of_the_time_between() {
        // It was accepted before the outage, or waited until after it.
        for (slow, began) in [(1, 12), (4, 43)] {
            let mut seen = probes("..xx.xx...");
            seen[4].outcome = Outcome::Refused;
            seen[slow].outcome = Outcome::Ok;
            seen[slow].started_us = Micros::from_millis(began);
            seen[slow].finished_us = Micros::from_millis(65);
            let found = outages(&seen, EVERY, Micros::ZERO);
            assert_eq!(found.len(), 1, "{slow} {found:?}");
            assert!(found[0].lower_us() <= Micros::from_millis(50), "{found:?}");
            assert!(Micros::from_millis(50) <= found[0].upper_us().unwrap(), "{found:?}");
        }
    }

    #[test]
    fn short_recoveries_can_be_part_of_an_outage() {
        let found = outages(&probes("..xx.xx..."), EVERY, Micros::from_millis(20));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].failed, millis(found[0].lower_us())), (4, 41));
        let apart = outages(&probes("..xx.xx..."), EVERY, Micros::from_millis(5));
        assert_eq!(apart.len(), 2);
    }

    #[test]
    fn a_failure_says_what_the_server_did() {
        let found = outages(&probes("..ddxrx.."), EVERY, Micros::ZERO);
        let expected =
            [(Class::Draining, Micros::from_millis(20)), (Class::Closed, Micros::from_millis(30))];
        assert_eq!(found[0].by_class(), BTreeMap::from(expected));
    }

    proptest! {
        /// Whatever a server does, what probes say of it is true within their bounds.
        #[test]
        fn bounds_hold_the_truth(
            down in prop::collection::vec((1_000_u64..400_000, 20_000_u64..300_000), 1..6),
            phase in 0_u64..10_000,
            takes in 100_u64..2_000,
        ) {
            let mut at = 50_000;
            let truth: Vec<(u64, u64)> = down
                .iter()
                .map(|(gap, length)| {
                    let from = at + gap + 20_000;
                    at = from + length;
                    (from, at)
                })
                .collect();
            let is_down = |at: u64| truth.iter().any(|(from, until)| (*from..*until).contains(&at));
            let probes: Vec<Probe> = (0..(at + 100_000) / EVERY.0)
                .map(|slot| {
                    let started = slot * EVERY.0 + phase;
                    // The server answers, or refuses, in the middle.
                    let refused = is_down(started + takes / 2);
                    Probe {
                        intended_us: Micros(started),
                        started_us: Micros(started),
                        finished_us: Micros(started + takes),
                        outcome: if refused { Outcome::Refused } else { Outcome::Ok },
                        uptime_ms: None,
                    }
                })
                .collect();
            let found = outages(&probes, EVERY, Micros::ZERO);
            prop_assert_eq!(found.len(), truth.len());
            for (outage, (from, until)) in found.iter().zip(&truth) {
                let length = until - from;
                // What happens within a probe is not seen.
                prop_assert!(outage.lower_us().0 <= length + takes);
                prop_assert!(length <= outage.upper_us().unwrap().0 + takes);
                prop_assert!(outage.estimate_us.0.abs_diff(length) <= EVERY.0 + takes);
            }
        }

        #[test]
        fn every_failure_is_in_one_outage(text in "[.dxrt]{0,60}", gap in 0_u64..50) {
            let probes = probes(&text);
            let found = outages(&probes, EVERY, Micros::from_millis(gap));
            let failed: u64 = found.iter().map(|outage| outage.failed).sum();
            prop_assert_eq!(failed, probes.iter().filter(|probe| !probe.outcome.is_ok()).count() as u64);
            for outage in &found {
                prop_assert!(outage.lower_us() <= outage.estimate_us);
                prop_assert!(outage.upper_us().is_none_or(|upper| outage.estimate_us <= upper));
                prop_assert_eq!(outage.outcomes.values().sum::<u64>(), outage.failed);
            }
        }
    }
}
