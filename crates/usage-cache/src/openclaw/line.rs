//! One line of a transcript: a JSON object, of which a few fields matter.
//!
//! The fields that matter are kept as slices of the line, the rest is skipped without being
//! built. So no value, whatever its type, makes a line unreadable; only what is no JSON does.

use std::borrow::Cow;

use serde::de::MapAccess;
use serde_json::value::RawValue;

use super::usage;
use crate::{
    Event,
    json::{Fields, Object, millis, name, not_null, skip, time},
};

/// The fields of a line that matter.
#[derive(Default)]
pub(super) struct Line<'a> {
    kind: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    parent: Option<&'a RawValue>,
    timestamp: Option<&'a RawValue>,
    provider: Option<&'a RawValue>,
    model: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    message: Object<Message<'a>>,
}

#[derive(Default)]
struct Message<'a> {
    timestamp: Option<&'a RawValue>,
    provider: Option<&'a RawValue>,
    model: Option<&'a RawValue>,
    usage: Option<&'a RawValue>,
    role: Option<&'a RawValue>,
}

/// Which event a line says that it follows.
pub(super) enum Parent<'a> {
    /// It does not say.
    Unsaid,
    /// This one; `None` if it is the first.
    Named(Option<Cow<'a, str>>),
}

impl<'a> Line<'a> {
    /// Reads an object; `None` if it is something else.
    pub(super) fn read(object: &'a [u8]) -> serde_json::Result<Option<Self>> {
        serde_json::from_slice::<Object<Self>>(object).map(|line| line.0)
    }

    /// Whether it is the first line, which says what the session is.
    pub(super) fn is_header(&self) -> bool {
        self.kind.is_some_and(|kind| kind.get() == "\"session\"")
    }

    /// The id of what the line records, and what that follows.
    pub(super) fn place(&self) -> (Option<Cow<'a, str>>, Parent<'a>) {
        let id = self.id.and_then(name).filter(|id| !id.is_empty());
        (id, self.parent.map_or(Parent::Unsaid, |parent| Parent::Named(name(parent))))
    }

    /// The event that the line records, if it records one.
    ///
    /// That is so if it has a `message` of a user or an assistant, and that, or else the line
    /// itself, has a `usage` that says something.
    pub(super) fn event(&self) -> Option<Event<'a>> {
        let message = self.message.0.as_ref()?;
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

impl<'de> Fields<'de> for Line<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        match key {
            b"type" => self.kind = Some(map.next_value()?),
            b"id" => self.id = Some(map.next_value()?),
            b"parentId" => self.parent = Some(map.next_value()?),
            b"timestamp" => self.timestamp = Some(map.next_value()?),
            b"provider" => self.provider = Some(map.next_value()?),
            b"model" => self.model = Some(map.next_value()?),
            b"usage" => self.usage = Some(map.next_value()?),
            b"message" => self.message = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for Message<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        match key {
            b"timestamp" => self.timestamp = Some(map.next_value()?),
            b"provider" => self.provider = Some(map.next_value()?),
            b"model" => self.model = Some(map.next_value()?),
            b"usage" => self.usage = Some(map.next_value()?),
            b"role" => self.role = Some(map.next_value()?),
            _ => skip(map)?,
        }
        Ok(())
    }
}
