//! What the server took of the machine.

use super::{Axis, LEFT, RIGHT, Sheet};
use crate::{
    Micros,
    record::{Resources, Seen},
    report::{format::Unit, svg::Element},
};

/// A curve is so high.
const HEIGHT: f64 = 40.0;

pub(super) fn draw(sheet: &mut Sheet, axis: &Axis, seen: &[Seen<Resources>]) {
    #[expect(clippy::cast_precision_loss, reason = "to be drawn")]
    let rss: Vec<_> = seen.iter().map(|seen| (seen.at_us, seen.what.rss_bytes as f64)).collect();
    if let Some((low, high)) = range(&rss) {
        let unit = |value: f64| Unit::bytes(value).with_name(value);
        sheet.heading(&format!("RSS, {} to {}", unit(low), unit(high)));
        curve(sheet, axis, &rss, (low, high), "curve rss");
    }
    let cpu = cpu(seen);
    if let Some((low, high)) = range(&cpu) {
        let sum = Unit::time(high).with_name(high);
        sheet.heading(&format!("CPU time since the beginning, {sum} in all"));
        curve(sheet, axis, &cpu, (low, high), "curve cpu");
    }
}

/// What was taken since the first moment.
fn cpu(seen: &[Seen<Resources>]) -> Vec<(Micros, f64)> {
    let before = seen.first().map(|seen| seen.what.cpu_us).unwrap_or_default();
    seen.iter().map(|seen| (seen.at_us, seen.what.cpu_us.since(before).as_millis())).collect()
}

/// The smallest and the largest; nothing for fewer than two points.
fn range(points: &[(Micros, f64)]) -> Option<(f64, f64)> {
    let values = || points.iter().map(|(_, value)| *value);
    (1 < points.len())
        .then(|| (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max)))
}

/// A line through the points, a pixel or more apart.
fn curve(
    sheet: &mut Sheet,
    axis: &Axis,
    points: &[(Micros, f64)],
    (low, high): (f64, f64),
    class: &str,
) {
    let bottom = sheet.y + HEIGHT;
    let y = |value: f64| bottom - 2.0 - (value - low) / (high - low).max(1.0) * (HEIGHT - 4.0);
    let mut drawn: Vec<(f64, f64)> = Vec::new();
    for (at, value) in points {
        let x = axis.x(*at);
        if drawn.last().is_none_or(|(last, _)| 1.0 <= x - last) {
            drawn.push((x, y(*value)));
        }
    }
    // The end counts.
    if let Some((at, value)) = points.last() {
        drawn.push((axis.x(*at), y(*value)));
    }
    sheet.add(Element::polyline(drawn).class(class));
    sheet.add(Element::line((LEFT, bottom), (RIGHT, bottom)).class("axis"));
    sheet.y = bottom;
}
