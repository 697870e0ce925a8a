//! Fields of JSON objects, as the text of the line that they stand in.
//!
//! So no value, whatever its type, makes a line unreadable; and what is not asked for is not
//! built.

mod object;

use std::{borrow::Cow, fmt};

use common_fs::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

pub(crate) use object::{Fields, Object, skip};

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
pub(crate) fn time(raw: &RawValue) -> Option<Timestamp> {
    parse_time(&text(raw)?)
}

/// A time in milliseconds since the Unix epoch.
pub(crate) fn millis(raw: &RawValue) -> Option<Timestamp> {
    #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, the bounds follow")]
    let millis = number(raw)?.floor() as i64;
    bounded(millis)
}

pub(crate) fn not_null(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// A string; one that is not well-formed Unicode counts as missing.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if quoted.contains('\\') {
        return serde_json::from_str(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(quoted))
}

/// No model has a longer name; what is longer is cut.
const NAME_BYTES_MAX: usize = 256;

/// A string that is kept for as long as the transcript.
pub(crate) fn name(raw: &RawValue) -> Option<Cow<'_, str>> {
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
pub(crate) struct FieldName<'a>(pub(crate) Cow<'a, [u8]>);

impl<'de> Deserialize<'de> for FieldName<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;
        impl<'de> Visitor<'de> for NameVisitor {
            type Value = FieldName<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, name: &'de [u8]) -> Result<FieldName<'de>, E> {
                Ok(FieldName(Cow::Borrowed(name)))
            }

            fn visit_bytes<E>(self, name: &[u8]) -> Result<FieldName<'de>, E> {
                Ok(FieldName(Cow::Owned(name.to_owned())))
            }
        }
        deserializer.deserialize_bytes(NameVisitor)
    }
}

/// A number of tokens: not negative, without its fraction.
pub(crate) fn tokens(raw: &RawValue) -> Option<u64> {
    let text = raw.get();
    if text.len() < 16 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok();
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to what fits"
    )]
    number(raw).map(|number| number.clamp(0.0, TOKENS_MAX) as u64)
}

/// A finite number.
pub(crate) fn number(raw: &RawValue) -> Option<f64> {
    let text = raw.get();
    let numeric = text.starts_with(|first: char| first == '-' || first.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| numeric && number.is_finite())
}

/// Visits the fields of an object; does nothing for anything else.
pub(crate) fn each_field<'l>(raw: &'l RawValue, visit: impl FnMut(&[u8], &'l RawValue)) {
    if raw.get().starts_with('{') {
        // The text was checked when the line was read; only its depth could still be refused,
        // and then the fields so far count.
        serde_json::Deserializer::from_str(raw.get()).deserialize_map(EachField(visit)).ok();
    }
}

pub(crate) struct EachField<F>(pub(crate) F);

impl<'de, F: FnMut(&[u8], &'de RawValue)> Visitor<'de> for EachField<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<FieldName<'de>>()? {
            (self.0)(&key.0, map.next_value::<&'de RawValue>()?);
        }
        Ok(())
    }
}
