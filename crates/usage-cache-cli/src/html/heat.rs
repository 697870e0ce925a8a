//! At which hours of which days of the week how much was spent.

use cli_support::text::counted;
use usage_cache::{HourUsage, Usage, Weekday};

use super::{
    element::{Element, paragraph},
    plot::{frame, picture, title},
    scale::Measure,
    section,
    table::{Kind, cell, in_numbers, table},
};

const HOURS: usize = 24;
/// Every so many hours one is written.
const LABELLED: usize = 3;
/// So many tones above none. They are for the squares of equal steps: few hours cost much, and most
/// would have the same tone if the steps themselves were equal.
const TONES: u64 = 5;

/// Usage by day of the week, Monday first, and hour.
type Week = [[Usage; HOURS]; 7];

pub(super) fn heat(hours: &[HourUsage], measure: Measure) -> Element {
    let week = week(hours);
    let max = week.iter().flatten().map(|usage| measure.value(usage)).max().unwrap_or_default();
    let of = format!("{} by day of the week and hour", measure.heading());
    let label = format!("{of}; the table below has the numbers");
    let mut squares = picture(24.0, 7.0, &label).class("heat");
    for (day, (weekday, hours)) in (0_u8..).zip(Weekday::ALL.into_iter().zip(&week)) {
        for (hour, usage) in (0_u8..).zip(hours) {
            let size = [("x", hour.into()), ("y", day.into()), ("width", 1.0), ("height", 1.0)];
            let tone = tone(measure.value(usage), max);
            let square = Element::new("rect").class(&format!("heat{tone}")).numbers(size);
            squares = squares.child(square.child(title(&words(weekday, hour, usage, measure))));
        }
    }
    let content = [
        paragraph("All days of the report together.").class("subject"),
        frame(squares, &days(), &hour_labels()),
        tones(max, measure),
        in_numbers(numbers(&of, &week, measure)),
    ];
    section("hours", &format!("{} by hour", measure.heading()), content)
}

fn week(hours: &[HourUsage]) -> Week {
    let mut week = Week::default();
    for hour in hours {
        let day = usize::from(hour.day.weekday().since(Weekday::Monday));
        if let Some(sum) = week.get_mut(day).and_then(|day| day.get_mut(usize::from(hour.hour))) {
            *sum = *sum + hour.usage;
        }
    }
    week
}

/// From 0 for nothing to [`TONES`] for the most.
fn tone(value: u64, max: u64) -> u64 {
    let fits = |tone: &u64| {
        u128::from(value) * u128::from(TONES * TONES) <= u128::from(max) * u128::from(tone * tone)
    };
    (0..=TONES).find(fits).unwrap_or(TONES)
}

/// What a tone goes up to.
fn most(tone: u64, max: u64) -> u64 {
    let most = u128::from(max) * u128::from(tone * tone) / u128::from(TONES * TONES);
    u64::try_from(most).unwrap_or(u64::MAX)
}

fn words(weekday: Weekday, hour: u8, usage: &Usage, measure: Measure) -> String {
    let answers = counted(usage.events, "answer");
    let value = measure.sentence(usage);
    format!("{weekday:?} {hour:02}:00–{:02}:00: {value}, {answers}", hour + 1)
}

fn short_name(weekday: Weekday) -> String {
    format!("{weekday:?}").get(..3).unwrap_or_default().to_owned()
}

fn days() -> Vec<(f64, String)> {
    let days = (0_u8..).zip(Weekday::ALL);
    days.map(|(nth, day)| ((f64::from(nth) + 0.5) / 7.0 * 100.0, short_name(day))).collect()
}

fn hour_labels() -> Vec<(f64, String)> {
    let hours = (0_u8..24).step_by(LABELLED);
    hours.map(|hour| ((f64::from(hour) + 0.5) / 24.0 * 100.0, format!("{hour:02}"))).collect()
}

fn tones(max: u64, measure: Measure) -> Element {
    let tone = |tone| {
        let text = match tone {
            0 => "nothing".to_owned(),
            tone => format!("up to {}", measure.text(most(tone, max))),
        };
        let rect = Element::new("rect").class(&format!("heat{tone}"));
        let rect = rect.numbers([("width", 10.0), ("height", 10.0)]);
        let swatch = Element::new("svg").class("swatch").attr("viewBox", "0 0 10 10");
        let swatch = swatch.attr("aria-hidden", "true").child(rect);
        Element::new("li").child(swatch).child(cell(&text).class("faint"))
    };
    Element::new("ul").class("tones").children((0..=TONES).map(tone))
}

fn numbers(of: &str, week: &Week, measure: Measure) -> Element {
    let names = Weekday::ALL.map(short_name);
    let mut header = vec![("Hour", Kind::Text)];
    header.extend(names.iter().map(|name| (name.as_str(), Kind::Number)));
    let rows = (0..HOURS).map(|hour| {
        let mut row = vec![cell(&format!("{hour:02}:00"))];
        let hours = week.iter().filter_map(|day| day.get(hour));
        row.extend(hours.map(|usage| cell(&measure.entry(usage))));
        row
    });
    table(of, &header, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_for_what_it_goes_up_to() {
        for max in [1, 24, 25, 1_000_000, u64::MAX] {
            assert_eq!((tone(0, max), tone(max, max)), (0, TONES));
            for of in 1..=TONES {
                let value = most(of, max);
                assert!(
                    tone(value, max) <= of && tone(value.saturating_add(1), max) >= of,
                    "{max}"
                );
            }
        }
        assert_eq!(tone(0, 0), 0);
    }
}
