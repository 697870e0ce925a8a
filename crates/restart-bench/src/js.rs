//! What JavaScript does with text and numbers, where a report has to be the same.

pub(crate) mod json;
pub(crate) mod object;

/// Whether `\s` matches `char`, and `trim` takes it away.
pub(crate) fn is_space(char: char) -> bool {
    char == '\u{feff}' || (char.is_whitespace() && char != '\u{85}')
}

/// Whether `.` of a regular expression stops at `char`.
pub(crate) fn ends_line(char: char) -> bool {
    matches!(char, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// `text.trim()`.
pub(crate) fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// `text.trim().split(/\s+/)`, without the empty word of an empty text.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(is_space).filter(|word| !word.is_empty())
}

/// `Number(text)`, if it is finite. Other bases than ten are none.
pub(crate) fn finite(text: &str) -> Option<f64> {
    let number: f64 = match trim(text) {
        "" => 0.0,
        text => text.parse().ok()?,
    };
    number.is_finite().then_some(number)
}

/// An integer as JavaScript has it: exact up to 2^53.
#[expect(clippy::cast_precision_loss, reason = "that is how JavaScript has it as well")]
pub(crate) const fn float(integer: u64) -> f64 {
    integer as f64
}

/// `JSON.stringify(text)`.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// `JSON.stringify(number)`: the shortest digits that read back, and `null` if it is not finite.
pub(crate) fn number(number: f64) -> String {
    if !number.is_finite() {
        return "null".to_owned();
    }
    // Serde finds the digits of JavaScript; those of `Display` differ where two are as near.
    let text = serde_json::Value::from(number.abs()).to_string();
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let digits = all.trim_start_matches('0');
    // The point is behind so many of the digits, or before them.
    let point = i32::try_from(digits.len()).unwrap_or(i32::MAX)
        - i32::try_from(fraction.len()).unwrap_or(i32::MAX)
        + exponent.parse::<i32>().unwrap_or(0);
    let digits = digits.trim_end_matches('0');
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{}", placed(digits, point))
}

/// Digits without zeros around them, as `Number.prototype.toString` lays them out (ECMA-262,
/// `Number::toString`).
fn placed(digits: &str, point: i32) -> String {
    let Some((first, others)) = digits.split_at_checked(1) else {
        return "0".to_owned();
    };
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    match point {
        1..=21 => match usize::try_from(point).ok().and_then(|at| digits.split_at_checked(at)) {
            Some((whole, "")) => whole.to_owned(),
            Some((whole, fraction)) => format!("{whole}.{fraction}"),
            None => format!("{digits:0<width$}", width = usize::try_from(point).unwrap_or(0)),
        },
        -5..=0 => format!("0.{}{digits}", zeros(-point)),
        _ if others.is_empty() => format!("{first}e{:+}", point - 1),
        _ => format!("{first}.{others}e{:+}", point - 1),
    }
}

/// `number.toFixed(digits)` of a finite number, for one digit or more. A tie is rounded away from
/// zero.
pub(crate) fn fixed(number: f64, digits: usize) -> String {
    let size = number.abs();
    if size.is_nan() || 1e21 <= size {
        return self::number(number);
    }
    let mut text = format!("{size:.digits$}");
    // Rust rounds a tie to the even digit. It is a tie if the next digit is a five, and the last.
    let is_down = format!("{size:.EXACT$}").trim_end_matches('0').strip_suffix('5') == Some(&text);
    if is_down && let Some(even) = text.pop().and_then(|digit| digit.to_digit(10)) {
        text.extend(char::from_digit(even + 1, 10));
    }
    let sign = if number < 0.0 { "-" } else { "" };
    format!("{sign}{text}")
}

/// No finite number has more digits behind the point.
const EXACT: usize = 1074;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        let table = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-3.0, "-3"),
            (888.1, "888.1"),
            (20.518_845_999_999_94, "20.51884599999994"),
            (0.1 + 0.2, "0.30000000000000004"),
            (0.000_001, "0.000001"),
            (0.000_000_1, "1e-7"),
            (-1.5e-7, "-1.5e-7"),
            (5e-324, "5e-324"),
            (-967.750_549_316_406_3, "-967.7505493164062"),
            (100.0, "100"),
            (1.25e-5, "0.0000125"),
            (1e16, "10000000000000000"),
            (18_446_744_073_709_551_616.0, "18446744073709552000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (1.5e22, "1.5e+22"),
            (-1.5e300, "-1.5e+300"),
            (f64::NAN, "null"),
            (f64::NEG_INFINITY, "null"),
        ];
        for (value, expected) in table {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn fixed_digits_as_javascript_rounds_them() {
        let table = [
            (0.25, 1, "0.3"),
            (0.35, 1, "0.3"),
            (0.45, 1, "0.5"),
            (0.75, 1, "0.8"),
            (-0.25, 1, "-0.3"),
            (1.005, 2, "1.00"),
            (0.125, 2, "0.13"),
            (0.375, 2, "0.38"),
            (830_323_219_299_316.4, 2, "830323219299316.38"),
            (0.0, 1, "0.0"),
            (-0.0, 1, "0.0"),
            (-0.01, 1, "-0.0"),
            (887.774_268, 1, "887.8"),
            (1e20, 1, "100000000000000000000.0"),
            (1e21, 1, "1e+21"),
        ];
        for (value, digits, expected) in table {
            assert_eq!(fixed(value, digits), expected, "{value}");
        }
    }

    #[test]
    fn text_that_is_a_number() {
        let table = [
            ("705.5", Some(705.5)),
            ("5.", Some(5.0)),
            (".5", Some(0.5)),
            ("", Some(0.0)),
            (" 7 ", Some(7.0)),
            ("1.2.3", None),
            (".", None),
            ("x", None),
            ("Infinity", None),
        ];
        for (text, expected) in table {
            assert_eq!(finite(text), expected, "{text}");
        }
        assert_eq!(finite(&"9".repeat(400)), None);
    }

    #[test]
    fn white_space_of_javascript() {
        assert_eq!(trim("\u{feff}\u{a0} a \u{2028}"), "a");
        assert_eq!(trim("\u{85}a"), "\u{85}a");
        assert_eq!(words(" a\t\u{3000}b ").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(quoted("-\"\n\u{1}é"), "\"-\\\"\\n\\u0001é\"");
    }

    proptest! {
        #[test]
        fn what_is_written_is_the_same_number(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(number(value).parse(), Ok(value));
        }
    }
}
