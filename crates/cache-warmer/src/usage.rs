use serde::{Deserialize, Serialize};

use crate::Tier;

/// Tokens of one answered request, each counted once.
///
/// Providers count differently: the `input_tokens` of Anthropic are without those that were read
/// or written, the `prompt_tokens` of `OpenAI` include those that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestUsage {
    /// Of the prompt, neither read from the cache nor written to it.
    pub uncached: u64,
    /// Read from the cache.
    pub read: u64,
    /// Written to the cache for five minutes, or for whatever the only lifetime is.
    pub write_5m: u64,
    /// Written to the cache for one hour.
    pub write_1h: u64,
    /// Of the answer.
    pub output: u64,
}

impl RequestUsage {
    /// From the fields of Anthropic. `creation` and `creation_1h` are
    /// `cache_creation_input_tokens` and `cache_creation.ephemeral_1h_input_tokens`; what was not
    /// written for an hour was written for five minutes.
    pub const fn anthropic(
        input: u64,
        read: u64,
        creation: u64,
        creation_1h: u64,
        output: u64,
    ) -> Self {
        let write_1h = if creation_1h < creation { creation_1h } else { creation };
        Self { uncached: input, read, write_5m: creation - write_1h, write_1h, output }
    }

    /// From the fields of `OpenAI`: `cached` and `written` are parts of `prompt`, and cut to it.
    pub const fn openai(prompt: u64, cached: u64, written: u64, output: u64) -> Self {
        let read = if cached < prompt { cached } else { prompt };
        let rest = prompt - read;
        let write_5m = if written < rest { written } else { rest };
        Self { uncached: rest - write_5m, read, write_5m, write_1h: 0, output }
    }

    /// Written to the cache, for however long.
    pub const fn written(&self) -> u64 {
        self.write_5m.saturating_add(self.write_1h)
    }

    /// In the cache after the request, as far as the provider says so.
    pub const fn cached(&self) -> u64 {
        self.read.saturating_add(self.written())
    }

    /// The whole prompt.
    pub const fn prompt(&self) -> u64 {
        self.uncached.saturating_add(self.cached())
    }

    /// Prompt and answer.
    pub const fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }

    /// For how long the entry is kept, as far as this request tells: nothing is known if nothing
    /// was written. Where parts were written for different times, the shorter one counts, as the
    /// whole is only there as long as all of its parts are.
    pub const fn tier(&self) -> Option<Tier> {
        match (self.write_5m, self.write_1h) {
            (0, 0) => None,
            (0, _) => Some(Tier::OneHour),
            (_, _) => Some(Tier::FiveMinutes),
        }
    }

    /// The sum, each kind by itself, as far as it can be counted.
    pub const fn plus(&self, other: &Self) -> Self {
        Self {
            uncached: self.uncached.saturating_add(other.uncached),
            read: self.read.saturating_add(other.read),
            write_5m: self.write_5m.saturating_add(other.write_5m),
            write_1h: self.write_1h.saturating_add(other.write_1h),
            output: self.output.saturating_add(other.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_token_is_counted_once() {
        let table = [
            (RequestUsage::anthropic(3, 100, 50, 20, 7), (3, 100, 30, 20, 7), 153),
            // More than was written cannot have been written for an hour.
            (RequestUsage::anthropic(3, 100, 50, 90, 7), (3, 100, 0, 50, 7), 153),
            (RequestUsage::openai(1000, 700, 0, 5), (300, 700, 0, 0, 5), 1000),
            (RequestUsage::openai(1000, 700, 200, 5), (100, 700, 200, 0, 5), 1000),
            // A prompt does not contain more than it is long.
            (RequestUsage::openai(1000, 1200, 50, 5), (0, 1000, 0, 0, 5), 1000),
        ];
        for (usage, (uncached, read, write_5m, write_1h, output), prompt) in table {
            let expected = RequestUsage { uncached, read, write_5m, write_1h, output };
            assert_eq!(usage, expected);
            assert_eq!(usage.prompt(), prompt);
            assert_eq!(usage.total(), prompt + output);
        }
    }

    #[test]
    fn the_tier_is_that_which_was_written() {
        let usage = |write_5m, write_1h| RequestUsage { write_5m, write_1h, ..Default::default() };
        assert_eq!(usage(0, 0).tier(), None);
        assert_eq!(usage(1, 0).tier(), Some(Tier::FiveMinutes));
        assert_eq!(usage(0, 1).tier(), Some(Tier::OneHour));
        assert_eq!(usage(1, 1).tier(), Some(Tier::FiveMinutes));
    }
}
