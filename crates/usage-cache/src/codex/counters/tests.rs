use proptest::prelude::*;

use super::*;

fn counts([input, cache_read, output]: [u64; 3]) -> Counts {
    Counts { input, cache_read, cache_write: 0, output }
}

/// A line: its total and its last.
type Line = (Option<[u64; 3]>, Option<[u64; 3]>);

/// What is shown, the lines, and what each of them adds.
type Case<'a> = (&'a str, &'a [Line], &'a [Option<[u64; 3]>]);

/// What each line adds; `None` if nobody can tell.
fn growths(lines: &[Line], prefer: Prefer) -> Vec<Option<[u64; 3]>> {
    let mut counters = Counters::default();
    let growth =
        |&(total, last): &Line| match counters.observe(last.map(counts), total.map(counts), prefer)
        {
            Growth::By(Counts { input, cache_read, output, .. }) => {
                Some([input, cache_read, output])
            }
            Growth::Unknown => None,
        };
    lines.iter().map(growth).collect()
}

fn both(total: [u64; 3], last: [u64; 3]) -> Line {
    (Some(total), Some(last))
}

fn total(total: [u64; 3]) -> Line {
    (Some(total), None)
}

fn last(last: [u64; 3]) -> Line {
    (None, Some(last))
}

/// The same number in all classes.
fn one(count: u64) -> [u64; 3] {
    [count; 3]
}

#[test]
fn what_a_line_adds() {
    let table: &[Case<'_>] = &[
        (
            "a jump counts by what the answer used",
            &[
                both([100, 20, 10], [100, 20, 10]),
                both([160, 40, 16], [60, 20, 6]),
                both([1000, 900, 100], [40, 30, 5]),
                both([1050, 930, 110], [50, 30, 10]),
            ],
            &[Some([100, 20, 10]), Some([60, 20, 6]), Some([40, 30, 5]), Some([50, 30, 10])],
        ),
        (
            "a repeated line adds nothing, a repeated last only what the total has grown",
            &[
                both([100, 20, 10], [100, 20, 10]),
                both([100, 20, 10], [100, 20, 10]),
                both([130, 20, 12], [100, 20, 10]),
            ],
            &[Some([100, 20, 10]), Some(one(0)), Some([30, 0, 2])],
        ),
        (
            "after a jump a total alone counts from the one before",
            &[both(one(100), one(100)), both(one(1000), one(40)), total(one(1050))],
            &[Some(one(100)), Some(one(40)), Some(one(50))],
        ),
        (
            "after a jump a lower total alone counts from what was counted",
            &[both(one(100), one(100)), both(one(1000), one(40)), total(one(180))],
            &[Some(one(100)), Some(one(40)), Some(one(40))],
        ),
        (
            "a last alone is part of a later total",
            &[last(one(100)), total(one(150))],
            &[Some(one(100)), Some(one(50))],
        ),
        (
            "counters that take turns all count",
            &[
                both(one(100), one(100)),
                both(one(200), one(100)),
                both(one(50), one(50)),
                both(one(300), one(100)),
                both(one(300), one(100)),
                both(one(80), one(30)),
                both(one(50), one(50)),
            ],
            &[
                Some(one(100)),
                Some(one(100)),
                Some(one(50)),
                Some(one(100)),
                Some(one(0)),
                Some(one(30)),
                Some(one(0)),
            ],
        ),
        (
            "a counter that begins anew counts, also when an overflow has set it to zero",
            &[
                both(one(900), one(900)),
                both(one(0), one(0)),
                both(one(40), one(40)),
                both(one(60), one(20)),
            ],
            &[Some(one(900)), Some(one(0)), Some(one(40)), Some(one(20))],
        ),
        (
            "of a lower counter that is not known nobody can tell, and then it is known",
            &[both(one(900), one(900)), both(one(400), one(10)), both(one(420), one(20))],
            &[Some(one(900)), None, Some(one(20))],
        ),
        (
            "a lower total alone that is no more than was counted",
            &[total(one(900)), total(one(400)), total(one(950))],
            &[Some(one(900)), None, Some(one(50))],
        ),
        (
            "what comes with a last of zero was used by another session",
            &[both(one(900), one(0)), both(one(910), one(10)), both(one(990), one(0))],
            &[None, Some(one(10)), None],
        ),
        (
            "a jump after a lower total counts at most what exceeds the highest",
            &[both(one(100), one(100)), both(one(50), one(50)), both(one(157), one(30))],
            &[Some(one(100)), Some(one(50)), Some(one(7))],
        ),
        ("no numbers", &[(None, None)], &[Some(one(0))]),
    ];
    for (what, lines, expected) in table {
        assert_eq!(growths(lines, Prefer::Last), *expected, "{what}");
    }
}

#[test]
fn a_fork_counts_from_zero_by_its_totals() {
    let table: &[Case<'_>] = &[
        (
            "the first total has what the parent used",
            &[both([20, 2, 2], [5, 1, 1]), both([27, 4, 4], [7, 2, 2])],
            &[Some([20, 2, 2]), Some([7, 2, 2])],
        ),
        (
            "a gap is what the parent used",
            &[both(one(20), one(20)), both(one(90), one(7))],
            &[Some(one(20)), Some(one(70))],
        ),
        ("a last of zero as well", &[both(one(20), one(0))], &[Some(one(20))]),
        (
            "counters that take turns",
            &[both(one(100), one(10)), both(one(50), one(50)), both(one(120), one(20))],
            &[Some(one(100)), Some(one(50)), Some(one(20))],
        ),
    ];
    for (what, lines, expected) in table {
        assert_eq!(growths(lines, Prefer::Total), *expected, "{what}");
    }
}

#[test]
fn counters_begin_anew_where_they_stand() {
    let mut counters = Counters::default();
    let observe = |counters: &mut Counters, total, last| {
        counters.observe(Some(counts(one(last))), Some(counts(one(total))), Prefer::Last)
    };
    let _ = observe(&mut counters, 1_000, 40);
    let _ = observe(&mut counters, 500, 500);
    counters.begin_anew();
    assert_eq!(counters.counted(), counts(one(500)));
    // Higher than the counters of the other session, and not known: as if it were the first.
    assert_eq!(observe(&mut counters, 530, 100), Growth::By(counts(one(30))));
}

#[test]
fn extreme_numbers_saturate() {
    let huge = one(u64::MAX);
    let lines = [both(huge, one(3)), last(huge), last(huge), both(one(1), huge), total(one(5))];
    for prefer in [Prefer::Last, Prefer::Total] {
        assert_eq!(growths(&lines, prefer).len(), lines.len());
    }
}

fn some_counts() -> impl Strategy<Value = Option<Counts>> {
    let count = || prop_oneof![4 => 0_u64..4, 1 => any::<u64>()];
    prop::option::weighted(
        0.9,
        [count(), count(), count(), count()].prop_map(|counts| Counts::from(counts).consistent()),
    )
}

proptest! {
    /// Counters take turns, begin anew and write their lines more than once.
    #[test]
    fn answers_count_once_however_counters_take_turns(
        answers in prop::collection::vec((0_usize..4, 1_u64..100, 0_usize..3, 0_u8..5), 0..60),
    ) {
        /// Each counter has totals of its own, modulo this.
        const APART: u64 = 1_000;
        let (mut counters, mut lanes, mut sum) = (Counters::default(), [0; 4], 0);
        for (number, (lane, used, repeats, reset)) in (1..).zip(answers) {
            let before = if reset == 0 { 0 } else { lanes[lane] };
            let used = match before {
                // A new counter is told from the others only where it is below them.
                0 if number == 1 => APART * APART,
                0 => number,
                _ => used * APART,
            };
            lanes[lane] = before + used;
            sum += used;
            for _ in 0..=repeats {
                let (last, total) = (counts(one(used)), counts(one(lanes[lane])));
                let growth = counters.observe(Some(last), Some(total), Prefer::Last);
                prop_assert_ne!(growth, Growth::Unknown);
            }
        }
        prop_assert_eq!(counters.counted(), counts(one(sum)));
    }

    /// With both numbers, never more is counted than the answers used.
    #[test]
    fn no_line_adds_more_than_it_says(
        lines in prop::collection::vec((some_counts(), some_counts()), 0..100),
    ) {
        let mut counters = Counters::default();
        for (last, total) in lines {
            if let Growth::By(growth) = counters.observe(last, total, Prefer::Last) {
                let most = last.or(total).unwrap_or_default();
                prop_assert!(most.at_least(growth), "{growth:?} of {last:?} {total:?}");
            }
        }
    }

    #[test]
    fn counters_are_written_and_read(
        lines in prop::collection::vec((some_counts(), some_counts()), 0..100),
    ) {
        let mut counters = Counters::default();
        for (last, total) in lines {
            let _ = counters.observe(last, total, Prefer::Last);
        }
        let json = serde_json::to_string(&counters).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Counters>(&json).expect("counters"), counters);
    }
}
