//! How amounts, spans and policies look.

use std::time::Duration;

use cache_warmer::{Millis, NanoDollars, simulate::SimulatedPolicy};
use cli_support::text::count;

const NANOS_PER_CENT: u64 = 10_000_000;

/// `$1,234.56`, `-$0.30`; what is something but less than half a cent is `<$0.01`.
pub(crate) fn dollars(amount: NanoDollars) -> String {
    let nanos = amount.0.unsigned_abs();
    let cents = nanos.saturating_add(NANOS_PER_CENT / 2) / NANOS_PER_CENT;
    if cents == 0 && nanos != 0 {
        return if amount.0 < 0 { "-<$0.01" } else { "<$0.01" }.to_owned();
    }
    let sign = if amount.0 < 0 { "-" } else { "" };
    format!("{sign}${}.{:02}", count(cents / 100), cents % 100)
}

/// The same with a sign in any case.
pub(super) fn net(amount: NanoDollars) -> String {
    let plus = if 0 < amount.0 { "+" } else { "" };
    format!("{plus}{}", dollars(amount))
}

/// `+5.2 %`: how much of `all` an amount is.
pub(super) fn percent(amount: NanoDollars, all: NanoDollars) -> String {
    if all <= NanoDollars::ZERO {
        return "-".to_owned();
    }
    let percent = amount.dollars() / all.dollars() * 100.0;
    // Not `-0.0`.
    let percent = if percent.abs() < 0.05 { 0.0 } else { percent };
    let plus = if 0.0 < percent { "+" } else { "" };
    format!("{plus}{percent:.1} %")
}

/// `8.7 %` of millionths.
pub(super) fn ppm(millionths: u64) -> String {
    let tenths = millionths.saturating_add(500) / 1_000;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// `4m 30s`, without what is less than a second.
pub(super) fn span(span: Millis) -> String {
    cli_support::text::span(Duration::from(span))
}

/// What a policy is called.
pub(super) fn policy(policy: SimulatedPolicy) -> String {
    match policy {
        SimulatedPolicy::None => "none".to_owned(),
        SimulatedPolicy::Seed240 => "every 240 s".to_owned(),
        SimulatedPolicy::SkiRental => "ski-rental".to_owned(),
        SimulatedPolicy::Histogram => "histogram".to_owned(),
        SimulatedPolicy::OneHourTier => "1-hour tier".to_owned(),
        SimulatedPolicy::Hindsight => "hindsight".to_owned(),
        SimulatedPolicy::Fixed(pings) => cli_support::text::counted(pings.into(), "ping"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_signs_and_cents() {
        let table = [
            (0, "$0.00", "$0.00"),
            (1, "<$0.01", "+<$0.01"),
            (-1, "-<$0.01", "-<$0.01"),
            (5_000_000, "$0.01", "+$0.01"),
            (-1_234_567_890_123, "-$1,234.57", "-$1,234.57"),
            (1_234_567_890_123, "$1,234.57", "+$1,234.57"),
        ];
        for (nanos, plain, signed) in table {
            assert_eq!(dollars(NanoDollars(nanos)), plain);
            assert_eq!(net(NanoDollars(nanos)), signed);
        }
    }

    #[test]
    fn shares_of_amounts() {
        let of = |amount, all| percent(NanoDollars(amount), NanoDollars(all));
        assert_eq!(of(52, 1_000), "+5.2 %");
        assert_eq!(of(-52, 1_000), "-5.2 %");
        assert_eq!(of(-1, 100_000), "0.0 %");
        assert_eq!(of(1, 0), "-");
        assert_eq!((ppm(86_957), ppm(1_000_000)), ("8.7 %".to_owned(), "100.0 %".to_owned()));
    }
}
