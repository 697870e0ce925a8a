//! Where the rules of the seed give a wrong number: a second outage, a stall without a restart, growth,
//! a failure.

use anyhow::{Context as _, ensure};
use restart_bench::{
    Outcome, Probe, Resource, Trend,
    record::Failure,
    seed::{Outcome as SeedOutcome, ProbePath, RestartProbe, Standing},
};
use serde::Serialize;

use super::gateway::Gateway;
use crate::proof::{claim, process::thousandths};

/// What the rules say.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rules {
    /// A short outage, and then one of two seconds: by the rule of the seed,
    flapping_by_seed_ms: f64,
    /// and here.
    flapping_ms: f64,
    /// A stall of 150 ms without a restart: by the rule of the seed.
    stall_by_seed_ms: f64,
    /// Bytes that each restart leaves behind: what was left,
    leak_bytes: u64,
    /// by the first and the last restart, as the seed does it,
    leak_by_seed_bytes: f64,
    /// here,
    leak_found_bytes: f64,
    /// and how probable that would be without a leak.
    leak_p: f64,
    /// What became of servers that fail.
    failures: Vec<&'static str>,
}

/// For as long as a probe may take to be ready again.
const DEADLINE_MS: f64 = 60_000.0;
const LEAK_BYTES: u64 = 1_700_000;

pub(super) fn prove(restarts_of_growth: u32) -> anyhow::Result<Rules> {
    let (flapping_by_seed_ms, flapping_ms) = flapping()?;
    let stall_by_seed_ms = stall()?;
    let (leak_by_seed_bytes, leak_found_bytes, leak_p) = growth(restarts_of_growth)?;
    Ok(Rules {
        flapping_by_seed_ms,
        flapping_ms,
        stall_by_seed_ms,
        leak_bytes: LEAK_BYTES,
        leak_by_seed_bytes,
        leak_found_bytes,
        leak_p,
        failures: failures()?,
    })
}

fn flapping() -> anyhow::Result<(f64, f64)> {
    let behaviour =
        ["--close", "150ms", "--flap", "1", "--flap-gap", "150ms", "--flap-close", "2s"];
    let measured = Gateway::new(&behaviour, 1)?.measure()?;
    let restart = measured.summary.restarts.first().context("there was no restart")?;
    let ready = restart.ready.as_ref().context("it was not probed")?;
    let trigger = measured.run.record.restarts.first().context("no restart")?.trigger_us;
    let probes = &measured.run.record.restarts.first().context("no restart")?.observation.ready;
    let by_seed =
        seed_downtime(&probes.as_ref().context("no probes")?.probes, trigger.as_millis())?;
    let here = restart.downtime_us.context("there is no downtime")?.as_millis();
    claim("outages of a server that flaps", ready.outages.len() as u64, 2)?;
    ensure!(by_seed < 400.0, "the rule of the seed gives {by_seed} ms");
    ensure!((2_100.0..2_600.0).contains(&here), "two outages of 2.15 s are {here} ms");
    Ok((thousandths(by_seed), thousandths(here)))
}

fn stall() -> anyhow::Result<f64> {
    let mut gateway = Gateway::new(&["--no-restart", "--block", "150ms"], 1)?;
    gateway.task.settings.timeout_us = restart_bench::Micros::from_millis(100);
    gateway.task.restart_timeout = std::time::Duration::from_secs(2);
    let measured = gateway.measure()?;
    let restart = measured.summary.restarts.first().context("there was no restart")?;
    ensure!(
        restart.failure == Some(Failure::RestartNotObserved) && restart.downtime_us.is_none(),
        "a stall was taken for a restart: {restart:?}"
    );
    let record = measured.run.record.restarts.first().context("no restart")?;
    let probes = &record.observation.ready.as_ref().context("no probes")?.probes;
    let by_seed = seed_downtime(probes, record.trigger_us.as_millis())?;
    ensure!(0.0 < by_seed, "the rule of the seed sees nothing");
    Ok(thousandths(by_seed))
}

/// What the rule of the seed makes of these probes, one after the other.
fn seed_downtime(probes: &[Probe], trigger_ms: f64) -> anyhow::Result<f64> {
    let mut rule = RestartProbe::new(ProbePath::Readyz, 1, trigger_ms, trigger_ms + DEADLINE_MS);
    let mut ended = probes.to_vec();
    ended.sort_by_key(|probe| probe.finished_us);
    // It waits for a log line, which comes after all of this.
    let standing = Standing { child_exited: false, is_ready: false };
    for probe in ended.iter().filter(|probe| trigger_ms <= probe.started_us.as_millis()) {
        let now = probe.finished_us.as_millis();
        let outcome = match probe.outcome {
            Outcome::Ok => SeedOutcome::Status(200),
            Outcome::NotReady { status } => SeedOutcome::Status(status),
            other => SeedOutcome::Error(other.to_string()),
        };
        let end = rule.turn(now, standing).or_else(|| rule.answer(now, &outcome).end);
        if let Some(result) = end {
            return result.downtime_ms.context("the rule of the seed sees no downtime");
        }
    }
    Ok(0.0)
}

fn growth(restarts: u32) -> anyhow::Result<(f64, f64, f64)> {
    let leak = format!("{LEAK_BYTES}");
    let mut gateway = Gateway::new(&["--close", "20ms", "--leak", &leak], restarts)?;
    gateway.task.warmup_restarts = 2;
    let measured = gateway.measure()?;
    let summary = &measured.summary;
    ensure!(summary.failure().is_none(), "{:?}", summary.failure());
    let rss = *summary.slopes.get(&Resource::Rss).context("there is no slope of memory")?;
    ensure!(rss.verdict == Trend::Grows, "a leak is not found: {rss:?}");
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let expected = LEAK_BYTES as f64;
    ensure!(
        (rss.per_restart - expected).abs() < 0.1 * expected,
        "a leak of {expected} bytes for each restart is found to be {rss:?}"
    );
    let of_all: Vec<u64> =
        summary.restarts.iter().filter_map(|restart| Some(restart.resources?.rss_bytes)).collect();
    let (first, last) = of_all.first().zip(of_all.last()).context("no memory was seen")?;
    #[expect(clippy::cast_precision_loss, reason = "megabytes")]
    let by_seed = (*last as f64 - *first as f64) / (of_all.len() - 1) as f64;
    Ok((thousandths(by_seed), thousandths(rss.per_restart), rss.p))
}

fn failures() -> anyhow::Result<Vec<&'static str>> {
    let mut codes = Vec::new();
    for (behaviour, expected) in [
        (&["--exit-on-restart", "7"][..], Failure::Exited),
        (&["--fail-every", "1"], Failure::ReadyTimeout),
        (&["--restart-signal", "USR2"], Failure::TriggerFailed),
    ] {
        let mut gateway = Gateway::new(behaviour, 3)?;
        gateway.task.restart_timeout = std::time::Duration::from_secs(1);
        let found = gateway.measure()?.summary.failure();
        ensure!(found == Some(expected), "{behaviour:?}: {found:?}");
        codes.push(expected.code());
    }
    Ok(codes)
}
