//! Fields of JSON objects, as the text of the line that they stand in.
//!
//! So no value, whatever its type, makes a line unreadable; and what is not asked for is not
//! built.

mod cursor;
mod string;

use std::{borrow::Cow, fmt, ops::ControlFlow};

use common_fs::Timestamp;
use serde::{Deserializer as _, de::Visitor};

pub(crate) use cursor::{Cursor, Fields, Malformed, read_object, read_object_into};

/// A value, as the text that it is: JSON in UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    pub(crate) fn get(self) -> &'a [u8] {
        self.0
    }
}

/// Times outside these bounds are taken for missing: civil calendars end before them.
const YEAR_1900_MILLIS: i64 = -2_208_988_800_000;
const YEAR_2200_MILLIS: i64 = 7_258_118_400_000;

/// The largest integer that JavaScript, which wrote the number, keeps exactly.
const TOKENS_MAX: f64 = 9_007_199_254_740_991.0;

fn bounded(millis: i64) -> Option<Timestamp> {
    let plausible = (YEAR_1900_MILLIS..YEAR_2200_MILLIS).contains(&millis);
    plausible.then(|| Timestamp::from_unix_millis(millis)).flatten()
}

/// A date and time as JavaScript's `Date` reads it: RFC 3339, a date alone (midnight UTC), or
/// RFC 2822. Without an offset it is taken as UTC, so that the answer does not depend on where
/// the report is made. Years 1900 to 2199.
pub fn parse_time(text: &str) -> Option<Timestamp> {
    let utc = jiff::tz::TimeZone::UTC;
    let time = text
        .parse::<jiff::Timestamp>()
        .or_else(|_| {
            let local: jiff::civil::DateTime = text.parse()?;
            utc.to_timestamp(local)
        })
        .or_else(|_| jiff::fmt::rfc2822::parse(text).map(|time| time.timestamp()))
        .ok()?;
    bounded(time.as_millisecond())
}

/// A time in an own field: text as [`parse_time`] reads it.
pub(crate) fn time(raw: Raw<'_>) -> Option<Timestamp> {
    parse_time(&text(raw)?)
}

/// A time in milliseconds since the Unix epoch.
pub(crate) fn millis(raw: Raw<'_>) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, the bounds follow")]
    let millis = number(raw)?.floor() as i64;
    bounded(millis)
}

pub(crate) fn not_null(raw: Option<Raw<'_>>) -> Option<Raw<'_>> {
    raw.filter(|raw| raw.get() != b"null")
}

/// A string; one that is not well-formed Unicode counts as missing.
pub(crate) fn text(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let quoted = raw.get().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', quoted).is_some() {
        return serde_json::from_slice(raw.get()).ok().map(Cow::Owned);
    }
    std::str::from_utf8(quoted).ok().map(Cow::Borrowed)
}

/// No model has a longer name; what is longer is cut.
const NAME_BYTES_MAX: usize = 256;

/// A string that is kept for as long as the transcript.
pub(crate) fn name(raw: Raw<'_>) -> Option<Cow<'_, str>> {
    let cut = |name: &str| name.floor_char_boundary(NAME_BYTES_MAX);
    text(raw).map(|name| match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.get(..cut(name)).unwrap_or_default()),
        Cow::Owned(mut name) => {
            name.truncate(cut(&name));
            Cow::Owned(name)
        }
    })
}

/// The key of a field, as bytes: JavaScript writes halves of surrogate pairs, which are no text.
struct FieldName<'a>(Cow<'a, [u8]>);

impl<'a> FieldName<'a> {
    /// Reads a string with its quotes, which is well-formed.
    fn read(quoted: &'a [u8], has_escapes: bool) -> Option<Self> {
        if !has_escapes {
            let name = quoted.get(1..quoted.len().checked_sub(1)?)?;
            return Some(Self(Cow::Borrowed(name)));
        }
        let name = serde_json::Deserializer::from_slice(quoted).deserialize_bytes(NameVisitor);
        name.ok().map(|name| Self(Cow::Owned(name)))
    }
}

/// Takes a string as it is, even if it is no text.
struct NameVisitor;

impl Visitor<'_> for NameVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, name: &[u8]) -> Result<Vec<u8>, E> {
        Ok(name.to_owned())
    }
}

/// A number of tokens: not negative, without its fraction.
pub(crate) fn tokens(raw: Raw<'_>) -> Option<u64> {
    let digits = raw.get();
    if digits.len() < 16 && digits.iter().all(u8::is_ascii_digit) {
        return Some(digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits"
    )]
    number(raw).map(|number| number.clamp(0.0, TOKENS_MAX) as u64)
}

/// A finite number.
pub(crate) fn number(raw: Raw<'_>) -> Option<f64> {
    let text = std::str::from_utf8(raw.get()).ok()?;
    let numeric = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| numeric && number.is_finite())
}

/// Visits the fields of an object; returns whether it is one.
pub(crate) fn each_field<'a>(raw: Raw<'a>, mut visit: impl FnMut(&[u8], Raw<'a>)) -> bool {
    let mut cursor = Cursor::new(raw.get());
    // The text was checked when the line was read.
    let read = cursor.each_field(|key, value| {
        visit(key, value.raw()?);
        Ok(())
    });
    read.is_ok()
}

/// Whether the fields that an object begins with were enough; `read` says whether it wants more.
/// `None` if it is no object up to there.
pub(crate) fn first_fields<'a>(
    object: &'a [u8],
    mut read: impl FnMut(&[u8], &mut Cursor<'a>) -> Result<ControlFlow<()>, Malformed>,
) -> Option<()> {
    let mut is_enough = false;
    let read = Cursor::new(object).each_field(|key, value| match read(key, value)? {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(()) => {
            is_enough = true;
            Err(Malformed)
        }
    });
    (read.is_ok() || is_enough).then_some(())
}
