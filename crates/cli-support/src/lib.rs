//! What the programs of this workspace have in common.
//!
//! Results go to standard output, messages to standard error; a reader who has enough is no error;
//! Ctrl-C ends the work at the next good moment; numbers, times and tables look the same everywhere.

mod interrupt;
pub mod table;
pub mod text;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;

pub use interrupt::{Interrupt, outlive_interrupts};

const BUFFER_BYTES: usize = 64 * 1024;

/// The exit status for wrong usage, as `clap` has it.
pub const USAGE: u8 = 2;

/// Runs a program and says how it ended.
///
/// Errors are printed in one line, with the program's name before and their causes behind.
pub fn run(name: &str, program: impl FnOnce() -> anyhow::Result<ExitCode>) -> ExitCode {
    match program() {
        Ok(code) => code,
        // Whoever reads our output has enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            message(name, &text::in_full(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let broken = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(broken))
}

/// Prints a result to standard output, all at once.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    written.context("cannot write to standard output")
}

/// Prints a result to standard output while it is made, for those that can be very long.
pub fn print_with(
    make: impl FnOnce(&mut io::BufWriter<io::StdoutLock<'static>>) -> io::Result<()>,
) -> anyhow::Result<()> {
    let mut stdout = io::BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
    let made = make(&mut stdout).and_then(|()| stdout.flush());
    made.context("cannot write to standard output")
}

/// Prints a message to standard error; where nobody listens, nothing is lost.
pub fn message(name: &str, text: &str) {
    writeln!(io::stderr(), "{name}: {text}").ok();
}

/// What the environment has under a name.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn env(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}
