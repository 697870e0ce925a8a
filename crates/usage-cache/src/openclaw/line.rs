//! One line of a transcript: a JSON object, of which a few fields matter.
//!
//! The fields that matter are kept as slices of the line, the rest is skipped without being
//! built. So no value, whatever its type, makes a line unreadable; only what is no JSON does.

use std::{borrow::Cow, ops::ControlFlow};

use super::usage;
use crate::{
    Event,
    json::{
        Cursor, Fields, Malformed, Raw, first_fields, millis, name, not_null, read_object, time,
    },
};

/// The fields of a line that matter.
#[derive(Default)]
pub(super) struct Line<'a> {
    pub(super) place: Place<'a>,
    timestamp: Option<Raw<'a>>,
    provider: Option<Raw<'a>>,
    model: Option<Raw<'a>>,
    usage: Option<Raw<'a>>,
    message: Option<Message<'a>>,
}

#[derive(Default)]
struct Message<'a> {
    timestamp: Option<Raw<'a>>,
    provider: Option<Raw<'a>>,
    model: Option<Raw<'a>>,
    usage: Option<Raw<'a>>,
    role: Option<Raw<'a>>,
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
    kind: Option<Raw<'a>>,
    id: Option<Raw<'a>>,
    parent: Option<Raw<'a>>,
}

impl<'a> Place<'a> {
    /// Reads an object as far as needed: OpenClaw writes these fields first, and what follows can
    /// be long. `None` if it is something else.
    pub(super) fn read(object: &'a [u8]) -> Option<Self> {
        let mut place = Self::default();
        first_fields(object, |key, value| {
            match place.field(key) {
                Some(field) => *field = Some(value.raw()?),
                None => value.skip()?,
            }
            let is_complete = place.is_complete();
            Ok(if is_complete { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        })?;
        Some(place)
    }

    fn is_complete(&self) -> bool {
        self.kind.is_some() && self.id.is_some() && self.parent.is_some()
    }

    /// Whether it is the first line, which says what the session is.
    pub(super) fn is_header(&self) -> bool {
        self.kind.is_some_and(|kind| kind.get() == b"\"session\"")
    }

    /// The id of what the line records, and what that follows.
    pub(super) fn names(&self) -> (Option<Cow<'a, str>>, Parent<'a>) {
        let id = self.id.and_then(name).filter(|id| !id.is_empty());
        (id, self.parent.map_or(Parent::Unsaid, |parent| Parent::Named(name(parent))))
    }

    /// The field of a key, if it is one of them.
    fn field(&mut self, key: &[u8]) -> Option<&mut Option<Raw<'a>>> {
        match key {
            b"type" => Some(&mut self.kind),
            b"id" => Some(&mut self.id),
            b"parentId" => Some(&mut self.parent),
            _ => None,
        }
    }
}

impl<'a> Line<'a> {
    /// Reads an object; `None` if it is something else.
    pub(super) fn read(object: &'a [u8]) -> serde_json::Result<Option<Self>> {
        Ok(read_object(object)?)
    }

    /// The event that the line records, if it records one.
    ///
    /// That is so if it has a `message` of a user or an assistant, and that, or else the line
    /// itself, has a `usage` that says something.
    pub(super) fn event(&self) -> Option<Event<'a>> {
        let message = self.message.as_ref()?;
        let role = message.role?.get();
        if role != b"\"user\"" && role != b"\"assistant\"" {
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

impl<'a> Fields<'a> for Line<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        if let Some(field) = self.place.field(key) {
            *field = Some(value.raw()?);
            return Ok(());
        }
        match key {
            b"timestamp" => self.timestamp = Some(value.raw()?),
            b"provider" => self.provider = Some(value.raw()?),
            b"model" => self.model = Some(value.raw()?),
            b"usage" => self.usage = Some(value.raw()?),
            b"message" => value.object(&mut self.message)?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

impl<'a> Fields<'a> for Message<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        match key {
            b"timestamp" => self.timestamp = Some(value.raw()?),
            b"provider" => self.provider = Some(value.raw()?),
            b"model" => self.model = Some(value.raw()?),
            b"usage" => self.usage = Some(value.raw()?),
            b"role" => self.role = Some(value.raw()?),
            _ => value.skip()?,
        }
        Ok(())
    }
}
