//! Bringing the cache up to date.

mod opened;
mod run;
mod tasks;

use std::{
    num::NonZeroUsize,
    ops::ControlFlow,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use common_fs::{FsError, Host, create_dir_all};

use crate::{
    CacheProblem, CheckpointPolicy, Databases, Locations, UsageCache,
    discover::{self, Discovery},
    entries::Entries,
    models::Models,
    reconcile::{self, Plan, Standing},
    saved,
    scan::Scanner,
    sessions::{self, FoundDatabase},
    store::{self, Complete, Lines, Loaded, OnDisk, Saver},
    trace::{self, PriorityTurns, ScanProgress, ScanRequest, TraceStatus, Updated},
    usage::Unread,
};

pub(crate) use opened::{InMemory, Opened, StateDir, open_cache, refresh_in_memory};
use run::Run;
use tasks::Task;

/// What is to be read, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the transcripts and the cache are.
    pub locations: Locations,
    /// How often what is known so far is saved.
    pub checkpoint: CheckpointPolicy,
    /// How many threads read. With one, everything happens in order on the calling thread.
    pub threads: NonZeroUsize,
    /// Longer lines are skipped and counted. Each thread may need that much memory.
    pub line_bytes_max: usize,
    /// After so many bytes of one transcript progress is reported, and it is considered whether
    /// to save.
    pub progress_bytes: u64,
    /// Reads the databases that some runtimes keep; without it they are not looked at.
    pub databases: Option<&'static dyn Databases>,
}

impl Options {
    /// Room for messages with several large images; answers of models are thousands of times
    /// shorter.
    pub const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

    /// Some tens of milliseconds of reading.
    pub const PROGRESS_BYTES: u64 = 32 * 1024 * 1024;

    /// The usual options: [`CheckpointPolicy::DEFAULT`], a thread per processor, the constants
    /// above, and no databases.
    pub fn new(locations: Locations) -> Self {
        Self {
            locations,
            checkpoint: CheckpointPolicy::DEFAULT,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            line_bytes_max: Self::LINE_BYTES_MAX,
            progress_bytes: Self::PROGRESS_BYTES,
            databases: None,
        }
    }
}

/// How far a refresh is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Transcripts that were read.
    pub files_done: u64,
    /// Transcripts that have to be read.
    pub files_total: u64,
    /// Bytes that were read.
    pub bytes_done: u64,
    /// Bytes that have to be read.
    pub bytes_total: u64,
    /// How far the scan of the [trace database](crate::trace) is, which comes last.
    pub trace: Option<ScanProgress>,
}

impl Progress {
    /// That of a scan of the trace database alone.
    pub fn of_trace(trace: ScanProgress) -> Self {
        Self { trace: Some(trace), ..Self::default() }
    }
}

/// Told how far a refresh is, on the thread that called it. Breaking off ends the refresh soon;
/// what was read until then is saved.
pub type OnProgress<'p> = &'p mut dyn FnMut(Progress) -> ControlFlow<()>;

/// What a refresh took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Work {
    /// Transcripts that were read, from the beginning or from where the last reading ended.
    pub scanned_files: u64,
    /// Bytes that were read in them.
    pub scanned_bytes: u64,
    /// How often the cache file was written durably.
    pub writes: u64,
    /// Bytes written to it.
    pub written_bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// What came of a refresh.
#[derive(Debug)]
#[non_exhaustive]
pub struct Refreshed {
    /// What is known now.
    pub usage: UsageCache,
    /// What it took.
    pub work: Work,
    /// What went wrong with the cache file. The answers are right nevertheless.
    pub problems: Vec<CacheProblem>,
    /// Whether the caller broke off before everything was read.
    pub interrupted: bool,
}

/// Loads the cache and looks at the transcripts, without reading or writing any.
///
/// The answers are those of the last refresh; [`UsageCache::status`] says how far they are
/// behind.
pub fn open(host: Host<'_>, options: &Options) -> (UsageCache, Vec<CacheProblem>) {
    let locations = &options.locations;
    let discovery = discover_files(host, options);
    let (loaded, discovery, plan) = load_and_compare(host, options, discovery);
    // Where there is no lock to look at, nobody holds it.
    let refreshing = store::is_busy(host, &locations.cache).unwrap_or(false);
    let Loaded { entries, models, problem, .. } = loaded;
    let Updated { turns, status, problems } = trace::load(host, locations);
    let mut all_problems: Vec<CacheProblem> = problem.into_iter().collect();
    all_problems.extend(problems.into_iter().map(CacheProblem::Turns));
    let turns = (turns, status);
    let usage = UsageCache::new(entries, models, discovery, plan.standing, refreshing, turns);
    (usage, all_problems)
}

/// Loads the cache, and looks at no transcript: they are taken to be as they were.
pub(crate) fn open_unlisted(
    host: Host<'_>,
    options: &Options,
    refreshing: bool,
    turns: (PriorityTurns, Option<TraceStatus>),
) -> (UsageCache, Option<CacheProblem>) {
    let Loaded { entries, models, problem, .. } = load(host, options);
    let places = &options.locations.places;
    let (roots, errors) = discover::roots(host.fs, places);
    let discovery = Discovery {
        sources: places.iter().map(|place| place.source).collect(),
        roots,
        errors,
        database_status: sessions::believed(&entries),
        ..Discovery::default()
    };
    let standing = Standing::as_before(&entries, &discovery);
    (UsageCache::new(entries, models, discovery, standing, refreshing, turns), problem)
}

/// Reads what is new in the transcripts and saves what is known to the cache file.
///
/// The answers are exact whatever becomes of the cache file: if it is lost, damaged, locked or
/// cannot be written, only time is lost, and [`Refreshed::problems`] says so. Transcripts that
/// cannot be read are reported by [`UsageCache::status`].
///
/// If nothing has changed, each transcript is looked at once, the cache and the
/// [saved](crate::remember) facts are read once, and nothing else is opened, and nothing written.
/// The cache is checked then, and not kept: what is asked that the facts do not tell is read from
/// the file, which stays open, when it is asked. Should somebody damage that file in between,
/// [`UsageCache::status`] says that it cannot be read, and how many transcripts are not counted.
pub fn refresh(host: Host<'_>, options: &Options, on_progress: OnProgress<'_>) -> Refreshed {
    let started = host.clock.monotonic();
    let discovery = discover_files(host, options);
    let (cache, threads) = (&options.locations.cache, options.threads.get());
    let open = |found| store::open_if_complete(host, cache, found, threads);
    if let Some(lines) = discovery.key().and_then(open) {
        return unchanged(host, options, lines, discovery, on_progress, started);
    }
    let (mut loaded, mut discovery, mut plan) = load_and_compare(host, options, discovery);
    let mut problems: Vec<CacheProblem> = loaded.problem.take().into_iter().collect();
    let mut dir = None;
    let mut saver = None;
    if !(plan.is_nothing() && discovery.databases.iter().all(is_known))
        && loaded.on_disk != OnDisk::Untouchable
    {
        match open_to_save(host, options, &mut dir, &mut loaded) {
            Ok(Some((opened, reloaded))) => {
                saver = Some(opened);
                if reloaded {
                    // Whoever saved has looked since.
                    discovery = discover(host, options, &loaded.entries);
                    plan = reconcile::reconcile(&loaded.entries, &discovery);
                }
            }
            Ok(None) => problems.push(CacheProblem::Busy),
            Err(error) => problems.push(CacheProblem::NotSaved(error.into())),
        }
    }
    let Loaded { entries, models, .. } = loaded;
    let read = read_new(host, options, (entries, models), (&discovery, plan), saver, on_progress);
    let Read { entries, models, standing, mut work, saved, problems: more, flow, progress } = read;
    problems.extend(more);
    let (updated, flow) = read_trace(host, options, flow, progress, on_progress);
    problems.extend(updated.problems.into_iter().map(CacheProblem::Turns));
    work.elapsed = host.clock.monotonic().saturating_sub(started);
    let turns = (updated.turns, updated.status);
    let usage = UsageCache::new(entries, models, discovery, standing, false, turns);
    let usage = usage.saved_as(saved).on_threads(options.threads);
    Refreshed { usage, work, problems, interrupted: flow.is_break() }
}

/// What is known after reading what is new.
struct Read {
    entries: Entries,
    models: Models,
    standing: Standing,
    work: Work,
    /// What the cache file says last, if it knows all of this.
    saved: Option<Complete>,
    problems: Vec<CacheProblem>,
    flow: ControlFlow<()>,
    progress: Progress,
}

/// Carries out a plan; without a saver nothing is saved.
fn read_new(
    host: Host<'_>,
    options: &Options,
    (entries, models): (Entries, Models),
    (discovery, mut plan): (&Discovery, Plan),
    saver: Option<Saver<'_>>,
    on_progress: OnProgress<'_>,
) -> Read {
    let models = Mutex::new(models);
    let tasks: Vec<Task<'_>> =
        plan.jobs.iter().filter_map(|job| Task::new(job, discovery, &entries)).collect();
    let scanner = Scanner { fs: host.fs, clock: host.clock, models: &models, options };
    let standing = std::mem::take(&mut plan.standing);
    let mut run = Run::new(host.clock, options, &models, entries, standing, saver);
    run.take_known(&plan);
    let (flow, progress) =
        tasks::read_all(&tasks, &scanner, discovery, options, &mut run, on_progress);
    run.finish(discovery);
    let Run { entries, standing, work, saved, problems, .. } = run;
    let models = models.into_inner().unwrap_or_else(PoisonError::into_inner);
    Read { entries, models, standing, work, saved, problems, flow, progress }
}

/// The end of a refresh that has found what is known already.
fn unchanged(
    host: Host<'_>,
    options: &Options,
    lines: Lines,
    discovery: Discovery,
    on_progress: OnProgress<'_>,
    started: Duration,
) -> Refreshed {
    let (flow, progress) = (ControlFlow::Continue(()), Progress::default());
    let (updated, flow) = read_trace(host, options, flow, progress, on_progress);
    let Updated { turns, status: trace, problems } = updated;
    let complete = lines.complete();
    let memo = saved::recall(host, options, complete, turns.key());
    let unread = Unread { lines, discovery, trace };
    let usage = UsageCache::unread(unread, turns, memo);
    let elapsed = host.clock.monotonic().saturating_sub(started);
    let work = Work { elapsed, ..Work::default() };
    let problems = problems.into_iter().map(CacheProblem::Turns).collect();
    Refreshed { usage, work, problems, interrupted: flow.is_break() }
}

/// Whether there is nothing to be remembered of a database for its own sake.
fn is_known(database: &FoundDatabase) -> bool {
    !(database.was_listed && database.looks.has_settled())
}

/// Reads what is new in the trace database, unless the refresh is broken off.
fn read_trace(
    host: Host<'_>,
    options: &Options,
    flow: ControlFlow<()>,
    progress: Progress,
    on_progress: OnProgress<'_>,
) -> (Updated, ControlFlow<()>) {
    let Some(databases) = options.databases.filter(|_| flow.is_continue()) else {
        return (trace::load(host, &options.locations), flow);
    };
    let mut on_scan = |trace| on_progress(Progress { trace: Some(trace), ..progress });
    let (locations, request) = (&options.locations, ScanRequest::ALL);
    let updated = trace::update(host, locations, databases, request, &mut on_scan);
    let interrupted = updated.status.as_ref().is_some_and(|status| status.work.interrupted);
    (updated, if interrupted { ControlFlow::Break(()) } else { flow })
}

/// Holds what the cache knows against what was found. If something seems to be gone, it may have
/// come, and been saved by another process, after we had looked: then that is done again.
fn load_and_compare(
    host: Host<'_>,
    options: &Options,
    mut discovery: Discovery,
) -> (Loaded, Discovery, Plan) {
    let loaded = load(host, options);
    discovery.forget_moved(host.fs);
    sessions::list(databases(options), &mut discovery, &loaded.entries);
    let mut plan = reconcile::reconcile(&loaded.entries, &discovery);
    if !plan.gone.is_empty() {
        discovery = discover(host, options, &loaded.entries);
        plan = reconcile::reconcile(&loaded.entries, &discovery);
    }
    (loaded, discovery, plan)
}

pub(crate) fn load(host: Host<'_>, options: &Options) -> Loaded {
    let mut loaded = store::load(host, &options.locations.cache);
    let sources: Vec<_> = options.locations.places.iter().map(|place| place.source).collect();
    loaded.entries.forget_others(&sources);
    loaded
}

fn discover(host: Host<'_>, options: &Options, entries: &Entries) -> Discovery {
    let mut discovery = discover_files(host, options);
    discovery.forget_moved(host.fs);
    sessions::list(databases(options), &mut discovery, entries);
    discovery
}

fn databases(options: &Options) -> Option<&dyn Databases> {
    // Without the `'static`, which would be asked of the borrow of the options.
    options.databases.map(|databases| databases as &dyn Databases)
}

fn discover_files(host: Host<'_>, options: &Options) -> Discovery {
    let (places, threads) = (&options.locations.places, options.threads.get());
    discover::discover(host.fs, host.clock, places, threads)
}

/// Takes the right to save; `None` if another process has it. If another process has saved
/// since the cache was loaded, loads it again, and says so.
fn open_to_save<'d>(
    host: Host<'_>,
    options: &Options,
    dir: &'d mut StateDir,
    loaded: &mut Loaded,
) -> Result<Option<(Saver<'d>, bool)>, FsError> {
    let path = &options.locations.cache;
    let (parent, name) = common_fs::split_path(common_fs::Op::Open, path)?;
    let dir = dir.insert(create_dir_all(host.fs, &parent)?);
    let Some(mut saver) = Saver::acquire(host, &**dir, name, loaded)? else {
        return Ok(None);
    };
    let reload = !saver.is_unchanged()?;
    if reload {
        *loaded = load(host, options);
        saver.reloaded(loaded);
    }
    Ok(Some((saver, reload)))
}
