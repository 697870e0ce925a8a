//! What everybody wants to know first.

use cli_support::text::counted;
use usage_cache::{Day, Query, SourceUsage, Summary, Usage};

use super::element::Element;
use crate::table::cost;

/// Today, this month and all; below them the runtimes, if there are several.
pub(super) fn headline(summary: &Summary, query: &Query, today: Day) -> Vec<Element> {
    let is_asked = query.since.is_none_or(|since| since <= today)
        && query.until.is_none_or(|until| today <= until);
    let is_part = query.since.or(query.until).is_some();
    let sum = |includes: &dyn Fn(Day) -> bool| {
        let days = summary.daily.iter().filter(|day| includes(day.day));
        days.fold(Usage::default(), |sum, day| sum + day.usage)
    };
    let mut facts = Vec::new();
    if is_asked {
        facts.push(fact("Today", &sum(&|day| day == today)));
        let month = if is_part { "This month, of these days" } else { "This month" };
        facts.push(fact(month, &sum(&|day| day.month() == today.month())));
    }
    facts.push(fact(if is_part { "These days" } else { "All time" }, &summary.totals));
    let list = |facts: Vec<Element>| Element::new("dl").children(facts);
    let mut lists = vec![list(facts).class("headline")];
    // Who has one runtime need not be told its name.
    if 1 < summary.sources.len() {
        let sources = summary.sources.iter();
        let sources = sources.map(|SourceUsage { source, usage, .. }| fact(source, usage));
        lists.push(list(sources.collect()).class("headline sources"));
    }
    lists
}

fn fact(name: &str, usage: &Usage) -> Element {
    let size =
        format!("{}, {}", counted(usage.tokens.total, "token"), counted(usage.events, "answer"));
    Element::new("div")
        .child(Element::new("dt").text(name))
        .child(Element::new("dd").text(&cost(usage)))
        .child(Element::new("dd").class("faint").text(&size))
}
