//! The file: a header, which is a line of JSON, and the sections of facts; `docs/formats.md`
//! describes it.

use std::{io, path::Path};

use common_fs::{
    Access, File, FsError, Host, Timestamp,
    lines::{Buffer, Limits, Line, LineReader},
    open_parent,
};
use serde::{Deserialize, Serialize};

use super::{Basis, Counts, Memo};
use crate::{
    Facts, Gone, Key,
    facts::{Sections, Tables},
    store::{Complete, is_trusted},
    wire::{from_hex, seal, to_hex, unseal},
};

const FORMAT: &str = "upkeep-usage-facts";
/// Goes up when facts are made or written otherwise: who counts what, and what it costs, included.
const VERSION: u32 = 1;
/// Nobody knows which of its rules another version of the program has changed.
const PROGRAM: &str = env!("CARGO_PKG_VERSION");

/// Thousands of models.
const HEADER_LIMITS: Limits = Limits { line_bytes_max: 1024 * 1024, lookback_bytes: 0 };

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Header {
    format: String,
    version: u32,
    program: String,
    /// What the cache file said last,
    found: String,
    before: String,
    /// and what else the facts were made of.
    places: String,
    turns: String,
    prices: String,
    gone: GoneWord,
    counts: Counts,
    tables: Tables,
    sections: [Section; 3],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum GoneWord {
    Include,
    Exclude,
}

/// A part of the rest of the file, each after the one before.
#[derive(Debug, Serialize, Deserialize)]
struct Section {
    bytes: usize,
    sum: String,
}

impl Section {
    fn of(content: &[u8]) -> Self {
        Self { bytes: content.len(), sum: to_hex(sum(content)) }
    }
}

fn sum(content: &[u8]) -> u64 {
    Key::of(&[b"facts", content]).0
}

impl Header {
    /// The content of the file.
    pub(super) fn write(places: Key, basis: &Basis, counts: Counts, facts: &Facts) -> Vec<u8> {
        let (tables, Sections { by_source, sessions, by_session }) = facts.written();
        let header = Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            program: PROGRAM.to_owned(),
            found: to_hex(basis.complete.found.0),
            before: to_hex(basis.complete.before),
            places: to_hex(places.0),
            turns: to_hex(basis.turns.0),
            prices: to_hex(basis.prices.0),
            gone: match basis.gone {
                Gone::Include => GoneWord::Include,
                Gone::Exclude => GoneWord::Exclude,
            },
            counts,
            tables,
            sections: [&by_source, &sessions, &by_session].map(|content| Section::of(content)),
        };
        [seal(&header).line, by_source, sessions, by_session].concat()
    }

    pub(super) fn is_of(&self, places: Key, basis: &Basis) -> bool {
        self.are_places(places) && self.basis() == Some(*basis)
    }

    fn are_places(&self, places: Key) -> bool {
        from_hex(&self.places) == Some(places.0)
    }

    fn basis(&self) -> Option<Basis> {
        let key = |hex: &str| from_hex(hex).map(Key);
        let complete = Complete { found: key(&self.found)?, before: from_hex(&self.before)? };
        let gone = match self.gone {
            GoneWord::Include => Gone::Include,
            GoneWord::Exclude => Gone::Exclude,
        };
        Some(Basis { complete, turns: key(&self.turns)?, prices: key(&self.prices)?, gone })
    }
}

/// The header, if the file is ours, and as long as it says.
pub(super) fn read_header(host: Host<'_>, path: &Path) -> Option<Header> {
    Open::at(host, path).map(|open| open.header)
}

/// All of it, if it is about these places.
pub(super) fn read(host: Host<'_>, path: &Path, places: Key) -> Option<Memo> {
    let open = Open::at(host, path).filter(|open| open.header.are_places(places))?;
    let [by_source, sessions, by_session] = [open.section(0)?, open.section(1)?, open.section(2)?];
    open.memo(Sections { by_source, sessions, by_session })
}

/// What needs no sessions.
pub(super) fn read_first(host: Host<'_>, path: &Path, places: Key) -> Option<Memo> {
    let open = Open::at(host, path).filter(|open| open.header.are_places(places))?;
    let sections = Sections { by_source: open.section(0)?, ..Sections::default() };
    open.memo(sections)
}

/// A file with a header that holds.
struct Open {
    file: Box<dyn File>,
    modified: Timestamp,
    header: Header,
    /// Where the sections begin.
    start: u64,
}

impl Open {
    fn at(host: Host<'_>, path: &Path) -> Option<Self> {
        let (dir, name) = open_parent(host.fs, path).ok()?;
        let file = dir.open(&name, Access::Read).ok()?;
        let stat = file.stat().ok()?;
        if !is_trusted(&stat, host.processes.identity().uid) {
            return None;
        }
        let mut buffer = Buffer::default();
        let mut lines =
            LineReader::new(file.as_ref(), 0, stat.size_bytes, HEADER_LIMITS, &mut buffer).ok()?;
        let Some(Line::Whole(line)) = lines.next_line().ok()? else { return None };
        unseal(line)?;
        let header: Header = serde_json::from_slice(line).ok()?;
        let start = line.len() as u64 + 1;
        let is_ours = (&*header.format, header.version) == (FORMAT, VERSION);
        if !is_ours || header.program != PROGRAM {
            return None;
        }
        let lengths = header.sections.iter().map(|section| section.bytes as u64);
        let end = lengths.fold(start, u64::saturating_add);
        drop(lines);
        (end == stat.size_bytes).then_some(Self { file, modified: stat.modified, header, start })
    }

    /// What is in a section, if it is what was written.
    fn section(&self, number: usize) -> Option<Vec<u8>> {
        let before = self.header.sections.iter().take(number);
        let offset =
            before.map(|section| section.bytes as u64).fold(self.start, u64::saturating_add);
        let section = self.header.sections.get(number)?;
        let content = read_exact(self.file.as_ref(), offset, section.bytes).ok()?;
        (from_hex(&section.sum) == Some(sum(&content))).then_some(content)
    }

    fn memo(self, sections: Sections) -> Option<Memo> {
        let basis = self.header.basis()?;
        let Header { tables, counts, .. } = self.header;
        // The sums say that the sections are what was written.
        let facts = Facts::read(tables, sections, basis);
        Some(Memo { facts, counts, held_at: self.modified })
    }
}

/// So many bytes, or as many as there are.
fn read_exact(file: &dyn File, offset: u64, bytes: usize) -> Result<Vec<u8>, FsError> {
    let (mut content, mut filled) = (vec![0; bytes], 0);
    while let Some(free) = content.get_mut(filled..).filter(|free| !free.is_empty()) {
        match file.read_at(free, offset.saturating_add(filled as u64)) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    content.truncate(filled);
    Ok(content)
}
