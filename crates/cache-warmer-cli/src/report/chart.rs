//! Bars in a terminal.

/// How many columns the bars have, on both sides together.
const WIDTH: usize = 48;

/// A bar for each value: to the right of the axis what is gained, to the left what is lost. One that
/// is so much longer than all others that these could not be seen is cut off.
pub(super) fn bars(rows: &[(String, i64, String)]) -> String {
    let longest = limit(rows.iter().map(|(_, net, _)| *net));
    let rows: Vec<_> = rows
        .iter()
        .map(|(label, net, value)| {
            let shown = (*net).clamp(-longest, longest);
            let mark = if shown == *net { "" } else { " (longer than shown)" };
            (label, shown, format!("{value}{mark}"))
        })
        .collect();
    let label_len = rows.iter().map(|(label, ..)| label.chars().count()).max().unwrap_or_default();
    let most = |value: fn(i64) -> i64| rows.iter().map(|(_, net, _)| value(*net)).max();
    let gain = most(|net| net).unwrap_or_default().max(0);
    let loss = most(i64::saturating_neg).unwrap_or_default().max(0);
    let left = cells(loss, gain.saturating_add(loss));
    let mut text = String::new();
    for (label, net, value) in &rows {
        let len = cells(net.saturating_abs(), gain.saturating_add(loss));
        let (before, bar) = if *net < 0 { (left.saturating_sub(len), len) } else { (left, 0) };
        let after = if *net < 0 { 0 } else { len };
        text += &format!(
            "  {label:label_len$}  {}{}|{}{} {value}\n",
            " ".repeat(before),
            BLOCK.repeat(bar),
            BLOCK.repeat(after),
            " ".repeat((WIDTH - left).saturating_sub(after)),
        );
    }
    text
}

/// How long a bar is at most: some times as long as the second longest.
pub(super) fn limit(values: impl Iterator<Item = i64>) -> i64 {
    const TIMES: i64 = 4;
    let mut lengths: Vec<i64> = values.map(i64::saturating_abs).collect();
    lengths.sort_unstable();
    let second = lengths.iter().rev().nth(1).copied().unwrap_or_default();
    if second == 0 { i64::MAX } else { second.saturating_mul(TIMES) }
}

const BLOCK: &str = "█";

/// How many columns a value has, where `all` has all of them; what is something has one.
fn cells(value: i64, all: i64) -> usize {
    let exact = i128::from(value) * WIDTH as i128;
    let rounded = (exact + i128::from(all) / 2).checked_div(i128::from(all)).unwrap_or_default();
    let some = i128::from(0 < value);
    usize::try_from(rounded.max(some)).unwrap_or_default().min(WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_to_the_left_and_gains_to_the_right() {
        let row = |label: &str, net: i64| (label.to_owned(), net, net.to_string());
        let chart = bars(&[row("none", 0), row("bad", -30), row("good", 18), row("tiny", 1)]);
        let left = " ".repeat(30);
        let expected = format!(
            "  none  {left}|{} 0\n  bad   {}|{} -30\n  good  {left}|{} 18\n  tiny  {left}|█{} 1\n",
            " ".repeat(18),
            "█".repeat(30),
            " ".repeat(18),
            "█".repeat(18),
            " ".repeat(17),
        );
        assert_eq!(chart, expected);
    }

    #[test]
    fn one_that_is_far_longer_is_cut_off() {
        assert_eq!(limit([1, -1_000, 0].into_iter()), 4);
        assert_eq!(limit([0, -1_000].into_iter()), i64::MAX);
        assert_eq!(limit([].into_iter()), i64::MAX);
        let chart =
            bars(&[("a".to_owned(), -1_000, "x".to_owned()), ("b".to_owned(), 1, "y".to_owned())]);
        assert!(
            chart.contains("x (longer than shown)") && chart.matches('█').count() == 48,
            "{chart}"
        );
    }

    #[test]
    fn any_values_have_bars() {
        for values in [vec![], vec![0, 0], vec![i64::MIN, i64::MAX], vec![-1], vec![5]] {
            let rows: Vec<_> =
                values.iter().map(|value| ("x".to_owned(), *value, "v".to_owned())).collect();
            assert_eq!(bars(&rows).lines().count(), values.len());
        }
    }
}
