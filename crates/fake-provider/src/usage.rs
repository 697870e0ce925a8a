use serde::Serialize;

/// The tokens of one answered request, each counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Tokens of the prompt that were neither read from the cache nor written to it.
    pub uncached: u64,
    /// Tokens of the prompt that were read from the cache.
    pub read: u64,
    /// Tokens of the prompt that were written to the cache for five minutes.
    pub write_5m: u64,
    /// Tokens of the prompt that were written to the cache for one hour.
    pub write_1h: u64,
    /// Tokens of the prompt that were written to OpenAI's cache of GPT-5.6 and later models.
    pub write_30m: u64,
    /// Tokens of the answer.
    pub output: u64,
}

impl Usage {
    /// The tokens of the whole prompt.
    pub fn prompt(&self) -> u64 {
        self.uncached + self.read + self.write()
    }

    /// The tokens of the prompt that were written to the cache.
    pub fn write(&self) -> u64 {
        self.write_5m + self.write_1h + self.write_30m
    }
}

/// How many tokens a text has: one for each four bytes, and one for what remains.
///
/// No model counts like this. It is easy to foresee, which is what a test needs.
pub fn tokens(text: &str) -> u64 {
    u64::try_from(text.len().div_ceil(4)).unwrap_or(u64::MAX)
}
