//! Rows that nobody should believe, and what they are after.

use std::path::{Path, PathBuf};

use anyhow::ensure;

use crate::proof::trace_relaunch::Stamp;

/// Rows of runs that ended so long ago.
const AGE_MILLIS: i64 = 100 * 3_600_000;

/// A hostile row.
pub(super) struct Row {
    /// As it stands in the store.
    pub(super) member: String,
    /// Whether it goes: under the safe policy,
    pub(super) goes: bool,
    /// and under that of OpenClaw 2026.3.
    pub(super) goes_by_openclaw: bool,
}

/// Under which policies a row goes.
#[derive(Clone, Copy)]
enum Goes {
    Both,
    Openclaw,
    Neither,
}

/// The rows. `live` is a session that lasts, `dir` the directory of the store.
pub(super) fn rows(dir: &Path, live: &str, now_millis: i64) -> Vec<Row> {
    let old = now_millis - AGE_MILLIS;
    let beside = dir.with_file_name("sessions-evil").join("r.jsonl");
    let absolute = dir.join(format!("{live}.jsonl"));
    let files = [
        "../../x",
        "/etc/passwd",
        "a/../../x.jsonl",
        "C:\\\\x.jsonl",
        "\\u0000x.jsonl",
        "sessions.json",
        "sessions.json.lock",
        &beside.display().to_string(),
        // Those of another session.
        &format!("{live}.jsonl"),
        &absolute.display().to_string(),
    ];
    let files = files.map(|file| (format!(r#""sessionId":"nobody","sessionFile":"{file}""#), old));
    let ids = ["../x", "\\u0000", "/etc/passwd"];
    let ids = ids.map(|id| (format!(r#""sessionId":"{id}""#), old));
    let entries = files
        .into_iter()
        .chain(ids)
        .map(|(fields, old)| (format!(r#"{{{fields},"updatedAt":{old}}}"#), Goes::Both));
    let odd_times = [
        ("null", Goes::Openclaw),
        ("-5", Goes::Openclaw),
        ("\"1700000000000\"", Goes::Both),
        ("\"abc\"", Goes::Neither),
        ("99999999999999999", Goes::Neither),
        ("1e400", Goes::Neither),
        ("{}", Goes::Neither),
    ];
    let odd_times = odd_times.map(|(time, goes)| (format!(r#"{{"updatedAt":{time}}}"#), goes));
    let no_objects =
        ["\"text\"", "7", "[]", "true", "null"].map(|entry| (entry.to_owned(), Goes::Neither));
    let others = [
        (r#"{"sessionId":"nobody"}"#.to_owned(), Goes::Openclaw),
        (format!(r#"{{"sessionId":"a","sessionId":"b","updatedAt":{old}}}"#), Goes::Neither),
        // What stands at their names is no transcript, or is in use.
        (format!(r#"{{"sessionId":"linked","updatedAt":{old}}}"#), Goes::Both),
        (format!(r#"{{"sessionId":"folder","updatedAt":{old}}}"#), Goes::Both),
        (format!(r#"{{"sessionId":"held","updatedAt":{old}}}"#), Goes::Neither),
        // A transcript that has another name elsewhere.
        (format!(r#"{{"sessionId":"hard","updatedAt":{old}}}"#), Goes::Both),
    ];
    let entries = entries.chain(odd_times).chain(no_objects).chain(others);
    let runs = entries.enumerate().map(|(nth, (entry, goes))| Row {
        member: format!("  \"agent:main:cron:hostil\\u00e9:run:{nth}\" : {entry} "),
        goes: matches!(goes, Goes::Both),
        goes_by_openclaw: matches!(goes, Goes::Both | Goes::Openclaw),
    });
    // No parser of numbers or of text could write this one again as it is.
    let exact =
        "  \"agent:main:exact\": {\"n\":12345678901234567890, \"one\":1.0,\"s\":\"\\ud800\"}";
    let exact = Row { member: exact.to_owned(), goes: false, goes_by_openclaw: false };
    runs.chain([exact]).collect()
}

/// What hostile rows are after, outside the directory of the store.
pub(super) struct Victims(Vec<Victim>);

struct Victim {
    path: PathBuf,
    content: Vec<u8>,
    /// `None` where a transcript is another name of it, which counts as used when it is restored.
    stamp: Option<Stamp>,
}

impl Victims {
    /// Puts them there, and the links to them into the directory.
    pub(super) fn create(root: &Path, dir: &Path) -> anyhow::Result<Self> {
        let agents = root.join("agents");
        let evil = dir.with_file_name("sessions-evil");
        fs_err::create_dir_all(&evil)?;
        let [x, x_jsonl, r, linked, hard] = [
            agents.join("x"),
            agents.join("x.jsonl"),
            evil.join("r.jsonl"),
            agents.join("linked.jsonl"),
            agents.join("hard.jsonl"),
        ];
        for path in [&x, &x_jsonl, &r, &linked, &hard] {
            fs_err::write(path, format!("precious: {}\n", path.display()))?;
        }
        fs_err::os::unix::fs::symlink(&linked, dir.join("linked.jsonl"))?;
        fs_err::hard_link(&hard, dir.join("hard.jsonl"))?;
        fs_err::create_dir(dir.join("folder.jsonl"))?;
        fs_err::write(dir.join("folder.jsonl/precious"), "precious\n")?;
        let mut victims = Vec::new();
        for path in [x, x_jsonl, r, linked, hard.clone(), "/etc/passwd".into()] {
            let stamp = (path != hard).then(|| Stamp::of(&path)).transpose()?;
            victims.push(Victim { content: fs_err::read(&path)?, stamp, path });
        }
        Ok(Self(victims))
    }

    /// Fails unless all of them are as they were.
    pub(super) fn are_untouched(&self) -> anyhow::Result<()> {
        for Victim { path, content, stamp } in &self.0 {
            let now = stamp.map(|_| Stamp::of(path)).transpose()?;
            let is_same = fs_err::read(path)? == *content && now == *stamp;
            ensure!(is_same, "{} was touched: {stamp:?}, then {now:?}", path.display());
        }
        Ok(())
    }
}
