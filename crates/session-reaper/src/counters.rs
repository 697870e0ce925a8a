use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};

use crate::{Sweep, Total};

/// What was done so far, for those who watch a program.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Counters {
    /// Sweeps that were asked for, by what came of them.
    pub sweeps: BTreeMap<String, u64>,
    /// Rows that were looked at.
    pub scanned_rows: u64,
    /// Files that were looked at.
    pub scanned_files: u64,
    /// Rows and files that stayed, by reason; see [`Verdict::reason`](crate::Verdict::reason).
    pub kept: BTreeMap<String, u64>,
    /// Rows that were archived.
    pub archived_rows: u64,
    /// Files that were archived,
    pub archived_files: u64,
    /// and how long they were.
    pub archived_bytes: u64,
    /// Transcripts among them that no row knew.
    pub orphans: u64,
    /// Files that were removed for good,
    pub removed_files: u64,
    /// and how long they were.
    pub freed_bytes: u64,
    /// What could not be done.
    pub errors: u64,
}

impl Counters {
    /// Counts a sweep that was carried out.
    pub(crate) fn add(&mut self, sweep: &Sweep) {
        let add = |count: &mut u64, more: u64| *count = count.saturating_add(more);
        add(&mut self.scanned_rows, sweep.plan.rows.len() as u64);
        add(&mut self.scanned_files, sweep.plan.files.len() as u64);
        for verdict in sweep.plan.verdicts() {
            if !verdict.goes() {
                add(self.kept.entry(verdict.reason().to_owned()).or_default(), 1);
            }
            add(&mut self.orphans, u64::from(verdict.reason() == "orphan"));
        }
        add(&mut self.archived_rows, sweep.archived_rows.count);
        let Total { count, bytes } = sweep.archived_files;
        add(&mut self.archived_files, count);
        add(&mut self.archived_bytes, bytes);
        let Total { count, bytes } = sweep.removed_files;
        add(&mut self.removed_files, count);
        add(&mut self.freed_bytes, bytes.saturating_add(sweep.saved_bytes));
        add(&mut self.errors, sweep.failures.len() as u64);
    }

    /// Counts what came of a sweep that was asked for.
    pub(crate) fn count(&mut self, outcome: &str) {
        let count = self.sweeps.entry(outcome.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    /// The counters in the text format of Prometheus
    /// (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
    pub fn prometheus(&self) -> String {
        let mut text = String::new();
        let mut metric = |name: &str, help: &str, values: &[(String, u64)]| {
            let name = format!("session_reaper_{name}_total");
            // Writing to a string cannot fail.
            writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter").ok();
            for (labels, value) in values {
                writeln!(text, "{name}{labels} {value}").ok();
            }
        };
        let labelled = |label: &str, counts: &BTreeMap<String, u64>| -> Vec<(String, u64)> {
            counts.iter().map(|(key, count)| (format!("{{{label}=\"{key}\"}}"), *count)).collect()
        };
        let plain = |count: u64| [(String::new(), count)];
        metric("sweeps", "Sweeps that were asked for.", &labelled("result", &self.sweeps));
        metric("scanned_rows", "Rows looked at.", &plain(self.scanned_rows));
        metric("scanned_files", "Files looked at.", &plain(self.scanned_files));
        metric("kept", "Rows and files that stayed.", &labelled("reason", &self.kept));
        metric("archived_rows", "Rows archived.", &plain(self.archived_rows));
        metric("archived_files", "Files archived.", &plain(self.archived_files));
        metric("archived_bytes", "Bytes of files archived.", &plain(self.archived_bytes));
        metric("orphans", "Transcripts that no row knew.", &plain(self.orphans));
        metric("removed_files", "Files removed for good.", &plain(self.removed_files));
        metric("freed_bytes", "Bytes freed.", &plain(self.freed_bytes));
        metric("errors", "What could not be done.", &plain(self.errors));
        text
    }
}
