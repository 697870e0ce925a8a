//! The file in which history moves: `docs/formats.md` describes it.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use common_fs::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Imported, Origin, below, place::is_below};
use crate::{
    Key, UsageCache,
    models::Models,
    store::{Names, imported_line, read_imported},
    transcript::Transcript,
    wire::{from_hex, seal, to_hex, unseal},
};

/// What a ledger file calls itself.
const FORMAT: &str = "upkeep-usage-ledger";
/// The version that is written. It goes up with that of the cache file when that changes what is
/// said of a transcript.
const VERSION: u32 = 1;

/// Which transcripts are exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exported {
    /// All that count.
    All,
    /// Those that exist no more, imported ones included.
    Gone,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct HeaderRow {
    format: String,
    version: u32,
    ledger: String,
    exported_ns: i64,
    transcripts: u64,
}

/// What the first line of a ledger file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// The name of the ledger.
    pub ledger: Key,
    /// When it was written.
    pub exported_at: Timestamp,
    /// How many transcripts follow.
    pub transcripts: u64,
}

/// Why a file cannot be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// There is nothing in it.
    #[error("it is empty; `usage-cache ledger export` writes one")]
    Empty,
    /// It does not begin as a ledger does.
    #[error(
        "it is no ledger, or its first line is damaged; `usage-cache ledger export` writes one"
    )]
    NotALedger,
    /// It was written by a newer version.
    #[error("it was written by a newer version (format {version}); update this program first")]
    TooNew {
        /// Its format version.
        version: u32,
    },
}

/// A ledger file that was read. Its lines are checked when they are imported.
#[derive(Clone, Copy, Debug)]
pub struct Ledger<'b> {
    header: Header,
    lines: &'b [u8],
}

impl<'b> Ledger<'b> {
    /// Reads the content of a ledger file.
    pub fn read(content: &'b [u8]) -> Result<Self, LedgerError> {
        if content.is_empty() {
            return Err(LedgerError::Empty);
        }
        let end = memchr::memchr(b'\n', content).ok_or(LedgerError::NotALedger)?;
        let (first, lines) = content.split_at(end);
        let header = read_header(first)?;
        Ok(Self { header, lines: lines.get(1..).unwrap_or_default() })
    }

    /// What its first line says.
    pub fn header(&self) -> Header {
        self.header
    }

    /// The transcripts in it, and how many lines are damaged or missing.
    pub(super) fn transcripts(&self, models: &mut Models) -> (Vec<Imported>, u64) {
        let mut names = Names::default();
        let (mut transcripts, mut damaged) = (Vec::new(), 0);
        for line in self.lines.split_inclusive(|byte| *byte == b'\n') {
            // A line without an end may be cut off, whatever its sum says.
            let line = line.strip_suffix(b"\n");
            let read = line.and_then(|line| read_imported(line, models, &mut names));
            match read.filter(|imported| is_below(&imported.below)) {
                Some(imported) => transcripts.push(imported),
                None => damaged += 1,
            }
        }
        let found = transcripts.len() as u64 + damaged;
        (transcripts, damaged + self.header.transcripts.saturating_sub(found))
    }
}

fn read_header(line: &[u8]) -> Result<Header, LedgerError> {
    let row = unseal(line).and_then(|_| serde_json::from_slice::<HeaderRow>(line).ok());
    let row = row.filter(|row| row.format == FORMAT).ok_or(LedgerError::NotALedger)?;
    if VERSION < row.version {
        return Err(LedgerError::TooNew { version: row.version });
    }
    Ok(Header {
        ledger: Key(from_hex(&row.ledger).ok_or(LedgerError::NotALedger)?),
        exported_at: Timestamp::from_unix_nanos(row.exported_ns),
        transcripts: row.transcripts,
    })
}

/// Writes what is known as a ledger file, line by line, and returns how many transcripts that
/// are. What was imported goes on under the name of the ledger that it comes from.
///
/// `ledger` is the name of this one, see [`identify`](super::identify); `now` the time.
pub fn export<E>(
    usage: &UsageCache,
    which: Exported,
    ledger: Key,
    now: Timestamp,
    write: &mut dyn FnMut(&[u8]) -> Result<(), E>,
) -> Result<u64, E> {
    let roots = &usage.status().roots;
    let is_meant =
        |transcript: &Transcript| which == Exported::All || transcript.gone_since.is_some();
    let own = own(usage).into_iter().filter(|(_, transcript)| is_meant(transcript));
    let own = own.filter_map(|(path, transcript)| {
        let below = below(roots, &transcript.source, &path)?;
        // Nobody reads on there.
        let transcript = Arc::new(Transcript { state: None, ..Transcript::clone(transcript) });
        Some(Imported { origin: Origin { ledger, path }, below, transcript })
    });
    let own: Vec<Imported> = own.collect();
    let imported = usage.imported();
    let transcripts = (own.len() + imported.len()) as u64;
    let header = HeaderRow {
        format: FORMAT.to_owned(),
        version: VERSION,
        ledger: to_hex(ledger.0),
        exported_ns: now.unix_nanos(),
        transcripts,
    };
    write(&seal(&header).line)?;
    for transcript in own.iter().chain(imported) {
        write(&imported_line(transcript, usage.models()).line)?;
    }
    Ok(transcripts)
}

/// The transcripts of this machine, by path.
fn own(usage: &UsageCache) -> Vec<(PathBuf, &Transcript)> {
    let path = |dir: &Path, name: &OsString| dir.join(name);
    let mut own: Vec<(PathBuf, &Transcript)> = usage
        .own()
        .flat_map(|(dir, names)| {
            names.iter().map(move |(name, entry)| (path(dir, name), &*entry.transcript))
        })
        .collect();
    own.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    own
}
