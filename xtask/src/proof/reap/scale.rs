//! Many rows: a plan, a sweep, a second one, and all of it back.

use std::time::Duration;

use anyhow::ensure;
use common_fs::Host;
use serde::Serialize;
use session_reaper::{Policy, Sweep, SweepOptions};

use super::{
    home::{clean_sweep, look, restore_since, safe},
    measured::{Measured, measure},
    messy::Messy,
    took::{NO_OP_RUNS, Took, middle, timed},
};
use crate::proof::claim;

/// Of so many directories, each measured once, the one in the middle counts.
const RUNS: usize = 5;
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

/// How long a plan takes, and the sweep after it.
pub(super) fn first_sweep(messy: &Messy) -> anyhow::Result<(Took, (Sweep, Took))> {
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
