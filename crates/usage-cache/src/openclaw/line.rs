//! One line of a transcript: a JSON object, of which a few fields matter.
//!
//! The fields that matter are kept as slices of the line, the rest is skipped without being
//! built. So no value, whatever its type, makes a line unreadable; only what is no JSON does.

use std::{borrow::Cow, fmt};

use serde::{
    Deserializer as _,
    de::{self, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::usage;
use crate::{
    Event,
    json::{FieldName, Fields, Object, millis, name, not_null, skip, time},
};

/// The fields of a line that matter.
#[derive(Default)]
pub(super) struct Line<'a> {
    pub(super) place: Place<'a>,
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

/// Where a line stands in the tree of a session.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    kind: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    parent: Option<&'a RawValue>,
}

impl<'a> Place<'a> {
    /// Reads an object as far as needed: OpenClaw writes these fields first, and what follows can
    /// be long. `None` if it is something else.
    pub(super) fn read(object: &'a [u8]) -> Option<Self> {
        let mut place = Self::default();
        let read =
            serde_json::Deserializer::from_slice(object).deserialize_map(UntilComplete(&mut place));
        (read.is_ok() || place.is_complete()).then_some(place)
    }

    fn is_complete(&self) -> bool {
        self.kind.is_some() && self.id.is_some() && self.parent.is_some()
    }

    /// Whether it is the first line, which says what the session is.
    pub(super) fn is_header(&self) -> bool {
        self.kind.is_some_and(|kind| kind.get() == "\"session\"")
    }

    /// The id of what the line records, and what that follows.
    pub(super) fn names(&self) -> (Option<Cow<'a, str>>, Parent<'a>) {
        let id = self.id.and_then(name).filter(|id| !id.is_empty());
        (id, self.parent.map_or(Parent::Unsaid, |parent| Parent::Named(name(parent))))
    }

    /// The field of a key, if it is one of them.
    fn field(&mut self, key: &[u8]) -> Option<&mut Option<&'a RawValue>> {
        match key {
            b"type" => Some(&mut self.kind),
            b"id" => Some(&mut self.id),
            b"parentId" => Some(&mut self.parent),
            _ => None,
        }
    }
}

/// Reads the fields of a place, and breaks off when it has all.
struct UntilComplete<'p, 'a>(&'p mut Place<'a>);

impl<'de> Visitor<'de> for UntilComplete<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<FieldName<'de>>()? {
            match self.0.field(&key.0) {
                Some(field) => *field = Some(map.next_value()?),
                None => skip(&mut map)?,
            }
            if self.0.is_complete() {
                return Err(de::Error::custom("that is enough"));
            }
        }
        Ok(())
    }
}

impl<'a> Line<'a> {
    /// Reads an object; `None` if it is something else.
    pub(super) fn read(object: &'a [u8]) -> serde_json::Result<Option<Self>> {
        serde_json::from_slice::<Object<Self>>(object).map(|line| line.0)
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
        if let Some(field) = self.place.field(key) {
            *field = Some(map.next_value()?);
            return Ok(());
        }
        match key {
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
