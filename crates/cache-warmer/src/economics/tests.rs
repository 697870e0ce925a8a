use super::*;
use crate::Tier;

/// Prices in thousandths of the base price, times ten: base 10,000.
fn terms(read: i64, write_5m: i64, write_1h: i64, tier: Tier) -> Terms {
    let lifetime = match tier {
        Tier::OneHour => Millis::from_hours(1),
        _ => Millis::from_mins(5),
    };
    Terms {
        tier,
        lifetime,
        prices: Prices {
            input: NanoDollars(10_000),
            output: NanoDollars(50_000),
            read: NanoDollars(read),
            write_5m: NanoDollars(write_5m),
            write_1h: NanoDollars(write_1h),
        },
        storage: NanoDollars::ZERO,
        minimum_tokens: 1024,
        method: WarmMethod::ReplayWithoutAnswer,
        reports_writes: true,
    }
}

/// The table of the break-even points: price of reading, of writing, tier, interval; then
/// probability in thousandths, pings, covered tenths of minutes, and thousandths of the base price
/// of the prefix for each hour.
#[test]
fn the_table_of_break_even_points() {
    use Tier::{FiveMinutes as Short, OneHour as Long};
    let minute = 60_000;
    let table = [
        (1000, 12_500, Short, 240_000, 87, 11, 490, 1500),
        (1000, 12_500, Short, 270_000, 87, 11, 545, 1333),
        (1000, 20_000, Long, 54 * minute, 53, 19, 10_860, 111),
        (500, 12_500, Short, 270_000, 42, 24, 1130, 667),
        (500, 20_000, Long, 54 * minute, 26, 39, 21_660, 56),
        (250, 20_000, Long, 54 * minute, 13, 79, 43_260, 28),
        (1000, 10_000, Short, 270_000, 111, 9, 455, 1333),
        (2500, 10_000, Short, 270_000, 333, 3, 185, 3333),
        (5000, 10_000, Short, 270_000, 1000, 1, 95, 6667),
    ];
    for (read, write, tier, interval, probability, pings, tenths, per_hour) in table {
        let row = format!("r {read} w {write} {tier:?} D {interval}");
        let terms = terms(read, write, write, tier);
        let tokens = 100_000;
        let (ping, loss) = (ping_cost(&terms, tokens, 0), avoidable_loss(&terms, tokens));
        assert_eq!(ping, NanoDollars(read * 100_000), "{row}");
        let ppm = break_even_ppm(ping, loss).unwrap();
        assert_eq!((ppm + 500) / 1000, probability, "{row}");
        assert_eq!(break_even_pings(ping, loss), pings, "{row}");
        let covered = covered(pings, Millis(interval), terms.lifetime);
        assert_eq!(covered.0 * 10, tenths * minute, "{row}");
        let hold = hold_cost_per_hour(ping, Millis(interval)).0;
        let base = NanoDollars(10_000).for_tokens(tokens).0;
        assert_eq!((hold * 1000 + base / 2) / base, per_hour, "{row}");
    }
}

#[test]
fn the_interval_is_nine_tenths_and_never_inside_the_guard() {
    let table = [
        (300_000, 10_000, Some(270_000)),
        (300_000, 45_000, Some(255_000)),
        (3_600_000, 10_000, Some(3_240_000)),
        (9, 0, Some(8)),
        (10_000, 10_000, None),
        (10_000, 20_000, None),
        (0, 0, None),
        (u64::MAX, 0, Some(16_602_069_666_338_596_453)),
    ];
    for (lifetime, guard, expected) in table {
        let found = interval(Millis(lifetime), Millis(guard));
        assert_eq!(found, expected.map(Millis), "{lifetime} {guard}");
    }
}

#[test]
fn an_hour_pays_after_37_minutes() {
    let prices = terms(1000, 12_500, 20_000, Tier::OneHour).prices;
    let after = one_hour_pays_after(&prices, Millis(270_000), Millis::from_mins(54)).unwrap();
    assert_eq!(after.0 / 60_000, 36);
    assert!(Millis::from_secs(36 * 60 + 45) < after);
    assert_eq!(one_hour_pays_after(&prices, Millis(270_000), Millis(270_000)), None);
}

#[test]
fn what_is_sent_again_uncached_is_paid_again() {
    let terms = terms(1000, 12_500, 20_000, Tier::FiveMinutes);
    assert_eq!(ping_cost(&terms, 1000, 50), NanoDollars(1_000_000 + 500_000));
    let one = Terms { method: WarmMethod::ReplayForOneToken, ..terms };
    assert_eq!(ping_cost(&one, 1000, 50), NanoDollars(1_500_000 + 50_000));
    assert_eq!(late_ping_cost(&one, 1000, 50), NanoDollars(1050 * 12_500 + 50_000));
}

/// Prices of reading, and of writing for five minutes and for an hour; then the one that counts.
#[test]
fn at_worst_every_token_is_written_at_the_dearest_price() {
    let table =
        [(1000, 12_500, 20_000, 20_000), (1000, 12_500, 11_000, 12_500), (1000, 0, 0, 10_000)];
    for (read, write_5m, write_1h, dearest) in table {
        for tier in [Tier::FiveMinutes, Tier::OneHour, Tier::ThirtyMinutes] {
            let terms = terms(read, write_5m, write_1h, tier);
            let expected = NanoDollars(1050 * dearest + 16 * 50_000);
            assert_eq!(ping_cost_max(&terms, 1000, 50), expected, "{tier:?}");
            assert!(late_ping_cost(&terms, 1000, 50) <= expected, "{tier:?}");
        }
    }
}

#[test]
fn an_explicit_cache_costs_what_its_storage_costs() {
    let storage = NanoDollars::from_dollars(1);
    let base = terms(1000, 10_000, 10_000, Tier::OneHour);
    let terms = Terms { method: WarmMethod::ExtendTtl, storage, ..base };
    assert_eq!(ping_cost(&terms, 1_000_000, 500), storage);
    assert_eq!(ping_cost(&terms, 1, 0), NanoDollars(1000));
    let short = Terms { lifetime: Millis::from_mins(15), ..terms };
    assert_eq!(ping_cost(&short, 1_000_000, 0), NanoDollars(250_000_000));
    assert_eq!(ping_cost(&Terms { storage: NanoDollars(1), ..terms }, 1, 0), NanoDollars(1));
}

#[test]
fn the_edges() {
    assert_eq!(break_even_pings(NanoDollars(0), NanoDollars(5)), u32::MAX);
    assert_eq!(break_even_pings(NanoDollars(5), NanoDollars(0)), 0);
    assert_eq!(break_even_pings(NanoDollars(1), NanoDollars::MAX), u32::MAX);
    assert_eq!(break_even_ppm(NanoDollars(5), NanoDollars(0)), None);
    assert_eq!(hold_cost_per_hour(NanoDollars(1), Millis::ZERO), NanoDollars::MAX);
    let hostile = terms(1000, 12_500, 20_000, Tier::FiveMinutes);
    assert_eq!(ping_cost(&hostile, u64::MAX, u64::MAX), NanoDollars::MAX);
    assert_eq!(ping_cost_max(&hostile, u64::MAX, u64::MAX), NanoDollars::MAX);
    // Writing that is cheaper than reading leaves nothing to lose.
    assert_eq!(avoidable_loss(&terms(1000, 500, 500, Tier::FiveMinutes), 10), NanoDollars::ZERO);
}
