//! Sizes as the configuration of OpenClaw spells them.

/// Why a text is not a size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// There is nothing in it.
    #[error("invalid byte size (empty)")]
    Empty,
    /// It does not follow the grammar.
    #[error("invalid byte size: {0} (use values like 500000, 64kb, 1.5gb or 2tb)")]
    Malformed(String),
    /// Its unit is none.
    #[error("invalid byte size unit: {0} (use b, kb, mb, gb or tb)")]
    Unit(String),
    /// It is larger than any number that a runtime can tell exactly.
    #[error("invalid byte size: {0} (larger than 8 PiB)")]
    TooLarge(String),
}

/// Numbers above this are not exact in JavaScript, which reads the same configuration.
const BYTES_MAX: u128 = (1 << 53) - 1;

/// So many digits of a fraction count.
const FRACTION_DIGITS: usize = 15;
const ONE: u128 = 1_000_000_000_000_000;

/// Reads `500mb`, `1.5gb`, or a number of bytes; rounded to whole bytes.
///
/// The grammar is that of OpenClaw's `parseByteSize`: units `b`, `k`, `kb`, `m`, `mb`, `g`, `gb`,
/// `t` and `tb` in any case, each 1024 times the one before. Unlike there, what does not fit is an
/// error.
pub fn parse_bytes(text: &str) -> Result<u64, SizeError> {
    let trimmed = text.trim().to_ascii_lowercase();
    if trimmed.is_empty() {
        return Err(SizeError::Empty);
    }
    let malformed = || SizeError::Malformed(text.to_owned());
    let too_large = || SizeError::TooLarge(text.to_owned());
    let end = trimmed.find(|char: char| !char.is_ascii_digit()).unwrap_or(trimmed.len());
    let (whole, rest) = trimmed.split_at(end);
    let (fraction, unit) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => {
            let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
            let (fraction, unit) = rest.split_at(end);
            if fraction.is_empty() {
                return Err(malformed());
            }
            (fraction, unit)
        }
    };
    if whole.is_empty() || !unit.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Err(malformed());
    }
    let power = match unit {
        "" | "b" => 0,
        "k" | "kb" => 10,
        "m" | "mb" => 20,
        "g" | "gb" => 30,
        "t" | "tb" => 40,
        _ => return Err(SizeError::Unit(unit.to_owned())),
    };
    let digits = fraction.get(..FRACTION_DIGITS).unwrap_or(fraction);
    let fraction: u128 = format!("{digits:0<FRACTION_DIGITS$}").parse().map_err(|_| malformed())?;
    let whole: u128 = whole.parse().map_err(|_| too_large())?;
    let scaled = whole.checked_mul(ONE).and_then(|whole| whole.checked_add(fraction));
    let scaled = scaled.and_then(|scaled| scaled.checked_mul(1 << power)).ok_or_else(too_large)?;
    let bytes = scaled.saturating_add(ONE / 2) / ONE;
    if BYTES_MAX < bytes {
        return Err(too_large());
    }
    u64::try_from(bytes).map_err(|_| too_large())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes() {
        let table = [
            ("0", 0),
            ("1", 1),
            ("10b", 10),
            ("1k", 1_024),
            ("64KB", 65_536),
            (" 1.5gb ", 1_610_612_736),
            ("2tb", 2 << 40),
            ("0.0001k", 0),
            ("0.0005k", 1),
            ("9007199254740991", (1 << 53) - 1),
        ];
        for (text, bytes) in table {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn what_is_no_size() {
        assert_eq!(parse_bytes(" "), Err(SizeError::Empty));
        assert_eq!(parse_bytes("5mm"), Err(SizeError::Unit("mm".to_owned())));
        for text in ["-1", "1e3", "1.", ".5k", "1,5k", "k", "1 k", "1k5", "abc"] {
            assert_eq!(parse_bytes(text), Err(SizeError::Malformed(text.to_owned())), "{text}");
        }
        for text in ["9007199254740992", "8192tb", &"9".repeat(300), "99999999999999999999999tb"] {
            assert_eq!(parse_bytes(text), Err(SizeError::TooLarge(text.to_owned())), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*") {
            parse_bytes(&text).ok();
        }
    }
}
