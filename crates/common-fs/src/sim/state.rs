use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::{OsStr, OsString},
    path::{Component, Path, PathBuf},
    time::Duration,
};

use super::ManualClock;
use crate::{
    Clock as _, FileId, FileKind, FsError, Op, Refusal, Space, Stat, Timestamp, observe::Errno,
};

/// Never reused, unlike inode numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NodeId(u64);

/// How long an operation takes: enough to tell two file times apart.
const OPERATION: Duration = Duration::from_micros(1);

const DEVICE: u64 = 1;
const FIRST_INO: u64 = 3;
const LINKS_MAX: u32 = 40;
const NAME_BYTES_MAX: usize = 255;

#[derive(Clone)]
pub(super) struct State {
    pub(super) nodes: BTreeMap<NodeId, Node>,
    pub(super) root: NodeId,
    next_node: u64,
    free_inos: BTreeSet<u64>,
    next_ino: u64,
    pub(super) clock: ManualClock,
    /// File times are multiples of this.
    pub(super) granularity: Duration,
    /// Which handle has locked a file.
    pub(super) locks: BTreeMap<NodeId, u64>,
    next_handle: u64,
    /// Handles that keep a node alive after its last name is gone.
    pub(super) open: BTreeMap<NodeId, u32>,
    pub(super) owner: (u32, u32),
    pub(super) space: Space,
}

#[derive(Clone)]
pub(super) struct Node {
    pub(super) ino: u64,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) links: u64,
    pub(super) modified: Timestamp,
    pub(super) changed: Timestamp,
    pub(super) body: Body,
}

#[derive(Clone)]
pub(super) enum Body {
    File(FileBody),
    Dir(DirBody),
    Symlink(PathBuf),
    Special(FileKind),
}

/// What is in memory, what is on storage, and what lies between.
#[derive(Clone, Default)]
pub(super) struct FileBody {
    pub(super) live: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<(DataChange, Fate)>,
}

/// What is known of a change that is in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not flushed yet.
    Dirty,
    /// A flush failed: Linux takes it for stored from then on, and it may not be.
    Failed,
    /// It was flushed; it is only kept because changes before it are not certain.
    Stored,
}

#[derive(Clone)]
pub(super) enum DataChange {
    Write { at: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Clone, Default)]
pub(super) struct DirBody {
    pub(super) live: BTreeMap<OsString, NodeId>,
    pub(super) durable: BTreeMap<OsString, NodeId>,
    pub(super) pending: Vec<NameChange>,
}

/// What one operation does to the names of a directory, all at once.
pub(super) type NameChange = Vec<(OsString, Option<NodeId>)>;

impl State {
    pub(super) fn new(clock: &ManualClock) -> Self {
        let mut state = Self {
            nodes: BTreeMap::new(),
            root: NodeId(0),
            next_node: 0,
            free_inos: BTreeSet::new(),
            next_ino: FIRST_INO - 1,
            clock: clock.clone(),
            granularity: Duration::from_nanos(1),
            locks: BTreeMap::new(),
            next_handle: 0,
            open: BTreeMap::new(),
            owner: (1_000, 1_000),
            space: Space { total_bytes: 1 << 40, available_bytes: 1 << 39 },
        };
        state.root = state.add(Body::Dir(DirBody::default()), 0o755);
        state
    }

    /// A file time: operations take time, and storage keeps it coarsely.
    fn stamp(&self) -> Timestamp {
        self.clock.advance(OPERATION);
        let nanos = self.clock.now().unix_nanos();
        let granularity = i64::try_from(self.granularity.as_nanos()).unwrap_or(i64::MAX);
        Timestamp::from_unix_nanos(nanos - nanos.rem_euclid(granularity.max(1)))
    }

    /// Adds a node without a name. Inode numbers are reused at once, as ext4 does.
    pub(super) fn add(&mut self, body: Body, mode: u32) -> NodeId {
        let id = NodeId(self.next_node);
        self.next_node += 1;
        let ino = self.free_ino();
        let now = self.stamp();
        let (uid, gid) = self.owner;
        let node = Node { ino, mode, uid, gid, links: 0, modified: now, changed: now, body };
        self.nodes.insert(id, node);
        id
    }

    fn free_ino(&mut self) -> u64 {
        self.free_inos.pop_first().unwrap_or_else(|| {
            self.next_ino += 1;
            self.next_ino
        })
    }

    /// After a crash has brought back nodes whose numbers were given away, or removed others:
    /// gives each node a number of its own, and frees the rest.
    pub(super) fn renumber(&mut self) {
        let mut used = BTreeSet::new();
        let ids: Vec<NodeId> = self.nodes.keys().copied().collect();
        self.free_inos.clear();
        for id in ids {
            let fresh = self.next_ino + 1;
            if let Some(node) = self.nodes.get_mut(&id)
                && !used.insert(node.ino)
            {
                node.ino = fresh;
                used.insert(fresh);
                self.next_ino = fresh;
            }
        }
        self.free_inos = (FIRST_INO..=self.next_ino).filter(|ino| !used.contains(ino)).collect();
    }

    pub(super) fn stat(&self, id: NodeId) -> Option<Stat> {
        let node = self.nodes.get(&id)?;
        let (kind, size) = match &node.body {
            Body::File(file) => (FileKind::File, file.live.len()),
            Body::Dir(_) => (FileKind::Dir, 0),
            Body::Symlink(target) => (FileKind::Symlink, target.as_os_str().len()),
            Body::Special(kind) => (*kind, 0),
        };
        Some(Stat {
            id: FileId { dev: DEVICE, ino: node.ino },
            kind,
            size_bytes: size as u64,
            modified: node.modified,
            changed: node.changed,
            mode: node.mode,
            uid: node.uid,
            gid: node.gid,
            links: node.links,
        })
    }

    pub(super) fn file(&mut self, id: NodeId) -> Result<&mut FileBody, Errno> {
        match self.nodes.get_mut(&id).map(|node| &mut node.body) {
            Some(Body::File(file)) => Ok(file),
            _ => Err(Errno::INVAL),
        }
    }

    /// The directory, as long as it exists.
    pub(super) fn dir(&mut self, id: NodeId) -> Result<&mut DirBody, Errno> {
        let root = self.root;
        match self.nodes.get_mut(&id) {
            Some(Node { body: Body::Dir(dir), links, .. }) if 0 < *links || id == root => Ok(dir),
            Some(Node { body: Body::Dir(_), .. }) => Err(Errno::NOENT),
            _ => Err(Errno::NOTDIR),
        }
    }

    pub(super) fn lookup(&mut self, dir: NodeId, name: &OsStr) -> Result<NodeId, Errno> {
        if NAME_BYTES_MAX < name.len() {
            return Err(Errno::NAMETOOLONG);
        }
        self.dir(dir)?.live.get(name).copied().ok_or(Errno::NOENT)
    }

    /// Fails if the name is taken, or can never be one.
    pub(super) fn require_free(&mut self, dir: NodeId, name: &OsStr) -> Result<(), Errno> {
        match self.lookup(dir, name) {
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) => self.dir(dir).map(|_| ()),
            Err(errno) => Err(errno),
        }
    }

    pub(super) fn kind(&self, id: NodeId) -> Result<FileKind, Errno> {
        self.stat(id).map(|stat| stat.kind).ok_or(Errno::NOENT)
    }

    /// Changes names, in memory; storage follows at the next flush of the directory.
    pub(super) fn rename_entries(&mut self, dir: NodeId, change: NameChange) -> Result<(), Errno> {
        let body = self.dir(dir)?;
        let mut gone = Vec::new();
        let mut come = Vec::new();
        for (name, node) in &change {
            gone.extend(body.live.remove(name));
            if let Some(node) = node {
                body.live.insert(name.clone(), *node);
                come.push(*node);
            }
        }
        body.pending.push(change);
        let now = self.stamp();
        if let Some(node) = self.nodes.get_mut(&dir) {
            (node.modified, node.changed) = (now, now);
        }
        for (id, grow) in come.iter().map(|id| (id, true)).chain(gone.iter().map(|id| (id, false)))
        {
            if let Some(node) = self.nodes.get_mut(id) {
                node.links = if grow { node.links + 1 } else { node.links.saturating_sub(1) };
                node.changed = now;
            }
        }
        for id in gone {
            self.free_if_unused(id);
        }
        Ok(())
    }

    /// A handle that keeps the node alive until it is closed.
    pub(super) fn open_handle(&mut self, id: NodeId) -> u64 {
        *self.open.entry(id).or_default() += 1;
        self.next_handle += 1;
        self.next_handle
    }

    pub(super) fn close_handle(&mut self, id: NodeId, handle: u64) {
        if self.locks.get(&id) == Some(&handle) {
            self.locks.remove(&id);
        }
        match self.open.get_mut(&id) {
            Some(count) if 1 < *count => *count -= 1,
            _ => {
                self.open.remove(&id);
                self.free_if_unused(id);
            }
        }
    }

    fn free_if_unused(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get(&id)
            && node.links == 0
            && !self.open.contains_key(&id)
        {
            self.free_inos.insert(node.ino);
        }
    }

    pub(super) fn change_data(&mut self, id: NodeId, change: DataChange) -> Result<(), Errno> {
        let file = self.file(id)?;
        change.apply(&mut file.live);
        file.pending.push((change, Fate::Dirty));
        let now = self.stamp();
        if let Some(node) = self.nodes.get_mut(&id) {
            node.modified = now;
            node.changed = now;
        }
        Ok(())
    }

    /// Changes metadata; a change of content is [`Self::change_data`].
    pub(super) fn change_meta(&mut self, id: NodeId, change: impl FnOnce(&mut Node)) {
        let now = self.stamp();
        if let Some(node) = self.nodes.get_mut(&id) {
            change(node);
            node.changed = now;
        }
    }

    pub(super) fn sync_file(&mut self, id: NodeId) -> Result<(), Errno> {
        let file = self.file(id)?;
        file.dirty_becomes(Fate::Stored);
        if !file.pending.iter().any(|(_, fate)| *fate == Fate::Failed) {
            file.durable.clone_from(&file.live);
            file.pending.clear();
        }
        Ok(())
    }

    pub(super) fn sync_dir(&mut self, id: NodeId) -> Result<(), Errno> {
        let Some(Node { body: Body::Dir(dir), .. }) = self.nodes.get_mut(&id) else {
            return Err(Errno::NOTDIR);
        };
        dir.durable.clone_from(&dir.live);
        dir.pending.clear();
        Ok(())
    }

    /// Follows `path` from the root, links included, to a node and its path without links.
    pub(super) fn resolve(&mut self, op: Op, path: &Path) -> Result<(NodeId, PathBuf), FsError> {
        let failed = |errno: Errno| FsError::new(op, path, errno);
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(FsError::refused(op, path, Refusal::BadName));
        }
        if !path.is_absolute() {
            return Err(failed(Errno::NOENT));
        }
        let mut todo: Vec<OsString> = steps(path);
        let mut here = vec![(self.root, OsString::from("/"))];
        let mut links = 0;
        while let Some(step) = todo.pop() {
            let parent = here.last().map_or(self.root, |(id, _)| *id);
            if step == ".." {
                here.truncate(here.len().saturating_sub(1).max(1));
                continue;
            }
            let id = self.lookup(parent, &step).map_err(failed)?;
            let body = self.nodes.get(&id).map(|node| &node.body);
            let Some(Body::Symlink(target)) = body else {
                here.push((id, step));
                continue;
            };
            let target = target.clone();
            links += 1;
            if LINKS_MAX < links {
                return Err(failed(Errno::LOOP));
            }
            if target.is_absolute() {
                here.truncate(1);
            }
            todo.extend(steps(&target));
        }
        let id = here.last().map_or(self.root, |(id, _)| *id);
        Ok((id, here.into_iter().map(|(_, name)| name).collect()))
    }
}

/// The steps of a path, last first.
fn steps(path: &Path) -> Vec<OsString> {
    let mut steps: Vec<OsString> = path
        .components()
        .filter(|step| matches!(step, Component::Normal(_) | Component::ParentDir))
        .map(|step| step.as_os_str().to_owned())
        .collect();
    steps.reverse();
    steps
}

impl FileBody {
    pub(super) fn dirty_becomes(&mut self, becomes: Fate) {
        for (_, fate) in &mut self.pending {
            if *fate == Fate::Dirty {
                *fate = becomes;
            }
        }
    }
}

impl DataChange {
    pub(super) fn apply(&self, content: &mut Vec<u8>) {
        match self {
            Self::SetLen(len) => content.resize(*len, 0),
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                if let Some(place) = content.get_mut(*at..end) {
                    place.copy_from_slice(bytes);
                }
            }
        }
    }
}
