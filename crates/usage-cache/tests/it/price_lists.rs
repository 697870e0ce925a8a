//! Lists of prices: the one that comes with the program, those of users, and those of others.

use std::{error::Error as _, path::Path};

use common_fs::{Timestamp, sim::Sim};
use usage_cache::{
    NanoUsd, Price, PriceList, Prices, Query, Rates, ServiceTier, Zone, user_prices,
};

use crate::world::World;

/// The list in the repository.
const DATA: &str = include_str!("../../data/prices.json");

fn at(unix_seconds: i64) -> Timestamp {
    Timestamp::from_unix_nanos(unix_seconds * 1_000_000_000)
}

fn list(entries: &str) -> PriceList {
    PriceList::parse(&format!("{{\"prices\":[{entries}]}}")).unwrap()
}

/// What comes of a list of others, by line.
fn converted(text: &str) -> Vec<String> {
    let list = PriceList::parse(text).unwrap().to_string();
    assert_eq!(PriceList::parse(&list).unwrap().to_string(), list, "it can be read again");
    let lines = list.lines().map(|line| line.trim_end_matches(',').to_owned());
    lines.filter(|line| line.contains("provider")).collect()
}

/// Input, output, cache writes, cache reads, in billionths of a dollar per token.
fn rates(price: &Price, prompt: u64) -> [Option<u64>; 4] {
    let Rates { input, output, cache_creation, cache_read, .. } = *price.rates_for(prompt).unwrap();
    [input, output, cache_creation, cache_read]
        .map(|rate| rate.map(|NanoUsd(nanos)| nanos / 1_000_000))
}

#[test]
fn the_list_in_the_repository_is_in_order() {
    let list = PriceList::parse(DATA).unwrap();
    assert_eq!(list.to_string(), DATA, "run `cargo xtask prices`");
    for entry in list.entries() {
        assert!(entry.source.is_some() && entry.date.is_some(), "{entry:?}");
    }
    assert_eq!(PriceList::builtin().entries(), list.entries());
}

#[test]
fn the_prices_that_the_made_up_transcripts_are_counted_at() {
    let list = PriceList::builtin();
    let table = [
        ("openai", "gpt-5.5", [5_000, 30_000, 500]),
        ("openai", "gpt-5.2", [1_750, 14_000, 175]),
        ("openai", "gpt-5", [1_250, 10_000, 125]),
        ("openai", "gpt-5.2-codex", [1_750, 14_000, 175]),
        ("anthropic", "claude-opus-4-20250514", [15_000, 75_000, 1_500]),
        ("anthropic", "claude-sonnet-4-20250514", [3_000, 15_000, 300]),
    ];
    for (provider, model, [input, output, cache_read]) in table {
        let price = list.price(Some(provider), model, at(0), ServiceTier::Standard).unwrap();
        let [i, o, _, r] = rates(price, 200_000);
        assert_eq!([i, o, r], [input, output, cache_read].map(Some), "{model}");
    }
    let price = |model| list.price(None, model, at(0), ServiceTier::Standard).unwrap();
    let sonnet = price("claude-sonnet-4-20250514");
    assert_eq!(rates(sonnet, 200_001), [6_000, 22_500, 7_500, 600].map(Some));
    assert_eq!(rates(sonnet, 200_000), [3_000, 15_000, 3_750, 300].map(Some));
    assert_eq!(
        rates(price("claude-opus-4-20250514"), 0),
        [15_000, 75_000, 18_750, 1_500].map(Some)
    );
}

#[test]
fn prices_change_with_time() {
    let list = PriceList::builtin();
    let price = |model, seconds, prompt| {
        rates(list.price(None, model, at(seconds), ServiceTier::Standard).unwrap(), prompt)
    };
    let (cut, opus_cut) = (1_785_369_600, 1_773_360_000);
    assert_eq!(price("gpt-5.6-terra", cut - 1, 1), [2_500, 15_000, 3_125, 250].map(Some));
    assert_eq!(price("gpt-5.6-terra", cut, 1), [2_000, 12_000, 2_500, 200].map(Some));
    assert_eq!(price("gpt-5.6-terra", cut - 1, 272_001), [5_000, 22_500, 6_250, 500].map(Some));
    assert_eq!(price("gpt-5.6-terra", cut, 272_001), [4_000, 18_000, 5_000, 400].map(Some));
    assert_eq!(price("claude-opus-4-6", opus_cut - 1, 200_001)[0], Some(10_000));
    assert_eq!(price("claude-opus-4-6", opus_cut, 200_001)[0], Some(5_000));
}

#[test]
fn before_the_first_price_there_is_none() {
    let list = list(r#"{"provider":"p","model":"m","from":"2026-01-01T00:00:00Z","input":1}"#);
    let known = |seconds| list.price(Some("p"), "m", at(seconds), ServiceTier::Standard).is_some();
    assert!(!known(1_767_225_599));
    assert!(known(1_767_225_600));
}

#[test]
fn a_list_that_is_wrong_says_where() {
    let table = [
        (r#"{"provider":"p","model":"m","ouput":1}"#, "price 1 (p m): unknown field `ouput`"),
        (
            r#"{"provider":"p","model":"m","input":1},{"provider":"p"}"#,
            "price 2 (p ?): missing field `model`",
        ),
        (r#"{"provider":"p","model":"m","input":-1}"#, "price 1 (p m): -1 is not a price"),
        (r#"{"provider":"p","model":"m","input":"1"}"#, "price 1 (p m): invalid type"),
        (r#"{"provider":"p","model":"m","input":1e300}"#, "is not a price"),
        (r#"{"provider":"p","model":"m"}"#, "price 1 (p m): it gives no price"),
        (r#"{"provider":" ","model":"m","input":1}"#, "must not be empty"),
        (r#"{"provider":"p","model":"m","input":1,"from":"2026-01-01"}"#, "price 1 (p m): `from`"),
        (r#"{"provider":"p","model":"m","input":1,"date":"today"}"#, "`today` is not a date"),
        (
            r#"{"provider":"p","model":"m","input":1,"tiers":[{"above":2,"input":1},{"above":1,"input":1}]}"#,
            "its tiers are not in order",
        ),
        (
            r#"{"provider":"p","model":"m","input":1,"serviceTiers":{"fast":{"input":1}}}"#,
            "unknown field `fast`",
        ),
        (
            r#"{"provider":"p","model":"m","input":1},{"provider":"p","model":"m","input":2}"#,
            "p m has two prices since the same time",
        ),
    ];
    for (entries, expected) in table {
        let error = PriceList::parse(&format!("{{\"prices\":[{entries}]}}")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let files = [
        ("", "not a list of prices"),
        ("[]", "not a list of prices"),
        ("{}", "missing field `prices`"),
        (r#"{"version":2,"prices":[]}"#, "version 2 of price lists is not known"),
        (r#"{"format":"other","prices":[]}"#, "its format is not upkeep-prices"),
        (r#"{"prices":[],"more":1}"#, "unknown field `more`"),
    ];
    for (text, expected) in files {
        let error = PriceList::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let deep = format!("{{\"prices\":{}", "[".repeat(200_000));
    assert!(PriceList::parse(&deep).is_err());
}

#[test]
fn what_is_read_is_written_again() {
    let full = r#"{"provider":"p","model":"m","from":"2026-01-01T00:00:00Z","input":1.25,"output":0,"cacheRead":0.000000001,"cacheWrite":3,"cacheWrite1h":4,"tiers":[{"above":32000,"input":2},{"above":64000}],"serviceTiers":{"priority":{"input":9,"tiers":[{"above":5,"output":1}]},"batch":{"input":1,"source":"x","date":"2026-01-03"}},"source":"a \"page\"","date":"2026-01-02","keep":true,"note":"n"}"#;
    let text = format!("{{\"format\":\"upkeep-prices\",\"version\":1,\"prices\":[\n{full}\n]}}\n");
    assert_eq!(PriceList::parse(&text).unwrap().to_string(), text);
    assert_eq!(list(full).to_string(), text);
}

#[test]
fn a_list_of_litellm_is_converted() {
    let text = r#"{
        "sample_spec": {"input_cost_per_token": 0.0, "mode": "one of"},
        "claude-x": {"litellm_provider": "anthropic", "mode": "chat", "input_cost_per_token": 3e-06,
            "output_cost_per_token": 1.5e-05, "cache_creation_input_token_cost": 3.75e-06,
            "cache_creation_input_token_cost_above_1hr": 6e-06, "cache_read_input_token_cost": 3e-07,
            "input_cost_per_token_above_200k_tokens": 6e-06, "output_cost_per_token_above_200k_tokens": 2.25e-05,
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 1.3e-05,
            "input_cost_per_token_batches": 1.5e-06, "max_tokens": "many"},
        "gpt-x": {"litellm_provider": "openai", "mode": "responses", "input_cost_per_token": 1.75e-06,
            "output_cost_per_token": 1.4e-05, "cache_read_input_token_cost": 1.75e-07, "cache_creation_input_token_cost": 0.0,
            "input_cost_per_token_priority": 3.5e-06, "input_cost_per_token_above_272k_tokens_priority": 7e-06,
            "output_cost_per_token_flex": 7e-06, "output_cost_per_reasoning_token": 1.4e-05},
        "pro-x": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 9e-06},
        "gemini/pro-x": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1e-06},
        "dashscope/q": {"litellm_provider": "dashscope", "mode": "chat", "tiered_pricing": [
            {"range": [0, 32000.0], "input_cost_per_token": 1e-06, "output_cost_per_token": 5e-06},
            {"range": [32000.0, 128000.0], "input_cost_per_token": 1.8e-06, "output_cost_per_token": 9e-06}]},
        "dashscope/thinks": {"litellm_provider": "dashscope", "mode": "chat", "output_cost_per_token": 1e-06, "output_cost_per_reasoning_token": 4e-06},
        "night": {"litellm_provider": "deepseek", "input_cost_per_token": 1e-06, "off_peak_pricing": {}},
        "free": {"litellm_provider": "zai", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0},
        "pictures": {"litellm_provider": "openai", "mode": "image_generation", "input_cost_per_token": 1e-06},
        "odd": 7
    }"#;
    let expected = [
        r#"{"provider":"anthropic","model":"claude-x","input":3,"output":15,"cacheRead":0.3,"cacheWrite":3.75,"tiers":[{"above":200000,"input":6,"output":22.5,"cacheWrite1h":13}],"serviceTiers":{"batch":{"input":1.5,"tiers":[{"above":200000}]}}}"#,
        r#"{"provider":"google","model":"pro-x","input":1}"#,
        r#"{"provider":"openai","model":"gpt-x","input":1.75,"output":14,"cacheRead":0.175,"serviceTiers":{"priority":{"input":3.5,"tiers":[{"above":272000,"input":7}]},"flex":{"output":7}}}"#,
        r#"{"provider":"qwen","model":"q","input":1,"output":5,"tiers":[{"above":32000,"input":1.8,"output":9}]}"#,
    ];
    assert_eq!(converted(text), expected);
    let list = PriceList::parse(text).unwrap();
    let skipped: Vec<_> = list.skipped().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(skipped, ["zai free", "deepseek night", "qwen thinks"]);
}

#[test]
fn a_list_of_models_dev_is_converted() {
    let text = r#"{
        "anthropic": {"id": "anthropic", "models": {
            "claude-x": {"id": "claude-x", "cost": {"input": 3, "output": 15, "cache_read": 0.3, "cache_write": 3.75,
                "context_over_200k": {"input": 6, "output": 22.5, "cache_read": 0.6, "cache_write": 7.5}}},
            "free": {"cost": {"input": 0, "output": 0}}, "none": {}, "odd": 7}},
        "openai": {"models": {
            "gpt-x": {"modalities": {"output": ["text"]}, "cost": {"input": 2.5, "output": 15, "context_over_200k": {"input": 5, "output": 22.5}}},
            "thinks": {"cost": {"input": 1, "output": 2, "reasoning": 3}},
            "pictures": {"modalities": {"output": ["image"]}, "cost": {"input": 1}}}},
        "moonshotai": {"models": {"k": {"cost": {"input": 0.6}}}},
        "empty": {"id": "empty"}
    }"#;
    let expected = [
        r#"{"provider":"anthropic","model":"claude-x","input":3,"output":15,"cacheRead":0.3,"cacheWrite":3.75,"tiers":[{"above":200000,"input":6,"output":22.5,"cacheRead":0.6,"cacheWrite":7.5}]}"#,
        r#"{"provider":"moonshot","model":"k","input":0.6}"#,
        r#"{"provider":"openai","model":"gpt-x","input":2.5,"output":15,"tiers":[{"above":272000,"input":5,"output":22.5}]}"#,
    ];
    assert_eq!(converted(text), expected);
    let list = PriceList::parse(text).unwrap();
    assert_eq!(list.skipped().len(), 4, "{:?}", list.skipped());
}

#[test]
fn the_list_of_the_user_is_read_where_it_is() {
    let sim = Sim::new();
    let path = Path::new("/c/prices.json");
    assert!(user_prices(&sim.fs, path).unwrap().is_none());
    sim.fs.make_dir("/c");
    sim.fs.put(
        "/elsewhere.json",
        b"\xEF\xBB\xBF{\"prices\":[{\"provider\":\"p\",\"model\":\"m\",\"input\":1}]}",
    );
    sim.fs.symlink("/c/prices.json", "/elsewhere.json");
    assert_eq!(user_prices(&sim.fs, path).unwrap().unwrap().entries().len(), 1);
    sim.fs.put("/elsewhere.json", b"nonsense");
    let error = user_prices(&sim.fs, path).unwrap_err();
    assert!(error.to_string().contains("/c/prices.json"), "{error}");
    assert!(error.source().unwrap().to_string().contains("not a list of prices"));
    sim.fs.put("/elsewhere.json", &vec![b' '; 4 * 1024 * 1024 + 1]);
    assert!(user_prices(&sim.fs, path).unwrap_err().to_string().contains("larger"));
}

#[test]
fn a_summary_asks_what_is_configured_then_the_lists() {
    let world = World::new();
    world.put(
        "a.jsonl",
        ["gpt-5", "gpt-5.2", "gpt-5-mini", "gpt-0"].map(|model| {
            format!(
                "{{\"timestamp\":\"2026-02-05T12:00:00Z\",\"message\":{{\"role\":\"assistant\",\
                 \"provider\":\"openai\",\"model\":\"{model}\",\"usage\":{{\"input\":1000000}}}}}}\n"
            )
        })
        .concat(),
    );
    world.wait();
    let usage = world.refreshed().usage;
    let mut prices = Prices::builtin();
    prices.add_list(list(r#"{"provider":"openai","model":"gpt-5.2","input":100}"#));
    let input = Some(NanoUsd(1_000_000_000_000));
    prices.add("openai", "gpt-5", Price::flat(Rates { input, ..Rates::default() }));
    let totals = usage.summary(&Query::all(Zone::utc()), &prices).totals;
    assert_eq!((totals.cost, totals.unpriced_events), (NanoUsd(1_100_250_000_000), 1));
}
