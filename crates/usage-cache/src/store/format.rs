//! The lines of a cache file; `docs/formats.md` describes them for readers of the file.
//!
//! Each line is a JSON object whose last field, `sum`, is a hash of the line up to it. A line
//! that was torn by a crash or damaged since does not pass, and is as if it were not there.

use std::{
    borrow::Cow,
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::{FileId, Timestamp};
use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize};

use crate::{
    Beginning, Key, Lineage, NanoUsd, ServiceTier, TokenCounts,
    entries::{Entry, Superseded},
    log::{EventLog, Kind},
    models::{Model, ModelId, Models},
    rollup::{Bucket, PriceClass, Quarter, Rollup},
    sessions::{DatabaseLooks, KnownDatabase},
    transcript::{Anchor, Fingerprint, LineCounts, Transcript},
    wire::{Sealed, from_hex, seal, to_hex, to_path, to_text, unseal},
};

/// What a cache file calls itself.
const FORMAT: &str = "upkeep-usage-cache";
/// The version that is written.
const VERSION: u32 = 3;
/// Older ones whose records can be read. The first knew [`V1_SOURCE_VERSION`] of one source; the
/// second had no turns.
const OLDER: [u32; 2] = [1, 2];
const V1_SOURCE_VERSION: u32 = 1;

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
}

/// That all that was found is known, from the lines before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Complete {
    /// [What was found](crate::discover::Discovery::key).
    pub(super) found: Key,
    /// The [sums](crate::wire::fold_sums) of all lines before.
    pub(super) before: u64,
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
        }
    }
}

/// What a database looked like, and its write-ahead log.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DatabaseRow {
    main: FileRow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wal: Option<FileRow>,
    looked_at_ns: i64,
    /// A hash of its sessions.
    sessions: String,
}

/// Device, inode, bytes, and when it was modified and changed, in nanoseconds.
type FileRow = (u64, u64, u64, i64, i64);

#[derive(Serialize, Deserialize)]
struct SupersededRow {
    path: String,
    dev: u64,
    ino: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TranscriptRow<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(default = "v1_source_version")]
    source_version: u32,
    dev: u64,
    ino: u64,
    size_bytes: u64,
    modified_ns: i64,
    changed_ns: i64,
    scanned_ns: i64,
    parsed_to: u64,
    #[serde(borrow)]
    anchor: Cow<'a, str>,
    complete: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    unsteady: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    malformed_lines: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    too_long_lines: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    unresolved_lines: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_since_ns: Option<i64>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    state: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    session: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    begins_as: Option<BeginningRow<'a>>,
    /// Provider and name.
    models: Vec<(Option<String>, Option<String>)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    buckets: Vec<BucketRow>,
    /// Index into `models`, service tier, flags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<(usize, u8, u8)>,
    /// The identities of the events, their turns, and all else, in base64.
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    ids: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    turns: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "is_empty")]
    events: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
enum BeginningRow<'a> {
    Fork {
        #[serde(borrow)]
        of: Cow<'a, str>,
        at_ns: i64,
    },
    Copy {
        events: Option<u64>,
    },
}

fn v1_source_version() -> u32 {
    V1_SOURCE_VERSION
}

fn is_empty(text: &str) -> bool {
    text.is_empty()
}

/// Quarter, index into `models`, class, events, input, output, cache creation, cache creation
/// for an hour, cache read, total, recorded nano-dollars.
type BucketRow = (Option<i32>, usize, u8, u64, u64, u64, u64, u64, u64, u64, u64);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_zero(number: &u64) -> bool {
    *number == 0
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
    let file = |looks: &Fingerprint| {
        let Fingerprint { id, size_bytes, modified, changed } = looks;
        (id.dev, id.ino, *size_bytes, modified.unix_nanos(), changed.unix_nanos())
    };
    let row = DatabaseRow {
        main: file(&known.looks.main),
        wal: known.looks.log.as_ref().map(file),
        looked_at_ns: known.looks.at.unix_nanos(),
        sessions: to_hex(known.sessions),
    };
    seal(&Row { database: Some(row), ..Row::of(path) })
}

impl DatabaseRow {
    fn read(self) -> Option<KnownDatabase> {
        let file = |(dev, ino, size_bytes, modified, changed): FileRow| Fingerprint {
            id: FileId { dev, ino },
            size_bytes,
            modified: Timestamp::from_unix_nanos(modified),
            changed: Timestamp::from_unix_nanos(changed),
        };
        let at = Timestamp::from_unix_nanos(self.looked_at_ns);
        let looks = DatabaseLooks { main: file(self.main), log: self.wal.map(file), at };
        Some(KnownDatabase { looks, sessions: from_hex(&self.sessions)? })
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
    Some(Record { path: to_path(&row.path)?, superseded, sum, content })
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

/// Names of which each is stored once.
#[derive(Default)]
pub(super) struct Names(Vec<Arc<str>>);

impl Names {
    fn intern(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.0.iter().find(|known| &***known == name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(name);
        self.0.push(Arc::clone(&name));
        name
    }
}

impl TranscriptRow<'_> {
    fn new(transcript: &Transcript, buckets: &[Bucket], log: &EventLog, models: &Models) -> Self {
        let Transcript { fingerprint, lines, lineage, .. } = transcript;
        let mut used: Vec<ModelId> = Vec::new();
        let mut places: HashMap<ModelId, usize> = HashMap::new();
        let mut place = |model| {
            *places.entry(model).or_insert_with(|| {
                used.push(model);
                used.len() - 1
            })
        };
        let buckets = buckets.iter().map(|bucket| bucket_row(bucket, place(bucket.model)));
        let buckets = buckets.collect();
        let kinds = log.kinds().iter();
        let kinds = kinds.map(|kind| (place(kind.model), kind.tier.code(), kind.flags));
        let kinds = kinds.collect();
        let named = |id: &ModelId| {
            models.get(*id).map(|model| (model.provider.clone(), model.name.clone()))
        };
        Self {
            source: Cow::Owned(transcript.source.to_string()),
            source_version: transcript.version,
            dev: fingerprint.id.dev,
            ino: fingerprint.id.ino,
            size_bytes: fingerprint.size_bytes,
            modified_ns: fingerprint.modified.unix_nanos(),
            changed_ns: fingerprint.changed.unix_nanos(),
            scanned_ns: transcript.scanned_at.unix_nanos(),
            parsed_to: transcript.parsed_to,
            anchor: Cow::Owned(to_hex(transcript.anchor.0)),
            complete: transcript.complete,
            unsteady: transcript.unsteady,
            malformed_lines: lines.malformed,
            too_long_lines: lines.too_long,
            unresolved_lines: lines.unresolved,
            gone_since_ns: transcript.gone_since.map(Timestamp::unix_nanos),
            state: transcript.state.as_deref().map(|state| Cow::Owned(state.to_owned())),
            session: lineage.session.map(|Key(key)| Cow::Owned(to_hex(key))),
            begins_as: BeginningRow::new(lineage.beginning),
            models: used.iter().map(|id| named(id).unwrap_or_default()).collect(),
            buckets,
            kinds,
            ids: Cow::Owned(keys_to_text(log.keys())),
            turns: Cow::Owned(keys_to_text(log.turns())),
            events: Cow::Owned(BASE64_NOPAD.encode(log.bytes())),
        }
    }

    fn read(self, models: &mut Models, sources: &mut Names) -> Option<Transcript> {
        let intern = |(provider, name)| models.intern(Model { provider, name });
        let used: Vec<ModelId> = self.models.into_iter().map(intern).collect();
        let buckets = self.buckets.into_iter().map(|row| read_bucket(row, &used));
        let rollup = Rollup::new(buckets.collect::<Option<_>>()?);
        let anchor = Anchor(from_hex(&self.anchor)?);
        let kinds = self.kinds.into_iter().map(|(model, tier, flags)| {
            Some(Kind { model: *used.get(model)?, tier: ServiceTier::from_code(tier)?, flags })
        });
        let events = BASE64_NOPAD.decode(self.events.as_bytes()).ok()?;
        let (ids, turns) = (keys_from_text(&self.ids)?, keys_from_text(&self.turns)?);
        let log = EventLog::from_parts(kinds.collect::<Option<_>>()?, ids, turns, events)?;
        let session = match self.session {
            Some(key) => Some(Key(from_hex(&key)?)),
            None => None,
        };
        let beginning = match self.begins_as {
            Some(row) => row.read()?,
            None => Beginning::Own,
        };
        Some(Transcript {
            source: sources.intern(&self.source),
            version: self.source_version,
            fingerprint: Fingerprint {
                id: FileId { dev: self.dev, ino: self.ino },
                size_bytes: self.size_bytes,
                modified: Timestamp::from_unix_nanos(self.modified_ns),
                changed: Timestamp::from_unix_nanos(self.changed_ns),
            },
            scanned_at: Timestamp::from_unix_nanos(self.scanned_ns),
            parsed_to: self.parsed_to,
            anchor,
            complete: self.complete,
            unsteady: self.unsteady,
            lines: LineCounts {
                malformed: self.malformed_lines,
                too_long: self.too_long_lines,
                unresolved: self.unresolved_lines,
            },
            state: self.state.map(Arc::from),
            lineage: Lineage { session, beginning },
            rollup,
            log,
            gone_since: self.gone_since_ns.map(Timestamp::from_unix_nanos),
        })
    }
}

impl BeginningRow<'_> {
    fn new(beginning: Beginning) -> Option<Self> {
        match beginning {
            Beginning::Own => None,
            Beginning::Fork { of: Key(key), at } => {
                Some(Self::Fork { of: Cow::Owned(to_hex(key)), at_ns: at.unix_nanos() })
            }
            Beginning::Copy { events } => Some(Self::Copy { events }),
        }
    }

    fn read(self) -> Option<Beginning> {
        Some(match self {
            Self::Fork { of, at_ns } => {
                Beginning::Fork { of: Key(from_hex(&of)?), at: Timestamp::from_unix_nanos(at_ns) }
            }
            Self::Copy { events } => Beginning::Copy { events },
        })
    }
}

fn keys_to_text(keys: &[Key]) -> String {
    let bytes: Vec<u8> = keys.iter().flat_map(|key| key.0.to_le_bytes()).collect();
    BASE64_NOPAD.encode(&bytes)
}

fn keys_from_text(text: &str) -> Option<Vec<Key>> {
    let bytes = BASE64_NOPAD.decode(text.as_bytes()).ok()?;
    let (keys, []) = bytes.as_chunks() else { return None };
    Some(keys.iter().map(|key| Key(u64::from_le_bytes(*key))).collect())
}

fn bucket_row(bucket: &Bucket, model: usize) -> BucketRow {
    let TokenCounts { input, output, cache_creation, cache_read, total } = bucket.tokens;
    (
        bucket.quarter.map(|Quarter(number)| number),
        model,
        bucket.class.code(),
        bucket.events,
        input,
        output,
        cache_creation,
        bucket.cache_creation_1h,
        cache_read,
        total,
        bucket.recorded.0,
    )
}

fn read_bucket(row: BucketRow, models: &[ModelId]) -> Option<Bucket> {
    let (
        quarter,
        model,
        class,
        events,
        input,
        output,
        cache_creation,
        hour,
        cache_read,
        total,
        nanos,
    ) = row;
    Some(Bucket {
        quarter: quarter.map(Quarter),
        model: *models.get(model)?,
        class: PriceClass::from_code(class)?,
        events,
        tokens: TokenCounts { input, output, cache_creation, cache_read, total },
        cache_creation_1h: hour,
        recorded: NanoUsd(nanos),
    })
}
