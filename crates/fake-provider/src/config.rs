use std::time::Duration;

use crate::{fault::Faults, lifetime::Lifetimes};

/// How a provider behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// The port of 127.0.0.1 to listen on; 0 for any that is free.
    pub port: u16,
    /// How long the caches keep what they have.
    pub lifetimes: Lifetimes,
    /// The shortest prefix that Anthropic's cache takes. OpenAI's takes 1,024 tokens.
    pub minimum: Minimum,
    /// How many tokens an answer has, unless the request allows fewer.
    pub reply_tokens: u64,
    /// How long a model works on a prompt before its answer starts.
    pub before_first_part: Duration,
    /// How long it works on each further event of a stream.
    pub between_parts: Duration,
    /// What goes wrong. The header `x-fake-fault` of a request comes before it.
    pub faults: Faults,
    /// The only credential that is accepted; without it, any is.
    pub credential: Option<String>,
}

impl Config {
    /// A provider that answers at once, and keeps what it has as long as is documented.
    pub const USUAL: Self = Self {
        port: 0,
        lifetimes: Lifetimes::DOCUMENTED,
        minimum: Minimum::OfModel,
        reply_tokens: 16,
        before_first_part: Duration::ZERO,
        between_parts: Duration::ZERO,
        faults: Faults::NONE,
        credential: None,
    };
}

/// The shortest prefix that is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimum {
    /// What is known of the model.
    OfModel,
    /// So many tokens, whatever the model.
    Tokens(u64),
}

/// By a part of the model's name, the first that fits.
///
/// Source: the prompt caching pages of LiteLLM, October 2026; for what they do not list, of
/// `shared/prompt-caching.md` in anthropics/skills, July 2026. Both disagree on some models.
const MINIMUM_TOKENS: [(&str, u64); 9] = [
    ("opus-4-5", 4_096),
    ("opus-4-6", 4_096),
    ("opus-4-7", 4_096),
    ("haiku-4-5", 4_096),
    ("opus-5", 512),
    ("fable-5", 512),
    ("mythos-5", 512),
    ("haiku-3", 2_048),
    ("3-haiku", 2_048),
];

/// Of all other models.
const MINIMUM_TOKENS_OTHERWISE: u64 = 1_024;

impl Minimum {
    /// In tokens.
    pub fn tokens(self, model: &str) -> u64 {
        let known = MINIMUM_TOKENS.iter().find(|(part, _)| model.contains(part));
        match self {
            Self::OfModel => known.map_or(MINIMUM_TOKENS_OTHERWISE, |(_, tokens)| *tokens),
            Self::Tokens(tokens) => tokens,
        }
    }
}
