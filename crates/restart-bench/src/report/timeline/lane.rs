//! The probes of an endpoint, and the outages that they saw.

use std::{cmp::Reverse, collections::BTreeMap};

use super::{Axis, LEFT, RIGHT, ROW, Rows, Sheet, beside};
use crate::{
    Class, Micros, Outage, Outcome, Probe,
    record::Endpoint,
    report::{content, format::plain, svg::Element},
};

/// A lane is so high.
const HEIGHT: f64 = 32.0;

/// Probes of one kind that begin within so many pixels are drawn as one.
const MERGED: f64 = 1.5;

/// So many outages are drawn, the longest ones; their probes are there all the same.
const BANDS_MAX: usize = 100;

/// So many lengths are tried to be written.
const LENGTHS_MAX: usize = 30;

/// How probes that end in one way are drawn: by their height as well as by their colour.
struct Kind {
    word: &'static str,
    height: f64,
}

fn kind(class: Option<Class>) -> Kind {
    let (word, height) = match class {
        None => ("ok", 7.0),
        Some(Class::Draining) => ("draining", 13.0),
        Some(Class::Closed) => ("closed", 32.0),
        Some(Class::Blocked) => ("blocked", 24.0),
        Some(Class::Other) => ("other", 18.0),
    };
    Kind { word, height }
}

const CLASSES: [Option<Class>; 5] =
    [None, Some(Class::Draining), Some(Class::Other), Some(Class::Blocked), Some(Class::Closed)];

/// What the rectangles mean.
pub(in crate::report) fn legend() -> Element {
    let mut picture = Element::new("svg").attr("viewBox", "0 0 1000 40").attr("role", "img");
    let mut x = LEFT;
    for class in CLASSES {
        let Kind { word, height } = kind(class);
        picture = picture
            .child(Element::rect(x, 36.0 - height, 10.0, height).class(word))
            .child(Element::words(x + 15.0, 35.0, word));
        x += 110.0;
    }
    let outage = [("outage", "outage, at most"), ("outage sure", "outage, at least")];
    for (class, text) in outage {
        picture = picture
            .child(Element::rect(x, 4.0, 26.0, 32.0).class(class))
            .child(Element::words(x + 32.0, 35.0, text));
        x += 160.0;
    }
    picture.attr("aria-label", "What the rectangles mean")
}

/// Probes that are drawn as one.
struct Run {
    from: Micros,
    until: Micros,
    last_from: Micros,
    outcome: Outcome,
    count: u64,
}

/// Neighbours that end alike: all that are well, and others where they would cover each other.
fn runs(axis: &Axis, probes: &[Probe]) -> Vec<Run> {
    let mut probes: Vec<&Probe> = probes.iter().collect();
    probes.sort_by_key(|probe| (probe.started_us, probe.intended_us));
    let mut runs: Vec<Run> = Vec::new();
    for probe in probes {
        let joins = |run: &Run| {
            let is_near = || axis.x(probe.started_us) - axis.x(run.last_from) < MERGED;
            run.outcome == probe.outcome && (run.outcome.is_ok() || is_near())
        };
        match runs.last_mut().filter(|run| joins(run)) {
            Some(run) => {
                run.until = run.until.max(probe.finished_us);
                run.last_from = probe.started_us;
                run.count += 1;
            }
            None => runs.push(Run {
                from: probe.started_us,
                until: probe.finished_us,
                last_from: probe.started_us,
                outcome: probe.outcome,
                count: 1,
            }),
        }
    }
    runs
}

pub(super) fn draw(
    sheet: &mut Sheet,
    axis: &Axis,
    name: &str,
    endpoint: &Endpoint,
    outages: &[Outage],
) {
    let cut = if BANDS_MAX < outages.len() {
        format!("; the longest {BANDS_MAX} of {} outages are drawn", outages.len())
    } else {
        String::new()
    };
    sheet.heading(&format!("{name}: {}{cut}; {}", counts(endpoint), plain(&endpoint.url)));
    let mut outages: Vec<&Outage> = outages.iter().collect();
    outages.sort_by_key(|outage| Reverse(outage.estimate_us));
    if !outages.is_empty() {
        sheet.y += ROW;
    }
    let bottom = sheet.y + HEIGHT;
    for outage in outages.iter().take(BANDS_MAX) {
        band(sheet, axis, outage);
    }
    lengths(sheet, axis, &outages);
    for run in runs(axis, &endpoint.probes) {
        let Kind { word, height } = kind(run.outcome.class());
        let (from, until) = (axis.x(run.from), axis.x(run.until));
        let times = format!("{} to {}", axis.moment(run.from), axis.moment(run.until));
        let rect = Element::rect(from, bottom - height, until - from, height).class(word);
        sheet.add(rect.title(&format!("{} x {}, {times}", run.count, run.outcome)));
    }
    sheet.y = bottom;
    sheet.add(Element::line((LEFT, bottom), (RIGHT, bottom)).class("axis"));
}

/// `1180 ok, 20 closed, 3 dropped`.
fn counts(endpoint: &Endpoint) -> String {
    let mut counts: BTreeMap<Option<Class>, usize> = BTreeMap::new();
    for probe in &endpoint.probes {
        *counts.entry(probe.outcome.class()).or_default() += 1;
    }
    let counts = counts.into_iter().map(|(class, count)| format!("{count} {}", kind(class).word));
    let dropped = endpoint.dropped_us.len();
    let dropped = (0 < dropped).then(|| format!("{dropped} dropped"));
    let counts: Vec<String> = counts.chain(dropped).collect();
    if counts.is_empty() { "no probes".to_owned() } else { counts.join(", ") }
}

/// As long as it was at most, and in it as long as it was at least.
fn band(sheet: &mut Sheet, axis: &Axis, outage: &Outage) {
    let y = sheet.y;
    let mut add = |from: Micros, until: Micros, class: &str| {
        let (from, until) = (axis.x(from), axis.x(until));
        let band = Element::rect(from, y, until - from, HEIGHT).class(class);
        sheet.add(band.title(&format!("outage, {}", content::outage(outage))));
    };
    let (from, until) = (outage.ok_before_us, outage.ok_after_us);
    add(from.unwrap_or(outage.from_us), until.unwrap_or(outage.until_us), "outage");
    add(outage.from_us, outage.until_us, "outage sure");
}

/// How long they were, from the longest on as far as there is room; a table has more of them.
fn lengths(sheet: &mut Sheet, axis: &Axis, outages: &[&Outage]) {
    let mut rows = Rows::default();
    for outage in outages.iter().take(LENGTHS_MAX) {
        let text = content::outage(outage);
        let (from, to, anchor) = beside(axis.x(outage.from_us), &text);
        if rows.place(from, to) == 0 {
            let x = if anchor == "start" { from } else { to };
            let words = Element::words(x, sheet.y - 4.0, &text);
            sheet.say(words.attr("text-anchor", anchor).class("length"));
        }
    }
}
