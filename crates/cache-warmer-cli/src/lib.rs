//! The program `cache-warmer`: keeps prompt caches warm while that pays, and says whether it would.
//!
//! A library, so that its proof can run it in a process of its own. What other programs need is in
//! the library `cache-warmer`.

mod args;
mod demo;
mod progress;
#[cfg(feature = "proxy")]
mod proxy;
mod report;
mod simulate;
mod state_dir;
mod status;
mod transcripts;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use args::{Args, Order};

/// The name before all messages.
const NAME: &str = "cache-warmer";

/// Runs the program. The first of `arguments` is its name; wrong usage ends the process.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = Args::parse_from(arguments);
    cli_support::run(NAME, || match args.order {
        Order::Simulate(simulate) => simulate::run(&simulate),
        #[cfg(feature = "proxy")]
        Order::Proxy(proxy) => proxy::run(*proxy),
        Order::Status(status) => status::run(status),
    })
}
