//! Why a sum differs from what the files add up to.

use serde::Serialize;

use super::tokens::{Excess, Tokens};

/// A way to count wrongly, and what it comes to in these files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Habit {
    /// What a program does that has it: the end of a sentence.
    pub(super) words: String,
    pub(super) excess: Excess,
}

/// By how much a program is wrong, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Difference {
    pub(super) excess: Excess,
    /// The habits that come to exactly this; empty if none do.
    pub(super) because: Vec<String>,
}

/// Compares with the truth. `None` if there is no difference.
///
/// All sets of habits are tried, small ones first, as the simplest explanation is the likeliest.
pub(super) fn difference(counted: Tokens, truth: Tokens, habits: &[Habit]) -> Option<Difference> {
    let excess = counted.excess(truth);
    if excess.is_none() {
        return None;
    }
    let mut sets = vec![(Vec::new(), Excess::default())];
    // A habit that comes to nothing here explains nothing.
    for habit in habits.iter().filter(|habit| !habit.excess.is_none()) {
        for nth in 0..sets.len() {
            if let Some((words, mut sum)) = sets.get(nth).cloned() {
                sum += habit.excess;
                let words = words.into_iter().chain([habit.words.clone()]).collect();
                sets.push((words, sum));
            }
        }
    }
    let fitting = sets.into_iter().filter(|(_, sum)| *sum == excess);
    let because = fitting.map(|(words, _)| words).min_by_key(Vec::len).unwrap_or_default();
    Some(Difference { excess, because })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(input: u64, output: u64) -> Tokens {
        Tokens { input, output, cache_write: 7, ..Tokens::default() }
    }

    fn habit(words: &str, input: i128, output: i128) -> Habit {
        Habit { words: words.to_owned(), excess: Excess { input, output, ..Excess::default() } }
    }

    #[test]
    fn a_difference_is_explained_by_the_fewest_habits_that_come_to_it() {
        let habits = [
            habit("counts copies", 10, 4),
            habit("takes first lines", 0, -3),
            habit("leaves out archives", -10, -1),
            habit("counts copies and takes first lines", 10, 1),
            habit("nothing", 0, 0),
        ];
        let truth = tokens(100, 50);
        let because = |input, output| {
            let difference = difference(tokens(input, output), truth, &habits);
            difference.map(|difference| difference.because)
        };
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect());
        assert_eq!(because(100, 50), None);
        assert_eq!(because(110, 54), words(&["counts copies"]));
        assert_eq!(because(100, 47), words(&["takes first lines"]));
        assert_eq!(because(110, 51), words(&["counts copies and takes first lines"]));
        assert_eq!(because(90, 46), words(&["takes first lines", "leaves out archives"]));
        assert_eq!(because(100, 51), words(&[]));
    }

    #[test]
    fn a_difference_of_any_kind_is_one() {
        let truth = tokens(1, 1);
        let counted = Tokens { cache_read: 5, cache_write: 0, ..truth };
        let difference = difference(counted, truth, &[]);
        let excess = Excess { cache_read: 5, cache_write: -7, ..Excess::default() };
        assert_eq!(difference, Some(Difference { excess, because: Vec::new() }));
    }
}
