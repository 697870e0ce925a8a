//! The proof of seed 000: many sessions, all of them grown, few writes.
//!
//! The original is `scripts/proof-usage-cost-cache-refresh.ts` of OpenClaw's pull request 80013.
//! On top of its claims (all tokens are counted, the cache is fresh) the number and size of the
//! writes is checked, and that a refresh without changes opens and writes nothing.

use std::{
    io::Write as _,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::ensure;
use common_fs::{Clock, Host, SystemClock, Timestamp};
use serde::Serialize;
use usage_cache::{
    CheckpointPolicy, Locations, OpenClaw, Options, Place, Prices, Query, Refreshed, Zone,
};

use super::{
    claim, claim_at_most,
    counted_fs::{Counted, Counts, counted},
};

/// As in the original.
pub(super) const SESSIONS: u32 = 400;
/// As in the report that led to it: 8,190 sessions, a cache of 108 MB.
pub(super) const SESSIONS_OF_THE_REPORT: u32 = 8_190;

/// What is printed; the first six keys are those of the original. Times are in milliseconds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    session_count: u32,
    cold_ms: u128,
    stale_refresh_ms: u128,
    cache_bytes: u64,
    total_tokens: u64,
    cache_status: &'static str,
    /// Durable writes of the stale refresh.
    writes: u64,
    /// Bytes written by it.
    bytes_written: u64,
    /// Transcripts opened by it.
    transcripts_opened: u64,
    cold_writes: u64,
    cold_bytes_written: u64,
    /// Of the refresh without changes.
    unchanged_ms: u128,
    unchanged_writes: u64,
    unchanged_transcripts_opened: u64,
    /// Loading the cache, comparing it with the transcripts, and summing up.
    summary_ms: u128,
    /// The same with the number of sessions of the report that led to it all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) at_report_scale: Option<Box<Self>>,
}

/// The real time, a minute later: as if nobody had touched the transcripts for that long. Spans
/// do not pass, so that only the number of files decides when to save.
struct AMinuteLater;

impl Clock for AMinuteLater {
    fn now(&self) -> Timestamp {
        SystemClock.now().plus(Duration::from_mins(1))
    }
    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }
    fn sleep(&self, span: Duration) {
        SystemClock.sleep(span);
    }
}

struct Proof {
    sessions: PathBuf,
    session_count: u32,
    options: Options,
}

pub(super) fn prove(session_count: u32) -> anyhow::Result<Report> {
    let temp = tempfile::tempdir()?;
    let root = fs_err::canonicalize(temp.path())?;
    let proof = Proof::create(&root, session_count)?;
    let (fs, counts) = counted(proof.sessions.clone(), root.join("state"));
    let host = Host { fs: &fs, clock: &AMinuteLater, ..Host::real() };

    let (_, cold, cold_time) = proof.refresh(host, &counts);
    proof.append_to_all()?;
    let (_, stale, stale_time) = proof.refresh(host, &counts);
    let (unchanged, no_op, no_op_time) = proof.refresh(host, &counts);

    let started = SystemClock.monotonic();
    let (opened, problems) = usage_cache::open(host, &proof.options);
    let query = Query { since: Some("2026-02-05".parse()?), ..Query::all(Zone::utc()) };
    let summary = opened.summary(&query, &Prices::none());
    let summary_time = SystemClock.monotonic().saturating_sub(started);

    let report = Report {
        session_count,
        cold_ms: cold_time.as_millis(),
        stale_refresh_ms: stale_time.as_millis(),
        cache_bytes: fs_err::metadata(&proof.options.locations.cache)?.len(),
        total_tokens: summary.totals.tokens.total,
        cache_status: opened.status().freshness.word(),
        writes: stale.durable_writes,
        bytes_written: stale.written_bytes,
        transcripts_opened: stale.opened,
        cold_writes: cold.durable_writes,
        cold_bytes_written: cold.written_bytes,
        unchanged_ms: no_op_time.as_millis(),
        unchanged_writes: no_op.durable_writes,
        unchanged_transcripts_opened: no_op.opened,
        summary_ms: summary_time.as_millis(),
        at_report_scale: None,
    };

    ensure!(problems.is_empty() && unchanged.problems.is_empty(), "{problems:?}");
    let count = u64::from(session_count);
    claim("total tokens", report.total_tokens, 3 * count)?;
    claim("transcripts known as they are", opened.status().cached_files, count)?;
    ensure!(report.cache_status == "fresh", "status {}", report.cache_status);
    let writes = count / 256 + u64::from(count % 256 != 0);
    for (what, counted) in [("cold", cold), ("stale", stale)] {
        claim(&format!("durable writes of the {what} refresh"), counted.durable_writes, writes)?;
        claim(&format!("transcripts opened by the {what} refresh"), counted.opened, count)?;
    }
    // All records changed, so the records of the cold refresh are a measure of their size.
    let changed = 2 * cold.written_bytes;
    claim_at_most("bytes written by the stale refresh", stale.written_bytes, changed)?;
    let nothing = Counted { opened: 0, looked_at: count, durable_writes: 0, written_bytes: 0 };
    ensure!(no_op == nothing, "the refresh without changes did {no_op:?}");
    Ok(report)
}

impl Proof {
    fn create(root: &Path, session_count: u32) -> anyhow::Result<Self> {
        let sessions = root.join("agents/main/sessions");
        fs_err::create_dir_all(&sessions)?;
        let locations = Locations::new(vec![Place::new(&OpenClaw, root)], &root.join("state"));
        let options = Options { checkpoint: CheckpointPolicy::DEFAULT, ..Options::new(locations) };
        let proof = Self { sessions, session_count, options };
        for nth in 0..session_count {
            let id = session_id(nth);
            let first = format!("{{\"type\":\"session\",\"version\":1,\"id\":\"{id}\"}}\n");
            let content = first + &entry(&id, "2026-02-05T12:00:00.000Z", 1);
            fs_err::write(proof.path(nth), content)?;
        }
        Ok(proof)
    }

    fn path(&self, nth: u32) -> PathBuf {
        self.sessions.join(session_id(nth)).with_extension("jsonl")
    }

    fn append_to_all(&self) -> anyhow::Result<()> {
        for nth in 0..self.session_count {
            let line = entry(&session_id(nth), "2026-02-05T12:01:00.000Z", 2);
            let mut file = fs_err::OpenOptions::new().append(true).open(self.path(nth))?;
            file.write_all(line.as_bytes())?;
        }
        Ok(())
    }

    fn refresh(&self, host: Host<'_>, counts: &Counts) -> (Refreshed, Counted, Duration) {
        let started = SystemClock.monotonic();
        let refreshed =
            usage_cache::refresh(host, &self.options, &mut |_| ControlFlow::Continue(()));
        let took = SystemClock.monotonic().saturating_sub(started);
        (refreshed, counts.take(), took)
    }
}

fn session_id(nth: u32) -> String {
    format!("usage-cost-proof-{nth}")
}

/// An entry as the original writes it.
fn entry(id: &str, time: &str, tokens: u32) -> String {
    let cost = f64::from(tokens) / 1_000.0;
    format!(
        "{{\"type\":\"message\",\"timestamp\":\"{time}\",\"sessionId\":\"{id}\",\"message\":{{\
         \"role\":\"assistant\",\"provider\":\"openai\",\"model\":\"gpt-5.5\",\"usage\":{{\
         \"input\":{tokens},\"output\":0,\"totalTokens\":{tokens},\"cost\":{{\"total\":{cost}}}}}}}}}\n"
    )
}
