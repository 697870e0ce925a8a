use std::time::Duration;

/// A point in wall-clock time: nanoseconds since 1970-01-01T00:00:00Z.
///
/// Reaches from the year 1677 to 2262. File times beyond that are clamped by
/// [`Timestamp::clamped`]; times from data go through [`Timestamp::from_unix_millis`], which
/// says when they do not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    unix_nanos: i64,
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self { unix_nanos: 0 };

    /// The time `nanos` nanoseconds after the Unix epoch.
    pub const fn from_unix_nanos(nanos: i64) -> Self {
        Self { unix_nanos: nanos }
    }

    /// The time `millis` milliseconds after the Unix epoch, if it is representable.
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        millis.checked_mul(1_000_000).map(Self::from_unix_nanos)
    }

    /// The time at `seconds` and `nanos` after the Unix epoch, clamped to what is representable.
    pub fn clamped(seconds: i64, nanos: u32) -> Self {
        let exact = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
        let limit = if exact < 0 { i64::MIN } else { i64::MAX };
        Self { unix_nanos: i64::try_from(exact).unwrap_or(limit) }
    }

    /// Nanoseconds since the Unix epoch.
    pub const fn unix_nanos(self) -> i64 {
        self.unix_nanos
    }

    /// Milliseconds since the Unix epoch, rounded towards the past.
    pub const fn unix_millis(self) -> i64 {
        self.unix_nanos.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero if it is not after it, as a wall clock can step
    /// back.
    pub fn since(self, earlier: Self) -> Duration {
        let nanos = i128::from(self.unix_nanos) - i128::from(earlier.unix_nanos);
        u64::try_from(nanos).map_or(Duration::ZERO, Duration::from_nanos)
    }

    /// The time `span` later, clamped to what is representable.
    pub fn plus(self, span: Duration) -> Self {
        let nanos = i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        Self { unix_nanos: self.unix_nanos.saturating_add(nanos) }
    }
}
