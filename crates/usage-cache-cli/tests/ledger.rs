//! History that moves, and verification, as people use them, on real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::{io::Write as _, process::Stdio};

use demo_corpus::Corpus;

use common::Home;

const SESSIONS: &str = ".openclaw/agents/main/sessions";

/// A home directory with transcripts, and how many tokens they have.
fn with_transcripts() -> (Home, u64) {
    let home = Home::empty();
    let files = (Corpus { sessions: 6, ..Corpus::SMALL }).openclaw();
    let mut tokens = 0;
    for file in files {
        home.write(&format!(".openclaw/{}", file.path.display()), &file.content);
        tokens += file.truth.tokens;
    }
    (home, tokens)
}

fn tokens(home: &Home, arguments: &[&str]) -> u64 {
    let arguments = [&["daily", "--json", "--timezone", "UTC"], arguments].concat();
    home.json(&arguments)["totals"]["totalTokens"].as_u64().unwrap()
}

/// Some transcript, and its name.
fn transcript(home: &Home) -> (String, Vec<u8>) {
    let mut names: Vec<String> = fs_err::read_dir(home.path(SESSIONS))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let name = format!("{SESSIONS}/{}", names[0]);
    let content = fs_err::read(home.path(&name)).unwrap();
    (name, content)
}

#[test]
fn history_moves_to_another_machine_and_counts_once_there() {
    let (old, expected) = with_transcripts();
    let (name, content) = transcript(&old);
    tokens(&old, &[]);
    fs_err::remove_file(old.path(&name)).unwrap();
    let gone = old.json(&["status", "--json"]);
    assert_eq!(gone["history"]["gone"]["transcripts"], 0, "nobody has looked yet");
    assert_eq!(tokens(&old, &[]), expected);
    let status = old.stdout(&["status"]);
    assert!(status.contains("Gone         1 transcript ("), "{status}");
    assert!(status.contains("oldest answer 20"), "{status}");

    let new = Home::empty();
    let file = new.path("ledger.jsonl");
    let file = file.to_str().unwrap();
    let wrote = old.stdout(&["ledger", "export", file]);
    assert!(wrote.starts_with("Wrote 6 transcripts ("), "{wrote}");
    let dry = new.stdout(&["ledger", "import", file, "--dry-run"]);
    assert!(dry.contains("Would add    6 transcripts"), "{dry}");
    assert_eq!(tokens(&new, &[]), 0);
    let import = new.json(&["ledger", "import", file, "--json"]);
    assert_eq!((&import["added"], &import["countedTokens"]), (&6.into(), &expected.into()));
    let again = new.stdout(&["ledger", "import", file]);
    assert!(again.contains("Known        6 transcripts"), "{again}");
    assert_eq!((tokens(&new, &[]), tokens(&new, &["--present-only"])), (expected, 0));
    let status = new.stdout(&["status"]);
    assert!(status.contains("6 transcripts from ledger "), "{status}");
    let report = new.json(&["--json"]);
    assert_eq!(report["status"]["importedFiles"], 6);
    assert_eq!(report["status"]["imported"]["totalTokens"], expected);
    // The transcripts follow.
    new.write(&name, &content);
    assert_eq!(tokens(&new, &[]), expected);
    assert!(0 < tokens(&new, &["--present-only"]));
    assert!(new.stdout(&["status", "--verify"]).contains("none"));
}

#[test]
fn a_ledger_goes_through_a_pipe() {
    let (old, expected) = with_transcripts();
    let exported = old.stdout(&["ledger", "export"]);
    assert_eq!(exported.lines().count(), 7);
    let new = Home::empty();
    let mut command = new.command(&["ledger", "import", "-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(exported.as_bytes()).unwrap();
    assert!(child.wait_with_output().unwrap().status.success());
    assert_eq!(tokens(&new, &[]), expected);
    let only = old.stdout(&["ledger", "export", "-", "--gone-only"]);
    assert_eq!(only.lines().count(), 1);
    old.run_unheard(&["ledger", "export"]);
}

#[test]
fn what_cannot_be_imported_is_told() {
    let (old, expected) = with_transcripts();
    let exported = old.stdout(&["ledger", "export"]);
    let first = exported.lines().next().unwrap();
    let lines = exported.lines().skip(2).collect::<Vec<_>>().join("\n");
    let new = Home::empty();
    let path = new.path("x.jsonl");
    let import = |content: &str| {
        new.write("x.jsonl", content);
        let output = new.run(&["ledger", "import", path.to_str().unwrap()]);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    for (content, why) in
        [("", "it is empty"), ("{}\n", "it is no ledger"), (&exported[..20], "it is no ledger")]
    {
        let (code, _, error) = import(content);
        assert_eq!(code, Some(1), "{error}");
        assert!(error.contains("cannot import `") && error.contains(why), "{error}");
    }
    let (code, text, _) = import(&format!("{first}\ndamaged\n"));
    assert_eq!(code, Some(1));
    assert!(text.contains("Skipped: 6 lines"), "{text}");
    // The second line is missing, the last one is torn.
    let (code, text, _) = import(&format!("{first}\n{lines}"));
    assert_eq!(code, Some(0));
    assert!(text.contains("Skipped: 2 lines") && text.contains("Added        4"), "{text}");
    assert!(tokens(&new, &[]) < expected);
    let missing = new.run(&["ledger", "import", "/nowhere/x.jsonl"]);
    assert_eq!(missing.status.code(), Some(1));
    let error = String::from_utf8(missing.stderr).unwrap();
    assert!(error.contains("cannot import `/nowhere/x.jsonl`"), "{error}");
}

#[test]
fn a_cache_that_is_wrong_is_found_out() {
    let home = Home::empty();
    let answer = |input: u32| {
        format!(
            "{{\"timestamp\":\"2026-02-05T12:00:00Z\",\"message\":{{\"role\":\"assistant\",\
             \"model\":\"gpt-5.5\",\"provider\":\"openai\",\"usage\":{{\"input\":{input}}}}}}}\n"
        )
    };
    let name = format!("{SESSIONS}/a.jsonl");
    let rest = answer(1).repeat(99);
    home.write(&name, answer(3) + &rest);
    assert_eq!(tokens(&home, &[]), 102);
    let same = home.json(&["status", "--verify", "--json"]);
    assert_eq!((&same["same"], &same["compared"]), (&true.into(), &1.into()));
    // In place, longer, and the last 4 KiB of what was read are as they were.
    assert!(4_096 < rest.len());
    home.write(&name, answer(8) + &rest + &answer(1));
    let cache = home.path(".local/state/upkeep/usage-cache.jsonl");
    let before = fs_err::read(&cache).unwrap();
    let output = home.run(&["status", "--verify"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for part in [
        "Compared     1 transcript\n",
        "a.jsonl: cached 101 answers (103 tokens), read 101 answers (108 tokens)",
        "2026-02-05 gpt-5.5: cached 101 answers (103 tokens), read 101 answers (108 tokens)",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let json = home.run(&["status", "--verify", "--json"]);
    assert_eq!(json.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(document["days"][0]["read"]["totalTokens"], 108);
    assert_eq!(document["transcripts"][0]["cached"]["totalTokens"], 103);
    assert_eq!(fs_err::read(&cache).unwrap(), before);
}
