//! Where something was measured.

use std::thread;

use anyhow::Context as _;
use serde::Serialize;

/// What is worth knowing of a machine to make sense of its numbers.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Machine {
    pub(super) cores: usize,
    /// The model, as the kernel names it.
    pub(super) cpu: String,
    pub(super) memory_bytes: u64,
    pub(super) kernel: String,
    /// How many processes wanted to run, on average of the minute before.
    pub(super) load: f64,
}

impl Machine {
    /// Whether there is less than half a processor for each of two threads.
    pub(super) fn is_busy(&self) -> bool {
        #[expect(clippy::cast_precision_loss, reason = "there are not that many processors")]
        let half = self.cores as f64 / 2.0;
        half <= self.load
    }
}

/// From [proc(5)](https://man7.org/linux/man-pages/man5/proc.5.html).
pub(super) fn describe() -> anyhow::Result<Machine> {
    let cpu_info = fs_err::read_to_string("/proc/cpuinfo")?;
    let memory_info = fs_err::read_to_string("/proc/meminfo")?;
    let load = fs_err::read_to_string("/proc/loadavg")?;
    let kib = field(&memory_info, "MemTotal").and_then(|text| text.strip_suffix(" kB"));
    let kib: u64 = kib.and_then(|kib| kib.parse().ok()).context("cannot read /proc/meminfo")?;
    let load = load.split(' ').next().and_then(|load| load.parse().ok());
    Ok(Machine {
        cores: thread::available_parallelism()?.get(),
        cpu: field(&cpu_info, "model name").unwrap_or("unknown").to_owned(),
        memory_bytes: kib * 1024,
        kernel: format!("Linux {}", fs_err::read_to_string("/proc/sys/kernel/osrelease")?.trim()),
        load: load.context("cannot read /proc/loadavg")?,
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
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 17\nmodel name\t: Some CPU: fast\nMemTotal:       24 kB\n";
        assert_eq!(field(text, "model name"), Some("Some CPU: fast"));
        assert_eq!(field(text, "model"), Some("17"));
        assert_eq!(field(text, "MemTotal"), Some("24 kB"));
        assert_eq!(field(text, "Mem"), None);
    }
}
