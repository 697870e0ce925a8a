//! Carrying out what a plan says, under the lock of the store: as often as it takes.

use std::{collections::HashSet, ffi::OsStr, time::Duration};

use common_fs::{Access, Stat, Timestamp};

use super::{
    Compression, Failure, Orders, Pace, Sweep, SweepError, Work,
    archive::{Attempt, Locked},
    commit::identity,
    has_store,
    tasks::{Task, member_hash, tasks},
};
use crate::{
    Budget, Listing, Plan, Policy, Store, StoreState,
    file_name::STORE,
    listing::{RawStore, content_is, read_store},
};

/// How often the work is begun anew because somebody writes to the store without its lock.
const ATTEMPTS: u32 = 3;

/// So many tasks are written down at once, and archived while the lock is held, if there is time for
/// all of them.
const TASKS_AT_ONCE: usize = 100_000;

/// Between two holdings of the lock. Whoever waits for it, as OpenClaw does, looks every second.
const TURN_OF_OTHERS: Duration = Duration::from_millis(1_200);

/// Where file times are coarse, a file that was read so soon after a change may have been changed
/// again without another time.
const RACY: Duration = Duration::from_secs(2);

/// What a sweep goes by.
pub(super) struct Context<'c> {
    pub(super) now: Timestamp,
    pub(super) orders: Orders<'c>,
    pub(super) listing: &'c Listing,
}

/// A store as it was read, and its rows.
pub(super) type Known<'k> = (&'k RawStore, Store<'k>);

impl Work<'_> {
    /// What a plan says to archive; compressed copies, if they are wanted, are made by then.
    pub(super) fn prepare<'c>(
        &mut self,
        plan: &Plan,
        rows: Option<&Store<'_>>,
        context: &Context<'c>,
        pace: &mut Pace<'_>,
        sweep: &mut Sweep,
    ) -> Result<Vec<Task<'c>>, SweepError> {
        let Context { now, orders, listing } = *context;
        let tasks = tasks(plan, listing, rows, self.place.layout, now);
        if tasks.is_empty() {
            return Ok(tasks);
        }
        self.moves.prepare(orders.options.folder)?;
        if orders.options.compression == Compression::None {
            return Ok(tasks);
        }
        let tasks = self.make_copies(tasks, context, pace, sweep);
        // Of what was made in time, the rest takes none.
        pace.deadline = None;
        Ok(tasks)
    }

    /// Archives as many tasks as there is time for before somebody else wants to write to the store,
    /// and says which are left. `known` is what they were made from.
    pub(super) fn carry_out<'c>(
        &mut self,
        mut tasks: Vec<Task<'c>>,
        known: Option<Known<'_>>,
        context: &Context<'c>,
        pace: &mut Pace<'_>,
        sweep: &mut Sweep,
    ) -> Result<Vec<Task<'c>>, SweepError> {
        if tasks.is_empty() {
            return Ok(tasks);
        }
        if !has_store(self.place.layout) {
            return match self.archive(None, tasks, context, pace, sweep)? {
                Attempt::Done(left) | Attempt::StoreChanged(left) => Ok(left),
            };
        }
        let mut later = tasks.split_off(TASKS_AT_ONCE.min(tasks.len()));
        match self.hold(tasks, known, context, pace, sweep) {
            Ok(mut left) => {
                left.append(&mut later);
                Ok(left)
            }
            Err(error) => {
                self.drop_all_copies(&later, context);
                Err(error)
            }
        }
    }

    /// Archives what is left, with pauses in which others can write to the store. If that fails,
    /// something has been done all the same.
    pub(super) fn carry_on<'c>(
        &mut self,
        mut left: Vec<Task<'c>>,
        context: &Context<'c>,
        pace: &mut Pace<'_>,
        sweep: &mut Sweep,
    ) {
        while !left.is_empty() && !pace.broken_off {
            self.host.clock.sleep(TURN_OF_OTHERS);
            left = match self.carry_out(left, None, context, pace, sweep) {
                Ok(left) => left,
                Err(error) => {
                    sweep.failures.push(Failure { what: STORE.to_owned(), error });
                    return;
                }
            };
        }
        self.drop_all_copies(&left, context);
    }

    /// Archives tasks while the lock of the store is held.
    fn hold<'c>(
        &mut self,
        mut tasks: Vec<Task<'c>>,
        mut known: Option<Known<'_>>,
        context: &Context<'c>,
        pace: &mut Pace<'_>,
        sweep: &mut Sweep,
    ) -> Result<Vec<Task<'c>>, SweepError> {
        // What goes is known; of the budget it has been paid.
        let policy = Policy { budget: Budget::UNLIMITED, ..context.orders.policy.clone() };
        for _ in 0..ATTEMPTS {
            let lock = match self.lock_store(context.orders.options.lock_wait) {
                Ok(lock) => lock,
                Err(error) => {
                    self.drop_all_copies(&tasks, context);
                    return Err(error);
                }
            };
            let known = match known.take() {
                Some((raw, rows)) => self.unchanged(raw, context.now)?.map(|stat| (rows, stat)),
                None => None,
            };
            let attempt = if let Some((rows, stat)) = known {
                let locked = Locked { lock, store: Some((&rows, stat)) };
                self.archive(Some(locked), tasks, context, pace, sweep)?
            } else {
                let fresh = read_store(self.dir)?;
                let snapshot = context.listing.snapshot_of(fresh.state(), context.orders.needs);
                let again = crate::plan(context.now, &snapshot, &policy);
                let store = match &snapshot.store {
                    StoreState::Rows(rows) => Some(rows),
                    _ => None,
                };
                let tasks = self.still_going(tasks, &again, store, context, sweep);
                let store = match &fresh {
                    RawStore::Text { stat, .. } => store.map(|rows| (rows, *stat)),
                    _ => None,
                };
                let locked = Some(Locked { lock, store });
                self.archive(locked, tasks, context, pace, sweep)?
            };
            match attempt {
                Attempt::Done(left) => return Ok(left),
                Attempt::StoreChanged(undone) => tasks = undone,
            }
        }
        self.drop_all_copies(&tasks, context);
        Err(SweepError::Unlocked { path: self.dir.path().join(STORE) })
    }

    /// Which file the store is, if it still holds what was read.
    fn unchanged(&self, known: &RawStore, now: Timestamp) -> Result<Option<Stat>, SweepError> {
        let RawStore::Text { content, stat: read } = known else { return Ok(None) };
        let Ok(file) = self.dir.open(OsStr::new(STORE), Access::Read) else { return Ok(None) };
        let stat = file.stat()?;
        if identity(&stat) == identity(read) && RACY < now.since(stat.changed) {
            return Ok(Some(stat));
        }
        Ok(content_is(file.as_ref(), content)?.then_some(stat))
    }

    /// The tasks whose row is the same to the byte, and whose row and files all go, by a plan that
    /// was made again.
    fn still_going<'l>(
        &self,
        tasks: Vec<Task<'l>>,
        plan: &Plan,
        store: Option<&Store<'_>>,
        context: &Context<'_>,
        sweep: &mut Sweep,
    ) -> Vec<Task<'l>> {
        let rows: HashSet<&str> =
            plan.rows.iter().filter(|row| row.verdict.goes()).map(|row| row.key.as_str()).collect();
        let files: HashSet<&OsStr> = plan
            .files
            .iter()
            .filter(|file| file.verdict.goes())
            .map(|file| file.name.as_os_str())
            .collect();
        let is_same = |(key, hash): &(String, u64)| {
            let member = store.and_then(|store| Some(store.member(store.row(key)?)));
            rows.contains(key.as_str()) && member.map(member_hash) == Some(*hash)
        };
        let (same, changed): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|task| {
            task.row.as_ref().is_none_or(is_same)
                && task.files.iter().all(|file| files.contains(OsStr::new(&file.from)))
        });
        for task in changed {
            self.drop_copies(&task, context);
            sweep.changed.push(task.name());
        }
        same
    }
}
