//! One line of a transcript: a JSON object, of which a few fields matter.
//!
//! The fields that matter are kept as slices of the line, the rest is skipped without being
//! built. So no value, whatever its type, makes a line unreadable; only what is no JSON does.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::usage;
use crate::{
    Event,
    json::{Text, millis, name, not_null, time},
};

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
            at: message.timestamp.and_then(millis).or_else(|| time(self.timestamp?)),
            provider: message.provider.and_then(name).or_else(|| self.provider.and_then(name)),
            model: message.model.and_then(name).or_else(|| self.model.and_then(name)),
            tokens: usage.tokens,
            cache_creation_1h: usage.cache_creation_1h,
            cost: usage.cost,
            ..Event::default()
        })
    }
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
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match (&*key.0, self.depth) {
                ("timestamp", _) => line.timestamp = Some(map.next_value()?),
                ("provider", _) => line.provider = Some(map.next_value()?),
                ("model", _) => line.model = Some(map.next_value()?),
                ("usage", _) => line.usage = Some(map.next_value()?),
                ("role", 1) => line.role = Some(map.next_value()?),
                ("message", 0) => {
                    line.message = map.next_value::<Message<'de>>()?.0.map(Box::new);
                }
                _ => {
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
