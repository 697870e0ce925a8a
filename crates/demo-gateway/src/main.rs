//! `demo-gateway`: a small HTTP server that restarts on a signal and knows its true downtime.

use std::{
    error::Error,
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser;
use demo_gateway::Args;

/// The exit status for wrong usage, as `clap` has it.
const USAGE: u8 = 2;

/// A small HTTP server that restarts on a signal and knows its true downtime
///
/// It answers /healthz and /readyz on 127.0.0.1, logs like OpenClaw's gateway, restarts when it
/// gets a signal, misbehaves on request, and writes down when it really was away.
#[derive(Parser)]
#[command(name = "demo-gateway", max_term_width = 100, after_long_help = EXAMPLES)]
struct Program {
    #[command(flatten)]
    args: Args,
}

const EXAMPLES: &str = "\
Examples:
  A restart that answers 503 for 20 ms, refuses connections for 40 ms and lets them wait for 15 ms:

    demo-gateway --port 8080 --drain 20ms --close 40ms --block 15ms --truth truth.jsonl &
    curl http://127.0.0.1:8080/readyz
    kill -HUP $!
    cat truth.jsonl

  A restart that nobody notices, of a process that others take the place of:

    demo-gateway --port 8080 --mode pass-socket

Times in the truth are microseconds of CLOCK_MONOTONIC.";

fn main() -> ExitCode {
    let settings = Program::parse().args.settings(demo_gateway::command_line());
    match demo_gateway::run(&settings, io::stdout()) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            let is_usage = matches!(error, demo_gateway::Error::Unsuitable(_));
            writeln!(io::stderr(), "demo-gateway: {}", in_full(&error)).ok();
            ExitCode::from(if is_usage { USAGE } else { 1 })
        }
    }
}

/// An error with its causes, on one line.
fn in_full(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
