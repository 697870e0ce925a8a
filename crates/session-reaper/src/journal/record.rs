use common_fs::FileId;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use xxhash_rust::xxh3::xxh3_64;

use crate::{Folder, Removed};

/// Another one whenever an older program would get it wrong.
pub(super) const VERSION: u32 = 1;

/// Why a journal cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// A newer program has written it; its rows would be lost if this one went on with it.
    #[error("it has version {version}, this program knows version {VERSION}")]
    TooNew {
        /// Its version.
        version: u32,
    },
}

/// What a line of a journal says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(crate) enum Record {
    /// The first.
    Journal { version: u32 },
    /// A sweep begins to say what it is going to do.
    Begin { sweep: u64, at_ms: i64 },
    /// A part of that.
    Item { sweep: u64, nth: u32, item: Item },
    /// It has said it; from now on, any part may have happened.
    Ready { sweep: u64 },
    /// All has happened but these parts, which are undone.
    Done { sweep: u64, kept: Vec<u32> },
    /// These parts were restored.
    Restored { sweep: u64, items: Vec<u32> },
}

/// A row and its files, or a file without a row, that are archived together or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Item {
    /// The row.
    pub(crate) row: Option<Removed>,
    /// The files.
    pub(crate) files: Vec<Move>,
}

/// A file that is archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Move {
    /// Its name.
    pub(crate) from: String,
    /// Its name as an archive.
    pub(crate) to: String,
    /// Where the archive is.
    pub(crate) folder: Folder,
    /// Which file it is.
    #[serde(with = "file_id")]
    pub(crate) id: FileId,
    /// How long it is.
    pub(crate) size_bytes: u64,
    /// When it was last changed, in nanoseconds since 1970.
    pub(crate) modified_ns: i64,
    /// How it is archived.
    pub(crate) how: How,
}

/// How a file is archived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum How {
    /// By its name alone.
    Rename,
    /// By a compressed copy, which has this name until the file itself is gone.
    Compress {
        /// That name.
        copy: String,
    },
}

impl Item {
    /// The key of its row, or the name of its file.
    pub(crate) fn name(&self) -> String {
        let key = self.row.as_ref().map(|row| row.key.clone());
        key.or_else(|| self.files.first().map(|file| file.from.clone())).unwrap_or_default()
    }
}

mod file_id {
    use super::{Deserialize, FileId, Serialize};

    pub(super) fn serialize<S: serde::Serializer>(id: &FileId, to: S) -> Result<S::Ok, S::Error> {
        (id.dev, id.ino).serialize(to)
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        from: D,
    ) -> Result<FileId, D::Error> {
        <(u64, u64)>::deserialize(from).map(|(dev, ino)| FileId { dev, ino })
    }
}

#[derive(Deserialize)]
struct Line<'l> {
    sum: String,
    #[serde(borrow)]
    record: &'l RawValue,
}

const BEFORE_SUM: &[u8] = b"{\"sum\":\"";
const BEFORE_RECORD: &[u8] = b"\",\"record\":";
const SUM_DIGITS: usize = 16;

/// Adds a line to `text`.
pub(super) fn encode(record: &Record, text: &mut Vec<u8>) {
    text.extend_from_slice(BEFORE_SUM);
    let sum = text.len()..text.len() + SUM_DIGITS;
    text.resize(sum.end, b'0');
    text.extend_from_slice(BEFORE_RECORD);
    let begin = text.len();
    // Names and numbers: there is nothing in a record that JSON cannot say, and a line that says
    // nothing all the same is one that cannot be read.
    serde_json::to_writer(&mut *text, record).ok();
    let digits = format!("{:0SUM_DIGITS$x}", xxh3_64(text.get(begin..).unwrap_or_default()));
    if let Some(place) = text.get_mut(sum) {
        place.copy_from_slice(digits.as_bytes());
    }
    text.extend_from_slice(b"}\n");
}

pub(super) fn decode(line: &[u8]) -> Option<Record> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    let sum = u64::from_str_radix(&line.sum, 16).ok()?;
    let record = line.record.get();
    (sum == xxh3_64(record.as_bytes())).then(|| serde_json::from_str(record).ok())?
}
