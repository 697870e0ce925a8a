use std::sync::Arc;

use common_fs::{FileId, Stat, Timestamp};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Key, Lineage, log::EventLog, rollup::Rollup};

/// How many bytes before the end of what was parsed have to be the same for a transcript to
/// count as the one that was parsed.
pub(crate) const ANCHOR_BYTES: usize = 4096;

/// A hash of up to [`ANCHOR_BYTES`] bytes before an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Anchor(pub(crate) u64);

impl Anchor {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(xxh3_64(bytes))
    }
}

/// What a file looked like: as long as it looks the same, nobody has written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    pub(crate) id: FileId,
    pub(crate) size_bytes: u64,
    pub(crate) modified: Timestamp,
    pub(crate) changed: Timestamp,
}

impl Fingerprint {
    /// Tells it from others of the same kind and name.
    pub(crate) fn key(&self, kind: &[u8], name: &[u8]) -> Key {
        let Self { id, size_bytes, modified, changed } = self;
        let numbers = [
            id.dev.to_le_bytes(),
            id.ino.to_le_bytes(),
            size_bytes.to_le_bytes(),
            modified.unix_nanos().to_le_bytes(),
            changed.unix_nanos().to_le_bytes(),
        ];
        Key::of(&[kind, name, numbers.as_flattened()])
    }
}

impl From<&Stat> for Fingerprint {
    fn from(stat: &Stat) -> Self {
        let Stat { id, size_bytes, modified, changed, .. } = *stat;
        Self { id, size_bytes, modified, changed }
    }
}

/// Lines that were passed over although they may have mattered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LineCounts {
    pub(crate) malformed: u64,
    pub(crate) too_long: u64,
    pub(crate) unresolved: u64,
}

/// All that is known of a transcript, from reading it up to some offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transcript {
    /// The name of the source that it belongs to.
    pub(crate) source: Arc<str>,
    /// The [version](crate::Source::version) of the source that read it. If that is another one
    /// by now, the transcript counts only until it is read again, or for good if it is gone.
    pub(crate) version: u32,
    /// Whether it was read as a file was, although its name would fit an
    /// [archive of a database](crate::Origin::AppendedOrDatabase). If it is none by now, or one, it
    /// is read again.
    pub(crate) as_file: bool,
    /// What the file looked like when it was read.
    pub(crate) fingerprint: Fingerprint,
    /// The wall clock just before that.
    pub(crate) scanned_at: Timestamp,
    /// Just after the last line end that was read; the next reading begins here.
    pub(crate) parsed_to: u64,
    /// Of the bytes before `parsed_to`.
    pub(crate) anchor: Anchor,
    /// Whether the file was read to its end. If not, the reading was saved half-way.
    pub(crate) complete: bool,
    /// Whether the file changed while it was read. An append does no harm, but a rewrite could
    /// have left the beginning of one and the end of another content.
    pub(crate) unsteady: bool,
    pub(crate) lines: LineCounts,
    /// What the parser has to know to go on at `parsed_to`.
    pub(crate) state: Option<Arc<str>>,
    pub(crate) lineage: Lineage,
    /// The [project](crate::Parser::project) that it is about.
    pub(crate) project: Option<Arc<str>>,
    /// The events without an identity, added up.
    pub(crate) rollup: Rollup,
    /// The events with one.
    pub(crate) log: EventLog,
    /// When the file was first found missing. Its events count on.
    pub(crate) gone_since: Option<Timestamp>,
}

impl Transcript {
    /// Whether the file ends in the middle of a line, which may still be finished.
    pub(crate) fn has_unfinished_line(&self) -> bool {
        self.gone_since.is_none() && self.complete && self.parsed_to < self.fingerprint.size_bytes
    }
}
