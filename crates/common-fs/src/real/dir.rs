use std::{
    ffi::{OsStr, OsString},
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _, unix::ffi::OsStringExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags, ResolveFlags},
    io::Errno,
};

use super::file::{RealFile, convert};
use crate::{
    Access, Dir, DirEntry, File, FileId, FileKind, FsError, Op, Overwrite, Refusal, Space, Stat,
    Sub, name,
};

const OPEN_DIR: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A FIFO or a terminal must neither block the opener nor become its terminal.
const OPEN_FILE: OFlags =
    OFlags::NONBLOCK.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

pub(super) struct RealDir {
    fd: OwnedFd,
    path: PathBuf,
}

impl RealDir {
    /// By a path without links. One that was put there since is not followed, except on kernels
    /// before 5.6 and in containers that forbid to ask for that; there, the last name is not.
    pub(super) fn open(path: PathBuf) -> Result<Self, FsError> {
        let resolve = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);
        let opened = match rustix::fs::openat2(CWD, &path, OPEN_DIR, Mode::empty(), resolve) {
            Err(Errno::NOSYS | Errno::PERM) => rustix::fs::open(&path, OPEN_DIR, Mode::empty()),
            opened => opened,
        };
        match opened {
            Ok(fd) => Ok(Self { fd, path }),
            Err(errno) => Err(FsError::new(Op::OpenDir, &path, errno)),
        }
    }

    fn failed(&self, op: Op, name: &OsStr, errno: Errno) -> FsError {
        FsError::new(op, &self.path.join(name), errno)
    }

    fn checked<T>(
        &self,
        op: Op,
        name: &OsStr,
        act: impl FnOnce() -> rustix::io::Result<T>,
    ) -> Result<T, FsError> {
        name::check(op, &self.path, name)?;
        act().map_err(|errno| self.failed(op, name, errno))
    }

    fn stat_raw(&self, op: Op, name: &OsStr) -> Result<Stat, FsError> {
        self.checked(op, name, || {
            rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW).map(|raw| convert(&raw))
        })
    }
}

impl Dir for RealDir {
    fn path(&self) -> &Path {
        &self.path
    }

    fn id(&self) -> Result<FileId, FsError> {
        let raw = rustix::fs::fstat(&self.fd)
            .map_err(|errno| FsError::new(Op::Stat, &self.path, errno))?;
        Ok(convert(&raw).id)
    }

    fn list(&self) -> Result<Vec<DirEntry>, FsError> {
        let failed = |errno| FsError::new(Op::List, &self.path, errno);
        let mut entries = Vec::new();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            let name = OsString::from_vec(bytes.to_vec());
            let kind = match entry.file_type() {
                // Some file systems do not keep the kind in the directory.
                FileType::Unknown => match self.stat_raw(Op::Stat, &name) {
                    Ok(stat) => stat.kind,
                    Err(error) if error.is_not_found() => continue,
                    Err(error) => return Err(error),
                },
                kind => super::file::convert_kind(kind),
            };
            entries.push(DirEntry { name, kind });
        }
        Ok(entries)
    }

    fn stat(&self, name: &OsStr) -> Result<Stat, FsError> {
        self.stat_raw(Op::Stat, name)
    }

    fn open(&self, name: &OsStr, access: Access) -> Result<Box<dyn File>, FsError> {
        let (op, flags, mode) = match access {
            Access::Read => (Op::Open, OFlags::RDONLY, 0),
            Access::Append => (Op::Open, OFlags::RDWR | OFlags::APPEND, 0),
            Access::CreateNew { mode } => {
                (Op::Create, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL, mode)
            }
            Access::OpenOrCreate { mode } => {
                (Op::Create, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE, mode)
            }
        };
        let fd = self.checked(op, name, || {
            rustix::io::retry_on_intr(|| {
                rustix::fs::openat(&self.fd, name, flags | OPEN_FILE, Mode::from_raw_mode(mode))
            })
        });
        let fd = match fd {
            // A directory, or a FIFO, a socket or a device that nobody serves: say what it is.
            Err(error) if is_errno(&error, Errno::ISDIR) || is_errno(&error, Errno::NXIO) => {
                let refusal = Refusal::NotAFile(self.stat_raw(op, name)?.kind);
                return Err(FsError::refused(op, &self.path.join(name), refusal));
            }
            fd => fd?,
        };
        let file = RealFile::new(fd, self.path.join(name));
        match file.stat()?.kind {
            FileKind::File => Ok(Box::new(file)),
            kind => Err(FsError::refused(op, &self.path.join(name), Refusal::NotAFile(kind))),
        }
    }

    fn open_dir(&self, name: &OsStr) -> Result<Box<dyn Dir>, FsError> {
        let fd = self.checked(Op::OpenDir, name, || {
            rustix::fs::openat(&self.fd, name, OPEN_DIR, Mode::empty())
        })?;
        Ok(Box::new(Self { fd, path: self.path.join(name) }))
    }

    fn create_dir(&self, name: &OsStr) -> Result<(), FsError> {
        self.checked(Op::CreateDir, name, || {
            rustix::fs::mkdirat(&self.fd, name, Mode::from_raw_mode(0o700))
        })
    }

    fn rename(&self, from: &OsStr, to: &OsStr, overwrite: Overwrite) -> Result<(), FsError> {
        name::check(Op::Rename, &self.path, from)?;
        self.checked(Op::Rename, to, || match overwrite {
            Overwrite::Allow => rustix::fs::renameat(&self.fd, from, &self.fd, to),
            Overwrite::Refuse => {
                let flags = RenameFlags::NOREPLACE;
                match rustix::fs::renameat_with(&self.fd, from, &self.fd, to, flags) {
                    // The file system, or the kernel, does not know the flag.
                    Err(Errno::INVAL | Errno::NOSYS) => {
                        link_and_unlink(&self.fd, from, &self.fd, to)
                    }
                    renamed => renamed,
                }
            }
        })
    }

    fn transfer(&self, from: &OsStr, to: &OsStr, sub: Sub<'_>) -> Result<(), FsError> {
        name::check(Op::Rename, &self.path, from)?;
        name::check(Op::Rename, &self.path, to)?;
        let (Sub::Into(below) | Sub::OutOf(below)) = sub;
        let below = self.checked(Op::OpenDir, below, || {
            rustix::fs::openat(&self.fd, below, OPEN_DIR, Mode::empty())
        })?;
        let (source, target) = match sub {
            Sub::Into(_) => (&self.fd, &below),
            Sub::OutOf(_) => (&below, &self.fd),
        };
        self.checked(Op::Rename, to, || {
            match rustix::fs::renameat_with(source, from, target, to, RenameFlags::NOREPLACE) {
                Err(Errno::INVAL | Errno::NOSYS) => link_and_unlink(source, from, target, to),
                moved => moved,
            }
        })
    }

    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), FsError> {
        name::check(Op::Link, &self.path, from)?;
        self.checked(Op::Link, to, || {
            rustix::fs::linkat(&self.fd, from, &self.fd, to, AtFlags::empty())
        })
    }

    fn remove(&self, name: &OsStr) -> Result<(), FsError> {
        self.checked(Op::Remove, name, || rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()))
    }

    fn remove_dir(&self, name: &OsStr) -> Result<(), FsError> {
        self.checked(Op::RemoveDir, name, || {
            rustix::fs::unlinkat(&self.fd, name, AtFlags::REMOVEDIR)
        })
    }

    fn space(&self) -> Result<Space, FsError> {
        let raw = rustix::fs::fstatvfs(&self.fd)
            .map_err(|errno| FsError::new(Op::Space, &self.path, errno))?;
        Ok(Space {
            total_bytes: raw.f_blocks.saturating_mul(raw.f_frsize),
            available_bytes: raw.f_bavail.saturating_mul(raw.f_frsize),
        })
    }

    fn read_link(&self, name: &OsStr) -> Result<PathBuf, FsError> {
        let target = self
            .checked(Op::ReadLink, name, || rustix::fs::readlinkat(&self.fd, name, Vec::new()))?;
        Ok(PathBuf::from(OsStr::from_bytes(target.to_bytes())))
    }

    fn sync(&self) -> Result<(), FsError> {
        rustix::io::retry_on_intr(|| rustix::fs::fsync(&self.fd))
            .map_err(|errno| FsError::new(Op::SyncDir, &self.path, errno))
    }
}

/// A link does not overwrite either.
fn link_and_unlink(
    source: &OwnedFd,
    from: &OsStr,
    target: &OwnedFd,
    to: &OsStr,
) -> rustix::io::Result<()> {
    rustix::fs::linkat(source, from, target, to, AtFlags::empty())?;
    rustix::fs::unlinkat(source, from, AtFlags::empty())
}

fn is_errno(error: &FsError, errno: Errno) -> bool {
    error.source.raw_os_error() == Some(errno.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_flag_a_rename_overwrites_nothing_either() {
        let temp = tempfile::tempdir().unwrap();
        let dir = RealDir::open(temp.path().to_owned()).unwrap();
        let names = || {
            let mut entries = dir.list().unwrap();
            entries.sort();
            entries.into_iter().map(|entry| entry.name).collect::<Vec<_>>()
        };
        for name in ["a", "b"] {
            drop(dir.open(name.as_ref(), Access::CreateNew { mode: 0o600 }).unwrap());
        }
        let kept = dir.stat("b".as_ref()).unwrap().id;
        assert_eq!(
            link_and_unlink(&dir.fd, "a".as_ref(), &dir.fd, "b".as_ref()),
            Err(Errno::EXIST)
        );
        assert_eq!(
            (names(), dir.stat("b".as_ref()).unwrap().id),
            (vec!["a".into(), "b".into()], kept)
        );
        let moved = dir.stat("a".as_ref()).unwrap().id;
        link_and_unlink(&dir.fd, "a".as_ref(), &dir.fd, "c".as_ref()).unwrap();
        assert_eq!(
            (names(), dir.stat("c".as_ref()).unwrap().id),
            (vec!["b".into(), "c".into()], moved)
        );
    }
}
