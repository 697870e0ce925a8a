//! Sessions of OpenClaw that have moved to a database: what retention says of them, without ever
//! changing anything.

use std::collections::{HashMap, HashSet};

use common_fs::Timestamp;
use serde_json::json;

use crate::{
    FileClass, FileVerdict, Keep, Layout, Listing, Plan, Policy, Snapshot, Store, StoreState,
    Total, Verdict, classify, plan,
};

/// What a database has of sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    /// Its sessions, by key and then by id.
    pub sessions: Vec<DatabaseSession>,
    /// What was archived when a session was reset or deleted.
    pub archives: Vec<DatabaseArchive>,
}

/// A session in a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DatabaseSession {
    /// The key of its row.
    pub key: String,
    /// Its id.
    pub id: String,
    /// `running`, `done`, `failed`, `killed` or `timeout`, if it says so.
    pub status: Option<String>,
    /// When it was last changed, in milliseconds since 1970.
    pub updated_ms: i64,
    /// When it ended, in the same unit.
    pub ended_ms: Option<i64>,
    /// How many events it has in the database,
    pub events: u64,
    /// and how long they are, as they are stored.
    pub size_bytes: u64,
}

/// An archive in a database, which should also be a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseArchive {
    /// The session.
    pub session: String,
    /// The name of the file.
    pub name: String,
    /// How long it is in the database.
    pub size_bytes: u64,
    /// Whether the database says that the file was written.
    pub is_published: bool,
}

/// What a database has, held against the files beside it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseStanding {
    /// The sessions and their events.
    pub sessions: Total,
    /// Archives that were never written as files.
    pub unpublished: Total,
    /// Archives that were, and are not there.
    pub missing: Total,
    /// Files that the move to the database has left.
    pub leftovers: Total,
}

/// What retention says of the sessions in a database, and of the files beside it.
///
/// Nothing of it can be carried out here: only OpenClaw itself changes its database. Of several
/// sessions with the same key, those that are not the first have `#` and their id behind it.
pub fn plan_database(
    now: Timestamp,
    database: &Database,
    listing: Option<&Listing>,
    policy: &Policy,
) -> Plan {
    let text = as_store(database);
    let store = Store::parse(text.as_bytes()).map_or_else(StoreState::Refused, StoreState::Rows);
    let snapshot = Snapshot {
        dir: std::path::PathBuf::new(),
        layout: Layout::OpenClaw,
        store,
        files: &[],
        archived_rows: &[],
        jobs: None,
        needed: None,
        space: None,
    };
    let mut plan = plan(now, &snapshot, policy);
    let sizes: HashMap<&str, u64> =
        database.sessions.iter().map(|session| (session.id.as_str(), session.size_bytes)).collect();
    for row in &mut plan.rows {
        let session = row.session.as_deref();
        row.size_bytes = session.and_then(|id| sizes.get(id).copied()).unwrap_or_default();
    }
    let facts = listing.map(Listing::files).unwrap_or_default();
    let files = facts.iter().map(|file| FileVerdict {
        name: file.name.clone(),
        folder: file.folder,
        kind: file.kind,
        size_bytes: file.size_bytes,
        modified: file.modified,
        verdict: Verdict::Keep(if is_leftover(&file.name, file.kind) {
            Keep::Leftover
        } else {
            Keep::Protected
        }),
    });
    plan.files = files.collect();
    plan.files.sort_by(|one, other| (one.folder, &one.name).cmp(&(other.folder, &other.name)));
    plan
}

/// How a database stands, with the plan that was made for it.
pub fn database_standing(database: &Database, plan: &Plan) -> DatabaseStanding {
    let mut standing = DatabaseStanding::default();
    for session in &database.sessions {
        standing.sessions.add(session.size_bytes);
    }
    let there: HashSet<_> = plan.files.iter().filter_map(|file| file.name.to_str()).collect();
    for archive in &database.archives {
        if !archive.is_published {
            standing.unpublished.add(archive.size_bytes);
        } else if !there.contains(archive.name.as_str()) {
            standing.missing.add(archive.size_bytes);
        }
    }
    for file in plan.files.iter().filter(|file| file.verdict == Verdict::Keep(Keep::Leftover)) {
        standing.leftovers.add(file.size_bytes);
    }
    standing
}

/// Whether a file beside a database is of the time before it: a store, a transcript that is no
/// archive, or what the migration has put aside.
fn is_leftover(name: &std::ffi::OsStr, kind: common_fs::FileKind) -> bool {
    let text = name.to_string_lossy();
    let put_aside = text.strip_suffix(".migrated").is_some()
        || text == "session-sqlite-import-archive"
        || text.contains(".pre-doctor-");
    let class = classify(name, kind, Layout::OpenClaw);
    let is_former = matches!(
        class,
        FileClass::Store
            | FileClass::StoreBackup
            | FileClass::StoreTemp { .. }
            | FileClass::Transcript { .. }
            | FileClass::Companion { .. }
            | FileClass::TranscriptLock { .. }
    );
    put_aside || is_former
}

/// The sessions as rows of a store: rows are judged in one place.
fn as_store(database: &Database) -> String {
    let mut keys = HashSet::new();
    let members = database.sessions.iter().map(|session| {
        let key = if keys.insert(session.key.as_str()) {
            session.key.clone()
        } else {
            format!("{}#{}", session.key, session.id)
        };
        let entry = json!({
            "sessionId": session.id,
            "updatedAt": session.updated_ms,
            "endedAt": session.ended_ms,
            "status": session.status,
        });
        format!("{}:{entry}", json!(key))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn session(key: &str, id: &str, hours: i64, status: &str) -> DatabaseSession {
        DatabaseSession {
            key: key.to_owned(),
            id: id.to_owned(),
            status: Some(status.to_owned()),
            updated_ms: 1_000 * 3_600_000 - hours * 3_600_000,
            size_bytes: 7,
            ..DatabaseSession::default()
        }
    }

    #[test]
    fn sessions_are_judged_like_rows() {
        let database = Database {
            sessions: vec![
                session("agent:a:cron:j:run:1", "1", 100, "done"),
                session("agent:a:cron:j:run:1", "1b", 101, "done"),
                session("agent:a:cron:j:run:2", "2", 30, "running"),
                session("agent:a:cron:j:run:3", "3", 1, "done"),
                session("agent:a:dm:x", "4", 999, "done"),
            ],
            archives: Vec::new(),
        };
        let policy =
            Policy { keep_last: crate::KeepLast { succeeded: 0, failed: 0 }, ..Policy::SAFE };
        let now = Timestamp::UNIX_EPOCH.plus(Duration::from_hours(1_000));
        let plan = plan_database(now, &database, None, &policy);
        let verdicts: Vec<_> =
            plan.rows.iter().map(|row| (row.key.as_str(), row.verdict.reason())).collect();
        assert_eq!(
            verdicts,
            [
                ("agent:a:cron:j:run:1", "expired"),
                ("agent:a:cron:j:run:1#1b", "expired"),
                ("agent:a:cron:j:run:2", "running"),
                ("agent:a:cron:j:run:3", "too-young"),
                ("agent:a:dm:x", "no-retention"),
            ]
        );
        assert_eq!(plan.rows_going(), Total { count: 2, bytes: 14 });
        assert_eq!(database_standing(&database, &plan).sessions.count, 5);
    }
}
