//! `usage-cache`: what your local AI agents cost.

mod args;
mod csv_report;
mod demo;
mod interrupt;
mod json;
mod notes;
mod progress;
mod run;
mod table;
mod text;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;

fn main() -> ExitCode {
    match run::run(&args::Args::parse()) {
        Ok(code) => code,
        // Whoever reads our output has enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody listens, the exit code has to do.
            writeln!(io::stderr(), "usage-cache: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(broken))
}
