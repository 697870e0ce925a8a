//! A bar on standard error, if that is a terminal and the work takes long.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use cli_support::Interrupt;
use common_fs::{Clock as _, SystemClock};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::transcripts::Watch;

/// Shorter work is over before anybody looks.
const PATIENCE: Duration = Duration::from_millis(500);

/// Shows how far the reading is, until somebody wants it to end.
pub(crate) struct Progress<'i> {
    interrupt: &'i Interrupt,
    started: Duration,
    bar: Mutex<Option<ProgressBar>>,
}

impl<'i> Progress<'i> {
    pub(crate) fn new(interrupt: &'i Interrupt) -> Self {
        Self { interrupt, started: SystemClock.monotonic(), bar: Mutex::new(None) }
    }

    pub(crate) fn clear(&self) {
        if let Some(bar) = self.bar.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            bar.finish_and_clear();
        }
    }
}

impl Watch for Progress<'_> {
    fn progress(&self, done: usize, total: usize) -> bool {
        if PATIENCE < SystemClock.monotonic().saturating_sub(self.started) {
            let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
            bar.get_or_insert_with(|| new_bar(total as u64)).set_position(done as u64);
        }
        self.interrupt.exit_code().is_none()
    }
}

/// Hidden by itself where standard error is no terminal.
fn new_bar(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos} of {len} transcripts");
    ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
