//! `usage-cache`: what your local AI agents cost.

mod args;
mod chart;
mod csv_report;
mod demo;
mod html;
mod json;
mod notes;
mod overview;
mod progress;
mod run;
mod screen;
mod statusline;
mod table;
mod text;
mod view;

use std::process::ExitCode;

use clap::Parser as _;

/// The name before all messages.
const NAME: &str = "usage-cache";

fn main() -> ExitCode {
    cli_support::run(NAME, || run::run(&args::Args::parse()))
}

#[cfg(test)]
mod tests;
