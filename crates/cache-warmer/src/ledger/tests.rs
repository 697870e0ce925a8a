use common_fs::Timestamp;

use super::*;

fn ledger() -> Ledger {
    let mut ledger = Ledger::default();
    ledger.roll(Timestamp::from_unix_millis(1_788_220_800_000).unwrap());
    let usage = RequestUsage { read: 100_000, ..RequestUsage::default() };
    ledger.answered(Verdict::Hit, &usage);
    ledger.answered(Verdict::Hit, &usage);
    ledger.spend(NanoDollars(60_000_000));
    ledger.failed("a \"quoted\" one\n");
    ledger.stopped(Reason::PingsSpent);
    ledger.saved = NanoDollars(345_000_001);
    ledger.spells.saved = 1;
    ledger
}

#[test]
fn it_can_be_kept() {
    let text = serde_json::to_string(&ledger()).unwrap();
    assert_eq!(serde_json::from_str::<Ledger>(&text).unwrap(), ledger());
    assert!(text.contains(r#""pings":{"hit":2}"#) && text.contains(r#""pings-spent":1"#), "{text}");
    // What a newer program added is not dropped without a word.
    let newer = text.replace("\"extended\"", "\"shortened\":1,\"extended\"");
    assert!(serde_json::from_str::<Ledger>(&newer).is_err());
}

#[test]
fn a_new_day_begins_with_the_clock_but_does_not_go_back_with_it() {
    let mut ledger = ledger();
    let spent = ledger.today.spent;
    let day = Timestamp::from_unix_millis;
    ledger.roll(day(1_788_220_800_000 - 1).unwrap());
    assert_eq!((ledger.today.day, ledger.today.spent), (20_697, spent));
    ledger.roll(day(1_788_220_800_000 + DAY_MILLIS).unwrap());
    assert_eq!((ledger.today.day, ledger.today.spent), (20_698, NanoDollars::ZERO));
    assert_eq!(ledger.spent, spent);
}

#[test]
fn prometheus_reads_it() {
    let text = ledger().to_prometheus();
    for line in [
        "cache_warmer_pings_total{verdict=\"hit\"} 2",
        "cache_warmer_pings_total{verdict=\"miss\"} 0",
        "cache_warmer_failed_total{failure=\"a \\\"quoted\\\" one\\n\"} 1",
        "cache_warmer_stops_total{reason=\"pings-spent\"} 1",
        "cache_warmer_tokens_total{kind=\"read\"} 200000",
        "cache_warmer_spent_dollars_total 0.060000000",
        "cache_warmer_saved_dollars_total 0.345000001",
        "cache_warmer_net_dollars 0.285000001",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let is_sound = |line: &str| line.starts_with("# ") || line.split(' ').count() >= 2;
    assert!(text.lines().all(is_sound) && text.ends_with('\n'));
}
