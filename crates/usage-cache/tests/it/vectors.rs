//! The cases of OpenClaw's own tests that are about tokens, costs and days.

use usage_cache::{Day, NanoUsd, Price, Prices, Query, Rates, Summary, Zone};

use crate::world::{World, answer_at, tokens};

fn record(time: &str, tokens: u64, cost: Option<f64>) -> String {
    let cost = cost.map(|cost| format!(",\"cost\":{{\"total\":{cost}}}")).unwrap_or_default();
    format!(
        "{{\"timestamp\":\"{time}\",\"message\":{{\"role\":\"assistant\",\"provider\":\"openai\",\
         \"model\":\"gpt-5.4\",\"usage\":{{\"input\":{},\"output\":{},\"totalTokens\":{tokens}{cost}}}}}}}\n",
        tokens / 2,
        tokens - tokens / 2,
    )
}

/// One dollar per million tokens of input, two per million of output.
fn prices() -> Prices {
    let usd = |dollars: u64| Some(NanoUsd(dollars * 1_000_000_000));
    let free = Rates { cache_creation: usd(0), cache_read: usd(0), ..Rates::default() };
    let rates = Rates { input: usd(1), output: usd(2), ..free };
    let mut prices = Prices::none();
    prices.add("openai", "gpt-5.4", Price::flat(rates));
    prices
}

fn days(since: &str, until: &str) -> Query {
    let day = |text: &str| text.parse::<Day>().unwrap();
    Query { since: Some(day(since)), until: Some(day(until)), ..Query::all(Zone::utc()) }
}

fn summary(world: &World, query: &Query) -> Summary {
    world.wait();
    world.refreshed().usage.summary(query, &prices())
}

#[test]
fn recorded_and_estimated_costs_add_up_within_the_days() {
    let world = World::new();
    let now = "2026-02-05T12:00:00.000Z";
    world.put(
        "sess-1.jsonl",
        record(now, 30, Some(0.03))
            + &record(now, 20, None)
            + &record("2025-12-27T12:00:00.000Z", 500, Some(9.0)),
    );
    let summary = summary(&world, &days("2026-01-07", "2026-02-05"));
    assert_eq!(summary.daily.len(), 1);
    assert_eq!((summary.totals.tokens.total, summary.totals.cost), (50, NanoUsd(30_030_000)));
}

#[test]
fn many_records_of_one_model_are_estimated_alike() {
    let world = World::new();
    let line = record("2026-02-05T12:00:00.000Z", 30, None);
    world.put("sess-1.jsonl", line.repeat(12));
    let summary = summary(&world, &Query::all(Zone::utc()));
    // 12 x (15 x 1 + 15 x 2) millionths of a dollar.
    assert_eq!((summary.totals.tokens.total, summary.totals.cost), (360, NanoUsd(540_000)));
    assert_eq!(summary.totals.events, 12, "identical lines count each");
}

#[test]
fn checkpoints_and_backups_repeat_and_archives_do_not() {
    let world = World::new();
    let line = |tokens| answer_at("2026-02-05T12:00:00.000Z", tokens);
    world.put("sess-1.jsonl", line(3));
    world.put("sess-1.jsonl.reset.2026-02-05T12-30-00.000Z", line(30));
    world.put("sess-1.jsonl.deleted.2026-02-05T12-40-00.000Z", line(9));
    world.put("sess-1.jsonl.bak.2026-02-05T12-50-00.000Z", line(300));
    world.put("sess-1.checkpoint.0b4b2d3c-5d6e-4f70-8a9b-0c1d2e3f4a5b.jsonl", line(300));
    world.put("sess-1.trajectory.jsonl", line(300));
    world.put("sessions.json", line(300));
    let summary = summary(&world, &Query::all(Zone::utc()));
    assert_eq!((summary.totals.tokens.total, summary.totals.cost), (42, NanoUsd(42_000_000)));
}

#[test]
fn one_day_of_two() {
    let world = World::new();
    world.put(
        "sess-1.jsonl",
        answer_at("2026-02-04T12:00:00Z", 10) + &answer_at("2026-02-05T12:00:00Z", 20),
    );
    let summary = summary(&world, &days("2026-02-05", "2026-02-05"));
    assert_eq!(summary.daily.len(), 1);
    assert_eq!(
        (summary.daily[0].day.to_string().as_str(), summary.totals.tokens.total),
        ("2026-02-05", 20)
    );
}

#[test]
fn events_without_a_time_belong_to_no_day() {
    let world = World::new();
    world.put("sess-1.jsonl", answer_at("", 30));
    let summary = summary(&world, &Query::all(Zone::utc()));
    assert_eq!((summary.daily.len(), summary.totals.tokens.total), (0, 0));
    assert_eq!((summary.untimed.tokens.total, summary.untimed.cost), (30, NanoUsd(30_000_000)));
}

#[test]
fn quarters_of_an_hour_end_before_midnight() {
    let world = World::new();
    world.put(
        "sess-1.jsonl",
        answer_at("2026-02-05T23:59:59.999Z", 1) + &answer_at("2026-02-06T00:00:00.000Z", 2),
    );
    let summary = summary(&world, &Query::all(Zone::utc()));
    let by_day: Vec<_> =
        summary.daily.iter().map(|day| (day.day.to_string(), day.usage.tokens.total)).collect();
    assert_eq!(by_day, [("2026-02-05".to_owned(), 1), ("2026-02-06".to_owned(), 2)]);
}

#[test]
fn line_separators_of_unicode_do_not_split_lines() {
    let world = World::new();
    let line = "{\"message\":{\"role\":\"user\",\"content\":\"a\u{2028}b\u{2029}c\",\"usage\":{\"input\":4},\"timestamp\":1770292800000}}\n";
    world.put("sess-1.jsonl", line.to_owned() + &answer_at("2026-02-05T12:00:00Z", 1));
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 5);
}
