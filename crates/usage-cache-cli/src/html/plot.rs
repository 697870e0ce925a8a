//! Pictures that are as wide as there is room, with words beside them that keep their size.
//!
//! A picture is stretched; what is written at its axes is not part of it, so that it can be read
//! on a telephone too.

use super::{
    columns::Column,
    element::{Element, short},
};

/// How wide a column is, in units of the picture, with the gap to the next.
pub(super) const COLUMN: f64 = 10.0;
const GAP: f64 = 2.0;

/// With fewer columns than these, there is room to the right of them.
const COLUMNS_MIN: usize = 14;

/// About so many words fit below a picture.
const LABELS_MAX: usize = 6;

/// A picture of columns.
pub(super) struct Plot {
    width: f64,
    content: Vec<Element>,
    labels: Vec<(f64, String)>,
}

impl Plot {
    pub(super) fn new(columns: &[Column]) -> Self {
        let width = unit(columns.len().max(COLUMNS_MIN));
        let every = columns.len().div_ceil(LABELS_MAX).max(1);
        let is_labelled = |nth: &usize| (columns.len() - 1 - nth) % every == every / 2;
        let labels = columns.iter().enumerate().filter(|(nth, _)| is_labelled(nth));
        let at = |nth| (unit(nth) + COLUMN / 2.0) / width * 100.0;
        let labels = labels.map(|(nth, column)| (at(nth), column.label.clone())).collect();
        Self { width, content: Vec::new(), labels }
    }

    pub(super) fn add(&mut self, element: Element) {
        self.content.push(element);
    }

    /// The whole: lines at heights in percent from above, each with its word, below what was
    /// added.
    pub(super) fn draw(self, label: &str, lines: &[(f64, String)]) -> Element {
        let line = |(y, _): &(f64, String)| {
            let ends = [("x1", 0.0), ("y1", *y), ("x2", self.width), ("y2", *y)];
            Element::new("line").class("line").numbers(ends)
        };
        let picture = picture(self.width, 100.0, label).children(lines.iter().map(line));
        let picture = picture.children(self.content);
        frame(picture, lines, &self.labels)
    }
}

/// Where the nth column begins.
#[expect(clippy::cast_precision_loss, reason = "there are a hundred at most")]
pub(super) fn unit(nth: usize) -> f64 {
    nth as f64 * COLUMN
}

/// A part of the nth column, by its ends in percent of the height from below.
pub(super) fn bar(nth: usize, from: f64, to: f64) -> Element {
    Element::new("rect").numbers([
        ("x", unit(nth) + GAP / 2.0),
        ("y", 100.0 - to),
        ("width", COLUMN - GAP),
        ("height", to - from),
    ])
}

/// The whole of the nth column, to be pointed at.
pub(super) fn column(nth: usize) -> Element {
    let size = [("x", unit(nth)), ("y", 0.0), ("width", COLUMN), ("height", 100.0)];
    Element::new("rect").class("column").numbers(size)
}

/// What is shown under the pointer.
pub(super) fn title(text: &str) -> Element {
    Element::new("title").text(text)
}

/// An empty picture that is stretched.
pub(super) fn picture(width: f64, height: f64, label: &str) -> Element {
    Element::new("svg")
        .attr("viewBox", format!("0 0 {} {}", short(width), short(height)))
        .attr("preserveAspectRatio", "none")
        .attr("role", "img")
        .attr("aria-label", label)
}

/// A picture with words to the left, in percent from above, and below, in percent from the left.
/// They are for the eye: whoever listens has a table.
pub(super) fn frame(picture: Element, left: &[(f64, String)], below: &[(f64, String)]) -> Element {
    let words = |class, side: &str, words: &[(f64, String)]| {
        let word = |(at, text): &(f64, String)| {
            Element::new("span").attr("style", format!("{side}:{}%", short(*at))).text(text)
        };
        let words = words.iter().map(word);
        Element::new("div").class(class).attr("aria-hidden", "true").children(words)
    };
    Element::new("div")
        .class("plot")
        .child(words("left", "top", left))
        .child(picture)
        .child(words("below", "left", below))
}
