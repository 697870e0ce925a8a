//! Which conversation a request belongs to.
//!
//! The requests of one conversation are told by what stays the same in all of them: the endpoint,
//! the model, the tools, the system prompt, the first message of the user, and the identifier of
//! the session, or, where the client gives none, the credentials (those of a session are renewed
//! now and then). What moves along with the conversation
//! does not count: `cache_control` marks, and whether a text is written as a string or as a block.

use std::fmt;

use hyper::HeaderMap;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::{Api, Endpoint, headers, text::Text};
use crate::{Account, Tier};

/// The fields in which clients name the session: Claude Code, Codex, and those who follow them.
const SESSION_FIELDS: [&str; 6] = [
    "x-claude-code-session-id",
    "session-id",
    "session_id",
    "thread-id",
    "conversation_id",
    "x-session-id",
];

/// The fields with which clients mark the requests of subagents: Claude Code (since 2.1.139)
/// and Codex.
const SUBAGENT_FIELDS: [&str; 3] =
    ["x-claude-code-agent-id", "x-claude-code-parent-agent-id", "x-openai-subagent"];

/// The first block of Claude Code's system prompt differs in each request; the provider takes it
/// out of the prompt.
const BILLING: &str = "x-anthropic-billing-header:";

/// The start of a SHA-256 hash, long enough that no two are the same by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConversationId([u8; 16]);

#[cfg(test)]
impl ConversationId {
    /// One of those that differ by a number.
    pub(crate) fn of_test(number: u8) -> Self {
        Self([number; 16])
    }
}

impl ConversationId {
    /// The first half of it.
    fn number(self) -> u64 {
        let mut bytes = [0; 8];
        bytes.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        u64::from_le_bytes(bytes)
    }
}

impl ConversationId {
    /// As it is displayed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self(u128::from_str_radix(text, 16).ok()?.to_be_bytes()))
    }

    /// Enough of it for people.
    pub(crate) fn short(self) -> String {
        Self::shorten(&self.to_string()).to_owned()
    }

    /// Enough of a displayed one for people.
    pub(crate) fn shorten(text: &str) -> &str {
        text.get(..8).unwrap_or(text)
    }
}

impl fmt::Display for ConversationId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// What tells conversations apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// The conversation.
    pub(crate) conversation: ConversationId,
    /// The conversation but for its tools and its system prompt: when these change, it has a new
    /// prefix, and nothing will ever read the old one.
    pub(crate) lineage: ConversationId,
    /// Whose endpoint it is.
    pub(crate) api: Api,
    /// Who pays: the credentials.
    pub(crate) account: Account,
    /// The lifetime that the request asks for by name, as that of OpenAI's extended retention.
    pub(crate) tier: Option<Tier>,
    /// The model, as the request names it.
    pub(crate) model: String,
    /// The client says that a subagent asks.
    pub(crate) is_subagent: bool,
}

impl Identity {
    /// Whose prices hold, by the names of [`Providers`](crate::Providers).
    pub(crate) fn provider(&self) -> &'static str {
        match self.api {
            Api::Anthropic => "anthropic",
            Api::OpenAi => "openai",
        }
    }

    /// Finds the identity of a request to `endpoint`; nothing if it names no model, has no message
    /// of a user, or continues a response that only the provider has.
    pub(crate) fn of(
        endpoint: Endpoint,
        headers: &HeaderMap,
        account: Account,
        text: &Text<'_>,
    ) -> Option<Self> {
        if text.has("previous_response_id") {
            return None;
        }
        let model = text.string("model")?.into_owned();
        let mut lineage = Hasher::new();
        lineage.part(&[endpoint as u8]);
        lineage.part(model.as_bytes());
        let credentials = headers::credentials(headers).map_or(&b""[..], |value| value.as_bytes());
        let sessions = sessions(headers, text);
        if sessions.is_empty() {
            lineage.part(credentials);
        }
        for session in sessions {
            lineage.part(&session);
        }
        let mut prefix = Hasher::new();
        prefix.json(text.value("tools"));
        match endpoint {
            Endpoint::Messages => {
                prefix.system(text.value("system"));
                lineage.until_user(text.value("messages")?, None)?;
            }
            Endpoint::ChatCompletions => {
                lineage.until_user(text.value("messages")?, Some(&mut prefix))?;
            }
            Endpoint::Responses => {
                prefix.json(text.value("instructions"));
                lineage.until_user(text.value("input")?, Some(&mut prefix))?;
            }
        }
        let lineage = lineage.finish();
        prefix.part(&lineage.0);
        let is_subagent = SUBAGENT_FIELDS.iter().any(|name| {
            headers.get(*name).is_some_and(|value| !value.as_bytes().trim_ascii().is_empty())
        });
        Some(Self {
            conversation: prefix.finish(),
            lineage,
            api: endpoint.api(),
            account,
            tier: (text.string("prompt_cache_retention").as_deref() == Some("24h"))
                .then_some(Tier::OneDay),
            model,
            is_subagent,
        })
    }
}

/// Who pays for a request with these header fields: a hash of the credentials.
pub(crate) fn account(headers: &HeaderMap) -> Account {
    let mut account = Hasher::new();
    account.part(headers::credentials(headers).map_or(&b""[..], |value| value.as_bytes()));
    Account(account.finish().number())
}

/// What the client gives as the identifier of its session.
fn sessions(headers: &HeaderMap, text: &Text<'_>) -> Vec<Vec<u8>> {
    let fields = SESSION_FIELDS.iter().filter_map(|name| headers.get(*name));
    let mut sessions: Vec<_> = fields.map(|value| value.as_bytes().to_vec()).collect();
    let members = [text.string_in("metadata", "user_id"), text.string("prompt_cache_key")];
    sessions.extend(members.into_iter().flatten().map(|id| id.into_owned().into_bytes()));
    sessions
}

/// Hashes parts, each with its length, so that no two lists of parts are alike.
struct Hasher(Sha256);

impl Hasher {
    fn new() -> Self {
        Self(Sha256::new())
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    fn finish(self) -> ConversationId {
        let mut fingerprint = [0; 16];
        fingerprint.iter_mut().zip(self.0.finalize()).for_each(|(to, from)| *to = from);
        ConversationId(fingerprint)
    }

    /// Hashes a JSON text without its `cache_control` marks.
    fn json(&mut self, json: Option<&str>) {
        let mut deserializer = serde_json::Deserializer::from_str(json.unwrap_or("null"));
        // The text was read before, so it can be read.
        Canonical(self).deserialize(&mut deserializer).ok();
    }

    /// Hashes what a message says, where a string is the same as one block of text.
    fn content(&mut self, content: Option<&str>) {
        let string = content.and_then(|content| serde_json::from_str::<String>(content).ok());
        match string {
            Some(text) => {
                let text = serde_json::Value::from(text);
                self.json(Some(&format!(r#"[{{"type":"text","text":{text}}}]"#)));
            }
            None => self.json(content),
        }
    }

    fn system(&mut self, system: Option<&str>) {
        let blocks = system.and_then(|system| serde_json::from_str::<Vec<&RawValue>>(system).ok());
        let Some(blocks) = blocks else { return self.content(system) };
        for block in blocks {
            let text = Text::parse(block.get()).and_then(|block| block.string("text"));
            if !text.is_some_and(|text| text.starts_with(BILLING)) {
                self.json(Some(block.get()));
            }
        }
    }

    /// Hashes the first message of the user, and adds those before it to `prefix`.
    fn until_user(&mut self, messages: &str, mut prefix: Option<&mut Self>) -> Option<()> {
        let Ok(messages) = serde_json::from_str::<Vec<&RawValue>>(messages) else {
            // The input of a response may be one string.
            let input: String = serde_json::from_str(messages).ok()?;
            self.part(input.as_bytes());
            return Some(());
        };
        for message in messages {
            let message = Text::parse(message.get())?;
            if message.string("role").as_deref() == Some("user") {
                self.content(message.value("content"));
                return Some(());
            }
            if let Some(prefix) = &mut prefix {
                prefix.json(Some(message.as_str()));
            }
        }
        None
    }
}

/// Feeds a JSON text into a hash while it is read, with a mark before each kind of value.
struct Canonical<'h>(&'h mut Hasher);

impl<'de> DeserializeSeed<'de> for Canonical<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Canonical<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.0.part(b"null");
        Ok(())
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.0.part(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.0.part(b"i");
        self.0.part(&value.to_le_bytes());
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.0.part(b"u");
        self.0.part(&value.to_le_bytes());
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.0.part(b"f");
        self.0.part(&value.to_le_bytes());
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.0.part(b"\"");
        self.0.part(value.as_bytes());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.0.part(b"[");
        while seq.next_element_seed(Canonical(&mut *self.0))?.is_some() {}
        self.0.part(b"]");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.part(b"{");
        while let Some(name) = map.next_key::<String>()? {
            if name == "cache_control" {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            }
            self.0.part(name.as_bytes());
            map.next_value_seed(Canonical(&mut *self.0))?;
        }
        self.0.part(b"}");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
