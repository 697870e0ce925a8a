//! Whether one measurement is worse than another.

use serde::{Deserialize, Serialize};

use crate::{
    Interval, Metric, Stats, Summary,
    stats::{central, draw, median, sorted},
};

/// How often a difference may be seen where there is none.
const ALPHA: f64 = 0.05;

/// With fewer restarts on one side, nothing can be said: even the clearest difference would be as
/// likely by chance as one in twenty.
pub const RESTARTS_MIN: usize = 5;

/// How often values are drawn, or dealt out, anew.
const DRAWS: u32 = 10_000;

/// A metric of two measurements.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Which.
    pub metric: Metric,
    /// Of the one that it is compared with.
    pub base: Stats,
    /// Of the other.
    pub new: Stats,
    /// How much larger the median became, in the unit of the metric,
    pub difference: f64,
    /// its interval of 95 %,
    pub interval: Option<Interval>,
    /// and in parts of the old one; `None` if that is nothing.
    pub relative: Option<f64>,
    /// How probable ranks as different are if there is no difference (permutation test).
    pub p: f64,
    /// What that means.
    pub verdict: Verdict,
}

/// What can be said of a difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is worse.
    Worse,
    /// It is better.
    Better,
    /// It may be chance, or is too little to matter.
    NoDifference,
    /// There are fewer than [`RESTARTS_MIN`] restarts on one side.
    TooFew,
}

/// Compares all metrics that both have. A difference of less than `noise`, in parts of the median, does
/// not matter. The same measurements and the same `seed` give the same result.
pub fn compare(base: &Summary, new: &Summary, noise: f64, seed: u64) -> Vec<Comparison> {
    let of = |metric: Metric| {
        compare_values(metric, &metric.values(base), &metric.values(new), noise, seed)
    };
    Metric::ALL.into_iter().filter_map(of).collect()
}

fn compare_values(
    metric: Metric,
    base: &[f64],
    new: &[f64],
    noise: f64,
    seed: u64,
) -> Option<Comparison> {
    let (of_base, of_new) = (Stats::of(base)?, Stats::of(new)?);
    let difference = of_new.p50 - of_base.p50;
    let relative = (of_base.p50 != 0.0).then(|| difference / of_base.p50);
    let mut random = fastrand::Rng::with_seed(seed);
    let p = p_value(base, new, &mut random);
    let matters = relative.is_none_or(|relative| noise < relative.abs()) && difference != 0.0;
    let verdict = if base.len().min(new.len()) < RESTARTS_MIN {
        Verdict::TooFew
    } else if !matters || ALPHA <= p {
        Verdict::NoDifference
    } else if 0.0 < difference {
        Verdict::Worse
    } else {
        Verdict::Better
    };
    Some(Comparison {
        metric,
        base: of_base,
        new: of_new,
        difference,
        interval: interval(base, new, &mut random),
        relative,
        p,
        verdict,
    })
}

/// Of the difference of the medians.
fn interval(base: &[f64], new: &[f64], random: &mut fastrand::Rng) -> Option<Interval> {
    if base.len() < 2 || new.len() < 2 {
        return None;
    }
    let mut median_of = |values: &[f64]| median(&sorted(&draw(values, random)));
    let draws = (0..DRAWS).filter_map(|_| Some(median_of(new)? - median_of(base)?));
    central(&draws.collect::<Vec<_>>())
}

/// How often values that are dealt out anew have sums of ranks as far from the middle. It is exact: that
/// what was measured is one of the ways to deal them out counts.
fn p_value(base: &[f64], new: &[f64], random: &mut fastrand::Rng) -> f64 {
    let all: Vec<f64> = base.iter().chain(new).copied().collect();
    let mut ranks = ranks(&all);
    let middle: f64 = ranks.iter().sum::<f64>() / 2.0;
    let share = |ranks: &[f64]| {
        let (of_base, of_new) = ranks.split_at(base.len().min(ranks.len()));
        let mean = |ranks: &[f64]| {
            ranks.iter().sum::<f64>()
                / f64::from(u32::try_from(ranks.len()).unwrap_or(u32::MAX).max(1))
        };
        (mean(of_new) - mean(of_base)).abs()
    };
    if middle == 0.0 {
        return 1.0;
    }
    let seen = share(&ranks);
    let mut as_far = 0_u32;
    for _ in 0..DRAWS {
        random.shuffle(&mut ranks);
        // Sums in another order differ in their last digits.
        as_far += u32::from(seen <= share(&ranks) + 1e-9);
    }
    f64::from(as_far + 1) / f64::from(DRAWS + 1)
}

/// The rank of each value, from 1 on; those that are the same share theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    let value = |nth: &usize| values.get(*nth).copied().unwrap_or(f64::NAN);
    order.sort_by(|one, other| value(one).total_cmp(&value(other)));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0_u32;
    for tied in order.chunk_by(|one, other| value(one).total_cmp(&value(other)).is_eq()) {
        let count = u32::try_from(tied.len()).unwrap_or(u32::MAX);
        let rank = f64::from(before) + f64::from(count + 1) / 2.0;
        for nth in tied {
            if let Some(place) = ranks.get_mut(*nth) {
                *place = rank;
            }
        }
        before += count;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(base: &[f64], new: &[f64]) -> Comparison {
        compare_values(Metric::Downtime, base, new, 0.01, 7).unwrap()
    }

    /// About 100, with a few percent of noise.
    fn noisy(seed: u64, count: usize, factor: f64) -> Vec<f64> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count).map(|_| factor * (100.0 + 10.0 * (random.f64() + random.f64() - 1.0))).collect()
    }

    #[test]
    fn ranks_are_shared_by_what_is_the_same() {
        assert_eq!(ranks(&[30.0, 10.0, 20.0, 20.0]), [4.0, 1.0, 2.5, 2.5]);
        assert_eq!(ranks(&[]), [] as [f64; 0]);
    }

    #[test]
    fn a_fifth_more_is_found_with_its_size() {
        let found = of(&noisy(1, 20, 1.0), &noisy(2, 20, 1.2));
        assert_eq!(found.verdict, Verdict::Worse);
        let relative = found.relative.unwrap();
        assert!(0.15 < relative && relative < 0.25, "{found:?}");
        let interval = found.interval.unwrap();
        assert!(10.0 < interval.low && interval.low < 20.0 && 20.0 < interval.high, "{found:?}");
        assert_eq!(of(&noisy(1, 20, 1.2), &noisy(2, 20, 1.0)).verdict, Verdict::Better);
        assert_eq!(found, of(&noisy(1, 20, 1.0), &noisy(2, 20, 1.2)), "the same every time");
    }

    #[test]
    fn the_same_again_is_silent_as_often_as_said() {
        let wrong = (0..200)
            .filter(|nth| {
                let found = of(&noisy(2 * nth, 12, 1.0), &noisy(2 * nth + 1, 12, 1.0));
                matches!(found.verdict, Verdict::Worse | Verdict::Better)
            })
            .count();
        // 5 % of 200 are 10; 25 would be nearly five standard deviations away.
        assert!(wrong < 25, "{wrong}");
    }

    #[test]
    fn what_is_too_little_or_too_few_is_no_difference() {
        let base: Vec<f64> = (0..40).map(|nth| 1_000.0 + f64::from(nth) / 100.0).collect();
        let new: Vec<f64> = base.iter().map(|value| value + 2.0).collect();
        assert_eq!(of(&base, &new).verdict, Verdict::NoDifference, "0.2 % more");
        assert_eq!(of(&[1.0, 2.0], &[8.0, 9.0]).verdict, Verdict::TooFew);
        assert_eq!(of(&[0.0; 10], &[0.0; 10]).verdict, Verdict::NoDifference);
        let from_nothing = of(&[0.0; 10], &[5.0; 10]);
        assert_eq!((from_nothing.verdict, from_nothing.relative), (Verdict::Worse, None));
        assert!(compare_values(Metric::Cpu, &[], &[1.0], 0.01, 7).is_none());
    }
}
