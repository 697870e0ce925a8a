//! The file of a [`TurnStore`]: one JSON object, which `docs/formats.md` describes.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use common_fs::{FileId, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    LastScan, Memo, PENDING_TURNS_MAX, PriorityTurns, Request, Restart, RowId, RowTime, ScanWork,
    TurnStore,
    anchor::Anchor,
    memo::Turn,
    pending::{Completions, Pending},
    store::Known,
    turns::KnownTurn,
};
use crate::{
    Key,
    wire::{from_hex, seal, to_hex, to_path, to_text, unseal},
};

/// What the file calls itself.
const FORMAT: &str = "upkeep-codex-turns";
/// The version of the file.
const VERSION: u32 = 1;
/// Goes up when the same rows come to mean something else.
const PARSER: u32 = 1;
/// Parsers whose memos hold. What others found in rows is found anew; the turns that they knew
/// stay known.
const PARSERS_ACCEPTED: [u32; 1] = [PARSER];

/// What a file was found to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// The store that it has.
    Store(TurnStore),
    /// A newer program of this version wrote it.
    TooNew(u32),
    /// It is damaged, or something else.
    Damaged,
}

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    version: u32,
    parser: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    version: u32,
    parser: u32,
    models: Vec<String>,
    /// Key, index into `models`, the row of the answer that said so.
    turns: Vec<(String, Option<usize>, Option<RowId>)>,
    databases: Vec<Database>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Database {
    path: String,
    /// Device and inode.
    file: Option<(u64, u64)>,
    since: i64,
    cursor: RowId,
    /// Row and hash.
    anchors: Vec<(RowId, String)>,
    priority: BTreeMap<String, TurnRow>,
    /// In the order in which they came.
    pending: Vec<(String, CompletionRows)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_scan: Option<LastScanRow>,
}

/// Row and index into `models`.
type CompletionRows = Vec<(RowId, usize)>;

#[derive(Serialize, Deserialize)]
struct TurnRow {
    /// Row, time, thread, index into `models`.
    requests: Vec<(RowId, String, Option<String>, Option<usize>)>,
    completions: CompletionRows,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LastScanRow {
    at_ms: i64,
    elapsed_us: u64,
    rows: u64,
    bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restarted: Option<String>,
}

/// The content of the file.
pub(super) fn write(store: &TurnStore) -> Vec<u8> {
    let mut models = Models::default();
    // The same content for the same store.
    let known: BTreeMap<Key, &KnownTurn> =
        store.turns.known.iter().map(|(turn, known)| (*turn, known)).collect();
    let turns = known.into_iter().map(|(Key(turn), known)| {
        let model = known.model.as_deref().map(|model| models.place(model));
        (to_hex(turn), model, known.answer)
    });
    let turns = turns.collect();
    let databases = store.databases.iter();
    let databases = databases.map(|(path, known)| {
        let Memo { file, since, cursor, ref anchors, ref turns, ref pending } = known.memo;
        let anchors = anchors.iter().map(|anchor| (anchor.row, to_hex(anchor.hash)));
        let anchors = anchors.collect();
        let priority =
            turns.iter().map(|(name, turn)| (name.clone(), TurnRow::new(turn, &mut models)));
        let priority = priority.collect();
        let pending =
            pending.iter().map(|(turn, rows)| (turn.to_owned(), models.completions(rows)));
        let pending = pending.collect();
        let path = to_text(path).into_owned();
        let last_scan = known.last_scan.map(LastScanRow::new);
        let file = file.map(|FileId { dev, ino }| (dev, ino));
        Database { path, file, since, cursor, anchors, priority, pending, last_scan }
    });
    let databases = databases.collect();
    seal(&Document {
        format: FORMAT.into(),
        version: VERSION,
        parser: PARSER,
        models: models.names,
        turns,
        databases,
    })
    .line
}

/// Reads the content of a file.
pub(super) fn read(content: &[u8]) -> Read {
    let line = content.strip_suffix(b"\n").unwrap_or(content);
    let header = unseal(line).and_then(|_| serde_json::from_slice::<Header<'_>>(line).ok());
    let Some(header) = header.filter(|header| header.format == FORMAT) else {
        return Read::Damaged;
    };
    if VERSION < header.version {
        return Read::TooNew(header.version);
    }
    let document = serde_json::from_slice::<Document<'_>>(line).ok();
    let keeps_memos = PARSERS_ACCEPTED.contains(&header.parser);
    match document.and_then(|document| document.read(keeps_memos)) {
        Some(store) => Read::Store(store),
        None => Read::Damaged,
    }
}

/// Names of models, each of which is written once.
#[derive(Default)]
struct Models {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Models {
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.places.insert(name.to_owned(), self.names.len());
        self.names.push(name.to_owned());
        self.names.len() - 1
    }

    fn completions(&mut self, completions: &Completions) -> CompletionRows {
        completions.iter().map(|(row, model)| (*row, self.place(model))).collect()
    }
}

impl TurnRow {
    fn new(turn: &Turn, models: &mut Models) -> Self {
        let requests = turn.requests.iter().map(|(row, request)| {
            let model = request.model.as_deref().map(|model| models.place(model));
            (*row, request.at.to_text(), request.thread.clone(), model)
        });
        let requests = requests.collect();
        Self { requests, completions: models.completions(&turn.completions) }
    }

    fn read(self, models: &[String]) -> Option<Turn> {
        let requests = self.requests.into_iter().map(|(row, at, thread, model)| {
            let model = match model {
                Some(place) => Some(models.get(place)?.clone()),
                None => None,
            };
            Some((row, Request { thread, model, at: RowTime::from_text(&at) }))
        });
        let requests = requests.collect::<Option<BTreeMap<_, _>>>()?;
        let completions = completions(self.completions, models)?;
        (!requests.is_empty()).then_some(Turn { requests, completions })
    }
}

fn completions(rows: CompletionRows, models: &[String]) -> Option<Completions> {
    rows.into_iter().map(|(row, place)| Some((row, models.get(place)?.clone()))).collect()
}

impl LastScanRow {
    fn new(scan: LastScan) -> Self {
        let ScanWork { rows, bytes, restarted, .. } = scan.work;
        Self {
            at_ms: scan.at.unix_millis(),
            elapsed_us: u64::try_from(scan.elapsed.as_micros()).unwrap_or(u64::MAX),
            rows,
            bytes,
            restarted: restarted.map(|restart| restart.word().to_owned()),
        }
    }

    fn read(self) -> Option<LastScan> {
        let Self { at_ms, elapsed_us, rows, bytes, restarted } = self;
        let restarted = restarted.and_then(|word| Restart::from_word(&word));
        Some(LastScan {
            at: Timestamp::from_unix_millis(at_ms)?,
            elapsed: Duration::from_micros(elapsed_us),
            work: ScanWork { rows, bytes, restarted, interrupted: false },
        })
    }
}

impl Document<'_> {
    fn read(self, keeps_memos: bool) -> Option<TurnStore> {
        let shared: Vec<Arc<str>> = self.models.iter().map(|model| model.as_str().into()).collect();
        let mut known = HashMap::with_capacity(self.turns.len());
        for (key, model, answer) in self.turns {
            let model = match model {
                Some(place) => Some(Arc::clone(shared.get(place)?)),
                None => None,
            };
            known.insert(Key(from_hex(&key)?), KnownTurn { model, answer });
        }
        let mut store = TurnStore::default();
        store.turns = PriorityTurns { known };
        for database in self.databases.into_iter().filter(|_| keeps_memos) {
            let path = to_path(&database.path)?;
            store.databases.insert(path, database.read(&self.models)?);
        }
        Some(store)
    }
}

impl Database {
    fn read(self, models: &[String]) -> Option<Known> {
        let anchors = self.anchors.into_iter();
        let anchors = anchors.map(|(row, hash)| Some(Anchor { row, hash: from_hex(&hash)? }));
        let turns = self.priority.into_iter();
        let turns = turns.map(|(name, turn)| Some((name, turn.read(models)?)));
        let mut pending = Pending::new(PENDING_TURNS_MAX);
        for (turn, rows) in self.pending {
            pending.add_turn(turn, completions(rows, models)?);
        }
        let memo = Memo {
            file: self.file.map(|(dev, ino)| FileId { dev, ino }),
            since: self.since,
            cursor: self.cursor,
            anchors: anchors.collect::<Option<_>>()?,
            turns: turns.collect::<Option<_>>()?,
            pending,
        };
        Some(Known::saved(memo, self.last_scan.and_then(LastScanRow::read)))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    fn store(rows: &[(u8, bool, Option<u8>)], path: &str) -> TurnStore {
        let mut memo = Memo::new(-1);
        for (row, (turn, is_request, model)) in (1..).zip(rows) {
            let model = model.map_or(String::new(), |model| format!("\"model\":\"m{model}\","));
            let body = if *is_request {
                format!(
                    r#"thread_id=t turn.id=t{turn} websocket request: {{{model}"type":"response.create","service_tier":"priority"}}"#
                )
            } else {
                format!(
                    r#"turn.id=t{turn} websocket event: {{"type":"response.completed","response":{{{model}"x":1}}}}"#
                )
            };
            memo.observe(row, &RowTime::Text(format!("at {row}")), body.as_bytes());
            memo.cursor = row;
            memo.anchors.push(Anchor { row, hash: u64::MAX - row.cast_unsigned() });
        }
        memo.file = Some(FileId { dev: u64::MAX, ino: 7 });
        let elapsed = Duration::from_micros(17);
        let work =
            ScanWork { rows: 3, bytes: 4, restarted: Some(Restart::New), interrupted: false };
        let at = Timestamp::from_unix_millis(1_778_414_400_000).unwrap();
        let mut store = TurnStore::default();
        store.turns.learn(&memo);
        let last_scan = Some(LastScan { at, elapsed, work });
        store.databases.insert(path.into(), Known::saved(memo, last_scan));
        store
    }

    proptest! {
        #[test]
        fn what_is_written_can_be_read(
            rows in prop::collection::vec((0_u8..5, any::<bool>(), prop::option::of(0_u8..3)), 0..40),
        ) {
            let store = store(&rows, "/h/\u{1F600}/logs_2.sqlite");
            let written = write(&store);
            match read(&written) {
                Read::Store(read) => {
                    let pending = |store: &TurnStore| -> Vec<(String, Completions)> {
                        let memo = store.memo(Path::new("/h/\u{1F600}/logs_2.sqlite")).unwrap();
                        let pending = memo.pending.iter();
                        pending.map(|(turn, rows)| (turn.to_owned(), rows.clone())).collect()
                    };
                    prop_assert_eq!(pending(&read), pending(&store));
                    prop_assert_eq!(&read.turns, &store.turns);
                    prop_assert_eq!(write(&read), written);
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }

        #[test]
        fn damage_is_noticed(at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
            let mut written = write(&store(&[(1, true, Some(1)), (2, false, Some(2))], "/h/db"));
            // The line end may be missing.
            let at = at.index(written.len() - 1);
            written[at] ^= flip;
            prop_assert_eq!(read(&written), Read::Damaged);
        }
    }

    /// The seed's file had 28,698 bytes.
    #[test]
    fn five_turns_and_288_answers_are_small() {
        let rows: Vec<(u8, bool, Option<u8>)> = (0..5)
            .map(|turn| (turn, true, Some(0)))
            .chain((0..288).map(|_| (9, false, Some(1))))
            .collect();
        assert!(write(&store(&rows, "/h/.codex/logs_2.sqlite")).len() < 64 * 1024);
    }
}
