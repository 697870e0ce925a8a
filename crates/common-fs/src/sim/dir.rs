use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use super::{
    SimFs,
    file::SimFile,
    state::{Body, DirBody, FileBody, NodeId, State},
};
use crate::{
    Access, Dir, DirEntry, File, FileId, FileKind, FsError, Op, Overwrite, Refusal, Space, Stat,
    Sub, name, observe::Errno,
};

pub(super) struct SimDir {
    pub(super) fs: SimFs,
    pub(super) id: NodeId,
    pub(super) path: PathBuf,
}

impl SimDir {
    fn act<T>(
        &self,
        op: Op,
        name: &OsStr,
        act: impl FnOnce(&mut State) -> Result<T, Errno>,
    ) -> Result<T, FsError> {
        name::check(op, &self.path, name)?;
        self.fs.with(act).map_err(|errno| FsError::new(op, &self.path.join(name), errno))
    }

    fn itself<T>(
        &self,
        op: Op,
        act: impl FnOnce(&mut State) -> Result<T, Errno>,
    ) -> Result<T, FsError> {
        self.fs.with(act).map_err(|errno| FsError::new(op, &self.path, errno))
    }
}

impl Dir for SimDir {
    fn path(&self) -> &Path {
        &self.path
    }

    fn id(&self) -> Result<FileId, FsError> {
        self.itself(Op::Stat, |state| state.stat(self.id).map(|stat| stat.id).ok_or(Errno::NOENT))
    }

    fn list(&self) -> Result<Vec<DirEntry>, FsError> {
        self.itself(Op::List, |state| {
            let names: Vec<_> = match state.dir(self.id) {
                Ok(dir) => dir.live.iter().map(|(name, id)| (name.clone(), *id)).collect(),
                // As on Linux, a directory that was removed is empty.
                Err(Errno::NOENT) => Vec::new(),
                Err(errno) => return Err(errno),
            };
            let entry = |(name, id)| {
                state.stat(id).map(|stat| DirEntry { name, kind: stat.kind }).ok_or(Errno::NOENT)
            };
            names.into_iter().map(entry).collect()
        })
    }

    fn stat(&self, name: &OsStr) -> Result<Stat, FsError> {
        self.act(Op::Stat, name, |state| {
            let id = state.lookup(self.id, name)?;
            state.stat(id).ok_or(Errno::NOENT)
        })
    }

    fn open(&self, name: &OsStr, access: Access) -> Result<Box<dyn File>, FsError> {
        let (op, create) = match access {
            Access::Read | Access::Append => (Op::Open, None),
            Access::CreateNew { mode } | Access::OpenOrCreate { mode } => (Op::Create, Some(mode)),
        };
        let opened = self.act(op, name, |state| {
            let id = match (state.lookup(self.id, name), create) {
                (Ok(_), _) if matches!(access, Access::CreateNew { .. }) => {
                    return Err(Errno::EXIST);
                }
                (Err(Errno::NOENT), Some(mode)) => {
                    state.dir(self.id)?;
                    let id = state.add(Body::File(FileBody::default()), mode);
                    state.rename_entries(self.id, vec![(name.to_owned(), Some(id))])?;
                    id
                }
                (found, _) => found?,
            };
            match state.kind(id)? {
                FileKind::File => Ok(Ok((id, state.open_handle(id)))),
                FileKind::Symlink => Err(Errno::LOOP),
                kind => Ok(Err(Refusal::NotAFile(kind))),
            }
        })?;
        let path = self.path.join(name);
        let (id, handle) = opened.map_err(|refusal| FsError::refused(op, &path, refusal))?;
        let writable = access != Access::Read;
        Ok(Box::new(SimFile { fs: self.fs.clone(), id, handle, writable, path }))
    }

    fn open_dir(&self, name: &OsStr) -> Result<Box<dyn Dir>, FsError> {
        let id = self.act(Op::OpenDir, name, |state| {
            let id = state.lookup(self.id, name)?;
            if state.kind(id)? == FileKind::Dir { Ok(id) } else { Err(Errno::NOTDIR) }
        })?;
        Ok(Box::new(Self { fs: self.fs.clone(), id, path: self.path.join(name) }))
    }

    fn create_dir(&self, name: &OsStr) -> Result<(), FsError> {
        self.act(Op::CreateDir, name, |state| {
            state.require_free(self.id, name)?;
            let id = state.add(Body::Dir(DirBody::default()), 0o700);
            state.rename_entries(self.id, vec![(name.to_owned(), Some(id))])
        })
    }

    fn rename(&self, from: &OsStr, to: &OsStr, overwrite: Overwrite) -> Result<(), FsError> {
        name::check(Op::Rename, &self.path, from)?;
        self.act(Op::Rename, to, |state| {
            let id = state.lookup(self.id, from)?;
            match state.lookup(self.id, to) {
                Ok(_) if overwrite == Overwrite::Refuse => return Err(Errno::EXIST),
                // Two names of one file: POSIX does nothing, successfully.
                Ok(other) if other == id => return Ok(()),
                Ok(other) => match (state.kind(id)?, state.kind(other)?) {
                    (FileKind::Dir, FileKind::Dir) if !state.dir(other)?.live.is_empty() => {
                        return Err(Errno::NOTEMPTY);
                    }
                    (FileKind::Dir, FileKind::Dir) => (),
                    (FileKind::Dir, _) => return Err(Errno::NOTDIR),
                    (_, FileKind::Dir) => return Err(Errno::ISDIR),
                    _ => (),
                },
                Err(Errno::NOENT) => (),
                Err(errno) => return Err(errno),
            }
            let change = vec![(from.to_owned(), None), (to.to_owned(), Some(id))];
            state.rename_entries(self.id, change)
        })
    }

    fn transfer(&self, from: &OsStr, to: &OsStr, sub: Sub<'_>) -> Result<(), FsError> {
        name::check(Op::Rename, &self.path, from)?;
        name::check(Op::Rename, &self.path, to)?;
        let (Sub::Into(below) | Sub::OutOf(below)) = sub;
        self.act(Op::Rename, below, |state| {
            let below = state.lookup(self.id, below)?;
            if state.kind(below)? != FileKind::Dir {
                return Err(Errno::NOTDIR);
            }
            let (source, target) = match sub {
                Sub::Into(_) => (self.id, below),
                Sub::OutOf(_) => (below, self.id),
            };
            let id = state.lookup(source, from)?;
            state.require_free(target, to)?;
            state.rename_entries(target, vec![(to.to_owned(), Some(id))])?;
            state.rename_entries(source, vec![(from.to_owned(), None)])
        })
    }

    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), FsError> {
        name::check(Op::Link, &self.path, from)?;
        self.act(Op::Link, to, |state| {
            let id = state.lookup(self.id, from)?;
            state.require_free(self.id, to)?;
            if state.kind(id)? == FileKind::Dir {
                return Err(Errno::PERM);
            }
            state.rename_entries(self.id, vec![(to.to_owned(), Some(id))])
        })
    }

    fn remove(&self, name: &OsStr) -> Result<(), FsError> {
        self.act(Op::Remove, name, |state| {
            let id = state.lookup(self.id, name)?;
            if state.kind(id)? == FileKind::Dir {
                return Err(Errno::ISDIR);
            }
            state.rename_entries(self.id, vec![(name.to_owned(), None)])
        })
    }

    fn remove_dir(&self, name: &OsStr) -> Result<(), FsError> {
        self.act(Op::RemoveDir, name, |state| {
            let id = state.lookup(self.id, name)?;
            if !state.dir(id)?.live.is_empty() {
                return Err(Errno::NOTEMPTY);
            }
            state.rename_entries(self.id, vec![(name.to_owned(), None)])
        })
    }

    fn space(&self) -> Result<Space, FsError> {
        self.itself(Op::Space, |state| Ok(state.space))
    }

    fn read_link(&self, name: &OsStr) -> Result<PathBuf, FsError> {
        self.act(Op::ReadLink, name, |state| {
            let id = state.lookup(self.id, name)?;
            match state.nodes.get(&id).map(|node| &node.body) {
                Some(Body::Symlink(target)) => Ok(target.clone()),
                _ => Err(Errno::INVAL),
            }
        })
    }

    fn sync(&self) -> Result<(), FsError> {
        self.itself(Op::SyncDir, |state| state.sync_dir(self.id))
    }
}
