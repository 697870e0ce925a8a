//! `report --html`, as people use it, on real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod common;

use std::{
    fs::Permissions,
    os::unix::fs::{PermissionsExt as _, symlink},
};

use demo_corpus::Corpus;
use indicatif::HumanCount;

use common::Home;

/// A home directory with transcripts of two runtimes.
fn with_transcripts() -> Home {
    let home = Home::empty();
    let corpus = Corpus { sessions: 4, ..Corpus::SMALL };
    for file in corpus.openclaw() {
        home.write(&format!(".openclaw/{}", file.path.display()), &file.content);
    }
    for file in corpus.claude() {
        home.write(&format!(".claude/{}", file.path.display()), &file.content);
    }
    home
}

fn mode(home: &Home, name: &str) -> u32 {
    fs_err::metadata(home.path(name)).unwrap().permissions().mode() & 0o777
}

/// Writes a page, and says what standard error says.
fn write(home: &Home, name: &str, more: &[&str]) -> String {
    let path = home.path(name);
    let mut arguments = vec!["report", "--html", path.to_str().unwrap()];
    arguments.extend(more);
    let output = home.run(&arguments);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_page_is_written_as_a_whole_and_for_its_owner() {
    let home = with_transcripts();
    home.write("pages/other.txt", "");
    let said = write(&home, "pages/usage.html", &[]);
    let path = home.path("pages/usage.html");
    assert!(said.starts_with(&format!("usage-cache: wrote {} (", path.display())), "{said}");
    let page = fs_err::read_to_string(&path).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.ends_with("</html>\n"), "{page}");
    assert_eq!(mode(&home, "pages/usage.html"), 0o600);
    // What is there is replaced and keeps its mode; nothing stays behind.
    home.write("pages/usage.html", "old");
    fs_err::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    symlink("pages/usage.html", home.path("link.html")).unwrap();
    write(&home, "link.html", &[]);
    assert!(fs_err::read_to_string(&path).unwrap().starts_with("<!doctype html>"));
    assert_eq!(mode(&home, "pages/usage.html"), 0o640);
    assert_eq!(fs_err::read_dir(home.path("pages")).unwrap().count(), 2);
}

#[test]
fn a_page_can_be_passed_on() {
    let home = with_transcripts();
    let page = home.stdout(&["report", "--html", "-"]);
    assert!(page.starts_with("<!doctype html>") && page.contains("All time"), "{page}");
    home.run_unheard(&["report", "--html", "-"]);
}

#[test]
fn a_page_says_what_reports_say() {
    let home = with_transcripts();
    let page = home.stdout(&["report", "--html", "-"]);
    let report = home.json(&["daily", "--json"]);
    let totals = &report["totals"];
    let [tokens, answers] = ["totalTokens", "events"].map(|key| totals[key].as_u64().unwrap());
    let expected = format!("{} tokens, {} answers", HumanCount(tokens), HumanCount(answers));
    assert!(page.contains(&expected), "{expected}:\n{page}");
    // The page has read everything; there was nothing left for the other report.
    assert_eq!(home.json(&["refresh", "--json"])["scannedFiles"], 0);
}

#[test]
fn all_filters_of_reports_are_there() {
    let home = with_transcripts();
    let page = |more: &[&str]| {
        let mut arguments = vec!["report", "--html", "-", "--timezone", "UTC"];
        arguments.extend(more);
        home.stdout(&arguments)
    };
    let all = page(&[]);
    assert!(all.contains("claude-opus-4-20250514") && all.contains("gpt-5."), "{all}");
    let claude = page(&["--source", "claude"]);
    assert!(claude.contains("claude only") && !claude.contains("gpt-5."), "{claude}");
    let opus = page(&["--model", "OPUS"]);
    assert!(opus.contains("claude-opus-4-20250514") && !opus.contains("gpt-5."), "{opus}");
    let project = page(&["--project", "no such project"]);
    assert!(project.contains("No usage in these days."), "{project}");
    let days = page(&["--since", "2020-01-01", "--until", "20200102"]);
    assert!(days.contains("2020-01-01 to 2020-01-02"), "{days}");
    let present = page(&["--present-only"]);
    assert!(present.contains("only transcripts that still exist"), "{present}");
    home.write("free.json", r#"{"format":"upkeep-prices","version":1,"prices":[]}"#);
    let prices = home.path("free.json");
    assert!(page(&["--prices", prices.to_str().unwrap()]).contains("All time"));
}

#[test]
fn what_cannot_be_written_is_said_with_its_path() {
    let home = with_transcripts();
    home.write("pages/other.txt", "");
    for name in ["nowhere/usage.html", "pages", "pages/other.txt/usage.html"] {
        let path = home.path(name);
        let output = home.run(&["report", "--html", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        let expected = format!("usage-cache: the page is not written to `{}`", path.display());
        assert!(said.starts_with(&expected), "{said}");
        assert!(said.contains("try another --html FILE"), "{said}");
    }
    assert_eq!(fs_err::read_dir(home.path("pages")).unwrap().count(), 1);
}

#[test]
fn wrong_usage_is_refused() {
    let home = Home::empty();
    for arguments in [
        &["report"][..],
        &["report", "--html", ""],
        &["report", "--html", "x.html", "--source", "mars"],
        &["report", "--html", "x.html", "--since", "2026-02-02", "--until", "2026-02-01"],
    ] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn everybody_can_see_one() {
    let home = Home::empty();
    let empty = home.stdout(&["report", "--html", "-"]);
    assert!(empty.contains("No transcripts found"), "{empty}");
    let said = write(&home, "demo.html", &["--demo"]);
    assert!(said.contains("wrote "), "{said}");
    let page = fs_err::read_to_string(home.path("demo.html")).unwrap();
    for text in ["made-up transcripts", "Spend per day", "Top sessions", "Cache hit rate", "codex"]
    {
        assert!(page.contains(text), "{text}");
    }
    // Made up elsewhere, and gone.
    assert!(fs_err::metadata(home.path(".openclaw")).is_err());
}
