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
        self.steps.values().copied().map(u64::from).sum::<u64>() + u64::from(self.never)
    }

    /// How many gaps were longer than `span`, with those that never ended.
    pub fn survivors(&self, span: Millis) -> u64 {
        self.count() - self.ended_by(span)
    }

    /// How many gaps were over after `span`.
    fn ended_by(&self, span: Millis) -> u64 {
        self.steps.range(..=step_of(span)).map(|(_, count)| u64::from(*count)).sum()
    }

    /// Each step, and how many gaps were over after it.
    fn sums(&self) -> Vec<(u32, u64)> {
        let sum = |sum: &mut u64, (step, count): (&u32, &u32)| {
            *sum += u64::from(*count);
            Some((*step, *sum))
        };
        self.steps.iter().scan(0, sum).collect()
    }

    /// What it costs to send at most 0, 1, 2, … pings in each idle spell, as the sum over all gaps.
    ///
    /// The last count is the first that covers every gap that ended: more pings only cost more. All
    /// are looked at, as the cost can rise before it falls to its minimum.
    pub fn costs(&self, stakes: &Stakes) -> Vec<i128> {
        let sums = self.sums();
        let (longest, ended) =
            sums.last().map_or((0, 0), |(step, ended)| (*step, i128::from(*ended)));
        let ended_by = |span: Millis| {
            let after = sums.partition_point(|(step, _)| *step <= step_of(span));
            let last = after.checked_sub(1).and_then(|last| sums.get(last));
            last.map_or(0, |(_, ended)| i128::from(*ended))
        };
        let mut costs = Vec::new();
        let mut pings = 0_i128;
        if stakes.interval == Millis::ZERO {
            return costs;
        }
        for count in 0_u64.. {
            let span = stakes.interval.times(count);
            if 0 < count {
                pings += ended + i128::from(self.never) - ended_by(span);
            }
            let reach = span.plus(stakes.lifetime);
            let covered = ended_by(reach);
            let parts =
                [(stakes.ping, pings), (stakes.read, covered), (stakes.write, ended - covered)];
            let cost = parts.map(|(price, count)| i128::from(price).saturating_mul(count));
            costs.push(cost.into_iter().fold(0, i128::saturating_add));
            if longest <= step_of(reach) {
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

/// The last step that is over after `span`.
fn step_of(span: Millis) -> u32 {
    u32::try_from(span.0 / SLOT.0).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
