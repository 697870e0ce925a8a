//! A small HTTP server that restarts on a signal, and knows its true downtime to the microsecond.
//!
//! A program that measures restarts needs something whose answer is known. This server looks like
//! OpenClaw's gateway from outside (`/healthz`, `/readyz`, its log lines), restarts in the ways
//! that servers do, misbehaves on request, and writes down when it really was away.
//!
//! ```
//! use demo_gateway::{What, read_truth};
//!
//! let text = r#"{"restart":1,"what":"closed","fromUs":1000250,"untilUs":1040300}"#;
//! let truth = read_truth(text)?;
//! assert_eq!(truth[0].what, What::Closed);
//! assert_eq!(truth[0].until_us - truth[0].from_us, 40_050);
//! # Ok::<(), demo_gateway::TruthError>(())
//! ```
//!
//! # Processes
//!
//! With [`Mode::InPlace`] there is one process, and its pid stays.
//! With the other modes the process that was started only supervises: its pid stays, while another
//! one, its child and in its process group, serves. Each restart starts a child and ends the one
//! before. A supervisor that ends or is killed takes its children with it.
//!
//! # As a command of another program
//!
//! Other processes of the gateway are processes of that program; nothing else has to be installed.
//!
//! ```no_run
//! use clap::Parser;
//! use demo_gateway::{Args, command_line, run};
//!
//! #[derive(Parser)]
//! enum Program {
//!     Gateway(Args),
//! }
//!
//! let Program::Gateway(args) = Program::parse();
//! let status = run(&args.settings(command_line()), std::io::stdout())?;
//! # Ok::<(), demo_gateway::Error>(())
//! ```
//!
//! # What the truth is good for
//!
//! [`Truth`] tells what the server did, by `CLOCK_MONOTONIC`, which is the same for all processes
//! of the machine. How the kernel's queues are seen from outside is not in it: connections that
//! wait in the queue of a listener while it is closed are reset (they began before the outage), and
//! with [`Mode::ReusePort`] that happens without any outage.
//!
//! # Not provided
//!
//! Keep-alive, bodies, TLS, and addresses other than 127.0.0.1. Linux only.

mod args;
mod connection;
mod control;
mod error;
mod generation;
mod grandchild;
mod host;
mod http;
mod in_place;
mod log;
mod memory;
mod plan;
mod recorder;
mod server;
mod settings;
mod signals;
mod socket;
mod supervisor;
mod trace;
mod truth;
mod worker;

use std::io::Write;

pub use args::Args;
pub use error::Error;
pub use host::command_line;
pub use settings::{Flaps, Flood, Mode, Reaction, RestartSignal, Role, Settings};
pub use truth::{Truth, TruthError, What, read_truth};

use log::Log;

/// Serves until a signal ends it, and says with which status the process is to exit.
///
/// What is logged goes to `out`. Other processes that this starts, see [`Mode`], log to the
/// standard output that they inherit. Signal handlers stay installed after it returns: it is meant
/// to be all that a process does.
pub fn run(settings: &Settings, out: impl Write + Send + 'static) -> Result<u8, Error> {
    settings.check()?;
    if settings.role == Role::Grandchild {
        return grandchild::run(out);
    }
    let log = Log::to(out);
    let result = match (settings.role, settings.mode) {
        (Role::Generation(number), _) => generation::run(settings, number, &log),
        (_, Mode::InPlace) => in_place::run(settings, &log),
        (_, Mode::ReusePort | Mode::PassSocket) => supervisor::run(settings, &log),
    };
    log.finish();
    result
}
