//! A machine in memory: its clock stands still until told otherwise, its files can lose power,
//! and its operations fail on request.
//!
//! Everything here is deterministic: the same calls give the same results, so a failing case
//! repeats from its seed alone. [`Sim`] is the whole machine. Its parts are handles: a clone
//! means the same clock, the same files, the same processes.

mod clock;
mod crash;
mod dir;
mod faults;
mod file;
mod fs;
mod processes;
mod state;

use crate::Host;

pub use clock::ManualClock;
pub use faults::Faults;
pub use fs::SimFs;
pub use processes::SimProcesses;

/// A simulated machine.
#[derive(Clone)]
pub struct Sim {
    /// Its files.
    pub fs: SimFs,
    /// Its clock.
    pub clock: ManualClock,
    /// Its processes.
    pub processes: SimProcesses,
}

impl Sim {
    /// A machine with an empty file system, in September 2026.
    #[expect(clippy::new_without_default, reason = "a machine has no default")]
    pub fn new() -> Self {
        let clock = ManualClock::new();
        Self { fs: SimFs::new(&clock), clock, processes: SimProcesses::new() }
    }

    /// What a library is handed.
    pub fn host(&self) -> Host<'_> {
        Host { fs: &self.fs, clock: &self.clock, processes: &self.processes }
    }
}
