//! Carrying a plan out.
//!
//! A sweep of one directory, in this order, so that a kill or a power cut at any moment leaves
//! everything there, once or twice, and the next sweep knows what was going on:
//!
//! 1. The guard of the directory is taken, and what an interrupted sweep has left is finished or
//!    undone.
//! 2. Compressed copies are made, if wanted, and checked.
//! 3. The lock of the store is taken, as OpenClaw takes it. If the store has changed since the plan
//!    was made, the plan is made again, and only what both say goes, if its row is still the same to
//!    the byte.
//! 4. All of it is written down in the journal, the rows as they are.
//! 5. Files are renamed. Where one cannot be, its row stays. After three seconds, the others wait until
//!    whoever else wants the lock had a turn; it goes on for them at 3.
//! 6. The store is replaced by one without the rows, unless the lock was lost or somebody has
//!    written to the store without it; then everything is undone.
//! 7. Files of which there is a compressed copy are removed, and the copies get their names.
//! 8. The journal says that it is done.
//! 9. What was archived long ago is removed.

mod archive;
mod carry;
mod commit;
mod copies;
mod moves;
mod reclaim;
mod recover;
mod tasks;

use std::{ffi::OsStr, ops::ControlFlow, path::PathBuf, time::Duration};

use common_fs::{
    Dir, FsError, Host, Timestamp,
    lock::{Guard, LockError, TryGuard},
    replace::ReplaceError,
};

use crate::{
    Clockwork, Folder, Item, JournalError, Layout, Listing, Needs, Place, Plan, Policy, Removed,
    StoreState, Total, file_name::ARCHIVE_FOLDER, journal::JournalFile, plan,
};

pub(crate) use moves::{Moves, remove};
pub use recover::Recovered;

/// The name of what guards a directory against two sweeps at once.
pub(crate) const GUARD: &str = ".session-reaper.guard";

/// How a sweep goes about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SweepOptions {
    /// For how long to wait for the lock of a store.
    pub lock_wait: Duration,
    /// Where archives are kept.
    pub folder: Folder,
    /// Whether they are compressed.
    pub compression: Compression,
    /// What is done if the clock may be wrong.
    pub clockwork: Clockwork,
}

/// Whether archives are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// They are renamed, which takes no time and no room.
    None,
    /// By Zstandard.
    Zstd,
}

impl SweepOptions {
    /// Beside what was archived, as OpenClaw does, not compressed, and as patient as OpenClaw.
    pub const USUAL: Self = Self {
        lock_wait: Duration::from_secs(10),
        folder: Folder::Here,
        compression: Compression::None,
        clockwork: Clockwork::Doubt,
    };
}

/// What is to be done, and how.
#[derive(Clone, Copy, Debug)]
pub struct Orders<'o> {
    /// What is kept, and for how long.
    pub policy: &'o Policy,
    /// How a sweep goes about it.
    pub options: SweepOptions,
    /// What sessions elsewhere need, for directories of Codex.
    pub needs: Option<&'o Needs>,
}

/// What came of a sweep.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Sweep {
    /// What was to be done.
    pub plan: Plan,
    /// What an interrupted sweep had left.
    pub recovered: Recovered,
    /// The rows that were archived.
    pub archived_rows: Total,
    /// The files that were archived, as long as they were.
    pub archived_files: Total,
    /// How much less the compressed ones take.
    pub saved_bytes: u64,
    /// The files that were removed for good.
    pub removed_files: Total,
    /// The rows that can be restored no more.
    pub forgotten_rows: Total,
    /// What stays although it was to go, as somebody has changed or taken it meanwhile.
    pub changed: Vec<String>,
    /// What could not be done; everything else was.
    pub failures: Vec<Failure>,
    /// Whether it was broken off; what is not done stays as it was.
    pub broken_off: bool,
}

/// Something that could not be done.
#[derive(Debug)]
pub struct Failure {
    /// A key or a file name.
    pub what: String,
    /// Why.
    pub error: SweepError,
}

/// Why a directory was not swept, or not restored to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// Another sweep or restore is at work there.
    #[error("another sweep or restore is at work in `{}`", dir.display())]
    Busy {
        /// The directory.
        dir: PathBuf,
    },
    /// The lock of the store, or of a transcript, could not be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Somebody writes to the store without taking its lock.
    #[error("`{}` is written to by a program that does not take its lock; stop it first", path.display())]
    Unlocked {
        /// The store.
        path: PathBuf,
    },
    /// Sessions have moved to a database, which only OpenClaw itself changes.
    #[error(
        "the sessions of this agent are in `{}`, which only OpenClaw itself changes: run `openclaw sessions cleanup --dry-run`, then `--enforce`",
        database.display()
    )]
    Database {
        /// The database.
        database: PathBuf,
    },
    /// The clock may be wrong.
    #[error(
        "the clock says that nothing has changed in `{}` for {} days, which is more than is plausible; if it is right, say so (--trust-clock)",
        dir.display(),
        quiet.as_secs() / 86_400
    )]
    Clock {
        /// The directory.
        dir: PathBuf,
        /// For how long nothing has changed.
        quiet: Duration,
    },
    /// The journal cannot be used.
    #[error("the journal `{}` cannot be used", path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// Why.
        #[source]
        source: JournalError,
    },
    /// The store cannot be trusted, so nothing is written to it.
    #[error("the store `{}` cannot be trusted", path.display())]
    Store {
        /// The store.
        path: PathBuf,
        /// Why.
        #[source]
        source: crate::StoreError,
    },
    /// A file is not what it was, or something is in its place.
    #[error("`{}` {why}", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What has happened.
        why: &'static str,
    },
    /// There is a row of that key, which is not the one that was archived.
    #[error("there is another row `{key}` in the store by now")]
    RowExists {
        /// The key.
        key: String,
    },
    /// The file system failed.
    #[error(transparent)]
    Fs(#[from] FsError),
    /// The store could not be replaced.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// What is being done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// So many files were archived or removed,
    pub files_done: u64,
    /// of so many.
    pub files_total: u64,
}

/// Asked now and then whether to go on.
pub type OnProgress<'p> = &'p mut dyn FnMut(Progress) -> ControlFlow<()>;

/// Archives what retention is over for in one directory, and removes what was archived long ago.
///
/// One thing that fails does not stop the rest; see [`Sweep::failures`]. Breaking off leaves what is
/// not done yet as it was.
///
/// # Errors
///
/// Fails if nothing could be done at all. Nothing has changed then, except that what an interrupted
/// sweep had left may be finished.
pub fn sweep(
    host: Host<'_>,
    place: &Place,
    orders: Orders<'_>,
    on_progress: OnProgress<'_>,
) -> Result<Sweep, SweepError> {
    if let Some(database) = place.database.clone() {
        return Err(SweepError::Database { database });
    }
    let dir = match place.open(host.fs) {
        Ok(dir) => dir,
        Err(error) if error.is_not_found() => return Ok(Sweep::default()),
        Err(error) => return Err(error.into()),
    };
    if !has_store(place.layout)
        && let Some(sweep) = in_vain(host, place, orders)?
    {
        return Ok(sweep);
    }
    with_guard(host, place, dir.as_ref(), |work| work.sweep(orders, on_progress))
}

/// A sweep that has nothing to do, if it has: there are hundreds of directories of Codex and Claude
/// Code, and nothing is written to those where all stays.
fn in_vain(host: Host<'_>, place: &Place, orders: Orders<'_>) -> Result<Option<Sweep>, SweepError> {
    let listing = Listing::read(host, place, orders.policy)?;
    let plan = plan(host.clock.now(), &listing.snapshot(orders.needs), orders.policy);
    let is_nothing = plan.is_nothing() && !listing.is_interrupted();
    Ok(is_nothing.then(|| Sweep { plan, ..Sweep::default() }))
}

/// One directory that nobody else works in.
pub(crate) struct Work<'w> {
    pub(crate) host: Host<'w>,
    pub(crate) place: &'w Place,
    pub(crate) dir: &'w dyn Dir,
    pub(crate) journal: JournalFile<'w>,
    pub(crate) moves: Moves<'w>,
}

/// Does something in a directory while nobody else does who honours the guard.
pub(crate) fn with_guard<T>(
    host: Host<'_>,
    place: &Place,
    dir: &dyn Dir,
    act: impl FnOnce(Work<'_>) -> Result<T, SweepError>,
) -> Result<T, SweepError> {
    let TryGuard::Acquired(guard) = Guard::try_acquire(dir, OsStr::new(GUARD))? else {
        return Err(SweepError::Busy { dir: dir.path().to_owned() });
    };
    let journal = JournalFile::open(dir);
    let done = journal
        .and_then(|journal| act(Work { host, place, dir, journal, moves: Moves::new(dir)? }));
    // The answer is known by now; a guard that stays behind is in nobody's way.
    guard.remove().ok();
    done
}

impl Work<'_> {
    fn sweep(
        mut self,
        orders: Orders<'_>,
        on_progress: OnProgress<'_>,
    ) -> Result<Sweep, SweepError> {
        let Orders { policy, options, needs } = orders;
        let started = self.host.clock.monotonic();
        let (recovered, failures) = self.recover(options.lock_wait)?;
        let journal = self.journal.journal();
        let mut listing = Listing::of(self.host, self.place, policy, self.dir, journal)?;
        let now = self.host.clock.now();
        options
            .clockwork
            .check(now, &listing)
            .map_err(|quiet| SweepError::Clock { dir: self.dir.path().to_owned(), quiet })?;
        let raw = listing.take_store();
        let snapshot = listing.snapshot_of(raw.state(), needs);
        let plan = plan(now, &snapshot, policy);
        let rows = match snapshot.store {
            StoreState::Rows(rows) => Some(rows),
            StoreState::None | StoreState::Missing | StoreState::Refused(_) => None,
        };
        let mut sweep = Sweep { recovered, failures, ..Sweep::default() };
        if !plan.is_nothing() {
            let deadline = policy.budget.time.map(|time| started + time);
            let files = plan.archiving().count + plan.reclaiming().count;
            let mut pace = Pace::new(self.host, deadline, files, on_progress);
            let context = carry::Context { now, orders, listing: &listing };
            let tasks = self.prepare(&plan, rows.as_ref(), &context, &mut pace, &mut sweep)?;
            let known = rows.map(|rows| (&raw, rows));
            let left = self.carry_out(tasks, known, &context, &mut pace, &mut sweep)?;
            // What comes after it is read anew, and two large stores at once would be too much.
            drop(raw);
            self.carry_on(left, &context, &mut pace, &mut sweep);
            self.reclaim(&plan, &mut pace, &mut sweep)?;
            sweep.broken_off = pace.broken_off;
        }
        self.tidy(now, policy, &mut sweep)?;
        sweep.plan = plan;
        Ok(sweep)
    }

    /// Forgets what can be restored no more: rows whose time is over, and files whose archives are
    /// gone.
    fn tidy(
        &mut self,
        now: Timestamp,
        policy: &Policy,
        sweep: &mut Sweep,
    ) -> Result<(), SweepError> {
        let is_pinned = |row: Option<&Removed>| row.is_some_and(|row| policy.pins(&row.key));
        let is_over = |at: Timestamp, row: Option<&Removed>| {
            policy.archives.ttl.is_some_and(|ttl| at.plus(ttl) < now) && !is_pinned(row)
        };
        for archived in self.journal.journal().archived() {
            if let Some(row) = archived.row.filter(|row| is_over(archived.at, Some(row))) {
                sweep.forgotten_rows.add(row.member.len() as u64);
            }
        }
        // Not on every sweep: it means to look for every archive.
        let any_removed = sweep.removed_files.count != 0;
        let moves = &self.moves;
        let is_gone = |item: &Item| {
            any_removed && item.row.is_none() && item.files.iter().all(|file| moves.is_gone(file))
        };
        self.journal.tidy(self.host, |at, item| is_over(at, item.row.as_ref()) || is_gone(item))
    }
}

/// Tells of progress, and whether to go on.
pub(crate) struct Pace<'p> {
    host: Host<'p>,
    deadline: Option<Duration>,
    progress: Progress,
    on_progress: OnProgress<'p>,
    pub(crate) broken_off: bool,
}

impl<'p> Pace<'p> {
    pub(crate) fn new(
        host: Host<'p>,
        deadline: Option<Duration>,
        files_total: u64,
        on_progress: OnProgress<'p>,
    ) -> Self {
        let progress = Progress { files_done: 0, files_total };
        Self { host, deadline, progress, on_progress, broken_off: false }
    }

    /// Whether there is time for more.
    pub(crate) fn goes_on(&mut self) -> bool {
        let is_late = |deadline| deadline <= self.host.clock.monotonic();
        let ends =
            self.deadline.is_some_and(is_late) || (self.on_progress)(self.progress).is_break();
        self.broken_off |= ends;
        !ends
    }

    pub(crate) fn step(&mut self, files: u64) {
        self.progress.files_done += files;
    }
}

/// The folder of archives; it is created if it is not there.
pub(crate) fn archive_folder(dir: &dyn Dir) -> Result<Box<dyn Dir>, FsError> {
    let name = OsStr::new(ARCHIVE_FOLDER);
    match dir.open_dir(name) {
        Err(error) if error.is_not_found() => (),
        opened => return opened,
    }
    dir.create_dir(name)?;
    dir.sync()?;
    dir.open_dir(name)
}

/// Whether a runtime keeps a store there that has to be locked.
pub(crate) fn has_store(layout: Layout) -> bool {
    layout == Layout::OpenClaw
}
