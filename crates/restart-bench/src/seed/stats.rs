use serde::{Deserialize, Serialize};

use crate::js;

/// What the seed says of several numbers, in their unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Their mean.
    pub avg: f64,
    /// The greatest.
    pub max: f64,
    /// The least.
    pub min: f64,
    /// Their median: the one in the middle, or the mean of the two there.
    pub p50: f64,
    /// The one of which 95 % are less. Of up to 20 numbers that is the greatest.
    pub p95: f64,
}

/// The statistics of `values`, if there are any.
pub fn summarize_numbers(values: impl IntoIterator<Item = f64>) -> Option<Stats> {
    let values: Vec<_> = values.into_iter().collect();
    let total: f64 = values.iter().fold(0.0, |sum, value| sum + value);
    let mut sorted = values;
    sorted.sort_by(f64::total_cmp);
    let count = sorted.len();
    // For every count there can be, this is `floor(95 / 100 * count)` in floating point as well.
    let p95 = *sorted.get((count * 95 / 100).min(count.checked_sub(1)?))?;
    Some(Stats {
        avg: total / js::float(count as u64),
        max: *sorted.last()?,
        min: *sorted.first()?,
        p50: median(&sorted)?,
        p95,
    })
}

fn median(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = *sorted.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(lower, upper))
}

/// How much `values` grow from one to the next, in their unit: the difference of the last and the
/// first one that are there, by the number of steps between them. `None` for less than two.
///
/// What lies between does not count, so of few restarts this shows how they warm up rather than
/// what leaks: it gave 3.7 MB for three restarts of a gateway that grew by 1.7 MB for each of
/// twenty.
pub fn slope(values: &[Option<f64>]) -> Option<f64> {
    let mut points = values.iter().enumerate().filter_map(|(at, value)| Some((at, (*value)?)));
    let (first_at, first) = points.next()?;
    let (last_at, last) = points.next_back()?;
    Some((last - first) / js::float((last_at - first_at) as u64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn statistics_of_few_numbers() {
        assert_eq!(summarize_numbers([]), None);
        let one = Stats { avg: 2.0, max: 2.0, min: 2.0, p50: 2.0, p95: 2.0 };
        assert_eq!(summarize_numbers([2.0]), Some(one));
        let four = Stats { avg: 4.0, max: 10.0, min: 1.0, p50: 2.5, p95: 10.0 };
        assert_eq!(summarize_numbers([10.0, 1.0, 3.0, 2.0]), Some(four));
    }

    #[test]
    fn p95_is_the_maximum_of_up_to_20() {
        for (count, expected) in [(20, 19), (21, 19), (39, 37), (40, 38), (100, 95), (1000, 950)] {
            let stats = summarize_numbers((0..count).map(f64::from));
            assert_eq!(stats.map(|stats| stats.p95), Some(f64::from(expected)), "{count}");
        }
    }

    #[test]
    fn slopes_look_at_both_ends_alone() {
        let table: [(&[Option<f64>], Option<f64>); 7] = [
            (&[], None),
            (&[None, Some(1.0), None], None),
            (&[Some(1.0), Some(9.0), Some(2.0)], Some(0.5)),
            (&[None, Some(1.0), None, Some(3.0), None], Some(1.0)),
            (&[Some(3.0), Some(1.0)], Some(-2.0)),
            (&[Some(640.0), Some(645.0), Some(647.4)], Some(3.699_999_999_999_988_6)),
            (&[Some(0.0), Some(0.0)], Some(0.0)),
        ];
        for (values, expected) in table {
            assert_eq!(slope(values), expected, "{values:?}");
        }
    }

    proptest! {
        #[test]
        fn the_index_of_p95_is_that_of_floating_point(count: u32) {
            let float = (95.0 / 100.0 * f64::from(count)).floor();
            let integer = js::float(u64::from(count) * 95 / 100);
            prop_assert_eq!(integer.to_bits(), float.to_bits());
        }

        #[test]
        fn statistics_are_in_order(values in prop::collection::vec(-1e9..1e9, 1..50)) {
            let Stats { avg, max, min, p50, p95 } = summarize_numbers(values).unwrap();
            prop_assert!(min <= p50 && p50 <= p95 && p95 <= max);
            prop_assert!(min - 1e-3 <= avg && avg <= max + 1e-3);
        }
    }
}
