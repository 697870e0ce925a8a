//! A small bar chart of the cost of the last days.

use usage_cache::{DailyUsage, Day, NanoUsd};

use crate::{screen::Screen, text::dollars};

/// So many days are shown.
pub(crate) const DAYS: usize = 30;
/// So many lines, each in eight steps.
const LINES: usize = 4;
const STEPS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ASCII_STEPS: [&str; 9] = [" ", ".", ".", ":", ":", "|", "|", "#", "#"];
/// A bar, and the space after it.
const DAY_COLUMNS: usize = 2;

/// A bar for each of the last days up to `today`; `None` if nothing was used in them.
pub(crate) fn of_last_days(daily: &[DailyUsage], today: Day, screen: Screen) -> Option<String> {
    let days = days_to(today);
    let cost = |day: &Day| {
        let usage = daily.iter().find(|usage| usage.day == *day).map(|day| day.usage);
        usage.map_or(NanoUsd::ZERO, |usage| usage.cost)
    };
    let costs: Vec<NanoUsd> = days.iter().map(cost).collect();
    let highest = costs.iter().copied().max().filter(|cost| *cost != NanoUsd::ZERO)?;
    let top = dollars(highest);
    let margin = top.chars().count();
    let steps = if screen.unicode { STEPS } else { ASCII_STEPS };
    let mut text = screen.faint(&format!("Cost per day, last {} days", days.len())) + "\n";
    for line in (0..LINES).rev() {
        let label = match line {
            0 => "$0",
            line if line == LINES - 1 => &top,
            _ => "",
        };
        let bars: Vec<&str> = costs.iter().map(|cost| step(*cost, highest, line, steps)).collect();
        text += format!("{label:>margin$}  {}", bars.join(" ")).trim_end();
        text.push('\n');
    }
    let (first, last) = (days.first()?.to_string(), days.last()?.to_string());
    let columns = days.len() * DAY_COLUMNS - 1;
    let gap = columns.saturating_sub(first.len() + last.len()).max(1);
    text += &screen.faint(&format!("{:margin$}  {first}{:gap$}{last}", "", ""));
    text.push('\n');
    Some(text)
}

/// The last days, the earliest first.
fn days_to(today: Day) -> Vec<Day> {
    let mut days = vec![today];
    while days.len() < DAYS
        && let Some(before) = days.last().and_then(|day| day.yesterday())
    {
        days.push(before);
    }
    days.reverse();
    days
}

/// What a bar shows in a line: something, if there is something at all.
fn step(cost: NanoUsd, highest: NanoUsd, line: usize, steps: [&'static str; 9]) -> &'static str {
    let full = (STEPS.len() - 1) as u128;
    let in_all = u128::from(cost.0) * full * LINES as u128;
    let filled = in_all.div_ceil(u128::from(highest.0.max(1)));
    let here = filled.saturating_sub(full * line as u128).min(full);
    usize::try_from(here).ok().and_then(|at| steps.get(at)).copied().unwrap_or(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_grow_with_costs() {
        let highest = NanoUsd(32_000);
        let column = |cost| {
            let line = |line| step(NanoUsd(cost), highest, line, STEPS);
            [line(3), line(2), line(1), line(0)].concat()
        };
        assert_eq!(column(0), "    ");
        assert_eq!(column(1), "   ▁");
        assert_eq!(column(8_000), "   █");
        assert_eq!(column(8_001), "  ▁█");
        assert_eq!(column(20_000), " ▄██");
        assert_eq!(column(32_000), "████");
    }
}
