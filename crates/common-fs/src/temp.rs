//! Temporary files that say whose they are.
//!
//! A replacement is written to `.<target>.<pid>.<start>.<attempt>.tmp` beside its target, where
//! `start` is the [start time](crate::ProcessId::start_ticks) of the writer, or `-` if it is
//! not known. Whoever finds such a file can tell whether its writer still lives.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    time::Duration,
};

use crate::{
    Access, Dir, File, FileKind, FsError, Op, Overwrite, ProcessId, Processes, Timestamp, name,
};

/// How long an orphan is left alone: its writer may live in another container, where its
/// process number cannot be seen.
pub const ORPHAN_AGE: Duration = Duration::from_mins(10);

/// More than the writers of one process that share a target at the same time.
const ATTEMPTS: u32 = 10_000;

/// File names end at 255 bytes nearly everywhere; this leaves room for the owner.
const BASE_BYTES_MAX: usize = 150;

/// The temporary name for `target`.
pub(crate) fn name(target: &OsStr, owner: ProcessId, attempt: u32) -> OsString {
    let base = target.as_bytes();
    let mut name = b".".to_vec();
    name.extend_from_slice(base.get(..BASE_BYTES_MAX).unwrap_or(base));
    let start = owner.start_ticks.map_or_else(|| "-".to_owned(), |ticks| ticks.to_string());
    name.extend_from_slice(format!(".{}.{start}.{attempt}.tmp", owner.pid).as_bytes());
    OsString::from_vec(name)
}

/// A temporary file, removed when dropped unless it was renamed.
pub(crate) struct Temp<'d> {
    dir: &'d dyn Dir,
    name: OsString,
    file: Box<dyn File>,
    renamed: bool,
}

impl<'d> Temp<'d> {
    /// Creates a temporary file for `target`, readable by its owner only.
    ///
    /// A name that is taken, even by a link, is never opened: the next one is tried.
    pub(crate) fn create(
        dir: &'d dyn Dir,
        target: &OsStr,
        owner: ProcessId,
    ) -> Result<Self, FsError> {
        let (name, file) = create(dir, target, owner)?;
        Ok(Self { dir, name, file, renamed: false })
    }

    pub(crate) fn name(&self) -> &OsStr {
        &self.name
    }

    pub(crate) fn file(&self) -> &dyn File {
        self.file.as_ref()
    }

    /// Makes it the file `to`.
    pub(crate) fn rename(&mut self, to: &OsStr) -> Result<(), FsError> {
        self.dir.rename(&self.name, to, Overwrite::Allow)?;
        self.renamed = true;
        Ok(())
    }
}

impl Drop for Temp<'_> {
    fn drop(&mut self) {
        if !self.renamed {
            // Best effort: what stays behind names its owner, and the next sweep finds it.
            self.dir.remove(&self.name).ok();
        }
    }
}

/// Creates a temporary file for `target` that is not removed by itself: its creator renames or
/// removes it, in this process or, going by a record of its own, in a later one.
pub fn create(
    dir: &dyn Dir,
    target: &OsStr,
    owner: ProcessId,
) -> Result<(OsString, Box<dyn File>), FsError> {
    name::check(Op::Create, dir.path(), target)?;
    let mut attempt = 0;
    loop {
        let name = name(target, owner, attempt);
        attempt += 1;
        match dir.open(&name, Access::CreateNew { mode: 0o600 }) {
            Ok(file) => return Ok((name, file)),
            Err(error) if error.is_already_exists() && attempt < ATTEMPTS => (),
            Err(error) => return Err(error),
        }
    }
}

/// For what a temporary file of this crate was made, if `name` is that of one: the name of its target,
/// or, if that is long, its beginning.
pub fn target(name: &OsStr) -> Option<&OsStr> {
    owner(name)?;
    let body = name.as_bytes().strip_prefix(b".")?.strip_suffix(b".tmp")?;
    body.rsplitn(4, |&byte| byte == b'.').nth(3).map(OsStr::from_bytes)
}

/// Whether `name` is that of a temporary file of this crate, and the process that made it.
pub fn owner(name: &OsStr) -> Option<ProcessId> {
    let body = name.as_bytes().strip_prefix(b".")?.strip_suffix(b".tmp")?;
    let mut fields = body.rsplitn(4, |&byte| byte == b'.');
    let mut number = || std::str::from_utf8(fields.next()?).ok();
    let (attempt, start, pid) = (number()?, number()?, number()?);
    let base = fields.next()?;
    attempt.parse::<u32>().ok()?;
    let start_ticks = match start {
        "-" => None,
        ticks => Some(ticks.parse().ok()?),
    };
    (!base.is_empty()).then_some(ProcessId { pid: pid.parse().ok()?, start_ticks })
}

/// Removes the temporary files of writers that are dead, if older than [`ORPHAN_AGE`], and
/// returns their names.
///
/// Files that vanish meanwhile are somebody else's success. Names that do not follow the
/// pattern are never touched.
pub fn sweep_orphans(
    dir: &dyn Dir,
    processes: &dyn Processes,
    now: Timestamp,
) -> Result<Vec<OsString>, FsError> {
    let mut swept = Vec::new();
    for entry in dir.list()? {
        let orphaned = entry.kind == FileKind::File
            && owner(&entry.name).is_some_and(|owner| owner.is_dead(processes));
        if !orphaned {
            continue;
        }
        match dir.stat(&entry.name) {
            Ok(stat) if ORPHAN_AGE < now.since(stat.modified) => (),
            Ok(_) => continue,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        }
        match dir.remove(&entry.name) {
            Ok(()) => swept.push(entry.name),
            Err(error) if error.is_not_found() => (),
            Err(error) => return Err(error),
        }
    }
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_carry_their_owner() {
        let known = ProcessId { pid: 71, start_ticks: Some(99) };
        let unknown = ProcessId { pid: 71, start_ticks: None };
        for owner_id in [known, unknown] {
            for target in ["cache.jsonl", "x", ".hidden.5.6.7.tmp"] {
                let name = name(target.as_ref(), owner_id, 3);
                assert_eq!(owner(&name), Some(owner_id));
                assert_eq!(super::target(&name), Some(target.as_ref()));
            }
        }
        let long = OsString::from_vec(vec![b'\xff'; 255]);
        let temp = name(&long, known, ATTEMPTS);
        assert!(temp.len() < 255);
        assert_eq!(owner(&temp), Some(known));
    }

    #[test]
    fn foreign_names_have_no_owner() {
        for foreign in [
            "cache.jsonl",
            ".cache.tmp",
            ".cache.1.2.tmp",
            ".1.2.3.tmp",
            ".cache.x.2.3.tmp",
            ".cache.1.x.3.tmp",
            ".cache.1.2.x.tmp",
            "cache.1.2.3.tmp",
            ".cache.1.2.3.tmp.bak",
            ".usage-cost-cache.4711.0a1b2c3d-0000-4000-8000-000000000000.tmp",
        ] {
            assert_eq!(owner(foreign.as_ref()), None, "{foreign}");
        }
    }
}
