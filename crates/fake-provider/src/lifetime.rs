use std::time::Duration;

/// How long an entry of Anthropic's cache lives after it was last used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The default.
    FiveMinutes,
    /// `"ttl": "1h"`.
    OneHour,
}

/// How long entries of the caches really live.
///
/// A proof in real time has no hour to wait; it makes all of them shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// [`Tier::FiveMinutes`].
    pub five_minutes: Duration,
    /// [`Tier::OneHour`].
    pub one_hour: Duration,
    /// OpenAI's cache of GPT-5.6 and later models, after its last use.
    pub thirty_minutes: Duration,
    /// OpenAI's cache in memory, after its last use.
    pub in_memory: Duration,
    /// OpenAI's `"prompt_cache_retention": "24h"`, after its last use.
    pub extended: Duration,
}

impl Lifetimes {
    /// As documented in 2026. Of OpenAI's 5 to 10 minutes it is the shorter time.
    pub const DOCUMENTED: Self = Self {
        five_minutes: Duration::from_mins(5),
        one_hour: Duration::from_hours(1),
        thirty_minutes: Duration::from_mins(30),
        in_memory: Duration::from_mins(5),
        extended: Duration::from_hours(24),
    };

    /// Of a tier.
    pub fn of(&self, tier: Tier) -> Duration {
        match tier {
            Tier::FiveMinutes => self.five_minutes,
            Tier::OneHour => self.one_hour,
        }
    }
}
