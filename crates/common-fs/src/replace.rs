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
//!
//! The target is looked at again right before the rename: if it has become something other than
//! a regular file, it stays. Whoever replaces it at the very same moment has to be kept out by a
//! lock, which [`Replacement::commit_if`] can check then.

use std::{
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
};

use crate::{
    Dir, FileKind, FsError, Host, Op, ProcessId, Refusal, Stat, follow_links, open_parent,
    temp::Temp, write_all,
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
    #[error("cannot replace `{}`{}, the old content is intact", path.display(), new_content(*bytes))]
    NotCommitted {
        /// The target.
        path: PathBuf,
        /// How many bytes of new content had been handed over; 0 if it failed before the first.
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

fn new_content(bytes: u64) -> String {
    if bytes == 0 { String::new() } else { format!(" by {bytes} bytes of new content") }
}

/// Makes `content` the content of the file at `path`.
pub fn replace(
    host: Host<'_>,
    path: &Path,
    content: &[u8],
    options: Options,
) -> Result<(), ReplaceError> {
    let owner = host.processes.identity().process;
    let (dir, name) = match options.symlinks {
        Symlinks::Refuse => open_parent(host.fs, path),
        Symlinks::Follow => follow_links(host.fs, path),
    }
    .map_err(|source| ReplaceError::NotCommitted {
        path: path.to_owned(),
        bytes: 0,
        source,
    })?;
    let mut replacement = Replacement::begin(dir.as_ref(), &name, owner, options.mode)?;
    replacement.write(content)?;
    replacement.commit()
}

/// A replacement in the making, for content that is produced piece by piece.
///
/// Dropping it before [`commit`](Self::commit) leaves the target as it was.
#[must_use = "nothing is replaced until `commit`"]
pub struct Replacement<'d> {
    target: Target<'d>,
    old: Option<Stat>,
    mode: FileMode,
    temp: Temp<'d>,
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
        let target = Target { dir, name: target.to_owned() };
        let begun =
            target.look().and_then(|old| Ok((old, Temp::create(dir, &target.name, owner)?)));
        match begun {
            Ok((old, temp)) => Ok(Self { target, old, mode, temp, bytes: 0 }),
            Err(source) => Err(target.not_committed(0, source)),
        }
    }

    /// Adds to the new content.
    ///
    /// After an error the replacement can only be dropped.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ReplaceError> {
        self.bytes += bytes.len() as u64;
        write_all(self.temp.file(), bytes).map_err(|source| self.not_committed(source))
    }

    /// Puts the new content in place.
    pub fn commit(self) -> Result<(), ReplaceError> {
        self.commit_if(|_| Ok(()))
    }

    /// Puts the new content in place if `check` agrees, and returns its error otherwise.
    ///
    /// It is asked at the last moment: the new content is on stable storage, and nothing but the
    /// rename follows. It is told what stands in the target's place then. This is where to
    /// [verify](crate::lock::Lock::verify) a lock, or that the target is the file that was read.
    pub fn commit_if<E: From<ReplaceError>>(
        mut self,
        check: impl FnOnce(Option<&Stat>) -> Result<(), E>,
    ) -> Result<(), E> {
        let newest = self.settle().map_err(|source| self.not_committed(source))?;
        check(newest.as_ref())?;
        if let Err(source) = self.temp.rename(&self.target.name) {
            return Err(self.not_committed(source).into());
        }
        let path = self.target.path();
        let synced = self.target.dir.sync();
        synced.map_err(|source| ReplaceError::DurabilityUnknown { path, source }.into())
    }

    /// Flushes the new file, with the permissions that it is to have, and returns what it is
    /// going to replace.
    fn settle(&self) -> Result<Option<Stat>, FsError> {
        let mut old = self.old;
        loop {
            let permissions = self.permissions(old.as_ref());
            self.flush(permissions)?;
            let newest = self.target.look()?;
            // Otherwise somebody changed them, or the target, while the content was written.
            if self.permissions(newest.as_ref()) == permissions {
                return Ok(newest);
            }
            old = newest;
        }
    }

    fn permissions(&self, old: Option<&Stat>) -> Permissions {
        match (self.mode, old) {
            (FileMode::Private, _) => Permissions { mode: 0o600, owner: None },
            (FileMode::Keep { fresh }, None) => Permissions { mode: fresh, owner: None },
            (FileMode::Keep { .. }, Some(old)) => {
                Permissions { mode: old.mode, owner: Some((old.uid, old.gid)) }
            }
        }
    }

    fn flush(&self, Permissions { mode, owner }: Permissions) -> Result<(), FsError> {
        let file = self.temp.file();
        let owned = match owner {
            None => true,
            Some((uid, gid)) => {
                let new = file.stat()?;
                (new.uid, new.gid) == (uid, gid) || file.set_owner(uid, gid).is_ok()
            }
        };
        file.set_mode(if owned { mode } else { mode & 0o700 })?;
        file.sync()
    }

    fn not_committed(&self, source: FsError) -> ReplaceError {
        self.target.not_committed(self.bytes, source)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Permissions {
    mode: u32,
    /// User and group, where they matter.
    owner: Option<(u32, u32)>,
}

/// What is to be replaced.
struct Target<'d> {
    dir: &'d dyn Dir,
    name: OsString,
}

impl Target<'_> {
    fn path(&self) -> PathBuf {
        self.dir.path().join(&self.name)
    }

    /// The regular file that stands there, if anything does.
    fn look(&self) -> Result<Option<Stat>, FsError> {
        match self.dir.stat(&self.name) {
            Ok(stat) if stat.kind == FileKind::File => Ok(Some(stat)),
            Ok(stat) => {
                Err(FsError::refused(Op::Rename, &self.path(), Refusal::NotAFile(stat.kind)))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn not_committed(&self, bytes: u64, source: FsError) -> ReplaceError {
        ReplaceError::NotCommitted { path: self.path(), bytes, source }
    }
}
