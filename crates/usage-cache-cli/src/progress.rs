use std::time::Duration;

use common_fs::{Clock, SystemClock};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use usage_cache::{Progress, trace::ScanProgress};

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
        let bar = self.bar.get_or_insert_with(|| new_bar(progress.bytes_total));
        if let Some(ScanProgress { from, row, last }) = progress.trace {
            let percent = (row - from).saturating_mul(100) / (last - from).max(1);
            bar.set_message(format!("trace database {percent} %"));
            return;
        }
        bar.set_position(progress.bytes_done);
        bar.set_message(format!(
            "{} of {} transcripts",
            HumanCount(progress.files_done),
            HumanCount(progress.files_total)
        ));
    }

    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Hidden by itself where standard error is no terminal.
fn new_bar(bytes_total: u64) -> ProgressBar {
    let template = "{bar:30} {bytes} of {total_bytes}  {msg}";
    let style = ProgressStyle::with_template(template);
    ProgressBar::with_draw_target(Some(bytes_total), ProgressDrawTarget::stderr())
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
