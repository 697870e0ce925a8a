//! OpenClaw's database of sessions, of schema version 23.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use common_fs::FileId;
use rusqlite::{Connection, Error, OptionalExtension as _, Row, types::ValueRef};

use super::problem;
use crate::{DbProblem, OnStored, SessionDb, SessionRow, Stored};

/// What is in the table of events, or in an archive that the session can be taken out of again.
/// The last event is found by the primary key.
macro_rules! live {
    () => {
        "select w.session_id, coalesce(g.generation, c.generation), \
        (select max(e.seq) from transcript_events e where e.session_id = w.session_id), \
        c.last_seq from session_windows w \
        left join transcript_rewrite_watermarks g on g.session_id = w.session_id \
        left join session_transcript_cold_archives c on c.session_id = w.session_id"
    };
}
const LIVE: &str = live!();
const LIVE_OF: &str = concat!(live!(), " where w.session_id = ?1");
/// The table of what was reset or deleted is made when it is first needed.
const HAS_ARCHIVES: &str = "select 1 from sqlite_master \
    where type = 'table' and name = 'session_transcript_archives'";
/// What was reset or deleted.
const ARCHIVES: &str =
    "select session_id, generation from session_transcript_archives order by 1, 2";
const ARCHIVES_OF: &str = "select generation, archive_blob, encoding, archive_sha256 \
    from session_transcript_archives where session_id = ?1 order by 1";
const COLD_OF: &str = "select storage, archive_name, archive_sha256, archive_blob \
    from session_transcript_cold_archives where session_id = ?1";
const EVENTS_OF: &str = "select seq, event_json, event_zstd, event_utf8_bytes \
    from transcript_events where session_id = ?1 and seq >= ?2 order by seq";

pub(super) struct Sessions {
    path: PathBuf,
    connection: Connection,
    file: FileId,
}

pub(super) fn open(path: &Path) -> Result<Sessions, DbProblem> {
    let (connection, file) = super::open(path)?;
    Ok(Sessions { path: path.to_owned(), connection, file })
}

impl SessionDb for Sessions {
    fn file(&self) -> FileId {
        self.file
    }

    fn sessions(&mut self) -> Result<Vec<SessionRow>, DbProblem> {
        self.in_view(list)
    }

    fn read(
        &mut self,
        session: &str,
        after: Option<i64>,
        on_stored: OnStored<'_>,
    ) -> Result<Option<SessionRow>, DbProblem> {
        self.in_view(|db| read(db, session, after, on_stored))
    }
}

impl Sessions {
    /// Reads from the database as it is at one time.
    fn in_view<R>(
        &self,
        read: impl FnOnce(&Connection) -> Result<R, Error>,
    ) -> Result<R, DbProblem> {
        // Deferred: the first statement takes the view, and it ends without anything to undo.
        let viewed = self.connection.unchecked_transaction().and_then(|view| read(&view));
        viewed.map_err(|error| problem::of(&self.path, error))
    }
}

fn list(db: &Connection) -> Result<Vec<SessionRow>, Error> {
    let mut archives: HashMap<String, Vec<String>> = HashMap::new();
    if db.prepare(HAS_ARCHIVES)?.exists([])? {
        let mut statement = db.prepare(ARCHIVES)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            archives.entry(row.get(0)?).or_default().push(row.get(1)?);
        }
    }
    let mut sessions = Vec::new();
    let mut statement = db.prepare(LIVE)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let mut session = live(row)?;
        session.archives = archives.remove(&session.id).unwrap_or_default();
        if session.end != 0 || !session.archives.is_empty() {
            sessions.push(session);
        }
    }
    let archived = archives.into_iter().map(|(id, archives)| SessionRow {
        id,
        archives,
        ..Default::default()
    });
    sessions.extend(archived);
    Ok(sessions)
}

fn live(row: &Row<'_>) -> Result<SessionRow, Error> {
    let last: Option<i64> = row.get(2)?;
    let last = last.max(row.get(3)?);
    let end = last.and_then(|last| u64::try_from(last).ok()).map_or(0, |last| last + 1);
    let generation = row.get::<_, Option<String>>(1)?.unwrap_or_default();
    Ok(SessionRow { id: row.get(0)?, generation, end, archives: Vec::new() })
}

fn read(
    db: &Connection,
    session: &str,
    after: Option<i64>,
    on_stored: OnStored<'_>,
) -> Result<Option<SessionRow>, Error> {
    let found = db.prepare_cached(LIVE_OF)?.query_row([session], live).optional()?;
    let mut row =
        found.unwrap_or_else(|| SessionRow { id: session.to_owned(), ..Default::default() });
    if db.prepare_cached(HAS_ARCHIVES)?.exists([])? {
        row.archives = read_archives(db, session, after.is_none(), on_stored)?;
    }
    if after.is_none() {
        let mut statement = db.prepare_cached(COLD_OF)?;
        let mut colds = statement.query([session])?;
        while let Some(cold) = colds.next()? {
            let (name, sha256) = (cold.get_ref(1)?.as_str()?, cold.get_ref(2)?.as_str()?);
            on_stored(match cold.get_ref(0)?.as_str()? {
                "file" => Stored::ColdFile { name, sha256 },
                _ => Stored::ColdBlob { bytes: bytes(cold.get_ref(3)?), sha256 },
            });
        }
    }
    let mut statement = db.prepare_cached(EVENTS_OF)?;
    let from = after.map_or(i64::MIN, |after| after.saturating_add(1));
    let mut events = statement.query((session, from))?;
    while let Some(event) = events.next()? {
        let seq = event.get(0)?;
        on_stored(match event.get_ref(1)? {
            ValueRef::Text(json) => Stored::Event { seq, json },
            _ => Stored::CompressedEvent {
                seq,
                zstd: bytes(event.get_ref(2)?),
                json_bytes: event.get::<_, Option<i64>>(3)?.map_or(0, i64::unsigned_abs),
            },
        });
    }
    Ok((row.end != 0 || !row.archives.is_empty()).then_some(row))
}

/// The generations of the archives of a session.
fn read_archives(
    db: &Connection,
    session: &str,
    visits: bool,
    on_stored: OnStored<'_>,
) -> Result<Vec<String>, Error> {
    let mut generations = Vec::new();
    let mut statement = db.prepare_cached(ARCHIVES_OF)?;
    let mut archives = statement.query([session])?;
    while let Some(archive) = archives.next()? {
        generations.push(archive.get(0)?);
        if visits {
            let compressed = archive.get_ref(2)?.as_str()? == "zstd";
            let (bytes, sha256) = (bytes(archive.get_ref(1)?), archive.get_ref(3)?.as_str()?);
            on_stored(Stored::Archive { bytes, compressed, sha256 });
        }
    }
    Ok(generations)
}

fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Blob(bytes) | ValueRef::Text(bytes) => bytes,
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => &[],
    }
}
