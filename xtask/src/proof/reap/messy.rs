//! An agent with something of everything, hostile rows among them, and what is to become of it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use common_fs::{Clock as _, SystemClock};
use demo_corpus::openclaw_store::{Agent, AgentFile, Kind, Session, store};
use session_reaper::{Place, Sweep};

use super::{
    home::{Home, set_modified, write},
    hostile::{self, Victims},
    tree::Tree,
};
use crate::proof::claim;

const SEED: u64 = 5;
/// The lock of a session that this process works with.
const HELD: &str = "held.jsonl.lock";
const OLD_MILLIS: i64 = 100 * 3_600_000;

/// How much goes under a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) rows: u64,
    pub(super) files: u64,
    /// Archives that are past their time.
    pub(super) removed: u64,
}

/// Which sessions have a transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transcripts {
    OfAll,
    /// Of those only that are over: what was measured of OpenClaw itself.
    OfOver,
}

/// A messy agent.
pub(super) struct Messy {
    pub(super) home: Home,
    pub(super) place: Place,
    pub(super) victims: Victims,
    pub(super) store_bytes: u64,
    pub(super) rows: u64,
    /// Under the safe policy, without the last runs of each job.
    pub(super) expected: Expected,
    /// Under that of OpenClaw 2026.3, after a day.
    pub(super) expected_by_openclaw: Expected,
    /// Names of archives, and whether they are past their time under the safe policy.
    archives: Vec<(PathBuf, bool)>,
}

impl Messy {
    /// One with so many rows, and the hostile ones.
    pub(super) fn create(rows: u32) -> anyhow::Result<Self> {
        Self::with(rows, Transcripts::OfAll)
    }

    pub(super) fn with(rows: u32, transcripts: Transcripts) -> anyhow::Result<Self> {
        let home = Home::create()?;
        let now_millis = SystemClock.now().unix_millis();
        let agent = Agent { rows, seed: SEED, latest_millis: now_millis };
        let sessions: Vec<Session> = agent.sessions().collect();
        let live = sessions.iter().find(|session| !session.is_over);
        let hostile = hostile::rows(&home.dir, &live.context("no session lasts")?.id, now_millis);
        let mut made = Made::new(&sessions, &hostile);
        let members = sessions.iter().map(Session::member);
        let text = store(members.chain(hostile.into_iter().map(|row| row.member))).into_bytes();
        let is_wanted = |file: &AgentFile| {
            transcripts == Transcripts::OfAll || file.kind != Kind::Transcript || file.is_over
        };
        for mut file in agent.files().filter(is_wanted) {
            made.count(&file);
            if file.kind == Kind::Store {
                file.content.clone_from(&text);
            }
            file.write(&home.root)?;
        }
        let victims = Victims::create(&home.root, &home.dir)?;
        for name in ["hard.jsonl", "linked.jsonl", "folder.jsonl"] {
            set_modified(&home.dir.join(name), now_millis - OLD_MILLIS)?;
        }
        hold(&home.dir, now_millis)?;
        let Made { expected, expected_by_openclaw, archives, .. } = made;
        Ok(Self {
            place: home.place()?,
            home,
            victims,
            store_bytes: text.len() as u64,
            rows: made.rows,
            expected,
            expected_by_openclaw,
            archives,
        })
    }

    /// What is at work ends: as long as something is, nobody can know that there is nothing to do.
    pub(super) fn end(&self) -> anyhow::Result<()> {
        fs_err::remove_file(self.home.dir.join(HELD))?;
        let store = self.home.dir.join("sessions.json");
        let running = "\"status\": \"running\"";
        let text = fs_err::read_to_string(&store)?.replace(running, "\"status\": \"done\"");
        Ok(fs_err::write(store, text)?)
    }

    /// How much went, of what was to go.
    pub(super) fn is_swept(&self, expected: Expected, sweep: &Sweep) -> anyhow::Result<()> {
        claim("rows archived", sweep.archived_rows.count, expected.rows)?;
        claim("files archived", sweep.archived_files.count, expected.files)?;
        claim("archives removed", sweep.removed_files.count, expected.removed)?;
        self.victims.are_untouched()
    }

    /// What can come back of a directory after a sweep under the safe policy: all but the archives
    /// that are past their time.
    pub(super) fn lasting(&self, before: Tree) -> Tree {
        let past = self.archives.iter().filter(|(_, is_over)| *is_over);
        before.without(past.map(|(name, _)| name.as_path()))
    }

    /// The same under that of OpenClaw: all archives are older than a day.
    pub(super) fn lasting_by_openclaw(&self, before: Tree) -> Tree {
        before.without(self.archives.iter().map(|(name, _)| name.as_path()))
    }
}

/// What was made.
struct Made {
    rows: u64,
    expected: Expected,
    expected_by_openclaw: Expected,
    archives: Vec<(PathBuf, bool)>,
    /// Transcripts of what is no run, which OpenClaw keeps.
    of_no_run: BTreeSet<PathBuf>,
}

impl Made {
    fn new(sessions: &[Session], hostile: &[hostile::Row]) -> Self {
        let is_run = |session: &&Session| session.key.contains(":run:");
        let over = || sessions.iter().filter(|session| session.is_over);
        let count =
            |goes: fn(&hostile::Row) -> bool| hostile.iter().filter(|row| goes(row)).count() as u64;
        // With the transcript that has another name elsewhere.
        let expected = |rows| Expected { rows, files: 1, removed: 0 };
        let no_run = sessions.iter().filter(|session| !is_run(session));
        Self {
            rows: (sessions.len() + hostile.len()) as u64,
            expected: expected(over().count() as u64 + count(|row| row.goes)),
            expected_by_openclaw: expected(
                over().filter(is_run).count() as u64 + count(|row| row.goes_by_openclaw),
            ),
            archives: Vec::new(),
            of_no_run: no_run.map(|session| format!("{}.jsonl", session.id).into()).collect(),
        }
    }

    fn count(&mut self, file: &AgentFile) {
        let name: PathBuf = file.path.file_name().unwrap_or_default().into();
        match file.kind {
            Kind::Archive => {
                self.expected.removed += u64::from(file.is_over);
                self.expected_by_openclaw.removed += 1;
                self.archives.push((name, file.is_over));
            }
            _ if !file.is_over => (),
            kind => {
                self.expected.files += 1;
                let is_of_run = kind == Kind::Transcript && !self.of_no_run.contains(&name);
                self.expected_by_openclaw.files += u64::from(is_of_run);
            }
        }
    }
}

/// One that this process works with.
fn hold(dir: &Path, now_millis: i64) -> anyhow::Result<()> {
    write(&dir.join("held.jsonl"), b"{}\n", now_millis - OLD_MILLIS)?;
    let lock =
        format!("{{\"pid\":{},\"createdAt\":\"2026-01-01T00:00:00.000Z\"}}", std::process::id());
    write(&dir.join(HELD), lock.as_bytes(), now_millis - OLD_MILLIS)
}
