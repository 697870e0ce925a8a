use common_fs::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    DatabaseStatus, Freshness, Root, Status,
    trace::TraceStatus,
    wire::{to_path, to_text},
};

/// How complete facts are that were made when all was known.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    cached_files: u64,
    refreshed_at_nanos: Option<i64>,
    gone_files: u64,
    imported_files: u64,
    unfinished_files: u64,
    malformed_lines: u64,
    unresolved_lines: u64,
    too_long_lines: u64,
    not_files: u64,
    compressed_files: u64,
    databases: Vec<String>,
}

impl Counts {
    /// `None` if not all is known.
    pub(super) fn of(status: &Status) -> Option<Self> {
        let databases = status.databases.iter().map(|DatabaseStatus { path, problem }| {
            problem.is_none().then(|| to_text(path).into_owned())
        });
        let databases = databases.collect::<Option<Vec<_>>>()?;
        (status.freshness == Freshness::Fresh).then(|| Self {
            cached_files: status.cached_files,
            refreshed_at_nanos: status.refreshed_at.map(Timestamp::unix_nanos),
            gone_files: status.gone_files,
            imported_files: status.imported_files,
            unfinished_files: status.unfinished_files,
            malformed_lines: status.malformed_lines,
            unresolved_lines: status.unresolved_lines,
            too_long_lines: status.too_long_lines,
            not_files: status.not_files,
            compressed_files: status.compressed_files,
            databases,
        })
    }

    pub(crate) fn status(self, roots: Vec<Root>, trace: Option<TraceStatus>) -> Status {
        let databases = self.databases.iter().filter_map(|path| to_path(path));
        Status {
            freshness: Freshness::Fresh,
            cached_files: self.cached_files,
            pending_files: 0,
            stale_files: 0,
            refreshed_at: self.refreshed_at_nanos.map(Timestamp::from_unix_nanos),
            gone_files: self.gone_files,
            imported_files: self.imported_files,
            unverified_files: 0,
            unfinished_files: self.unfinished_files,
            malformed_lines: self.malformed_lines,
            unresolved_lines: self.unresolved_lines,
            too_long_lines: self.too_long_lines,
            not_files: self.not_files,
            compressed_files: self.compressed_files,
            unreadable: Vec::new(),
            roots,
            databases: databases.map(|path| DatabaseStatus { path, problem: None }).collect(),
            trace,
        }
    }
}
