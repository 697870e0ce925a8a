use std::path::{Path, PathBuf};

use super::{
    SimFs,
    state::{DataChange, Fate, NodeId, State},
};
use crate::{File, FsError, Op, Stat, Timestamp, observe::Errno};

pub(super) struct SimFile {
    pub(super) fs: SimFs,
    pub(super) id: NodeId,
    pub(super) handle: u64,
    pub(super) writable: bool,
    pub(super) path: PathBuf,
}

impl SimFile {
    fn act<T>(
        &self,
        op: Op,
        act: impl FnOnce(&mut State) -> Result<T, Errno>,
    ) -> Result<T, FsError> {
        self.fs.with(act).map_err(|errno| FsError::new(op, &self.path, errno))
    }
}

impl File for SimFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn stat(&self) -> Result<Stat, FsError> {
        self.act(Op::Stat, |state| state.stat(self.id).ok_or(Errno::NOENT))
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, FsError> {
        self.act(Op::Read, |state| {
            let content = &state.file(self.id)?.live;
            let start = usize::try_from(offset).unwrap_or(usize::MAX);
            let available = content.get(start..).unwrap_or_default();
            let count = available.len().min(buffer.len());
            if let (Some(to), Some(from)) = (buffer.get_mut(..count), available.get(..count)) {
                to.copy_from_slice(from);
            }
            Ok(count)
        })
    }

    fn write(&self, bytes: &[u8]) -> Result<usize, FsError> {
        self.act(Op::Write, |state| {
            if !self.writable {
                return Err(Errno::BADF);
            }
            let at = state.file(self.id)?.live.len();
            state.change_data(self.id, DataChange::Write { at, bytes: bytes.to_vec() })?;
            Ok(bytes.len())
        })
    }

    fn set_len(&self, len_bytes: u64) -> Result<(), FsError> {
        let len = usize::try_from(len_bytes).unwrap_or(usize::MAX);
        self.act(Op::SetLen, |state| {
            if !self.writable {
                return Err(Errno::INVAL);
            }
            state.change_data(self.id, DataChange::SetLen(len))
        })
    }

    fn set_mode(&self, mode: u32) -> Result<(), FsError> {
        self.act(Op::SetMode, |state| {
            state.change_meta(self.id, |node| node.mode = mode);
            Ok(())
        })
    }

    fn set_owner(&self, uid: u32, gid: u32) -> Result<(), FsError> {
        self.act(Op::SetOwner, |state| {
            state.change_meta(self.id, |node| (node.uid, node.gid) = (uid, gid));
            Ok(())
        })
    }

    fn set_modified(&self, modified: Timestamp) -> Result<(), FsError> {
        self.act(Op::SetModified, |state| {
            state.change_meta(self.id, |node| node.modified = modified);
            Ok(())
        })
    }

    fn sync(&self) -> Result<(), FsError> {
        self.act(Op::Sync, |state| state.sync_file(self.id))
    }

    fn flush_failed(&self) {
        self.fs.with(|state| {
            if let Ok(file) = state.file(self.id) {
                file.dirty_becomes(Fate::Failed);
            }
        });
    }

    fn try_lock(&self) -> Result<bool, FsError> {
        self.act(Op::Lock, |state| {
            Ok(*state.locks.entry(self.id).or_insert(self.handle) == self.handle)
        })
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.fs.with(|state| state.close_handle(self.id, self.handle));
    }
}
