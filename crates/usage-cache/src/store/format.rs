//! The lines of a cache file; `docs/formats.md` describes them for readers of the file.
//!
//! Each line is a JSON object whose last field, `sum`, is a hash of the line up to it. A line
//! that was torn by a crash or damaged since does not pass, and is as if it were not there.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    ffi::OsString,
    fmt::Write as _,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Path, PathBuf},
};

use common_fs::{FileId, Timestamp};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    NanoUsd, TokenCounts,
    entries::{Entry, Superseded},
    models::{Model, ModelId, Models},
    openclaw,
    rollup::{Bucket, PriceClass, Quarter, Rollup},
    transcript::{Anchor, Fingerprint, LineCounts, Transcript},
};

/// What a cache file calls itself.
const FORMAT: &str = "upkeep-usage-cache";
/// The version that is written.
const VERSION: u32 = 1;
/// The name of the only source so far, in records and in the header.
const OPENCLAW: &str = "openclaw";
/// Versions of the parser of OpenClaw transcripts whose results are still right.
const OPENCLAW_ACCEPTED: [u32; 1] = [openclaw::PARSER_VERSION];

/// `,"sum":"0123456789abcdef"}`
const SUM_BYTES: usize = 26;

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    format: String,
    version: u32,
    parsers: BTreeMap<String, u32>,
}

/// What a cache file is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usable {
    /// Its records hold.
    Yes,
    /// Its records were made by another version of the parser.
    OtherParser,
    /// It was written by a newer program of this version.
    TooNew(u32),
    /// It is no cache file.
    No,
}

pub(super) fn header() -> Vec<u8> {
    let parsers = BTreeMap::from([(OPENCLAW.to_owned(), openclaw::PARSER_VERSION)]);
    seal(&Header { format: FORMAT.to_owned(), version: VERSION, parsers }).line
}

pub(super) fn read_header(line: &[u8]) -> Usable {
    let header = unseal(line).and_then(|_| serde_json::from_slice::<Header>(line).ok());
    match header {
        Some(header) if header.format != FORMAT => Usable::No,
        Some(header) if VERSION < header.version => Usable::TooNew(header.version),
        Some(header) => match header.parsers.get(OPENCLAW) {
            Some(version) if OPENCLAW_ACCEPTED.contains(version) => Usable::Yes,
            Some(_) | None => Usable::OtherParser,
        },
        None => Usable::No,
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
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow)]
    path: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    superseded: Vec<SupersededRow>,
    /// The sum of the record that this one changes, if it is not one of its own.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    extends: Option<Cow<'a, str>>,
    /// Without one, the path is forgotten.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    transcript: Option<TranscriptRow<'a>>,
}

#[derive(Serialize, Deserialize)]
struct SupersededRow {
    path: String,
    dev: u64,
    ino: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum SourceRow {
    OpenClaw,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TranscriptRow<'a> {
    source: SourceRow,
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
    #[serde(default, skip_serializing_if = "is_false")]
    outdated: bool,
    #[serde(default, skip_serializing_if = "is_zero")]
    malformed_lines: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    too_long_lines: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    gone_since_ns: Option<i64>,
    /// Provider and name.
    models: Vec<(Option<String>, Option<String>)>,
    buckets: Vec<BucketRow>,
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

/// A line to be written, with its line end.
pub(super) struct Sealed {
    pub(super) line: Vec<u8>,
    pub(super) sum: u64,
}

/// The line that says all that is known of a transcript.
pub(super) fn full_line(path: &Path, entry: &Entry, models: &Models) -> Sealed {
    let buckets = entry.transcript.rollup.buckets();
    row(path, entry, TranscriptRow::new(&entry.transcript, buckets, models), None)
}

/// The line that says what changed since the record with the sum `extends`: of the sums, only
/// `changed`.
pub(super) fn delta_line(
    path: &Path,
    entry: &Entry,
    changed: &[Bucket],
    extends: u64,
    models: &Models,
) -> Sealed {
    row(path, entry, TranscriptRow::new(&entry.transcript, changed, models), Some(extends))
}

fn row(path: &Path, entry: &Entry, transcript: TranscriptRow<'_>, extends: Option<u64>) -> Sealed {
    let superseded = entry.superseded.iter().map(|Superseded { path, id }| SupersededRow {
        path: to_text(path).into_owned(),
        dev: id.dev,
        ino: id.ino,
    });
    seal(&Row {
        path: to_text(path),
        superseded: superseded.collect(),
        extends: extends.map(|sum| Cow::Owned(to_hex(sum))),
        transcript: Some(transcript),
    })
}

/// The line that makes a path forgotten.
pub(super) fn removed_line(path: &Path) -> Sealed {
    seal(&Row { path: to_text(path), superseded: Vec::new(), extends: None, transcript: None })
}

/// Reads a line after the first; `None` if it is damaged.
pub(super) fn read_record(line: &[u8], models: &mut Models) -> Option<Record> {
    let sum = unseal(line)?;
    let row: Row<'_> = serde_json::from_slice(line).ok()?;
    let superseded = row.superseded.iter().map(|SupersededRow { path, dev, ino }| {
        Some(Superseded { path: to_path(path)?, id: FileId { dev: *dev, ino: *ino } })
    });
    let superseded = superseded.collect::<Option<_>>()?;
    let content = match (row.transcript, row.extends) {
        (None, _) => Content::Removed,
        (Some(transcript), None) => Content::Full(transcript.read(models)?),
        (Some(transcript), Some(sum)) => {
            Content::Delta { extends: from_hex(&sum)?, transcript: transcript.read(models)? }
        }
    };
    Some(Record { path: to_path(&row.path)?, superseded, sum, content })
}

/// A path as text: bytes that are no UTF-8 become NUL, which no path contains, and two
/// hexadecimal digits.
fn to_text(path: &Path) -> Cow<'_, str> {
    if let Some(text) = path.to_str() {
        return Cow::Borrowed(text);
    }
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            write!(text, "\0{byte:02x}").ok();
        }
    }
    Cow::Owned(text)
}

fn to_path(text: &str) -> Option<PathBuf> {
    let mut parts = text.split('\0');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(hex, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

impl TranscriptRow<'_> {
    fn new(transcript: &Transcript, buckets: &[Bucket], models: &Models) -> Self {
        let Transcript { fingerprint, lines, .. } = transcript;
        let mut used: Vec<ModelId> = Vec::new();
        let mut places: HashMap<ModelId, usize> = HashMap::new();
        let buckets = buckets.iter().map(|bucket| {
            let place = *places.entry(bucket.model).or_insert_with(|| {
                used.push(bucket.model);
                used.len() - 1
            });
            bucket_row(bucket, place)
        });
        let buckets = buckets.collect();
        let named = |id: &ModelId| {
            models.get(*id).map(|model| (model.provider.clone(), model.name.clone()))
        };
        Self {
            source: SourceRow::OpenClaw,
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
            outdated: transcript.outdated,
            malformed_lines: lines.malformed,
            too_long_lines: lines.too_long,
            gone_since_ns: transcript.gone_since.map(Timestamp::unix_nanos),
            models: used.iter().map(|id| named(id).unwrap_or_default()).collect(),
            buckets,
        }
    }

    fn read(self, models: &mut Models) -> Option<Transcript> {
        let intern = |(provider, name)| models.intern(Model { provider, name });
        let used: Vec<ModelId> = self.models.into_iter().map(intern).collect();
        let buckets = self.buckets.into_iter().map(|row| read_bucket(row, &used));
        let rollup = Rollup::new(buckets.collect::<Option<_>>()?);
        let anchor = Anchor(from_hex(&self.anchor)?);
        Some(Transcript {
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
            outdated: self.outdated,
            lines: LineCounts { malformed: self.malformed_lines, too_long: self.too_long_lines },
            rollup,
            gone_since: self.gone_since_ns.map(Timestamp::from_unix_nanos),
        })
    }
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
        class: PriceClass::from_code(class),
        events,
        tokens: TokenCounts { input, output, cache_creation, cache_read, total },
        cache_creation_1h: hour,
        recorded: NanoUsd(nanos),
    })
}

/// An object as a line with its sum.
fn seal(object: &impl Serialize) -> Sealed {
    // Numbers, text and lists of them always serialize.
    let mut line = serde_json::to_vec(object).unwrap_or_default();
    line.pop();
    let sum = xxh3_64(&line);
    line.extend_from_slice(format!(",\"sum\":\"{}\"}}\n", to_hex(sum)).as_bytes());
    Sealed { line, sum }
}

/// The sum of a line, if it is right.
fn unseal(line: &[u8]) -> Option<u64> {
    let (body, end) = line.split_at_checked(line.len().checked_sub(SUM_BYTES)?)?;
    let hex = end.strip_prefix(b",\"sum\":\"")?.strip_suffix(b"\"}")?;
    let sum = from_hex(std::str::from_utf8(hex).ok()?)?;
    (xxh3_64(body) == sum).then_some(sum)
}

fn to_hex(hash: u64) -> String {
    format!("{hash:016x}")
}

fn from_hex(hex: &str) -> Option<u64> {
    u64::from_str_radix(hex, 16).ok()
}
