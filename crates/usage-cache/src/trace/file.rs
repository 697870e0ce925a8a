//! Where a [`TurnStore`] is kept, for all processes of a user.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use common_fs::{
    Access, Dir, FsError, Host, Overwrite, create_dir_all,
    lock::{Guard, TryGuard},
    open_parent, read_whole,
    replace::{FileMode, ReplaceError, Replacement},
    temp,
};

use super::{
    TurnStore,
    artifact::{self, Read},
};
use crate::store::{LOCK_ATTEMPTS, LOCK_PAUSE, SaveError, is_trusted, lock_name};

/// Some hundred thousand turns.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// A problem with the file of what is known of trace databases. None makes an answer wrong about
/// turns whose rows are still there; they cost time, or what was known of turns whose rows are
/// gone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TurnsProblem {
    /// It cannot be read.
    #[error("what is known of priority turns cannot be read, the trace database is read again")]
    Unreadable(#[source] FsError),
    /// It is damaged, or something else. The next save gives it another name.
    #[error("`{}` is damaged; the trace database is read again, and the costs of turns that are no longer in it may be too low", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it; it is left alone.
    #[error("`{}` was written by a newer version (format {version}); it is neither used nor changed", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format version.
        version: u32,
    },
    /// Others can write to it, or it belongs to somebody else.
    #[error("`{}` is not used, because others than you can change it: make it yours alone (`chown`, `chmod 600`), or remove it", path.display())]
    Untrusted {
        /// The file.
        path: PathBuf,
    },
    /// Saving failed; the next refresh reads the same rows again.
    #[error("what is known of priority turns cannot be saved")]
    NotSaved(#[source] SaveError),
}

/// What the file holds.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) store: TurnStore,
    /// How long it is; `None` if there is none.
    pub(super) bytes: Option<u64>,
    pub(super) problem: Option<TurnsProblem>,
}

impl Loaded {
    /// Whether something is there that must not be touched.
    pub(super) fn is_untouchable(&self) -> bool {
        !matches!(self.problem, None | Some(TurnsProblem::Damaged { .. }))
    }
}

pub(super) fn load(host: Host<'_>, path: &Path) -> Loaded {
    match try_load(host, path) {
        Ok(loaded) => loaded,
        Err(error) if error.is_not_found() => Loaded::default(),
        // Nothing can be below a file; why nothing can be saved is told when something is.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Loaded::default(),
        Err(error) => {
            Loaded { problem: Some(TurnsProblem::Unreadable(error)), ..Loaded::default() }
        }
    }
}

fn try_load(host: Host<'_>, path: &Path) -> Result<Loaded, FsError> {
    let (dir, name) = open_parent(host.fs, path)?;
    let file = dir.open(&name, Access::Read)?;
    let stat = file.stat()?;
    let (path, bytes) = (path.to_owned(), Some(stat.size_bytes));
    let with = |problem| Loaded { problem: Some(problem), bytes, ..Loaded::default() };
    if !is_trusted(&stat, host.processes.identity().uid) {
        return Ok(with(TurnsProblem::Untrusted { path }));
    }
    let read = read_whole(file.as_ref(), BYTES_MAX)?;
    Ok(match read.map_or(Read::Damaged, |content| artifact::read(&content)) {
        Read::Store(store) => Loaded { store, bytes, problem: None },
        Read::TooNew(version) => with(TurnsProblem::TooNew { path, version }),
        Read::Damaged => with(TurnsProblem::Damaged { path }),
    })
}

/// What became of saving.
pub(super) enum Saved {
    /// All that is known is in the file, of so many bytes, and stays.
    Durably { bytes: u64 },
    /// Another process is saving.
    Busy,
}

/// Saves a store, with what other processes have saved since it was loaded as `base`.
pub(super) fn save(
    host: Host<'_>,
    path: &Path,
    store: &mut TurnStore,
    base: &TurnStore,
) -> Result<Saved, TurnsProblem> {
    let not_saved = |error: FsError| TurnsProblem::NotSaved(error.into());
    let failed = |error: ReplaceError| TurnsProblem::NotSaved(error.into());
    let (parent, name) = common_fs::split_path(common_fs::Op::Open, path).map_err(not_saved)?;
    let dir = create_dir_all(host.fs, &parent).map_err(not_saved)?;
    let Some(guard) = lock(host, &*dir, name).map_err(not_saved)? else { return Ok(Saved::Busy) };
    temp::sweep_orphans(&*dir, host.processes, host.clock.now()).ok();
    let found = load(host, path);
    if found.is_untouchable()
        && let Some(problem) = found.problem
    {
        return Err(problem);
    }
    if found.problem.is_some() {
        set_aside(&*dir, name).map_err(not_saved)?;
    } else if found.store != *base {
        store.merge(found.store, base);
    }
    let content = artifact::write(store);
    let owner = host.processes.identity().process;
    let mut file = Replacement::begin(&*dir, name, owner, FileMode::Private).map_err(failed)?;
    file.write(&content).map_err(failed)?;
    // Whoever has removed the lock may have let another process in.
    if !guard.is_valid().map_err(not_saved)? {
        return Ok(Saved::Busy);
    }
    file.commit().map_err(failed)?;
    Ok(Saved::Durably { bytes: content.len() as u64 })
}

/// Gives a damaged file another name: that of no other one, as long as there are a few.
fn set_aside(dir: &dyn Dir, name: &OsStr) -> Result<(), FsError> {
    const KEPT_MAX: u32 = 10;
    for attempt in 0.. {
        let mut aside = name.to_owned();
        aside.push(if attempt == 0 { ".damaged".into() } else { format!(".damaged-{attempt}") });
        let overwrite = if attempt < KEPT_MAX { Overwrite::Refuse } else { Overwrite::Allow };
        match dir.rename(name, &aside, overwrite) {
            Err(error) if error.is_already_exists() => (),
            renamed => return renamed,
        }
    }
    Ok(())
}

/// Takes the right to save; `None` if another process has it.
fn lock<'d>(host: Host<'_>, dir: &'d dyn Dir, name: &OsStr) -> Result<Option<Guard<'d>>, FsError> {
    let lock = lock_name(name);
    for attempt in 1..=LOCK_ATTEMPTS {
        match Guard::try_acquire(dir, &lock)? {
            TryGuard::Acquired(guard) => return Ok(Some(guard)),
            TryGuard::Held if attempt < LOCK_ATTEMPTS => host.clock.sleep(LOCK_PAUSE),
            TryGuard::Held => (),
        }
    }
    Ok(None)
}
