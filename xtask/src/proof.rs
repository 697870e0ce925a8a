//! Proofs: the production code on real files, with its claims checked.
//!
//! A claim is a count or a size. Times are printed, but depend on the machine; those that are
//! claimed are processor time, or (in `warm`) what somebody waits for, and only at full size.

mod browser;
mod counted_fs;
mod openclaw_database;
mod process;
mod reap;
mod restart;
mod trace_relaunch;
mod usage_glance;
mod usage_limits;
mod usage_page;
mod usage_refresh;
mod warm;

pub(crate) use openclaw_database::{
    MeasureAgent, ReadAgent, WriteAgent, measure as measure_agent, read as read_agent,
    write as write_agent,
};
pub(crate) use reap::{MeasureSweep, WriteStore, measure as measure_sweep, write as write_store};
pub(crate) use restart::{BeInterrupted, MeasureFlood, be_interrupted, measure_flood};
pub(crate) use trace_relaunch::{
    MeasureTrace, WriteTrace, measure as measure_trace, write as write_trace,
};
pub(crate) use usage_limits::measure;
pub(crate) use warm::{ServeProxy, serve as serve_proxy};

use anyhow::{bail, ensure};
use clap::ValueEnum;

const NO_BROWSER: &str = "the page was not shown: there is no chromium (apt-get install chromium)";

/// Which proofs to run, and how.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "they are what a command line has")]
pub(crate) struct Args {
    /// Which; all if none is named
    scenario: Vec<Scenario>,
    /// Small sizes only, for every change
    #[arg(long)]
    quick: bool,
    /// Print nothing but JSON, and whether the assertions hold
    #[arg(long)]
    json: bool,
    /// Let a browser show the pages that restart and usage-cache make, if Chromium is installed
    #[arg(long)]
    html: bool,
    /// Let the official SDKs for Python ask through the proxy of warm; they are installed for that into
    /// a temporary directory
    #[arg(long)]
    sdk: bool,
    /// How many sessions usage-refresh and openclaw-database make, instead of their usual sizes
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    sessions: Option<u32>,
    /// How large a database trace-relaunch makes, such as 800MB, instead of its usual size
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    size: Option<u64>,
}

/// Reads a size as `--size` has it.
fn bytes(text: &str) -> Result<u64, String> {
    let text = text.to_ascii_uppercase();
    let (number, unit) = match text.strip_suffix("GB") {
        Some(number) => (number, 1_000_000_000),
        None => (text.strip_suffix("MB").unwrap_or_default(), 1_000_000),
    };
    let bytes = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    bytes.ok_or_else(|| "a number of megabytes or gigabytes, such as 800MB or 1GB".to_owned())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scenario {
    /// A cold refresh, one after all transcripts grew, one after none did
    UsageRefresh,
    /// How much memory, processor time and writing a refresh may take
    UsageLimits,
    /// The status line, and reports from the cache alone: how much processor time each takes
    UsageGlance,
    /// The page of `usage-cache report --html`, in Chromium: of all, only with --html
    UsagePage,
    /// Codex's trace database: a scan from nothing, and one after a relaunch, beside a writer
    TraceRelaunch,
    /// OpenClaw's database of sessions: everything in it, exactly, beside a writer and after kills
    OpenclawDatabase,
    /// Retention: a sweep and back to the byte, beside writers, after kills, and what it takes
    Reap,
    /// Restarts: of a server that knows when it was away, and where the rules of the seed are wrong
    Restart,
    /// Warming: what it costs when nobody comes back, what keeps it from costing more, and how much
    /// of a machine it takes
    Warm,
    /// All of them
    All,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let all = args.scenario.is_empty() || args.scenario.contains(&Scenario::All);
    if all || args.scenario.contains(&Scenario::UsageRefresh) {
        usage_refresh(args)?;
    }
    if all || args.scenario.contains(&Scenario::UsageLimits) {
        usage_limits(args)?;
    }
    if all || args.scenario.contains(&Scenario::UsageGlance) {
        usage_glance(args)?;
    }
    if (all && args.html) || args.scenario.contains(&Scenario::UsagePage) {
        usage_page(args)?;
    }
    if all || args.scenario.contains(&Scenario::TraceRelaunch) {
        trace_relaunch(args)?;
    }
    if all || args.scenario.contains(&Scenario::OpenclawDatabase) {
        openclaw_database(args)?;
    }
    if all || args.scenario.contains(&Scenario::Reap) {
        reap(args)?;
    }
    if all || args.scenario.contains(&Scenario::Restart) {
        restart(args)?;
    }
    if all || args.scenario.contains(&Scenario::Warm) {
        warm(args)?;
    }
    crate::say("All runtime assertions passed.")
}

fn usage_refresh(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        crate::say("usage-refresh: all transcripts grow, then none does")?;
    }
    let mut report = usage_refresh::prove(args.sessions.unwrap_or(usage_refresh::SESSIONS))?;
    if args.sessions.is_none() && !args.quick {
        let larger = usage_refresh::prove(usage_refresh::SESSIONS_OF_THE_REPORT)?;
        report.at_report_scale = Some(Box::new(larger));
    }
    crate::say(&serde_json::to_string_pretty(&report)?)
}

fn usage_limits(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        crate::say("usage-limits: many sessions, a line of 1 GiB, one change among many")?;
    }
    crate::say(&serde_json::to_string_pretty(&usage_limits::prove(args.quick)?)?)
}

fn usage_glance(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        crate::say("usage-glance: the status line and reports, without a refresh")?;
    }
    crate::say(&serde_json::to_string_pretty(&usage_glance::prove(args.quick)?)?)
}

fn usage_page(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        crate::say("usage-page: the page of made-up transcripts, on a small and a large screen")?;
    }
    match usage_page::prove()? {
        Some(page) => crate::say(&serde_json::to_string_pretty(&page)?),
        None if args.json => Ok(()),
        None => crate::say(NO_BROWSER),
    }
}

fn trace_relaunch(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        crate::say("trace-relaunch: all rows, then the new ones, while a writer goes on")?;
    }
    let usual = if args.quick { trace_relaunch::SIZE_QUICK } else { trace_relaunch::SIZE };
    let report = trace_relaunch::prove(args.size.unwrap_or(usual))?;
    crate::say(&serde_json::to_string_pretty(&report)?)
}

fn openclaw_database(args: &Args) -> anyhow::Result<()> {
    use openclaw_database::{SESSIONS, SESSIONS_QUICK};

    if !args.json {
        crate::say("openclaw-database: all sessions, then what is new, while a writer goes on")?;
    }
    let usual = if args.quick { SESSIONS_QUICK } else { SESSIONS };
    let report = openclaw_database::prove(args.sessions.unwrap_or(usual))?;
    crate::say(&serde_json::to_string_pretty(&report)?)?;
    report.check()
}

fn reap(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        crate::say("reap: all that is over goes and comes back, beside writers and after kills")?;
    }
    let report = reap::prove(args.quick)?;
    crate::say(&serde_json::to_string_pretty(&report)?)?;
    report.check()
}

fn restart(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        crate::say("restart: outages of known lengths, each way to hand over, floods, and kills")?;
    }
    let report = restart::prove(args.quick, args.html)?;
    crate::say(&serde_json::to_string_pretty(&report)?)?;
    if args.html && !report.has_page() && !args.json {
        crate::say(NO_BROWSER)?;
    }
    report.check()
}

fn warm(args: &Args) -> anyhow::Result<()> {
    if !args.json {
        crate::say("warm: a day without anybody, storms, wrong prefixes, and many conversations")?;
    }
    let report = warm::prove(args.quick, args.sdk)?;
    crate::say(&serde_json::to_string_pretty(&report)?)?;
    report.check()
}

/// A claim that has to hold, with the numbers that it is about.
fn claim(what: &str, measured: u64, expected: u64) -> anyhow::Result<()> {
    ensure!(measured == expected, "{what}: expected {expected}, got {measured}");
    Ok(())
}

/// A claim about an upper bound.
fn claim_at_most(what: &str, measured: u64, limit: u64) -> anyhow::Result<()> {
    if limit < measured {
        bail!("{what}: expected at most {limit}, got {measured}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let table = [("800MB", 800_000_000), ("40mb", 40_000_000), ("1GB", 1_000_000_000)];
        for (text, size) in table {
            assert_eq!(bytes(text), Ok(size));
        }
        for text in ["", "MB", "800", "1.5GB", "-1MB", "99999999999999GB", "1TB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
