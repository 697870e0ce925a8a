//! A page that needs nothing else: no network, no fonts, no scripts.

use cache_warmer::{
    NanoDollars,
    simulate::{Conversation, Outcome, SimulatedPolicy},
};
use cli_support::text::{about, count, counted, iso};

use super::{
    BREAK_EVEN_HEADER, BREAK_EVEN_TOKENS, CONVERSATIONS_HEADER, POLICIES_HEADER, Report, Row,
    chart::limit, format, text::verdict,
};

/// So many conversations that gain, and that lose, are listed.
const LISTED: usize = 20;

/// What the simulation says, as one file for a browser.
pub(crate) fn html(report: &Report) -> String {
    let title = if report.is_demo {
        "What warming would cost: made-up conversations"
    } else {
        "What warming would cost"
    };
    let mut body = tag("h1", "", &escape(title));
    body += &match report.nothing_to_show() {
        Some(reason) => tag("p", "", &escape(&reason)),
        None if report.size(false).0 == 0 => {
            tag("p", "", &format!("{}.", report.without_people())) + &subagents(report)
        }
        None => of_people(report) + &subagents(report) + &conversations(report),
    };
    body += &break_even(report);
    let notes: String = report.notes().iter().map(|note| tag("li", "", &escape(note))).collect();
    body += &section("What is not in the numbers", &tag("ul", "", &notes));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><title>{}</title><style>{}</style></head><body>{body}</body></html>\n",
        escape(title),
        include_str!("html/style.css"),
    )
}

fn of_people(report: &Report) -> String {
    let rows = report.rows(false);
    let none = rows.first().map(|row| row.outcome).unwrap_or_default();
    let mut body = tag("p", "", &escape(&period(report)));
    body += &headline(report, &rows, &none);
    for sentence in verdict(&rows) {
        body += &tag("p", "", &escape(&sentence));
    }
    body += &section("Net, by policy", &chart(&policy_bars(&rows)));
    body += &section("The policies", &policies(&rows, none.cost));
    body + &section("Net, by pings per pause at most", &chart(&sweep_bars(report)))
}

fn period(report: &Report) -> String {
    let (conversations, requests) = report.size(false);
    let size =
        format!("{} with {}", counted(conversations, "conversation"), counted(requests, "request"));
    match report.period() {
        Some((first, last)) => format!("{size}, from {} to {}.", iso(first), iso(last)),
        None => format!("{size}."),
    }
}

fn headline(report: &Report, rows: &[Row], none: &Outcome) -> String {
    let net = |policy| {
        let row = rows.iter().find(|row| row.policy == policy);
        row.map_or_else(String::new, |row| format::net(row.outcome.net()))
    };
    let facts = [
        ("Cost so far, at list prices", format::dollars(none.cost)),
        ("Pauses that the cache did not survive", count(none.expired)),
        ("Net of ski-rental", net(SimulatedPolicy::SkiRental)),
        ("Net of a ping every 240 s", net(SimulatedPolicy::Seed240)),
        ("At most, with hindsight", net(SimulatedPolicy::Hindsight)),
        ("Transcripts", count(report.transcripts.counts.files)),
    ];
    // Made-up conversations are in none.
    let facts = facts.iter().filter(|(name, _)| !(report.is_demo && *name == "Transcripts"));
    let facts: String = facts
        .map(|(name, value)| {
            let fact = tag("dt", "", name) + &tag("dd", "", &escape(value));
            tag("div", "", &fact)
        })
        .collect();
    tag("dl", "headline", &facts)
}

/// A bar: its label, its length, what it says, and how it looks.
type Bar = (String, NanoDollars, &'static str);

fn policy_bars(rows: &[Row]) -> Vec<Bar> {
    let bar = |row: &Row| {
        let is_bound = row.policy == SimulatedPolicy::Hindsight;
        let net = row.outcome.net();
        (format::policy(row.policy), net, if is_bound { "bound" } else { class(net) })
    };
    rows.iter().map(bar).collect()
}

fn sweep_bars(report: &Report) -> Vec<Bar> {
    let sweep = report.sweep().into_iter();
    sweep.map(|(pings, outcome)| (pings.to_string(), outcome.net(), class(outcome.net()))).collect()
}

fn class(net: NanoDollars) -> &'static str {
    if net < NanoDollars::ZERO { "loss" } else { "gain" }
}

/// In units of the picture.
const WIDTH: f64 = 640.0;
const LABEL: f64 = 90.0;
const VALUE: f64 = 150.0;
const ROW: f64 = 24.0;

/// Bars to the right of an axis for what is gained, and to the left for what is lost.
fn chart(bars: &[Bar]) -> String {
    let longest = limit(bars.iter().map(|(_, net, _)| net.0));
    let shown = |net: NanoDollars| NanoDollars(net.0.clamp(-longest, longest)).dollars();
    let nets = || bars.iter().map(|(_, net, _)| shown(*net));
    let (least, most) = (nets().fold(0.0, f64::min), nets().fold(0.0, f64::max));
    let scale = (WIDTH - LABEL - 2.0 * VALUE) / (most - least).max(1e-9);
    let axis = LABEL + VALUE - least * scale;
    let mut y = 0.0;
    let mut content = String::new();
    for (label, net, class) in bars {
        let value = shown(*net);
        let (from, to) = (axis + value.min(0.0) * scale, axis + value.max(0.0) * scale);
        content += &format!(
            "<text x=\"0\" y=\"{:.1}\">{}</text><rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\"/>",
            y + 17.0,
            escape(label),
            y + 4.0,
            (to - from).max(0.5),
            ROW - 8.0,
        );
        let (at, anchor) = if value < 0.0 { (from - 5.0, "end") } else { (to + 5.0, "start") };
        content += &format!(
            "<text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            y + 17.0,
            escape(
                &(format::net(*net)
                    + if longest < net.0.saturating_abs() { " (longer)" } else { "" })
            )
        );
        y += ROW;
    }
    format!(
        "<svg viewBox=\"0 0 {WIDTH:.0} {y:.0}\" role=\"img\"><line class=\"axis\" x1=\"{axis:.1}\" y1=\"0\" x2=\"{axis:.1}\" y2=\"{y:.0}\"/>{content}</svg>"
    )
}

fn policies(rows: &[Row], all: NanoDollars) -> String {
    let rows = rows.iter().map(|row| {
        let Row { policy, outcome, .. } = row;
        vec![
            format::policy(*policy),
            count(outcome.pings),
            format::dollars(outcome.spent()),
            format::dollars(outcome.saved),
            format::net(outcome.net()),
            format::percent(outcome.net(), all),
            row.interval_in_words(),
            count(outcome.hits),
            count(outcome.expired),
        ]
    });
    table(&POLICIES_HEADER, rows)
}

fn subagents(report: &Report) -> String {
    let (conversations, _) = report.size(true);
    if conversations == 0 {
        return String::new();
    }
    let rows = report.rows(true);
    let none = rows.first().map(|row| row.outcome.cost).unwrap_or_default();
    section("Sub-agents: never warmed; had they been", &policies(&rows, none))
}

fn conversations(report: &Report) -> String {
    let ranked = report.ranked();
    let gain = ranked.iter().filter(|(_, outcome)| 0 < outcome.net().0).take(LISTED);
    let loss = ranked.iter().rev().filter(|(_, outcome)| outcome.net().0 < 0).take(LISTED);
    section("Where ski-rental gains the most", &listed(gain))
        + &section("Where it loses the most", &listed(loss))
}

fn listed<'r>(conversations: impl Iterator<Item = &'r (&'r Conversation, Outcome)>) -> String {
    let row = |(conversation, outcome): &(&Conversation, Outcome)| {
        vec![
            conversation.id.clone(),
            conversation.model.clone(),
            conversation.tier.name().to_owned(),
            count(conversation.requests),
            count(conversation.long_gaps),
            about(conversation.longest_gap.into()),
            count(outcome.pings),
            format::dollars(outcome.saved),
            format::net(outcome.net()),
        ]
    };
    table(&CONVERSATIONS_HEADER, conversations.map(row))
}

fn break_even(report: &Report) -> String {
    let rows = report.break_even();
    if rows.is_empty() {
        return String::new();
    }
    let rows = rows.into_iter().map(|row| {
        let figures = row.figures;
        vec![
            row.model,
            figures.tier.name().to_owned(),
            format::span(figures.interval),
            figures.ping_cost.to_string(),
            figures.avoidable_loss.to_string(),
            figures.probability_ppm.map_or_else(|| "never".to_owned(), format::ppm),
            count(figures.pings.into()),
            format::span(figures.covered),
            figures.hold_cost_per_hour.to_string(),
        ]
    });
    let title =
        format!("When pings pay, with {} in the cache", counted(BREAK_EVEN_TOKENS, "token"));
    section(&title, &table(&BREAK_EVEN_HEADER, rows))
}

fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let cells = |name, cells: Vec<&str>| {
        tag("tr", "", &cells.iter().map(|cell| tag(name, "", &escape(cell))).collect::<String>())
    };
    let head = tag("thead", "", &cells("th", header.to_vec()));
    let rows = rows.map(|row| cells("td", row.iter().map(String::as_str).collect()));
    let body = tag("tbody", "", &rows.collect::<String>());
    tag("div", "scroll", &tag("table", "", &(head + &body)))
}

fn section(title: &str, content: &str) -> String {
    tag("h2", "", &escape(title)) + content
}

/// An element, around content that is HTML already.
fn tag(name: &str, class: &str, content: &str) -> String {
    if class.is_empty() {
        format!("<{name}>{content}</{name}>")
    } else {
        format!("<{name} class=\"{class}\">{content}</{name}>")
    }
}

/// Text from data, in which nothing means anything.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            _ if char.is_control() => escaped.push(char::REPLACEMENT_CHARACTER),
            _ => escaped.push(char),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_means_nothing() {
        let row = vec!["\"><script>".to_owned(), "<b> & 'c'\0".to_owned()];
        let table = table(&["<", "x"], [row].into_iter());
        assert!(table.contains("<td>&quot;&gt;&lt;script&gt;</td>"), "{table}");
        assert!(table.contains("<td>&lt;b&gt; &amp; &#39;c&#39;\u{fffd}</td>"), "{table}");
    }
}
