//! A directory of sessions in a temporary one, and what is done to it.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock, Host, SystemClock, Timestamp};
use demo_corpus::openclaw_store::SESSIONS;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use session_reaper::{
    Archive, Compression, Failure, Folder, KeepLast, Listing, Needs, Orders, Place, Plan, Policy,
    Restored, Roots, Sweep, SweepError, SweepOptions, archives, restore, sweep,
};

use super::tree::Tree;

/// All ways to archive.
pub(super) const FORMS: [Form; 4] = [
    Form { folder: Folder::Here, compression: Compression::None },
    Form { folder: Folder::Archive, compression: Compression::None },
    Form { folder: Folder::Here, compression: Compression::Zstd },
    Form { folder: Folder::Archive, compression: Compression::Zstd },
];

/// A way to archive.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) folder: Folder,
    pub(super) compression: Compression,
}

impl Form {
    /// In words.
    pub(super) fn name(self) -> &'static str {
        match (self.folder, self.compression) {
            (Folder::Here, Compression::None) => "beside",
            (Folder::Archive, Compression::None) => "in a folder",
            (Folder::Here, Compression::Zstd) => "beside, compressed",
            (Folder::Archive, Compression::Zstd) => "in a folder, compressed",
        }
    }

    pub(super) fn options(self) -> SweepOptions {
        let Self { folder, compression } = self;
        SweepOptions { folder, compression, ..SweepOptions::USUAL }
    }
}

/// The safe policy without the last runs of each job, which it keeps however old they are.
pub(super) fn safe() -> Policy {
    Policy { keep_last: KeepLast { succeeded: 0, failed: 0 }, ..Policy::SAFE }
}

/// The real time, so much later.
pub(super) struct Later(pub(super) Duration);

impl Clock for Later {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(self.0)
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
    fn sleep(&self, span: Duration) {
        SystemClock.sleep(span);
    }
}

/// A state directory of OpenClaw with one agent.
pub(super) struct Home {
    pub(super) root: PathBuf,
    /// Where the sessions are.
    pub(super) dir: PathBuf,
    // Removed with this.
    _temp: tempfile::TempDir,
}

impl Home {
    pub(super) fn create() -> anyhow::Result<Self> {
        let temp = tempfile::tempdir()?;
        let root = fs_err::canonicalize(temp.path())?;
        let dir = root.join(SESSIONS);
        fs_err::create_dir_all(&dir)?;
        Ok(Self { root, dir, _temp: temp })
    }

    /// The agent, as it is found by those who look for agents.
    pub(super) fn place(&self) -> anyhow::Result<Place> {
        let roots = Roots { openclaw: vec![self.root.clone()], ..Roots::default() };
        let (places, errors) = roots.places(Host::real().fs);
        ensure!(errors.is_empty(), "{errors:?}");
        let place = places.into_iter().find(|place| place.dir == self.dir);
        place.context("the agent was not found")
    }

    pub(super) fn tree(&self) -> anyhow::Result<Tree> {
        Tree::of(&self.dir)
    }
}

/// Writes a file that was last changed then.
pub(super) fn write(path: &Path, content: &[u8], modified_millis: i64) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent)?;
    }
    fs_err::write(path, content)?;
    set_modified(path, modified_millis)
}

/// Of whatever stands there, and not of what it leads to.
pub(super) fn set_modified(path: &Path, millis: i64) -> anyhow::Result<()> {
    let time = Timespec {
        tv_sec: millis.div_euclid(1_000),
        tv_nsec: millis.rem_euclid(1_000) * 1_000_000,
    };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// A plan as the program makes one: the directory is listed, the store is read, all is judged.
pub(super) fn look(host: Host<'_>, place: &Place, policy: &Policy) -> anyhow::Result<Plan> {
    let listing = Listing::read(host, place, policy)?;
    Ok(session_reaper::plan(host.clock.now(), &listing.snapshot(None), policy))
}

/// A sweep, whatever comes of it.
pub(super) fn try_sweep(
    host: Host<'_>,
    place: &Place,
    policy: &Policy,
    options: SweepOptions,
    needs: Option<&Needs>,
) -> Result<Sweep, SweepError> {
    sweep(host, place, Orders { policy, options, needs }, &mut |_| ControlFlow::Continue(()))
}

/// A sweep in which nothing fails, and nobody changes anything meanwhile.
pub(super) fn clean_sweep(
    host: Host<'_>,
    place: &Place,
    policy: &Policy,
    options: SweepOptions,
) -> anyhow::Result<Sweep> {
    is_clean(try_sweep(host, place, policy, options, None)?)
}

pub(super) fn is_clean(sweep: Sweep) -> anyhow::Result<Sweep> {
    none_failed(&sweep.failures)?;
    let changed = sweep.changed.first();
    ensure!(changed.is_none(), "{} were changed, first {changed:?}", sweep.changed.len());
    Ok(sweep)
}

pub(super) fn none_failed(failures: &[Failure]) -> anyhow::Result<()> {
    let first = failures.first();
    ensure!(first.is_none(), "{} failures, first {first:?}", failures.len());
    Ok(())
}

/// Restores all that was archived since a directory was so.
pub(super) fn restore_since(
    host: Host<'_>,
    place: &Place,
    before: &Tree,
) -> anyhow::Result<Restored> {
    let all = archives(host, place, &Policy::SAFE)?;
    let is_new = |archive: &&Archive| {
        archive.key.is_some() || archive.files.iter().any(|file| !before.has(&file.name))
    };
    let restored = restore(host, place, all.iter().filter(is_new), SweepOptions::USUAL.lock_wait)?;
    none_failed(&restored.failures)?;
    Ok(restored)
}
