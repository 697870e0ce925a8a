//! Telling that all that was found is known, without making sense of it.

use std::{io, ops::Range, path::Path};

use common_fs::{
    Access, File, FsError, Host, Op,
    lines::{Buffer, Line, LineReader},
    open_parent,
};

use super::{
    format::{self, Complete, Usable},
    is_trusted,
    load::{RECORD_LIMITS, Reading},
};
use crate::{
    Key,
    entries::Entries,
    models::Models,
    parallel,
    wire::{SUM_BYTES, fold_sum},
};

/// More than the last line has, if it is one.
const LAST_LINE_BYTES: usize = 256;

/// For less, another thread costs more than it saves.
const BYTES_PER_THREAD: u64 = if cfg!(test) { 1 } else { 1024 * 1024 };

/// The lines of a cache file, none of which was damaged when it was checked.
///
/// They are not kept: most reports need none of them, and there can be a hundred megabytes. The
/// file stays open, and what was written to it is never changed, only replaced by another file.
pub(crate) struct Lines {
    file: Box<dyn File>,
    size_bytes: u64,
    /// What the last one says.
    complete: Complete,
}

/// The cache file, if it knows all of `found`, and nothing was saved since it did.
pub(crate) fn open_if_complete(
    host: Host<'_>,
    path: &Path,
    found: Key,
    threads: usize,
) -> Option<Lines> {
    let lines = open_complete(host, path)?;
    let knows = lines.complete.found == found;
    (knows && lines.are_sound(threads)).then_some(lines)
}

/// What the cache file says last, if that is that all is known. The lines before are not looked
/// at.
pub(crate) fn last_complete(host: Host<'_>, path: &Path) -> Option<Complete> {
    open_complete(host, path).map(|lines| lines.complete)
}

fn open_complete(host: Host<'_>, path: &Path) -> Option<Lines> {
    let (dir, name) = open_parent(host.fs, path).ok()?;
    let file = dir.open(&name, Access::Read).ok()?;
    let stat = file.stat().ok()?;
    if !is_trusted(&stat, host.processes.identity().uid) {
        return None;
    }
    let size_bytes = stat.size_bytes;
    let complete = complete(&tail(file.as_ref(), size_bytes).ok()?)?;
    Some(Lines { file, size_bytes, complete })
}

/// The last bytes of a file.
fn tail(file: &dyn File, size_bytes: u64) -> Result<Vec<u8>, FsError> {
    let mut tail = vec![0; LAST_LINE_BYTES];
    let from = size_bytes.saturating_sub(LAST_LINE_BYTES as u64);
    let read = file.read_at(&mut tail, from)?;
    tail.truncate(read);
    Ok(tail)
}

fn complete(end: &[u8]) -> Option<Complete> {
    last_line(end).and_then(format::read_complete)
}

fn last_line(end: &[u8]) -> Option<&[u8]> {
    let lines = end.strip_suffix(b"\n")?;
    let from = memchr::memrchr(b'\n', lines).map_or(0, |at| at + 1);
    lines.get(from..)
}

impl Lines {
    /// What the last one says.
    pub(crate) fn complete(&self) -> Complete {
        self.complete
    }

    /// Whether all lines are those that were there when the last one was written.
    fn are_sound(&self, threads: usize) -> bool {
        let threads = (self.size_bytes / BYTES_PER_THREAD).clamp(1, threads.max(1) as u64);
        let part_bytes = self.size_bytes.div_ceil(threads);
        let parts: Vec<Range<u64>> =
            (0..threads).map(|part| part * part_bytes..(part + 1) * part_bytes).collect();
        let sums = parallel::map(&parts, parts.len(), 1, |part| self.sums(part).ok()?);
        let sums: Option<Vec<_>> = sums.into_iter().collect();
        let Some(sums) = sums.map(|sums| sums.concat()) else { return false };
        let Some((_, before)) = sums.split_last() else { return false };
        before.iter().fold(0, |folded, sum| fold_sum(folded, sum)) == self.complete.before
    }

    /// The sums, as they are written, of the lines that begin in a part of the file; `None` if a
    /// line is not what was written.
    fn sums(&self, part: &Range<u64>) -> Result<Option<Vec<[u8; SUM_BYTES]>>, FsError> {
        let mut buffer = Buffer::default();
        let mut lines = self.lines(part.start.saturating_sub(1), &mut buffer)?;
        if 0 < part.start {
            // What began before, or the end of it.
            lines.next_line()?;
        }
        let mut sums = Vec::new();
        while lines.tail_start() < part.end.min(self.size_bytes) {
            let is_header = lines.tail_start() == 0;
            let Some(Line::Whole(line)) = lines.next_line()? else { return Ok(None) };
            if is_header && format::read_header(line) != Usable::Yes || !format::is_sound(line) {
                return Ok(None);
            }
            sums.extend(line.last_chunk());
        }
        Ok(Some(sums))
    }

    fn lines<'f>(&'f self, start: u64, buffer: &mut Buffer) -> Result<LineReader<'f>, FsError> {
        LineReader::new(self.file.as_ref(), start, self.size_bytes, RECORD_LIMITS, buffer)
    }

    /// What they say.
    ///
    /// # Errors
    ///
    /// They cannot be read, or are not those that were checked.
    pub(crate) fn read(&self) -> Result<(Entries, Models), FsError> {
        let mut buffer = Buffer::default();
        let mut lines = self.lines(0, &mut buffer)?;
        let mut folded = match lines.next_line()? {
            Some(Line::Whole(header)) => fold_sum(0, header),
            Some(Line::TooLong { .. }) | None => 0,
        };
        let (mut reading, mut before) = (Reading::default(), 0);
        while let Some(Line::Whole(line)) = lines.next_line()? {
            before = folded;
            folded = fold_sum(folded, line);
            reading.take(line, Usable::Yes);
        }
        let are_all = lines.tail_start() == self.size_bytes && before == self.complete.before;
        if are_all && reading.damaged == 0 {
            return Ok((reading.entries, reading.models));
        }
        let (op, path) = (Op::Read, self.file.path().to_owned());
        let source = io::Error::other("it was changed while it was in use");
        Err(FsError { op, path, source })
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { size_bytes, complete, .. } = self;
        let mut debug = f.debug_struct("Lines");
        debug.field("size_bytes", size_bytes).field("complete", complete).finish()
    }
}

#[cfg(test)]
mod tests;
