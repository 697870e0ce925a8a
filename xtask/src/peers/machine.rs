//! Where something was measured.

use std::{ops::AddAssign, thread};

use anyhow::Context as _;
use serde::Serialize;

/// What is worth knowing of a machine to make sense of its numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    pub(super) cores: usize,
    /// The model, as the kernel names it.
    pub(super) cpu: String,
    pub(super) memory_bytes: u64,
    pub(super) kernel: String,
}

/// How long all processors together did something, and how long there was for it, in ticks of the
/// kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ticks {
    busy: u64,
    all: u64,
}

/// From so much on, others are in the way.
const BUSY_SHARE: f64 = 0.1;

impl Ticks {
    /// Since the machine was started.
    pub(super) fn now() -> anyhow::Result<Self> {
        let stat = fs_err::read_to_string("/proc/stat")?;
        Self::read(&stat).context("cannot read /proc/stat")
    }

    fn read(stat: &str) -> Option<Self> {
        // The times of guests, behind these, are in the first two.
        let fields = stat.lines().next()?.strip_prefix("cpu ")?.split_whitespace().take(8);
        let fields = fields.map(|field| field.parse::<u64>().ok()).collect::<Option<Vec<_>>>()?;
        let all = fields.iter().sum::<u64>();
        let idle = fields.get(3)? + fields.get(4)?;
        Some(Self { busy: all - idle, all })
    }

    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            busy: self.busy.saturating_sub(earlier.busy),
            all: self.all.saturating_sub(earlier.all),
        }
    }

    /// Of all processors, from 0 to 1.
    pub(super) fn share(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a share, to be read by people")]
        let share = self.busy as f64 / self.all.max(1) as f64;
        share
    }

    pub(super) fn is_busy(self) -> bool {
        BUSY_SHARE <= self.share()
    }
}

impl AddAssign for Ticks {
    fn add_assign(&mut self, other: Self) {
        self.busy += other.busy;
        self.all += other.all;
    }
}

/// From [proc(5)](https://man7.org/linux/man-pages/man5/proc.5.html).
pub(super) fn describe() -> anyhow::Result<Machine> {
    let cpu_info = fs_err::read_to_string("/proc/cpuinfo")?;
    let memory_info = fs_err::read_to_string("/proc/meminfo")?;
    let kib = field(&memory_info, "MemTotal").and_then(|text| text.strip_suffix(" kB"));
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).context("cannot read /proc/meminfo")?;
    Ok(Machine {
        cores: thread::available_parallelism()?.get(),
        cpu: field(&cpu_info, "model name").unwrap_or("unknown").to_owned(),
        memory_bytes: kib * 1024,
        kernel: format!("Linux {}", fs_err::read_to_string("/proc/sys/kernel/osrelease")?.trim()),
    })
}

/// The first of a name.
fn field<'text>(text: &'text str, name: &str) -> Option<&'text str> {
    let line =
        text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
    line.map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_idle_is_busy() {
        let text = |numbers: &str| format!("cpu  {numbers}\ncpu0 1 1 1 1 1 1 1 1 1 1\n");
        let before = Ticks::read(&text("10 0 10 100 20 1 1 0 5 5")).unwrap();
        let after = Ticks::read(&text("20 1 15 170 30 1 2 3 9 9")).unwrap();
        let between = after.since(before);
        assert_eq!(between, Ticks { busy: 20, all: 100 });
        assert!(between.is_busy());
        assert!(!Ticks { busy: 9, all: 100 }.is_busy());
        assert!(!Ticks::default().is_busy());
        for wrong in ["", "cpu", "cpu  1 2 3", "cpu  1 2 3 x 5 6 7 8", "intr 1 2 3 4 5 6 7 8"] {
            assert_eq!(Ticks::read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 17\nmodel name\t: Some CPU: fast\nMemTotal:       24 kB\n";
        assert_eq!(field(text, "model name"), Some("Some CPU: fast"));
        assert_eq!(field(text, "model"), Some("17"));
        assert_eq!(field(text, "MemTotal"), Some("24 kB"));
        assert_eq!(field(text, "Mem"), None);
    }
}
