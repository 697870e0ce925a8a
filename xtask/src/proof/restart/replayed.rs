//! What real gateways have written, against the table of what is in it.

#[path = "../../../../crates/restart-bench/tests/it/gateway_logs/replay.rs"]
mod replay;

use anyhow::ensure;
use serde::Serialize;

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Replayed {
    /// Of the table, each of which is as it should be.
    rows: usize,
}

pub(super) fn prove() -> anyhow::Result<Replayed> {
    // As a file has it, and as a pipe may.
    for chunk in [usize::MAX, 7] {
        let rows = replay::rows(chunk);
        for expected in replay::EXPECTED {
            let is_there = rows.iter().any(|row| row.starts_with(expected));
            ensure!(is_there, "`{expected}` is not among {rows:#?}");
        }
    }
    Ok(Replayed { rows: replay::EXPECTED.len() })
}
