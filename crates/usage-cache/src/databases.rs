use std::{fmt, path::Path};

use crate::trace::{DbProblem, TraceDb};

/// Opens the databases that some runtimes keep, for reading.
pub trait Databases: fmt::Debug + Sync {
    /// Opens a trace database of Codex.
    fn open_trace(&self, path: &Path) -> Result<Box<dyn TraceDb>, DbProblem>;
}
