//! Tasks of this workspace: `cargo xtask --help`.

mod ci;
mod peers;
mod prices;
mod proof;
mod tidy;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Tasks of this workspace
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Run all checks that have to pass before anything lands
    Ci,
    /// Check rules of this workspace that no other tool knows
    Tidy,
    /// Bring the price list of `usage-cache` up to date with one of LiteLLM or models.dev
    Prices(prices::Args),
    /// Run the proof scenarios: the production code on real files
    Proof(proof::Args),
    /// Compare with the programs that people use for the same; needs npm and a network
    Peers(peers::Args),
    /// Run a program and print what that took; `peers` calls it
    #[command(hide = true)]
    MeasureChild(peers::MeasureChild),
    /// Refresh the cache in a directory and print what that took; `proof` calls it
    #[command(hide = true)]
    MeasureRefresh {
        /// A state directory of OpenClaw
        root: std::path::PathBuf,
    },
    /// Scan a trace database and print what that took; `proof` calls it
    #[command(hide = true)]
    MeasureTrace(proof::MeasureTrace),
    /// Append to a trace database and prune it; `proof` calls it
    #[command(hide = true)]
    WriteTrace(proof::WriteTrace),
    /// Refresh from a state directory of OpenClaw and print what that took; `proof` calls it
    #[command(hide = true)]
    MeasureAgent(proof::MeasureAgent),
    /// Read a database of OpenClaw and print what that took; `proof` calls it
    #[command(hide = true)]
    ReadAgent(proof::ReadAgent),
    /// Make a database of OpenClaw and go on with it; `proof` calls it
    #[command(hide = true)]
    WriteAgent(proof::WriteAgent),
    /// Sweep the sessions of an agent of OpenClaw and print what that took; `proof` calls it
    #[command(hide = true)]
    MeasureSweep(proof::MeasureSweep),
    /// Update rows of a store of OpenClaw as it does itself; `proof` calls it
    #[command(hide = true)]
    WriteStore(proof::WriteStore),
    /// Measure a server that writes much; `proof` calls it
    #[command(hide = true)]
    MeasureFlood(proof::MeasureFlood),
    /// Measure a server until somebody ends this; `proof` calls it
    #[command(hide = true)]
    BeInterrupted(proof::BeInterrupted),
    /// A proxy that keeps prompts warm, until somebody ends it; `proof` calls it
    #[command(hide = true)]
    ServeProxy(proof::ServeProxy),
    /// The program `cache-warmer`; `proof` calls it
    #[command(hide = true)]
    CacheWarmer {
        /// Its own, without its name
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<std::ffi::OsString>,
    },
    /// The server that is measured; `proof` calls it
    #[command(hide = true)]
    DemoGateway(demo_gateway::Args),
    /// What ends the server that is measured; `proof` calls it
    #[command(hide = true)]
    Guard {
        /// As `restart_bench::GuardOrders` writes them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        orders: Vec<std::ffi::OsString>,
    },
}

fn main() -> ExitCode {
    let done = match Args::parse().task {
        Task::Ci => ci::run(),
        Task::Tidy => tidy::run(),
        Task::Prices(args) => prices::run(&args),
        Task::Proof(args) => proof::run(&args),
        Task::Peers(args) => match peers::run(&args) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Task::MeasureChild(args) => peers::measure_child(&args),
        Task::MeasureRefresh { root } => proof::measure(&root),
        Task::MeasureTrace(args) => proof::measure_trace(&args),
        Task::WriteTrace(args) => proof::write_trace(&args),
        Task::MeasureAgent(args) => proof::measure_agent(&args),
        Task::ReadAgent(args) => proof::read_agent(&args),
        Task::WriteAgent(args) => proof::write_agent(args),
        Task::MeasureSweep(args) => proof::measure_sweep(&args),
        Task::WriteStore(args) => proof::write_store(&args),
        Task::MeasureFlood(args) => proof::measure_flood(&args),
        Task::BeInterrupted(args) => proof::be_interrupted(&args),
        Task::ServeProxy(args) => proof::serve_proxy(&args),
        Task::CacheWarmer { arguments } => {
            return cache_warmer_cli::main(["cache-warmer".into()].into_iter().chain(arguments));
        }
        Task::DemoGateway(args) => {
            let settings = args.settings(demo_gateway::command_line());
            return match demo_gateway::run(&settings, io::stdout()) {
                Ok(status) => ExitCode::from(status),
                Err(_) => ExitCode::FAILURE,
            };
        }
        Task::Guard { orders } => restart_bench::GuardOrders::from_arguments(orders)
            .context("these are no orders")
            .and_then(|orders| Ok(restart_bench::guard(&orders)?)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where nobody listens, the exit code has to do.
            writeln!(io::stderr(), "xtask: {error:#}").ok();
            ExitCode::FAILURE
        }
    }
}

/// Prints a line; results of tasks go to standard output.
fn say(line: &str) -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{line}")?)
}
