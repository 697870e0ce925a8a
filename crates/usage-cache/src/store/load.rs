use std::{io, path::Path, sync::Arc};

use common_fs::{
    Access, FsError, Host, Stat,
    lines::{Buffer, Limits, Line, LineReader},
    open_parent,
};

use super::{
    CacheProblem, OnDisk, RECORD_BYTES_MAX, Seen,
    format::{self, Content, Names, Record, Usable},
};
use crate::{
    entries::{Entries, Entry, Saved},
    models::Models,
    transcript::Transcript,
    wire::{fold_sum, fold_sums},
};

pub(super) const RECORD_LIMITS: Limits =
    Limits { line_bytes_max: RECORD_BYTES_MAX, lookback_bytes: 0 };

/// What the cache file holds.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) entries: Entries,
    pub(crate) models: Models,
    pub(crate) on_disk: OnDisk,
    /// The [sums](fold_sums) of its lines.
    pub(crate) sums: u64,
    pub(crate) problem: Option<CacheProblem>,
}

impl Loaded {
    fn nothing(on_disk: OnDisk, problem: CacheProblem) -> Self {
        Self { on_disk, problem: Some(problem), ..Self::default() }
    }
}

/// Reads the cache file, once and without a lock.
pub(crate) fn load(host: Host<'_>, path: &Path) -> Loaded {
    match try_load(host, path) {
        Ok(loaded) => loaded,
        Err(error) if error.is_not_found() => Loaded::default(),
        // No cache can be below a file; why none can be saved is told when one is.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Loaded::default(),
        Err(error) => Loaded::nothing(OnDisk::Untouchable, CacheProblem::Unreadable(error)),
    }
}

fn try_load(host: Host<'_>, path: &Path) -> Result<Loaded, FsError> {
    let (dir, name) = open_parent(host.fs, path)?;
    let file = dir.open(&name, Access::Read)?;
    let stat = file.stat()?;
    let path = path.to_owned();
    if !is_trusted(&stat, host.processes.identity().uid) {
        let problem = CacheProblem::Untrusted { path };
        return Ok(Loaded::nothing(OnDisk::Untouchable, problem));
    }
    let (mut buffer, size) = (Buffer::default(), stat.size_bytes);
    let seen = Seen { id: stat.id, size_bytes: size };
    let mut lines = LineReader::new(file.as_ref(), 0, size, RECORD_LIMITS, &mut buffer)?;
    let mut reading = Reading::default();
    let usable = match lines.next_line()? {
        Some(Line::Whole(line)) => format::read_header(line),
        // A header that was torn by a crash, and nothing else.
        None if size <= format::header().len() as u64 => {
            return Ok(Loaded { on_disk: OnDisk::Replace(seen), ..Loaded::default() });
        }
        Some(Line::TooLong { .. }) | None => Usable::No,
    };
    if let Usable::TooNew(version) = usable {
        let problem = CacheProblem::TooNew { path, version };
        return Ok(Loaded::nothing(OnDisk::Untouchable, problem));
    }
    let mut sums = fold_sums(0, &format::header());
    while let Some(line) = lines.next_line()? {
        match line {
            Line::Whole(line) => {
                sums = fold_sum(sums, line);
                reading.take(line, usable);
            }
            Line::TooLong { .. } => reading.damaged += 1,
        }
    }
    let torn = lines.tail_start() != size;
    if usable == Usable::No && reading.records == 0 {
        return Ok(Loaded::nothing(OnDisk::SetAside(seen), CacheProblem::NotACache { path }));
    }
    if usable == Usable::No {
        // Somebody's records are good, only the first line is not.
        reading.damaged += 1;
    }
    let Reading { entries, models, damaged, .. } = reading;
    let is_good = usable == Usable::Yes && damaged == 0 && !torn;
    let on_disk = if is_good { OnDisk::Append(seen) } else { OnDisk::Replace(seen) };
    let problem = (0 < damaged).then_some(CacheProblem::Damaged { path, lines: damaged });
    Ok(Loaded { entries, models, on_disk, sums, problem })
}

/// A file that others can change could make us tell lies; root is trusted to know.
pub(crate) fn is_trusted(stat: &Stat, uid: u32) -> bool {
    stat.mode & 0o022 == 0 && (stat.uid == uid || uid == 0)
}

/// What the records say so far.
#[derive(Default)]
pub(super) struct Reading {
    pub(super) entries: Entries,
    pub(super) models: Models,
    sources: Names,
    /// Lines with the right sum.
    records: u64,
    pub(super) damaged: u64,
}

impl Reading {
    pub(super) fn take(&mut self, line: &[u8], usable: Usable) {
        let Some(record) = format::read_record(line, &mut self.models, &mut self.sources) else {
            self.damaged += 1;
            return;
        };
        self.records += 1;
        let bytes = line.len() as u64 + 1;
        if self.apply(record, bytes, usable).is_none() {
            self.damaged += 1;
        }
    }

    /// `None` if the record changes one that is not there.
    fn apply(&mut self, record: Record, bytes: u64, usable: Usable) -> Option<()> {
        let Record { path, superseded, sum, content } = record;
        for earlier in &superseded {
            self.entries.supersede(earlier);
        }
        let (transcript, full_bytes, delta_bytes, deltas) = match content {
            Content::Removed => {
                self.entries.remove(&path);
                return Some(());
            }
            // Something was saved since, or it would not have come to this.
            Content::Complete(_) => return Some(()),
            Content::Ledger(ledger) => {
                self.entries.ledger = Some(ledger);
                return Some(());
            }
            Content::Imported(imported) => {
                self.entries.imported_bytes += bytes;
                self.entries.imported.insert(imported);
                return Some(());
            }
            Content::Database(known) => {
                self.entries.databases.insert(path, known);
                return Some(());
            }
            Content::Full(transcript) => (transcript, bytes, 0, 0),
            Content::Delta { extends, transcript } => {
                let before = self.entries.get(&path)?.saved.as_ref()?;
                if before.sum != extends {
                    return None;
                }
                let changed = transcript.rollup.buckets().to_vec();
                let rollup = before.transcript.rollup.updated(changed);
                let log = before.transcript.log.updated(&transcript.log);
                let transcript = Transcript { rollup, log, ..transcript };
                (transcript, before.full_bytes, before.delta_bytes + bytes, before.deltas + 1)
            }
        };
        // Nobody can tell by which rules it was written.
        let version = if usable == Usable::No { 0 } else { transcript.version };
        let transcript = Arc::new(Transcript { version, ..transcript });
        let known = Arc::clone(&transcript);
        let saved = Saved { transcript: known, sum, full_bytes, delta_bytes, deltas };
        let entry = Entry { transcript, saved: Some(saved), superseded: Vec::new() };
        self.entries.insert(&path, entry);
        Some(())
    }
}
