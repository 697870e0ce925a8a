//! Replacing a file so that every reader, and every later boot, sees the old or the new
//! content.
//!
//! The steps are those that survive a power cut on real file systems: a temporary file in the
//! same directory, its content flushed, then renamed over the target, then the directory
//! flushed. Leaving out the first flush loses data after a crash; leaving out the second makes
//! "done" untrue (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014).
//!
//! Kept from a file that is replaced, with [`FileMode::Keep`]: permission bits, owner and group.
//! Not kept: extended attributes, access control lists, and the sharing of content with other
//! hard links (those keep the old content).

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{
    Dir, File, FileKind, FsError, Host, Op, Overwrite, ProcessId, Refusal, Stat, follow_links,
    open_parent, temp, write_all,
};

/// How a file is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Permission bits of the new file.
    pub mode: FileMode,
    /// What happens if the target is a symbolic link.
    pub symlinks: Symlinks,
}

/// The permissions of the new file. In any case it is private while it is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    /// 0600, whatever was there: for caches and other private state.
    Private,
    /// The permission bits, owner and group of the file that is replaced.
    ///
    /// If the group or owner cannot be kept, the bits of group and others are cleared: nobody
    /// gains access by a replacement.
    Keep {
        /// Permission bits if there was no file.
        fresh: u32,
    },
}

/// What happens if the target is a symbolic link. In no case is the link itself replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symlinks {
    /// The replacement fails.
    Refuse,
    /// What the link points to is replaced, or created if it does not exist.
    Follow,
}

/// Why there is no durable new content. `Ok` is the third outcome: it is there and stays.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The target has its old content.
    #[error("cannot replace `{}` ({bytes} bytes of new content), the old content is intact", path.display())]
    NotCommitted {
        /// The target.
        path: PathBuf,
        /// How many bytes of new content were to be stored.
        bytes: u64,
        /// What failed.
        #[source]
        source: FsError,
    },
    /// The target has its new content, but a power cut may bring the old one back.
    #[error("`{}` is replaced, but the change may not survive a power cut", path.display())]
    DurabilityUnknown {
        /// The target.
        path: PathBuf,
        /// What failed.
        #[source]
        source: FsError,
    },
}

/// Makes `content` the content of the file at `path`.
pub fn replace(
    host: Host<'_>,
    path: &Path,
    content: &[u8],
    options: Options,
) -> Result<(), ReplaceError> {
    let owner = host.processes.identity().process;
    let not_committed = |source| ReplaceError::NotCommitted {
        path: path.to_owned(),
        bytes: content.len() as u64,
        source,
    };
    let (dir, name) = match options.symlinks {
        Symlinks::Refuse => open_parent(host.fs, path),
        Symlinks::Follow => follow_links(host.fs, path),
    }
    .map_err(not_committed)?;
    let mut replacement = Replacement::begin(dir.as_ref(), &name, owner, options.mode)?;
    replacement.write(content)?;
    replacement.commit()
}

/// A replacement in the making, for content that is produced piece by piece.
///
/// Dropping it before [`commit`](Self::commit) leaves the target as it was.
#[must_use = "nothing is replaced until `commit`"]
pub struct Replacement<'d> {
    dir: &'d dyn Dir,
    target: OsString,
    old: Option<Stat>,
    mode: FileMode,
    /// `None` once the temporary file is gone: renamed or removed.
    temp: Option<(OsString, Box<dyn File>)>,
    bytes: u64,
}

impl<'d> Replacement<'d> {
    /// Starts to replace the file `target` in `dir`.
    ///
    /// Whatever is not a regular file is refused, symbolic links included.
    pub fn begin(
        dir: &'d dyn Dir,
        target: &OsStr,
        owner: ProcessId,
        mode: FileMode,
    ) -> Result<Self, ReplaceError> {
        let mut replacement =
            Self { dir, target: target.to_owned(), old: None, mode, temp: None, bytes: 0 };
        match replacement.open(owner) {
            Ok(()) => Ok(replacement),
            Err(error) => Err(replacement.not_committed(error)),
        }
    }

    fn open(&mut self, owner: ProcessId) -> Result<(), FsError> {
        self.old = match self.dir.stat(&self.target) {
            Ok(stat) if stat.kind == FileKind::File => Some(stat),
            Ok(stat) => {
                let path = self.dir.path().join(&self.target);
                return Err(FsError::refused(Op::Open, &path, Refusal::NotAFile(stat.kind)));
            }
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error),
        };
        self.temp = Some(temp::create(self.dir, &self.target, owner)?);
        Ok(())
    }

    /// Adds to the new content.
    ///
    /// After an error the replacement can only be dropped.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        self.bytes += bytes.len() as u64;
        let Some((_, file)) = &self.temp else { return Ok(()) };
        write_all(file.as_ref(), bytes).map_err(|error| self.not_committed(error))
    }

    /// Puts the new content in place.
    pub fn commit(mut self) -> Result<(), ReplaceError> {
        if let Err(error) = self.put_in_place() {
            return Err(self.not_committed(error));
        }
        self.temp = None;
        self.dir.sync().map_err(|source| ReplaceError::DurabilityUnknown {
            path: self.dir.path().join(&self.target),
            source,
        })
    }

    fn put_in_place(&self) -> Result<(), FsError> {
        let Some((temp, file)) = &self.temp else { return Ok(()) };
        file.set_mode(self.inherit(file.as_ref())?)?;
        file.sync()?;
        self.dir.rename(temp, &self.target, Overwrite::Allow)
    }

    /// Gives the new file the owner of the old one, and returns the mode it may have then.
    fn inherit(&self, file: &dyn File) -> Result<u32, FsError> {
        let (mode, old) = match (self.mode, &self.old) {
            (FileMode::Private, _) => return Ok(0o600),
            (FileMode::Keep { fresh }, None) => return Ok(fresh),
            (FileMode::Keep { .. }, Some(old)) => (old.mode, old),
        };
        let new = file.stat()?;
        let same_owner = (new.uid, new.gid) == (old.uid, old.gid);
        if same_owner || file.set_owner(old.uid, old.gid).is_ok() {
            return Ok(mode);
        }
        Ok(mode & 0o700)
    }

    fn not_committed(&self, source: FsError) -> ReplaceError {
        let path = self.dir.path().join(&self.target);
        ReplaceError::NotCommitted { path, bytes: self.bytes, source }
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if let Some((temp, _)) = &self.temp {
            // Best effort: what stays behind names its owner, and the next sweep finds it.
            self.dir.remove(temp).ok();
        }
    }
}
