//! What a measurement has left behind.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use common_fs::{Clock as _, SystemClock};

/// By then, what was to end has ended.
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(5);

/// What is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Left {
    /// Processes that have the directory among their arguments,
    pub(super) processes: u64,
    /// and whether that is there.
    pub(super) root: bool,
}

impl Left {
    /// What is left in the end, of a measurement whose server worked in this directory.
    pub(super) fn of(root: &Path) -> anyhow::Result<Self> {
        let begun = SystemClock.monotonic();
        loop {
            let left = Self::now(root)?;
            let is_over = PATIENCE <= SystemClock.monotonic().saturating_sub(begun);
            if is_over || (left.processes == 0 && !left.root) {
                return Ok(left);
            }
            SystemClock.sleep(PAUSE);
        }
    }

    /// What is left now.
    pub(super) fn now(root: &Path) -> anyhow::Result<Self> {
        let name = root.to_str().context("a directory with an odd name")?;
        let mut processes = 0;
        for process in fs_err::read_dir("/proc")?.flatten() {
            let line = fs_err::read(process.path().join("cmdline")).unwrap_or_default();
            processes += u64::from(String::from_utf8_lossy(&line).contains(name));
        }
        Ok(Self { processes, root: fs_err::symlink_metadata(root).is_ok() })
    }
}
