//! What a line says of a transcript.

use std::{borrow::Cow, sync::Arc};

use common_fs::{FileId, Timestamp};
use data_encoding::BASE64_NOPAD;
use foldhash::{HashMap, HashMapExt as _};
use serde::{Deserialize, Serialize};

use crate::{
    Beginning, Key, Lineage, NanoUsd, ServiceTier, TokenCounts,
    log::{EventLog, Kind},
    models::{Model, ModelId, Models},
    rollup::{Bucket, PriceClass, Quarter, Rollup},
    transcript::{Anchor, Fingerprint, LineCounts, Transcript},
    wire::{from_hex, to_hex},
};

/// That of the only source of the first version of the file, which did not say.
const V1_SOURCE_VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TranscriptRow<'a> {
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(default = "v1_source_version")]
    source_version: u32,
    #[serde(default, skip_serializing_if = "is_false")]
    as_file: bool,
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
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    project: Option<Cow<'a, str>>,
    models: Vec<ModelRow<'a>>,
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

pub(super) fn is_empty(text: &str) -> bool {
    text.is_empty()
}

/// Provider and name; not copied to be written.
type ModelRow<'a> = (Option<Cow<'a, str>>, Option<Cow<'a, str>>);

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

/// Names of which each is stored once.
#[derive(Default)]
pub(crate) struct Names(Vec<Arc<str>>);

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

impl<'a> TranscriptRow<'a> {
    pub(super) fn new(
        transcript: &'a Transcript,
        buckets: &[Bucket],
        log: &EventLog,
        models: &'a Models,
    ) -> Self {
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
            let Model { provider, name } = models.get(*id)?;
            Some((provider.as_deref().map(Cow::Borrowed), name.as_deref().map(Cow::Borrowed)))
        };
        Self {
            source: Cow::Borrowed(&transcript.source),
            source_version: transcript.version,
            as_file: transcript.as_file,
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
            state: transcript.state.as_deref().map(Cow::Borrowed),
            session: lineage.session.map(|Key(key)| Cow::Owned(to_hex(key))),
            begins_as: BeginningRow::new(lineage.beginning),
            project: transcript.project.as_deref().map(Cow::Borrowed),
            models: used.iter().map(|id| named(id).unwrap_or_default()).collect(),
            buckets,
            kinds,
            ids: Cow::Owned(keys_to_text(log.keys())),
            turns: Cow::Owned(keys_to_text(log.turns())),
            events: Cow::Owned(BASE64_NOPAD.encode(log.bytes())),
        }
    }

    pub(super) fn read(self, models: &mut Models, sources: &mut Names) -> Option<Transcript> {
        let owned = |name: Option<Cow<'_, str>>| name.map(Cow::into_owned);
        let intern = |(provider, name)| {
            models.intern(Model { provider: owned(provider), name: owned(name) })
        };
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
            as_file: self.as_file,
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
            project: self.project.map(|name| sources.intern(&name)),
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
    let bytes: Vec<[u8; 8]> = keys.iter().map(|key| key.0.to_le_bytes()).collect();
    BASE64_NOPAD.encode(bytes.as_flattened())
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
