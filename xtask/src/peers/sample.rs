//! What one run took, and the medians of several.

use serde::{Deserialize, Serialize};

/// What a process took of the machine, from its start to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sample {
    pub(super) wall_micros: u64,
    /// User and system time, of all its threads.
    pub(super) cpu_micros: u64,
    /// The most that was resident at once.
    pub(super) peak_memory_bytes: u64,
}

/// Each number by itself: the run with the median time need not have the median memory. `None` of
/// nothing.
pub(super) fn medians(samples: &[Sample]) -> Option<Sample> {
    let of = |number: fn(&Sample) -> u64| median(samples.iter().map(number).collect());
    Some(Sample {
        wall_micros: of(|sample| sample.wall_micros)?,
        cpu_micros: of(|sample| sample.cpu_micros)?,
        peak_memory_bytes: of(|sample| sample.peak_memory_bytes)?,
    })
}

/// Of an even number of them, halfway between the two in the middle.
fn median(mut numbers: Vec<u64>) -> Option<u64> {
    numbers.sort_unstable();
    let half = numbers.len() / 2;
    let upper = *numbers.get(half)?;
    let lower = if numbers.len().is_multiple_of(2) { *numbers.get(half - 1)? } else { upper };
    Some(lower.midpoint(upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_median_is_in_the_middle() {
        for (numbers, middle) in [
            (vec![], None),
            (vec![7], Some(7)),
            (vec![9, 1], Some(5)),
            (vec![3, 1, 2], Some(2)),
            (vec![100, 1, 4, 2], Some(3)),
            (vec![u64::MAX, u64::MAX], Some(u64::MAX)),
        ] {
            assert_eq!(median(numbers.clone()), middle, "{numbers:?}");
        }
    }

    #[test]
    fn medians_are_of_each_number_by_itself() {
        let sample = |wall_micros, cpu_micros, peak_memory_bytes| Sample {
            wall_micros,
            cpu_micros,
            peak_memory_bytes,
        };
        let samples = [sample(1, 9, 5), sample(2, 8, 4), sample(30, 1, 6)];
        assert_eq!(medians(&samples), Some(sample(2, 8, 5)));
        assert_eq!(medians(&[]), None);
    }
}
