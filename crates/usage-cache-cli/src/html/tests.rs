//! Pages of simulated machines.

use std::{num::NonZeroUsize, ops::ControlFlow, path::Path, time::Duration};

use common_fs::sim::Sim;
use demo_corpus::{Corpus, File};
use expect_test::expect_file;
use usage_cache::{
    Claude, Codex, Gone, Locations, OpenClaw, Options, Place, PriceList, Prices, Query, UsageCache,
    Zone,
};

use super::Page;

/// Of two models the price is known, so that the page does not change with the list that comes with
/// the program.
const PRICES: &str = r#"{"format":"upkeep-prices","version":1,"prices":[
{"provider":"anthropic","model":"claude-opus-4-20250514","input":15,"output":75,"cacheRead":1.5,"cacheWrite":18.75,"source":"test","date":"2026-09-01"},
{"provider":"openai","model":"gpt-5","input":1.25,"output":10,"cacheRead":0.125,"source":"test","date":"2026-09-01"}]}"#;

const HOSTILE: &str = "<script>alert('1')</script>";

fn refreshed(sim: &Sim) -> UsageCache {
    sim.clock.advance(Duration::from_secs(10));
    let places = vec![
        Place::new(&Claude, "/h/.claude"),
        Place::new(&Codex, "/h/.codex"),
        Place::new(&OpenClaw, "/h/.openclaw"),
    ];
    let locations = Locations::new(places, Path::new("/state"));
    let options = Options { threads: NonZeroUsize::MIN, ..Options::new(locations) };
    usage_cache::refresh(sim.host(), &options, &mut |_| ControlFlow::Continue(())).usage
}

fn put(sim: &Sim, root: &str, files: impl Iterator<Item = File>) {
    for file in files {
        let path = Path::new(root).join(&file.path);
        sim.fs.make_dir(path.parent().unwrap());
        sim.fs.put(path, &file.content);
    }
}

/// A few sessions of each runtime, in ten days.
fn some_of_all() -> Sim {
    let sim = Sim::new();
    let of =
        |seed, sessions| Corpus { seed, sessions, days: 10, answers_median: 3, ..Corpus::SMALL };
    put(&sim, "/h/.claude", of(1, 5).claude());
    put(&sim, "/h/.codex", of(2, 3).codex());
    put(&sim, "/h/.openclaw", of(3, 2).openclaw());
    sim
}

/// An answer of Claude Code.
fn answer(time: &str, cwd: &str, model: &str, cached: u64) -> String {
    let message = serde_json::json!({
        "type": "assistant", "timestamp": time, "sessionId": "s", "cwd": cwd, "requestId": time,
        "message": {"id": time, "model": model, "usage": {
            "input_tokens": 100, "cache_read_input_tokens": cached, "output_tokens": 10,
        }},
    });
    format!("{message}\n")
}

fn put_answers(sim: &Sim, answers: &str) {
    sim.fs.make_dir("/h/.claude/projects/p");
    sim.fs.put("/h/.claude/projects/p/s.jsonl", answers.as_bytes());
}

fn prices() -> Prices {
    let mut prices = Prices::none();
    prices.add_list(PriceList::parse(PRICES).unwrap());
    prices
}

fn all() -> Query {
    Query::all(Zone::utc())
}

fn page(sim: &Sim, query: &Query) -> String {
    let usage = refreshed(sim);
    let facts = usage.facts(query.gone, &prices());
    let now = sim.host().clock.now();
    Page { facts: &facts, query, status: usage.status(), now, is_demo: false }.html()
}

#[test]
fn the_whole_page_is_as_it_was() {
    let sim = some_of_all();
    put_answers(&sim, &answer("2026-08-30T09:30:00Z", HOSTILE, HOSTILE, 300));
    expect_file!["../snapshots/page.html"].assert_eq(&page(&sim, &all()));
}

#[test]
fn data_means_nothing_on_the_page() {
    let sim = some_of_all();
    put_answers(&sim, &answer("2026-08-30T09:30:00Z", HOSTILE, HOSTILE, 300));
    let query = Query { model: Some(HOSTILE.to_owned()), ..all() };
    let page = page(&sim, &query);
    // As project, as model, in the filter, and in the note about unknown prices.
    assert!(5 <= page.matches("&lt;script&gt;").count(), "{page}");
    assert!(!page.contains("<script") && !page.contains("alert('"), "{page}");
}

/// Every element that begins ends, in the right order, and every name is there once.
#[test]
fn elements_are_nested() {
    let page = page(&some_of_all(), &all());
    let mut open = Vec::new();
    let mut ids = Vec::new();
    let body = page.strip_prefix("<!doctype html>").unwrap();
    for tag in body.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0) {
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
            continue;
        }
        let name = tag.split(' ').next().unwrap();
        ids.extend(tag.split(" id=\"").nth(1).map(|rest| rest.split('"').next().unwrap()));
        if name != "meta" {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    for link in body.split("href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert!(ids.contains(&link), "{link}");
    }
    let named = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), named);
    assert!(7 <= named);
}

#[test]
fn a_page_asks_for_nothing() {
    let page = page(&some_of_all(), &all());
    for word in ["http:", "https:", "src=", "url(", "@import", "<link", "<script"] {
        assert!(!page.contains(word), "{word}");
    }
    assert!(page.contains("default-src &#39;none&#39;"), "{page}");
}

#[test]
fn without_transcripts_it_says_where_was_looked() {
    let page = page(&Sim::new(), &all());
    assert!(page.contains("No transcripts found"), "{page}");
    assert!(page.contains("<li>/h/.claude (no such directory)</li>"), "{page}");
    assert!(!page.contains("<svg") && !page.contains("Everything that was found"), "{page}");
}

#[test]
fn days_without_usage_have_no_charts() {
    let until = Some("2020-01-01".parse().unwrap());
    let page = page(&some_of_all(), &Query { until, ..all() });
    assert!(page.contains("No usage in these days."), "{page}");
    assert!(!page.contains("<svg"), "{page}");
}

#[test]
fn what_was_asked_for_is_said() {
    let query = Query {
        since: Some("2026-08-25".parse().unwrap()),
        gone: Gone::Exclude,
        source: Some("claude".to_owned()),
        model: Some("opus".to_owned()),
        zone: "Europe/Berlin".parse().unwrap(),
        ..all()
    };
    let page = page(&some_of_all(), &query);
    for text in [
        "2026-08-25 to ",
        "days of Europe/Berlin",
        "claude only",
        "“opus”",
        "still exist",
        "These days",
    ] {
        assert!(page.contains(text), "{text}:\n{page}");
    }
    assert!(!page.contains("gpt-5") && !page.contains("All time"), "{page}");
}

#[test]
fn where_no_price_is_known_charts_show_tokens() {
    let sim = Sim::new();
    put_answers(&sim, &answer("2026-08-30T09:30:00Z", "/src/a", "secret", 300));
    let page = page(&sim, &all());
    for text in ["Tokens per day", "Tokens by hour", "Sunday 09:00–10:00: 410 tokens, 1 answer"] {
        assert!(page.contains(text), "{text}:\n{page}");
    }
    assert!(page.contains("75.0 % of all prompt tokens"), "{page}");
}

#[test]
fn years_have_months_too() {
    let sim = Sim::new();
    let mut answers = String::new();
    for (year, month) in [(2024, 1), (2024, 3), (2026, 8)] {
        let time = format!("{year}-{month:02}-05T12:00:00Z");
        answers += &answer(&time, "/src/a", "claude-opus-4-20250514", 0);
    }
    put_answers(&sim, &answers);
    let page = page(&sim, &all());
    assert!(
        page.contains("Each month") && page.contains("<title>2024-02: $0.00</title>"),
        "{page}"
    );
    // Half of 2026-08 back to 2024-01 is not a day of the chart.
    assert!(page.contains("Each day from 2026-05-08 to 2026-08-05"), "{page}");
}
