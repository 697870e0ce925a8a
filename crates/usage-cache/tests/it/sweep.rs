//! What a sweep of old sessions does to files, and what takes it back.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use common_fs::Clock as _;
use proptest::{prelude::*, sample::select};

use crate::world::World;

/// A way to put something away.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sweep {
    /// Into the directory `archive`, or else beside where it was.
    pub(crate) aside: bool,
    /// As another file, or else under another name.
    pub(crate) compressed: bool,
}

/// All ways.
pub(crate) const SWEEPS: [Sweep; 4] = [
    Sweep { aside: false, compressed: false },
    Sweep { aside: true, compressed: false },
    Sweep { aside: false, compressed: true },
    Sweep { aside: true, compressed: true },
];

impl Sweep {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        select(SWEEPS.as_slice())
    }

    /// Puts a file or a directory away, as what it is: `deleted`, or `bak` if it repeats another.
    pub(crate) fn put_away(self, world: &World, path: &Path, reason: &str) -> PathBuf {
        self.put_away_slowly(world, path, reason, || ())
    }

    /// The same; meanwhile, something is done at the moment at which it is nowhere, if there is
    /// one.
    pub(crate) fn put_away_slowly(
        self,
        world: &World,
        path: &Path,
        reason: &str,
        meanwhile: impl FnOnce(),
    ) -> PathBuf {
        let fs = &world.sim.fs;
        let mut name = path.file_name().unwrap().to_owned();
        let mut dir = path.parent().unwrap().to_owned();
        // What is compressed stays as it is.
        let compresses = self.compressed && path.extension() != Some("zst".as_ref());
        let now = world.sim.clock.now().unix_millis();
        let stamp = jiff::Timestamp::from_millisecond(now).unwrap();
        name.push(format!(".{reason}.{}", stamp.strftime("%Y-%m-%dT%H-%M-%S.%3fZ")));
        if self.aside {
            dir.push("archive");
            fs.make_dir(&dir);
        }
        match fs.content(path).filter(|_| compresses) {
            Some(content) => {
                name.push(".zst");
                fs.remove(path);
                meanwhile();
                fs.put(dir.join(&name), &zstd::encode_all(&content[..], 1).unwrap());
            }
            None => fs.rename(path, dir.join(&name)),
        }
        dir.join(name)
    }

    /// Archives a transcript.
    pub(crate) fn archive(self, world: &World, path: &Path) -> PathBuf {
        self.put_away(world, path, "deleted")
    }
}

/// Brings back what was put away to `archive`; meanwhile, something is done at the moment at which
/// it is in both places, if there is one.
pub(crate) fn restore_slowly(world: &World, archive: &Path, path: &Path, meanwhile: impl FnOnce()) {
    let fs = &world.sim.fs;
    let is_compressed = archive.to_str().unwrap().ends_with("Z.zst");
    match fs.content(archive).filter(|_| is_compressed) {
        Some(content) => {
            fs.put(path, &zstd::decode_all(&content[..]).unwrap());
            meanwhile();
            fs.remove(archive);
        }
        None => fs.rename(archive, path),
    }
}

pub(crate) fn restore(world: &World, archive: &Path, path: &Path) {
    restore_slowly(world, archive, path, || ());
}

/// Where a transcript was archived.
pub(crate) fn archives_of(world: &World, path: &Path) -> Vec<PathBuf> {
    let mut start = path.file_name().unwrap().to_owned();
    start.push(".deleted.");
    let starts = |name: &OsString| name.as_encoded_bytes().starts_with(start.as_encoded_bytes());
    let beside = path.parent().unwrap();
    let in_dir = |dir: PathBuf| {
        let names = match world.sim.fs.stat(&dir) {
            Some(_) => world.sim.fs.names(&dir),
            None => Vec::new(),
        };
        names.into_iter().filter(starts).map(move |name| dir.join(name)).collect::<Vec<_>>()
    };
    [in_dir(beside.to_owned()), in_dir(beside.join("archive"))].concat()
}
