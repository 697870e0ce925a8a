//! A page that needs nothing else: no network, no fonts, no scripts.

use super::{
    content,
    format::{NONE, coarse, plain},
    scatter::scatter,
    svg::Element,
    table::{Kind, Table},
    timeline::{legend, timeline},
};
use crate::{
    EndpointSummary, Micros, Outage, RestartSummary, Summary,
    record::{Record, Restart},
};

/// So many outages of an endpoint are listed.
const OUTAGES_MAX: usize = 20;

/// What a measurement means, as one file for a browser.
pub fn html(record: &Record, summary: &Summary) -> String {
    let title = format!("{}, restarted by {}", content::target(record), record.target.trigger);
    let head = Element::new("head")
        .child(Element::new("meta").attr("charset", "utf-8"))
        .child(
            Element::new("meta")
                .attr("name", "viewport")
                .attr("content", "width=device-width, initial-scale=1"),
        )
        .child(Element::new("title").text(&title))
        .child(Element::new("style").verbatim(include_str!("html/style.css")));
    let body = Element::new("body")
        .child(Element::new("h1").text(&title))
        .child(Element::new("p").text(&content::counts(summary)))
        .child(headline(summary))
        .children(failures(summary))
        .children(section("Statistics", [table(&content::statistics(summary))]))
        .children(restarts(record, summary))
        .children(growth(summary))
        .children(section("The measurement itself", [list(&content::observer(summary))]))
        .children(section("How it was measured", [facts(record)]));
    let page = Element::new("html").attr("lang", "en").child(head).child(body);
    format!("<!doctype html>\n{page}\n")
}

fn section(
    title: &str,
    content: impl IntoIterator<Item = Element>,
) -> impl Iterator<Item = Element> {
    [Element::new("h2").text(title)].into_iter().chain(content)
}

fn headline(summary: &Summary) -> Element {
    let numbers = content::headline(summary).map(|(name, value)| {
        Element::new("div")
            .child(Element::new("dt").text(name))
            .child(Element::new("dd").text(&value))
    });
    Element::new("dl").class("headline").children(numbers)
}

fn failures(summary: &Summary) -> Vec<Element> {
    let failures = content::failures(summary);
    if failures.is_empty() {
        return Vec::new();
    }
    section("Failures", [list(&failures).class("failures")]).collect()
}

fn restarts(record: &Record, summary: &Summary) -> Vec<Element> {
    let all = content::clients(summary).beside(&content::server(summary));
    if all.rows.is_empty() {
        return section("Restarts", [Element::new("p").text("There was none.")]).collect();
    }
    let worst = worst(summary);
    let pictures = record.restarts.iter().zip(&summary.restarts).enumerate();
    let pictures = pictures
        .map(|(nth, (restart, of))| fold(restart, of, record, nth == 0 || Some(nth) == worst));
    let legend = Element::new("div").class("scroll").child(legend());
    section("Restarts", [table(&all), legend]).chain(pictures).collect()
}

/// Which restart took the longest.
fn worst(summary: &Summary) -> Option<usize> {
    let cost = |restart: &RestartSummary| restart.endpoint().map(|endpoint| endpoint.total_us);
    let restarts = summary.restarts.iter().enumerate();
    let worst = restarts.rev().max_by_key(|(_, restart)| (restart.counts(), cost(restart)));
    worst.map(|(nth, _)| nth)
}

/// A restart that can be unfolded.
fn fold(restart: &Restart, summary: &RestartSummary, record: &Record, is_open: bool) -> Element {
    let warmup = if summary.is_warmup { " (warm-up)" } else { "" };
    let title = format!(
        "Restart {}{warmup}: {}, {}",
        summary.index,
        content::downtime(summary),
        content::proof(summary)
    );
    let fold = Element::new("details").attr("id", format!("restart-{}", summary.index));
    let fold = if is_open { fold.attr("open", "") } else { fold };
    fold.child(Element::new("summary").text(&title))
        .children(summary.failure.map(|failure| Element::new("p").text(failure.advice())))
        .child(Element::new("div").class("scroll").child(timeline(restart, summary)))
        .child(outages(restart.trigger_us, summary, record))
}

/// All outages of a restart.
fn outages(trigger: Micros, summary: &RestartSummary, record: &Record) -> Element {
    let named = [("ready", &summary.ready), ("health", &summary.health)];
    let named = named.into_iter().filter_map(|(name, endpoint)| Some((name, endpoint.as_ref()?)));
    let all = named.flat_map(|(name, endpoint): (_, &EndpointSummary)| {
        endpoint.outages.iter().map(move |outage| (name, outage))
    });
    let all: Vec<_> = all.collect();
    if all.is_empty() {
        let every = coarse(record.settings.every_us);
        return Element::new("p").text(&format!("No outage was seen, probing every {every}."));
    }
    let row = |(name, outage): &(&str, &Outage)| {
        let outcomes =
            outage.outcomes.iter().map(|(outcome, count)| format!("{count} x {outcome}"));
        let from = outage.from_us.as_millis() - trigger.as_millis();
        vec![
            (*name).to_owned(),
            format!("{from:.1} ms"),
            content::outage(outage),
            outage.failed.to_string(),
            outcomes.collect::<Vec<_>>().join(", "),
        ]
    };
    let listed = Table {
        columns: vec![
            ("Outage of", Kind::Text),
            ("From", Kind::Number),
            ("Length (bounds)", Kind::Number),
            ("Failed", Kind::Number),
            ("How", Kind::Text),
        ],
        rows: all.iter().take(OUTAGES_MAX).map(row).collect(),
    };
    let more = all.len().checked_sub(OUTAGES_MAX).filter(|more| 0 < *more);
    let more = more.map(|more| Element::new("p").text(&format!("and {more} more")));
    Element::new("div").child(table(&listed)).children(more)
}

fn growth(summary: &Summary) -> Vec<Element> {
    let growth = content::growth(summary);
    if growth.rows.is_empty() {
        return Vec::new();
    }
    section("Growth from restart to restart", [table(&growth)]).chain(scatter(summary)).collect()
}

fn facts(record: &Record) -> Element {
    let target = &record.target;
    let mut facts = content::method(record);
    let command = target.command.as_deref().map(plain);
    facts.push(format!("started by: {}", command.as_deref().unwrap_or(NONE)));
    facts.push(format!("configuration: {}", plain(&target.config_hash)));
    list(&facts)
}

fn list(sentences: &[String]) -> Element {
    let items = sentences.iter().map(|sentence| Element::new("li").text(sentence));
    Element::new("ul").children(items)
}

/// A table that scrolls where there is no room for it.
fn table(table: &Table) -> Element {
    let of_kind = |name, kind: Kind| match kind {
        Kind::Number => Element::new(name).class("number"),
        Kind::Text => Element::new(name),
    };
    let header = table.columns.iter().map(|(name, kind)| of_kind("th", *kind).text(name));
    let rows = table.rows.iter().map(|row| {
        let cells = row.iter().zip(&table.columns);
        Element::new("tr").children(cells.map(|(cell, (_, kind))| of_kind("td", *kind).text(cell)))
    });
    let header = Element::new("thead").child(Element::new("tr").children(header));
    let body = Element::new("tbody").children(rows);
    let table = Element::new("table").child(header).child(body);
    Element::new("div").class("scroll").child(table)
}
