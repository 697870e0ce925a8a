use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Millis;

/// Gaps are rounded up to this, so that what is covered is not told too well.
const SLOT: Millis = Millis::from_secs(15);

/// A longer gap counts as one that never ended: no warming reaches that far.
const GAP_MAX: Millis = Millis::from_hours(96);

/// How long real requests were apart.
///
/// Bounded in size: gaps are kept in steps of 15 seconds up to four days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GapHistogram {
    /// How many gaps ended in each step.
    steps: BTreeMap<u32, u32>,
    /// How many conversations did not go on.
    never: u32,
}

/// What is at stake in one idle spell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stakes {
    /// What a ping costs. Only the ratio of the three matters, so any unit will do.
    pub ping: i64,
    /// What the next real request pays for a prefix that is cached.
    pub read: i64,
    /// What it pays for one that is not, with what its delay is worth.
    pub write: i64,
    /// From one ping to the next.
    pub interval: Millis,
    /// How long an entry is kept.
    pub lifetime: Millis,
}

impl GapHistogram {
    /// Without any gap.
    pub fn new() -> Self {
        Self::default()
    }

    /// Counts a gap, from the start of one request to the start of the next.
    pub fn add(&mut self, gap: Millis) {
        if GAP_MAX < gap {
            return self.add_never();
        }
        let step = u32::try_from(gap.0.div_ceil(SLOT.0)).unwrap_or(u32::MAX);
        let count = self.steps.entry(step).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts a conversation that did not go on.
    pub fn add_never(&mut self) {
        self.never = self.never.saturating_add(1);
    }

    /// How many gaps were counted, with those that never ended.
    pub fn count(&self) -> u64 {
        self.ended() + u64::from(self.never)
    }

    fn ended(&self) -> u64 {
        self.steps.values().copied().map(u64::from).sum()
    }

    /// How many gaps were longer than `span`, with those that never ended.
    pub fn survivors(&self, span: Millis) -> u64 {
        self.count() - self.ended_by(span)
    }

    /// How many gaps were over after `span`.
    fn ended_by(&self, span: Millis) -> u64 {
        let step = u32::try_from(span.0 / SLOT.0).unwrap_or(u32::MAX);
        self.steps.range(..=step).map(|(_, count)| u64::from(*count)).sum()
    }

    /// What it costs to send at most 0, 1, 2, … pings in each idle spell, as the sum over all gaps.
    ///
    /// The last count is the first that covers every gap that ended: more pings only cost more. All
    /// are looked at, as the cost can rise before it falls to its minimum.
    pub fn costs(&self, stakes: &Stakes) -> Vec<i128> {
        let longest = self
            .steps
            .last_key_value()
            .map_or(Millis::ZERO, |(step, _)| SLOT.times(u64::from(*step)));
        if stakes.interval == Millis::ZERO {
            return Vec::new();
        }
        let ended = i128::from(self.ended());
        let cost = |pings: i128, covered: i128| {
            i128::from(stakes.ping)
                .saturating_mul(pings)
                .saturating_add(i128::from(stakes.read).saturating_mul(covered))
                .saturating_add(i128::from(stakes.write).saturating_mul(ended - covered))
        };
        let mut costs = Vec::new();
        let mut sent = 0;
        for count in 0_u64.. {
            let span = stakes.interval.times(count);
            if 0 < count {
                sent += i128::from(self.survivors(span));
            }
            let reach = span.plus(stakes.lifetime);
            costs.push(cost(sent, i128::from(self.ended_by(reach))));
            if longest <= reach {
                break;
            }
        }
        costs
    }

    /// How many pings cost least; the fewest, if several counts cost the same.
    pub fn best(&self, stakes: &Stakes) -> u32 {
        let costs = self.costs(stakes);
        let best = (0_u32..).zip(&costs).min_by_key(|(_, cost)| **cost);
        best.map_or(0, |(count, _)| count)
    }
}

#[cfg(test)]
mod tests;
