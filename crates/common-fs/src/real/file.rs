use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{FileType, FlockOperation, Mode, Timespec, Timestamps, UTIME_OMIT},
    io::{Errno, retry_on_intr},
    process::{Gid, Uid},
};

use crate::{File, FileId, FileKind, FsError, Op, Stat, Timestamp};

pub(super) struct RealFile {
    fd: OwnedFd,
    path: PathBuf,
}

impl RealFile {
    pub(super) fn new(fd: OwnedFd, path: PathBuf) -> Self {
        Self { fd, path }
    }

    fn named<T>(&self, op: Op, result: rustix::io::Result<T>) -> Result<T, FsError> {
        result.map_err(|errno| FsError::new(op, &self.path, errno))
    }
}

impl File for RealFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn stat(&self) -> Result<Stat, FsError> {
        self.named(Op::Stat, rustix::fs::fstat(&self.fd).map(|raw| convert(&raw)))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, FsError> {
        self.named(Op::Read, rustix::io::pread(&self.fd, buffer, offset))
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, FsError> {
        self.named(Op::Write, rustix::io::write(&self.fd, bytes))
    }

    fn set_len(&self, len_bytes: u64) -> Result<(), FsError> {
        self.named(Op::SetLen, retry_on_intr(|| rustix::fs::ftruncate(&self.fd, len_bytes)))
    }

    fn set_mode(&self, mode: u32) -> Result<(), FsError> {
        self.named(Op::SetMode, rustix::fs::fchmod(&self.fd, Mode::from_raw_mode(mode)))
    }

    fn set_owner(&self, uid: u32, gid: u32) -> Result<(), FsError> {
        let owner = (Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)));
        self.named(Op::SetOwner, rustix::fs::fchown(&self.fd, owner.0, owner.1))
    }

    fn set_modified(&self, modified: Timestamp) -> Result<(), FsError> {
        let nanos = modified.unix_nanos();
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec {
                tv_sec: nanos.div_euclid(1_000_000_000),
                tv_nsec: nanos.rem_euclid(1_000_000_000),
            },
        };
        self.named(Op::SetModified, rustix::fs::futimens(&self.fd, &times))
    }

    fn sync(&self) -> Result<(), FsError> {
        self.named(Op::Sync, retry_on_intr(|| rustix::fs::fsync(&self.fd)))
    }

    fn try_lock(&self) -> Result<bool, FsError> {
        let lock = FlockOperation::NonBlockingLockExclusive;
        match retry_on_intr(|| rustix::fs::flock(&self.fd, lock)) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => self.named(Op::Lock, Err(errno)),
        }
    }
}

pub(super) fn convert_kind(kind: FileType) -> FileKind {
    match kind {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Dir,
        FileType::Symlink => FileKind::Symlink,
        FileType::Fifo => FileKind::Fifo,
        FileType::Socket => FileKind::Socket,
        FileType::CharacterDevice | FileType::BlockDevice | FileType::Unknown => FileKind::Device,
    }
}

pub(super) fn convert(raw: &rustix::fs::Stat) -> Stat {
    Stat {
        id: FileId { dev: number(raw.st_dev), ino: number(raw.st_ino) },
        kind: convert_kind(FileType::from_raw_mode(raw.st_mode)),
        size_bytes: number(raw.st_size),
        modified: Timestamp::clamped(number(raw.st_mtime), number(raw.st_mtime_nsec)),
        changed: Timestamp::clamped(number(raw.st_ctime), number(raw.st_ctime_nsec)),
        mode: number::<_, u32>(raw.st_mode) & 0o7777,
        uid: raw.st_uid,
        gid: raw.st_gid,
        links: number(raw.st_nlink),
    }
}

/// Each architecture has its own widths for these fields; ours are the widest. What does not fit
/// all the same is a negative size or a part of a second that is none.
fn number<T: TryInto<N>, N: Default>(raw: T) -> N {
    raw.try_into().unwrap_or_default()
}
