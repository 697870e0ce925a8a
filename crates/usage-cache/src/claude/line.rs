use serde_json::value::RawValue;

use crate::{
    Event, Key, NanoUsd, ServiceTier, TokenCounts,
    json::{each_field, each_field_of_line, name, number, text, time, tokens},
};

/// The fields of a line that matter.
///
/// Of a repeated key the last counts, as in JavaScript.
#[derive(Default)]
pub(super) struct Line<'l> {
    kind: Option<&'l RawValue>,
    timestamp: Option<&'l RawValue>,
    session: Option<&'l RawValue>,
    request: Option<&'l RawValue>,
    cost: Option<&'l RawValue>,
    message: Option<&'l RawValue>,
    /// What a sub-agent said, in a line about its progress.
    data: Option<&'l RawValue>,
}

impl<'l> Line<'l> {
    /// Reads a line; an error means that it is no JSON object.
    pub(super) fn read(line: &'l [u8]) -> serde_json::Result<Self> {
        let mut fields = Self::default();
        each_field_of_line(line, |key, raw| fields.take(key, raw))?;
        Ok(fields)
    }

    fn take(&mut self, key: &str, raw: &'l RawValue) {
        match key {
            "type" => self.kind = Some(raw),
            "timestamp" => self.timestamp = Some(raw),
            "sessionId" => self.session = Some(raw),
            "requestId" => self.request = Some(raw),
            "costUSD" => self.cost = Some(raw),
            "message" => self.message = Some(raw),
            "data" => self.data = Some(raw),
            _ => (),
        }
    }

    /// The answer that the line records, if it records one.
    ///
    /// A line about the progress of a sub-agent holds the line of its own transcript, in
    /// `data.message`; the identity is that of the answer, so it counts once.
    pub(super) fn event(&self) -> Option<Event<'l>> {
        match self.kind?.get() {
            "\"assistant\"" => self.answer(self.session),
            "\"progress\"" => {
                let mut inner = None;
                each_field(self.data?, |key, raw| {
                    if key == "message" {
                        inner = Some(raw);
                    }
                });
                let mut line = Line { timestamp: self.timestamp, ..Line::default() };
                each_field(inner?, |key, raw| line.take(key, raw));
                if line.kind?.get() != "\"assistant\"" {
                    return None;
                }
                line.answer(self.session)
            }
            _ => None,
        }
    }

    fn answer(&self, session: Option<&'l RawValue>) -> Option<Event<'l>> {
        let (mut id, mut model, mut usage) = (None, None, None);
        each_field(self.message?, |key, raw| match key {
            "id" => id = Some(raw),
            "model" => model = Some(raw),
            "usage" => usage = Some(raw),
            _ => (),
        });
        let usage = Usage::read(usage?)?;
        let cost = self.cost.and_then(number).and_then(NanoUsd::from_dollars);
        Some(Event {
            identity: identity(id, self.request, session),
            at: self.timestamp.and_then(time),
            provider: Some("anthropic".into()),
            model: model.and_then(name),
            tier: usage.tier,
            tokens: usage.tokens,
            cache_creation_1h: usage.cache_creation_1h,
            // Old releases recorded it. Zero is what they wrote without a price.
            cost: cost.filter(|cost| *cost != NanoUsd::ZERO),
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

#[derive(Default)]
struct Usage {
    tokens: TokenCounts,
    cache_creation_1h: u64,
    tier: ServiceTier,
}

impl Usage {
    /// Reads a `usage` object; `None` if no tokens were used.
    fn read(raw: &RawValue) -> Option<Self> {
        let mut counts = TokenCounts::default();
        let (mut written, mut by_time, mut tier, mut speed) = (None, None, None, None);
        each_field(raw, |key, raw| match key {
            "input_tokens" => counts.input = tokens(raw).unwrap_or(0),
            "output_tokens" => counts.output = tokens(raw).unwrap_or(0),
            "cache_read_input_tokens" => counts.cache_read = tokens(raw).unwrap_or(0),
            "cache_creation_input_tokens" => written = tokens(raw),
            "cache_creation" => by_time = Some(raw),
            "service_tier" => tier = Some(raw.get()),
            "speed" => speed = Some(raw.get()),
            _ => (),
        });
        let (mut five_minutes, mut hour) = (0, 0);
        if let Some(by_time) = by_time {
            each_field(by_time, |key, raw| match key {
                "ephemeral_5m_input_tokens" => five_minutes = tokens(raw).unwrap_or(0),
                "ephemeral_1h_input_tokens" => hour = tokens(raw).unwrap_or(0),
                _ => (),
            });
        }
        counts.cache_creation = written.unwrap_or(five_minutes + hour);
        counts.total = counts.sum_of_classes();
        let tier = match (speed, tier) {
            (Some("\"fast\""), _) | (_, Some("\"priority\"")) => ServiceTier::Priority,
            (_, Some("\"flex\"")) => ServiceTier::Flex,
            (_, Some("\"batch\"")) => ServiceTier::Batch,
            _ => ServiceTier::Standard,
        };
        let cache_creation_1h = hour.min(counts.cache_creation);
        (0 < counts.total).then_some(Self { tokens: counts, cache_creation_1h, tier })
    }
}
