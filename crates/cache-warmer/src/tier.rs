use serde::{Deserialize, Serialize};

/// How long a provider keeps an entry of its cache, by name.
///
/// How long that is, is data of the provider: [`Terms::lifetime`](crate::Terms::lifetime).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Tier {
    /// The short one: of Anthropic, and the memory of `OpenAI`.
    #[serde(rename = "5m")]
    FiveMinutes,
    /// Of the Codex backend, as observed.
    #[serde(rename = "30m")]
    ThirtyMinutes,
    /// The long one of Anthropic; explicit caches of Gemini.
    #[serde(rename = "1h")]
    OneHour,
    /// Extended retention of `OpenAI`.
    #[serde(rename = "24h")]
    OneDay,
}

impl Tier {
    /// As in data and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FiveMinutes => "5m",
            Self::ThirtyMinutes => "30m",
            Self::OneHour => "1h",
            Self::OneDay => "24h",
        }
    }
}
