use std::{ops::Add, sync::Arc};

use crate::{Day, Model, NanoUsd, TokenCounts, Weekday, Zone};

/// What a report is about. Both ends of the days are included; an open end is `None`.
#[derive(Clone, Debug)]
pub struct Query {
    /// In which time zone days begin.
    pub zone: Zone,
    /// The first day.
    pub since: Option<Day>,
    /// The last day.
    pub until: Option<Day>,
    /// What of transcripts that exist no more.
    pub gone: Gone,
    /// The [name](crate::Source::name) of the only source that is asked about; all if `None`.
    pub source: Option<String>,
    /// What the name of a model has to contain, in whatever case; all if `None`.
    pub model: Option<String>,
    /// What the [project](crate::Session::project) of a session has to contain, in whatever case;
    /// all if `None`.
    pub project: Option<String>,
}

/// Whether transcripts that exist no more are counted, as they last were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// They are: the runtimes delete transcripts, but what they cost was paid.
    Include,
    /// They are not: only what could be read again counts.
    Exclude,
}

impl Query {
    /// All days and all transcripts.
    pub fn all(zone: Zone) -> Self {
        Self {
            zone,
            since: None,
            until: None,
            gone: Gone::Include,
            source: None,
            model: None,
            project: None,
        }
    }

    pub(crate) fn asks_for_source(&self, name: &str) -> bool {
        self.source.as_deref().is_none_or(|source| source == name)
    }

    pub(crate) fn asks_for_model(&self, model: &Model) -> bool {
        let name = model.name.as_deref().unwrap_or_default();
        self.model.as_deref().is_none_or(|part| contains(name, part))
    }

    pub(crate) fn asks_for_project(&self, project: Option<&str>) -> bool {
        self.project.as_deref().is_none_or(|part| contains(project.unwrap_or_default(), part))
    }

    pub(crate) fn contains(&self, day: Day) -> bool {
        self.since.is_none_or(|since| since <= day) && self.until.is_none_or(|until| day <= until)
    }
}

fn contains(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(&part.to_lowercase())
}

/// Tokens and costs by civil day.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// The days that have events, in order.
    pub daily: Vec<DailyUsage>,
    /// The sum of these days.
    pub totals: Usage,
    /// Events without a time. They belong to no day and are not part of the totals.
    pub untimed: Usage,
    /// What the totals include of transcripts that exist no more.
    pub gone: Usage,
    /// What of that comes from [imported ledgers](crate::ledger).
    pub imported: Usage,
    /// What the totals include of answers on branches of a conversation that were left. They
    /// were paid for, but the runtime does not show them any more.
    pub abandoned: Usage,
    /// The models whose price is not known, with the events that are missing from the cost.
    pub unpriced: Vec<ModelUsage>,
    /// What the totals include of each source, by name.
    pub sources: Vec<SourceUsage>,
    /// What may belong to other sessions, and is not counted.
    pub unresolved: Unresolved,
}

impl Summary {
    /// The same by month: each with its first day.
    pub fn monthly(&self) -> Vec<DailyUsage> {
        periods(&self.daily, Day::first_of_month)
    }

    /// The same by week: each with its first day, which is a `first`.
    pub fn weekly(&self, first: Weekday) -> Vec<DailyUsage> {
        periods(&self.daily, |day| day.first_of_week(first))
    }
}

/// Adds up days, which are in order, by the first day of what they belong to.
fn periods(daily: &[DailyUsage], first_day: impl Fn(Day) -> Day) -> Vec<DailyUsage> {
    let mut periods: Vec<DailyUsage> = Vec::new();
    for day in daily {
        let first = first_day(day.day);
        match periods.last_mut() {
            Some(last) if last.day == first => last.add(day),
            Some(_) | None => periods.push(DailyUsage { day: first, ..day.clone() }),
        }
    }
    periods
}

impl DailyUsage {
    fn add(&mut self, other: &Self) {
        self.usage = self.usage + other.usage;
        for new in &other.models {
            match self.models.iter_mut().find(|known| known.model == new.model) {
                Some(known) => known.usage = known.usage + new.usage,
                None => self.models.push(new.clone()),
            }
        }
        ModelUsage::sort(&mut self.models);
    }
}

impl ModelUsage {
    /// The costliest first, then the one with the most tokens, then by name.
    pub(crate) fn sort(models: &mut [Self]) {
        let size = |usage: &Usage| (usage.cost, usage.tokens.total);
        models.sort_by(|a, b| {
            size(&b.usage).cmp(&size(&a.usage)).then_with(|| a.model.cmp(&b.model))
        });
    }
}

/// What was used of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceUsage {
    /// The [name](crate::Source::name) of the source.
    pub source: String,
    /// What was used of it.
    pub usage: Usage,
}

/// Events of any time that are not counted, because they may have been used by a session of
/// which no transcript is known: counting them would be a guess.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unresolved {
    /// How many transcripts have such events.
    pub transcripts: u64,
    /// How many events they have.
    pub events: u64,
}

/// What was used on a day, or from a day on in a week or a month.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DailyUsage {
    /// The day, or the first one.
    pub day: Day,
    /// In all.
    pub usage: Usage,
    /// By model, the costliest first.
    pub models: Vec<ModelUsage>,
}

/// What was used of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ModelUsage {
    /// The model.
    pub model: Arc<Model>,
    /// What was used of it.
    pub usage: Usage,
}

/// What some events used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// How many events there are: one for each answer of a model.
    pub events: u64,
    /// Their tokens.
    pub tokens: TokenCounts,
    /// Their cost, as far as it is known.
    pub cost: NanoUsd,
    /// How many of the events are missing from the cost, as their price is not known.
    pub unpriced_events: u64,
    /// The tokens of these.
    pub unpriced_tokens: u64,
    /// How many of the events were asked for with priority, which costs more.
    pub priority_events: u64,
    /// The tokens of these,
    pub priority_tokens: u64,
    /// and their cost, as far as it is known.
    pub priority_cost: NanoUsd,
}

impl Usage {
    /// Whether a sum does not fit, and is more than it says.
    pub fn is_saturated(&self) -> bool {
        self.tokens.is_saturated() || self.cost.is_saturated()
    }

    /// The tokens of the events that were not asked for with priority,
    pub fn standard_tokens(&self) -> u64 {
        self.tokens.total.saturating_sub(self.priority_tokens)
    }

    /// and their cost, as far as it is known.
    pub fn standard_cost(&self) -> NanoUsd {
        NanoUsd(self.cost.0.saturating_sub(self.priority_cost.0))
    }

    /// What is left without a part of it.
    pub fn without(&self, part: &Self) -> Self {
        let tokens =
            |of: fn(&TokenCounts) -> u64| of(&self.tokens).saturating_sub(of(&part.tokens));
        let minus = |whole: NanoUsd, part: NanoUsd| NanoUsd(whole.0.saturating_sub(part.0));
        Self {
            events: self.events.saturating_sub(part.events),
            tokens: TokenCounts {
                input: tokens(|tokens| tokens.input),
                output: tokens(|tokens| tokens.output),
                cache_creation: tokens(|tokens| tokens.cache_creation),
                cache_read: tokens(|tokens| tokens.cache_read),
                total: tokens(|tokens| tokens.total),
            },
            cost: minus(self.cost, part.cost),
            unpriced_events: self.unpriced_events.saturating_sub(part.unpriced_events),
            unpriced_tokens: self.unpriced_tokens.saturating_sub(part.unpriced_tokens),
            priority_events: self.priority_events.saturating_sub(part.priority_events),
            priority_tokens: self.priority_tokens.saturating_sub(part.priority_tokens),
            priority_cost: minus(self.priority_cost, part.priority_cost),
        }
    }

    /// The same, asked for with priority.
    pub(crate) fn with_priority(self) -> Self {
        Self {
            priority_events: self.events,
            priority_tokens: self.tokens.total,
            priority_cost: self.cost,
            ..self
        }
    }

    pub(crate) fn of(events: u64, tokens: TokenCounts, cost: Option<NanoUsd>) -> Self {
        let usage = Self { events, tokens, ..Self::default() };
        match cost {
            Some(cost) => Self { cost, ..usage },
            None => Self { unpriced_events: events, unpriced_tokens: tokens.total, ..usage },
        }
    }
}

impl Add for Usage {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            events: self.events.saturating_add(other.events),
            tokens: self.tokens + other.tokens,
            cost: self.cost + other.cost,
            unpriced_events: self.unpriced_events.saturating_add(other.unpriced_events),
            unpriced_tokens: self.unpriced_tokens.saturating_add(other.unpriced_tokens),
            priority_events: self.priority_events.saturating_add(other.priority_events),
            priority_tokens: self.priority_tokens.saturating_add(other.priority_tokens),
            priority_cost: self.priority_cost + other.priority_cost,
        }
    }
}
