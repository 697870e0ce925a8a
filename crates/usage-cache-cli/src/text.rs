//! How amounts, times and names look.

use cli_support::text::{count, plain};
use common_fs::Timestamp;
use indicatif::HumanCount;
use usage_cache::{Model, NanoUsd, Zone};

const NANOS_PER_CENT: u64 = 10_000_000;

/// `$1,234.56`; what is something but less than half a cent is `<$0.01`.
pub(crate) fn dollars(amount: NanoUsd) -> String {
    let cents = amount.0.saturating_add(NANOS_PER_CENT / 2) / NANOS_PER_CENT;
    if cents == 0 && amount != NanoUsd::ZERO {
        return "<$0.01".to_owned();
    }
    format!("${}.{:02}", HumanCount(cents / 100), cents % 100)
}

/// `999`, `12.3k`, `1.2M`, `34.5G`: three digits or so, rounded down.
pub(crate) fn short(number: u64) -> String {
    const UNITS: [(u64, &str); 4] =
        [(1_000_000_000_000, "T"), (1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    let unit = UNITS.into_iter().find(|(unit, _)| *unit <= number);
    unit.map_or_else(
        || number.to_string(),
        |(unit, word)| {
            let tenths = u128::from(number) * 10 / u128::from(unit);
            format!("{}.{}{word}", tenths / 10, tenths % 10)
        },
    )
}

/// How much of a sum something is: `42 %`; what is something, but less than one, is `<1 %`.
pub(crate) fn share(part: u64, of: u64) -> String {
    let percent = (u128::from(part) * 100 + u128::from(of) / 2) / u128::from(of.max(1));
    if percent == 0 && 0 < part { "<1 %".to_owned() } else { format!("{percent} %") }
}

/// `2026-11-28 14:05`, on the clock of a zone.
pub(crate) fn minute(zone: &Zone, time: Timestamp) -> String {
    let (hour, minute) = zone.clock(time);
    format!("{} {hour:02}:{minute:02}", zone.day(time))
}

/// `45 min`, `2 h 05 min`.
pub(crate) fn hours(minutes: u64) -> String {
    if minutes < 60 {
        return format!("{minutes} min");
    }
    format!("{} h {:02} min", count(minutes / 60), minutes % 60)
}

/// The name of a model, or a word for one without.
pub(crate) fn model_name(model: &Model) -> &str {
    model.name.as_deref().unwrap_or("unknown")
}

/// The name of a project, or a word for sessions without.
pub(crate) fn project_name(project: Option<&str>) -> String {
    project.map_or_else(|| "(no project)".to_owned(), plain)
}

/// Whether all bytes are such. Without a jump out of the loop, many are looked at together.
pub(crate) fn all_bytes(text: &str, is_such: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & is_such(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_numbers_have_three_digits_or_so() {
        let table = [
            (0, "0"),
            (999, "999"),
            (1_000, "1.0k"),
            (999_999, "999.9k"),
            (1_234_567, "1.2M"),
            (37_667_230_681, "37.6G"),
            (u64::MAX, "18446744.0T"),
        ];
        for (number, text) in table {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn shares_are_of_the_whole() {
        for (part, of, text) in
            [(0, 0, "0 %"), (1, 3, "33 %"), (2, 3, "67 %"), (1, 1_000, "<1 %"), (5, 5, "100 %")]
        {
            assert_eq!(share(part, of), text);
        }
    }

    #[test]
    fn minutes_are_hours_when_there_are_enough() {
        for (minutes, text) in [(0, "0 min"), (59, "59 min"), (125, "2 h 05 min")] {
            assert_eq!(hours(minutes), text);
        }
    }
}
