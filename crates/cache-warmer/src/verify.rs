use serde::{Deserialize, Serialize};

use crate::RequestUsage;

/// What a ping did, as the provider tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It read what the last real request had left in the cache.
    Hit,
    /// It read less than that, and something else was written or paid in full.
    Partial,
    /// It read nothing: the entry was gone, or the prefix is another one.
    Miss,
    /// Nothing was read or written: there is nothing to keep.
    Uncacheable,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 4] = [Self::Hit, Self::Partial, Self::Miss, Self::Uncacheable];

    /// As in JSON and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Partial => "partial",
            Self::Miss => "miss",
            Self::Uncacheable => "uncacheable",
        }
    }
}

/// Providers count in blocks of up to 128 tokens, and the end of a prompt differs a little.
const SLACK_TOKENS: u64 = 128;

/// Judges a ping by what the last *real* request had left in the cache.
///
/// A ping that is compared with itself only can read a prefix of its own for ever and look perfect,
/// while the real requests miss.
pub fn verify(cached_by_real_request: u64, usage: &RequestUsage) -> Verdict {
    let slack = SLACK_TOKENS.max(cached_by_real_request / 50);
    if usage.read == 0 && usage.written() == 0 {
        Verdict::Uncacheable
    } else if usage.read == 0 {
        Verdict::Miss
    } else if cached_by_real_request <= usage.read.saturating_add(slack) {
        Verdict::Hit
    } else {
        Verdict::Partial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ping_is_judged_by_the_last_real_request() {
        let usage = |read, write_5m| RequestUsage { read, write_5m, ..RequestUsage::default() };
        let table = [
            (100_000, usage(100_000, 0), Verdict::Hit),
            (100_000, usage(98_000, 0), Verdict::Hit),
            (100_000, usage(97_999, 2_001), Verdict::Partial),
            // A chain of its own: all of what it reads, but not what the real request left.
            (100_000, usage(40_000, 0), Verdict::Partial),
            (100_000, usage(0, 100_000), Verdict::Miss),
            (100_000, usage(0, 0), Verdict::Uncacheable),
            (1_100, usage(1_024, 0), Verdict::Hit),
            (u64::MAX, usage(u64::MAX, u64::MAX), Verdict::Hit),
        ];
        for (cached, usage, verdict) in table {
            assert_eq!(verify(cached, &usage), verdict, "{cached} {usage:?}");
        }
    }
}
