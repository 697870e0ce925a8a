use std::{fmt, iter::Sum};

use serde::{Deserialize, Serialize};

/// Billionths of a US dollar; negative where something is owed.
///
/// An integer, so that a sum does not depend on the order of its terms. Reaches to 9.2 billion
/// dollars. The plain operations saturate there, which for a budget means: exhausted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct NanoDollars(pub i64);

const PER_DOLLAR: f64 = 1e9;

impl NanoDollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// As much as can be counted.
    pub const MAX: Self = Self(i64::MAX);

    /// So many whole dollars.
    pub const fn from_dollars(dollars: i64) -> Self {
        Self(dollars.saturating_mul(1_000_000_000))
    }

    /// An amount in dollars, rounded to the nearest billionth; `None` if it is not a number, or
    /// out of reach.
    pub fn from_dollars_f64(dollars: f64) -> Option<Self> {
        let nanos = (dollars * PER_DOLLAR).round();
        #[expect(clippy::cast_possible_truncation, reason = "its size was looked at")]
        (nanos.abs() < 9.2e18).then_some(Self(nanos as i64))
    }

    /// The amount in dollars, as the nearest floating-point number: for display.
    #[expect(clippy::cast_precision_loss, reason = "this is where exactness ends, on purpose")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / PER_DOLLAR
    }

    /// From a sum that may be larger than what can be counted.
    pub(crate) fn clamped(nanos: i128) -> Self {
        let limit = if nanos < 0 { i64::MIN } else { i64::MAX };
        Self(i64::try_from(nanos).unwrap_or(limit))
    }

    /// The sum, if it can be counted.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The sum, as far as it can be counted.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference, as far as it can be counted.
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// What so many `tokens` cost at this price for one.
    pub fn for_tokens(self, tokens: u64) -> Self {
        Self::clamped(i128::from(self.0) * i128::from(tokens))
    }
}

impl Sum for NanoDollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for NanoDollars {
    /// In dollars, to the hundredth of a cent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let steps = self.0.unsigned_abs().saturating_add(50_000) / 100_000;
        write!(f, "{sign}${}.{:04}", steps / 10_000, steps % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_shown_to_the_hundredth_of_a_cent() {
        let table = [
            (0, "$0.0000"),
            (30_000_000, "$0.0300"),
            (-30_000_000, "-$0.0300"),
            (1_234_567_890_123, "$1234.5679"),
            (50_000, "$0.0001"),
            (49_999, "$0.0000"),
        ];
        for (nanos, shown) in table {
            assert_eq!(NanoDollars(nanos).to_string(), shown);
        }
    }

    #[test]
    fn what_cannot_be_counted_is_as_much_as_can() {
        assert_eq!(NanoDollars(5).for_tokens(u64::MAX), NanoDollars::MAX);
        assert_eq!(NanoDollars::MAX.plus(NanoDollars(1)), NanoDollars::MAX);
        assert_eq!(NanoDollars::MAX.checked_add(NanoDollars(1)), None);
        for wrong in [f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(NanoDollars::from_dollars_f64(wrong), None);
        }
        assert_eq!(NanoDollars::from_dollars_f64(0.03), Some(NanoDollars(30_000_000)));
    }
}
