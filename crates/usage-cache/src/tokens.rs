use std::ops::Add;

/// Tokens by how they are charged.
///
/// The classes do not overlap: [`input`](Self::input) is what was neither read from nor written
/// to the prompt cache. Sums saturate at `u64::MAX`; see [`TokenCounts::is_saturated`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenCounts {
    /// Prompt tokens outside the prompt cache.
    pub input: u64,
    /// Generated tokens, reasoning included.
    pub output: u64,
    /// Prompt tokens written to the prompt cache.
    pub cache_creation: u64,
    /// Prompt tokens read from the prompt cache.
    pub cache_read: u64,
    /// All tokens, as the provider counted them where it did, else the sum of the four classes.
    pub total: u64,
}

impl TokenCounts {
    /// The sum of the four classes.
    pub fn sum_of_classes(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }

    /// The size of the prompt, from the cache or not.
    pub fn prompt(&self) -> u64 {
        self.input.saturating_add(self.cache_creation).saturating_add(self.cache_read)
    }

    /// Whether a count may be less than the true sum, because that does not fit.
    pub fn is_saturated(&self) -> bool {
        [self.input, self.output, self.cache_creation, self.cache_read, self.total]
            .contains(&u64::MAX)
    }
}

impl Add for TokenCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_creation: self.cache_creation.saturating_add(other.cache_creation),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            total: self.total.saturating_add(other.total),
        }
    }
}
