//! Order statistics, and how sure one can be of them.

use serde::{Deserialize, Serialize};

/// Statistics of some values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stats {
    /// How many values there are.
    pub count: usize,
    /// The smallest.
    pub min: f64,
    /// The median: the mean of the two in the middle if there is no one.
    pub p50: f64,
    /// The 95th percentile, by nearest rank.
    pub p95: f64,
    /// The 99th percentile, by nearest rank.
    pub p99: f64,
    /// The largest.
    pub max: f64,
    /// The arithmetic mean.
    pub mean: f64,
}

/// Between which values something is, at some confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Not below.
    pub low: f64,
    /// Not above.
    pub high: f64,
}

/// A statistic of [`Stats`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are those of the fields")]
pub enum Statistic {
    Min,
    P50,
    P95,
    P99,
    Max,
    Mean,
}

impl Stats {
    /// Of values in any order; `None` if there are none. What is no number does not count.
    #[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 values")]
    pub fn of(values: &[f64]) -> Option<Self> {
        let sorted = sorted(values);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        Some(Self {
            count: sorted.len(),
            min,
            p50: median(&sorted)?,
            p95: nearest_rank(&sorted, 95)?,
            p99: nearest_rank(&sorted, 99)?,
            max,
            mean: sorted.iter().sum::<f64>() / sorted.len() as f64,
        })
    }

    /// One of them.
    pub fn get(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Min => self.min,
            Statistic::P50 => self.p50,
            Statistic::P95 => self.p95,
            Statistic::P99 => self.p99,
            Statistic::Max => self.max,
            Statistic::Mean => self.mean,
        }
    }
}

impl Statistic {
    /// By its name in thresholds.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "min" => Self::Min,
            "p50" | "median" => Self::P50,
            "p95" => Self::P95,
            "p99" => Self::P99,
            "max" => Self::Max,
            "mean" | "avg" => Self::Mean,
            _ => return None,
        })
    }
}

pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.iter().copied().filter(|value| !value.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

/// Of values in order.
pub(crate) fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(*sorted.get(sorted.len() / 2 - 1)?, upper))
}

/// The smallest value that so many percent of all do not exceed.
fn nearest_rank(sorted: &[f64], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

/// How often values are drawn anew; a percentile of so many is stable to three digits.
const DRAWS: usize = 10_000;

/// The interval of 95 % of a statistic, by drawing the values anew (percentile bootstrap).
///
/// The same values and the same `seed` give the same interval. `None` for fewer than two values.
pub fn interval_of(values: &[f64], statistic: Statistic, seed: u64) -> Option<Interval> {
    let sorted = sorted(values);
    if sorted.len() < 2 {
        return None;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let draws =
        (0..DRAWS).filter_map(|_| Some(Stats::of(&draw(&sorted, &mut random))?.get(statistic)));
    central(&draws.collect::<Vec<_>>())
}

/// As many values as there are, each of them any.
pub(crate) fn draw(values: &[f64], random: &mut fastrand::Rng) -> Vec<f64> {
    let one = |_| values.get(random.usize(..values.len())).copied();
    (0..values.len()).filter_map(one).collect()
}

/// Between which values 95 % of all are.
pub(crate) fn central(values: &[f64]) -> Option<Interval> {
    let sorted = sorted(values);
    let tail = sorted.len() / 40;
    let high = sorted.len().checked_sub(tail + 1)?;
    Some(Interval { low: *sorted.get(tail)?, high: *sorted.get(high)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statistics_of_few_values() {
        // Values; p50, p95, p99.
        for (values, expected) in [
            (vec![7.0], (7.0, 7.0, 7.0)),
            (vec![3.0, 1.0], (2.0, 3.0, 3.0)),
            (vec![3.0, 1.0, 2.0], (2.0, 3.0, 3.0)),
            (vec![1.0, 2.0, 3.0, f64::NAN, 4.0], (2.5, 4.0, 4.0)),
            (vec![5.0; 100], (5.0, 5.0, 5.0)),
        ] {
            let stats = Stats::of(&values).unwrap();
            assert_eq!((stats.p50, stats.p95, stats.p99), expected, "{values:?}");
        }
        assert_eq!(Stats::of(&[]), None);
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        let stats = Stats::of(&hundred).unwrap();
        assert_eq!((stats.p50, stats.p95, stats.p99, stats.mean), (50.5, 95.0, 99.0, 50.5));
    }

    #[test]
    fn an_interval_is_the_same_every_time() {
        let values = [5.0, 6.0, 7.0, 9.0, 30.0];
        let one = interval_of(&values, Statistic::P50, 1);
        assert_eq!(one, interval_of(&values, Statistic::P50, 1));
        let one = one.unwrap();
        assert!(one.low <= 7.0 && 7.0 <= one.high && one.low < one.high, "{one:?}");
        assert_eq!(interval_of(&[1.0], Statistic::P50, 1), None);
    }

    proptest! {
        #[test]
        fn statistics_are_in_order(values in prop::collection::vec(-1e6_f64..1e6, 1..50)) {
            let stats = Stats::of(&values).unwrap();
            prop_assert!(stats.min <= stats.p50 && stats.p50 <= stats.p95.max(stats.p50));
            prop_assert!(stats.p95 <= stats.p99 && stats.p99 <= stats.max);
            prop_assert!(stats.min <= stats.mean + 1e-6 && stats.mean <= stats.max + 1e-6);
        }
    }
}
