//! What the server said of itself.

use super::{Axis, LEFT, ROW, Rows, Sheet, WIDTH, beside, width_of};
use crate::{
    record::{Line, Seen, Span},
    report::{
        format::{fixed, plain},
        svg::Element,
        table::clip,
    },
};

/// So many spans are shown, the longest ones.
const SPANS_MAX: usize = 40;

/// So many other lines are shown.
const MARKS_MAX: usize = 200;

/// So many letters of a name are shown.
const NAME_MAX: usize = 48;

pub(super) fn draw(sheet: &mut Sheet, axis: &Axis, lines: &[Seen<Line>]) {
    let (spans, marks): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.what.span.is_some());
    if !marks.is_empty() {
        let more = more(marks.len(), MARKS_MAX, "the first");
        sheet.heading(&format!("log: {} lines that mean something{more}", marks.len()));
        for line in marks.into_iter().take(MARKS_MAX) {
            let x = axis.x(line.at_us);
            let class = if line.what.is_ready { "log ready" } else { "log" };
            let mark = Element::line((x, sheet.y), (x, sheet.y + 12.0)).class(class);
            sheet.add(mark.title(&format!("{}: {}", axis.moment(line.at_us), line.what.text)));
        }
        sheet.y += 12.0;
    }
    if !spans.is_empty() {
        let more = more(spans.len(), SPANS_MAX, "the longest");
        sheet.heading(&format!("trace: {} spans{more}", spans.len()));
        trace(sheet, axis, &spans);
    }
}

fn more(count: usize, max: usize, which: &str) -> String {
    if max < count { format!(", {which} {max} of them shown") } else { String::new() }
}

fn trace(sheet: &mut Sheet, axis: &Axis, lines: &[&Seen<Line>]) {
    let spans = lines.iter().filter_map(|line| Some((line.at_us, line.what.span.as_ref()?)));
    let mut spans: Vec<_> = spans.collect();
    spans.sort_by(|(_, one), (_, other)| duration_ms(other).total_cmp(&duration_ms(one)));
    spans.truncate(SPANS_MAX);
    // In the order in which they began.
    spans.sort_by(|(at, one), (other_at, other)| {
        (axis.ms(*at) - duration_ms(one)).total_cmp(&(axis.ms(*other_at) - duration_ms(other)))
    });
    let mut rows = Rows::default();
    for (at, span) in spans {
        let name = clip(&plain(&span.name), NAME_MAX);
        let text = format!("{name} {} ms", fixed(duration_ms(span), 1));
        let (from, to) = (axis.x_of_ms(axis.ms(at) - duration_ms(span)), axis.x(at));
        let (label, anchor) = label(from, to, &text);
        let row = rows.place(from.min(label.0), to.max(label.1));
        let y = sheet.y + Rows::y(row);
        let bar = Element::rect(from, y + 3.0, to - from, ROW - 6.0).class("span");
        sheet.add(bar.title(&format!("{} until {}", text, axis.moment(at))));
        let x = if anchor == "start" { label.0 + 4.0 } else { label.1 - 4.0 };
        sheet.say(Element::words(x, y + ROW - 4.0, &text).attr("text-anchor", anchor));
    }
    sheet.y += rows.height();
}

/// Where the text of a bar is: behind it, before it, or upon it.
fn label(from: f64, to: f64, text: &str) -> ((f64, f64), &'static str) {
    let width = width_of(text);
    if to + width <= WIDTH {
        let (start, end, anchor) = beside(to, text);
        ((start, end), anchor)
    } else if LEFT <= from - width {
        ((from - width, from), "end")
    } else {
        ((from, from + width), "start")
    }
}

/// What it says, if that can be a duration.
fn duration_ms(span: &Span) -> f64 {
    if span.duration_ms.is_finite() { span.duration_ms.max(0.0) } else { 0.0 }
}
