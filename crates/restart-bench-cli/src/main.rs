//! `restart-bench`: what a restart of a server really costs its clients.

mod args;
mod compare;
mod demo;
mod exit;
mod measure;
mod openclaw;
mod report;
mod target;

use std::{ffi::OsString, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use restart_bench::GuardOrders;

use args::{Args, Order};

/// The name before all messages.
const NAME: &str = "restart-bench";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let Some(arguments) = openclaw::of_seed(&arguments) {
        return cli_support::run(NAME, || openclaw::compat(&arguments));
    }
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(error) => return exit::usage(&error),
    };
    cli_support::run(NAME, || match args.order {
        Order::Run(run) => measure::run(&run),
        Order::Compare(compare) => compare::run(&compare),
        Order::Report(report) => report::run(&report),
        Order::Demo(demo) => demo::run(&demo),
        Order::Guard { orders } => {
            cli_support::outlive_interrupts()?;
            let orders = GuardOrders::from_arguments(orders).context("these are no orders")?;
            restart_bench::guard(&orders)?;
            Ok(ExitCode::SUCCESS)
        }
        Order::DemoGateway(gateway) => demo::gateway(gateway),
    })
}
