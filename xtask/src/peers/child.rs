//! One run of a program, measured.
//!
//! This is a process of its own, as small as it can be: until a program is loaded, the memory of the
//! process that starts it is taken for its own, and the kernel remembers the most.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context as _, ensure};
use cli_support::Interrupt;
use common_fs::{Clock as _, SystemClock};
use wait4::Wait4 as _;

use super::sample::Sample;

#[derive(Debug, clap::Args)]
pub(crate) struct MeasureChild {
    /// Where what the program prints goes
    #[arg(long)]
    stdout: PathBuf,
    /// The program and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

/// Runs `command` in this environment, and prints what that took: the process that [`run`] starts.
pub(crate) fn measure(args: &MeasureChild) -> anyhow::Result<()> {
    // The program gets the signal too, and may still be writing: its files can go once it has ended.
    let _interrupt = Interrupt::listen()?;
    let (program, arguments) = args.command.split_first().context("there is no command")?;
    let (stdout, _) = fs_err::File::create(&args.stdout)?.into_parts();
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(stdout);
    let began = SystemClock.monotonic();
    let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
    let used = child.wait4()?;
    let wall = SystemClock.monotonic().saturating_sub(began);
    ensure!(used.status.success(), "{} failed: {}", program.display(), used.status);
    let sample = Sample {
        wall_micros: micros(wall),
        cpu_micros: micros(used.rusage.utime + used.rusage.stime),
        peak_memory_bytes: used.rusage.maxrss,
    };
    crate::say(&serde_json::to_string(&sample)?)
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Measures one run, in an environment of nothing but `variables`. What the program prints is in
/// `stdout` afterwards.
pub(super) fn run(
    program: &Path,
    arguments: &[&str],
    variables: &[(&str, OsString)],
    stdout: &Path,
) -> anyhow::Result<Sample> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("measure-child").arg("--stdout").arg(stdout).arg("--").arg(program);
    command.args(arguments).env_clear();
    command.envs(variables.iter().map(|(name, value)| (name, value))).stdin(Stdio::null());
    let output = command.output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {}", program.display(), said.trim());
    serde_json::from_slice(&output.stdout).context("cannot read what a run took")
}
