//! The binary as people use it, on real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::path::PathBuf;

use demo_corpus::{Corpus, Truth};
use serde_json::Value;

use common::Home;

/// A home directory with OpenClaw transcripts, and what they add up to.
fn with_transcripts() -> (Home, Truth) {
    let home = Home::empty();
    let files = (Corpus { sessions: 12, ..Corpus::SMALL }).openclaw();
    let truth = write(&home, ".openclaw", files);
    (home, truth)
}

fn write(home: &Home, root: &str, files: impl Iterator<Item = demo_corpus::File>) -> Truth {
    let mut truth = Truth::default();
    for file in files {
        home.write(&format!("{root}/{}", file.path.display()), &file.content);
        truth.events += file.truth.events;
        truth.tokens += file.truth.tokens;
        truth.cost_nanos += file.truth.cost_nanos;
    }
    truth
}

fn transcripts(home: &Home) -> Vec<PathBuf> {
    let sessions = home.path(".openclaw/agents/main/sessions");
    let mut paths: Vec<_> =
        fs_err::read_dir(sessions).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn the_report_is_exact_cold_and_warm() {
    let (home, truth) = with_transcripts();
    for _ in 0..2 {
        let report = home.json(&["daily", "--json", "--timezone", "UTC"]);
        assert_eq!(report["schemaVersion"], 1);
        assert_eq!(report["totals"]["totalTokens"], truth.tokens);
        assert_eq!(report["totals"]["totalCostNanoUsd"], truth.cost_nanos);
        assert_eq!(report["totals"]["events"], truth.events);
        assert_eq!(report["status"]["status"], "fresh");
        let daily = report["daily"].as_array().unwrap();
        let sum = |key: &str| daily.iter().map(|day| day[key].as_u64().unwrap()).sum::<u64>();
        assert_eq!(sum("totalTokens"), truth.tokens);
        let classes = ["inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens"];
        assert_eq!(classes.map(sum).iter().sum::<u64>(), truth.tokens);
        for day in daily {
            let models = day["modelBreakdowns"].as_array().unwrap();
            assert!(models.iter().all(|model| model["modelName"].is_string()));
            let used = day["modelsUsed"].as_array().unwrap();
            assert_eq!(used.len(), models.len());
            let cost: u64 = models.iter().map(|model| model["costNanoUsd"].as_u64().unwrap()).sum();
            assert_eq!(day["totalCostNanoUsd"], cost);
        }
    }
    let refresh = home.json(&["refresh", "--json"]);
    assert_eq!(refresh["status"]["cachedFiles"], 12);
}

#[test]
fn the_overview_and_the_table_are_for_people() {
    let (home, _) = with_transcripts();
    let overview = home.stdout(&[]);
    assert!(overview.starts_with("Today"), "{overview}");
    for text in ["This month", "All time", "Models in all", "gpt-5."] {
        assert!(overview.contains(text), "{text} is missing:\n{overview}");
    }
    let daily = home.stdout(&["daily", "--breakdown"]);
    assert!(daily.contains("  gpt-5."), "{daily}");
    let last = daily.lines().last().unwrap();
    assert!(last.starts_with("Total") && last.contains('$'), "{last}");
    for line in daily.lines() {
        assert!(line.chars().count() < 100 && line == line.trim_end(), "{line}");
    }
}

#[test]
fn days_and_zones_can_be_chosen() {
    let (home, _) = with_transcripts();
    let all = home.json(&["--json", "--timezone", "UTC"]);
    let days = |report: &Value| -> Vec<String> {
        let days = report["daily"].as_array().unwrap().iter();
        days.map(|day| day["date"].as_str().unwrap().to_owned()).collect()
    };
    let all_days = days(&all);
    let (first, second) = (&all_days[0], &all_days[1]);
    let some = home.json(&["daily", "--json", "--timezone", "UTC", "--since", second]);
    assert_eq!(days(&some), all_days[1..]);
    let compact = first.replace('-', "");
    let one = home.json(&["daily", "--json", "--timezone", "UTC", "--until", &compact]);
    assert_eq!(days(&one), all_days[..1]);
    let shifted = home.json(&["daily", "--json", "--timezone", "+14:00"]);
    assert_eq!(shifted["timezone"], "+14");
    assert_eq!(shifted["totals"], all["totals"]);
    assert_ne!(shifted["daily"], all["daily"]);
}

#[test]
fn comma_separated_values_have_a_row_per_day() {
    let (home, truth) = with_transcripts();
    let csv = home.stdout(&["daily", "--csv"]);
    let mut lines = csv.lines();
    let header = "date,inputTokens,outputTokens,cacheCreationTokens,cacheReadTokens,totalTokens,totalCost,events,unpricedEvents";
    assert_eq!(lines.next(), Some(header));
    let tokens = |line: &str| line.split(',').nth(5).unwrap().parse::<u64>().unwrap();
    assert_eq!(lines.map(tokens).sum::<u64>(), truth.tokens);
    let breakdown = home.stdout(&["daily", "--csv", "--breakdown"]);
    assert!(breakdown.starts_with("date,provider,modelName,inputTokens,"), "{breakdown}");
}

#[test]
fn without_data_it_says_where_it_looked_and_offers_a_demo() {
    let home = Home::empty();
    let text = home.stdout(&[]);
    let root = home.path(".openclaw");
    assert!(text.contains(&format!("{} (no such directory)", root.display())), "{text}");
    assert!(text.contains("usage-cache demo"), "{text}");
    assert_eq!(home.json(&["--json"])["totals"]["totalTokens"], 0);
    assert!(fs_err::metadata(home.path(".local")).is_err(), "nothing is created");
}

#[test]
fn the_demo_needs_nothing_and_leaves_nothing() {
    let home = Home::empty();
    let temp = home.path("temp");
    fs_err::create_dir(&temp).unwrap();
    let output = home.command(&["demo"]).env("TMPDIR", &temp).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("Today") && text.contains("All time"), "{text}");
    assert_eq!(fs_err::read_dir(&temp).unwrap().count(), 0);
}

#[test]
fn the_status_reads_no_transcript() {
    let (home, _) = with_transcripts();
    let before = home.json(&["status", "--json"]);
    assert_eq!(before["status"]["status"], "stale");
    assert_eq!(before["status"]["pendingFiles"], 12);
    home.stdout(&["refresh"]);
    let after = home.stdout(&["status"]);
    assert!(after.starts_with("Status       fresh\n"), "{after}");
    assert!(after.contains("12 counted, 0 pending, 0 gone"), "{after}");
}

#[test]
fn deleted_transcripts_stay_counted_unless_asked_otherwise() {
    let (home, truth) = with_transcripts();
    home.stdout(&["refresh"]);
    fs_err::remove_file(&transcripts(&home)[0]).unwrap();
    let report = home.json(&["--json"]);
    assert_eq!(report["totals"]["totalTokens"], truth.tokens);
    assert_eq!(report["status"]["goneFiles"], 1);
    let gone = report["status"]["gone"]["totalTokens"].as_u64().unwrap();
    let present = home.json(&["--json", "--present-only"]);
    assert_eq!(present["totals"]["totalTokens"], truth.tokens - gone);
    let text = home.stdout(&[]);
    assert!(text.contains("in transcripts that no longer exist"), "{text}");
}

#[test]
fn wrong_usage_is_exit_code_2_and_says_what_is_wrong() {
    let home = Home::empty();
    let cases: [(&[&str], &str); 6] = [
        (&["--nonsense"], "--nonsense"),
        (&["dayly"], "daily"),
        (&["--since", "yesterday"], "`yesterday` is not a day"),
        (&["--timezone", "Mars"], "`Mars` is not a time zone"),
        (&["--json", "--csv"], "cannot be used with"),
        (&["--since", "2026-02-02", "--until", "2026-02-01"], "is after"),
    ];
    for (arguments, message) in cases {
        let output = home.run(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {stderr}");
        assert!(stderr.contains(message), "{arguments:?}: {stderr}");
    }
}

#[test]
fn help_teaches() {
    let home = Home::empty();
    let help = home.stdout(&["--help"]);
    for text in ["Examples:", "OPENCLAW_STATE_DIR", "Exit status:", "daily", "demo"] {
        assert!(help.contains(text), "{text} is missing:\n{help}");
    }
    assert!(home.stdout(&["--version"]).starts_with("usage-cache "));
}

#[test]
fn without_a_home_it_says_what_to_set() {
    let home = Home::empty();
    let output = home.command(&[]).env_remove("HOME").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr.contains("set HOME"), "{stderr}");
}

#[test]
fn a_time_zone_that_is_set_wrongly_is_a_warning() {
    let (home, _) = with_transcripts();
    let output = home.command(&["--json"]).env("TZ", "Mars/Olympus").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("TZ=Mars/Olympus is not a time zone"), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["timezone"], "UTC");
}

#[test]
fn names_from_data_do_nothing_to_the_terminal() {
    let (home, _) = with_transcripts();
    let line = r#"{"timestamp":"2026-08-30T00:00:00Z","message":{"role":"user","provider":"p\u001b","model":"\u001b]0;x\u0007\nTotal","usage":{"input":1}}}"#;
    fs_err::write(&transcripts(&home)[0], format!("{line}\n")).unwrap();
    let text = home.stdout(&["daily", "--breakdown"]);
    assert!(text.contains(r"\u{1b}]0;x\u{7}\nTotal"), "{text}");
    assert!(text.contains(r"p\u{1b}/"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains('\u{7}'), "{text}");
    assert_eq!(text.lines().filter(|line| line.starts_with("Total")).count(), 1);
    let names: Vec<_> = home.json(&["--json"])["status"]["unpriced"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["modelName"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["\u{1b}]0;x\u{7}\nTotal"]);
}

#[test]
fn days_without_usage_are_told() {
    let (home, _) = with_transcripts();
    let text = home.stdout(&["daily", "--since", "2030-01-01"]);
    assert!(text.starts_with("No usage in these days."), "{text}");
}

#[test]
fn a_state_directory_that_cannot_be_created_is_a_warning() {
    let (home, truth) = with_transcripts();
    fs_err::write(home.path("file"), b"").unwrap();
    let state = home.path("file/state");
    let output = home.command(&["--json"]).env("UPKEEP_STATE_DIR", &state).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("warning: the cache cannot be saved"), "{stderr}");
    assert!(stderr.contains("file"), "{stderr}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["totals"]["totalTokens"], truth.tokens);
    assert_eq!(report["status"]["cacheProblems"].as_array().unwrap().len(), 1);
}

#[test]
fn a_reader_that_has_enough_is_no_error() {
    let (home, _) = with_transcripts();
    for arguments in [&[] as &[&str], &["session", "--json"], &["session", "--csv"]] {
        home.run_unheard(arguments);
    }
}

/// A home directory with the transcripts of all runtimes, and what each adds up to.
fn home_of_all() -> (Home, [(&'static str, Truth); 3]) {
    let home = Home::empty();
    let corpus = Corpus { sessions: 25, ..Corpus::SMALL };
    let runtimes: [(&str, &str, Vec<demo_corpus::File>); 3] = [
        ("claude", ".claude", corpus.claude().collect()),
        ("codex", ".codex", corpus.codex().collect()),
        ("openclaw", ".openclaw", corpus.openclaw().collect()),
    ];
    let truths =
        runtimes.map(|(source, root, files)| (source, write(&home, root, files.into_iter())));
    (home, truths)
}

#[test]
fn all_runtimes_are_counted_and_each_can_be_asked_for() {
    let (home, truths) = home_of_all();
    let all = home.json(&["daily", "--json", "--timezone", "UTC"]);
    let sum: u64 = truths.iter().map(|(_, truth)| truth.tokens).sum();
    assert_eq!(all["totals"]["totalTokens"], sum);
    for (nth, (source, truth)) in truths.iter().enumerate() {
        let one = home.json(&["daily", "--json", "--timezone", "UTC", "--source", source]);
        for totals in [&one["totals"], &all["sources"][nth]] {
            assert_eq!(totals["totalTokens"], truth.tokens, "{source}");
            assert_eq!(totals["totalCostNanoUsd"], truth.cost_nanos, "{source}");
            assert_eq!(totals["events"], truth.events, "{source}");
            assert_eq!(totals["unpricedEvents"], 0, "{source}");
        }
        assert_eq!(all["sources"][nth]["source"], *source);
    }
    let overview = home.stdout(&[]);
    assert!(overview.contains("\n  claude "), "{overview}");
    let unknown = home.run(&["daily", "--source", "nobody"]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn prices_of_ones_own_come_first_and_nothing_is_read_again() {
    let (home, _) = home_of_all();
    let cost = |arguments: &[&str]| {
        let asked = ["daily", "--json", "--source", "codex"];
        home.json(&[&asked[..], arguments].concat())["totals"]["totalCostNanoUsd"].as_u64().unwrap()
    };
    let scanned = || home.json(&["refresh", "--json"])["scannedFiles"].as_u64().unwrap();
    // What was made a moment before it was read is read again.
    assert!((0..100).any(|_| scanned() == 0));
    let listed = cost(&[]);
    let free = |models: &[&str]| {
        let price = |model: &&str| {
            format!(
                "{{\"provider\":\"openai\",\"model\":\"{model}\",\"input\":0,\"output\":0,\"cacheRead\":0}}"
            )
        };
        let prices: Vec<String> = models.iter().map(price).collect();
        format!("{{\"prices\":[{}]}}", prices.join(","))
    };
    fs_err::create_dir_all(home.path(".config/upkeep")).unwrap();
    fs_err::write(home.path(".config/upkeep/prices.json"), free(&["gpt-5"])).unwrap();
    let cheaper = cost(&[]);
    assert!(0 < cheaper && cheaper < listed, "{cheaper} {listed}");
    let file = home.path("free.json");
    fs_err::write(&file, free(&["gpt-5", "gpt-5.2-codex"])).unwrap();
    assert_eq!(cost(&["--prices", file.to_str().unwrap()]), 0);
    assert_eq!(scanned(), 0);

    fs_err::write(home.path(".config/upkeep/prices.json"), "not a list").unwrap();
    let output = home.run(&["daily"]);
    let warning = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && warning.contains("prices.json"), "{warning}");
    let output = home.run(&["daily", "--prices", "/nowhere/prices.json"]);
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(error.contains("/nowhere/prices.json"), "{error}");
}
