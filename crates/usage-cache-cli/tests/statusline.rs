//! `statusline`, `--no-refresh` and the refresh in the background, as people use them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::{
    io::Write as _,
    process::{Output, Stdio},
};

use demo_corpus::Corpus;
use serde_json::Value;

use common::Home;

const STATE: &str = ".local/state/upkeep";
const FACTS: &str = ".local/state/upkeep/usage-facts";
const STAMP: &str = ".local/state/upkeep/usage-statusline.stamp";

/// A home directory with transcripts of Claude Code, and how many tokens they have.
fn with_transcripts() -> (Home, u64) {
    let (home, mut tokens) = (Home::empty(), 0);
    for file in (Corpus { sessions: 5, ..Corpus::SMALL }).claude() {
        home.write(&format!(".claude/{}", file.path.display()), &file.content);
        tokens += file.truth.tokens;
    }
    (home, tokens)
}

/// Refreshes as `statusline` does. What was written a moment before it is read is read again by the
/// next one, so the first may not be able to save anything.
fn remember(home: &Home) {
    let is_saved = |_| {
        home.stdout(&["refresh", "--background"]);
        exists(home, FACTS)
    };
    assert!((0..1_000).any(is_saved));
}

fn exists(home: &Home, name: &str) -> bool {
    fs_err::metadata(home.path(name)).is_ok()
}

fn tokens(report: &Value) -> u64 {
    report["totals"]["totalTokens"].as_u64().unwrap()
}

fn said(home: &Home, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = home.command(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    // Its end stays open, as whoever runs it may not close it.
    let output = child.wait_with_output().unwrap();
    drop(stdin);
    output
}

#[test]
fn where_nothing_is_known_it_says_so_and_leaves_nothing() {
    let home = Home::empty();
    assert_eq!(home.stdout(&["statusline", "--no-refresh"]), "usage: no data yet\n");
    let document = home.json(&["statusline", "--no-refresh", "--json"]);
    assert_eq!((&document["stale"], &document["month"]), (&Value::Bool(true), &Value::Null));
    assert!(!exists(&home, STATE));
    home.run_unheard(&["statusline", "--no-refresh"]);
    let nowhere =
        home.command(&["statusline", "--no-refresh"]).env_remove("HOME").output().unwrap();
    assert!(nowhere.status.success(), "{nowhere:?}");
    assert_eq!(nowhere.stdout, b"usage: no data yet\n");
}

#[test]
fn a_refresh_in_the_background_saves_what_the_line_shows() {
    let (home, _) = with_transcripts();
    remember(&home);
    let line = home.stdout(&["statusline", "--no-refresh"]);
    assert!(line.contains(" today · ") && line.ends_with(" this month\n"), "{line}");
    let document = home.json(&["statusline", "--no-refresh", "--json", "--timezone", "UTC"]);
    assert_eq!((&document["stale"], &document["timezone"]), (&false.into(), &"UTC".into()));
    // While one is at work, another one leaves at once.
    let lock = fs_err::File::open(home.path(STAMP)).unwrap();
    lock.file().lock().unwrap();
    fs_err::remove_file(home.path(FACTS)).unwrap();
    assert_eq!(home.stdout(&["refresh", "--background"]), "");
    assert!(!exists(&home, FACTS));
    drop(lock);
    remember(&home);
}

#[test]
fn it_starts_a_refresh_at_most_every_interval() {
    let (home, _) = with_transcripts();
    // If it started one, it would be the lock's turn.
    home.write(STAMP, "\n");
    let modified = || fs_err::metadata(home.path(STAMP)).unwrap().modified().unwrap();
    let before = modified();
    home.stdout(&["statusline", "--refresh-interval", "1h"]);
    home.stdout(&["statusline", "--no-refresh", "--refresh-interval", "0s"]);
    assert_eq!(modified(), before);
    assert!(!exists(&home, FACTS));
}

#[test]
fn what_claude_code_says_is_shown() {
    let home = Home::empty();
    let input =
        br#"{"session_id":"s","model":{"display_name":"Opus"},"cost":{"total_cost_usd":1.5}}"#;
    let output = said(&home, &["statusline", "--no-refresh"], input);
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let line = String::from_utf8(output.stdout).unwrap();
    assert_eq!(line, "Opus · $1.50 this session · usage: no data yet\n");
    for nonsense in [&b"{"[..], b"\xff\xfe", b"[]", b"null\n"] {
        let output = said(&home, &["statusline", "--no-refresh"], nonsense);
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
        assert_eq!(output.stdout, b"usage: no data yet\n");
    }
}

#[test]
fn a_report_without_a_refresh_is_as_of_the_last_one() {
    let (home, truth) = with_transcripts();
    let never = home.stdout(&["daily", "--no-refresh"]);
    assert!(never.contains("Nothing is saved yet"), "{never}");
    // From the cache,
    home.stdout(&["refresh"]);
    let of_cache = home.json(&["daily", "--json", "--no-refresh"]);
    assert_eq!(tokens(&of_cache), truth);
    // and from what reports have saved.
    remember(&home);
    for file in (Corpus { seed: 9, sessions: 1, ..Corpus::SMALL }).claude() {
        home.write(&format!(".claude/{}.new.jsonl", file.path.display()), &file.content);
    }
    let of_facts = home.json(&["daily", "--json", "--no-refresh"]);
    assert_eq!(of_facts["daily"], of_cache["daily"]);
    assert_eq!(of_facts["status"]["cachedFiles"], 5);
    let table = home.stdout(&["daily", "--no-refresh"]);
    assert!(table.contains("\nAs of 2"), "{table}");
    let csv = home.run(&["daily", "--csv", "--no-refresh"]);
    assert!(csv.status.success());
    assert!(String::from_utf8(csv.stderr).unwrap().contains("As of 2"));
    assert!(truth < tokens(&home.json(&["daily", "--json"])));
}
