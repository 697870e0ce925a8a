//! How much of the prompts came from the prompt cache.

use cli_support::text::count;
use usage_cache::{ModelUsage, Summary, TokenCounts};

use super::{
    columns::{self, Column},
    element::{Element, paragraph, short},
    plot::{COLUMN, Plot, column, title, unit},
    scale::{percent, ratio},
    section,
    table::{Kind, cell, in_numbers, share, table},
};

const OF: &str = "Prompt tokens read from the prompt cache, per day";

pub(super) fn cache(summary: &Summary, models: &[ModelUsage]) -> Element {
    let tokens = &summary.totals.tokens;
    let all = rate(tokens).map_or_else(
        || "There were no prompts.".to_owned(),
        |rate| {
            format!(
                "{rate} of all prompt tokens came from the prompt cache: {} of {}.",
                count(tokens.cache_read),
                count(tokens.prompt())
            )
        },
    );
    let days = columns::days(&summary.daily);
    let mut content = vec![paragraph(&all)];
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        let subject = format!("Each day from {} to {}", first.day, last.day);
        content.push(paragraph(&subject).class("subject"));
        content.push(chart(&days));
        content.push(in_numbers(numbers(&days)));
    }
    content.push(paragraph("By model").class("subject"));
    content.push(by_model(models));
    section("cache", "Cache hit rate", content)
}

/// The part of the prompts that came from the cache; of no prompts there is none.
fn rate(tokens: &TokenCounts) -> Option<String> {
    percent(tokens.cache_read, tokens.prompt())
}

fn chart(days: &[Column]) -> Element {
    let mut plot = Plot::new(days);
    for run in runs(days) {
        let points: Vec<String> =
            run.iter().map(|(x, y)| format!("{},{}", short(*x), short(*y))).collect();
        plot.add(Element::new("polyline").class("rate").attr("points", points.join(" ")));
    }
    for (nth, day) in days.iter().enumerate() {
        let tokens = &day.usage.tokens;
        let rate = rate(tokens).unwrap_or_else(|| "no prompts".to_owned());
        let text = format!("{}: {rate}", day.name);
        plot.add(Element::new("g").child(title(&text)).child(column(nth)));
    }
    let lines = [100_u8, 75, 50, 25, 0].map(|at| (100.0 - f64::from(at), format!("{at} %")));
    plot.draw(&format!("{OF}; the table below has the numbers"), &lines)
}

/// Lines over the days in a row that have prompts. A day between days without has a short one.
fn runs(days: &[Column]) -> Vec<Vec<(f64, f64)>> {
    const END: f64 = COLUMN * 0.3;
    let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
    let mut is_open = false;
    for (nth, day) in days.iter().enumerate() {
        let tokens = &day.usage.tokens;
        if tokens.prompt() == 0 {
            is_open = false;
            continue;
        }
        let x = unit(nth) + COLUMN / 2.0;
        let y = 100.0 - 100.0 * ratio(tokens.cache_read, tokens.prompt());
        match runs.last_mut().filter(|_| is_open) {
            Some(run) => {
                // The end of the line so far moves on.
                run.pop();
                run.extend([(x, y), (x + END, y)]);
            }
            None => runs.push(vec![(x - END, y), (x, y), (x + END, y)]),
        }
        is_open = true;
    }
    runs
}

fn numbers(days: &[Column]) -> Element {
    let header = [
        ("Day", Kind::Text),
        ("Hit rate", Kind::Number),
        ("Read from cache", Kind::Number),
        ("Written to cache", Kind::Number),
        ("Neither", Kind::Number),
    ];
    let rows = days.iter().rev().filter(|day| 0 < day.usage.events).map(|day| {
        let tokens = &day.usage.tokens;
        let mut row = vec![cell(&day.name), cell(&rate(tokens).unwrap_or_else(|| "–".to_owned()))];
        row.extend(classes(tokens));
        row
    });
    table(OF, &header, rows)
}

fn classes(tokens: &TokenCounts) -> [Element; 3] {
    [tokens.cache_read, tokens.cache_creation, tokens.input].map(|number| cell(&count(number)))
}

fn by_model(models: &[ModelUsage]) -> Element {
    let header = [
        ("Model", Kind::Text),
        ("Hit rate", Kind::Number),
        ("Read from cache", Kind::Number),
        ("Written to cache", Kind::Number),
        ("Neither", Kind::Number),
    ];
    let rows = columns::ranked(models).into_iter().map(|(name, usage)| {
        let tokens = &usage.tokens;
        let rate = share(rate(tokens), ratio(tokens.cache_read, tokens.prompt()));
        let mut row = vec![cell(&name).class("name"), rate];
        row.extend(classes(tokens));
        row
    });
    table("Cache hit rate by model", &header, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_where_a_day_has_no_prompts() {
        let usage = |cached: u64, prompt: u64| {
            let mut usage = usage_cache::Usage::default();
            usage.tokens.cache_read = cached;
            usage.tokens.input = prompt - cached;
            usage
        };
        let days = [(0, 0), (1, 4), (2, 4), (0, 0), (4, 4)];
        let days: Vec<Column> = days
            .into_iter()
            .map(|(cached, prompt)| Column::test("2026-09-01", usage(cached, prompt)))
            .collect();
        let expected = [
            vec![(12.0, 75.0), (15.0, 75.0), (25.0, 50.0), (28.0, 50.0)],
            vec![(42.0, 0.0), (45.0, 0.0), (48.0, 0.0)],
        ];
        assert_eq!(runs(&days), expected);
    }
}
