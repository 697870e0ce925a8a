//! The public behaviour of `common-fs`, one binary.
//!
//! Rows `F…` name faults of the project's fault catalogue: what can go wrong with a file, and
//! what has to come of it. `docs/faults.md` lists them with the tests that provoke them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod append;
mod beneath;
mod contract;
mod create_dirs;
mod helper;
mod lines;
mod lock;
mod lock_judging;
mod lock_processes;
mod orphans;
mod power_loss;
mod replace;
mod replace_crash;
mod replace_real;
mod world;
