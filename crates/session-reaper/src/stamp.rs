//! The times in names of archives: `2026-02-23T12-34-56.000Z`.

use std::time::{Duration, SystemTime};

use common_fs::Timestamp;

/// Writes a time as it stands in the name of an archive, in UTC and to the millisecond. Times
/// before 1970 are written as 1970.
pub fn format_stamp(time: Timestamp) -> String {
    let since_epoch = time.since(Timestamp::UNIX_EPOCH);
    let millis = Duration::from_millis(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX));
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + millis).to_string().replace(':', "-")
}

/// Reads what [`format_stamp`] writes, also without milliseconds.
///
/// Dates that do not exist are no times here; OpenClaw takes `2026-02-30` for the second of March.
pub fn parse_stamp(text: &str) -> Option<Timestamp> {
    if !looks_like_stamp(text) {
        return None;
    }
    let (date, time) = text.split_once('T')?;
    let time = humantime::parse_rfc3339(&format!("{date}T{}", time.replace('-', ":"))).ok()?;
    let since_epoch = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let time = Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).ok()?)?;
    // A leap second would be read as the last second of its minute.
    (format_stamp(time).get(..SECONDS) == text.get(..SECONDS)).then_some(time)
}

/// The length of a stamp up to its seconds.
const SECONDS: usize = "2026-02-23T12-34-56".len();

/// Whether `text` has the form of a stamp, with any digits in it.
pub(crate) fn looks_like_stamp(text: &str) -> bool {
    let form = |form: &str| {
        text.len() == form.len()
            && text.bytes().zip(form.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == form,
            })
    };
    form("0000-00-00T00-00-00Z") || form("0000-00-00T00-00-00.000Z")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stamps_are_read() {
        let table = [
            ("2026-02-23T12-34-56.000Z", Some(1_771_850_096_000)),
            ("2026-02-23T12-34-56.789Z", Some(1_771_850_096_789)),
            ("2026-02-23T12-34-56Z", Some(1_771_850_096_000)),
            ("2026-13-23T12-34-56Z", None),
            ("2026-02-23T25-34-56Z", None),
            ("2026-02-23T12-34-60Z", None),
            ("2026-02-23T12:34:56Z", None),
            ("2026-02-23T12-34-56.00Z", None),
            ("", None),
        ];
        for (text, millis) in table {
            assert_eq!(parse_stamp(text).map(Timestamp::unix_millis), millis, "{text}");
        }
        assert!(looks_like_stamp("2026-13-99T99-99-99.999Z"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(millis in 0..9_000_000_000_000_i64) {
            let time = Timestamp::from_unix_millis(millis).unwrap();
            prop_assert_eq!(parse_stamp(&format_stamp(time)), Some(time));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}") {
            parse_stamp(&text);
        }
    }
}
