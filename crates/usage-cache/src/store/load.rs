use std::path::Path;

use common_fs::{
    Access, FsError, Host, Stat,
    lines::{Buffer, Limits, Line, LineReader},
    open_parent,
};

use super::{
    CacheProblem, Entries, Entry, OnDisk,
    format::{self, Record, Usable},
};
use crate::{models::Models, transcript::Transcript};

/// A record of a session that lasted for years has some megabytes.
const RECORD_LIMITS: Limits = Limits { line_bytes_max: 64 * 1024 * 1024, lookback_bytes: 0 };

/// What the cache file holds.
#[derive(Default)]
pub(crate) struct Loaded {
    pub(crate) entries: Entries,
    pub(crate) models: Models,
    pub(crate) on_disk: OnDisk,
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
        Err(error) => Loaded::nothing(OnDisk::Untouchable, CacheProblem::Unreadable(error)),
    }
}

fn try_load(host: Host<'_>, path: &Path) -> Result<Loaded, FsError> {
    let (dir, name) = open_parent(host.fs, path)?;
    let file = dir.open(&name, Access::Read)?;
    let stat = file.stat()?;
    let path = || path.to_owned();
    if !is_trusted(&stat, host.processes.identity().uid) {
        let problem = CacheProblem::Untrusted { path: path() };
        return Ok(Loaded::nothing(OnDisk::Untouchable, problem));
    }
    let mut buffer = Buffer::default();
    let size = stat.size_bytes;
    let mut lines = LineReader::new(file.as_ref(), 0, size, RECORD_LIMITS, &mut buffer)?;
    let usable = match lines.next_line()? {
        Some(Line::Whole(line)) => format::read_header(line),
        // A header that was torn by a crash, and nothing else.
        None if size <= format::header().len() as u64 => {
            return Ok(Loaded { on_disk: OnDisk::Replace, ..Loaded::default() });
        }
        Some(Line::TooLong { .. }) | None => Usable::No,
    };
    match usable {
        Usable::Yes | Usable::OtherParser => (),
        Usable::TooNew(version) => {
            let problem = CacheProblem::TooNew { path: path(), version };
            return Ok(Loaded::nothing(OnDisk::Untouchable, problem));
        }
        Usable::No => {
            let problem = CacheProblem::NotACache { path: path() };
            return Ok(Loaded::nothing(OnDisk::SetAside, problem));
        }
    }
    let mut loaded = Loaded::default();
    let mut damaged = usable == Usable::OtherParser;
    while let Some(line) = lines.next_line()? {
        let record = match line {
            Line::Whole(line) => {
                let bytes = line.len() as u64 + 1;
                format::read_record(line, &mut loaded.models).map(|record| (record, bytes))
            }
            Line::TooLong { .. } => None,
        };
        match record {
            Some(((path, Record::Transcript { transcript, renamed_from }), record_bytes)) => {
                for earlier in renamed_from {
                    loaded.entries.remove(&earlier);
                }
                let outdated = transcript.outdated || usable == Usable::OtherParser;
                let transcript = Transcript { outdated, ..transcript };
                loaded.entries.insert(path, Entry::new(transcript, record_bytes));
            }
            Some(((path, Record::Removed), _)) => {
                loaded.entries.remove(&path);
            }
            None => damaged = true,
        }
    }
    damaged |= lines.tail_start() != size;
    loaded.on_disk = if damaged { OnDisk::Replace } else { OnDisk::Append(stat.id, size) };
    Ok(loaded)
}

/// A file that others can change could make us tell lies; root is trusted to know.
fn is_trusted(stat: &Stat, uid: u32) -> bool {
    stat.mode & 0o022 == 0 && (stat.uid == uid || uid == 0)
}
