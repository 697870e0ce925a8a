//! What was spent on each day or in each month, by model.

use usage_cache::{DailyUsage, ModelUsage, Summary, Usage};

use super::{
    columns::{self, Column, Legend},
    element::{Element, paragraph},
    plot::{Plot, bar, column, title},
    scale::{Measure, Scale, percent},
    section,
    table::{Kind, cell, in_numbers, table},
};

/// The days, and the months if these reach further back.
pub(super) fn spend(summary: &Summary, measure: Measure, models: &[ModelUsage]) -> Element {
    let legend = Legend::of(&columns::ranked(models));
    let days = columns::days(&summary.daily);
    let mut content = vec![tones(&legend, measure, models)];
    if let (Some(first), Some(last)) = (days.first(), days.last()) {
        let of = format!("{} per day, by model, {} to {}", measure.heading(), first.day, last.day);
        content.push(subject(&format!("Each day from {} to {}", first.day, last.day)));
        content.extend(chart(&of, "Day", &days, &legend, measure));
    }
    if is_longer(&summary.daily, &days) {
        let months = columns::months(&summary.monthly());
        let of = format!("{} per month, by model", measure.heading());
        content.push(subject("Each month"));
        content.extend(chart(&of, "Month", &months, &legend, measure));
    }
    section("spend", &format!("{} per day", measure.heading()), content)
}

fn subject(text: &str) -> Element {
    paragraph(text).class("subject")
}

/// Whether there is usage before the first column.
fn is_longer(daily: &[DailyUsage], shown: &[Column]) -> bool {
    daily.first().zip(shown.first()).is_some_and(|(first, shown)| first.day < shown.day)
}

/// Which tone is which model, and what that comes to.
fn tones(legend: &Legend, measure: Measure, models: &[ModelUsage]) -> Element {
    let parts = legend.parts(&columns::by_name(models));
    let all = parts.iter().fold(0_u64, |sum, (_, usage)| sum.saturating_add(measure.value(usage)));
    let tone = |(nth, (name, usage)): (usize, &(String, Usage))| {
        let share = percent(measure.value(usage), all);
        let share = share.map(|share| format!(", {share}")).unwrap_or_default();
        let amount = format!("{}{share}", measure.amount(usage));
        let tone = Element::new("rect").class(&format!("tone{nth}"));
        let tone = tone.numbers([("width", 10.0), ("height", 10.0)]);
        let swatch = Element::new("svg").class("swatch").attr("viewBox", "0 0 10 10");
        Element::new("li")
            .child(swatch.attr("aria-hidden", "true").child(tone))
            .child(cell(name).class("name"))
            .text(" ")
            .child(cell(&amount).class("faint"))
    };
    let list = Element::new("ul").class("tones");
    list.children(parts.iter().enumerate().map(tone))
}

fn chart(
    of: &str,
    unit: &str,
    columns: &[Column],
    legend: &Legend,
    measure: Measure,
) -> [Element; 2] {
    let max = columns.iter().map(|column| measure.value(&column.usage)).max();
    let scale = Scale::up_to(measure, max.unwrap_or_default());
    let mut plot = Plot::new(columns);
    for (nth, column) in columns.iter().enumerate() {
        plot.add(stack(nth, column, &column.parts(legend), scale, measure));
    }
    let label = format!("{of}; the table below has the numbers");
    [plot.draw(&label, &scale.lines()), in_numbers(numbers(of, unit, columns, legend, measure))]
}

/// The largest model is at the bottom, as the first of the legend.
fn stack(
    nth: usize,
    of: &Column,
    parts: &[(String, Usage)],
    scale: Scale,
    measure: Measure,
) -> Element {
    let mut text = format!("{}: {}", of.name, measure.sentence(&of.usage));
    for (name, usage) in parts.iter().filter(|(_, usage)| 0 < usage.events) {
        text += &format!("\n{name}: {}", measure.amount(usage));
    }
    let mut below = 0_u64;
    let values = parts.iter().map(|(_, usage)| measure.value(usage)).enumerate();
    let bars = values.filter(|(_, value)| 0 < *value).map(|(tone, value)| {
        let from = below;
        below = below.saturating_add(value);
        bar(nth, scale.percent(from), scale.percent(below)).class(&format!("tone{tone}"))
    });
    let bars: Vec<Element> = bars.collect();
    Element::new("g").child(title(&text)).child(column(nth)).children(bars)
}

fn numbers(of: &str, unit: &str, columns: &[Column], legend: &Legend, measure: Measure) -> Element {
    let names: Vec<String> = match columns.first() {
        Some(first) => first.parts(legend).into_iter().map(|(name, _)| name).collect(),
        None => Vec::new(),
    };
    let mut header = vec![(unit, Kind::Text), ("All", Kind::Number)];
    header.extend(names.iter().map(|name| (name.as_str(), Kind::Number)));
    let rows = columns.iter().rev().filter(|column| 0 < column.usage.events).map(|column| {
        let mut row = vec![cell(&column.name)];
        row.push(cell(&measure.entry(&column.usage)));
        let parts = column.parts(legend).into_iter();
        row.extend(parts.map(|(_, usage)| cell(&measure.entry(&usage))));
        row
    });
    table(of, &header, rows)
}
