//! What charts measure, and their axes.

use cli_support::text::{count, counted};
use usage_cache::{NanoUsd, Usage};

use crate::{table::cost, text::dollars};

/// More lines than this make a chart restless.
const LINES_MAX: u64 = 4;

const NANOS_PER_CENT: u64 = 10_000_000;
const NANOS_PER_DOLLAR: u64 = 1_000_000_000;

/// What charts show of usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Measure {
    Cost,
    /// Where nothing has a known cost.
    Tokens,
}

impl Measure {
    pub(super) fn of(totals: &Usage) -> Self {
        if totals.cost == NanoUsd::ZERO && totals.tokens.total != 0 {
            Self::Tokens
        } else {
            Self::Cost
        }
    }

    /// The first word of a heading.
    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Cost => "Spend",
            Self::Tokens => "Tokens",
        }
    }

    /// In nano-dollars or tokens.
    pub(super) fn value(self, usage: &Usage) -> u64 {
        match self {
            Self::Cost => usage.cost.0,
            Self::Tokens => usage.tokens.total,
        }
    }

    /// A value, exactly or to the cent.
    pub(super) fn text(self, value: u64) -> String {
        match self {
            Self::Cost => dollars(NanoUsd(value)),
            Self::Tokens => count(value),
        }
    }

    /// That of usage, marked if something is missing from its cost.
    pub(super) fn amount(self, usage: &Usage) -> String {
        match self {
            Self::Cost => cost(usage),
            Self::Tokens => count(usage.tokens.total),
        }
    }

    /// The same in a table of many, where nothing is less than a number.
    pub(super) fn entry(self, usage: &Usage) -> String {
        if usage.events == 0 { "–".to_owned() } else { self.amount(usage) }
    }

    /// The same, in a sentence.
    pub(super) fn sentence(self, usage: &Usage) -> String {
        match self {
            Self::Cost => cost(usage),
            Self::Tokens => counted(usage.tokens.total, "token"),
        }
    }

    /// A value at an axis, in few characters.
    fn at_axis(self, value: u64) -> String {
        match self {
            Self::Cost => short_dollars(value),
            Self::Tokens => short_count(value),
        }
    }
}

/// An axis from nothing to a round value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scale {
    measure: Measure,
    step: u64,
    top: u64,
}

impl Scale {
    /// For values up to `max`.
    pub(super) fn up_to(measure: Measure, max: u64) -> Self {
        let powers = std::iter::successors(Some(1_u64), |power| power.checked_mul(10));
        let mut steps = powers.flat_map(|power| [1, 2, 5].map(|times| power.saturating_mul(times)));
        let step = steps.find(|step| max.div_ceil(*step) <= LINES_MAX).unwrap_or(u64::MAX);
        Self { measure, step, top: step.saturating_mul(max.div_ceil(step).max(1)) }
    }

    /// Where a value is, in percent of the height from below.
    pub(super) fn percent(self, value: u64) -> f64 {
        ratio(value, self.top) * 100.0
    }

    /// The lines from above to below: where each is, in percent of the height from above, and what
    /// it is called.
    pub(super) fn lines(self) -> Vec<(f64, String)> {
        let values = (0..=self.top / self.step).rev().map(|nth| nth.saturating_mul(self.step));
        let line = |value| (100.0 - self.percent(value), self.measure.at_axis(value));
        values.map(line).collect()
    }
}

/// How much a part is of the whole; nothing of nothing.
#[expect(clippy::cast_precision_loss, reason = "for a picture")]
pub(super) fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `12.3 %`; nothing, of nothing.
pub(super) fn percent(part: u64, whole: u64) -> Option<String> {
    let permille =
        (u128::from(part) * 2_000 + u128::from(whole)).checked_div(2 * u128::from(whole))?;
    Some(format!("{}.{} %", permille / 10, permille % 10))
}

/// `$10k`, `$5,000`, `$5`, `$0.50`, `$0.002`.
fn short_dollars(nanos: u64) -> String {
    let (whole, rest) = (nanos / NANOS_PER_DOLLAR, nanos % NANOS_PER_DOLLAR);
    if 10_000 <= whole {
        return format!("${}", short_count(whole));
    }
    if rest == 0 {
        return format!("${}", count(whole));
    }
    if rest.is_multiple_of(NANOS_PER_CENT) {
        return format!("${}.{:02}", count(whole), rest / NANOS_PER_CENT);
    }
    let decimals = format!("{rest:09}");
    format!("${}.{}", count(whole), decimals.trim_end_matches('0'))
}

/// `500`, `20k`, `1.5M`, `3B`.
fn short_count(number: u64) -> String {
    let units = [(1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")];
    let Some((unit, word)) = units.into_iter().find(|(unit, _)| *unit <= number) else {
        return number.to_string();
    };
    let tenths = number / (unit / 10);
    match tenths % 10 {
        0 => format!("{}{word}", count(tenths / 10)),
        decimal => format!("{}.{decimal}{word}", count(tenths / 10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(measure: Measure, max: u64) -> Vec<String> {
        Scale::up_to(measure, max).lines().into_iter().map(|(_, name)| name).collect()
    }

    #[test]
    fn axes_have_few_round_values() {
        let table: [(Measure, u64, &[&str]); 9] = [
            (Measure::Cost, 0, &["$0.000000001", "$0"]),
            (Measure::Cost, 3_200_000_000, &["$4", "$3", "$2", "$1", "$0"]),
            (Measure::Cost, 1_700_000_000, &["$2", "$1.50", "$1", "$0.50", "$0"]),
            (Measure::Cost, 4_000_000, &["$0.004", "$0.003", "$0.002", "$0.001", "$0"]),
            (Measure::Cost, 7_000_000_000_000, &["$8,000", "$6,000", "$4,000", "$2,000", "$0"]),
            (Measure::Cost, 31_000_000_000_000, &["$40k", "$30k", "$20k", "$10k", "$0"]),
            (Measure::Tokens, 1_500_000, &["1.5M", "1M", "500k", "0"]),
            (Measure::Tokens, 3, &["3", "2", "1", "0"]),
            (Measure::Tokens, 41_000, &["60k", "40k", "20k", "0"]),
        ];
        for (measure, max, expected) in table {
            assert_eq!(names(measure, max), expected, "{max}");
        }
    }

    #[test]
    fn no_value_is_above_an_axis() {
        for max in [0, 1, 4, 5, 999, 1_000, 1_001, u64::MAX / 2, u64::MAX] {
            let scale = Scale::up_to(Measure::Tokens, max);
            assert!(max <= scale.top && scale.lines().len() <= 5, "{max}: {scale:?}");
            assert!((0.0..=100.0).contains(&scale.percent(max)));
        }
    }

    #[test]
    fn shares_are_rounded_to_tenths() {
        assert_eq!(percent(1, 3).as_deref(), Some("33.3 %"));
        assert_eq!(percent(1_999, 2_000).as_deref(), Some("100.0 %"));
        assert_eq!(percent(u64::MAX, u64::MAX).as_deref(), Some("100.0 %"));
        assert_eq!(percent(0, 0), None);
    }
}
