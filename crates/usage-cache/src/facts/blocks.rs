//! Windows of five hours, in which subscriptions are limited.
//!
//! A window begins with the full hour, in UTC, of the first answer after the last one was over,
//! and lasts five hours, as [ccusage](https://github.com/ryoppippi/ccusage) has it; the
//! providers do not say when theirs begin. Each source has windows of its own.

use std::collections::BTreeMap;

use common_fs::Timestamp;

use super::{
    Facts, Placed,
    summary::{ByModel, add, by_cost, sum},
};
use crate::{ModelUsage, NanoUsd, Query, Usage, rollup::Quarter};

/// How long a window is.
pub const BLOCK_HOURS: u8 = 5;

const QUARTERS_PER_HOUR: i32 = 4;
const QUARTERS_PER_BLOCK: i32 = BLOCK_HOURS as i32 * QUARTERS_PER_HOUR;
const MILLIS_PER_MINUTE: i64 = 60_000;
const MINUTES_PER_HOUR: u64 = 60;

/// What a source used in a window of five hours.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// The [name](crate::Source::name) of the source.
    pub source: String,
    /// When the window began: a full hour.
    pub start: Timestamp,
    /// When it is over.
    pub end: Timestamp,
    /// When the first answer in it came, to a quarter of an hour where the runtime's answers have
    /// no identity,
    pub first: Timestamp,
    /// and when the last.
    pub last: Timestamp,
    /// In all.
    pub usage: Usage,
    /// By model, the costliest first.
    pub models: Vec<ModelUsage>,
}

/// How fast something is used, from the first answer of a window until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BurnRate {
    /// Tokens of all classes in a minute.
    pub tokens_per_minute: u64,
    /// What an hour costs, as far as prices are known.
    pub cost_per_hour: NanoUsd,
}

/// What a window comes to if it goes on like this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Projection {
    /// Until the window is over.
    pub remaining_minutes: u64,
    /// Tokens of all classes.
    pub total_tokens: u64,
    /// Their cost, as far as prices are known.
    pub cost: NanoUsd,
}

impl Block {
    /// Whether the window is not over yet.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.start <= now && now < self.end
    }

    /// How fast a window is used that is not over yet; `None` in its first minute, which says
    /// nothing.
    pub fn burn_rate(&self, now: Timestamp) -> Option<BurnRate> {
        let minutes = minutes(self.first, now).filter(|minutes| 0 < *minutes)?;
        self.is_active(now).then(|| BurnRate {
            tokens_per_minute: self.usage.tokens.total / minutes,
            cost_per_hour: NanoUsd(scale(self.usage.cost.0, MINUTES_PER_HOUR, minutes)),
        })
    }

    /// What a window comes to that is not over yet, if it goes on as it did.
    pub fn projection(&self, now: Timestamp) -> Option<Projection> {
        let remaining_minutes = minutes(now, self.end)?;
        let minutes = minutes(self.first, now).filter(|minutes| 0 < *minutes)?;
        let more = |used: u64| used.saturating_add(scale(used, remaining_minutes, minutes));
        self.is_active(now).then(|| Projection {
            remaining_minutes,
            total_tokens: more(self.usage.tokens.total),
            cost: NanoUsd(more(self.usage.cost.0)),
        })
    }
}

fn minutes(from: Timestamp, to: Timestamp) -> Option<u64> {
    u64::try_from((to.unix_millis() - from.unix_millis()) / MILLIS_PER_MINUTE).ok()
}

fn scale(amount: u64, by: u64, of: u64) -> u64 {
    let scaled = u128::from(amount) * u128::from(by) / u128::from(of.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// A window in the making.
struct Open<'f> {
    start: Quarter,
    times: (Timestamp, Timestamp),
    by_model: ByModel<'f>,
}

impl Facts {
    /// The windows that begin in the days of `query`, by their beginning.
    ///
    /// Which windows there are does not depend on the days that are asked for; it does depend on
    /// models and projects.
    pub fn blocks(&self, query: &Query) -> Vec<Block> {
        let mut placed: Vec<Placed<'_>> = self.cells(query).collect();
        placed.sort_by_key(|placed| placed.cell.key.quarter);
        let mut open: BTreeMap<&str, Open<'_>> = BTreeMap::new();
        let mut blocks = Vec::new();
        for Placed { cell, source, model, .. } in &placed {
            let Some((quarter, times)) = cell.key.quarter.zip(cell.times()) else { continue };
            let is_over = |open: &Open<'_>| QUARTERS_PER_BLOCK <= quarter.0 - open.start.0;
            if open.get(source).is_none_or(is_over) {
                let start = Quarter(quarter.0 - quarter.0.rem_euclid(QUARTERS_PER_HOUR));
                let new = Open { start, times, by_model: ByModel::default() };
                let over = open.insert(source, new);
                blocks.extend(over.and_then(|over| block(source, over)));
            }
            if let Some(open) = open.get_mut(source) {
                open.times = (open.times.0.min(times.0), open.times.1.max(times.1));
                add(&mut open.by_model, model, cell.usage());
            }
        }
        blocks.extend(open.into_iter().filter_map(|(source, open)| block(source, open)));
        blocks.retain(|block| query.contains(query.zone.day(block.start)));
        blocks.sort_by(|a, b| (a.start, &a.source).cmp(&(b.start, &b.source)));
        blocks
    }
}

fn block(source: &str, Open { start, times: (first, last), by_model }: Open<'_>) -> Option<Block> {
    let models = by_cost(by_model);
    Some(Block {
        source: source.to_owned(),
        start: start.start(),
        end: Quarter(start.0.checked_add(QUARTERS_PER_BLOCK)?).start(),
        first,
        last,
        usage: sum(models.iter().map(|model| model.usage)),
        models,
    })
}
