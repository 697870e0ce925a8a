use std::fmt::Write as _;

use super::Ledger;
use crate::{NanoDollars, Verdict};

impl Ledger {
    /// The ledger in the text format of Prometheus.
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        let pings = Verdict::ALL
            .iter()
            .map(|verdict| (verdict.name(), self.pings.get(verdict).copied().unwrap_or_default()));
        counts(&mut text, "pings_total", "Pings that were answered.", "verdict", pings);
        let failed = self.failed.iter().map(|(name, count)| (name.as_str(), *count));
        counts(&mut text, "failed_total", "Pings that were not answered.", "failure", failed);
        let stops = self.stops.iter().map(|(reason, count)| (reason.name(), *count));
        counts(&mut text, "stops_total", "How often warming stopped.", "reason", stops);
        let spells = [
            ("saved", self.spells.saved),
            ("needless", self.spells.needless),
            ("lost", self.spells.lost),
            ("closed", self.spells.closed),
        ];
        counts(&mut text, "spells_total", "How idle spells with a ping ended.", "end", spells);
        let tokens = [
            ("uncached", self.tokens.uncached),
            ("read", self.tokens.read),
            ("write_5m", self.tokens.write_5m),
            ("write_1h", self.tokens.write_1h),
            ("output", self.tokens.output),
        ];
        counts(&mut text, "tokens_total", "Tokens of pings.", "kind", tokens);
        let singles = [
            ("extended_total", "Explicit caches that were extended.", self.extended),
            ("unconfirmed_total", "Pings of unknown cost.", self.unconfirmed),
            ("saved_tokens_total", "Tokens read that would have been written.", self.saved_tokens),
        ];
        for (name, help, count) in singles {
            head(&mut text, name, help, "counter");
            writeln!(text, "cache_warmer_{name} {count}").ok();
        }
        money(&mut text, "spent_dollars_total", "What pings cost.", "counter", self.spent);
        money(&mut text, "saved_dollars_total", "What is proven saved.", "counter", self.saved);
        money(&mut text, "net_dollars", "Saved without spent.", "gauge", self.net());
        money(&mut text, "spent_today_dollars", "Spent today.", "gauge", self.today.spent);
        text
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    writeln!(text, "# HELP cache_warmer_{name} {help}").ok();
    writeln!(text, "# TYPE cache_warmer_{name} {kind}").ok();
}

fn counts<'a>(
    text: &mut String,
    name: &str,
    help: &str,
    label: &str,
    counts: impl IntoIterator<Item = (&'a str, u64)>,
) {
    head(text, name, help, "counter");
    for (value, count) in counts {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        writeln!(text, "cache_warmer_{name}{{{label}=\"{value}\"}} {count}").ok();
    }
}

/// To the last billionth: a floating-point number would lose some.
fn money(text: &mut String, name: &str, help: &str, kind: &str, amount: NanoDollars) {
    head(text, name, help, kind);
    let sign = if amount.0 < 0 { "-" } else { "" };
    let nanos = amount.0.unsigned_abs();
    let (whole, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
    writeln!(text, "cache_warmer_{name} {sign}{whole}.{rest:09}").ok();
}
