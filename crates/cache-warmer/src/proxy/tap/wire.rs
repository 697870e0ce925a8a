//! How the providers write usage.

use serde::Deserialize;

use crate::RequestUsage;

use super::Api;

/// The members of all `usage` objects of a response, where a later one replaces an earlier one:
/// the counts of Anthropic's last event are totals, and leave out what did not change.
#[derive(Default)]
pub(super) struct Counted {
    anthropic: Anthropic,
    open_ai: OpenAi,
    /// One of them was not as known, so all that was counted may be wrong.
    unknown: bool,
}

/// `input_tokens` is without what was read from the cache or written to it.
#[derive(Default, Deserialize)]
struct Anthropic {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<Written>,
    output_tokens: Option<u64>,
}

/// What was written to the cache, by how long it lives there.
#[derive(Clone, Copy, Default, Deserialize)]
struct Written {
    #[serde(default)]
    ephemeral_5m_input_tokens: u64,
    #[serde(default)]
    ephemeral_1h_input_tokens: u64,
}

/// The prompt (`prompt_tokens` of chat completions, `input_tokens` of responses) includes what
/// was read from the cache.
#[derive(Default, Deserialize)]
struct OpenAi {
    #[serde(alias = "input_tokens")]
    prompt_tokens: Option<u64>,
    #[serde(alias = "output_tokens")]
    completion_tokens: Option<u64>,
    #[serde(alias = "input_tokens_details")]
    prompt_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Deserialize)]
struct Details {
    cached_tokens: Option<u64>,
    /// Told by those models that charge for writing to the cache.
    cache_write_tokens: Option<u64>,
}

impl Counted {
    pub(super) fn add(&mut self, api: Api, object: &[u8]) {
        let read = match api {
            Api::Anthropic => {
                serde_json::from_slice(object).map(|usage| self.anthropic.add(&usage))
            }
            Api::OpenAi => serde_json::from_slice(object).map(|usage| self.open_ai = usage),
        };
        self.unknown |= read.is_err();
    }

    pub(super) fn usage(&self, api: Api) -> Option<RequestUsage> {
        if self.unknown {
            return None;
        }
        match api {
            Api::Anthropic => self.anthropic.usage(),
            Api::OpenAi => self.open_ai.usage(),
        }
    }
}

impl Anthropic {
    fn add(&mut self, later: &Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens =
            later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.cache_creation = later.cache_creation.or(self.cache_creation);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
    }

    fn usage(&self) -> Option<RequestUsage> {
        let split = self.cache_creation.unwrap_or_default();
        let sum = split.ephemeral_5m_input_tokens.saturating_add(split.ephemeral_1h_input_tokens);
        Some(RequestUsage::anthropic(
            self.input_tokens?,
            self.cache_read_input_tokens.unwrap_or(0),
            self.cache_creation_input_tokens.unwrap_or(0).max(sum),
            split.ephemeral_1h_input_tokens,
            self.output_tokens.unwrap_or(0),
        ))
    }
}

impl OpenAi {
    fn usage(&self) -> Option<RequestUsage> {
        let details = self.prompt_tokens_details;
        Some(RequestUsage::openai(
            self.prompt_tokens?,
            details.and_then(|details| details.cached_tokens).unwrap_or(0),
            details.and_then(|details| details.cache_write_tokens).unwrap_or(0),
            self.completion_tokens.unwrap_or(0),
        ))
    }
}
