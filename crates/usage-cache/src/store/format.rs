//! The lines of a cache file; `docs/formats.md` describes them for readers of the file.
//!
//! Each line is a JSON object whose last field, `sum`, is a hash of the line up to it. A line
//! that was torn by a crash or damaged since does not pass, and is as if it were not there.

mod database;
mod transcript;

use std::{
    borrow::Cow,
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::FileId;
use serde::{Deserialize, Serialize};

use database::DatabaseRow;
pub(crate) use transcript::Names;
use transcript::{TranscriptRow, is_empty};

use crate::{
    Key,
    entries::{Entry, Superseded},
    ledger::{Imported, Origin},
    log::EventLog,
    models::Models,
    rollup::Bucket,
    sessions::KnownDatabase,
    transcript::Transcript,
    wire::{Sealed, from_hex, seal, to_hex, to_path, to_text, unseal},
};

/// What a cache file calls itself.
const FORMAT: &str = "upkeep-usage-cache";
/// The version that is written.
const VERSION: u32 = 4;
/// Older ones whose records can be read. The first knew one source, the second no turns, the third
/// no ledgers.
const OLDER: [u32; 3] = [1, 2, 3];

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
}

/// What a cache file is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usable {
    /// Its records hold,
    Yes,
    /// and others can be added when it has been written anew.
    Old,
    /// It was written by a newer program of this version.
    TooNew(u32),
    /// It is no cache file.
    No,
}

pub(super) fn header() -> Vec<u8> {
    seal(&Header { format: FORMAT.to_owned(), version: VERSION }).line
}

pub(super) fn read_header(line: &[u8]) -> Usable {
    let header = unseal(line).and_then(|_| serde_json::from_slice::<Header>(line).ok());
    match header {
        Some(header) if header.format != FORMAT => Usable::No,
        Some(header) if VERSION < header.version => Usable::TooNew(header.version),
        Some(header) if header.version == VERSION => Usable::Yes,
        Some(header) if OLDER.contains(&header.version) => Usable::Old,
        Some(_) | None => Usable::No,
    }
}

/// A line after the first.
#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub(super) path: PathBuf,
    pub(super) superseded: Vec<Superseded>,
    /// The sum of the line.
    pub(super) sum: u64,
    pub(super) content: Content,
}

/// What a line says of its path.
#[derive(Debug, PartialEq)]
pub(super) enum Content {
    /// All that is known of the transcript.
    Full(Transcript),
    /// The same, but of its sums only those that changed since the record with this sum.
    Delta { extends: u64, transcript: Transcript },
    /// It is forgotten.
    Removed,
    /// It is a database of sessions, of which all is known.
    Database(KnownDatabase),
    /// The line is about no path, but says that all that was found is known.
    Complete(Complete),
    /// It is what another ledger knows of the path on its machine.
    Imported(Imported),
    /// The line is about no path, but says what this ledger is called.
    Ledger(Key),
}

/// That all that was found is known, from the lines before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Complete {
    /// [What was found](crate::discover::Discovery::key).
    pub(crate) found: Key,
    /// The [sums](crate::wire::fold_sums) of all lines before.
    pub(crate) before: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    path: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    superseded: Vec<SupersededRow>,
    /// The sum of the record that this one changes, if it is not one of its own.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    extends: Option<Cow<'a, str>>,
    /// Without one, the path is forgotten.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    transcript: Option<TranscriptRow<'a>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    database: Option<DatabaseRow>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    complete: Option<CompleteRow<'a>>,
    /// The ledger that the transcript comes from, if that is another one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    origin: Option<OriginRow<'a>>,
    /// The name of this ledger.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    ledger: Option<Cow<'a, str>>,
}

#[derive(Serialize, Deserialize)]
struct OriginRow<'a> {
    #[serde(borrow)]
    ledger: Cow<'a, str>,
    #[serde(borrow)]
    below: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct CompleteRow<'a> {
    #[serde(borrow)]
    found: Cow<'a, str>,
    #[serde(borrow)]
    before: Cow<'a, str>,
}

impl CompleteRow<'_> {
    fn read(&self) -> Option<Complete> {
        Some(Complete { found: Key(from_hex(&self.found)?), before: from_hex(&self.before)? })
    }
}

impl<'a> Row<'a> {
    fn of(path: &'a Path) -> Self {
        Self {
            path: to_text(path),
            superseded: Vec::new(),
            extends: None,
            transcript: None,
            database: None,
            complete: None,
            origin: None,
            ledger: None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct SupersededRow {
    path: String,
    dev: u64,
    ino: u64,
}

/// The line that says all that is known of a transcript.
pub(super) fn full_line(path: &Path, entry: &Entry, models: &Models) -> Sealed {
    let Transcript { rollup, log, .. } = &*entry.transcript;
    row(path, entry, TranscriptRow::new(&entry.transcript, rollup.buckets(), log, models), None)
}

/// The line that says what changed since the record with the sum `extends`: of sums and events,
/// only the `changed` ones.
pub(super) fn delta_line(
    path: &Path,
    entry: &Entry,
    changed: (&[Bucket], &EventLog),
    extends: u64,
    models: &Models,
) -> Sealed {
    row(
        path,
        entry,
        TranscriptRow::new(&entry.transcript, changed.0, changed.1, models),
        Some(extends),
    )
}

fn row(path: &Path, entry: &Entry, transcript: TranscriptRow<'_>, extends: Option<u64>) -> Sealed {
    let superseded = entry.superseded.iter().map(|Superseded { path, id }| SupersededRow {
        path: to_text(path).into_owned(),
        dev: id.dev,
        ino: id.ino,
    });
    seal(&Row {
        superseded: superseded.collect(),
        extends: extends.map(|sum| Cow::Owned(to_hex(sum))),
        transcript: Some(transcript),
        ..Row::of(path)
    })
}

/// The line that says what a database looked like when all in it was known.
pub(super) fn database_line(path: &Path, known: &KnownDatabase) -> Sealed {
    seal(&Row { database: Some(DatabaseRow::new(known)), ..Row::of(path) })
}

/// The line that says what another ledger knows of a transcript.
pub(crate) fn imported_line(imported: &Imported, models: &Models) -> Sealed {
    let Imported { origin, below, transcript } = imported;
    let Transcript { rollup, log, .. } = &**transcript;
    let (ledger, below) = (Cow::Owned(to_hex(origin.ledger.0)), to_text(below));
    seal(&Row {
        origin: Some(OriginRow { ledger, below }),
        transcript: Some(TranscriptRow::new(transcript, rollup.buckets(), log, models)),
        ..Row::of(&origin.path)
    })
}

/// The line that says what this ledger is called.
pub(super) fn ledger_line(Key(ledger): Key) -> Sealed {
    seal(&Row { ledger: Some(Cow::Owned(to_hex(ledger))), ..Row::of(Path::new("")) })
}

/// Reads a line of [`imported_line`]; `None` if it is damaged.
pub(crate) fn read_imported(
    line: &[u8],
    models: &mut Models,
    sources: &mut Names,
) -> Option<Imported> {
    match read_record(line, models, sources)?.content {
        Content::Imported(imported) => Some(imported),
        _ => None,
    }
}

/// The line that makes a path forgotten.
pub(super) fn removed_line(path: &Path) -> Sealed {
    seal(&Row::of(path))
}

/// The line that says that all is known.
pub(super) fn complete_line(Complete { found: Key(found), before }: Complete) -> Sealed {
    let (found, before) = (Cow::Owned(to_hex(found)), Cow::Owned(to_hex(before)));
    seal(&Row { complete: Some(CompleteRow { found, before }), ..Row::of(Path::new("")) })
}

/// Reads a line after the first; `None` if it is damaged.
pub(super) fn read_record(line: &[u8], models: &mut Models, sources: &mut Names) -> Option<Record> {
    let sum = unseal(line)?;
    let row: Row<'_> = serde_json::from_slice(line).ok()?;
    let superseded = row.superseded.iter().map(|SupersededRow { path, dev, ino }| {
        Some(Superseded { path: to_path(path)?, id: FileId { dev: *dev, ino: *ino } })
    });
    let superseded = superseded.collect::<Option<_>>()?;
    let path = to_path(&row.path)?;
    if let Some(ledger) = row.ledger {
        let content = Content::Ledger(Key(from_hex(&ledger)?));
        return Some(Record { path, superseded, sum, content });
    }
    if let Some(OriginRow { ledger, below }) = row.origin {
        let origin = Origin { ledger: Key(from_hex(&ledger)?), path: path.clone() };
        let transcript = Arc::new(row.transcript?.read(models, sources)?);
        let imported = Imported { origin, below: to_path(&below)?, transcript };
        let content = Content::Imported(imported);
        return Some(Record { path, superseded, sum, content });
    }
    let content = match (row.transcript, row.extends) {
        (None, _) => match (row.database, row.complete) {
            (Some(database), _) => Content::Database(database.read()?),
            (None, Some(complete)) => Content::Complete(complete.read()?),
            (None, None) => Content::Removed,
        },
        (Some(transcript), None) => Content::Full(transcript.read(models, sources)?),
        (Some(transcript), Some(sum)) => Content::Delta {
            extends: from_hex(&sum)?,
            transcript: transcript.read(models, sources)?,
        },
    };
    Some(Record { path, superseded, sum, content })
}

/// Whether a line is what was written, and what it says if it is a [`Complete`].
pub(super) fn read_complete(line: &[u8]) -> Option<Complete> {
    unseal(line)?;
    serde_json::from_slice::<Row<'_>>(line).ok()?.complete?.read()
}

/// Whether a line is what was written.
pub(super) fn is_sound(line: &[u8]) -> bool {
    unseal(line).is_some()
}
