//! Whether something grows from restart to restart.

use serde::{Deserialize, Serialize};

use crate::{
    Interval,
    stats::{median, sorted},
};

/// With fewer points, chance alone makes a trend too often.
pub const POINTS_MIN: usize = 8;

/// How often a trend may be seen where there is none.
pub const ALPHA: f64 = 0.05;

/// Standard deviations between which 95 % of a normal distribution lie.
const Z_95: f64 = 1.959_963_984_540_054;

/// How something changes from one restart to the next.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Slope {
    /// How many points there are.
    pub points: usize,
    /// The median of the slopes between any two points (Theil 1950, Sen 1968).
    pub per_restart: f64,
    /// Its interval of 95 % (Sen 1968).
    pub interval: Interval,
    /// Of how many pairs of points the later one is larger, less those of which it is smaller (Mann
    /// 1945, Kendall 1975).
    pub s: i64,
    /// How probable a trend as clear is if there is none, with regard to ties.
    pub p: f64,
    /// What that means.
    pub verdict: Trend,
}

/// What can be said of a trend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trend {
    /// It grows.
    Grows,
    /// It becomes less.
    Shrinks,
    /// It may be chance.
    NoEvidence,
    /// There are fewer than [`POINTS_MIN`] points.
    TooFewPoints,
}

/// The trend of the values after each restart, in their order; `None` if there are fewer than two.
pub fn slope(values: &[f64]) -> Option<Slope> {
    if values.len() < 2 || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut slopes = Vec::with_capacity(values.len() * (values.len() - 1) / 2);
    let mut s = 0;
    for (nth, early) in values.iter().enumerate() {
        for (apart, late) in (1_u32..).zip(values.iter().skip(nth + 1)) {
            slopes.push((late - early) / f64::from(apart));
            s += match late.total_cmp(early) {
                std::cmp::Ordering::Less => -1,
                std::cmp::Ordering::Equal => 0,
                std::cmp::Ordering::Greater => 1,
            };
        }
    }
    let slopes = sorted(&slopes);
    let variance = variance(values);
    let p = p_value(s, variance);
    let verdict = match s {
        _ if values.len() < POINTS_MIN => Trend::TooFewPoints,
        _ if ALPHA <= p => Trend::NoEvidence,
        ..0 => Trend::Shrinks,
        _ => Trend::Grows,
    };
    Some(Slope {
        points: values.len(),
        per_restart: median(&slopes)?,
        interval: interval(&slopes, variance)?,
        s,
        p,
        verdict,
    })
}

/// Of Kendall's S, if there is no trend.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^17 points")]
fn variance(values: &[f64]) -> f64 {
    let term = |count: usize| {
        let count = count as f64;
        count * (count - 1.0) * (2.0 * count + 5.0)
    };
    let sorted = sorted(values);
    let ties = sorted.chunk_by(|one, other| one.total_cmp(other).is_eq());
    (term(values.len()) - ties.map(|tied| term(tied.len())).sum::<f64>()) / 18.0
}

/// Two-sided, with continuity correction.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^26 points")]
fn p_value(s: i64, variance: f64) -> f64 {
    if variance <= 0.0 || s == 0 {
        return 1.0;
    }
    let z = (s.abs() - 1) as f64 / variance.sqrt();
    erfc(z / std::f64::consts::SQRT_2)
}

/// Sen's interval, by the ranks of slopes.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks, clamped to those there are"
)]
fn interval(slopes: &[f64], variance: f64) -> Option<Interval> {
    let (count, spread) = (slopes.len() as f64, Z_95 * variance.max(0.0).sqrt());
    let last = slopes.len().checked_sub(1)?;
    let low = ((count - spread) / 2.0).floor().max(1.0) as usize - 1;
    let high = f64::midpoint(count, spread).ceil().max(0.0) as usize;
    Some(Interval { low: *slopes.get(low.min(last))?, high: *slopes.get(high.min(last))? })
}

/// The complement of the error function, to seven digits (Abramowitz and Stegun 1964, 7.1.26, whose
/// error is below 1.5e-7; for large arguments, the continued fraction 7.1.14 keeps the size right).
fn erfc(x: f64) -> f64 {
    const TERMS: [f64; 5] =
        [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    if 2.0 < x {
        // 1/(x+ (1/2)/(x+ 1/(x+ (3/2)/(x+ ...)))), from the inside.
        let fraction = (1..=60).rev().fold(x, |inner, nth| x + f64::from(nth) / 2.0 / inner);
        return (-x * x).exp() / std::f64::consts::PI.sqrt() / fraction;
    }
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    TERMS.iter().fold(0.0, |sum, term| (sum + term) * t) * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_error_function() {
        // From tables.
        for (x, expected) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122),
            (1.0, 0.157_299_207),
            (1.96 / std::f64::consts::SQRT_2, 0.049_995_79),
            (2.5, 4.069_520e-4),
            (4.0, 1.541_725_8e-8),
            (-1.0, 1.842_700_793),
        ] {
            let error = (erfc(x) - expected).abs();
            assert!(error < 2e-7 && error < 1e-3 * expected, "{x} {} {expected}", erfc(x));
        }
    }

    #[test]
    fn trends_and_what_can_be_said_of_them() {
        let grows: Vec<f64> = (0..20).map(|nth| 600.0 + 1.7 * f64::from(nth)).collect();
        let found = slope(&grows).unwrap();
        assert!((found.per_restart - 1.7).abs() < 1e-9);
        // The largest that 20 points can have, as in the measurement of the specification.
        assert_eq!((found.s, found.verdict), (190, Trend::Grows));
        assert!(8e-10 < found.p && found.p < 1e-9, "{}", found.p);
        let shrinks: Vec<f64> = grows.iter().rev().copied().collect();
        assert_eq!(slope(&shrinks).unwrap().verdict, Trend::Shrinks);
        let level = slope(&[5.0; 20]).unwrap();
        assert_eq!((level.verdict, level.p, level.per_restart), (Trend::NoEvidence, 1.0, 0.0));
        assert_eq!(slope(&grows[..5]).unwrap().verdict, Trend::TooFewPoints);
        assert_eq!(slope(&grows[..1]), None);
        assert_eq!(slope(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn one_wild_point_changes_little() {
        let mut values: Vec<f64> = (0..20).map(|nth| 100.0 + f64::from(nth)).collect();
        values[19] = 10_000.0;
        let found = slope(&values).unwrap();
        assert!((found.per_restart - 1.0).abs() < 0.1, "{found:?}");
        assert!(found.interval.low <= 1.0 && 1.0 <= found.interval.high, "{found:?}");
    }

    /// Where there is no trend, one is seen no more often than said.
    #[test]
    fn chance_is_rarely_taken_for_a_trend() {
        let mut random = fastrand::Rng::with_seed(1);
        let wrong = (0..2_000)
            .filter(|_| {
                let values: Vec<f64> = (0..12).map(|_| random.f64()).collect();
                let found = slope(&values).unwrap();
                matches!(found.verdict, Trend::Grows | Trend::Shrinks)
            })
            .count();
        // 5 % are 100; 130 would be three standard deviations away.
        assert!(50 < wrong && wrong < 130, "{wrong}");
    }

    proptest! {
        #[test]
        fn the_slope_is_within_its_interval(values in prop::collection::vec(-1e3_f64..1e3, 2..40)) {
            let found = slope(&values).unwrap();
            prop_assert!(found.interval.low <= found.per_restart);
            prop_assert!(found.per_restart <= found.interval.high);
            prop_assert!((0.0..=1.0).contains(&found.p));
        }
    }
}
