//! How numbers, sizes, times and names look.

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use common_fs::Timestamp;
use indicatif::{HumanBytes, HumanCount};

/// `1,234,567`.
pub fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// `1 transcript`, `2 transcripts`.
pub fn counted(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", HumanCount(number))
}

/// `1.50 MiB`.
pub fn bytes(number: u64) -> String {
    HumanBytes(number).to_string()
}

/// Text from data as one line that can do nothing to a terminal.
pub fn plain(text: &str) -> String {
    let escape = |char: char| char.escape_default().to_string();
    text.chars().map(|char| if char.is_control() { escape(char) } else { char.into() }).collect()
}

/// An error with its causes, on one line.
pub fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    plain(&text)
}

/// `2026-09-01T12:00:00Z`.
pub fn iso(time: Timestamp) -> String {
    let since_epoch = time.since(Timestamp::UNIX_EPOCH);
    humantime::format_rfc3339_seconds(SystemTime::UNIX_EPOCH + since_epoch).to_string()
}

/// Times as [`iso`] writes them, for very many of which most are near the one before.
#[derive(Debug, Default)]
pub struct IsoTimes {
    /// An hour since 1970, and a time in it.
    last: Option<(u64, [u8; ISO_LEN])>,
}

const ISO_LEN: usize = "2026-09-01T12:00:00Z".len();

impl IsoTimes {
    /// A time, as ASCII.
    pub fn text(&mut self, time: Timestamp) -> [u8; ISO_LEN] {
        let seconds = time.since(Timestamp::UNIX_EPOCH).as_secs();
        let hour = seconds / 3_600;
        let mut text = match self.last {
            Some((known, text)) if known == hour => text,
            Some(_) | None => iso(time).into_bytes().try_into().unwrap_or([b' '; ISO_LEN]),
        };
        let [.., m1, m2, _, s1, s2, _] = &mut text;
        [*m1, *m2] = digits(seconds / 60 % 60);
        [*s1, *s2] = digits(seconds % 60);
        self.last = Some((hour, text));
        text
    }
}

/// Of a number with two.
fn digits(number: u64) -> [u8; 2] {
    [number / 10, number % 10].map(|digit| b'0' + (digit % 10) as u8)
}

/// `3m 20s`, in whole seconds.
pub fn span(span: Duration) -> String {
    humantime::format_duration(Duration::from_secs(span.as_secs())).to_string()
}

/// `45s`, `12m`, `36h`, `30d`: about how long, in the largest unit of which there are two.
pub fn about(span: Duration) -> String {
    let seconds = span.as_secs();
    for (unit, word) in [(86_400, "d"), (3_600, "h"), (60, "m")] {
        if 2 * unit <= seconds {
            return format!("{}{word}", seconds / unit);
        }
    }
    format!("{seconds}s")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_in_the_largest_unit_of_which_there_are_two() {
        let table = [
            (0, "0s"),
            (119, "119s"),
            (120, "2m"),
            (7_199, "119m"),
            (7_200, "2h"),
            (172_800, "2d"),
        ];
        for (seconds, text) in table {
            assert_eq!(about(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn times_that_are_near_each_other_are_written_like_others() {
        let mut times = IsoTimes::default();
        for seconds in
            [-1, 0, 59, 60, 3_599, 3_600, 3_601, 1_772_323_199, 1_772_323_200, 5, 9_000_000_000]
        {
            let time = Timestamp::clamped(seconds, 999_999_999);
            assert_eq!(times.text(time), iso(time).as_bytes(), "{seconds}");
        }
    }

    #[test]
    fn text_from_data_can_do_nothing_to_a_terminal() {
        assert_eq!(plain("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\nb");
    }
}
