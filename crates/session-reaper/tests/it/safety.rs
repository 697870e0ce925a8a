//! What must never go, whatever a store says.

use std::time::Duration;

use proptest::prelude::*;
use session_reaper::{FileClass, Policy, Store, classify};

use crate::plans::{NOW, planned, reasons, sessions};

fn seed() -> Policy {
    Policy::openclaw_2026_3(Some(Duration::from_hours(24)))
}

#[test]
fn a_transcript_that_another_row_names_stays() {
    for needs in [
        r#"{"sessionId":"other","sessionFile":"r.jsonl"}"#,
        r#"{"sessionId":"other","sessionFile":"/s/r.jsonl"}"#,
        r#"{"sessionId":"r"}"#,
        r#"{"sessionId":"other","compactionCheckpoints":[{"preCompaction":{"sessionFile":"r.jsonl"}}]}"#,
    ] {
        let store = format!(
            r#"{{"agent:a:cron:j:run:r":{{"sessionId":"r","updatedAt":1}},"agent:a:main":{needs}}}"#
        );
        let plan = planned(&sessions(&store, &[("r.jsonl", 999)]), &seed());
        assert!(plan.rows[0].verdict.goes());
        assert_eq!(plan.files[0].verdict.reason(), "referenced", "{needs}");
    }
}

#[test]
fn a_row_cannot_lead_to_anything_but_a_transcript() {
    for file in [
        "../../x",
        "/etc/passwd",
        "a/../../x.jsonl",
        "C:\\x.jsonl",
        "\\u0000x.jsonl",
        "sessions.json",
        "sessions.json.lock",
        "/s-evil/r.jsonl",
        "x.jsonl.deleted.2026-01-01T00-00-00.000Z",
        "",
    ] {
        let written = file.replace('\\', "\\\\").replace("\\\\u0000", "\\u0000");
        let store = format!(
            r#"{{"agent:a:cron:j:run:r":{{"sessionId":"../x","updatedAt":1,"sessionFile":"{written}"}}}}"#
        );
        let sim = sessions(&store, &[("keep.jsonl", 0)]);
        let plan = planned(&sim, &seed());
        assert!(plan.rows[0].unsafe_file.is_some(), "{file}");
        assert_eq!(plan.files_going().count, 0, "{file}");
    }
}

#[test]
fn a_store_that_cannot_be_trusted_decides_nothing() {
    let files = [
        ("r.jsonl", 9_999),
        ("sessions.json.0a1b2c3d-0000-4000-8000-000000000000.tmp", 9_999),
        ("x.jsonl.deleted.2020-01-01T00-00-00.000Z", 9_999),
    ];
    for store in ["", "[]", "{\"a\":", "{\"a\":1,\"a\":2}"] {
        let plan = planned(&sessions(store, &files), &Policy::SAFE);
        assert_eq!(plan.files_going().count, 0, "{store}");
    }
    let sim = sessions("{}", &files);
    sim.fs.remove("/s/sessions.json");
    let plan = planned(&sim, &Policy::SAFE);
    assert_eq!(plan.files_going().count, 0);
    assert!(reasons(&plan).contains(&"r.jsonl no-store".to_owned()));
}

#[test]
fn links_and_directories_stay() {
    let store = r#"{"agent:a:cron:j:run:r":{"sessionId":"r","updatedAt":1}}"#;
    let sim = sessions(store, &[("real.jsonl", 0)]);
    sim.fs.symlink("/s/r.jsonl", "real.jsonl");
    sim.fs.make_dir("/s/d.jsonl");
    let plan = planned(&sim, &seed());
    let kept = ["d.jsonl not-a-file", "r.jsonl not-a-file", "real.jsonl no-retention"];
    assert_eq!(reasons(&plan)[1..], kept);
}

proptest! {
    #[test]
    fn only_known_kinds_of_files_go_and_never_what_a_row_needs(
        rows in proptest::collection::vec((0..4_u8, 0..4_u8, 0..60_i64, 0..3_u8), 0..8),
        files in proptest::collection::btree_map(
            "[a-d](\\.jsonl|\\.trajectory\\.jsonl|-topic-1\\.jsonl|\\.txt|\\.jsonl\\.lock)", 0..400_i64, 0..8,
        ),
    ) {
        let id = |nth: u8| char::from(b'a' + nth);
        let members: Vec<String> = rows.iter().enumerate().map(|(nth, (session, file, hours, kind))| {
            let key = match kind {
                0 => format!("agent:m:cron:j:run:{nth}"),
                1 => format!("agent:m:cron:{nth}"),
                _ => format!("agent:m:dm:{nth}"),
            };
            let updated = NOW - hours * 3_600_000;
            format!(
                r#""{key}":{{"sessionId":"{}","sessionFile":"{}.jsonl","updatedAt":{updated}}}"#,
                id(*session), id(*file),
            )
        }).collect();
        let store = format!("{{{}}}", members.join(","));
        let files: Vec<(&str, i64)> = files.iter().map(|(name, hours)| (name.as_str(), *hours)).collect();
        let sim = sessions(&store, &files);
        for policy in [seed(), Policy::SAFE] {
            let plan = planned(&sim, &policy);
            prop_assert_eq!(&plan, &planned(&sim, &policy));
            let parsed = Store::parse(store.as_bytes()).unwrap();
            for file in plan.files.iter().filter(|file| file.verdict.goes()) {
                let class = classify(&file.name, "sessions.json");
                prop_assert!(!matches!(class, FileClass::Store | FileClass::Other));
                let name = file.name.to_str().unwrap();
                for row in plan.rows.iter().filter(|row| !row.verdict.goes()) {
                    let row = parsed.row(&row.key).unwrap();
                    let needs = row.session_file().unwrap();
                    prop_assert_ne!(&*needs, name);
                    let is_transcript = matches!(class, FileClass::Transcript { .. });
                    prop_assert!(!is_transcript || !name.starts_with(&*row.session_id().unwrap()));
                }
            }
        }
    }
}
