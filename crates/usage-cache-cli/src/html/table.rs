//! Tables that scroll where there is no room for them, also by keyboard.

use super::element::Element;

/// How a column is set.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
}

/// A table. The first cell of a row says what the row is about.
pub(super) fn table(
    label: &str,
    header: &[(&str, Kind)],
    rows: impl IntoIterator<Item = Vec<Element>>,
) -> Element {
    let class = |element: Element, kind| match kind {
        Kind::Number => element.class("number"),
        Kind::Text => element,
    };
    let heading = |(name, kind): &(&str, Kind)| {
        class(Element::new("th").attr("scope", "col"), *kind).text(name)
    };
    let row = |cells: Vec<Element>| {
        let cells = cells.into_iter().zip(header).enumerate().map(|(nth, (content, (_, kind)))| {
            let cell = match nth {
                0 => Element::new("th").attr("scope", "row"),
                _ => Element::new("td"),
            };
            class(cell, *kind).child(content)
        });
        Element::new("tr").children(cells)
    };
    let head = Element::new("tr").children(header.iter().map(heading));
    let table = Element::new("table")
        .attr("aria-label", label)
        .child(Element::new("thead").child(head))
        .child(Element::new("tbody").children(rows.into_iter().map(row)));
    scroll(label, table)
}

/// What may be wider than the page. It can be focused, so that the keyboard can scroll it.
fn scroll(label: &str, content: Element) -> Element {
    Element::new("div")
        .class("scroll")
        .attr("tabindex", 0)
        .attr("role", "region")
        .attr("aria-label", label)
        .child(content)
}

/// What a picture shows, for those who do not see it.
pub(super) fn in_numbers(table: Element) -> Element {
    let summary = Element::new("summary").text("The same in numbers");
    Element::new("details").child(summary).child(table)
}

/// What is in a cell.
pub(super) fn cell(text: &str) -> Element {
    Element::new("span").text(text)
}

/// A name, and below it, smaller, what else there is to say.
pub(super) fn name(text: &str, more: &str) -> Element {
    let name = cell("").child(cell(text).class("name"));
    if more.is_empty() { name } else { name.child(Element::new("small").text(more)) }
}

/// A share as a bar, and in words.
pub(super) fn share(percent: Option<String>, ratio: f64) -> Element {
    let Some(text) = percent else { return cell("–") };
    let bar =
        Element::new("rect").numbers([("width", ratio.clamp(0.0, 1.0) * 100.0), ("height", 10.0)]);
    let bar = Element::new("svg")
        .class("share")
        .attr("viewBox", "0 0 100 10")
        .attr("preserveAspectRatio", "none")
        .attr("aria-hidden", "true")
        .child(Element::new("rect").class("rest").numbers([("width", 100.0), ("height", 10.0)]))
        .child(bar);
    cell("").child(bar).child(cell(&text).class("percent"))
}
