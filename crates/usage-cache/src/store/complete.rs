//! Telling that all that was found is known, without making sense of it.

use std::path::Path;

use common_fs::{Access, File, FsError, Host, open_parent, read_whole};

use super::{
    format::{self, Complete, Usable},
    is_trusted,
    load::Reading,
};
use crate::{Key, entries::Entries, models::Models, wire::fold_sum};

/// A cache of hundreds of thousands of transcripts.
const BYTES_MAX: usize = 1024 * 1024 * 1024;
/// More than the last line has, if it is one.
const LAST_LINE_BYTES: usize = 256;

/// The lines of a cache file, none of which is damaged.
#[derive(Default)]
pub(crate) struct Lines(Vec<u8>);

/// The cache file, if it knows all of `found`, and nothing was saved since it did.
pub(crate) fn read_if_complete(host: Host<'_>, path: &Path, found: Key) -> Option<Lines> {
    try_read(host, path, found).ok().flatten()
}

fn try_read(host: Host<'_>, path: &Path, found: Key) -> Result<Option<Lines>, FsError> {
    let (dir, name) = open_parent(host.fs, path)?;
    let file = dir.open(&name, Access::Read)?;
    let stat = file.stat()?;
    let uid = host.processes.identity().uid;
    if !is_trusted(&stat, uid) || !knows(&tail(file.as_ref(), stat.size_bytes)?, found) {
        return Ok(None);
    }
    let lines = read_whole(file.as_ref(), BYTES_MAX)?.map(Lines);
    Ok(lines.filter(|lines| lines.are_sound() && knows(&lines.0, found)))
}

/// What the cache file says last, if that is that all is known. The lines before are not looked
/// at.
pub(crate) fn last_complete(host: Host<'_>, path: &Path) -> Option<Complete> {
    let (dir, name) = open_parent(host.fs, path).ok()?;
    let file = dir.open(&name, Access::Read).ok()?;
    let stat = file.stat().ok()?;
    if !is_trusted(&stat, host.processes.identity().uid) {
        return None;
    }
    complete(&tail(file.as_ref(), stat.size_bytes).ok()?)
}

/// The last bytes of a file.
fn tail(file: &dyn File, size_bytes: u64) -> Result<Vec<u8>, FsError> {
    let mut tail = vec![0; LAST_LINE_BYTES];
    let from = size_bytes.saturating_sub(LAST_LINE_BYTES as u64);
    let read = file.read_at(&mut tail, from)?;
    tail.truncate(read);
    Ok(tail)
}

fn knows(end: &[u8], found: Key) -> bool {
    complete(end).is_some_and(|complete| complete.found == found)
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
    /// Whether all lines are those that were there when the last one was written.
    fn are_sound(&self) -> bool {
        let Some(Complete { before, .. }) = self.complete() else { return false };
        let mut lines = self.iter();
        let Some(header) = lines.next() else { return false };
        let mut folded = fold_sum(0, header);
        let mut matched = false;
        for line in lines {
            if !format::is_sound(line) {
                return false;
            }
            matched = folded == before;
            folded = fold_sum(folded, line);
        }
        matched && format::read_header(header) == Usable::Yes
    }

    /// What the last one says.
    pub(crate) fn complete(&self) -> Option<Complete> {
        complete(&self.0)
    }

    /// The lines, without their ends.
    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        memchr::memchr_iter(b'\n', &self.0).filter_map(move |end| {
            let line = self.0.get(from..end);
            from = end + 1;
            line
        })
    }

    /// What they say.
    pub(crate) fn read(&self) -> (Entries, Models) {
        let mut reading = Reading::default();
        self.iter().skip(1).for_each(|line| reading.take(line, Usable::Yes));
        (reading.entries, reading.models)
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("bytes", &self.0.len()).finish()
    }
}
