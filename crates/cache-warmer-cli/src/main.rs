//! `cache-warmer`: keeps prompt caches warm while that pays, and says whether it would.

use std::process::ExitCode;

fn main() -> ExitCode {
    cache_warmer_cli::main(std::env::args_os())
}
