use std::{
    ffi::OsString,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use super::{
    ManualClock, crash,
    dir::SimDir,
    state::{Body, DataChange, DirBody, FileBody, NodeId, State},
};
use crate::{Dir, FileKind, Fs, FsError, Op, Space, Stat, Timestamp, observe::Errno, split_path};

/// A file system in memory that keeps apart what was flushed and what was not.
///
/// Through [`Fs`] it behaves like a real one. Its own methods are what the rest of the world
/// does to the files, meant for tests: they panic where a test is wrong, for example about a
/// path that does not exist.
///
/// Single user, no permission checks; a [`Faults`](super::Faults) script denies what is to be
/// denied. Renames stay within a directory.
#[derive(Clone)]
pub struct SimFs(Arc<Mutex<State>>);

impl SimFs {
    /// An empty file system whose file times come from `clock`.
    pub fn new(clock: &ManualClock) -> Self {
        Self::from_state(State::new(clock))
    }

    pub(super) fn from_state(state: State) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    pub(super) fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// File times become multiples of `granularity`; on real file systems it reaches from a
    /// nanosecond to two seconds.
    pub fn set_time_granularity(&self, granularity: Duration) {
        self.with(|state| state.granularity = granularity);
    }

    /// Creates a directory and its parents, already on storage.
    pub fn make_dir(&self, path: impl AsRef<Path>) {
        let mut at = std::path::PathBuf::new();
        for step in path.as_ref().components() {
            at.push(step);
            if self.with(|state| state.resolve(Op::Stat, &at).is_err()) {
                self.name(&at, Body::Dir(DirBody::default()), 0o755);
                self.parent_act(&at, |state, dir, _| state.sync_dir(dir));
            }
        }
    }

    /// Gives the file at `path` this content, in place if it exists.
    pub fn put(&self, path: impl AsRef<Path>, content: &[u8]) {
        let path = path.as_ref();
        let id = self
            .with(|state| state.resolve(Op::Stat, path).ok().map(|(id, _)| id))
            .unwrap_or_else(|| self.name(path, Body::File(FileBody::default()), 0o644));
        let bytes = content.to_vec();
        expect(path, self.with(|state| state.change_data(id, DataChange::SetLen(0))));
        expect(path, self.with(|state| state.change_data(id, DataChange::Write { at: 0, bytes })));
    }

    /// Appends to the file at `path`.
    pub fn append(&self, path: impl AsRef<Path>, content: &[u8]) {
        let bytes = content.to_vec();
        self.node_act(path.as_ref(), |state, id| {
            let at = state.file(id)?.live.len();
            state.change_data(id, DataChange::Write { at, bytes })
        });
    }

    /// Cuts or extends the file at `path`.
    pub fn truncate(&self, path: impl AsRef<Path>, len: usize) {
        self.node_act(path.as_ref(), |state, id| state.change_data(id, DataChange::SetLen(len)));
    }

    /// Renames a file or directory, overwriting. Within a directory that is one step; between
    /// two, a power cut can leave either name, both, or none.
    pub fn rename(&self, from: impl AsRef<Path>, to: impl AsRef<Path>) {
        let (from, to) = (from.as_ref(), to.as_ref());
        if from.parent() == to.parent() {
            let to = to.file_name().unwrap_or_default().to_owned();
            return self.parent_act(from, |state, dir, name| {
                let id = state.lookup(dir, &name)?;
                state.rename_entries(dir, vec![(name, None), (to, Some(id))])
            });
        }
        let id = self.parent_act(from, |state, dir, name| state.lookup(dir, &name));
        self.parent_act(to, |state, dir, name| state.rename_entries(dir, vec![(name, Some(id))]));
        self.parent_act(from, |state, dir, name| state.rename_entries(dir, vec![(name, None)]));
    }

    /// Removes a name, of whatever kind.
    pub fn remove(&self, path: impl AsRef<Path>) {
        self.parent_act(path.as_ref(), |state, dir, name| {
            state.lookup(dir, &name)?;
            state.rename_entries(dir, vec![(name, None)])
        });
    }

    /// Sets the modification time, as `touch -d` does.
    pub fn set_modified(&self, path: impl AsRef<Path>, modified: Timestamp) {
        self.node_act(path.as_ref(), |state, id| {
            state.change_meta(id, |node| node.modified = modified);
            Ok(())
        });
    }

    /// Sets what [`Dir::space`] says; nothing else depends on it.
    pub fn set_space(&self, space: Space) {
        self.with(|state| state.space = space);
    }

    /// Sets the permission bits.
    pub fn set_mode(&self, path: impl AsRef<Path>, mode: u32) {
        self.node_act(path.as_ref(), |state, id| {
            state.change_meta(id, |node| node.mode = mode);
            Ok(())
        });
    }

    /// Sets the owner.
    pub fn set_owner(&self, path: impl AsRef<Path>, uid: u32, gid: u32) {
        self.node_act(path.as_ref(), |state, id| {
            state.change_meta(id, |node| (node.uid, node.gid) = (uid, gid));
            Ok(())
        });
    }

    /// Creates a symbolic link.
    pub fn symlink(&self, path: impl AsRef<Path>, target: impl AsRef<Path>) {
        self.name(path.as_ref(), Body::Symlink(target.as_ref().to_owned()), 0o777);
    }

    /// Creates a FIFO, a socket or a device.
    pub fn special(&self, path: impl AsRef<Path>, kind: FileKind) {
        self.name(path.as_ref(), Body::Special(kind), 0o644);
    }

    /// The content of the file at `path`, if it is one.
    pub fn content(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        self.with(|state| {
            let (id, _) = state.resolve(Op::Stat, path.as_ref()).ok()?;
            state.file(id).ok().map(|file| file.live.clone())
        })
    }

    /// What stands at `path`, links followed.
    pub fn stat(&self, path: impl AsRef<Path>) -> Option<Stat> {
        self.with(|state| {
            let (id, _) = state.resolve(Op::Stat, path.as_ref()).ok()?;
            state.stat(id)
        })
    }

    /// The names in the directory at `path`, sorted.
    pub fn names(&self, path: impl AsRef<Path>) -> Vec<OsString> {
        let path = path.as_ref();
        let found = self.with(|state| state.resolve(Op::List, path));
        let Ok((id, _)) = found else { panic!("{found:?}") };
        expect(path, self.with(|state| Ok(state.dir(id)?.live.keys().cloned().collect())))
    }

    /// Flushes everything.
    pub fn sync_all(&self) {
        self.sync_below("/");
    }

    /// Flushes the file or directory at `path`, and all that is below it.
    pub fn sync_below(&self, path: impl AsRef<Path>) {
        self.node_act(path.as_ref(), |state, id| {
            let mut todo = vec![id];
            while let Some(id) = todo.pop() {
                if let Ok(dir) = state.dir(id) {
                    todo.extend(dir.live.values().copied());
                }
                // Each node is the one or the other, or has nothing to flush.
                state.sync_file(id).or_else(|_| state.sync_dir(id)).ok();
            }
            Ok(())
        });
    }

    /// A copy that goes its own way from here on, on the same clock.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::from_state(self.with(|state| state.clone()))
    }

    /// Every state that a power cut could leave, as POSIX promises no more: each change that
    /// was not flushed may be stored or not, in any combination. Of a write any part may be
    /// stored and any other be lost, its beginning included; what lies between reads as zeros.
    /// After a flush that failed, that holds for what it was to store, for ever.
    ///
    /// All of them if they are few (some thousands), else a sample, always the same, that
    /// contains the extremes: nothing is stored, everything, each change alone, and all but each.
    pub fn power_loss_states(&self) -> Vec<Self> {
        self.with(|state| crash::states(state)).into_iter().map(Self::from_state).collect()
    }

    /// One state that a power cut could leave; the same for the same seed.
    pub fn power_loss(&self, seed: u64) -> Self {
        Self::from_state(self.with(|state| crash::state(state, seed)))
    }

    fn name(&self, path: &Path, body: Body, mode: u32) -> NodeId {
        self.parent_act(path, |state, dir, name| {
            let id = state.add(body, mode);
            state.rename_entries(dir, vec![(name, Some(id))])?;
            Ok(id)
        })
    }

    fn node_act(&self, path: &Path, act: impl FnOnce(&mut State, NodeId) -> Result<(), Errno>) {
        let found = self.with(|state| state.resolve(Op::Stat, path));
        let Ok((id, _)) = found else { panic!("{found:?}") };
        expect(path, self.with(|state| act(state, id)));
    }

    fn parent_act<T>(
        &self,
        path: &Path,
        act: impl FnOnce(&mut State, NodeId, OsString) -> Result<T, Errno>,
    ) -> T {
        let split = split_path(Op::Stat, path);
        let Ok((parent, name)) = split else { panic!("{split:?}") };
        let found = self.with(|state| state.resolve(Op::Stat, &parent));
        let Ok((dir, _)) = found else { panic!("{found:?}") };
        expect(path, self.with(|state| act(state, dir, name.to_owned())))
    }
}

/// A test that is wrong about a path ends here.
fn expect<T>(path: &Path, result: Result<T, Errno>) -> T {
    match result {
        Ok(value) => value,
        Err(errno) => panic!("`{}`: {errno}", path.display()),
    }
}

impl Fs for SimFs {
    fn open_dir(&self, path: &Path) -> Result<Box<dyn Dir>, FsError> {
        let (id, path) = self.with(|state| {
            let (id, canonical) = state.resolve(Op::OpenDir, path)?;
            match state.dir(id) {
                Ok(_) => Ok((id, canonical)),
                Err(errno) => Err(FsError::new(Op::OpenDir, path, errno)),
            }
        })?;
        Ok(Box::new(SimDir { fs: self.clone(), id, path }))
    }
}
