//! What is shown in a terminal.

use super::{
    content,
    format::{NONE, Unit, percent, plain, probability},
    table::{Kind, Table, clip},
};
use crate::{Comparison, Summary, record::Record};

/// Nothing can be told in less.
const WIDTH_MIN: usize = 40;

/// What a measurement means, for a terminal of so many columns. No line is longer, unless there are fewer
/// than 40.
pub fn text(record: &Record, summary: &Summary, width: usize) -> String {
    let width = width.max(WIDTH_MIN);
    let title =
        format!("{}, restarted by {}", content::target(record), plain(&record.target.trigger));
    let mut text = clip(&title, width) + "\n";
    text += &sentences(&content::method(record), width);
    text += &sentences(&[content::counts(summary)], width);
    let (clients, server) = (content::clients(summary), content::server(summary));
    let both = clients.clone().beside(&server);
    if both.width() <= width {
        text += &block(&both, width);
    } else {
        text += &block(&clients, width);
        text += &block(&server, width);
    }
    text += &block(&content::statistics(summary), width);
    text += &block(&content::growth(summary), width);
    text += "\nMeasurement\n";
    text += &sentences(&content::observer(summary), width);
    let failures = content::failures(summary);
    if !failures.is_empty() {
        text += "\nFailures\n";
        text += &sentences(&failures, width);
    }
    text
}

/// What became of a measurement, for a terminal.
pub fn comparison_text(base: &Record, new: &Record, comparisons: &[Comparison]) -> String {
    let name = |record: &Record| {
        format!("{}, measured at {}", content::target(record), plain(&record.measured_at))
    };
    let mut text = format!("base  {}\nnew   {}\n", name(base), name(new));
    for difference in differences(base, new) {
        text += &format!("warning: {difference}, so the numbers may not be comparable\n");
    }
    if comparisons.is_empty() {
        return text + "\nThere is nothing to compare.\n";
    }
    let table = compared(comparisons);
    text + "\n" + &table.text(table.width())
}

/// How the measurements differ, apart from their numbers.
fn differences(base: &Record, new: &Record) -> Vec<&'static str> {
    let (of_base, of_new) = (&base.target, &new.target);
    let machine = |record: &Record| {
        let host = &record.host;
        (host.system.clone(), host.architecture.clone(), host.processors)
    };
    [
        (machine(base) != machine(new), "they were measured on different machines"),
        (of_base.name != of_new.name, "the targets have different names"),
        (of_base.config_hash != of_new.config_hash, "the targets are configured differently"),
        (base.settings != new.settings, "they were measured with different settings"),
    ]
    .into_iter()
    .filter_map(|(differs, what)| differs.then_some(what))
    .collect()
}

fn compared(comparisons: &[Comparison]) -> Table {
    let none = || NONE.to_owned();
    let row = |comparison: &Comparison| {
        let of = |value: f64| Unit::of_metric(comparison.metric, value).with_name(value);
        let unit = Unit::of_metric(comparison.metric, comparison.difference);
        vec![
            comparison.metric.name().to_owned(),
            of(comparison.base.p50),
            of(comparison.new.p50),
            unit.signed(comparison.difference),
            comparison.interval.map_or_else(none, |interval| unit.signed_range(interval)),
            comparison.relative.map_or_else(none, percent),
            probability(comparison.p),
            content::verdict(comparison.verdict).to_owned(),
        ]
    };
    Table {
        columns: vec![
            ("Metric", Kind::Text),
            ("Base p50", Kind::Number),
            ("New p50", Kind::Number),
            ("Change", Kind::Number),
            ("95 % interval", Kind::Number),
            ("Relative", Kind::Number),
            ("p", Kind::Number),
            ("Verdict", Kind::Text),
        ],
        rows: comparisons.iter().map(row).collect(),
    }
}

/// A table below an empty line; nothing if it has no rows.
fn block(table: &Table, width: usize) -> String {
    if table.rows.is_empty() { String::new() } else { "\n".to_owned() + &table.text(width) }
}

/// Each on lines of its own, between words, the first of them less far in.
fn sentences(sentences: &[String], width: usize) -> String {
    let mut text = String::new();
    for sentence in sentences {
        let mut line = " ".to_owned();
        for word in sentence.split(' ') {
            let is_full = width < line.chars().count() + 1 + word.chars().count();
            if is_full && !line.trim().is_empty() {
                text += &(clip(&line, width) + "\n");
                "   ".clone_into(&mut line);
            }
            line += " ";
            line += word;
        }
        text += &(clip(&line, width) + "\n");
    }
    text
}
