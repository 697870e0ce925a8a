//! Sweeps again and again, for programs that run on.

use std::{collections::BTreeMap, ffi::OsStr, path::PathBuf};

use common_fs::{FileId, FsError, Host, Stat, Timestamp};
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::{
    Admission, Clockwork, Counters, Keep, Layout, OnProgress, Orders, Place, Policy, Settlement,
    Sweep, SweepError, SweepOptions, Throttle, ThrottleRules, Verdict,
    configured::{CONFIG, JOBS},
    file_name::STORE,
    sweep,
};

/// How long after its last look a directory is looked at again that has something of unknown age.
const AGAIN_MS: i64 = 3_600_000;

/// Sweeps directories on every occasion, but not too often, and not where nothing can have expired;
/// and counts what it does.
///
/// All that it knows is in it. It can be kept, as JSON, from one process to the next.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reaper {
    throttle: Throttle,
    /// What was found in the directories where there was nothing to do.
    #[serde(default)]
    known: BTreeMap<PathBuf, Known>,
    #[serde(default)]
    counters: Counters,
    /// When the last sweep was carried out, in milliseconds since 1970.
    #[serde(default)]
    last_sweep_ms: Option<i64>,
}

/// What a directory was like when there was nothing to do in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Known {
    /// Of the directory, of its store, and of the policy.
    print: u64,
    /// When that was.
    at_ms: i64,
    /// When the first of what there is may be due; never if `None`.
    due_ms: Option<i64>,
}

/// What came of asking for a sweep.
#[derive(Debug)]
#[non_exhaustive]
pub enum SweepResult {
    /// It was carried out; without what was done if nothing had to be looked at, as nothing can have
    /// expired.
    Swept(Option<Box<Sweep>>),
    /// There was one not long ago.
    Throttled {
        /// When there may be the next one.
        retry_at: Timestamp,
    },
    /// The policy has no end for anything.
    Disabled,
    /// Somebody else is at work, or has the store locked.
    Busy {
        /// Who, as far as that is known.
        owner: String,
    },
    /// It failed; nothing was done.
    Failed(SweepError),
}

impl Reaper {
    /// One that has done nothing yet.
    pub fn new(rules: ThrottleRules) -> Self {
        Self {
            throttle: Throttle::new(rules),
            known: BTreeMap::new(),
            counters: Counters::default(),
            last_sweep_ms: None,
        }
    }

    /// What was done so far.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// When a sweep was last carried out, as far as that is known.
    pub fn last_sweep(&self) -> Option<Timestamp> {
        self.last_sweep_ms.and_then(Timestamp::from_unix_millis)
    }

    /// Sweeps a directory unless there was a sweep not long ago; `force` does it all the same.
    pub fn sweep(
        &mut self,
        host: Host<'_>,
        place: &Place,
        orders: Orders<'_>,
        force: bool,
        on_progress: OnProgress<'_>,
    ) -> SweepResult {
        let now = host.clock.now();
        let ticket = match self.throttle.admit(now, &place.dir, force) {
            Admission::Admitted(ticket) => ticket,
            Admission::Throttled { retry_at } => {
                self.counters.count("throttled");
                return SweepResult::Throttled { retry_at };
            }
        };
        let result = self.admitted(host, now, place, orders, on_progress);
        let (settlement, word) = match &result {
            SweepResult::Swept(_) => (Settlement::Swept, "swept"),
            SweepResult::Disabled => (Settlement::Disabled, "disabled"),
            SweepResult::Busy { .. } => (Settlement::Busy, "busy"),
            SweepResult::Throttled { .. } | SweepResult::Failed(_) => {
                (Settlement::Failed, "failed")
            }
        };
        self.throttle.settle(&place.dir, ticket, settlement);
        self.counters.count(word);
        result
    }

    fn admitted(
        &mut self,
        host: Host<'_>,
        now: Timestamp,
        place: &Place,
        orders: Orders<'_>,
        on_progress: OnProgress<'_>,
    ) -> SweepResult {
        let Orders { policy, options, .. } = orders;
        if policy.is_disabled() {
            return SweepResult::Disabled;
        }
        if self.is_idle(host, now, place, policy) {
            return SweepResult::Swept(None);
        }
        self.known.remove(&place.dir);
        let clockwork = match (options.clockwork, self.last_sweep()) {
            (Clockwork::Doubt, Some(last)) => Clockwork::DoubtSince(last),
            (clockwork, _) => clockwork,
        };
        let orders = Orders { options: SweepOptions { clockwork, ..options }, ..orders };
        match sweep(host, place, orders, on_progress) {
            Ok(sweep) => {
                self.last_sweep_ms = Some(now.unix_millis());
                self.counters.add(&sweep);
                if sweep.plan.is_nothing() {
                    self.remember(host, now, place, policy, &sweep);
                }
                SweepResult::Swept(Some(Box::new(sweep)))
            }
            Err(SweepError::Busy { dir }) => {
                SweepResult::Busy { owner: format!("another sweep in `{}`", dir.display()) }
            }
            Err(SweepError::Lock(common_fs::lock::LockError::Busy { holder, .. })) => {
                SweepResult::Busy { owner: holder.to_string() }
            }
            Err(error) => {
                self.counters.errors = self.counters.errors.saturating_add(1);
                SweepResult::Failed(error)
            }
        }
    }

    /// Whether nothing has changed since there was nothing to do, and nothing is due yet.
    fn is_idle(&self, host: Host<'_>, now: Timestamp, place: &Place, policy: &Policy) -> bool {
        let Some(known) = self.known.get(&place.dir) else { return false };
        let now_ms = now.unix_millis();
        known.at_ms <= now_ms
            && known.due_ms.is_none_or(|due| now_ms <= due)
            && print(host, place, policy).is_ok_and(|print| print == known.print)
    }

    /// Remembers a directory in which there is nothing to do.
    fn remember(
        &mut self,
        host: Host<'_>,
        now: Timestamp,
        place: &Place,
        policy: &Policy,
        sweep: &Sweep,
    ) {
        // How much room there is does not depend on the directory alone, and neither does what others
        // need.
        let depends_on_more = policy.room.dir.is_some()
            || policy.room.free_bytes_min.is_some()
            || place.layout == Layout::Codex;
        // What runs may end without a sign here.
        let stays = |keep| {
            let verdict = Verdict::Keep(keep);
            sweep.plan.verdicts().any(|other| *other == verdict)
        };
        if depends_on_more || sweep.plan.refused.is_some() || stays(Keep::Running) {
            return;
        }
        let due_ms = sweep.plan.next_due().map(Timestamp::unix_millis);
        // A time that is not true yet becomes so without one, but not soon.
        let again_ms = stays(Keep::AgeUnknown).then(|| now.unix_millis().saturating_add(AGAIN_MS));
        let due_ms = [due_ms, again_ms].into_iter().flatten().min();
        if let Ok(print) = print(host, place, policy) {
            let known = Known { print, at_ms: now.unix_millis(), due_ms };
            self.known.insert(place.dir.clone(), known);
        }
    }
}

/// What is another if something came, went or was renamed in a directory, its store was written to, or
/// the policy is another. A transcript that grows does not change it; that makes it only younger.
fn print(host: Host<'_>, place: &Place, policy: &Policy) -> Result<u64, FsError> {
    let beside = [CONFIG, JOBS].map(|name| {
        let (dir, name) = common_fs::open_parent(host.fs, &place.root.join(name)).ok()?;
        Some(identity(&dir.stat(&name).ok()?))
    });
    let (parent, name) = common_fs::open_parent(host.fs, &place.dir)?;
    let of_dir = identity(&parent.stat(&name)?);
    let dir = place.open(host.fs)?;
    let of = |name: &str| match dir.stat(OsStr::new(name)) {
        Ok(stat) => Ok(Some(identity(&stat))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    };
    let found = (of_dir, of(STORE)?, of(crate::file_name::ARCHIVE_FOLDER)?, beside, policy);
    Ok(xxh3_64(format!("{found:?}").as_bytes()))
}

fn identity(stat: &Stat) -> (FileId, u64, Timestamp, Timestamp) {
    (stat.id, stat.size_bytes, stat.modified, stat.changed)
}
