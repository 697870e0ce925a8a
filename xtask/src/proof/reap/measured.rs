//! What of the processor a plan and a sweep take.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc};

use anyhow::{Context as _, ensure};
use common_fs::{Host, Op, RealFs, observe::ObservedFs, sim::Faults};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, renameat, statat};
use serde::Serialize;
use session_reaper::{
    Act, Listing, Orders, Reaper, SweepOptions, SweepResult, ThrottleRules, plan,
};

use super::{
    home::{look, safe},
    messy::{Messy, Transcripts},
    scale::first_sweep,
    took::{NO_OP_RUNS, Took, middle, timed},
};
use crate::proof::process::thousandths;

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

/// In so many directories, which are given to whoever asks.
pub(super) fn measure(rows: u32, runs: usize) -> anyhow::Result<(Measured, Vec<Messy>)> {
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

/// A sweep that somebody remembers to be in vain, and the operations on the file system in it.
fn remembered(messy: &Messy) -> anyhow::Result<(Took, BTreeMap<String, u64>)> {
    messy.end()?;
    let policy = safe();
    let mut reaper = Reaper::new(ThrottleRules::Safe);
    let mut sweep = |host: Host<'_>| {
        let orders = Orders { policy: &policy, options: SweepOptions::USUAL, needs: None };
        reaper.sweep(host, &messy.place, orders, true, &mut |_| ControlFlow::Continue(()))
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
