//! A directory of sessions with a store, `sessions.json`, as OpenClaw keeps it until 2026.6, in
//! which nobody has cleaned up for some time.
//!
//! Half of the rows are runs of cron jobs that ended more than a day ago. Each has a transcript, some
//! have more. Beside them is what gathers over the months: transcripts that no row knows, locks of
//! processes that have ended, stores that were never finished, archives.
//!
//! ```
//! use demo_corpus::openclaw_store::{Agent, Kind};
//!
//! let agent = Agent { rows: 100, ..Agent::SMALL };
//! let runs_over = agent.sessions().filter(|session| session.is_over).count();
//! assert_eq!(runs_over, 50 + 1, "half of the rows, and what is left of a job that was deleted");
//! let store = agent.files().find(|file| file.kind == Kind::Store);
//! assert!(store.is_some_and(|store| store.path.ends_with("agents/main/sessions/sessions.json")));
//! ```

mod beside;
mod row;
mod session;
mod transcripts;

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use fastrand::Rng;

pub use self::{row::store, session::Session};

const MINUTE_MILLIS: i64 = 60_000;
const HOUR_MILLIS: i64 = 60 * MINUTE_MILLIS;
const DAY_MILLIS: i64 = 24 * HOUR_MILLIS;

/// What is to be made up.
#[derive(Clone, Copy, Debug)]
pub struct Agent {
    /// How many rows the store has; fewer than ten are made ten.
    pub rows: u32,
    /// Other seeds make other ids and texts.
    pub seed: u64,
    /// When the latest session was updated, in milliseconds since the Unix epoch.
    pub latest_millis: i64,
}

/// A file that is made up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentFile {
    /// Where it belongs, below a state directory of OpenClaw.
    pub path: PathBuf,
    /// What it holds.
    pub content: Vec<u8>,
    /// When it was last changed, in milliseconds since the Unix epoch.
    pub modified_millis: i64,
    /// What it is.
    pub kind: Kind,
    /// Whether its time is over where runs are kept for a day, transcripts that no row knows for a
    /// week, archives and what deleted jobs leave behind for thirty days. By hours at least, so that
    /// it does not matter whether somebody looks a little later.
    pub is_over: bool,
}

impl AgentFile {
    /// Writes it below a state directory, with its time.
    pub fn write(&self, state_dir: &Path) -> io::Result<()> {
        let path = state_dir.join(&self.path);
        fs_err::create_dir_all(path.parent().unwrap_or(state_dir))?;
        let mut file = fs_err::File::create(&path)?;
        file.write_all(&self.content)?;
        let since_epoch = u64::try_from(self.modified_millis).unwrap_or_default();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(since_epoch))
    }
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `sessions.json`.
    Store,
    /// The list of cron jobs that exist.
    Jobs,
    /// The transcript of the session of a row.
    Transcript,
    /// Something else of such a session: the transcript of a topic, a checkpoint, a trajectory.
    Companion,
    /// A transcript that no row knows.
    Orphan,
    /// The lock of a transcript, of a process that has ended.
    Lock,
    /// A store that nobody has finished.
    Temp,
    /// The transcript of a session that was deleted.
    Archive,
    /// A transcript that was put away because its session began anew, or its file was replaced. It
    /// is never over.
    Former,
    /// Anything else.
    Other,
}

/// Where the sessions are, below a state directory.
pub const SESSIONS: &str = "agents/main/sessions";

impl Agent {
    /// Enough to look at, until 2026-09-01.
    pub const SMALL: Self = Self { rows: 60, seed: 1, latest_millis: 1_788_220_800_000 };

    /// The sessions that have a row, in the order of the store.
    pub fn sessions(self) -> impl Iterator<Item = Session> {
        let agent = self.clamped();
        (0..agent.rows).map(move |row| Session::new(&agent, row))
    }

    /// The content of the store.
    pub fn store(self) -> String {
        store(self.sessions().map(|session| session.member()))
    }

    /// All files, the store first.
    pub fn files(self) -> impl Iterator<Item = AgentFile> {
        let agent = self.clamped();
        let store = agent.file("sessions.json", agent.store(), 0, Kind::Store, false);
        [store, agent.jobs()]
            .into_iter()
            .chain(agent.sessions().flat_map(move |session| agent.of_session(&session)))
            .chain(agent.beside())
    }

    fn clamped(self) -> Self {
        Self { rows: self.rows.max(session::ROWS_MIN), ..self }
    }

    /// Of a name in the directory of sessions, changed so long before the end.
    fn file(
        self,
        name: &str,
        content: impl Into<Vec<u8>>,
        age_millis: i64,
        kind: Kind,
        is_over: bool,
    ) -> AgentFile {
        let path = PathBuf::from(SESSIONS).join(name);
        let modified_millis = self.latest_millis - age_millis;
        AgentFile { path, content: content.into(), modified_millis, kind, is_over }
    }

    /// Those that are not there any more are missing.
    fn jobs(self) -> AgentFile {
        let jobs = (0..session::jobs_alive(self.rows)).map(|job| {
            let (id, name) = (session::job_id(self.seed, job), session::job_name(job));
            format!("    {{ \"id\": \"{id}\", \"name\": \"{name}\", \"enabled\": true }}")
        });
        let jobs = jobs.collect::<Vec<_>>().join(",\n");
        AgentFile {
            path: "cron/jobs.json".into(),
            content: format!("{{\n  \"version\": 1,\n  \"jobs\": [\n{jobs}\n  ]\n}}").into(),
            modified_millis: self.latest_millis,
            kind: Kind::Jobs,
            is_over: false,
        }
    }

    /// One that is different for each of these.
    fn rng(self, what: u64, nth: u32) -> Rng {
        Rng::with_seed(self.seed.wrapping_mul(1 << 40) + (what << 32) + u64::from(nth))
    }
}

fn uuid(rng: &mut Rng) -> String {
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        rng.u32(..),
        rng.u16(..),
        rng.u16(..0x1000),
        0x8000 | rng.u16(..0x4000),
        rng.u64(..1 << 48)
    )
}

#[cfg(test)]
mod tests;
