//! Reading what CodexBar has kept of a trace database.
//!
//! The file is `codex-priority-turns-v1.json` of steipete/CodexBar#1421. Its maps from rows are
//! arrays, row and value in turn, as that is how Swift encodes a dictionary with such keys.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
    marker::PhantomData,
    path::PathBuf,
};

use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, SeqAccess, Visitor},
};

use super::{
    Ends, Memo, PENDING_TURNS_MAX, Request, RowId, RowTime, TraceDb, anchor, memo::Turn,
    pending::Pending,
};
use crate::DbProblem;

/// What CodexBar knew of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The database.
    pub path: PathBuf,
    /// Its inode, if that is known.
    inode: Option<u64>,
    memo: Memo,
}

/// Why a file of CodexBar is not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// It is none.
    #[error("not a file of CodexBar's priority turns")]
    Malformed(#[source] serde_json::Error),
    /// It has another version.
    #[error("version {0} of CodexBar's priority turns is not known, only version 1")]
    Version(i64),
    /// Something else than CodexBar's parser of priority turns has written it.
    #[error("`{0}` is not a parser of priority turns that is known")]
    Producer(String),
}

/// The version that is read,
const VERSION: i64 = 1;
/// and what the keys of those begin with that wrote it. What follows is a hash of the source.
const PRODUCER: &str = "codex:pt:p";

#[derive(Deserialize)]
struct Document {
    version: i64,
    #[serde(rename = "producerKey", default)]
    producer: Option<String>,
    states: BTreeMap<PathBuf, State>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct State {
    #[serde(rename = "observationID")]
    _observation: u64,
    coverage_since_epoch: i64,
    #[serde(rename = "lastRowID")]
    cursor: RowId,
    #[serde(default)]
    file_identity: Option<u64>,
    #[serde(rename = "turns")]
    _turns: BTreeMap<String, TurnRow>,
    #[serde(rename = "requestSourcesByTurnID")]
    requests: BTreeMap<String, RowMap<TurnRow>>,
    #[serde(rename = "priorityCompletedModelsByTurnID")]
    completions: BTreeMap<String, RowMap<String>>,
    #[serde(rename = "completedModelsByTurnID")]
    pending: BTreeMap<String, RowMap<String>>,
    #[serde(rename = "completedTurnIDInsertionOrder")]
    order: Vec<String>,
    #[serde(rename = "completedTurnIDInsertionOrderStartIndex")]
    order_start: usize,
}

#[derive(Clone, Deserialize)]
struct TurnRow {
    #[serde(rename = "threadID", default)]
    thread: Option<String>,
    #[serde(rename = "turnID")]
    _turn: String,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    timestamp: Option<String>,
}

/// Reads a file of CodexBar. What it says has to be [held against](Imported::adopt) the database
/// before it counts.
pub fn import(content: &[u8]) -> Result<Vec<Imported>, ImportError> {
    let document: Document = serde_json::from_slice(content).map_err(ImportError::Malformed)?;
    if document.version != VERSION {
        return Err(ImportError::Version(document.version));
    }
    let producer = document.producer.unwrap_or_default();
    if !producer.starts_with(PRODUCER) {
        return Err(ImportError::Producer(producer));
    }
    Ok(document.states.into_iter().map(|(path, state)| state.read(path)).collect())
}

impl State {
    fn read(self, path: PathBuf) -> Imported {
        let Self { mut completions, mut pending, .. } = self;
        let requests = self.requests.into_iter().filter(|(_, requests)| !requests.0.is_empty());
        let turns = requests.map(|(name, requests)| {
            let requests = requests.0.into_iter().map(|(row, turn)| (row, turn.request()));
            let requests = requests.collect();
            let completions = completions.remove(&name).map(|rows| rows.0).unwrap_or_default();
            (name, Turn { requests, completions })
        });
        let turns = turns.collect();
        let mut waiting = Pending::new(PENDING_TURNS_MAX);
        for turn in self.order.into_iter().skip(self.order_start) {
            if let Some(rows) = pending.remove(&turn) {
                waiting.add_turn(turn, rows.0);
            }
        }
        for (turn, rows) in pending {
            waiting.add_turn(turn, rows.0);
        }
        let memo = Memo {
            since: self.coverage_since_epoch,
            cursor: self.cursor,
            turns,
            pending: waiting,
            ..Memo::new(0)
        };
        Imported { path, inode: self.file_identity, memo }
    }
}

impl TurnRow {
    fn request(self) -> Request {
        let at = RowTime::from_text(self.timestamp.as_deref().unwrap_or_default());
        Request { thread: self.thread, model: self.model, at }
    }
}

impl Imported {
    /// What was known, if the database is the one that it was known of: the same inode, and all
    /// rows that something is known of say that, as far as they are still there. `None` if they
    /// do not, or none is there, as inodes are used again.
    pub fn adopt(self, db: &mut dyn TraceDb) -> Result<Option<Memo>, DbProblem> {
        let Self { inode, mut memo, .. } = self;
        let file = db.file();
        let mut view = db.view()?;
        let view = view.as_mut();
        let Ends { first, last } = view.ends()?;
        if inode != Some(file.ino) || last < memo.cursor {
            return Ok(None);
        }
        let mut rows = memo.rows().chain(memo.pending_rows());
        let missing: HashSet<RowId> = view.missing(&mut rows)?.into_iter().collect();
        drop(rows);
        memo.forget(&missing);
        let rows: Vec<RowId> = memo.rows().chain(memo.pending_rows()).collect();
        let mut found = Memo::new(memo.since);
        for row in &rows {
            view.rows(row - 1, *row, &mut |row| {
                found.observe(row.id, &row.at, row.body);
                std::ops::ControlFlow::Continue(())
            })?;
        }
        let pending = |memo: &Memo| -> BTreeMap<String, _> {
            memo.pending.iter().map(|(turn, rows)| (turn.to_owned(), rows.clone())).collect()
        };
        if rows.is_empty() || found.turns != memo.turns || pending(&found) != pending(&memo) {
            return Ok(None);
        }
        memo.anchors = anchor::drop_anchors(view, first, memo.cursor)?;
        memo.file = Some(file);
        Ok(Some(memo))
    }
}

/// A map from rows. Of a repeated row the last value counts.
struct RowMap<V>(BTreeMap<RowId, V>);

impl<'de, V: Deserialize<'de>> Deserialize<'de> for RowMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowMapVisitor(PhantomData)).map(Self)
    }
}

struct RowMapVisitor<V>(PhantomData<V>);

impl<'de, V: Deserialize<'de>> Visitor<'de> for RowMapVisitor<V> {
    type Value = BTreeMap<RowId, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of rows and values in turn, or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut rows = BTreeMap::new();
        while let Some(row) = seq.next_element()? {
            let value = seq.next_element()?;
            rows.insert(row, value.ok_or_else(|| de::Error::custom("a row without a value"))?);
        }
        Ok(rows)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut rows = BTreeMap::new();
        while let Some((row, value)) = map.next_entry::<RowId, V>()? {
            rows.insert(row, value);
        }
        Ok(rows)
    }
}
