use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn the_same_seed_makes_the_same() {
    let files = |agent: Agent| agent.files().collect::<Vec<_>>();
    let again = files(Agent::SMALL);
    assert_eq!(files(Agent::SMALL), again);
    assert_ne!(files(Agent { seed: 2, ..Agent::SMALL }), again);
}

#[test]
fn a_store_is_as_long_as_those_of_openclaw_and_has_each_key_once() {
    for rows in [0, 10, 41, 60, 1_000] {
        let agent = Agent { rows, ..Agent::SMALL };
        let text = agent.store();
        let store: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        let rows = rows.max(10) as usize;
        assert_eq!(store.len(), rows);
        let sessions: Vec<_> = agent.sessions().collect();
        assert!(sessions.iter().all(|session| {
            let entry = &store[&session.key];
            entry["sessionId"] == session.id.as_str() && entry["sessionFile"] == session.file
        }));
        let runs = sessions.iter().filter(|session| session.key.contains(":run:"));
        assert_eq!(runs.filter(|session| session.is_over).count(), rows / 2);
        let per_row = text.len() / rows;
        assert!((1_100..1_200).contains(&per_row), "{per_row}");
    }
    // As `JSON.stringify(value, null, 2)`.
    assert!(Agent::SMALL.store().starts_with("{\n  \"agent:main:main\": {\n    \"sessionId\": \""));
    assert_eq!(store(Vec::new()), "{}");
}

#[test]
fn every_run_has_its_transcript_and_there_is_something_of_everything() {
    let agent = Agent { rows: 400, ..Agent::SMALL };
    let files: Vec<_> = agent.files().collect();
    let names: BTreeSet<&str> =
        files.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names.len(), files.len(), "each name once");
    for session in agent.sessions() {
        assert!(names.contains(format!("{}.jsonl", session.id).as_str()), "{session:?}");
        assert!(names.contains(session.file.as_str()), "{session:?}");
    }
    for kind in [Kind::Transcript, Kind::Companion, Kind::Orphan, Kind::Archive] {
        for is_over in [false, true] {
            let is_it = |file: &&AgentFile| file.kind == kind && file.is_over == is_over;
            assert!(files.iter().any(|file| is_it(&file)), "{kind:?} {is_over}");
        }
    }
    for kind in [Kind::Store, Kind::Jobs, Kind::Lock, Kind::Temp, Kind::Former, Kind::Other] {
        assert!(files.iter().any(|file| file.kind == kind), "{kind:?}");
    }
    for suffix in [".trajectory.jsonl", ".trajectory-path.json", ".zst", ".tmp", ".lock"] {
        assert!(names.iter().any(|name| name.ends_with(suffix)), "{suffix}");
    }
    assert!(files.iter().all(|file| file.modified_millis <= agent.latest_millis));
}

#[test]
fn a_transcript_that_a_row_needs_which_is_not_over_is_not_over() {
    let agent = Agent { rows: 400, ..Agent::SMALL };
    let needed: BTreeSet<PathBuf> = agent
        .sessions()
        .filter(|session| !session.is_over)
        .flat_map(|session| [session.file, format!("{}.jsonl", session.id)])
        .map(|name| PathBuf::from(SESSIONS).join(name))
        .collect();
    for file in agent.files().filter(|file| file.kind == Kind::Transcript) {
        let session_is_over = agent
            .sessions()
            .any(|session| session.is_over && file.path.ends_with(format!("{}.jsonl", session.id)));
        assert_eq!(file.is_over, session_is_over && !needed.contains(&file.path), "{file:?}");
    }
}

#[test]
fn files_are_written_with_their_time() {
    let dir = tempfile::tempdir().unwrap();
    let file = Agent::SMALL.files().find(|file| file.kind == Kind::Orphan).unwrap();
    file.write(dir.path()).unwrap();
    let path = dir.path().join(&file.path);
    assert_eq!(fs_err::read(&path).unwrap(), file.content);
    let modified = fs_err::metadata(&path).unwrap().modified().unwrap();
    let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(since_epoch.as_millis(), file.modified_millis.try_into().unwrap());
}
