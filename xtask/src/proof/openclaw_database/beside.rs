//! Refreshes while OpenClaw writes, and those that are killed then.

use std::{os::unix::process::ExitStatusExt as _, path::Path, process::Stdio, time::Duration};

use anyhow::ensure;
use common_fs::{Clock as _, SystemClock};
use fastrand::Rng;
use serde::Serialize;

use super::{
    Proof,
    agent::{Order, Written},
    refresh::{Measured, Numbers, Refresh, Threads},
};
use crate::proof::claim;

const REFRESHES: u64 = 10;
/// One that has ended by the moment of its death is no proof, and another one is tried.
const ATTEMPTS_MAX: u64 = 5;
/// `SIGKILL`
const KILLED: i32 = 9;
const SEED: u64 = 1_421;

/// What happened while OpenClaw wrote.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Live {
    refreshes: u64,
    fresh: u64,
    partial: u64,
    /// How many exchanges were appended meanwhile.
    exchanges: u64,
    scanned_sessions: u64,
    longest: Numbers,
    /// After it had stopped.
    at_rest: Numbers,
    cold_at_rest: Numbers,
}

/// What became of refreshes that were killed while OpenClaw wrote.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kills {
    killed: u64,
    /// How many of them had begun without a cache.
    killed_cold: u64,
    /// How many had ended before they could be killed.
    ended: u64,
    /// How many exchanges were appended meanwhile.
    exchanges: u64,
    /// How many sessions the refreshes afterwards had to read.
    scanned_sessions: u64,
}

impl Proof {
    /// Refreshes in a row, none of which knows too much or too little.
    pub(super) fn live(&mut self, state: &Path) -> anyhow::Result<Live> {
        let refresh = self.refresh(state, Threads::Usual);
        let first = self.agent.order(Order::Write)?;
        let (mut before, mut runs) = (first, Vec::new());
        for _ in 0..REFRESHES {
            let measured = refresh.run()?;
            let after = self.agent.order(Order::Count)?;
            is_between(before, &measured, after)?;
            before = after;
            runs.push(measured);
        }
        let last = self.agent.order(Order::Rest)?;
        ensure!(last.exchanges != first.exchanges, "nothing was written meanwhile");
        let at_rest = refresh.exact("after the writer has stopped", last)?;
        let new = self.refresh(&self.state("new"), Threads::Usual);
        let cold_at_rest = new.cold(last)?;
        let [warm_hash, cold_hash] = [at_rest.summary_hash, cold_at_rest.summary_hash];
        claim("hash of all days and models with the old cache", warm_hash, cold_hash)?;
        let count = |word| runs.iter().filter(|run| run.freshness == word).count() as u64;
        let (fresh, partial) = (count("fresh"), count("partial"));
        claim("refreshes beside a writer that were fresh or partial", fresh + partial, REFRESHES)?;
        let longest = runs.iter().map(|run| run.numbers);
        Ok(Live {
            refreshes: REFRESHES,
            fresh,
            partial,
            exchanges: last.exchanges - first.exchanges,
            scanned_sessions: runs.iter().map(|run| run.numbers.scanned_sessions).sum(),
            longest: longest
                .max_by(|one, other| one.wall_ms.total_cmp(&other.wall_ms))
                .unwrap_or(at_rest.numbers),
            at_rest: at_rest.numbers,
            cold_at_rest: cold_at_rest.numbers,
        })
    }

    /// Every other refresh begins without a cache. `live` and `cold` tell how long they take.
    pub(super) fn kills(&mut self, kills: u64, live: &Live, cold_ms: f64) -> anyhow::Result<Kills> {
        let mut rng = Rng::with_seed(SEED);
        let mut done =
            Kills { killed: 0, killed_cold: 0, ended: 0, exchanges: 0, scanned_sessions: 0 };
        let first = self.agent.order(Order::Count)?;
        let mut last = first;
        let known = self.state("killed");
        while done.killed < kills {
            let is_cold = done.killed.is_multiple_of(2);
            let state = if is_cold { self.state("killed-cold") } else { known.clone() };
            let takes_ms = if is_cold { cold_ms } else { live.longest.wall_ms };
            let refresh = self.refresh(&state, Threads::Usual);
            self.agent.order(Order::Write)?;
            let was_killed =
                kill(&refresh, Duration::from_secs_f64(rng.f64() * takes_ms / 1_000.0))?;
            last = self.agent.order(Order::Rest)?;
            let after = refresh.exact("after a kill", last)?;
            done.scanned_sessions += after.numbers.scanned_sessions;
            done.killed += u64::from(was_killed);
            done.killed_cold += u64::from(was_killed && is_cold);
            done.ended += u64::from(!was_killed);
            ensure!(done.ended < ATTEMPTS_MAX * kills, "refreshes end before they are killed");
            if is_cold {
                fs_err::remove_dir_all(&state)?;
            }
        }
        done.exchanges = last.exchanges - first.exchanges;
        Ok(done)
    }
}

fn is_between(before: Written, found: &Measured, after: Written) -> anyhow::Result<()> {
    let [least, most] = [before, after].map(|written| written.totals);
    let is_between = found.totals.is_at_least(least) && most.is_at_least(found.totals);
    let found = found.totals;
    ensure!(is_between, "beside a writer: from {least:?} to {most:?}, but {found:?}");
    Ok(())
}

/// Kills a refresh after some time, and says whether it had not ended before.
fn kill(refresh: &Refresh, after: Duration) -> anyhow::Result<bool> {
    let mut child = refresh.command()?.stdout(Stdio::null()).spawn()?;
    SystemClock.sleep(after);
    let killed = child.kill();
    let status = child.wait()?;
    killed?;
    let was_killed = status.signal() == Some(KILLED);
    ensure!(was_killed || status.success(), "a refresh failed: {status}");
    Ok(was_killed)
}
