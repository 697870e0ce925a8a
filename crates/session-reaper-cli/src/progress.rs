use std::time::Duration;

use common_fs::{Clock as _, SystemClock};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use session_reaper::Progress;

/// Shorter work is over before anybody looks.
const PATIENCE: Duration = Duration::from_millis(500);

/// A bar on standard error, if that is a terminal and the work takes long.
pub(crate) struct Bar {
    started: Duration,
    bar: Option<ProgressBar>,
}

impl Bar {
    pub(crate) fn new() -> Self {
        Self { started: SystemClock.monotonic(), bar: None }
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        if self.bar.is_none() && SystemClock.monotonic().saturating_sub(self.started) < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_insert_with(new_bar);
        bar.set_length(progress.files_total);
        bar.set_position(progress.files_done);
    }

    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Hidden by itself where standard error is no terminal.
fn new_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {human_pos} of {human_len} files");
    ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
