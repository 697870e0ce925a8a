//! Watching the operations on a file system, and interfering with them.
//!
//! [`ObservedFs`] stands between a program and any [`Fs`], real or simulated. Its [`Observer`]
//! sees each operation before it happens, and can let it fail, let a transfer stop short, or do
//! something else first, such as what another process would do at just that moment. This is
//! how counts are taken and how faults are injected; see [`Faults`](crate::sim::Faults).

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    Access, Dir, DirEntry, File, FileId, Fs, FsError, Op, Overwrite, Space, Stat, Sub, Timestamp,
};

pub use rustix::io::Errno;

/// An operation.
#[derive(Clone, Copy, Debug)]
pub struct Call<'c> {
    /// Which.
    pub op: Op,
    /// On which path; the new name for a rename or a link.
    pub path: &'c Path,
    /// For reads and writes, how many bytes were asked for, and afterwards, how many it were.
    pub bytes: usize,
}

/// What is to become of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It happens.
    Proceed,
    /// It does not happen and reports this error.
    ///
    /// A flush that fails has an effect all the same: see [`File::sync`].
    Fail(Errno),
    /// It does not happen, as the process does not exist any more. The caller is not to notice;
    /// whatever it does from here on has no effect.
    Killed,
    /// A read or a write transfers no more than this many bytes; other operations proceed.
    Short(usize),
}

/// Sees operations.
pub trait Observer: Send + Sync {
    /// Called before each operation.
    fn before(&self, call: Call<'_>) -> Decision;
    /// Called after each operation that succeeded.
    fn after(&self, call: Call<'_>) {
        let _ = call;
    }
}

/// A file system that is observed.
#[derive(Clone)]
pub struct ObservedFs {
    inner: Arc<dyn Fs>,
    observer: Arc<dyn Observer>,
}

impl ObservedFs {
    /// Puts `observer` before `inner`.
    pub fn new(inner: impl Fs + 'static, observer: Arc<dyn Observer>) -> Self {
        Self { inner: Arc::new(inner), observer }
    }
}

impl Fs for ObservedFs {
    fn open_dir(&self, path: &Path) -> Result<Box<dyn Dir>, FsError> {
        let observer = self.observer.as_ref();
        let inner = plain(observer, Op::OpenDir, path, || self.inner.open_dir(path))?;
        Ok(Box::new(ObservedDir { inner, observer: Arc::clone(&self.observer) }))
    }
}

/// Asks, acts, tells. `act` is given how many bytes it may transfer, and says how many it did.
fn watch<T>(
    observer: &dyn Observer,
    call: Call<'_>,
    on_fail: impl FnOnce(),
    act: impl FnOnce(usize) -> Result<(T, usize), FsError>,
) -> Result<T, FsError> {
    let allowed = match observer.before(call) {
        Decision::Proceed => call.bytes,
        Decision::Short(most) => call.bytes.min(most),
        Decision::Fail(errno) => {
            on_fail();
            return Err(FsError::new(call.op, call.path, errno));
        }
        Decision::Killed => return Err(FsError::new(call.op, call.path, Errno::IO)),
    };
    let (done, bytes) = act(allowed)?;
    observer.after(Call { bytes, ..call });
    Ok(done)
}

/// An operation that transfers no bytes.
fn plain<T>(
    observer: &dyn Observer,
    op: Op,
    path: &Path,
    act: impl FnOnce() -> Result<T, FsError>,
) -> Result<T, FsError> {
    watch(observer, Call { op, path, bytes: 0 }, || (), |_| Ok((act()?, 0)))
}

struct ObservedDir {
    inner: Box<dyn Dir>,
    observer: Arc<dyn Observer>,
}

impl ObservedDir {
    fn named<T>(
        &self,
        op: Op,
        name: &OsStr,
        act: impl FnOnce() -> Result<T, FsError>,
    ) -> Result<T, FsError> {
        plain(self.observer.as_ref(), op, &self.inner.path().join(name), act)
    }

    fn itself<T>(&self, op: Op, act: impl FnOnce() -> Result<T, FsError>) -> Result<T, FsError> {
        plain(self.observer.as_ref(), op, self.inner.path(), act)
    }
}

impl Dir for ObservedDir {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn id(&self) -> Result<FileId, FsError> {
        self.itself(Op::Stat, || self.inner.id())
    }

    fn list(&self) -> Result<Vec<DirEntry>, FsError> {
        self.itself(Op::List, || self.inner.list())
    }

    fn stat(&self, name: &OsStr) -> Result<Stat, FsError> {
        self.named(Op::Stat, name, || self.inner.stat(name))
    }

    fn open(&self, name: &OsStr, access: Access) -> Result<Box<dyn File>, FsError> {
        let op = match access {
            Access::Read | Access::Append => Op::Open,
            Access::CreateNew { .. } | Access::OpenOrCreate { .. } => Op::Create,
        };
        let inner = self.named(op, name, || self.inner.open(name, access))?;
        let path = self.inner.path().join(name);
        Ok(Box::new(ObservedFile { inner, path, observer: Arc::clone(&self.observer) }))
    }

    fn open_dir(&self, name: &OsStr) -> Result<Box<dyn Dir>, FsError> {
        let inner = self.named(Op::OpenDir, name, || self.inner.open_dir(name))?;
        Ok(Box::new(Self { inner, observer: Arc::clone(&self.observer) }))
    }

    fn create_dir(&self, name: &OsStr) -> Result<(), FsError> {
        self.named(Op::CreateDir, name, || self.inner.create_dir(name))
    }

    fn rename(&self, from: &OsStr, to: &OsStr, overwrite: Overwrite) -> Result<(), FsError> {
        self.named(Op::Rename, to, || self.inner.rename(from, to, overwrite))
    }

    fn transfer(&self, from: &OsStr, to: &OsStr, sub: Sub<'_>) -> Result<(), FsError> {
        self.named(Op::Rename, to, || self.inner.transfer(from, to, sub))
    }

    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), FsError> {
        self.named(Op::Link, to, || self.inner.link(from, to))
    }

    fn remove(&self, name: &OsStr) -> Result<(), FsError> {
        self.named(Op::Remove, name, || self.inner.remove(name))
    }

    fn remove_dir(&self, name: &OsStr) -> Result<(), FsError> {
        self.named(Op::RemoveDir, name, || self.inner.remove_dir(name))
    }

    fn space(&self) -> Result<Space, FsError> {
        self.itself(Op::Space, || self.inner.space())
    }

    fn read_link(&self, name: &OsStr) -> Result<PathBuf, FsError> {
        self.named(Op::ReadLink, name, || self.inner.read_link(name))
    }

    fn sync(&self) -> Result<(), FsError> {
        self.itself(Op::SyncDir, || self.inner.sync())
    }
}

struct ObservedFile {
    inner: Box<dyn File>,
    path: PathBuf,
    observer: Arc<dyn Observer>,
}

impl ObservedFile {
    fn itself<T>(&self, op: Op, act: impl FnOnce() -> Result<T, FsError>) -> Result<T, FsError> {
        plain(self.observer.as_ref(), op, &self.path, act)
    }

    fn transfer(
        &self,
        op: Op,
        bytes: usize,
        act: impl FnOnce(usize) -> Result<usize, FsError>,
    ) -> Result<usize, FsError> {
        let call = Call { op, path: &self.path, bytes };
        watch(self.observer.as_ref(), call, || (), |allowed| act(allowed).map(|done| (done, done)))
    }
}

impl File for ObservedFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn stat(&self) -> Result<Stat, FsError> {
        self.itself(Op::Stat, || self.inner.stat())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, FsError> {
        self.transfer(Op::Read, buffer.len(), |allowed| {
            self.inner.read_at(buffer.get_mut(..allowed).unwrap_or_default(), offset)
        })
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, FsError> {
        self.transfer(Op::Write, bytes.len(), |allowed| {
            self.inner.write(bytes.get(..allowed).unwrap_or_default())
        })
    }

    fn set_len(&self, len_bytes: u64) -> Result<(), FsError> {
        self.itself(Op::SetLen, || self.inner.set_len(len_bytes))
    }

    fn set_mode(&self, mode: u32) -> Result<(), FsError> {
        self.itself(Op::SetMode, || self.inner.set_mode(mode))
    }

    fn set_owner(&self, uid: u32, gid: u32) -> Result<(), FsError> {
        self.itself(Op::SetOwner, || self.inner.set_owner(uid, gid))
    }

    fn set_modified(&self, modified: Timestamp) -> Result<(), FsError> {
        self.itself(Op::SetModified, || self.inner.set_modified(modified))
    }

    fn sync(&self) -> Result<(), FsError> {
        let call = Call { op: Op::Sync, path: &self.path, bytes: 0 };
        let flush = |_| self.inner.sync().map(|()| ((), 0));
        watch(self.observer.as_ref(), call, || self.inner.flush_failed(), flush)
    }

    fn flush_failed(&self) {
        self.inner.flush_failed();
    }

    fn try_lock(&self) -> Result<bool, FsError> {
        self.itself(Op::Lock, || self.inner.try_lock())
    }
}
