//! The days or months of a chart, and the models that are told apart in it.

use std::collections::BTreeMap;

use usage_cache::{DailyUsage, Day, ModelUsage, Usage};

use crate::text::model_name;

/// More days than these are bars too narrow to be seen on a phone.
const DAYS_MAX: usize = 90;
/// Five years.
const MONTHS_MAX: usize = 60;
/// So many models have a tone of their own if there are more than one besides.
const NAMED_MAX: usize = 5;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A day or a month.
pub(super) struct Column {
    /// The day, or the first of the month.
    pub(super) day: Day,
    /// In full: `Tue 2026-09-01`, `2026-09`.
    pub(super) name: String,
    /// In few characters: `Sep 1`, `Sep 2026`.
    pub(super) label: String,
    pub(super) usage: Usage,
    by_name: BTreeMap<String, Usage>,
}

/// The latest days up to the last with usage, those without included.
pub(super) fn days(daily: &[DailyUsage]) -> Vec<Column> {
    let columns = back(daily, DAYS_MAX, Day::yesterday);
    let name = |day: Day| {
        let text = day.to_string();
        let of_month = text.get(8..).unwrap_or_default().trim_start_matches('0').to_owned();
        let weekday = format!("{:?}", day.weekday());
        let weekday = weekday.get(..3).unwrap_or_default();
        (format!("{weekday} {text}"), format!("{} {of_month}", month(day)))
    };
    named(columns, daily, name)
}

/// The latest months.
pub(super) fn months(monthly: &[DailyUsage]) -> Vec<Column> {
    let before = |day: Day| day.first_of_month().yesterday().map(Day::first_of_month);
    let name = |day: Day| {
        let text = day.to_string();
        let name = text.get(..7).unwrap_or_default().to_owned();
        (name, format!("{} {}", month(day), day.month().0))
    };
    named(back(monthly, MONTHS_MAX, before), monthly, name)
}

fn month(day: Day) -> &'static str {
    let index = usize::from(day.month().1.unsigned_abs()).wrapping_sub(1);
    MONTHS.get(index).copied().unwrap_or_default()
}

/// From the last that has usage back to the first, or so many.
fn back(used: &[DailyUsage], most: usize, before: impl Fn(Day) -> Option<Day>) -> Vec<Day> {
    let (Some(first), Some(last)) = (used.first(), used.last()) else { return Vec::new() };
    let all = std::iter::successors(Some(last.day), |day| before(*day));
    let mut days: Vec<Day> = all.take_while(|day| first.day <= *day).take(most).collect();
    days.reverse();
    days
}

fn named(
    days: Vec<Day>,
    used: &[DailyUsage],
    name: impl Fn(Day) -> (String, String),
) -> Vec<Column> {
    let used: BTreeMap<Day, &DailyUsage> = used.iter().map(|usage| (usage.day, usage)).collect();
    let column = |day: Day| {
        let (name, label) = name(day);
        let used = used.get(&day);
        let usage = used.map(|used| used.usage).unwrap_or_default();
        let by_name = used.map(|used| by_name(&used.models)).unwrap_or_default();
        Column { day, name, label, usage, by_name }
    };
    days.into_iter().map(column).collect()
}

/// Several providers may have a model of the same name: here they are one.
pub(super) fn by_name(models: &[ModelUsage]) -> BTreeMap<String, Usage> {
    let mut sums: BTreeMap<String, Usage> = BTreeMap::new();
    for model in models {
        let sum = sums.entry(model_name(&model.model).to_owned()).or_default();
        *sum = *sum + model.usage;
    }
    sums
}

/// The same, the costliest first.
pub(super) fn ranked(models: &[ModelUsage]) -> Vec<(String, Usage)> {
    let mut ranked: Vec<_> = by_name(models).into_iter().collect();
    ranked.sort_by_key(|(_, usage)| std::cmp::Reverse((usage.cost, usage.tokens.total)));
    ranked
}

/// The models that a chart tells apart, each with a tone of its own.
pub(super) struct Legend {
    names: Vec<String>,
    /// How many more there are, which share the last tone.
    others: usize,
}

impl Legend {
    pub(super) fn of(ranked: &[(String, Usage)]) -> Self {
        let named = if ranked.len() <= NAMED_MAX + 1 { ranked.len() } else { NAMED_MAX };
        let names = ranked.iter().take(named).map(|(name, _)| name.clone()).collect();
        Self { names, others: ranked.len() - named }
    }

    /// What is shown of a column, or of all: each name with its part.
    pub(super) fn parts(&self, by_name: &BTreeMap<String, Usage>) -> Vec<(String, Usage)> {
        let part = |name: &String| by_name.get(name).copied().unwrap_or_default();
        let mut parts: Vec<_> = self.names.iter().map(|name| (name.clone(), part(name))).collect();
        if 0 < self.others {
            let others = by_name.iter().filter(|(name, _)| !self.names.contains(name));
            let others = others.fold(Usage::default(), |sum, (_, usage)| sum + *usage);
            parts.push((format!("{} others", self.others), others));
        }
        parts
    }
}

impl Column {
    #[cfg(test)]
    pub(super) fn test(day: &str, usage: Usage) -> Self {
        let day = day.parse().unwrap();
        Self { day, name: String::new(), label: String::new(), usage, by_name: BTreeMap::new() }
    }

    pub(super) fn parts(&self, legend: &Legend) -> Vec<(String, Usage)> {
        legend.parts(&self.by_name)
    }
}
