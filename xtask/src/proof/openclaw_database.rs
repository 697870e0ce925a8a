//! The proof for OpenClaw's database of sessions: everything in it is counted, exactly, beside a
//! writer and after kills, in about the time that it takes to read it at all.
//!
//! The database is of the size that OpenClaw's pull request 80013 was measured with, and a
//! process that wrote it knows what it adds up to. Each refresh runs in a process of its own.

mod agent;
mod baseline;
mod beside;
mod refresh;
mod totals;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use serde::Serialize;

use self::{
    agent::{Agent, Order, Written},
    baseline::Baseline,
    beside::{Kills, Live},
    refresh::{Measured, Numbers, Refresh, Threads},
    totals::Totals,
};
use super::{
    claim, claim_at_most,
    process::{millis, thousandths},
    trace_relaunch::Stamp,
};

pub(crate) use self::{
    agent::{WriteAgent, write},
    baseline::{ReadAgent, read},
    refresh::{MeasureAgent, measure},
};

/// Processor time is a claim only from this size on.
pub(super) const SESSIONS: u32 = 8_190;
pub(super) const SESSIONS_QUICK: u32 = 300;

/// Of so many measurements the one in the middle counts.
const RUNS: usize = 3;
/// Others use the machine too: of a short measurement, the least of so many counts.
const NO_OP_RUNS: usize = 5;

const KILLS: u64 = 20;
const KILLS_QUICK: u64 = 5;

/// How many times as long as the [`baseline`] a refresh from nothing may take.
const COLD_RATIO_MAX: f64 = 2.0;
const NO_OP_CPU_MS_MAX: f64 = 20.0;
/// Of the cache, after an exchange in one of all sessions.
const WRITTEN_BYTES_MAX: u64 = 4 << 10;

/// What is looked at sooner after a change may have changed again since, and is looked at again.
const SETTLED: Duration = Duration::from_millis(100);

/// What is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    sessions: u32,
    build_ms: f64,
    database_bytes: u64,
    totals: Totals,
    baseline: Baseline,
    cold: ByThreads,
    /// Processor time in one thread, compared with the baseline.
    cold_ratio: f64,
    cache_bytes: u64,
    cache_bytes_per_event: f64,
    no_op: ByThreads,
    /// After an exchange was appended to one session.
    one_appended: ByThreads,
    live: Live,
    kills: Kills,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ByThreads {
    one_thread: Numbers,
    usual_threads: Numbers,
}

impl ByThreads {
    fn of(measure: impl FnMut(Threads) -> anyhow::Result<Numbers>) -> anyhow::Result<Self> {
        let [one_thread, usual_threads] = Threads::ALL.map(measure);
        Ok(Self { one_thread: one_thread?, usual_threads: usual_threads? })
    }
}

/// Beside the [`Report`], everything is claimed here; processor time is in [`Report::check`].
pub(super) fn prove(sessions: u32) -> anyhow::Result<Report> {
    let kills = if SESSIONS <= sessions { KILLS } else { KILLS_QUICK };
    let begun = SystemClock.monotonic();
    let mut proof = Proof::create(sessions)?;
    let build = SystemClock.monotonic().saturating_sub(begun);
    let database_bytes = fs_err::metadata(proof.database())?.len();
    let (totals, state) = (proof.written.totals, proof.state("known"));
    let (baseline, cold) = proof.cold(&state)?;
    let cache_bytes = fs_err::metadata(cache(&proof.openclaw, &state))?.len();
    let no_op = ByThreads::of(|threads| proof.no_op(&proof.refresh(&state, threads)))?;
    let one_appended = ByThreads::of(|threads| proof.one_appended(&state, threads))?;
    let live = proof.live(&state)?;
    let kills = proof.kills(kills, &live, cold.usual_threads.wall_ms)?;
    proof.agent.end()?;
    Ok(Report {
        sessions,
        build_ms: millis(build),
        database_bytes,
        totals,
        baseline,
        cold_ratio: thousandths(cold.one_thread.cpu_ms / baseline.cpu_ms),
        cold,
        cache_bytes,
        #[expect(clippy::cast_precision_loss, reason = "a ratio, to be read by people")]
        cache_bytes_per_event: thousandths(cache_bytes as f64 / totals.events as f64),
        no_op,
        one_appended,
        live,
        kills,
    })
}

impl Report {
    /// What is claimed of processor time. Whoever wants to know why it is exceeded, needs the
    /// numbers first.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        if self.sessions < SESSIONS {
            return Ok(());
        }
        let (ratio, max) = (self.cold_ratio, COLD_RATIO_MAX);
        ensure!(ratio <= max, "processor time compared with the baseline: {ratio}, at most {max}");
        let ByThreads { one_thread, usual_threads } = self.no_op;
        let max = NO_OP_CPU_MS_MAX;
        for (threads, Numbers { cpu_ms, .. }) in
            Threads::ALL.into_iter().zip([one_thread, usual_threads])
        {
            let threads = threads.name();
            ensure!(
                cpu_ms <= max,
                "ms of processor without changes, {threads}: {cpu_ms}, at most {max}"
            );
        }
        Ok(())
    }
}

struct Proof {
    // Ends before what it writes is removed.
    agent: Agent,
    /// What there was at first.
    written: Written,
    openclaw: PathBuf,
    temp: tempfile::TempDir,
}

impl Proof {
    fn create(sessions: u32) -> anyhow::Result<Self> {
        let temp = tempfile::tempdir()?;
        let openclaw = temp.path().join("openclaw");
        let (agent, written) = Agent::start(&openclaw, sessions)?;
        Ok(Self { agent, written, openclaw, temp })
    }

    fn agent_dir(&self) -> PathBuf {
        self.openclaw.join("agents/main")
    }

    fn database(&self) -> PathBuf {
        self.agent_dir().join("agent/openclaw-agent.sqlite")
    }

    fn state(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    fn refresh(&self, state: &Path, threads: Threads) -> Refresh {
        Refresh { openclaw: self.openclaw.clone(), state: state.to_owned(), threads }
    }

    /// How long it takes to read all, and to count all without a cache. One is left.
    fn cold(&self, state: &Path) -> anyhow::Result<(Baseline, ByThreads)> {
        SystemClock.sleep(SETTLED);
        // Nothing has to come from storage afterwards.
        baseline::run(&self.agent_dir())?;
        let (mut baselines, mut colds) = (Vec::new(), Threads::ALL.map(|_| Vec::new()));
        for _ in 0..RUNS {
            baselines.push(baseline::run(&self.agent_dir())?);
            for (threads, runs) in Threads::ALL.into_iter().zip(&mut colds) {
                let refresh = self.refresh(state, threads);
                runs.push(refresh.cold(self.written)?.numbers);
            }
        }
        let [one_thread, usual_threads] = colds.map(|runs| middle(runs, |run| run.cpu_ms));
        let cold = ByThreads { one_thread: one_thread?, usual_threads: usual_threads? };
        Ok((middle(baselines, |run| run.cpu_ms)?, cold))
    }

    /// A refresh without changes, which reads and writes nothing.
    fn no_op(&self, refresh: &Refresh) -> anyhow::Result<Numbers> {
        let cache = cache(&self.openclaw, &refresh.state);
        let before = Stamp::of(&cache)?;
        let mut least: Option<Numbers> = None;
        for _ in 0..NO_OP_RUNS {
            let Measured { numbers, .. } = refresh.exact("without changes", self.written)?;
            claim("sessions read without changes", numbers.scanned_sessions, 0)?;
            claim("writes without changes", numbers.writes, 0)?;
            let now = Stamp::of(&cache)?;
            ensure!(
                now == before,
                "the cache was written without changes: {before:?}, then {now:?}"
            );
            least = least.filter(|least| least.cpu_ms <= numbers.cpu_ms).or(Some(numbers));
        }
        least.context("nothing was measured")
    }

    /// A refresh after one session has gone on, of which only that is read.
    fn one_appended(&mut self, state: &Path, threads: Threads) -> anyhow::Result<Numbers> {
        let refresh = self.refresh(state, threads);
        let mut runs = Vec::new();
        for _ in 0..RUNS {
            let written = self.agent.order(Order::Append)?;
            SystemClock.sleep(SETTLED);
            let Measured { numbers, .. } = refresh.exact("after an exchange", written)?;
            claim("sessions read after an exchange", numbers.scanned_sessions, 1)?;
            claim_at_most("bytes after an exchange", numbers.written_bytes, WRITTEN_BYTES_MAX)?;
            runs.push(numbers);
        }
        middle(runs, |run| run.cpu_ms)
    }
}

/// The run that took neither most nor least.
fn middle<T: Copy>(mut runs: Vec<T>, took: impl Fn(&T) -> f64) -> anyhow::Result<T> {
    runs.sort_by(|one, other| took(one).total_cmp(&took(other)));
    runs.get(runs.len() / 2).copied().context("nothing was measured")
}

fn cache(openclaw: &Path, state: &Path) -> PathBuf {
    refresh::locations(openclaw, state).cache
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_in_the_middle() {
        assert_eq!(middle(vec![3_u8, 1, 2], |run| f64::from(*run)).unwrap(), 2);
        assert!(middle(Vec::new(), |run: &u8| f64::from(*run)).is_err());
    }
}
