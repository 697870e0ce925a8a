use std::time::Duration;

use cli_support::text::{in_full, iso};
use serde::Serialize;
use usage_cache::trace::{LastScan, Restart, TraceStatus};

/// How the trace database stands. The names of the numbers are those of steipete/CodexBar#1421.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TraceDoc {
    status: &'static str,
    problem: Option<String>,
    path: String,
    db_bytes: Option<u64>,
    memo_cursor: i64,
    coverage_since_epoch: i64,
    priority_turns: usize,
    retained_completions: usize,
    known_priority_turns: usize,
    imported: bool,
    rows_visited: u64,
    bytes_visited: u64,
    restarted: Option<&'static str>,
    disk_load_ms: f64,
    scan_ms: f64,
    persist_ms: Option<f64>,
    last_scan: Option<LastScanDoc>,
    artifact: String,
    artifact_bytes: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LastScanDoc {
    at: String,
    elapsed_ms: f64,
    rows: u64,
    bytes: u64,
    restarted: Option<&'static str>,
}

pub(super) fn document(status: &TraceStatus) -> TraceDoc {
    TraceDoc {
        status: status.word(),
        problem: status.problem.as_ref().map(|problem| in_full(problem)),
        path: status.path.display().to_string(),
        db_bytes: status.size_bytes,
        memo_cursor: status.cursor,
        coverage_since_epoch: status.since,
        priority_turns: status.turns,
        retained_completions: status.completions,
        known_priority_turns: status.known_turns,
        imported: status.adopted,
        rows_visited: status.work.rows,
        bytes_visited: status.work.bytes,
        restarted: status.work.restarted.map(Restart::word),
        disk_load_ms: millis(status.load),
        scan_ms: millis(status.scan),
        persist_ms: status.save.map(millis),
        last_scan: status.last_scan.map(last_scan),
        artifact: status.file.display().to_string(),
        artifact_bytes: status.file_bytes,
    }
}

fn last_scan(scan: LastScan) -> LastScanDoc {
    LastScanDoc {
        at: iso(scan.at),
        elapsed_ms: millis(scan.elapsed),
        rows: scan.work.rows,
        bytes: scan.work.bytes,
        restarted: scan.work.restarted.map(Restart::word),
    }
}

fn millis(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}
