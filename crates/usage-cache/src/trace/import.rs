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
    Ends, Memo, PENDING_TURNS_MAX, PriorityTurns, Request, RowId, RowTime, TraceDb, anchor,
    memo::Turn, pending::Pending,
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

/// What CodexBar knew, and what holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// Of the rows that are still there.
    pub memo: Memo,
    /// The turns that it knew, also of rows that are gone.
    pub turns: PriorityTurns,
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
    pub fn adopt(self, db: &mut dyn TraceDb) -> Result<Option<Adopted>, DbProblem> {
        let Self { inode, mut memo, .. } = self;
        let file = db.file();
        let mut view = db.view()?;
        let view = view.as_mut();
        let Ends { first, last } = view.ends()?;
        if inode != Some(file.ino) || last < memo.cursor {
            return Ok(None);
        }
        let mut turns = PriorityTurns::default();
        turns.learn(&memo);
        let mut rows = memo.rows().chain(memo.pending_rows());
        let missing: HashSet<RowId> = view.missing(&mut rows)?.into_iter().collect();
        drop(rows);
        memo.forget(&missing);
        let rows: Vec<RowId> = memo.rows().chain(memo.pending_rows()).collect();
        let mut found = Memo::new(memo.since);
        for row in &rows {
            view.rows(row.saturating_sub(1), *row, &mut |row| {
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
        Ok(Some(Adopted { memo, turns }))
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

#[cfg(test)]
mod tests {
    use super::*;

    const STATE: &str = r#"{"observationID":18446744073709551615,"coverageSinceEpoch":-5,"lastRowID":387421516,"fileIdentity":90210,
        "turns":{"turn-a":{"threadID":"thread-a","turnID":"turn-a","model":"gpt-5.5","timestamp":"1778414400"}},
        "requestSourcesByTurnID":{"turn-a":[101,{"threadID":"thread-a","turnID":"turn-a","model":"gpt-5.5","timestamp":"1778414400"}]},
        "priorityCompletedModelsByTurnID":{"turn-a":[107,"old",102,"gpt-5.5-2026-04-23",107,"newer"]},
        "completedModelsByTurnID":{"turn-z":[103,"gpt-5.4"],"turn-y":[]},
        "completedTurnIDInsertionOrder":["turn-x","turn-z"],"completedTurnIDInsertionOrderStartIndex":1,"more":[]}"#;

    fn document(state: &str) -> String {
        format!(
            r#"{{"version":1,"producerKey":"codex:pt:pac951c637b111d71","states":{{"\/Users\/me\/.codex\/logs_2.sqlite":{state}}}}}"#
        )
    }

    #[test]
    fn a_file_of_codexbar_is_read() {
        let imported = import(document(STATE).as_bytes()).unwrap();
        let [Imported { path, inode, memo }] = &imported[..] else { panic!("{imported:?}") };
        assert_eq!(
            (path.to_str().unwrap(), *inode),
            ("/Users/me/.codex/logs_2.sqlite", Some(90210))
        );
        assert_eq!((memo.cursor, memo.since, memo.completions()), (387_421_516, -5, 3));
        let turns: Vec<_> = memo.turns().collect();
        assert_eq!((turns[0].turn, turns[0].model()), ("turn-a", Some("newer")));
        assert_eq!(turns[0].request.thread.as_deref(), Some("thread-a"));
        assert_eq!(turns[0].request.at, RowTime::Seconds(1_778_414_400));
        // As an object, which other writers of JSON would make of it.
        let object = STATE.replace(r#"[103,"gpt-5.4"]"#, r#"{"103":"gpt-5.4"}"#);
        assert_eq!(import(document(&object).as_bytes()).unwrap(), imported);
    }

    #[test]
    fn anything_else_is_refused() {
        let good = document(STATE);
        let table = [
            good.replace(r#"[103,"gpt-5.4"]"#, "[103]"),
            good.replace(r#""observationID":18446744073709551615,"#, ""),
            good.replace(r#""turnID":"turn-a","#, ""),
            good.replace("387421516", "\"387421516\""),
            good.replace("\"version\":1", "\"version\":2"),
            good.replace("codex:pt:p", "codex:cu:p"),
            good.replace(r#""producerKey":"codex:pt:pac951c637b111d71","#, ""),
            good[..good.len() / 2].to_owned(),
            String::new(),
            "[]".to_owned(),
        ];
        for text in table {
            assert!(import(text.as_bytes()).is_err(), "{text}");
        }
    }
}
