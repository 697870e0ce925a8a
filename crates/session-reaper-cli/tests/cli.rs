//! The binary as people use it, on real files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, SystemTime},
};

use common_fs::{Clock as _, SystemClock};
use demo_corpus::openclaw_store::{Agent, SESSIONS};
use serde_json::Value;
use tempfile::TempDir;

/// A home directory, and the binary run in it.
struct Home {
    dir: TempDir,
}

impl Home {
    fn empty() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// With an agent of OpenClaw in which nobody has cleaned up.
    fn messy() -> Self {
        let home = Self::empty();
        let latest_millis = SystemClock.now().unix_millis();
        for file in (Agent { latest_millis, ..Agent::SMALL }).files() {
            let path = home.path(".openclaw").join(&file.path);
            write(&path, &file.content);
            set_modified(&path, u64::try_from(file.modified_millis).unwrap());
        }
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn sessions(&self) -> PathBuf {
        self.path(".openclaw").join(SESSIONS)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_session-reaper"));
        command.args(arguments).env_clear().env("HOME", self.dir.path()).stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Standard output of a run that succeeds without a word on standard error.
    fn stdout(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.stdout(arguments)).unwrap()
    }

    /// What a run that fails says, on one line, and its exit code.
    fn error(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), text)
    }
}

fn write(path: &Path, content: &[u8]) {
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, content).unwrap();
}

fn set_modified(path: &Path, millis: u64) {
    let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
    fs_err::OpenOptions::new().write(true).open(path).unwrap().set_modified(modified).unwrap();
}

fn is_there(path: &Path) -> bool {
    fs_err::symlink_metadata(path).is_ok()
}

/// All files below a directory, with their content.
fn tree(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut tree = BTreeMap::new();
    let mut todo = vec![dir.to_owned()];
    while let Some(at) = todo.pop() {
        for entry in fs_err::read_dir(&at).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                todo.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(dir).unwrap().to_owned();
                tree.insert(name, fs_err::read(entry.path()).unwrap());
            }
        }
    }
    tree
}

/// All but the archives that were removed as their time was over.
fn without_removed(
    mut before: BTreeMap<PathBuf, Vec<u8>>,
    plan: &Value,
) -> BTreeMap<PathBuf, Vec<u8>> {
    for file in plan["places"][0]["files"].as_array().unwrap() {
        if file["verdict"] == "remove" {
            assert!(before.remove(Path::new(file["name"].as_str().unwrap())).is_some());
        }
    }
    before
}

#[test]
fn a_sweep_is_planned_done_seen_and_undone() {
    for form in [&[][..], &["--zstd"], &["--archive-folder"], &["--zstd", "--archive-folder"]] {
        let home = Home::messy();
        let before = tree(&home.sessions());
        let plan = home.json(&["--json"]);
        assert_eq!(plan["schemaVersion"], 1);
        let totals = &plan["places"][0]["totals"];
        let rows = totals["archiveRows"]["count"].as_u64().unwrap();
        assert!(10 < rows, "{totals}");
        assert_eq!(tree(&home.sessions()), before, "a plan changes nothing");

        let sweep = home.json(&[&["sweep", "--yes", "--json"], form].concat());
        let swept = &sweep["places"][0];
        assert_eq!(swept["result"], "swept");
        assert_eq!(swept["archivedRows"], totals["archiveRows"]);
        assert_eq!(swept["archivedFiles"], totals["archiveFiles"]);
        assert_eq!(swept["removedFiles"], totals["removeFiles"]);
        let again = home.json(&["sweep", "--yes", "--json"]);
        assert_eq!(again["places"][0]["archivedRows"]["count"], 0);

        let list = home.json(&["list", "--json"]);
        let archives = list["places"][0]["archives"].as_array().unwrap();
        let keys = archives.iter().filter(|archive| archive["key"].is_string()).count();
        assert_eq!(keys as u64, rows);
        assert!(archives.iter().all(|archive| archive["archivedAt"].is_string()));

        home.stdout(&["restore", "--all"]);
        assert_eq!(tree(&home.sessions()), without_removed(before, &plan), "{form:?}");
    }
}

#[test]
fn what_nothing_can_have_happened_to_is_not_read_again() {
    let home = Home::empty();
    let now = SystemClock.now().unix_millis();
    let store = home.sessions().join("sessions.json");
    write(&store, format!("{{\"agent:main:main\": {{\"updatedAt\": {now}}}}}").as_bytes());
    let result = |expected| {
        let sweep = home.json(&["sweep", "--yes", "--json"]);
        assert_eq!(sweep["places"][0]["result"], expected, "{sweep}");
    };
    result("swept");
    result("nothing-due");
    write(&store, b"{}");
    result("swept");
}

#[test]
fn people_see_what_goes_and_why() {
    let home = Home::messy();
    let text = home.stdout(&[]);
    assert!(text.starts_with("openclaw main  "), "{text}");
    for part in ["expired", "orphan", "leaked-temp", "stale-lock", "stay: ", "To archive  "] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    assert!(text.ends_with("Nothing has changed; `session-reaper sweep` does it.\n"), "{text}");
    let all = home.stdout(&["plan", "--all"]);
    assert!(all.contains("stays, needed by ") && text.len() < all.len(), "{all}");
    let orphans = home.stdout(&["orphans"]);
    assert!(orphans.contains("orphan") && !orphans.contains("expired"), "{orphans}");
    let status = home.stdout(&["status"]);
    assert!(status.starts_with("Directory") && status.contains("openclaw main"), "{status}");
    assert_eq!(
        home.stdout(&["list", "--only", "nobody"]).lines().next().unwrap(),
        "No sessions found. Looked in:"
    );
}

#[test]
fn one_session_is_restored() {
    let home = Home::messy();
    home.stdout(&["sweep", "--yes"]);
    let list = home.json(&["list", "--json"]);
    let archives = list["places"][0]["archives"].as_array().unwrap();
    let with_files = archives.iter().find(|archive| {
        archive["key"].is_string() && !archive["files"].as_array().unwrap().is_empty()
    });
    let key = with_files.unwrap()["key"].as_str().unwrap();
    let text = home.stdout(&["restore", key, "--dry-run"]);
    assert!(text.contains("Nothing has changed"), "{text}");
    let restored = home.json(&["restore", key, "--json"]);
    assert_eq!(restored["places"][0]["rows"][0], key);
    let file = with_files.unwrap()["files"][0]["of"].as_str().unwrap();
    assert!(is_there(&home.sessions().join(file)));
    // It counts as just used.
    let plan = home.json(&["--json"]);
    let rows = plan["places"][0]["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["key"] == key && row["verdict"] == "keep"));
    let (code, text) = home.error(&["restore", "nobody"]);
    assert_eq!(code, 1);
    assert!(text.contains("`nobody`") && text.contains("session-reaper list"), "{text}");
}

#[test]
fn an_empty_machine_says_where_it_looked() {
    let home = Home::empty();
    for arguments in [&[][..], &["list"], &["status"], &["orphans"], &["sweep", "--yes"]] {
        let text = home.stdout(arguments);
        assert!(text.starts_with("No sessions found. Looked in:\n"), "{text}");
        for part in [".openclaw (no such directory)", ".codex", "session-reaper demo"] {
            assert!(text.contains(part), "{text}");
        }
    }
    assert_eq!(tree(home.dir.path()).len(), 0);
}

#[test]
fn wrong_usage_is_told_apart_from_failure() {
    let home = Home::messy();
    for arguments in [
        &["--nonsense"][..],
        &["restore"],
        &["sweep", "--rule", "x"],
        &["sweep", "--lock-wait", "1w", "--yes"],
    ] {
        assert_eq!(home.error(arguments).0, 2, "{arguments:?}");
    }
    // Without a terminal nobody can be asked.
    let (code, text) = home.error(&["sweep"]);
    assert_eq!(code, 2);
    assert!(text.contains("--yes"), "{text}");
    let (code, text) = home.error(&["--run-ttl", "1w"]);
    assert_eq!(code, 2);
    assert!(text.contains("runTtl") && text.contains("1w") && text.contains("7d"), "{text}");
    let (code, text) = home.error(&["--openclaw", "/nonexistent"]);
    assert_eq!(code, 1);
    assert!(text.contains("`/nonexistent`"), "{text}");
    write(&home.path("policy.json"), br#"{"runTTL":"1d"}"#);
    let policy = home.path("policy.json").display().to_string();
    let (code, text) = home.error(&["--policy", &policy]);
    assert_eq!(code, 1);
    assert!(text.contains("runTTL") && text.contains(&policy), "{text}");
}

#[test]
fn a_policy_comes_from_a_file_from_options_and_from_openclaw() {
    let home = Home::messy();
    let going = |arguments: &[&str]| {
        let plan = home.json(&[&["--json"], arguments].concat());
        plan["places"][0]["totals"]["archiveRows"]["count"].as_u64().unwrap()
    };
    let usual = going(&[]);
    assert!(0 < usual);
    assert!(going(&["--keep-last", "1000", "--keep-failed", "1000"]) < usual);
    assert_eq!(going(&["--run-ttl", "never", "--deleted-job-ttl", "never"]), 0);
    assert_eq!(going(&["--run-ttl", "0", "--deleted-job-ttl", "0"]), 0, "zero means never");
    assert_eq!(going(&["--pin", "*"]), 0);
    assert_eq!(going(&["--rule", "job=*,ttl=never", "--deleted-job-ttl", "never"]), 0);
    write(&home.path("policy.json"), br#"{"runTtl":"never","deletedJobTtl":"never"}"#);
    let policy = home.path("policy.json").display().to_string();
    assert_eq!(going(&["--policy", &policy]), 0);
    assert!(0 < going(&["--policy", &policy, "--run-ttl", "1d"]));
    write(&home.path(".openclaw/openclaw.json"), b"{ cron: { sessionRetention: false } }");
    assert!(going(&[]) < usual);
}

#[test]
fn a_store_that_cannot_be_trusted_is_said_to_be_so() {
    let home = Home::messy();
    let store = home.sessions().join("sessions.json");
    fs_err::write(&store, b"{\"a\":1,\"a\":2}").unwrap();
    let before = tree(&home.sessions());
    for arguments in [&[][..], &["sweep", "--yes"]] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("cannot be trusted") && text.contains("`a`"), "{text}");
    }
    let after = tree(&home.sessions());
    assert_eq!(after[Path::new("sessions.json")], before[Path::new("sessions.json")]);
    assert!(
        before
            .keys()
            .filter(|name| name.extension().is_some_and(|ext| ext == "jsonl"))
            .all(|name| after.contains_key(name))
    );
}

#[test]
fn a_store_that_is_locked_is_left_alone() {
    let home = Home::messy();
    let lock =
        format!("{{\"pid\":{},\"createdAt\":\"2026-01-01T00:00:00.000Z\"}}", std::process::id());
    fs_err::write(home.sessions().join("sessions.json.lock"), lock).unwrap();
    let before = tree(&home.sessions());
    let output = home.run(&["sweep", "--yes", "--lock-wait", "10ms"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains(&format!("process {}", std::process::id())), "{text}");
    assert_eq!(tree(&home.sessions()), before);
}

#[test]
fn a_reader_who_has_enough_is_no_error() {
    let home = Home::messy();
    let mut command = home.command(&["plan", "--all"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn what_was_done_is_counted() {
    let home = Home::messy();
    home.stdout(&["sweep", "--yes"]);
    home.stdout(&["sweep", "--yes", "--if-due"]);
    let text = home.stdout(&["status", "--prometheus"]);
    assert!(text.contains("session_reaper_sweeps_total{result=\"swept\"} 1\n"), "{text}");
    assert!(text.contains("session_reaper_sweeps_total{result=\"throttled\"} 1\n"), "{text}");
    assert!(text.contains("# TYPE session_reaper_archived_rows_total counter\n"), "{text}");
    assert!(home.json(&["status", "--json"])["lastSweep"].is_string());
}

#[test]
fn claude_code_and_codex_are_swept_only_if_asked() {
    let home = Home::empty();
    let id = |nth: u32| format!("0a1b2c3d-0000-4000-8000-00000000000{nth}");
    let old = 1_700_000_000_000;
    let fill = || {
        for nth in 0..6 {
            let path = home.path(&format!(".claude/projects/-w/{}.jsonl", id(nth)));
            write(&path, b"{}\n");
            set_modified(&path, old + u64::from(nth) * 1_000);
            let side =
                home.path(&format!(".claude/projects/-w/{}/subagents/agent-1.jsonl", id(nth)));
            write(&side, b"{}\n");
            set_modified(&side, old);
            let rollout = format!(
                ".codex/sessions/2023/11/1{nth}/rollout-2023-11-1{nth}T00-00-00-{}.jsonl",
                id(nth)
            );
            let parent =
                if nth == 5 { format!(",\"forked_from_id\":\"{}\"", id(0)) } else { String::new() };
            let line = format!(
                "{{\"type\":\"session_meta\",\"payload\":{{\"id\":\"{}\"{parent}}}}}\n",
                id(nth)
            );
            write(&home.path(&rollout), line.as_bytes());
            if nth != 5 {
                set_modified(&home.path(&rollout), old);
            }
        }
    };
    fill();
    let before = (tree(&home.path(".claude")), tree(&home.path(".codex")));
    assert!(home.stdout(&[]).starts_with("To archive  nothing\n"));
    let plan = home.json(&["--json", "--session-ttl", "90d"]);
    let reason = |name: &str| {
        let places = plan["places"].as_array().unwrap().iter();
        let mut files = places.flat_map(|place| place["files"].as_array().unwrap().clone());
        files.find(|file| file["name"].as_str().unwrap().contains(name)).unwrap()["reason"].clone()
    };
    assert_eq!(reason(&format!("{}.jsonl", id(0))), "expired");
    // The last three of a project stay, and a rollout that another one was forked from.
    assert_eq!(reason(&format!("{}.jsonl", id(5))), "kept-last");
    assert_eq!(reason(&format!("rollout-2023-11-10T00-00-00-{}", id(0))), "referenced");
    assert_eq!(reason(&format!("rollout-2023-11-11T00-00-00-{}", id(1))), "expired");

    for form in [&[][..], &["--zstd", "--archive-folder"]] {
        home.stdout(&[&["sweep", "--yes", "--trust-clock", "--session-ttl", "90d"], form].concat());
        for name in [id(0), format!("{}.jsonl", id(0))] {
            assert!(!is_there(&home.path(&format!(".claude/projects/-w/{name}"))));
        }
        home.stdout(&["restore", "--last"]);
        // What was restored counts as just used; for the next round it is old again.
        fill();
        let after = (tree(&home.path(".claude")), tree(&home.path(".codex")));
        assert_eq!(after, before, "{form:?}");
    }
}

#[test]
fn the_demo_shows_all_of_it() {
    let text = Home::empty().stdout(&["demo"]);
    for part in ["expired", "archived ", "restored ", "every byte is what it was"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
    let demo = Home::empty().json(&["demo", "--json"]);
    assert_eq!(
        demo["sweep"]["archivedRows"]["count"].as_u64(),
        demo["restore"]["rows"].as_array().map(|rows| rows.len() as u64)
    );
}

#[test]
fn sessions_in_a_database_are_planned_and_never_touched() {
    use demo_corpus::{Corpus, openclaw_db};

    let home = Home::empty();
    let state = home.path(".openclaw");
    fs_err::create_dir_all(&state).unwrap();
    let (db, _) = openclaw_db::corpus(&Corpus { sessions: 100, ..Corpus::SMALL }, &state).unwrap();
    db.close().unwrap();
    let sessions = state.join("agents/main/sessions");
    write(&sessions.join("sessions.json"), b"{}");
    write(&sessions.join("old.jsonl.migrated"), b"{}\n");
    let before = tree(&sessions);

    let plan = home.json(&["--json"]);
    let place = &plan["places"][0];
    assert!(place["database"].as_str().unwrap().ends_with("openclaw-agent.sqlite"), "{place}");
    let rows = place["rows"].as_array().unwrap();
    assert!(50 < rows.len() && rows.iter().any(|row| 0 < row["bytes"].as_u64().unwrap()));
    let standing = &place["databaseStanding"];
    assert_eq!(standing["sessions"]["count"].as_u64().unwrap(), rows.len() as u64);
    assert!(0 < standing["unpublishedArchives"]["count"].as_u64().unwrap(), "{standing}");
    assert_eq!(standing["leftovers"]["count"], 2, "{standing}");
    let text = home.stdout(&["orphans"]);
    assert!(text.contains("old.jsonl.migrated") && text.contains("leftover"), "{text}");
    assert!(home.stdout(&["status"]).contains("in a database"));

    let output = home.run(&["sweep", "--yes"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("openclaw sessions cleanup --dry-run"), "{text}");
    assert_eq!(tree(&sessions), before);
}
