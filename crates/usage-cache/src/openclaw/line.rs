//! One line of a transcript: a JSON object, of which a few fields matter.
//!
//! The fields that matter are kept as slices of the line, the rest is skipped without being
//! built. So no value, whatever its type, makes a line unreadable; only what is no JSON does.

use std::{borrow::Cow, fmt};

use common_fs::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::usage;
use crate::event::Event;

/// Times outside these bounds are taken for missing: civil calendars end before them.
const YEAR_1900_MILLIS: i64 = -2_208_988_800_000;
const YEAR_2200_MILLIS: i64 = 7_258_118_400_000;

/// The fields of a line that matter.
#[derive(Default)]
pub(super) struct Line<'a> {
    timestamp: Option<&'a RawValue>,
    provider: Option<&'a RawValue>,
    model: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    message: Option<Box<Self>>,
    role: Option<&'a RawValue>,
}

impl<'a> Line<'a> {
    /// The event that the line records, if it records one.
    ///
    /// That is so if it has a `message` of a user or an assistant, and that, or else the line
    /// itself, has a `usage` that says something.
    pub(super) fn event(&self) -> Option<Event<'a>> {
        let message = self.message.as_deref()?;
        let role = message.role?.get();
        if role != "\"user\"" && role != "\"assistant\"" {
            return None;
        }
        let usage = not_null(message.usage).or(not_null(self.usage))?;
        let usage = usage::read(usage)?;
        Some(Event {
            at: message.millis().or_else(|| self.iso_time()),
            provider: message.provider.and_then(name).or_else(|| self.provider.and_then(name)),
            model: message.model.and_then(name).or_else(|| self.model.and_then(name)),
            tokens: usage.tokens,
            cache_creation_1h: usage.cache_creation_1h,
            cost: usage.cost,
        })
    }

    /// `timestamp` as a number: milliseconds since the Unix epoch.
    fn millis(&self) -> Option<Timestamp> {
        #[expect(clippy::cast_possible_truncation, reason = "`as` saturates, the bounds follow")]
        let millis = usage::number(self.timestamp?)?.floor() as i64;
        bounded(millis)
    }

    /// `timestamp` as text.
    fn iso_time(&self) -> Option<Timestamp> {
        parse_time(&text(self.timestamp?)?)
    }
}

fn bounded(millis: i64) -> Option<Timestamp> {
    let plausible = (YEAR_1900_MILLIS..YEAR_2200_MILLIS).contains(&millis);
    plausible.then(|| Timestamp::from_unix_millis(millis)).flatten()
}

/// A date and time as JavaScript's `Date` reads it: RFC 3339, a date alone (midnight UTC), or
/// RFC 2822. Without an offset it is taken as UTC, so that the answer does not depend on where
/// the report is made.
fn parse_time(text: &str) -> Option<Timestamp> {
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

fn not_null(raw: Option<&RawValue>) -> Option<&RawValue> {
    raw.filter(|raw| raw.get() != "null")
}

/// A string; one that is not well-formed Unicode counts as missing.
fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = raw.get().strip_prefix('"')?.strip_suffix('"')?;
    if quoted.contains('\\') {
        return serde_json::from_str(raw.get()).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(quoted))
}

/// No model has a longer name; what is longer is cut.
const NAME_BYTES_MAX: usize = 256;

/// A string that is kept for as long as the transcript.
fn name(raw: &RawValue) -> Option<Cow<'_, str>> {
    let cut = |name: &str| name.floor_char_boundary(NAME_BYTES_MAX);
    text(raw).map(|name| match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.get(..cut(name)).unwrap_or_default()),
        Cow::Owned(mut name) => {
            name.truncate(cut(&name));
            Cow::Owned(name)
        }
    })
}

/// A string that borrows where it can, for keys.
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(TextVisitor)
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Key {
    Timestamp,
    Provider,
    Model,
    Usage,
    Message,
    Role,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Line<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LineVisitor { depth: 0 })
    }
}

/// Visits a line (depth 0) or its message (depth 1). Of a repeated key the last counts, as in
/// JavaScript.
struct LineVisitor {
    depth: u8,
}

impl<'de> Visitor<'de> for LineVisitor {
    type Value = Line<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<'de>, A::Error> {
        let mut line = Line::default();
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Timestamp => line.timestamp = Some(map.next_value()?),
                Key::Provider => line.provider = Some(map.next_value()?),
                Key::Model => line.model = Some(map.next_value()?),
                Key::Usage => line.usage = Some(map.next_value()?),
                Key::Role if self.depth == 1 => line.role = Some(map.next_value()?),
                Key::Message if self.depth == 0 => {
                    line.message = map.next_value::<Message<'de>>()?.0.map(Box::new);
                }
                Key::Role | Key::Message | Key::Other => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(line)
    }
}

/// The value of `message`; `None` unless it is an object.
struct Message<'a>(Option<Line<'a>>);

impl<'de> Deserialize<'de> for Message<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MessageVisitor)
    }
}

struct MessageVisitor;

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Message<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Message<'de>, A::Error> {
        LineVisitor { depth: 1 }.visit_map(map).map(|line| Message(Some(line)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Message<'de>, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Message(None))
    }

    fn visit_unit<E: de::Error>(self) -> Result<Message<'de>, E> {
        Ok(Message(None))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<Message<'de>, E> {
        Ok(Message(None))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<Message<'de>, E> {
        Ok(Message(None))
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<Message<'de>, E> {
        Ok(Message(None))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<Message<'de>, E> {
        Ok(Message(None))
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Message<'de>, E> {
        Ok(Message(None))
    }
}
