//! A restart as a picture: what probes, the log and the machine saw, all over one time axis.

mod curve;
mod lane;
mod log;

pub(super) use lane::legend;

use super::{
    format::fixed,
    svg::{Element, px},
    table::clip,
};
use crate::{
    Micros, RestartSummary,
    record::{Endpoint, Observation, Restart},
};

/// The picture is so wide,
const WIDTH: f64 = 1_000.0;
/// and the time axis is from here
const LEFT: f64 = 12.0;
/// to here.
const RIGHT: f64 = WIDTH - 12.0;

/// About how wide a letter is.
const LETTER: f64 = 6.4;
/// So many letters fit beside each other.
const HEADING_MAX: usize = 140;
/// About how high a line of text is.
const ROW: f64 = 15.0;

/// Which time is where.
struct Axis {
    from: Micros,
    until: Micros,
    trigger: Micros,
}

impl Axis {
    fn of(restart: &Restart) -> Self {
        let seen = &restart.observation;
        let ends = endpoints(seen).flat_map(|endpoint| &endpoint.probes);
        let until = ends.map(|probe| probe.finished_us).max().unwrap_or_default();
        Self {
            from: seen.from_us.min(restart.trigger_us),
            until: until.max(seen.until_us).max(restart.trigger_us),
            trigger: restart.trigger_us,
        }
    }

    fn span_ms(&self) -> f64 {
        self.until.since(self.from).max(Micros(1)).as_millis()
    }

    fn x(&self, at: Micros) -> f64 {
        self.x_of_ms(self.ms(at))
    }

    /// Where so many milliseconds after the trigger are.
    fn x_of_ms(&self, ms: f64) -> f64 {
        let share = (ms - self.ms(self.from)) / self.span_ms();
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// In milliseconds after the trigger.
    fn ms(&self, at: Micros) -> f64 {
        at.as_millis() - self.trigger.as_millis()
    }

    /// The same for people.
    fn moment(&self, at: Micros) -> String {
        format!("{} ms", fixed(self.ms(at), 1))
    }

    /// Times that are round, in milliseconds after the trigger.
    fn ticks(&self) -> Vec<f64> {
        const TICKS_MAX: f64 = 12.0;
        let rough = self.span_ms() / TICKS_MAX;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power);
        let step = step.into_iter().find(|step| rough <= *step).unwrap_or(rough);
        let first = (self.ms(self.from) / step).ceil();
        let ticks = (0..30_u32).map(|nth| (first + f64::from(nth)) * step);
        ticks.take_while(|tick| *tick <= self.ms(self.until)).collect()
    }
}

/// A picture that grows downwards.
#[derive(Default)]
struct Sheet {
    shapes: Vec<Element>,
    /// They lie over all shapes.
    words: Vec<Element>,
    y: f64,
}

impl Sheet {
    fn add(&mut self, element: Element) {
        self.shapes.push(element);
    }

    fn say(&mut self, words: Element) {
        self.words.push(words);
    }

    /// A line of text above what comes next, as much of it as there is room for.
    fn heading(&mut self, text: &str) {
        self.y += ROW + 7.0;
        let text = clip(text, HEADING_MAX);
        self.say(Element::words(LEFT, self.y - 4.0, &text).class("heading"));
    }
}

/// Rows in which things lie beside each other, and not upon each other.
#[derive(Default)]
struct Rows(Vec<Vec<(f64, f64)>>);

impl Rows {
    /// The first row with room.
    fn place(&mut self, from: f64, to: f64) -> usize {
        let is_free = |row: &Vec<(f64, f64)>| {
            row.iter().all(|(taken_from, taken_to)| *taken_to < from || to < *taken_from)
        };
        let free = self.0.iter().position(is_free);
        let nth = free.unwrap_or(self.0.len());
        match self.0.get_mut(nth) {
            Some(row) => row.push((from, to)),
            None => self.0.push(vec![(from, to)]),
        }
        nth
    }

    #[expect(clippy::cast_precision_loss, reason = "a few rows")]
    fn y(nth: usize) -> f64 {
        nth as f64 * ROW
    }

    fn height(&self) -> f64 {
        Self::y(self.0.len())
    }
}

/// How wide a text is, about.
#[expect(clippy::cast_precision_loss, reason = "a few letters")]
fn width_of(text: &str) -> f64 {
    text.chars().count() as f64 * LETTER + 8.0
}

/// A text beside `x`, and what it takes: to the right where there is room, else to the left.
fn beside(x: f64, text: &str) -> (f64, f64, &'static str) {
    let width = width_of(text);
    if x + width <= WIDTH { (x, x + width, "start") } else { (x - width, x, "end") }
}

fn endpoints(seen: &Observation) -> impl Iterator<Item = &Endpoint> {
    [&seen.ready, &seen.health].into_iter().flatten()
}

/// The picture of a restart.
pub(super) fn timeline(restart: &Restart, summary: &RestartSummary) -> Element {
    let axis = Axis::of(restart);
    let seen = &restart.observation;
    let mut sheet = Sheet::default();
    let marks = marks(&axis, summary);
    let tops = labels(&mut sheet, &axis, &marks);
    for (name, endpoint, summary) in
        [("ready", &seen.ready, &summary.ready), ("health", &seen.health, &summary.health)]
    {
        if let Some(endpoint) = endpoint {
            let outages = summary.as_ref().map(|summary| summary.outages.as_slice());
            lane::draw(&mut sheet, &axis, name, endpoint, outages.unwrap_or_default());
        }
    }
    log::draw(&mut sheet, &axis, &seen.lines);
    curve::draw(&mut sheet, &axis, &seen.resources);
    ticks(&mut sheet, &axis);
    // From their labels to the axis.
    for ((at, _, class), top) in marks.iter().zip(tops) {
        let x = axis.x(*at);
        sheet.add(Element::line((x, top), (x, sheet.y - ROW)).class(class));
    }
    let label = format!("Timeline of restart {}", restart.index);
    Element::new("svg")
        .attr("id", format!("timeline-{}", restart.index))
        .attr("viewBox", format!("0 0 {} {}", px(WIDTH), px(sheet.y + 6.0)))
        .attr("role", "img")
        .attr("aria-label", label)
        .children(sheet.shapes)
        .children(sheet.words)
}

/// A moment with its name and class.
type Moment = (Micros, String, &'static str);

/// The moments that matter.
fn marks(axis: &Axis, summary: &RestartSummary) -> Vec<Moment> {
    let trigger = (axis.trigger, "trigger".to_owned(), "mark trigger");
    let evidence = summary.evidence.iter().map(|evidence| {
        let text = format!("{} {}", evidence.kind.name(), axis.moment(evidence.at_us));
        (evidence.at_us, text, "mark evidence")
    });
    let stable = summary.endpoint().and_then(|endpoint| endpoint.stable_us);
    let stable = stable.map(|after| {
        let at = axis.trigger.plus(after);
        (at, format!("stable {}", axis.moment(at)), "mark stable")
    });
    [trigger].into_iter().chain(evidence).chain(stable).collect()
}

/// Their labels, and where these are.
fn labels(sheet: &mut Sheet, axis: &Axis, marks: &[Moment]) -> Vec<f64> {
    let mut rows = Rows::default();
    let mut tops = Vec::new();
    for (at, text, _) in marks {
        let x = axis.x(*at);
        let (from, to, anchor) = beside(x, text);
        let y = sheet.y + Rows::y(rows.place(from, to));
        let x = if anchor == "start" { x + 4.0 } else { x - 4.0 };
        sheet.say(Element::words(x, y + ROW - 4.0, text).attr("text-anchor", anchor));
        tops.push(y + 2.0);
    }
    sheet.y += rows.height();
    tops
}

fn ticks(sheet: &mut Sheet, axis: &Axis) {
    let y = sheet.y + 8.0;
    sheet.add(Element::line((LEFT, y), (RIGHT, y)).class("axis"));
    for ms in axis.ticks() {
        let x = axis.x_of_ms(ms);
        let digits = usize::from(axis.span_ms() < 10.0);
        let text = format!("{} ms", fixed(ms, digits));
        sheet.add(Element::line((x, y), (x, y + 4.0)).class("axis"));
        let half = width_of(&text) / 2.0;
        let anchor = if x < half {
            "start"
        } else if WIDTH < x + half {
            "end"
        } else {
            "middle"
        };
        sheet.say(Element::words(x, y + ROW, &text).attr("text-anchor", anchor));
    }
    sheet.y = y + ROW;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_do_not_lie_upon_each_other() {
        let mut rows = Rows::default();
        let placed = [(0.0, 10.0), (5.0, 20.0), (11.0, 15.0), (6.0, 12.0)];
        assert_eq!(placed.map(|(from, to)| rows.place(from, to)), [0, 1, 0, 2]);
    }

    #[test]
    fn ticks_are_round() {
        let millis = Micros::from_millis;
        let axis = Axis { from: millis(900), until: millis(2_000), trigger: millis(1_000) };
        assert_eq!(axis.ticks().first(), Some(&-100.0));
        assert_eq!(axis.ticks().get(2), Some(&100.0));
        let none = Axis { from: millis(5), until: millis(5), trigger: millis(5) };
        assert!(none.x(millis(9)).is_finite() && !none.ticks().is_empty());
    }
}
