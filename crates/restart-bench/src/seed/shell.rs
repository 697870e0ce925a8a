//! `--compat seed`: does what the rules of this module say, on a real gateway.

mod ask;
mod exit;
mod resources;
mod sample;
mod scene;

use std::{
    collections::BTreeMap,
    env::consts::{ARCH, OS},
    ffi::OsString,
    io,
    path::PathBuf,
};

use common_fs::{Clock as _, SystemClock};

use self::sample::Sampling;
use crate::{
    RootError, StartError,
    seed::{
        Case, CaseResult, Payload, Platform, SeedOptions, iso_time, sample_progress,
        warmup_progress,
    },
};

/// What the seed takes from where it runs.
#[derive(Clone, Debug)]
pub struct SeedSetup {
    /// The program that becomes the guard of each gateway, and the arguments before those for the
    /// guard; see [`StartOrders::guard`](crate::StartOrders::guard).
    pub guard: (PathBuf, Vec<OsString>),
    /// The program that runs the script of the gateway, with arguments before the script: Node.
    pub node: Vec<OsString>,
    /// The version of Node that reports name.
    pub node_version: String,
    /// Where the directories of the samples are made: an absolute path.
    pub temp_dir: PathBuf,
    /// The environment of this process, of which the gateway gets a little; see
    /// [`child_environment`](crate::seed::child_environment).
    pub inherited: BTreeMap<OsString, OsString>,
}

/// Why there is no report. What is the matter with a gateway is in a report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SeedError {
    /// Somebody has asked to end.
    #[error("interrupted")]
    Interrupted,
    /// There can be no directory for a sample.
    #[error("there is no directory for the gateway")]
    Root(#[from] RootError),
    /// The gateway could not be started.
    #[error(transparent)]
    Start(#[from] StartError),
    /// Somebody else has taken the port meanwhile, so it is not the gateway that answers.
    #[error("port {port} is taken by a process that is not the gateway")]
    PortTaken {
        /// Of 127.0.0.1.
        port: u16,
    },
    /// The measurement itself failed.
    #[error("the gateway could not be watched")]
    Io(#[from] io::Error),
}

/// Runs all cases, and gives the report (seed 003, `main` without what it prints at the end).
///
/// `on_line` gets the lines of progress, which the seed writes to the standard error, without their
/// ends. `is_interrupted` is asked all the time. Whatever happens, also if this process is killed,
/// the guard ends the gateway with all that it has started and removes the directory they worked in.
/// The processes that are killed by force if the guard was killed itself are all that have become
/// children of this one since; see [`Server::stop`](crate::Server::stop).
pub fn run_seed(
    options: &SeedOptions,
    setup: &SeedSetup,
    on_line: &mut dyn FnMut(&str),
    is_interrupted: &dyn Fn() -> bool,
) -> Result<Payload, SeedError> {
    let mut run = |case| run_case(case, options, setup, on_line, is_interrupted);
    let results = options.cases.iter().map(|case| run(case)).collect::<Result<_, _>>()?;
    Ok(Payload {
        entry: options.entry.clone(),
        generated_at: iso_time(SystemClock.now()),
        node: setup.node_version.clone(),
        platform: Platform::of(ARCH, OS),
        results,
    })
}

/// Seed 003, `runCase`.
fn run_case(
    case: &Case,
    options: &SeedOptions,
    setup: &SeedSetup,
    on_line: &mut dyn FnMut(&str),
    is_interrupted: &dyn Fn() -> bool,
) -> Result<CaseResult, SeedError> {
    let sampling = Sampling { case, options, setup, is_interrupted };
    for number in 1..=options.warmup {
        let sample = sampling.run(on_line)?;
        on_line(&warmup_progress(case, &sample, number, options.warmup));
    }
    let mut samples = Vec::new();
    for number in 1..=options.runs {
        let sample = sampling.run(on_line)?;
        on_line(&sample_progress(case, &sample, number, options.runs));
        samples.push(sample);
    }
    Ok(CaseResult::new(case, samples))
}
