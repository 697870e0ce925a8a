//! Many rows: a plan, a sweep, a second one, and all of it back.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, Host, Op, RealFs, SystemClock, observe::ObservedFs, sim::Faults};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, renameat, statat};
use serde::Serialize;
use session_reaper::{
    Act, Listing, Orders, Policy, Reaper, Sweep, SweepOptions, SweepResult, ThrottleRules, plan,
};

use super::{
    home::{clean_sweep, look, restore_since, safe},
    messy::{Messy, Transcripts},
};
use crate::proof::{
    claim,
    process::{millis, processor_time, thousandths},
};

/// Of so many directories, each measured once, the one in the middle counts.
const RUNS: usize = 5;
/// Of a measurement that changes nothing, the middle one of so many.
const NO_OP_RUNS: usize = 9;

/// As long as `cron.sessionRetention` of OpenClaw, if nobody sets it.
const RETENTION: Duration = Duration::from_hours(24);

/// What came of it. Archives that are past their time are removed by the sweep.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Scale {
    rows: u64,
    store_bytes: u64,
    /// What there is in the directory.
    entries: u64,
    bytes: u64,
    /// Listing the directory, reading the store, and judging all of it.
    plan: Took,
    sweep: Swept,
    /// Another one, which finds nothing.
    second_sweep: Took,
    restored_rows: u64,
    restored_files: u64,
    restore: Took,
    /// The sweep under the policy of OpenClaw 2026.3.
    by_openclaw: Swept,
    pub(super) as_measured_of_openclaw: Measured,
}

/// What takes how long where only the sessions that are over have transcripts, as in the directory
/// in which the reaper of OpenClaw 2026.3.13 was measured.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Measured {
    entries: u64,
    /// Listing the directory, reading the store, and judging all of it.
    plan: Took,
    /// Judging alone.
    pub(super) judging: Took,
    sweep: Took,
    /// What no sweep can do without: listing the directory, looking at everything in it, and
    /// renaming as many files.
    bare: Took,
    /// How many times as much of the processor a sweep takes.
    pub(super) sweep_per_bare: f64,
    /// A sweep by whoever remembers that there was nothing to do.
    pub(super) remembered_sweep: Took,
    /// What that did: it looked, and opened nothing but directories.
    remembered_operations: BTreeMap<String, u64>,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Took {
    wall_ms: f64,
    pub(super) cpu_ms: f64,
}

/// A sweep.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Swept {
    archived_rows: u64,
    archived_row_bytes: u64,
    archived_files: u64,
    archived_file_bytes: u64,
    removed_archives: u64,
    #[serde(flatten)]
    took: Took,
}

impl Swept {
    fn new(sweep: &Sweep, took: Took) -> Self {
        Self {
            archived_rows: sweep.archived_rows.count,
            archived_row_bytes: sweep.archived_rows.bytes,
            archived_files: sweep.archived_files.count,
            archived_file_bytes: sweep.archived_files.bytes,
            removed_archives: sweep.removed_files.count,
            took,
        }
    }
}

/// In a process that does nothing else.
fn timed<T>(act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Took)> {
    let (wall, cpu) = (SystemClock.monotonic(), processor_time()?);
    let done = act()?;
    let cpu = processor_time()?.saturating_sub(cpu);
    let wall = SystemClock.monotonic().saturating_sub(wall);
    Ok((done, Took { wall_ms: millis(wall), cpu_ms: millis(cpu) }))
}

/// The one that took neither most nor least.
fn middle(mut runs: Vec<Took>) -> anyhow::Result<Took> {
    runs.sort_by(|one, other| one.cpu_ms.total_cmp(&other.cpu_ms));
    runs.get(runs.len() / 2).copied().context("nothing was measured")
}

/// The directories are given to whoever asks: they are to stay until nothing is made any more.
pub(super) fn prove(rows: u32, quick: bool) -> anyhow::Result<(Scale, Vec<Messy>)> {
    let runs = if quick { 1 } else { RUNS };
    let (as_measured_of_openclaw, mut agents) = measure(rows, runs)?;
    let messy = Messy::create(rows)?;
    let before = messy.home.tree()?;
    let (plan, (swept, sweep)) = first_sweep(&messy)?;
    let swept_tree = messy.home.tree()?;
    ensure!(swept_tree.content("sessions.json") != before.content("sessions.json"), "no row went");

    let second = second_sweep(&messy)?;
    messy.home.tree()?.is_same("after sweeps that found nothing", &swept_tree)?;

    let host = Host::real();
    let (restored, restore) = timed(|| restore_since(host, &messy.place, &before))?;
    let (entries, bytes) = (before.len(), before.bytes());
    messy.home.tree()?.is_same("after a restore", &messy.lasting(before))?;
    claim("rows restored", restored.rows.len() as u64, messy.expected.rows)?;
    claim("files restored", restored.files.len() as u64, messy.expected.files)?;
    messy.victims.are_untouched()?;
    let by_openclaw = by_openclaw(rows, &mut agents)?;
    let scale = Scale {
        rows: messy.rows,
        store_bytes: messy.store_bytes,
        entries,
        bytes,
        plan,
        sweep: Swept::new(&swept, sweep),
        second_sweep: second,
        restored_rows: restored.rows.len() as u64,
        restored_files: restored.files.len() as u64,
        restore,
        by_openclaw,
        as_measured_of_openclaw,
    };
    agents.push(messy);
    Ok((scale, agents))
}

fn measure(rows: u32, runs: usize) -> anyhow::Result<(Measured, Vec<Messy>)> {
    let (mut plans, mut sweeps, mut agents) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let messy = Messy::with(rows, Transcripts::OfOver)?;
        let (plan, (_, sweep)) = first_sweep(&messy)?;
        plans.push(plan);
        sweeps.push(sweep);
        agents.push(messy);
    }
    let messy = Messy::with(rows, Transcripts::OfOver)?;
    let entries = fs_err::read_dir(&messy.home.dir)?.count() as u64;
    let (plan, sweep) = (middle(plans)?, middle(sweeps)?);
    let (judging, bare) = (judging(&messy)?, bare(&messy, runs)?);
    agents.push(messy);
    let swept = agents.first().context("nothing was measured")?;
    let (remembered_sweep, remembered_operations) = remembered(swept)?;
    let measured = Measured {
        entries,
        plan,
        judging,
        sweep,
        bare,
        sweep_per_bare: thousandths(sweep.cpu_ms / bare.cpu_ms),
        remembered_sweep,
        remembered_operations,
    };
    Ok((measured, agents))
}

fn judging(messy: &Messy) -> anyhow::Result<Took> {
    let (host, policy) = (Host::real(), safe());
    let listing = Listing::read(host, &messy.place, &policy)?;
    let snapshot = listing.snapshot(None);
    let now = host.clock.now();
    let runs = (0..NO_OP_RUNS).map(|_| Ok(timed(|| Ok(plan(now, &snapshot, &policy)))?.1));
    middle(runs.collect::<anyhow::Result<_>>()?)
}

fn bare(messy: &Messy, runs: usize) -> anyhow::Result<Took> {
    let plan = look(Host::real(), &messy.place, &safe())?;
    let going = plan.files.iter().filter(|file| file.verdict.act() == Some(Act::Archive));
    let names = going.map(|file| {
        let mut archive = file.name.clone();
        archive.push(".deleted.2026-01-01T00-00-00.000Z");
        (file.name.clone(), archive)
    });
    let names: Vec<_> = names.collect();
    let dir = rustix::fs::open(&messy.home.dir, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    let mut took = Vec::new();
    for _ in 0..runs {
        let ((), once) = timed(|| {
            for entry in Dir::read_from(&dir)? {
                statat(&dir, entry?.file_name(), AtFlags::SYMLINK_NOFOLLOW)?;
            }
            for (name, archive) in &names {
                renameat(&dir, name, &dir, archive)?;
            }
            Ok(())
        })?;
        took.push(once);
        for (name, archive) in &names {
            renameat(&dir, archive, &dir, name)?;
        }
    }
    middle(took)
}

/// How long a plan takes, and the sweep after it.
fn first_sweep(messy: &Messy) -> anyhow::Result<(Took, (Sweep, Took))> {
    let (host, policy) = (Host::real(), safe());
    let (plan, plan_took) = timed(|| look(host, &messy.place, &policy))?;
    claim("rows that were looked at", plan.rows.len() as u64, messy.rows)?;
    claim("rows that are to go", plan.rows_going().count, messy.expected.rows)?;
    claim("files that are to go", plan.archiving().count, messy.expected.files)?;
    claim("archives past their time", plan.reclaiming().count, messy.expected.removed)?;
    let (sweep, took) = timed(|| clean_sweep(host, &messy.place, &policy, SweepOptions::USUAL))?;
    messy.is_swept(messy.expected, &sweep)?;
    Ok((plan_took, (sweep, took)))
}

fn second_sweep(messy: &Messy) -> anyhow::Result<Took> {
    let runs = (0..NO_OP_RUNS).map(|_| {
        let (sweep, took) =
            timed(|| clean_sweep(Host::real(), &messy.place, &safe(), SweepOptions::USUAL))?;
        ensure!(sweep.plan.is_nothing(), "the second sweep found something");
        Ok(took)
    });
    middle(runs.collect::<anyhow::Result<_>>()?)
}

/// A sweep that somebody remembers to be in vain, and the operations on the file system in it.
fn remembered(messy: &Messy) -> anyhow::Result<(Took, BTreeMap<String, u64>)> {
    messy.end()?;
    let policy = safe();
    let mut reaper = Reaper::new(ThrottleRules::Safe);
    let mut sweep = |host: Host<'_>| {
        let orders = Orders { policy: &policy, options: SweepOptions::USUAL, needs: None };
        reaper.sweep(host, &messy.place, orders, true, &mut |_| std::ops::ControlFlow::Continue(()))
    };
    // What has ended goes, and then there is nothing to do.
    for _ in 0..2 {
        let result = sweep(Host::real());
        ensure!(matches!(result, SweepResult::Swept(Some(_))), "a sweep was not carried out");
    }
    let runs = (0..NO_OP_RUNS).map(|_| {
        let (result, took) = timed(|| Ok(sweep(Host::real())))?;
        ensure!(matches!(result, SweepResult::Swept(None)), "a sweep in vain read something");
        Ok(took)
    });
    let took = middle(runs.collect::<anyhow::Result<_>>()?)?;

    let seen = Arc::new(Faults::none());
    let fs = ObservedFs::new(RealFs, seen.clone());
    sweep(Host { fs: &fs, ..Host::real() });
    let mut operations = BTreeMap::new();
    for (op, path) in seen.trace() {
        ensure!(matches!(op, Op::OpenDir | Op::Stat), "{op:?} of {} in vain", path.display());
        *operations.entry(format!("{op:?}")).or_default() += 1;
    }
    Ok((took, operations))
}

/// The same under the policy of OpenClaw 2026.3.
fn by_openclaw(rows: u32, agents: &mut Vec<Messy>) -> anyhow::Result<Swept> {
    let (host, policy) = (Host::real(), Policy::openclaw_2026_3(Some(RETENTION)));
    let messy = Messy::create(rows)?;
    let before = messy.home.tree()?;
    let (sweep, took) = timed(|| clean_sweep(host, &messy.place, &policy, SweepOptions::USUAL))?;
    messy.is_swept(messy.expected_by_openclaw, &sweep)?;
    restore_since(host, &messy.place, &before)?;
    let lasting = messy.lasting_by_openclaw(before);
    messy.home.tree()?.is_same("after a restore under OpenClaw's policy", &lasting)?;
    messy.victims.are_untouched()?;
    agents.push(messy);
    Ok(Swept::new(&sweep, took))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_in_the_middle() {
        let took = |cpu_ms| Took { wall_ms: 0.0, cpu_ms };
        assert_eq!(middle(vec![took(3.0), took(1.0), took(2.0)]).unwrap().cpu_ms.to_string(), "2");
        assert!(middle(Vec::new()).is_err());
    }
}
