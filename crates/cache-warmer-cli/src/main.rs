//! `cache-warmer`: keeps prompt caches warm while that pays, and says whether it would.

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

use std::process::ExitCode;

use clap::Parser as _;

use args::{Args, Order};

/// The name before all messages.
const NAME: &str = "cache-warmer";

fn main() -> ExitCode {
    let args = Args::parse();
    cli_support::run(NAME, || match args.order {
        Order::Simulate(simulate) => simulate::run(&simulate),
        #[cfg(feature = "proxy")]
        Order::Proxy(proxy) => proxy::run(*proxy),
        Order::Status(status) => status::run(status),
    })
}
