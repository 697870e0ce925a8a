use proptest::{collection::vec, prelude::*};

use super::*;

/// Prices of a prefix with an entry of five minutes, in thousandths of its base price.
const STAKES: Stakes = Stakes {
    ping: 100,
    read: 100,
    write: 1250,
    interval: Millis::from_secs(270),
    lifetime: Millis::from_mins(5),
};

/// Of a hundred: fifty-five short breaks, twenty-five of about twenty minutes, ten lunches of about
/// fifty minutes, and ten conversations that are over.
fn working_day() -> GapHistogram {
    let mut gaps = GapHistogram::new();
    for nth in 1..=550 {
        gaps.add(Millis::from_secs(nth * 300 / 550));
    }
    // Some are back much earlier.
    for nth in 1..=250_u64 {
        gaps.add(Millis::from_secs(if nth <= 160 {
            720 + nth * 2
        } else {
            1200 + (nth - 160) * 8
        }));
    }
    for nth in 1..=100 {
        gaps.add(Millis::from_secs(2850 + nth * 6));
    }
    for _ in 0..100 {
        gaps.add_never();
    }
    gaps
}

#[test]
fn the_cost_has_a_hump_so_that_all_counts_have_to_be_tried() {
    let gaps = working_day();
    let costs = gaps.costs(&STAKES);
    let relative = |count: usize| costs[count] * 1000 / costs[0];
    // A few pings pay, some more do not, and enough for lunch pay most.
    assert_eq!(gaps.best(&STAKES), 12);
    assert!(relative(3) < relative(8) && relative(12) < relative(3), "{costs:?}");
    assert!((800..860).contains(&relative(12)), "{}", relative(12));
    // Whoever stops at the first count that does not pay misses it.
    let greedy = costs.windows(2).position(|pair| pair[0] <= pair[1]).unwrap();
    assert!(greedy < 8, "{greedy}");
    // Warming for ever costs far more than none.
    let never = i128::from(gaps.never) * i128::from(STAKES.ping);
    let last = costs.len() - 1;
    let hundred = costs[last] + never * i128::try_from(100 - last).unwrap();
    assert!(costs[0] * 2 < hundred, "{hundred} {}", costs[0]);
}

#[test]
fn without_gaps_nothing_is_sent() {
    assert_eq!(GapHistogram::new().best(&STAKES), 0);
    let mut gaps = GapHistogram::new();
    for _ in 0..10 {
        gaps.add_never();
    }
    assert_eq!(gaps.best(&STAKES), 0);
    gaps.add(Millis(u64::MAX));
    assert_eq!((gaps.count(), gaps.best(&STAKES)), (11, 0));
    assert_eq!(gaps.costs(&Stakes { interval: Millis::ZERO, ..STAKES }), []);
}

#[test]
fn a_gap_is_rounded_up() {
    let mut gaps = GapHistogram::new();
    for millis in [1, 15_000, 15_001] {
        gaps.add(Millis(millis));
    }
    assert_eq!(gaps.survivors(Millis(14_999)), 3);
    assert_eq!(gaps.survivors(Millis(15_000)), 1);
    assert_eq!(gaps.survivors(Millis(30_000)), 0);
}

proptest! {
    /// Against the cost of each gap by itself.
    #[test]
    fn costs_are_those_of_each_gap(
        gaps in vec(0_u64..500, 0..40), never in 0_u32..5,
        ping in 0_i64..200, read in 0_i64..200, write in 0_i64..2000,
        interval in 1_u64..60, lifetime in 0_u64..80,
    ) {
        let mut histogram = GapHistogram::new();
        for gap in &gaps {
            histogram.add(SLOT.times(*gap));
        }
        for _ in 0..never {
            histogram.add_never();
        }
        let (interval, lifetime) = (SLOT.times(interval), SLOT.times(lifetime));
        let stakes = Stakes { ping, read, write, interval, lifetime };
        for (count, cost) in (0_u64..).zip(histogram.costs(&stakes)) {
            let reach = interval.times(count).plus(lifetime);
            let of_gap = |gap: Millis| {
                let pings = (1..=count).filter(|nth| interval.times(*nth) < gap).count();
                ping * i64::try_from(pings).unwrap() + if gap <= reach { read } else { write }
            };
            let ended: i64 = gaps.iter().map(|gap| of_gap(SLOT.times(*gap))).sum();
            let never = i64::from(never) * ping * i64::try_from(count).unwrap();
            prop_assert_eq!(cost, i128::from(ended + never));
        }
    }
}
