//! Durations as the configuration of OpenClaw spells them.

use std::time::Duration;

/// What a number without a unit means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Unit {
    Millis,
    Seconds,
    Minutes,
    Hours,
    Days,
}

/// What may follow a number, longest first where one begins like another.
const UNITS: [(&str, Unit); 5] = [
    ("ms", Unit::Millis),
    ("s", Unit::Seconds),
    ("m", Unit::Minutes),
    ("h", Unit::Hours),
    ("d", Unit::Days),
];

impl Unit {
    const fn millis(self) -> u128 {
        match self {
            Self::Millis => 1,
            Self::Seconds => 1_000,
            Self::Minutes => 60_000,
            Self::Hours => 3_600_000,
            Self::Days => 86_400_000,
        }
    }
}

/// Numbers above this are not exact in JavaScript, which reads the same configuration.
const MILLIS_MAX: u128 = (1 << 53) - 1;

/// Fractions are read to this many digits; a digit beyond them is less than a nanosecond of a day.
const FRACTION_DIGITS: usize = 18;

/// One, in units of the last of these digits.
const ONE: u128 = 1_000_000_000_000_000_000;

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// There is nothing in it.
    #[error("invalid duration (empty)")]
    Empty,
    /// It does not follow the grammar.
    #[error("invalid duration: {0} (use values like 500ms, 30s, 5m, 2h, 1h30m or 7d)")]
    Malformed(String),
    /// It is longer than any time that can be told.
    #[error("invalid duration: {0} (longer than 285,000 years)")]
    TooLong(String),
}

/// Reads `30m`, `1.5h`, `1h30m`, or a number of `default_unit`; rounded to whole milliseconds.
///
/// The grammar is that of OpenClaw's `parseDurationMs`: units `ms`, `s`, `m`, `h` and `d` in any
/// case, summed in any order. Unlike there, what does not fit is an error.
pub fn parse_duration(text: &str, default_unit: Unit) -> Result<Duration, DurationError> {
    let trimmed = text.trim().to_ascii_lowercase();
    if trimmed.is_empty() {
        return Err(DurationError::Empty);
    }
    let malformed = || DurationError::Malformed(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    let mut scaled: u128 = 0;
    let mut rest = trimmed.as_str();
    let mut first = true;
    while !rest.is_empty() {
        let (number, behind) = number(rest).ok_or_else(malformed)?;
        let unit = UNITS.iter().find_map(|(word, unit)| Some((*unit, behind.strip_prefix(word)?)));
        let (unit, behind) = match unit {
            Some(found) => found,
            None if first && behind.is_empty() => (default_unit, behind),
            None => return Err(malformed()),
        };
        let part = number.scaled().and_then(|part| part.checked_mul(unit.millis()));
        scaled = part.and_then(|part| scaled.checked_add(part)).ok_or_else(too_long)?;
        (rest, first) = (behind, false);
    }
    let millis = scaled.saturating_add(ONE / 2) / ONE;
    if MILLIS_MAX < millis {
        return Err(too_long());
    }
    u64::try_from(millis).map(Duration::from_millis).map_err(|_| too_long())
}

/// Digits, and digits behind a point.
struct Number<'t> {
    whole: &'t str,
    fraction: &'t str,
}

impl Number<'_> {
    /// In units of the last digit of a fraction that counts.
    fn scaled(&self) -> Option<u128> {
        let whole: u128 = self.whole.parse().ok()?;
        let digits = self.fraction.get(..FRACTION_DIGITS).unwrap_or(self.fraction);
        let fraction: u128 = format!("{digits:0<FRACTION_DIGITS$}").parse().ok()?;
        whole.checked_mul(ONE)?.checked_add(fraction)
    }
}

fn number(text: &str) -> Option<(Number<'_>, &str)> {
    let (whole, rest) = digits(text)?;
    let Some(behind_point) = rest.strip_prefix('.') else {
        return Some((Number { whole, fraction: "" }, rest));
    };
    let (fraction, rest) = digits(behind_point)?;
    Some((Number { whole, fraction }, rest))
}

fn digits(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|char: char| !char.is_ascii_digit()).unwrap_or(text.len());
    (0 < end).then(|| text.split_at(end))
}

/// Writes a duration in the grammar of [`parse_duration`], such as `1d2h` or `0ms`; what is below
/// a millisecond is left out.
pub fn format_duration(duration: Duration) -> String {
    let mut millis = duration.as_millis();
    let mut text = String::new();
    for (word, unit) in UNITS.iter().rev() {
        let count = millis / unit.millis();
        if 0 < count && *unit != Unit::Millis {
            text += &format!("{count}{word}");
            millis %= unit.millis();
        }
    }
    if 0 < millis || text.is_empty() {
        text += &format!("{millis}ms");
    }
    text
}

/// How long runs are kept, from `cron.sessionRetention` in the configuration of OpenClaw; `None`
/// if that is `false`, and a day if it is not there or means nothing.
pub fn resolve_retention(configured: Option<&serde_json::Value>) -> Option<Duration> {
    const DEFAULT: Duration = Duration::from_hours(24);
    match configured {
        Some(serde_json::Value::Bool(false)) => None,
        Some(serde_json::Value::String(text)) => {
            Some(parse_duration(text, Unit::Hours).unwrap_or(DEFAULT))
        }
        _ => Some(DEFAULT),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn millis(text: &str, unit: Unit) -> Option<u128> {
        parse_duration(text, unit).ok().map(|duration| duration.as_millis())
    }

    #[test]
    fn what_openclaw_accepts() {
        let table = [
            ("1.5h", 5_400_000),
            ("1h30m", 5_400_000),
            ("30m1h", 5_400_000),
            ("1h1h", 7_200_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0.5ms", 1),
            ("0.0001ms", 0),
            ("1H", 3_600_000),
            ("  2H ", 7_200_000),
            ("1h\n", 3_600_000),
            ("10s", 10_000),
            ("0.5s", 500),
            ("10000", 10_000),
        ];
        for (text, expected) in table {
            assert_eq!(millis(text, Unit::Millis), Some(expected), "{text}");
        }
        let units = [
            (Unit::Millis, 48),
            (Unit::Seconds, 48_000),
            (Unit::Minutes, 2_880_000),
            (Unit::Hours, 172_800_000),
            (Unit::Days, 4_147_200_000),
        ];
        for (unit, expected) in units {
            assert_eq!(millis("48", unit), Some(expected));
        }
    }

    #[test]
    fn what_openclaw_rejects() {
        for text in [
            "1w",
            "1e3",
            "1.",
            ".5h",
            "1,5h",
            "+1h",
            "-5",
            "-10s",
            "1h 30m",
            "1h30",
            "1pm5",
            "1m5",
            "1msm",
            "5mm",
            "abc",
            "10x",
            "not-a-number",
            "\u{661}h",
        ] {
            let error = parse_duration(text, Unit::Hours).map_err(|error| error.to_string());
            assert!(error.is_err_and(|error| error.contains(text)), "{text}");
        }
        for text in ["", "  ", "\n"] {
            assert_eq!(parse_duration(text, Unit::Hours), Err(DurationError::Empty));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for text in ["99999999999999999999d", "9007199254740992", &"9".repeat(400)] {
            let error = parse_duration(text, Unit::Millis);
            assert_eq!(error, Err(DurationError::TooLong(text.to_owned())));
        }
        assert_eq!(millis("9007199254740991", Unit::Millis), Some(MILLIS_MAX));
    }

    #[test]
    fn retention_as_it_is_configured() {
        use serde_json::json;

        let hours = |hours| Some(Duration::from_hours(hours));
        assert_eq!(resolve_retention(None), hours(24));
        let table = [
            (json!("1h"), hours(1)),
            (json!("7d"), hours(168)),
            (json!("30m"), Some(Duration::from_mins(30))),
            (json!("48"), hours(48)),
            (json!("0"), hours(0)),
            (json!(false), None),
            (json!("abc"), hours(24)),
            (json!("  "), hours(24)),
            (json!(12), hours(24)),
            (json!(true), hours(24)),
            (json!(null), hours(24)),
            (json!("99999999999999999999d"), hours(24)),
        ];
        for (configured, expected) in table {
            assert_eq!(resolve_retention(Some(&configured)), expected, "{configured}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(whole in 0..=u64::try_from(MILLIS_MAX).unwrap()) {
            let duration = Duration::from_millis(whole);
            prop_assert_eq!(parse_duration(&format_duration(duration), Unit::Days), Ok(duration));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            parse_duration(&text, Unit::Hours).ok();
        }
    }
}
