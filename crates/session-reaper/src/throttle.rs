//! When a directory may be swept again.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use common_fs::Timestamp;
use serde::{Deserialize, Serialize};

/// As in OpenClaw.
const INTERVAL: Duration = Duration::from_mins(5);

/// After failures, the interval doubles up to this.
const BACK_OFF_MAX: Duration = Duration::from_hours(1);

/// Keeps sweeps of a directory apart, for programs that ask for one on every occasion.
///
/// A value of its owner: two of them know nothing of each other. Directories are told apart by their
/// paths, so these should be without links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttle {
    rules: ThrottleRules,
    places: BTreeMap<PathBuf, State>,
}

/// By what rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ThrottleRules {
    /// Five minutes from the beginning of one sweep to that of the next, whatever came of it; after
    /// failures longer and longer, up to an hour. A sweep that was not allowed, or found another one
    /// at work, does not count, and a clock that goes back does not stop anything.
    Safe,
    /// As OpenClaw 2026.3: five minutes from a sweep that succeeded, or from one that was not allowed;
    /// none from one that failed. A directory counts as swept in 1970, and a clock that goes back
    /// stops everything until it has caught up.
    OpenClaw2026_3,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    /// When the last sweep that counts began, in milliseconds since 1970.
    last_ms: Option<i64>,
    /// How many have failed since one succeeded.
    failures: u32,
}

/// Whether a sweep may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Admitted(Ticket),
    /// It may at this time.
    Throttled {
        /// When.
        retry_at: Timestamp,
    },
}

/// Of a sweep that was admitted; [`Throttle::settle`] wants to know what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    began: Timestamp,
    before: State,
}

/// What came of a sweep that was admitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was carried out.
    Swept,
    /// The policy allows none.
    Disabled,
    /// Somebody else was at work.
    Busy,
    /// It failed.
    Failed,
}

impl Throttle {
    /// Nothing was swept yet.
    pub fn new(rules: ThrottleRules) -> Self {
        Self { rules, places: BTreeMap::new() }
    }

    /// Asks whether a directory may be swept at `now`; `force` does not ask, but counts.
    pub fn admit(&mut self, now: Timestamp, place: &Path, force: bool) -> Admission {
        let before = self.places.get(place).copied().unwrap_or_default();
        if !force && let Some(retry_at) = self.retry_at(now, before) {
            return Admission::Throttled { retry_at };
        }
        if self.rules == ThrottleRules::Safe {
            let state = State { last_ms: Some(now.unix_millis()), ..before };
            self.places.insert(place.to_owned(), state);
        }
        Admission::Admitted(Ticket { began: now, before })
    }

    /// Notes what came of a sweep.
    pub fn settle(&mut self, place: &Path, ticket: Ticket, settlement: Settlement) {
        let began = State { last_ms: Some(ticket.began.unix_millis()), failures: 0 };
        let state = match (self.rules, settlement) {
            (ThrottleRules::Safe, Settlement::Swept)
            | (ThrottleRules::OpenClaw2026_3, Settlement::Swept | Settlement::Disabled) => began,
            (ThrottleRules::Safe, Settlement::Failed) => {
                State { failures: ticket.before.failures.saturating_add(1), ..began }
            }
            (_, Settlement::Disabled | Settlement::Busy | Settlement::Failed) => ticket.before,
        };
        self.places.insert(place.to_owned(), state);
    }

    /// When the next sweep may begin, if not now.
    fn retry_at(&self, now: Timestamp, state: State) -> Option<Timestamp> {
        let last_ms = match self.rules {
            ThrottleRules::Safe => state.last_ms?,
            ThrottleRules::OpenClaw2026_3 => state.last_ms.unwrap_or(0),
        };
        let last = Timestamp::from_unix_millis(last_ms)?;
        let interval = match self.rules {
            ThrottleRules::OpenClaw2026_3 => INTERVAL,
            ThrottleRules::Safe => back_off(state.failures),
        };
        let retry_at = last.plus(interval);
        let went_back = now < last && self.rules == ThrottleRules::Safe;
        (now < retry_at && !went_back).then_some(retry_at)
    }

    /// Forgets everything.
    pub fn reset(&mut self) {
        self.places.clear();
    }
}

fn back_off(failures: u32) -> Duration {
    let factor = 1_u32.checked_shl(failures.min(16)).unwrap_or(u32::MAX);
    INTERVAL.saturating_mul(factor).min(BACK_OFF_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_unix_millis(millis).unwrap()
    }

    /// Whether a sweep is admitted, and what comes of it.
    fn step(throttle: &mut Throttle, millis: i64, place: &str, settlement: Settlement) -> bool {
        match throttle.admit(at(millis), Path::new(place), false) {
            Admission::Admitted(ticket) => {
                throttle.settle(Path::new(place), ticket, settlement);
                true
            }
            Admission::Throttled { .. } => false,
        }
    }

    use Settlement::{Busy, Disabled, Failed, Swept};

    #[test]
    fn as_openclaw_2026_3() {
        // When, what comes of it, and whether it is admitted.
        let tables: [&[(i64, Settlement, bool)]; 5] = [
            &[
                (0, Swept, false),
                (299_999, Swept, false),
                (300_000, Swept, true),
                (599_999, Swept, false),
                (600_000, Swept, true),
            ],
            &[(1_000_000, Disabled, true), (1_001_000, Swept, false), (1_300_000, Swept, true)],
            &[
                (1_000_000, Failed, true),
                (1_001_000, Failed, true),
                (1_002_000, Swept, true),
                (1_003_000, Swept, false),
            ],
            &[
                (9_000_000, Swept, true),
                (5_000_000, Swept, false),
                (9_299_999, Swept, false),
                (9_300_000, Swept, true),
            ],
            &[(1_000_000, Swept, true), (1_001_000, Swept, false)],
        ];
        for table in tables {
            let mut throttle = Throttle::new(ThrottleRules::OpenClaw2026_3);
            for (nth, (millis, settlement, admitted)) in table.iter().enumerate() {
                assert_eq!(
                    step(&mut throttle, *millis, "/a", *settlement),
                    *admitted,
                    "{table:?} {nth}"
                );
            }
        }
    }

    #[test]
    fn force_is_not_throttled_but_counts() {
        for rules in [ThrottleRules::OpenClaw2026_3, ThrottleRules::Safe] {
            let mut throttle = Throttle::new(rules);
            let place = Path::new("/a");
            for millis in [1_000_000, 1_000_001] {
                let Admission::Admitted(ticket) = throttle.admit(at(millis), place, true) else {
                    panic!("forced")
                };
                throttle.settle(place, ticket, Swept);
            }
            assert_eq!(
                throttle.admit(at(1_300_000), place, false),
                Admission::Throttled { retry_at: at(1_300_001) }
            );
        }
    }

    #[test]
    fn directories_are_throttled_apart() {
        for rules in [ThrottleRules::OpenClaw2026_3, ThrottleRules::Safe] {
            let mut throttle = Throttle::new(rules);
            assert!(step(&mut throttle, 1_000_000, "/a", Swept));
            assert!(step(&mut throttle, 1_001_000, "/b", Swept));
            assert!(!step(&mut throttle, 1_001_000, "/a", Swept));
        }
    }

    #[test]
    fn safely() {
        let mut throttle = Throttle::new(ThrottleRules::Safe);
        let mut step = |millis, settlement| step(&mut throttle, millis, "/a", settlement);
        assert!(step(0, Swept));
        assert!(!step(299_999, Swept));
        // The clock was set back.
        assert!(step(-1_000, Swept));
        // What was not allowed does not count, nor does who found another one at work.
        assert!(step(300_000, Disabled));
        assert!(step(300_001, Busy));
        assert!(step(300_002, Swept));
        // Failures make it slower: 10, 20, 40 and then 60 minutes.
        let mut millis = 600_002;
        for minutes in [10, 20, 40, 60, 60] {
            assert!(step(millis, Failed));
            let next = millis + minutes * 60_000;
            assert!(!step(next - 1, Failed), "{minutes}");
            millis = next;
        }
        assert!(step(millis, Swept));
        assert!(step(millis + 300_000, Swept));
    }

    #[test]
    fn it_can_be_kept() {
        let mut throttle = Throttle::new(ThrottleRules::Safe);
        step(&mut throttle, 1_000_000, "/a", Failed);
        let text = serde_json::to_string(&throttle).unwrap();
        assert_eq!(serde_json::from_str::<Throttle>(&text).unwrap(), throttle);
    }
}
