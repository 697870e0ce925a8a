//! How the line looks.

use cli_support::text::iso;
use common_fs::Timestamp;
use serde::Serialize;
use usage_cache::{Block, NanoUsd, Usage, Zone};

use super::hook::Hook;
use crate::{screen::Screen, text::dollars};

const SCHEMA_VERSION: u32 = 1;
const MINUTES_PER_HOUR: u64 = 60;
const MILLIS_PER_MINUTE: i64 = 60_000;

/// What is to be shown.
pub(super) struct Line {
    pub(super) hook: Hook,
    pub(super) now: Timestamp,
    /// `None` if nothing is known yet.
    pub(super) known: Option<Known>,
}

pub(super) struct Known {
    pub(super) today: Usage,
    pub(super) month: Usage,
    /// The window of five hours that is not over yet, if there is one.
    pub(super) window: Option<Window>,
    /// When this was last known to hold.
    pub(super) held_at: Timestamp,
    pub(super) is_stale: bool,
}

pub(super) struct Window {
    pub(super) block: Block,
    /// Other runtimes have one too.
    pub(super) several: bool,
}

impl Line {
    pub(super) fn text(&self, Screen { styled, unicode, .. }: Screen) -> String {
        let mut parts: Vec<String> = Vec::new();
        let bold = |text: String| if styled { format!("\x1b[1m{text}\x1b[22m") } else { text };
        parts.extend(self.hook.model.clone().map(bold));
        parts.extend(self.hook.session_cost.map(|cost| format!("{} this session", dollars(cost))));
        match &self.known {
            None => parts.push("usage: no data yet".to_owned()),
            Some(known) => {
                let cost = |usage: &Usage| known.cost(usage);
                parts.push(format!("{} today", bold(cost(&known.today))));
                parts.push(format!("{} this month", cost(&known.month)));
                parts.extend(known.window.as_ref().map(|window| self.window(known, window)));
            }
        }
        let between = if unicode { '·' } else { '|' };
        let between =
            if styled { format!(" \x1b[2m{between}\x1b[22m ") } else { format!(" {between} ") };
        parts.join(&between) + "\n"
    }

    fn window(&self, known: &Known, Window { block, several }: &Window) -> String {
        let whose = if *several { format!(" of {}", block.source) } else { String::new() };
        let left = remaining_minutes(block, self.now);
        let left = left.map(|minutes| format!("{} left", in_hours(minutes)));
        let rate = block.burn_rate(self.now);
        let rate = rate.map(|rate| format!("{}/h", dollars(rate.cost_per_hour)));
        let details: Vec<String> = left.into_iter().chain(rate).collect();
        let details = match details.as_slice() {
            [] => String::new(),
            details => format!(" ({})", details.join(", ")),
        };
        format!("{} in this window{whose}{details}", known.cost(&block.usage))
    }

    pub(super) fn document(&self, zone: &Zone) -> LineDoc<'_> {
        let Hook { session_id, dir, model, session_cost, .. } = &self.hook;
        let known = self.known.as_ref();
        LineDoc {
            schema_version: SCHEMA_VERSION,
            timezone: zone.to_string(),
            as_of: known.map(|known| iso(known.held_at)),
            stale: known.is_none_or(|known| known.is_stale),
            today: known.map(|known| UsageDoc::new(&known.today)),
            month: known.map(|known| UsageDoc::new(&known.month)),
            window: known.and_then(|known| {
                known.window.as_ref().map(|window| WindowDoc::new(&window.block, self.now))
            }),
            session: SessionDoc {
                id: session_id.as_deref(),
                directory: dir.as_deref(),
                model: model.as_deref(),
                cost: session_cost.map(NanoUsd::dollars),
            },
        }
    }
}

impl Known {
    /// Marked if it may be out of date, or something is missing from it.
    fn cost(&self, usage: &Usage) -> String {
        let stale = if self.is_stale { "~" } else { "" };
        let unpriced = if 0 < usage.unpriced_events { "*" } else { "" };
        format!("{stale}{}{unpriced}", dollars(usage.cost))
    }
}

fn remaining_minutes(block: &Block, now: Timestamp) -> Option<u64> {
    u64::try_from((block.end.unix_millis() - now.unix_millis()) / MILLIS_PER_MINUTE).ok()
}

fn in_hours(minutes: u64) -> String {
    match (minutes / MINUTES_PER_HOUR, minutes % MINUTES_PER_HOUR) {
        (0, minutes) => format!("{minutes}m"),
        (hours, minutes) => format!("{hours}h {minutes:02}m"),
    }
}

/// The line for programs; `docs/formats.md` describes it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LineDoc<'l> {
    schema_version: u32,
    timezone: String,
    as_of: Option<String>,
    stale: bool,
    today: Option<UsageDoc>,
    month: Option<UsageDoc>,
    window: Option<WindowDoc<'l>>,
    session: SessionDoc<'l>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageDoc {
    total_tokens: u64,
    events: u64,
    unpriced_events: u64,
    total_cost: f64,
    total_cost_nano_usd: u64,
}

impl UsageDoc {
    fn new(usage: &Usage) -> Self {
        Self {
            total_tokens: usage.tokens.total,
            events: usage.events,
            unpriced_events: usage.unpriced_events,
            total_cost: usage.cost.dollars(),
            total_cost_nano_usd: usage.cost.0,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct WindowDoc<'l> {
    source: &'l str,
    start: String,
    end: String,
    usage: UsageDoc,
    remaining_minutes: Option<u64>,
    tokens_per_minute: Option<u64>,
    cost_per_hour: Option<f64>,
}

impl<'l> WindowDoc<'l> {
    fn new(block: &'l Block, now: Timestamp) -> Self {
        let rate = block.burn_rate(now);
        Self {
            source: &block.source,
            start: iso(block.start),
            end: iso(block.end),
            usage: UsageDoc::new(&block.usage),
            remaining_minutes: remaining_minutes(block, now),
            tokens_per_minute: rate.map(|rate| rate.tokens_per_minute),
            cost_per_hour: rate.map(|rate| rate.cost_per_hour.dollars()),
        }
    }
}

/// What Claude Code says of its session.
#[derive(Serialize)]
struct SessionDoc<'l> {
    id: Option<&'l str>,
    directory: Option<&'l str>,
    model: Option<&'l str>,
    cost: Option<f64>,
}
