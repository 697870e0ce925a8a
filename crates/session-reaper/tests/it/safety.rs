//! What must never go, whatever a store says.

use proptest::prelude::*;
use session_reaper::{FileClass, Layout, Policy, Store, classify};

use crate::world::{DIR, NOW, World, reasons, seed};

#[test]
fn a_transcript_that_another_row_names_stays() {
    for needs in [
        r#"{"sessionId":"other","sessionFile":"r.jsonl"}"#,
        r#"{"sessionId":"other","sessionFile":"/s/agents/main/sessions/r.jsonl"}"#,
        r#"{"sessionId":"r"}"#,
        r#"{"sessionId":"other","compactionCheckpoints":[{"preCompaction":{"sessionFile":"r.jsonl"}}]}"#,
    ] {
        let store = format!(
            r#"{{"agent:a:cron:j:run:r":{{"sessionId":"r","updatedAt":1}},"agent:a:main":{needs}}}"#
        );
        let plan = World::new(&store, &[("r.jsonl", 999)]).plan(&seed(24));
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
        "/s/agents/main/sessions-evil/r.jsonl",
        "x.jsonl.deleted.2026-01-01T00-00-00.000Z",
        "",
    ] {
        let written = file.replace('\\', "\\\\").replace("\\\\u0000", "\\u0000");
        let store = format!(
            r#"{{"agent:a:cron:j:run:r":{{"sessionId":"../x","updatedAt":1,"sessionFile":"{written}"}}}}"#
        );
        let plan = World::new(&store, &[("keep.jsonl", 0)]).plan(&seed(24));
        assert!(plan.rows[0].unsafe_file.is_some(), "{file}");
        assert_eq!(plan.archiving().count, 0, "{file}");
    }
}

#[test]
fn a_store_that_cannot_be_trusted_decides_nothing() {
    let files =
        [("r.jsonl", 9_999), ("sessions.json.0a1b2c3d-0000-4000-8000-000000000000.tmp", 9_999)];
    for store in ["", "[]", "{\"a\":", "{\"a\":1,\"a\":2}"] {
        let plan = World::new(store, &files).plan(&Policy::SAFE);
        assert!(plan.is_nothing() && plan.refused.is_some(), "{store}");
    }
    let world = World::new("{}", &files);
    world.sim.fs.remove(world.path("sessions.json"));
    let plan = world.plan(&Policy::SAFE);
    assert!(plan.is_nothing());
    assert!(reasons(&plan).contains(&"r.jsonl no-store".to_owned()));
}

#[test]
fn a_store_that_is_a_link_or_has_other_names_is_refused() {
    let world = World::new("{}", &[("r.jsonl", 9_999)]);
    world.sim.fs.rename(world.path("sessions.json"), "/s/elsewhere.json");
    world.sim.fs.symlink(world.path("sessions.json"), "/s/elsewhere.json");
    let plan = world.plan(&Policy::SAFE);
    assert!(plan.is_nothing() && plan.refused.unwrap().to_string().contains("symbolic link"));
    let world = World::new("{}", &[("r.jsonl", 9_999)]);
    let dir = common_fs::Fs::open_dir(&world.sim.fs, DIR.as_ref()).unwrap();
    dir.link("sessions.json".as_ref(), "other.json".as_ref()).unwrap();
    let plan = world.plan(&Policy::SAFE);
    assert!(plan.is_nothing() && plan.refused.unwrap().to_string().contains("2 names"));
}

#[test]
fn links_and_directories_stay() {
    let store = r#"{"agent:a:cron:j:run:r":{"sessionId":"r","updatedAt":1}}"#;
    let world = World::new(store, &[("real.jsonl", 0)]);
    world.sim.fs.symlink(world.path("r.jsonl"), "real.jsonl");
    world.sim.fs.make_dir(world.path("d.jsonl"));
    let plan = world.plan(&seed(24));
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
        let world = World::new(&store, &files);
        for policy in [seed(24), Policy::SAFE] {
            let plan = world.plan(&policy);
            prop_assert_eq!(&plan, &world.plan(&policy));
            let parsed = Store::parse(store.as_bytes()).unwrap();
            for file in plan.files.iter().filter(|file| file.verdict.goes()) {
                let class = classify(&file.name, file.kind, Layout::OpenClaw);
                prop_assert!(!matches!(class, FileClass::Store | FileClass::Other));
                let name = file.name.to_str().unwrap();
                for row in plan.rows.iter().filter(|row| !row.verdict.goes()) {
                    let row = parsed.row(&row.key).unwrap();
                    let needs = row.session_file().unwrap();
                    prop_assert_ne!(needs, name);
                    let is_transcript =
                        matches!(class, FileClass::Transcript { .. } | FileClass::Companion { .. });
                    prop_assert!(!is_transcript || !name.starts_with(row.session_id().unwrap()));
                }
            }
        }
    }
}

#[test]
fn a_transcript_that_a_row_reaches_by_another_path_stays() {
    for file in [
        "/h/link-to-state/agents/main/sessions/r.jsonl",
        "/other//place/r.jsonl",
        "/s/agents/main/sessions//r.jsonl",
        "./r.jsonl",
    ] {
        let store = format!(
            r#"{{"agent:a:cron:j:run:r":{{"sessionId":"r","updatedAt":1}},"agent:a:main":{{"sessionFile":"{file}"}}}}"#
        );
        let plan = World::new(&store, &[("r.jsonl", 999)]).plan(&seed(24));
        assert_eq!(plan.files[0].verdict.reason(), "referenced", "{file}");
    }
    // OpenClaw, too, knows a directory of sessions by the end of its path.
    let store = r#"{"agent:a:cron:j:run:r":{"sessionId":"x","updatedAt":1,"sessionFile":"/old/home/agents/main/sessions/r.jsonl"}}"#;
    let plan = World::new(store, &[("r.jsonl", 999)]).plan(&seed(24));
    assert_eq!(plan.rows[0].unsafe_file, None);
    assert_eq!(plan.files[0].verdict.reason(), "with-session");
}
