//! `session-reaper`: retention for the sessions of local AI agents.

mod args;
mod ask;
mod demo;
mod found;
mod json;
mod kept;
mod progress;
mod report;
mod run;

use std::process::ExitCode;

use clap::Parser as _;

/// The name before all messages.
const NAME: &str = "session-reaper";

fn main() -> ExitCode {
    cli_support::run(NAME, || run::run(&args::Args::parse()))
}
