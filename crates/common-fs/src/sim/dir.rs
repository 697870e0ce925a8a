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
    Access, Dir, DirEntry, File, FileId, FileKind, FsError, Op, Overwrite, Refusal, Stat, name,
    observe::Errno,
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

    fn refuse_unless_file(&self, op: Op, name: &OsStr, id: NodeId) -> Result<(), FsError> {
        let kind = self.fs.with(|state| state.stat(id).map(|stat| stat.kind));
        match kind {
            Some(FileKind::File) => Ok(()),
            // The real one opens with `O_NOFOLLOW`, and for writing it cannot open a directory.
            Some(FileKind::Symlink) => Err(FsError::new(op, &self.path.join(name), Errno::LOOP)),
            Some(kind) => {
                let refusal = Refusal::NotAFile(kind);
                Err(FsError::refused(op, &self.path.join(name), refusal))
            }
            None => Err(FsError::new(op, &self.path.join(name), Errno::NOENT)),
        }
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
        let (op, create, mode) = match access {
            Access::Read | Access::Append => (Op::Open, false, 0),
            Access::CreateNew { mode } | Access::OpenOrCreate { mode } => (Op::Create, true, mode),
        };
        let found = self.act(op, name, |state| match state.lookup(self.id, name) {
            Ok(_) if matches!(access, Access::CreateNew { .. }) => Err(Errno::EXIST),
            Ok(id) => Ok(Some(id)),
            Err(Errno::NOENT) if create => Ok(None),
            Err(errno) => Err(errno),
        })?;
        let id = match found {
            Some(id) => {
                self.refuse_unless_file(op, name, id)?;
                id
            }
            None => self.act(op, name, |state| {
                state.dir(self.id)?;
                let id = state.add(Body::File(FileBody::default()), mode);
                state.rename_entries(self.id, vec![(name.to_owned(), Some(id))])?;
                Ok(id)
            })?,
        };
        Ok(Box::new(SimFile::open(&self.fs, id, self.path.join(name))))
    }

    fn open_dir(&self, name: &OsStr) -> Result<Box<dyn Dir>, FsError> {
        let id = self.act(Op::OpenDir, name, |state| {
            let id = state.lookup(self.id, name)?;
            match state.stat(id).map(|stat| stat.kind) {
                Some(FileKind::Dir) => Ok(id),
                _ => Err(Errno::NOTDIR),
            }
        })?;
        Ok(Box::new(Self { fs: self.fs.clone(), id, path: self.path.join(name) }))
    }

    fn create_dir(&self, name: &OsStr) -> Result<(), FsError> {
        self.act(Op::CreateDir, name, |state| {
            if state.dir(self.id)?.live.contains_key(name) {
                return Err(Errno::EXIST);
            }
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
                Ok(other)
                    if matches!(state.stat(other), Some(Stat { kind: FileKind::Dir, .. })) =>
                {
                    return Err(Errno::ISDIR);
                }
                Ok(_) | Err(_) => (),
            }
            let change = vec![(from.to_owned(), None), (to.to_owned(), Some(id))];
            state.rename_entries(self.id, change)
        })
    }

    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), FsError> {
        name::check(Op::Link, &self.path, from)?;
        self.act(Op::Link, to, |state| {
            let id = state.lookup(self.id, from)?;
            if state.lookup(self.id, to).is_ok() {
                return Err(Errno::EXIST);
            }
            state.rename_entries(self.id, vec![(to.to_owned(), Some(id))])
        })
    }

    fn remove(&self, name: &OsStr) -> Result<(), FsError> {
        self.act(Op::Remove, name, |state| {
            let id = state.lookup(self.id, name)?;
            if matches!(state.stat(id), Some(Stat { kind: FileKind::Dir, .. })) {
                return Err(Errno::ISDIR);
            }
            state.rename_entries(self.id, vec![(name.to_owned(), None)])
        })
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
