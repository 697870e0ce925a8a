//! The program as a whole, on files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    path::Path,
    process::{Command, Stdio},
};

use cache_warmer::{Ledger, NanoDollars, Settings, StateDir, StoredSettings, Verdict};
use common_fs::Host;
use serde_json::{Value, json};

/// Three requests of a person and one of a sub-agent, each recorded in the way of Claude Code.
const SESSION: &str = r#"{"type":"user","timestamp":"2026-09-01T10:00:00.000Z","isSidechain":false,"message":{"role":"user","content":"hello"}}
{"type":"assistant","timestamp":"2026-09-01T10:00:04.000Z","isSidechain":false,"requestId":"r1","message":{"id":"m1","model":"claude-opus-4-5","role":"assistant","usage":{"input_tokens":10,"cache_creation_input_tokens":100000,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":100000,"ephemeral_1h_input_tokens":0},"output_tokens":5}}}
{"type":"assistant","timestamp":"2026-09-01T10:00:09.000Z","isSidechain":false,"requestId":"r1","message":{"id":"m1","model":"claude-opus-4-5","role":"assistant","usage":{"input_tokens":10,"cache_creation_input_tokens":100000,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":100000,"ephemeral_1h_input_tokens":0},"output_tokens":50}}}
{"type":"user","timestamp":"2026-09-01T10:20:00.000Z","isSidechain":false,"message":{"role":"user","content":"and now"}}
{"type":"assistant","timestamp":"2026-09-01T10:20:05.000Z","isSidechain":false,"requestId":"r2","message":{"id":"m2","model":"claude-opus-4-5","role":"assistant","usage":{"input_tokens":10,"cache_creation_input_tokens":101000,"cache_read_input_tokens":0,"cache_creation":{"ephemeral_5m_input_tokens":101000,"ephemeral_1h_input_tokens":0},"output_tokens":50}}}
{"type":"user","timestamp":"2026-09-01T10:20:06.000Z","isSidechain":true,"agentId":"a","message":{"role":"user","content":"search"}}
{"type":"assistant","timestamp":"2026-09-01T10:20:07.000Z","isSidechain":true,"agentId":"a","requestId":"r3","message":{"id":"m3","model":"claude-haiku-4-5","role":"assistant","usage":{"input_tokens":900,"output_tokens":50}}}
{"type":"user","timestamp":"2026-09-01T10:20:30.
"#;

fn write(path: &Path, content: &str) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, content).unwrap();
}

/// What the program prints, run with a home directory of its own.
fn run(home: &Path, args: &[&str]) -> (String, String, Option<i32>) {
    let output = Command::new(env!("CARGO_BIN_EXE_cache-warmer"))
        .args(args)
        .env_clear()
        .env("HOME", home)
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

/// The document that `simulate --json` prints.
fn simulated(home: &Path, args: &[&str]) -> Value {
    let (stdout, stderr, code) = run(home, &[&["simulate", "--json"], args].concat());
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    serde_json::from_str(&stdout).unwrap()
}

fn policy<'d>(document: &'d Value, key: &str, name: &str) -> &'d Value {
    document[key].as_array().unwrap().iter().find(|policy| policy["policy"] == name).unwrap()
}

#[test]
fn what_warming_would_have_cost_and_saved() {
    let home = tempfile::tempdir().unwrap();
    let project = home.path().join(".claude/projects/-work");
    write(&project.join("s1.jsonl"), SESSION);
    // The session, resumed: it begins with a copy.
    let copied: String = SESSION.split_inclusive('\n').take(3).collect();
    write(&project.join("s2.jsonl"), &copied);
    let document = simulated(home.path(), &[]);
    assert_eq!(document["schemaVersion"], 1);
    let read = &document["read"];
    assert_eq!((&read["transcripts"], &read["malformedLines"]), (&json!(2), &json!(1)));
    assert_eq!(read["repeatedAnswers"], 1);

    // A token of claude-opus-4-5 costs, in nano-dollars, 5,000 as input, 25,000 as output, 6,250 to
    // write and 500 to read.
    let none = policy(&document, "policies", "none");
    let requests = 2 * (10 * 5_000 + 50 * 25_000) + (100_000 + 101_000) * 6_250;
    assert_eq!(none["costNanoDollars"], requests);
    assert_eq!((&none["pings"], &none["expired"]), (&json!(0), &json!(1)));
    // Four pings in 20 minutes, and eleven after the end, when nobody came back.
    let ski = policy(&document, "policies", "ski-rental");
    let ping = |cached: i64| cached * 500 + 10 * 5_000;
    assert_eq!((&ski["pings"], &ski["hits"], &ski["expired"]), (&json!(15), &json!(1), &json!(0)));
    assert_eq!(ski["spentOnPingsNanoDollars"], 4 * ping(100_000) + 11 * ping(101_000));
    assert_eq!(ski["savedNanoDollars"], 100_000 * 5_750);
    let net = 100_000 * 5_750 - 4 * ping(100_000) - 11 * ping(101_000);
    assert_eq!(
        (&ski["netNanoDollars"], &ski["costNanoDollars"]),
        (&json!(net), &json!(requests - net))
    );
    // Two conversations are too few for an interval; it says so once.
    assert_eq!(ski.get("netLowNanoDollars"), Some(&Value::Null));
    assert_eq!(ski.get("netHighNanoDollars"), Some(&Value::Null));
    let (stdout, _, _) = run(home.path(), &["simulate"]);
    assert_eq!(stdout.matches("With fewer than 10 conversations").count(), 1, "{stdout}");
    // One that knows when nobody comes back sends only the four.
    assert_eq!(policy(&document, "policies", "hindsight")["pings"], 4);
    // The sub-agent counts apart.
    let of_subagent = policy(&document, "subagents", "none");
    assert_eq!(of_subagent["costNanoDollars"], 900 * 1_000 + 50 * 5_000);
    assert_eq!(document["conversations"].as_array().unwrap().len(), 2);
}

#[test]
fn only_what_was_asked_for() {
    let home = tempfile::tempdir().unwrap();
    write(&home.path().join(".claude/projects/-work/s1.jsonl"), SESSION);
    let late = simulated(home.path(), &["--since", "2026-09-01T10:10:00Z"]);
    assert_eq!(late["read"]["answersBeforeSince"], 1);
    assert_eq!(policy(&late, "policies", "none")["expired"], 0);
    let codex = simulated(home.path(), &["--source", "codex"]);
    assert_eq!(codex["conversations"], json!([]));
    // Nothing was asked, so nothing was paid.
    assert_eq!(policy(&codex, "policies", "none")["costNanoDollars"], 0);
    // Had it been written for an hour, it would have been there after 20 minutes.
    let hour = simulated(home.path(), &["--ttl", "1h"]);
    assert_eq!(policy(&hour, "policies", "none")["expired"], 0);
    // Who closes it after ten minutes pays only for pings until then, and loses the entry.
    let closed = simulated(home.path(), &["--closed-after", "10m"]);
    let ski = policy(&closed, "policies", "ski-rental");
    assert_eq!((&ski["pings"], &ski["hits"]), (&json!(4), &json!(0)));
}

#[test]
fn codex_and_openclaw_are_read_too() {
    let home = tempfile::tempdir().unwrap();
    let codex = r#"{"timestamp":"2026-09-01T10:00:00.000Z","type":"session_meta","payload":{"id":"c1","timestamp":"2026-09-01T10:00:00.000Z","model_provider":"openai"}}
{"timestamp":"2026-09-01T10:00:01.000Z","type":"turn_context","payload":{"model":"gpt-5"}}
{"timestamp":"2026-09-01T10:00:09.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":50000,"cached_input_tokens":0,"output_tokens":10,"total_tokens":50010},"last_token_usage":{"input_tokens":50000,"cached_input_tokens":0,"output_tokens":10,"total_tokens":50010}}}}
"#;
    write(
        &home.path().join(".codex/sessions/2026/09/01/rollout-2026-09-01T10-00-00-c1.jsonl"),
        codex,
    );
    let answer = |id: &str| {
        format!(
            r#"{{"type":"message","id":"{id}","timestamp":"2026-09-01T10:00:05.000Z","message":{{"role":"assistant","provider":"anthropic","model":"claude-opus-4-5","usage":{{"input":5,"output":5,"cacheRead":0,"cacheWrite":9000,"totalTokens":9010}}}}}}
"#
        )
    };
    let sessions = home.path().join(".openclaw/agents/main/sessions");
    write(&sessions.join("o1.jsonl"), &answer("a"));
    write(&sessions.join("o2.jsonl"), &answer("b"));
    let store =
        r#"{"agent:main:main":{"sessionId":"o1"},"agent:main:subagent:x":{"sessionId":"o2"}}"#;
    write(&sessions.join("sessions.json"), store);
    let document = simulated(home.path(), &[]);
    let conversations = document["conversations"].as_array().unwrap();
    let found: Vec<_> = conversations
        .iter()
        .map(|conversation| {
            let text = |key: &str| conversation[key].as_str().unwrap();
            let subagent = conversation["subagent"].as_bool().unwrap();
            (text("provider"), text("model"), text("tier"), text("id").contains("o2"), subagent)
        })
        .collect();
    let expected = [
        ("openai-codex", "gpt-5", "30m", false, false),
        ("anthropic", "claude-opus-4-5", "5m", false, false),
        ("anthropic", "claude-opus-4-5", "5m", true, true),
    ];
    assert_eq!(found, expected);
}

#[test]
fn where_nothing_is_found_it_says_where_it_looked() {
    let home = tempfile::tempdir().unwrap();
    let (stdout, stderr, code) = run(home.path(), &["simulate"]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    for text in [".config/claude (no such directory)", ".codex", ".openclaw", "simulate --demo"] {
        assert!(stdout.contains(text), "{stdout}");
    }
}

#[test]
fn where_nothing_can_be_read_it_says_so() {
    // No directory; a damaged line; all before what was asked for.
    let home = tempfile::tempdir().unwrap();
    write(&home.path().join(".claude"), "");
    let (stdout, stderr, code) = run(home.path(), &["simulate"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("warning: ") && stderr.contains(".claude"), "{stderr}");
    for text in ["could be read. Looked in", ".claude (cannot be read)", "1 place that could not"] {
        assert!(stdout.contains(text), "{stdout}");
    }
    assert_eq!(run(home.path(), &["simulate", "--json"]).2, Some(1));

    let home = tempfile::tempdir().unwrap();
    let session = home.path().join(".claude/projects/-work/s1.jsonl");
    write(&session, SESSION.lines().last().unwrap());
    write(&session.with_file_name("s2.jsonl"), &format!("{}\n", SESSION.lines().last().unwrap()));
    let (stdout, stderr, code) = run(home.path(), &["simulate"]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    for text in ["No requests found in 2 transcripts.", "1 damaged line passed over."] {
        assert!(stdout.contains(text), "{stdout}");
    }

    write(&session, SESSION);
    let (stdout, stderr, code) = run(home.path(), &["simulate", "--since", "2027-01-01"]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert!(stdout.contains("from --since on; 3 requests came before."), "{stdout}");
}

#[test]
fn a_model_without_a_price_is_named() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".claude/projects/-work/s1.jsonl");
    let page = home.path().join("warm.html");
    let simulate = || run(home.path(), &["simulate", "--html", page.to_str().unwrap()]);
    let session = SESSION.replace("claude-opus-4-5", "claude-next");
    write(&path, &session);
    let (stdout, _, code) = simulate();
    assert_eq!(code, Some(0));
    for text in [
        "No price is known for claude-next of anthropic: 2 requests left out.",
        "No conversations with people whose model has a known price",
        "Had they been: 1 conversation with 1 request",
    ] {
        assert!(stdout.contains(text), "{stdout}");
    }
    assert!(!stdout.contains("Best here"), "{stdout}");
    let document = simulated(home.path(), &[]);
    assert_eq!(document["unpriced"][0]["requests"], 2);
    // Those of people have no price; that of the sub-agent has one.
    let counts = (&document["unpricedRequests"], &document["unpricedSubagentRequests"]);
    assert_eq!(counts, (&json!(2), &json!(0)));
    for key in ["costNanoDollars", "savedNanoDollars", "netNanoDollars", "pings", "expired"] {
        assert_eq!(policy(&document, "policies", "none").get(key), Some(&Value::Null), "{key}");
        assert!(policy(&document, "subagents", "none")[key].is_u64(), "{key}");
    }
    assert_eq!(document["pingsPerPause"][0].get("netNanoDollars"), Some(&Value::Null));

    // What is not known is no table of zeros.
    write(&path, &session.replace("claude-haiku-4-5", "claude-other"));
    let (stdout, _, code) = simulate();
    assert_eq!(code, Some(0));
    let html = fs_err::read_to_string(&page).unwrap();
    for text in ["3 requests found, but none of a model with a known price", "claude-other"] {
        assert!(stdout.contains(text) && html.contains(text), "{stdout}");
    }
    for text in ["$0.00", "Best here", "ski-rental"] {
        assert!(!stdout.contains(text) && !html.contains(text), "{stdout}");
    }
    let document = simulated(home.path(), &[]);
    let counts = (&document["unpricedRequests"], &document["unpricedSubagentRequests"]);
    assert_eq!(counts, (&json!(2), &json!(1)));
    for kind in ["policies", "subagents"] {
        assert_eq!(policy(&document, kind, "none").get("costNanoDollars"), Some(&Value::Null));
    }
}

#[test]
fn the_demo_and_its_page() {
    let home = tempfile::tempdir().unwrap();
    let page = home.path().join("warm.html");
    let (stdout, stderr, code) =
        run(home.path(), &["simulate", "--demo", "--html", page.to_str().unwrap()]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    for text in ["ski-rental", "hindsight", "Sub-agents are never warmed", "When pings pay"] {
        assert!(stdout.contains(text), "{stdout}");
    }
    let html = fs_err::read_to_string(&page).unwrap();
    assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"));
    assert!(!html.contains("<script") && !html.contains("://"));
    let document = simulated(home.path(), &["--demo"]);
    let ski = policy(&document, "policies", "ski-rental");
    let nano_dollars = |key: &str| ski[key].as_i64().unwrap();
    let (low, high) = (nano_dollars("netLowNanoDollars"), nano_dollars("netHighNanoDollars"));
    assert!((low..=high).contains(&nano_dollars("netNanoDollars")), "{ski}");
    assert!(!stdout.contains("With fewer than"), "{stdout}");
    // Every conversation is listed, if that is asked for.
    let (all, _, _) = run(home.path(), &["simulate", "--demo", "--per-conversation"]);
    assert!(all.contains("claude:demo-") && stdout.lines().count() < all.lines().count());
}

#[test]
fn wrong_usage_and_files_that_cannot_be_written() {
    let home = tempfile::tempdir().unwrap();
    for args in [
        &["simulate", "--ttl", "2m"][..],
        &["simulate", "--since", "yesterday"],
        &["simulate", "--closed-after", "soon"],
        &["simulate", "--demo", "--source", "codex"],
        &["warm"],
    ] {
        let (stdout, stderr, code) = run(home.path(), args);
        assert_eq!((stdout.as_str(), code), ("", Some(2)), "{args:?}");
        assert!(!stderr.is_empty());
    }
    let (_, stderr, code) = run(home.path(), &["simulate", "--demo", "--html", "/nowhere/x.html"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/nowhere/x.html"), "{stderr}");
}

#[test]
fn a_reader_who_has_enough_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cache-warmer"))
        .args(["simulate", "--demo", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn the_ledger_for_people_and_programs() {
    let home = tempfile::tempdir().unwrap();
    let (stdout, stderr, code) = run(home.path(), &["status"]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    assert!(stdout.starts_with("Nothing has been warmed yet"), "{stdout}");
    // Looking creates nothing.
    assert!(fs_err::read_dir(home.path()).unwrap().next().is_none());

    let path = home.path().join(".local/state/upkeep/cache-warmer");
    let state = StateDir::open(Host::real(), &path).unwrap();
    let mut ledger = Ledger { saved: NanoDollars(575_000_000), ..Ledger::default() };
    ledger.spent = NanoDollars(200_000_000);
    ledger.saved_tokens = 100_000;
    ledger.pings.insert(Verdict::ALL[0], 4);
    state.save_ledger(&ledger).unwrap();
    let mut settings = StoredSettings::default();
    settings.set("c1", Settings { enabled: true, interval: None });
    state.save_settings(&settings).unwrap();

    let (stdout, stderr, code) = run(home.path(), &["status"]);
    assert_eq!((stderr.as_str(), code), ("", Some(0)));
    for text in
        ["$0.20, of which $0.00 today", "$0.58: 100,000 tokens", "Net        $0.38", "c1: on"]
    {
        assert!(stdout.contains(text), "{text}: {stdout}");
    }
    let (stdout, _, _) = run(home.path(), &["status", "--json"]);
    let document: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(document["netNanoDollars"], 375_000_000);
    assert_eq!(document["settings"]["c1"]["enabled"], true);
    let (stdout, _, _) = run(home.path(), &["status", "--prometheus"]);
    assert!(stdout.contains("cache_warmer_spent_dollars_total 0.200000000\n"), "{stdout}");

    write(&path.join("ledger.json"), "{");
    let (stdout, stderr, code) = run(home.path(), &["status"]);
    assert_eq!((stdout.as_str(), code), ("", Some(1)));
    assert!(stderr.contains("ledger.json"), "{stderr}");
}

#[test]
fn sessions_in_a_database_of_openclaw_are_read_too() {
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join(".openclaw");
    let mut db = demo_corpus::openclaw_db::AgentDb::create(&state, "main").unwrap();
    let corpus = demo_corpus::Corpus::SMALL;
    let sessions = [3, 4].map(|answers| db.add_session(&corpus, answers).unwrap());
    let document = simulated(home.path(), &["--source", "openclaw"]);
    let conversations = document["conversations"].as_array().unwrap();
    let of = |session: &String| {
        let id = format!("openclaw:{session}");
        let conversation = conversations.iter().find(|conversation| conversation["id"] == id);
        conversation.unwrap()["requests"].as_u64().unwrap()
    };
    assert_eq!(conversations.len(), 2);
    assert_eq!(sessions.iter().map(of).sum::<u64>(), db.truth().all.events);
    // One that is no database is named, and costs nothing else.
    let other = state.join("agents/other/agent/openclaw-agent.sqlite");
    write(&other, "none");
    let (_, stderr, code) = run(home.path(), &["simulate"]);
    assert_eq!(code, Some(0));
    assert!(stderr.contains("agents/other/agent/openclaw-agent.sqlite"), "{stderr}");
}

/// The corpus knows what its answers add up to, each counted once, with copies of sessions that were
/// resumed and answers that are recorded as they grow.
#[test]
fn without_pings_it_costs_what_the_corpus_cost() {
    let corpus = demo_corpus::Corpus { sessions: 45, ..demo_corpus::Corpus::SMALL };
    let runtimes: [(&str, Vec<demo_corpus::File>); 3] = [
        (".claude", corpus.claude().collect()),
        (".codex", corpus.codex().collect()),
        (".openclaw", corpus.openclaw().collect()),
    ];
    for (root, files) in runtimes {
        let home = tempfile::tempdir().unwrap();
        let (mut requests, mut nanos) = (0, 0);
        for file in files {
            let path = home.path().join(root).join(&file.path);
            write(&path, std::str::from_utf8(&file.content).unwrap());
            requests += file.truth.events;
            nanos += file.truth.cost_nanos;
        }
        let document = simulated(home.path(), &[]);
        let conversations = document["conversations"].as_array().unwrap().iter();
        let found = conversations.map(|conversation| conversation["requests"].as_u64().unwrap());
        assert_eq!(found.sum::<u64>(), requests, "{root}");
        let cost = |kind| policy(&document, kind, "none")["costNanoDollars"].as_u64().unwrap();
        assert_eq!(cost("policies") + cost("subagents"), nanos, "{root}");
    }
}
