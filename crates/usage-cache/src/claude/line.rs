use crate::{
    Event, Key, NanoUsd, ServiceTier, TokenCounts,
    json::{Cursor, Fields, Malformed, Raw, name, number, read_object, text, time, tokens},
};

/// The fields of a line that matter.
#[derive(Default)]
pub(super) struct Line<'l> {
    kind: Option<Raw<'l>>,
    timestamp: Option<Raw<'l>>,
    session: Option<Raw<'l>>,
    request: Option<Raw<'l>>,
    cost: Option<Raw<'l>>,
    cwd: Option<Raw<'l>>,
    message: Option<Message<'l>>,
    /// What a sub-agent said, in a line about its progress.
    data: Option<Box<Progress<'l>>>,
}

/// An answer of a model, or a part of it.
#[derive(Default)]
struct Message<'l> {
    id: Option<Raw<'l>>,
    model: Option<Raw<'l>>,
    usage: Option<Usage<'l>>,
}

#[derive(Default)]
struct Progress<'l> {
    message: Option<Line<'l>>,
}

#[derive(Default)]
struct Usage<'l> {
    input: Option<Raw<'l>>,
    output: Option<Raw<'l>>,
    cache_read: Option<Raw<'l>>,
    cache_creation: Option<Raw<'l>>,
    by_time: Option<ByTime<'l>>,
    service_tier: Option<Raw<'l>>,
    speed: Option<Raw<'l>>,
}

/// What was written to the cache, by how long it is kept.
#[derive(Default)]
struct ByTime<'l> {
    five_minutes: Option<Raw<'l>>,
    hour: Option<Raw<'l>>,
}

impl<'l> Line<'l> {
    /// Reads an object; `None` if it is something else.
    pub(super) fn read(object: &'l [u8]) -> serde_json::Result<Option<Self>> {
        Ok(read_object(object)?)
    }

    /// The answer that the line records, if it records one.
    ///
    /// A line about the progress of a sub-agent holds the line of its own transcript, in
    /// `data.message`; the identity is that of the answer, so it counts once.
    pub(super) fn event(&self) -> Option<Event<'l>> {
        match self.kind?.get() {
            b"\"assistant\"" => self.answer(self.session, self.timestamp),
            b"\"progress\"" => {
                let line = self.data.as_deref()?.message.as_ref()?;
                let is_answer = line.kind?.get() == b"\"assistant\"";
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

    fn answer(&self, session: Option<Raw<'l>>, timestamp: Option<Raw<'l>>) -> Option<Event<'l>> {
        let message = self.message.as_ref()?;
        let usage = message.usage.as_ref()?;
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
    message: Option<Raw<'_>>,
    request: Option<Raw<'_>>,
    session: Option<Raw<'_>>,
) -> Option<Key> {
    let named = |raw: Option<Raw<'_>>| {
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
        let count = |raw: Option<Raw<'_>>| raw.and_then(tokens).unwrap_or(0);
        let by_time = self.by_time.as_ref();
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
        match (self.speed.map(Raw::get), self.service_tier.map(Raw::get)) {
            (Some(b"\"fast\""), _) | (_, Some(b"\"priority\"")) => ServiceTier::Priority,
            (_, Some(b"\"flex\"")) => ServiceTier::Flex,
            (_, Some(b"\"batch\"")) => ServiceTier::Batch,
            _ => ServiceTier::Standard,
        }
    }
}

impl<'a> Fields<'a> for Line<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        let field = match key {
            b"type" => &mut self.kind,
            b"timestamp" => &mut self.timestamp,
            b"sessionId" => &mut self.session,
            b"requestId" => &mut self.request,
            b"costUSD" => &mut self.cost,
            b"cwd" => &mut self.cwd,
            b"message" => {
                value.object(&mut self.message)?;
                return Ok(());
            }
            b"data" => {
                let mut data = None;
                value.object(&mut data)?;
                self.data = data.map(Box::new);
                return Ok(());
            }
            _ => return value.skip(),
        };
        *field = Some(value.raw()?);
        Ok(())
    }
}

impl<'a> Fields<'a> for Message<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        match key {
            b"id" => self.id = Some(value.raw()?),
            b"model" => self.model = Some(value.raw()?),
            b"usage" => value.object(&mut self.usage)?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

impl<'a> Fields<'a> for Progress<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        if key != b"message" {
            return value.skip();
        }
        value.object(&mut self.message)?;
        Ok(())
    }
}

impl<'a> Fields<'a> for Usage<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        let field = match key {
            b"input_tokens" => &mut self.input,
            b"output_tokens" => &mut self.output,
            b"cache_read_input_tokens" => &mut self.cache_read,
            b"cache_creation_input_tokens" => &mut self.cache_creation,
            b"service_tier" => &mut self.service_tier,
            b"speed" => &mut self.speed,
            b"cache_creation" => {
                value.object(&mut self.by_time)?;
                return Ok(());
            }
            _ => return value.skip(),
        };
        *field = Some(value.raw()?);
        Ok(())
    }
}

impl<'a> Fields<'a> for ByTime<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        match key {
            b"ephemeral_5m_input_tokens" => self.five_minutes = Some(value.raw()?),
            b"ephemeral_1h_input_tokens" => self.hour = Some(value.raw()?),
            _ => value.skip()?,
        }
        Ok(())
    }
}
