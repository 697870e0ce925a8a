use std::{fmt, iter::Sum, ops::Add};

/// Billionths of a US dollar.
///
/// An integer, so that a sum does not depend on the order of its terms. Sums saturate at
/// `u64::MAX` (18 billion dollars); see [`NanoUsd::is_saturated`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NanoUsd(pub u64);

const PER_DOLLAR: f64 = 1e9;
const NANOS_PER_DOLLAR: u64 = 1_000_000_000;

impl NanoUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// An amount in dollars, rounded to the nearest billionth; `None` if it is negative or not
    /// a number.
    ///
    /// The runtimes record costs as decimal fractions of a dollar. Up to 15 significant digits
    /// come through exactly.
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not negative, and `as` saturates"
        )]
        let nanos = (dollars * PER_DOLLAR).round() as u64;
        (dollars.is_finite() && 0.0 <= dollars).then_some(Self(nanos))
    }

    /// The amount in dollars, as the nearest floating-point number.
    #[expect(clippy::cast_precision_loss, reason = "this is where exactness ends, on purpose")]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / PER_DOLLAR
    }

    /// Whether this may be less than the true sum, because that does not fit.
    pub const fn is_saturated(self) -> bool {
        self.0 == u64::MAX
    }
}

/// Dollars, with all digits and no more: `12.5`.
impl fmt::Display for NanoUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, mut rest) = (self.0 / NANOS_PER_DOLLAR, self.0 % NANOS_PER_DOLLAR);
        write!(f, "{whole}")?;
        if rest == 0 {
            return Ok(());
        }
        let mut digits = 9;
        while rest % 10 == 0 {
            rest /= 10;
            digits -= 1;
        }
        write!(f, ".{rest:0digits$}")
    }
}

impl Add for NanoUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sum for NanoUsd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_become_the_nearest_billionth() {
        let table = [
            (0.0, Some(0)),
            (-0.0, Some(0)),
            (0.03, Some(30_000_000)),
            (0.010_730_000_000_000_001, Some(10_730_000)),
            (0.000_000_000_4, Some(0)),
            (0.000_000_000_5, Some(1)),
            (20_877.624_407_875, Some(20_877_624_407_875)),
            (1e300, Some(u64::MAX)),
            (-0.01, None),
            (f64::NAN, None),
            (f64::INFINITY, None),
        ];
        for (dollars, nanos) in table {
            assert_eq!(NanoUsd::from_dollars(dollars), nanos.map(NanoUsd), "{dollars}");
        }
    }

    #[test]
    fn dollars_are_written_exactly() {
        let table = [
            (0, "0"),
            (1, "0.000000001"),
            (10_000_000_000, "10"),
            (100_000_000_000, "100"),
            (1_250_000_000, "1.25"),
            (18_446_744_073_709_551_615, "18446744073.709551615"),
        ];
        for (nanos, text) in table {
            assert_eq!(NanoUsd(nanos).to_string(), text);
        }
    }
}
