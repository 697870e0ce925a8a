//! Memory from restart to restart, as a picture.

use super::{
    format::{Unit, bytes},
    svg::{Element, px},
};
use crate::{
    Resource, Summary,
    stats::{median, sorted},
};

const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 180.0;
/// Room for the numbers.
const LEFT: f64 = 84.0;
const BOTTOM: f64 = 24.0;
const MARGIN: f64 = 12.0;

/// A restart that counts: its place among them from 0 on, its number, and its memory.
struct Point {
    place: f64,
    index: u32,
    bytes: u64,
}

impl Point {
    #[expect(clippy::cast_precision_loss, reason = "to be drawn")]
    fn value(&self) -> f64 {
        self.bytes as f64
    }
}

/// The memory after each restart that counts, and the line of which `growth` tells; nothing for fewer
/// than two.
pub(super) fn scatter(summary: &Summary) -> Option<Element> {
    let slope = summary.slopes.get(&Resource::Rss)?;
    let counted = summary.counted().filter_map(|restart| Some((restart.index, restart.resources?)));
    let points: Vec<Point> = (0_u32..)
        .zip(counted)
        .map(|(place, (index, resources))| Point {
            place: f64::from(place),
            index,
            bytes: resources.rss_bytes,
        })
        .collect();
    let last = points.last()?.place.max(1.0);
    // The line of Theil and Sen goes through the median of what it leaves.
    let left: Vec<f64> =
        points.iter().map(|point| point.value() - slope.per_restart * point.place).collect();
    let base = median(&sorted(&left))?;
    let ends = [base, base + slope.per_restart * last];
    let values = || points.iter().map(Point::value).chain(ends);
    let low = values().fold(f64::INFINITY, f64::min);
    let high = values().fold(f64::NEG_INFINITY, f64::max);
    let x = |place: f64| LEFT + MARGIN + place / last * (WIDTH - LEFT - 2.0 * MARGIN);
    let y = |value: f64| {
        HEIGHT
            - BOTTOM
            - MARGIN
            - (value - low) / (high - low).max(1.0) * (HEIGHT - BOTTOM - 2.0 * MARGIN)
    };
    let dots = points.iter().map(|point| {
        let dot = Element::new("circle").attr("cx", px(x(point.place)));
        let title = format!("restart {}: {}", point.index, bytes(point.bytes));
        dot.attr("cy", px(y(point.value()))).attr("r", 4).class("dot").title(&title)
    });
    let [from, to] = ends;
    let number = |value: f64| {
        let words =
            Element::words(LEFT - 6.0, y(value) + 4.0, &Unit::bytes(value).with_name(value));
        words.attr("text-anchor", "end")
    };
    let name = |point: &Point| {
        let words = Element::words(x(point.place), HEIGHT - 8.0, &format!("#{}", point.index));
        words.attr("text-anchor", "middle")
    };
    let picture = Element::new("svg")
        .attr("class", "scatter")
        .attr("viewBox", format!("0 0 {} {}", px(WIDTH), px(HEIGHT)))
        .attr("role", "img")
        .attr("aria-label", "RSS after each restart, with the line of its growth")
        .child(Element::line((LEFT, HEIGHT - BOTTOM), (WIDTH, HEIGHT - BOTTOM)).class("axis"))
        .child(Element::line((LEFT, MARGIN), (LEFT, HEIGHT - BOTTOM)).class("axis"))
        .child(number(low))
        .child(number(high))
        .child(Element::line((x(0.0), y(from)), (x(last), y(to))).class("trend"))
        .children(dots);
    Some(picture.children(points.first().map(name)).children(points.last().map(name)))
}
