//! Estimates at the prices that are configured in OpenClaw.

use common_fs::FileKind;
use usage_cache::{NanoUsd, Prices, Query, Summary, Zone, configured_prices};

use crate::world::World;

/// An answer without a recorded cost.
fn unpriced(provider: &str, model: &str, usage: &str) -> String {
    format!(
        "{{\"timestamp\":\"2026-02-05T12:00:00Z\",\"message\":{{\"role\":\"assistant\",\
         \"provider\":\"{provider}\",\"model\":\"{model}\",\"usage\":{{{usage}}}}}}}\n"
    )
}

fn models(provider: &str, models: &str) -> String {
    format!("{{\"providers\": {{\"{provider}\": {{\"models\": [{models}]}}}}}}")
}

fn summary(world: &World, prices: &Prices) -> Summary {
    world.refreshed().usage.summary(&Query::all(Zone::utc()), prices)
}

fn configured(world: &World) -> Prices {
    let (prices, errors) = configured_prices(&world.sim.fs, &world.options.locations);
    assert!(errors.is_empty(), "{errors:?}");
    prices
}

#[test]
fn an_unknown_price_is_missing_and_a_price_of_zero_is_free() {
    let world = World::new();
    world.sim.fs.make_dir("/h/.openclaw/agents/main/agent");
    let free = r#"{"id": "local", "cost": {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0}}, {"id": "bare"}"#;
    world
        .sim
        .fs
        .put("/h/.openclaw/agents/main/agent/models.json", models("ollama", free).as_bytes());
    world.put(
        "a.jsonl",
        unpriced("ollama", "local", "\"input\":23287")
            + &unpriced("ollama", "bare", "\"input\":100")
            + &unpriced("openai", "gpt-9", "\"input\":7,\"cost\":{\"total\":0}")
            + &unpriced("openai", "gpt-9", "\"input\":0"),
    );
    world.wait();
    let summary = summary(&world, &configured(&world));
    assert_eq!(summary.totals.cost, NanoUsd::ZERO);
    assert_eq!((summary.totals.unpriced_events, summary.totals.unpriced_tokens), (2, 107));
    let names: Vec<_> =
        summary.unpriced.iter().map(|usage| usage.model.name.clone().unwrap()).collect();
    assert_eq!(names, ["bare", "gpt-9"]);
}

#[test]
fn a_change_of_prices_reads_nothing_again() {
    let world = World::new();
    let config = |input: f64| {
        format!(
            "{{ // as people write it\n models: {{ providers: {{ openai: {{ models: [ {{ id: 'gpt-9', cost: {{ input: {input}, output: 2, }}, }} ] }} }} }} }}"
        )
    };
    world.put("a.jsonl", unpriced("openai", "gpt-9", "\"input\":1000,\"output\":500"));
    world.wait();
    assert_eq!(summary(&world, &configured(&world)).totals.unpriced_events, 1);
    for (input, nanos) in [(1.0, 2_000_000), (4.0, 5_000_000)] {
        world.sim.fs.put("/h/.openclaw/openclaw.json", config(input).as_bytes());
        assert_eq!(summary(&world, &configured(&world)).totals.cost, NanoUsd(nanos));
        assert_eq!(world.refreshed().work.scanned_files, 0);
    }
}

#[test]
fn the_price_of_an_agent_comes_before_the_common_one() {
    let world = World::new();
    world.sim.fs.make_dir("/h/.openclaw/agents/main/agent");
    let entry =
        |input: u32| format!("{{\"id\": \"m\", \"cost\": {{\"input\": {input}, \"output\": 0}}}}");
    world
        .sim
        .fs
        .put("/h/.openclaw/agents/main/agent/models.json", models("p", &entry(3)).as_bytes());
    let common = format!("{{\"models\": {}}}", models("p", &entry(5)));
    // Kept elsewhere, as people do.
    world.sim.fs.put("/dotfiles.json", common.as_bytes());
    world.sim.fs.symlink("/h/.openclaw/openclaw.json", "/dotfiles.json");
    world.put("a.jsonl", unpriced("p", "m", "\"input\":1000000"));
    world.wait();
    assert_eq!(summary(&world, &configured(&world)).totals.cost, NanoUsd(3_000_000_000));
    world.sim.fs.remove("/h/.openclaw/agents/main/agent/models.json");
    assert_eq!(summary(&world, &configured(&world)).totals.cost, NanoUsd(5_000_000_000));
}

#[test]
fn tiers_are_for_the_whole_request() {
    let world = World::new();
    let tiered = r#"{"id": "m", "cost": {"input": 9, "output": 9, "tieredPricing": [
        {"range": [200000], "input": 2, "output": 4, "cacheRead": 0.2, "cacheWrite": 0},
        {"range": [0, 200000], "input": 1, "output": 2, "cacheRead": 0.1, "cacheWrite": 0}
    ]}}"#;
    world.sim.fs.put(
        "/h/.openclaw/openclaw.json",
        format!("{{\"models\": {}}}", models("p", tiered)).as_bytes(),
    );
    let prices = configured(&world);
    for (input, cache_read, nanos) in [
        (100_000, 99_999, 100_000 * 1_000 + 99_999 * 100),
        (100_000, 100_000, 100_000 * 2_000 + 100_000 * 200),
    ] {
        world.put(
            "a.jsonl",
            unpriced("p", "m", &format!("\"input\":{input},\"cacheRead\":{cache_read}")),
        );
        world.wait();
        assert_eq!(summary(&world, &prices).totals.cost, NanoUsd(nanos));
    }
}

#[test]
fn a_configuration_that_cannot_be_read_is_reported_and_the_rest_counts() {
    let world = World::new();
    world.sim.fs.make_dir("/h/.openclaw/agents/main/agent");
    world.sim.fs.put("/h/.openclaw/agents/main/agent/models.json", b"{ nonsense");
    let good = models(
        "p",
        r#"{"id": "m", "cost": {"input": 1, "output": -1}}, {"id": "n", "cost": {"input": 1, "output": 1}}"#,
    );
    world.sim.fs.put("/h/.openclaw/openclaw.json", format!("{{\"models\": {good}}}").as_bytes());
    let (prices, errors) = configured_prices(&world.sim.fs, &world.options.locations);
    assert_eq!(errors.len(), 1);
    assert!(errors[0].to_string().contains("models.json"), "{}", errors[0]);
    world.put(
        "a.jsonl",
        unpriced("p", "m", "\"input\":1,\"output\":1") + &unpriced("p", "n", "\"input\":1"),
    );
    world.wait();
    let summary = summary(&world, &prices);
    assert_eq!((summary.totals.unpriced_events, summary.totals.cost), (1, NanoUsd(1_000)));

    world.sim.fs.special("/fifo", FileKind::Fifo);
    world.sim.fs.remove("/h/.openclaw/openclaw.json");
    world.sim.fs.symlink("/h/.openclaw/openclaw.json", "/fifo");
    assert_eq!(configured_prices(&world.sim.fs, &world.options.locations).1.len(), 2);
}

#[test]
fn one_odd_entry_spoils_no_other() {
    let world = World::new();
    let odd = r"{providers: {
        nothing: null, empty: {}, none: {models: null}, text: {models: 'x'},
        p: {models: [
            7, null, {cost: {input: 1}}, {id: 5, cost: {input: 1}}, {id: 'bare'}, {id: 'a', cost: null},
            {id: 'half', cost: {input: 1}},
            {id: 'tier', cost: {input: 1, output: 1, tieredPricing: [{input: 5, output: 5}, {range: [], input: 5}]}},
            {id: 'good', cost: {input: 1, output: 1, cacheRead: null}},
        ]},
    }}";
    world.sim.fs.put("/h/.openclaw/openclaw.json", format!("{{models: {odd}}}").as_bytes());
    let prices = configured(&world);
    let cases = [
        ("half", "\"input\":1000", Some(1_000_000)),
        ("half", "\"input\":1000,\"output\":1", None),
        ("tier", "\"input\":1000", Some(1_000_000)),
        ("good", "\"input\":1000,\"output\":1000", Some(2_000_000)),
        ("good", "\"cacheRead\":1", None),
        ("bare", "\"input\":1", None),
    ];
    for (model, usage, nanos) in cases {
        world.put("a.jsonl", unpriced("p", model, usage));
        world.wait();
        let totals = summary(&world, &prices).totals;
        let cost = (totals.unpriced_events == 0).then_some(totals.cost);
        assert_eq!(cost, nanos.map(NanoUsd), "{model} {usage}");
    }
}

#[test]
fn the_price_of_one_agent_is_not_that_of_another() {
    let world = World::new();
    for (agent, dollars) in [("a", 1), ("b", 9)] {
        let dir = format!("/h/.openclaw/agents/{agent}");
        world.sim.fs.make_dir(format!("{dir}/agent"));
        world.sim.fs.make_dir(format!("{dir}/sessions"));
        let entry = format!("{{\"id\": \"m\", \"cost\": {{\"input\": {dollars}}}}}");
        world.sim.fs.put(format!("{dir}/agent/models.json"), models("p", &entry).as_bytes());
        let line = unpriced("p", "m", "\"input\":1000000");
        world.sim.fs.put(format!("{dir}/sessions/s.jsonl"), line.as_bytes());
    }
    world.wait();
    assert_eq!(summary(&world, &configured(&world)).totals.cost, NanoUsd(10_000_000_000));
}

#[test]
fn a_configuration_nested_without_end_is_refused() {
    let world = World::new();
    let deep = "{\"a\":".repeat(200_000);
    world.sim.fs.put("/h/.openclaw/openclaw.json", deep.as_bytes());
    let (_, errors) = configured_prices(&world.sim.fs, &world.options.locations);
    assert!(errors[0].to_string().contains("nested"), "{}", errors[0]);
}
