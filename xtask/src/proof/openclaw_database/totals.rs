use demo_corpus::openclaw_db::Truth;
use serde::{Deserialize, Serialize};

/// What sessions add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Totals {
    pub(super) events: u64,
    pub(super) tokens: u64,
    pub(super) cost_nanos: u64,
    pub(super) abandoned_events: u64,
    pub(super) abandoned_tokens: u64,
    pub(super) abandoned_cost_nanos: u64,
}

impl From<&Truth> for Totals {
    fn from(truth: &Truth) -> Self {
        let Truth { all, abandoned, .. } = truth;
        Self {
            events: all.events,
            tokens: all.tokens,
            cost_nanos: all.cost_nanos,
            abandoned_events: abandoned.events,
            abandoned_tokens: abandoned.tokens,
            abandoned_cost_nanos: abandoned.cost_nanos,
        }
    }
}

impl Totals {
    /// Whether nothing is less than in `other`.
    pub(super) fn is_at_least(self, other: Self) -> bool {
        other.events <= self.events
            && other.tokens <= self.tokens
            && other.cost_nanos <= self.cost_nanos
            && other.abandoned_events <= self.abandoned_events
            && other.abandoned_tokens <= self.abandoned_tokens
            && other.abandoned_cost_nanos <= self.abandoned_cost_nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_total_may_shrink() {
        let one = Totals { events: 1, ..Totals::default() };
        let token = Totals { tokens: 1, ..Totals::default() };
        assert!(one.is_at_least(one) && one.is_at_least(Totals::default()));
        assert!(!one.is_at_least(token) && !token.is_at_least(one));
    }
}
