//! How numbers look, the same in every report.

use crate::{Interval, Metric, Micros, Resource};

/// What stands where there is no number.
pub(super) const NONE: &str = "-";

/// In what a number is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Unit {
    name: &'static str,
    /// So many of what is measured are one of it.
    size: f64,
    digits: usize,
}

const SECOND_MS: f64 = 1_000.0;
const MEBIBYTE: f64 = 1_048_576.0;
const BYTES: [(&str, f64); 4] =
    [("GiB", 1_024.0 * MEBIBYTE), ("MiB", MEBIBYTE), ("KiB", 1_024.0), ("B", 1.0)];

impl Unit {
    /// For a time in milliseconds: seconds from ten of them on.
    pub(super) fn time(millis: f64) -> Self {
        let (name, size) =
            if millis.abs() < 10.0 * SECOND_MS { ("ms", 1.0) } else { ("s", SECOND_MS) };
        Self { name, size, digits: 1 }
    }

    /// For so many bytes.
    pub(super) fn bytes(bytes: f64) -> Self {
        let fits = BYTES.into_iter().find(|(_, size)| *size <= bytes.abs());
        let (name, size) = fits.unwrap_or(("B", 1.0));
        Self { name, size, digits: usize::from(name != "B") }
    }

    /// For a value of a metric.
    pub(super) fn of_metric(metric: Metric, value: f64) -> Self {
        if metric.is_time() { Self::time(value) } else { Self { name: "", size: 1.0, digits: 1 } }
    }

    /// For a value of what can grow.
    pub(super) fn of_resource(resource: Resource, value: f64) -> Self {
        match resource {
            Resource::Rss => Self::bytes(value),
            Resource::OpenFiles | Resource::Threads => Self { name: "", size: 1.0, digits: 2 },
        }
    }

    /// `888.1 ms`.
    pub(super) fn with_name(self, value: f64) -> String {
        self.named(fixed(value / self.size, self.digits))
    }

    /// `+888.1 ms`.
    pub(super) fn signed(self, value: f64) -> String {
        self.named(plus(value, fixed(value / self.size, self.digits)))
    }

    /// `870.5-905.1`.
    pub(super) fn range(self, Interval { low, high }: Interval) -> String {
        let number = |value: f64| fixed(value / self.size, self.digits);
        format!("{}-{}", number(low), number(high))
    }

    /// `-12.0 to +90.1`.
    pub(super) fn signed_range(self, Interval { low, high }: Interval) -> String {
        let number = |value: f64| plus(value, fixed(value / self.size, self.digits));
        format!("{} to {}", number(low), number(high))
    }

    fn named(self, number: String) -> String {
        if self.name.is_empty() || number == NONE {
            return number;
        }
        format!("{number} {}", self.name)
    }
}

/// `888.1 ms`, and `12.3 s` from ten seconds on.
pub(super) fn time(span: Micros) -> String {
    let millis = span.as_millis();
    Unit::time(millis).with_name(millis)
}

/// The same, or a dash.
pub(super) fn time_or_none(span: Option<Micros>) -> String {
    span.map_or_else(|| NONE.to_owned(), time)
}

/// `10 ms`: a time that somebody has chosen, or that has no finer parts.
pub(super) fn coarse(span: Micros) -> String {
    time(span).replace(".0 ", " ")
}

/// `888.1 ms (870-905)`: a time with what it was at least and at most, which are not rounded inwards.
pub(super) fn bounded(span: Micros, lower: Micros, upper: Option<Micros>) -> String {
    let unit = Unit::time(span.as_millis());
    let (step, digits) = if unit.size < SECOND_MS { (1.0, 0) } else { (10.0, 1) };
    let scaled = |span: Micros| span.as_millis() / unit.size * step;
    let lower = fixed(scaled(lower).floor() / step, digits);
    let bounds = match upper {
        Some(upper) => format!("{lower}-{}", fixed(scaled(upper).ceil() / step, digits)),
        None => format!("at least {lower}"),
    };
    format!("{} ({bounds})", time(span))
}

/// `642.3 MiB`.
#[expect(clippy::cast_precision_loss, reason = "to be read by people")]
pub(super) fn bytes(bytes: u64) -> String {
    let bytes = bytes as f64;
    Unit::bytes(bytes).with_name(bytes)
}

/// `642.3`, in MiB.
#[expect(clippy::cast_precision_loss, reason = "to be read by people")]
pub(super) fn mebibytes(bytes: u64) -> String {
    fixed(bytes as f64 / MEBIBYTE, 1)
}

/// `+12.3 %`.
pub(super) fn percent(share: f64) -> String {
    let number = fixed(share * 100.0, 1);
    if number == NONE { number } else { format!("{} %", plus(share, number)) }
}

/// `0.012`; what is less than can be told is `<0.001`.
pub(super) fn probability(p: f64) -> String {
    if p < 0.001 { "<0.001".to_owned() } else { fixed(p, 3) }
}

/// With so many digits behind the point. What is no number is a dash, and there is no zero below zero.
pub(super) fn fixed(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let text = format!("{value:.digits$}");
    match text.strip_prefix('-') {
        Some(number) if number.chars().all(|char| matches!(char, '0' | '.')) => number.to_owned(),
        _ => text,
    }
}

fn plus(value: f64, number: String) -> String {
    if 0.0 <= value && value.is_finite() { format!("+{number}") } else { number }
}

/// `1 restart`, `2 restarts`.
pub(super) fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Text from data as one line that can do nothing to a terminal.
pub(super) fn plain(text: &str) -> String {
    let escape = |char: char| char.escape_default().to_string();
    text.chars().map(|char| if char.is_control() { escape(char) } else { char.into() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_sizes_and_what_is_none() {
        for (millis, text) in [
            (0, "0.0 ms"),
            (888_100, "888.1 ms"),
            (9_999_900, "9999.9 ms"),
            (10_000_000, "10.0 s"),
            (12_345_678, "12.3 s"),
        ] {
            assert_eq!(time(Micros(millis)), text);
        }
        assert_eq!(coarse(Micros::from_millis(10)), "10 ms");
        assert_eq!(bytes(673_500_000), "642.3 MiB");
        assert_eq!((bytes(0), bytes(1_023)), ("0 B".to_owned(), "1023 B".to_owned()));
        assert_eq!((fixed(f64::NAN, 1), fixed(-0.01, 1)), ("-".to_owned(), "0.0".to_owned()));
        assert_eq!(Unit::time(f64::INFINITY).with_name(f64::INFINITY), "-");
        assert_eq!((percent(0.123), percent(-0.5)), ("+12.3 %".to_owned(), "-50.0 %".to_owned()));
        assert_eq!((probability(1e-9), probability(0.0123)), ("<0.001".into(), "0.012".into()));
        assert_eq!(Unit::time(1.0).signed_range(Interval { low: -1.0, high: 2.0 }), "-1.0 to +2.0");
        assert_eq!(plain("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
    }

    #[test]
    fn bounds_are_never_rounded_inwards() {
        let of = |span, lower, upper: Option<u64>| {
            bounded(Micros(span), Micros(lower), upper.map(Micros))
        };
        assert_eq!(of(888_100, 870_900, Some(904_100)), "888.1 ms (870-905)");
        assert_eq!(of(12_150_000, 12_140_000, Some(12_310_000)), "12.2 s (12.1-12.4)");
        assert_eq!(of(50_000, 41_000, None), "50.0 ms (at least 41)");
    }
}
