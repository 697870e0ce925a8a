//! Tables for people.

use cli_support::{
    table::{lines, right, table},
    text::{count, counted, plain},
};
use comfy_table::Cell;
use usage_cache::{DailyUsage, Day, SourceUsage, Summary, Usage};

use crate::text::{dollars, model_name};

const HEADER: [&str; 7] =
    ["Date", "Input", "Output", "Cache write", "Cache read", "Total tokens", "Cost"];

/// A row per day, and per model if asked for; the sum last, if there is to be one.
pub(crate) fn daily(days: &[DailyUsage], totals: Option<&Usage>, breakdown: bool) -> String {
    let mut table = table(&HEADER);
    for day in days {
        table.add_row(row(day.day.to_string(), &day.usage));
        if breakdown {
            for model in &day.models {
                let name = plain(&model_name(&model.model));
                table.add_row(row(format!("  {name}"), &model.usage));
            }
        }
    }
    if let Some(totals) = totals {
        table.add_row(row("Total".to_owned(), totals));
    }
    lines(&mut table)
}

/// Today, this month, and `all`, of which each runtime if there are several.
pub(crate) fn headline(summary: &Summary, today: Day, all: &str) -> String {
    let sum = |includes: &dyn Fn(Day) -> bool| {
        let days = summary.daily.iter().filter(|day| includes(day.day));
        days.fold(Usage::default(), |sum, day| sum + day.usage)
    };
    let rows = [
        ("Today", sum(&|day| day == today)),
        ("This month", sum(&|day| day.month() == today.month())),
        (all, summary.totals),
    ];
    // Who has one runtime need not be told its name.
    let sources = summary.sources.iter().filter(|_| 1 < summary.sources.len());
    let sources = sources.map(|SourceUsage { source, usage, .. }| (format!("  {source}"), *usage));
    let rows = rows.into_iter().map(|(name, usage)| (name.to_owned(), usage));
    let mut table = table(&[]);
    for (name, usage) in rows.chain(sources) {
        let tokens = counted(usage.tokens.total, "token");
        let answers = counted(usage.events, "answer");
        table.add_row([Cell::new(name), right(cost(&usage)), right(tokens), right(answers)]);
    }
    lines(&mut table)
}

fn row(name: String, usage: &Usage) -> Vec<Cell> {
    let tokens = &usage.tokens;
    let counts =
        [tokens.input, tokens.output, tokens.cache_creation, tokens.cache_read, tokens.total];
    let mut row = vec![Cell::new(name)];
    row.extend(counts.map(|number| right(count(number))));
    row.push(right(cost(usage)));
    row
}

/// Marked if something is missing from it.
fn cost(usage: &Usage) -> String {
    let mark = if 0 < usage.unpriced_events { "*" } else { "" };
    dollars(usage.cost) + mark
}
