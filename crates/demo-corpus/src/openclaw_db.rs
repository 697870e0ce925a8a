//! A writer of the session database of OpenClaw, one for each agent, as 2026.9.6 writes it.
//!
//! Transcripts are rows of events, some of them compressed; old ones move to archives, deleted
//! ones too, and sessions are forked, rewound and rewritten. The writer knows exactly what all of
//! that adds up to, each event counted once.
//!
//! ```
//! use demo_corpus::{Corpus, openclaw_db::AgentDb};
//!
//! let state = tempfile::tempdir()?;
//! let mut db = AgentDb::create(state.path(), "main")?;
//! let session = db.add_session(&Corpus::SMALL, 7)?;
//! db.append(&session, 2)?;
//! db.move_to_cold_file(&session)?;
//! assert_eq!(db.truth().all, db.truth().sessions[&session].all);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod archive;
mod branch;
mod build;
mod error;
mod event;
mod ledger;
mod payload;
mod schema;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, params};

pub use self::{
    archive::Encoding,
    build::corpus,
    error::Error,
    ledger::{Ledger, Place, SessionTruth, Truth},
};
use self::{
    event::Event,
    ledger::Session,
    payload::{Codec, Payload},
};
use crate::{Corpus, draft::Draft, openclaw};

const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const INSERT_NODE: &str = "
INSERT INTO session_nodes (session_key, current_session_id, entry_json, updated_at, status,
    created_via, fork_source_session_key)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const INSERT_WINDOW: &str = "
INSERT INTO session_windows (session_id, session_key, previous_session_id, reason, created_at,
    updated_at, transcript_updated_at, transcript_observed_at, started_at, status)
VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?5, ?5, ?5, ?6)";

const INSERT_WATERMARK: &str = "
INSERT INTO transcript_rewrite_watermarks (session_id, generation, updated_at)
VALUES (?1, ?2, ?3)";

const TOUCH_WINDOW: &str = "
UPDATE session_windows
SET updated_at = ?2, transcript_updated_at = ?2, transcript_observed_at = ?2
WHERE session_id = ?1";

/// The database of an agent, open for writing with a write-ahead log.
///
/// Each operation is one transaction, unless [`AgentDb::transaction`] makes several of them one.
/// After an error the ledger may know of something that the database does not have.
#[derive(Debug)]
pub struct AgentDb {
    connection: Connection,
    codec: Codec,
    sessions_dir: PathBuf,
    path: PathBuf,
    agent: String,
    ledger: Ledger,
}

/// Where a session comes from.
struct Origin<'a> {
    reason: &'static str,
    previous: Option<&'a str>,
    fork_source_key: Option<&'a str>,
}

impl AgentDb {
    /// Creates `agents/<agent>/agent/openclaw-agent.sqlite` below a state directory, which is
    /// created too. The database must not exist.
    pub fn create(state_dir: &Path, agent: &str) -> Result<Self, Error> {
        let db = Self::open(state_dir, agent, Ledger::new())?;
        db.connection.execute_batch(schema::SCHEMA)?;
        db.connection.execute(
            "INSERT INTO schema_meta VALUES ('primary', 'agent', ?1, ?2, '2026.9.6', 0, 0)",
            params![schema::VERSION, agent],
        )?;
        // What OpenClaw itself adds up is no source for others; this one would mislead them.
        db.connection.execute(
            "INSERT INTO cache_entries VALUES ('session-cost-usage-rollup-v3', 'decoy', ?1, ?2, NULL, 0)",
            params!["{\"version\":6,\"countedRecords\":9}", b"{\"totalTokens\":999}"],
        )?;
        Ok(db)
    }

    /// Opens a database to go on with it, with the ledger that [`AgentDb::close`] returned for it.
    pub fn open(state_dir: &Path, agent: &str, ledger: Ledger) -> Result<Self, Error> {
        let agent_dir = state_dir.join("agents").join(agent);
        let path = agent_dir.join("agent").join("openclaw-agent.sqlite");
        fs_err::create_dir_all(agent_dir.join("agent"))?;
        let connection = Connection::open(&path)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "normal")?;
        connection.pragma_update(None, "foreign_keys", "on")?;
        let (codec, agent) = (Codec::new()?, agent.to_owned());
        let sessions_dir = agent_dir.join("sessions");
        Ok(Self { connection, codec, sessions_dir, path, agent, ledger })
    }

    /// Closes the database, and keeps what is known of it.
    pub fn close(self) -> Result<Ledger, Error> {
        self.connection.close().map_err(|(_, error)| error)?;
        Ok(self.ledger)
    }

    /// Where the database is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the database and its archives hold now.
    pub fn truth(&self) -> Truth {
        self.ledger.truth()
    }

    /// The ids of the sessions whose transcript is in the table of events.
    pub fn live_sessions(&self) -> Vec<String> {
        let is_live = |session: &&Session| session.place == Place::Live;
        let sessions = self.ledger.sessions.iter().filter(|(_, session)| is_live(session));
        sessions.map(|(id, _)| id.clone()).collect()
    }

    /// The ids of the events of a session, in order, without its header: eight hexadecimal
    /// digits each.
    pub fn events(&self, session: &str) -> Vec<String> {
        let events = self.ledger.sessions.get(session).map(|session| session.events.as_slice());
        let ids = events.unwrap_or_default().iter().filter_map(|event| event.id);
        ids.map(|id| format!("{id:08x}")).collect()
    }

    /// Makes one transaction of all that `work` does.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if !self.connection.is_autocommit() {
            return work(self);
        }
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let worked = work(self);
        self.connection.execute_batch(if worked.is_ok() { "COMMIT" } else { "ROLLBACK" })?;
        worked
    }

    /// Adds the nth session of a corpus with as many exchanges as it is to have, and says its id.
    pub fn add_session(&mut self, corpus: &Corpus, nth: u32) -> Result<String, Error> {
        let draft = Draft::new(corpus, nth, &openclaw::MODELS);
        let exchanges = draft.answers;
        self.add_draft(draft, exchanges, Draft::is_over)
    }

    /// Adds the nth session of a corpus with so many exchanges, and says its id.
    pub fn add_session_of(
        &mut self,
        corpus: &Corpus,
        nth: u32,
        exchanges: u32,
    ) -> Result<String, Error> {
        self.add_draft(Draft::new(corpus, nth, &openclaw::MODELS), exchanges, |_| false)
    }

    /// Goes on with a session: so many prompts or tool results, and the answers to them.
    pub fn append(&mut self, session: &str, exchanges: u32) -> Result<(), Error> {
        self.append_until(session, exchanges, |_| false)
    }

    /// Goes on with a session by an event of any content, which is no part of the truth and of
    /// no path.
    pub fn append_raw(&mut self, session: &str, json: &str) -> Result<(), Error> {
        self.transaction(|db| {
            let known = db.ledger.live(session)?;
            let (first_seq, created_at) = (known.events.len(), known.draft.millis);
            known.events.push(Event::unknown(created_at));
            db.store(session, first_seq, &[Payload { json: json.to_owned(), created_at }])
        })
    }

    /// What a live agent does: goes on with one of the live sessions by an exchange, and says
    /// with which.
    pub fn tick(&mut self) -> Result<String, Error> {
        let mut live = self.live_sessions();
        if live.is_empty() {
            return Err(Error::NoSession { session: "*".to_owned() });
        }
        let session = live.swap_remove(self.ledger.rng.usize(..live.len()));
        self.append(&session, 1)?;
        Ok(session)
    }

    fn add_draft(
        &mut self,
        draft: Draft,
        exchanges: u32,
        is_over: impl Fn(&Draft) -> bool,
    ) -> Result<String, Error> {
        let (id, key) = (draft.id.clone(), format!("agent:{}:dashboard:{}", self.agent, draft.id));
        self.transaction(|db| {
            let origin = Origin { reason: "initial", previous: None, fork_source_key: None };
            db.start(draft, key, &origin)?;
            db.append_until(&id, exchanges, is_over)
        })?;
        Ok(id)
    }

    fn append_until(
        &mut self,
        session: &str,
        exchanges: u32,
        is_over: impl Fn(&Draft) -> bool,
    ) -> Result<(), Error> {
        self.transaction(|db| {
            let known = db.ledger.live(session)?;
            let (mut payloads, first_seq) = (Vec::new(), known.events.len());
            for _ in 0..exchanges {
                if is_over(&known.draft) {
                    break;
                }
                known.write_exchange(&mut payloads);
            }
            db.store(session, first_seq, &payloads)
        })
    }

    /// Starts a session that has a header and nothing else.
    fn start(&mut self, draft: Draft, key: String, origin: &Origin<'_>) -> Result<(), Error> {
        let (id, millis) = (draft.id.clone(), draft.millis);
        let generation = self.ledger.generation();
        let place = Place::Live;
        let mut session = Session { key, generation, place, draft, leaf: None, events: Vec::new() };
        let header = session.write_header();
        let entry = format!("{{\"sessionId\":\"{id}\",\"updatedAt\":{millis}}}");
        let (key, status) = (&session.key, "running");
        let is_of_known_key = self.connection.execute(
            "UPDATE session_nodes SET current_session_id = ?2, entry_json = ?3 WHERE session_key = ?1",
            params![key, id, entry],
        )?;
        if is_of_known_key == 0 {
            let via = ["operator", "channel", "cron", "spawn"][self.ledger.rng.usize(..4)];
            let node = params![key, id, entry, millis, status, via, origin.fork_source_key];
            self.connection.execute(INSERT_NODE, node)?;
        }
        let window = params![id, key, origin.previous, origin.reason, millis, status];
        self.connection.execute(INSERT_WINDOW, window)?;
        self.connection.execute(INSERT_WATERMARK, params![id, session.generation, millis])?;
        self.ledger.sessions.insert(id.clone(), session);
        self.store(&id, 0, &[header])
    }

    fn store(&mut self, id: &str, first_seq: usize, payloads: &[Payload]) -> Result<(), Error> {
        self.codec.insert(&self.connection, id, first_seq, payloads)?;
        if let Some(last) = payloads.last() {
            self.connection.execute(TOUCH_WINDOW, params![id, last.created_at])?;
            self.connection.execute(
                "UPDATE session_nodes SET updated_at = ?2 WHERE current_session_id = ?1",
                params![id, last.created_at],
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
