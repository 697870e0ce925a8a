//! An agent of OpenClaw with a store, on files or as it would be found on them.

use std::{collections::BTreeSet, ops::ControlFlow, path::PathBuf};

use common_fs::{FileId, FileKind, Host, Timestamp};
use demo_corpus::openclaw_store::{Agent, Kind, SESSIONS, Session};
use session_reaper::{
    FileFact, Folder, Judged, KeepLast, Layout, Orders, Place, Policy, Snapshot, Store, StoreState,
    Sweep, SweepOptions, sweep,
};
use tempfile::TempDir;

/// The safe policy without the last runs of each job, which it keeps however old they are.
pub fn policy() -> Policy {
    Policy { keep_last: KeepLast { succeeded: 0, failed: 0 }, ..Policy::SAFE }
}

/// An agent in memory.
pub struct Found {
    /// The content of its store.
    pub store: Vec<u8>,
    files: Vec<FileFact>,
    latest_millis: i64,
    over: Vec<String>,
}

impl Found {
    /// With so many rows.
    pub fn new(rows: u32) -> Self {
        let agent = Agent { rows, ..Agent::SMALL };
        let here = agent.files().filter(|file| file.kind != Kind::Jobs);
        let files = (0..).zip(here).map(|(ino, file)| {
            let time = Timestamp::from_unix_millis(file.modified_millis).unwrap();
            FileFact {
                name: file.path.file_name().unwrap().to_owned(),
                folder: Folder::Here,
                kind: FileKind::File,
                id: FileId { dev: 1, ino },
                size_bytes: file.content.len() as u64,
                modified: time,
                changed: time,
                judged: match file.kind {
                    Kind::Lock => Judged::Abandoned,
                    _ => Judged::NotJudged,
                },
            }
        });
        let over = agent.sessions().filter(|session| session.is_over);
        Self {
            store: agent.store().into_bytes(),
            files: files.collect(),
            latest_millis: agent.latest_millis,
            over: over.map(|session: Session| session.key).collect(),
        }
    }

    /// What a plan is made from.
    pub fn snapshot<'t>(&'t self, store: Store<'t>) -> Snapshot<'t> {
        Snapshot {
            dir: PathBuf::from("/state").join(SESSIONS),
            layout: Layout::OpenClaw,
            store: StoreState::Rows(store),
            files: &self.files,
            archived_rows: &[],
            jobs: None,
            needed: None,
            space: None,
        }
    }

    /// When that is looked at.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(self.latest_millis).unwrap()
    }

    /// The keys of the runs that are over.
    pub fn keys_over(&self) -> BTreeSet<&str> {
        self.over.iter().map(String::as_str).collect()
    }
}

/// An agent on files.
pub struct OnFiles {
    dir: TempDir,
}

impl OnFiles {
    /// With so many rows.
    pub fn new(rows: u32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let latest_millis = Host::real().clock.now().unix_millis();
        for file in (Agent { rows, seed: 1, latest_millis }).files() {
            file.write(dir.path()).unwrap();
        }
        Self { dir }
    }

    /// Archives all that is over.
    pub fn sweep(&self) -> Sweep {
        let root = fs_err::canonicalize(self.dir.path()).unwrap();
        let place = Place {
            layout: Layout::OpenClaw,
            name: "main".to_owned(),
            dir: root.join(SESSIONS),
            root,
            database: None,
        };
        let orders = Orders { policy: &policy(), options: SweepOptions::USUAL, needs: None };
        sweep(Host::real(), &place, orders, &mut |_| ControlFlow::Continue(())).unwrap()
    }
}
