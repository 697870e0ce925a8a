//! What is told of the machine, and of this process.
#![expect(clippy::disallowed_methods, reason = "Linux tells of itself in files")]

use std::fs;

use rustix::time::{ClockId, clock_gettime};
use xxhash_rust::xxh3::xxh3_64;

use crate::{Micros, record::HostFacts};

/// This machine.
pub fn host_facts() -> HostFacts {
    let system = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let load = fs::read_to_string("/proc/loadavg").ok();
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    HostFacts {
        system: format!("{} {}", text(system.sysname()), text(system.release())),
        architecture: text(system.machine()),
        processors: u32::try_from(processors).unwrap_or(u32::MAX),
        load: load.and_then(|load| load.split(' ').next()?.parse().ok()),
    }
}

/// Processor time of this process.
pub(super) fn cpu() -> Micros {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Micros(seconds * 1_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0) / 1_000)
}

/// The most memory that this process has had.
pub(super) fn peak_memory_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

pub(super) fn hash(parts: &[&str]) -> String {
    format!("{:016x}", xxh3_64(parts.join("\n").as_bytes()))
}
