use serde::de::MapAccess;
use serde_json::value::RawValue;

use crate::{
    Event, Key, NanoUsd, ServiceTier, TokenCounts,
    json::{Fields, Object, name, number, skip, text, time, tokens},
};

type Raw<'l> = Option<&'l RawValue>;

/// The fields of a line that matter.
#[derive(Default)]
pub(super) struct Line<'l> {
    kind: Raw<'l>,
    timestamp: Raw<'l>,
    session: Raw<'l>,
    request: Raw<'l>,
    cost: Raw<'l>,
    cwd: Raw<'l>,
    message: Object<Message<'l>>,
    /// What a sub-agent said, in a line about its progress.
    data: Option<Box<Object<Progress<'l>>>>,
}

/// An answer of a model, or a part of it.
#[derive(Default)]
struct Message<'l> {
    id: Raw<'l>,
    model: Raw<'l>,
    usage: Object<Usage<'l>>,
}

#[derive(Default)]
struct Progress<'l> {
    message: Object<Line<'l>>,
}

#[derive(Default)]
struct Usage<'l> {
    input: Raw<'l>,
    output: Raw<'l>,
    cache_read: Raw<'l>,
    cache_creation: Raw<'l>,
    by_time: Object<ByTime<'l>>,
    service_tier: Raw<'l>,
    speed: Raw<'l>,
}

/// What was written to the cache, by how long it is kept.
#[derive(Default)]
struct ByTime<'l> {
    five_minutes: Raw<'l>,
    hour: Raw<'l>,
}

impl<'l> Line<'l> {
    /// Reads an object; `None` if it is something else.
    pub(super) fn read(object: &'l [u8]) -> serde_json::Result<Option<Self>> {
        serde_json::from_slice::<Object<Self>>(object).map(|line| line.0)
    }

    /// The answer that the line records, if it records one.
    ///
    /// A line about the progress of a sub-agent holds the line of its own transcript, in
    /// `data.message`; the identity is that of the answer, so it counts once.
    pub(super) fn event(&self) -> Option<Event<'l>> {
        match self.kind?.get() {
            "\"assistant\"" => self.answer(self.session, self.timestamp),
            "\"progress\"" => {
                let line = self.data.as_deref()?.0.as_ref()?.message.0.as_ref()?;
                let is_answer = line.kind?.get() == "\"assistant\"";
                let answer = || {
                    let session = line.session.or(self.session);
                    line.answer(session, line.timestamp.or(self.timestamp))
                };
                is_answer.then(answer).flatten()
            }
            _ => None,
        }
    }

    /// The directory that Claude Code works in.
    pub(super) fn project(&self) -> Option<String> {
        let project = text(self.cwd?)?.into_owned();
        (!project.is_empty()).then_some(project)
    }

    fn answer(&self, session: Raw<'l>, timestamp: Raw<'l>) -> Option<Event<'l>> {
        let message = self.message.0.as_ref()?;
        let usage = message.usage.0.as_ref()?;
        let (tokens, cache_creation_1h) = usage.tokens()?;
        let cost = self.cost.and_then(number).and_then(NanoUsd::from_dollars);
        Some(Event {
            identity: identity(message.id, self.request, session),
            at: timestamp.and_then(time),
            provider: Some("anthropic".into()),
            model: message.model.and_then(name),
            tier: usage.tier(),
            tokens,
            cache_creation_1h,
            // Old releases recorded it. Zero is what they wrote without a price.
            cost: cost.filter(|cost| *cost != NanoUsd::ZERO),
            ..Event::default()
        })
    }
}

/// What tells an answer from all others: message and request. Where something between Claude
/// Code and the provider drops the number of the request, message and session.
fn identity(
    message: Option<&RawValue>,
    request: Option<&RawValue>,
    session: Option<&RawValue>,
) -> Option<Key> {
    let named = |raw: Option<&RawValue>| {
        let name = text(raw?)?.trim().to_owned();
        (!name.is_empty()).then_some(name)
    };
    let message = named(message)?;
    let (kind, scope): (&[u8], _) = match (named(request), named(session)) {
        (Some(request), _) => (b"claude request", request),
        (None, Some(session)) => (b"claude session", session),
        (None, None) => return None,
    };
    Some(Key::of(&[kind, message.as_bytes(), scope.as_bytes()]))
}

impl Usage<'_> {
    /// The tokens, and how many of those written to the cache are kept for an hour; `None` if
    /// none were used.
    fn tokens(&self) -> Option<(TokenCounts, u64)> {
        let count = |raw: Raw<'_>| raw.and_then(tokens).unwrap_or(0);
        let by_time = self.by_time.0.as_ref();
        let hour = by_time.map_or(0, |by_time| count(by_time.hour));
        let five_minutes = by_time.map_or(0, |by_time| count(by_time.five_minutes));
        let mut counts = TokenCounts {
            input: count(self.input),
            output: count(self.output),
            cache_creation: self.cache_creation.and_then(tokens).unwrap_or(five_minutes + hour),
            cache_read: count(self.cache_read),
            total: 0,
        };
        counts.total = counts.sum_of_classes();
        (0 < counts.total).then_some((counts, hour.min(counts.cache_creation)))
    }

    fn tier(&self) -> ServiceTier {
        match (self.speed.map(RawValue::get), self.service_tier.map(RawValue::get)) {
            (Some("\"fast\""), _) | (_, Some("\"priority\"")) => ServiceTier::Priority,
            (_, Some("\"flex\"")) => ServiceTier::Flex,
            (_, Some("\"batch\"")) => ServiceTier::Batch,
            _ => ServiceTier::Standard,
        }
    }
}

impl<'de> Fields<'de> for Line<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        let field = match key {
            b"type" => &mut self.kind,
            b"timestamp" => &mut self.timestamp,
            b"sessionId" => &mut self.session,
            b"requestId" => &mut self.request,
            b"costUSD" => &mut self.cost,
            b"cwd" => &mut self.cwd,
            b"message" => {
                self.message = map.next_value()?;
                return Ok(());
            }
            b"data" => {
                self.data = Some(Box::new(map.next_value()?));
                return Ok(());
            }
            _ => return skip(map),
        };
        *field = Some(map.next_value()?);
        Ok(())
    }
}

impl<'de> Fields<'de> for Message<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        match key {
            b"id" => self.id = Some(map.next_value()?),
            b"model" => self.model = Some(map.next_value()?),
            b"usage" => self.usage = map.next_value()?,
            _ => skip(map)?,
        }
        Ok(())
    }
}

impl<'de> Fields<'de> for Progress<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        if key != b"message" {
            return skip(map);
        }
        self.message = map.next_value()?;
        Ok(())
    }
}

impl<'de> Fields<'de> for Usage<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        let field = match key {
            b"input_tokens" => &mut self.input,
            b"output_tokens" => &mut self.output,
            b"cache_read_input_tokens" => &mut self.cache_read,
            b"cache_creation_input_tokens" => &mut self.cache_creation,
            b"service_tier" => &mut self.service_tier,
            b"speed" => &mut self.speed,
            b"cache_creation" => {
                self.by_time = map.next_value()?;
                return Ok(());
            }
            _ => return skip(map),
        };
        *field = Some(map.next_value()?);
        Ok(())
    }
}

impl<'de> Fields<'de> for ByTime<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &[u8], map: &mut A) -> Result<(), A::Error> {
        match key {
            b"ephemeral_5m_input_tokens" => self.five_minutes = Some(map.next_value()?),
            b"ephemeral_1h_input_tokens" => self.hour = Some(map.next_value()?),
            _ => skip(map)?,
        }
        Ok(())
    }
}
