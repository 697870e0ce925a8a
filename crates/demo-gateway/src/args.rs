//! The settings as arguments.

use std::{ffi::OsString, num::NonZeroU32, path::PathBuf, time::Duration};

use clap::ValueEnum;

use crate::settings::{Flaps, Flood, Mode, Reaction, RestartSignal, Role, Settings};

/// Longer texts of durations are refused: some of them make `humantime` 2.4 panic.
const DURATION_LENGTH_MAX: usize = 24;

/// The settings as arguments, for a program or for a command of one.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The port of 127.0.0.1 to listen on; 0 for any that is free, which the log names
    #[arg(long, value_name = "N", default_value_t = 0, overrides_with = "port")]
    port: u16,
    /// Write the port to this file, once it is known
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Append a line of JSON for each time that it was away to this file
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// How it restarts
    #[arg(long, value_enum, default_value = "in-place")]
    mode: ModeName,
    /// The signal that restarts it
    #[arg(long, value_enum, value_name = "SIGNAL", default_value = "HUP")]
    restart_signal: SignalName,

    #[command(flatten, next_help_heading = "What a restart takes")]
    restart: Restart,
    #[command(flatten, next_help_heading = "Misbehaviour")]
    faults: Faults,

    /// How a supervisor tells a process which generation it is
    #[arg(long, hide = true, value_name = "N", conflicts_with = "as_grandchild")]
    generation: Option<u32>,
    /// The process that `--grandchild` starts
    #[arg(long, hide = true)]
    as_grandchild: bool,
}

#[derive(Clone, Debug, clap::Args)]
struct Restart {
    /// How long /readyz says 503 first
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    drain: Duration,
    /// How long nobody listens then; not with pass-socket
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    close: Duration,
    /// How long connections wait then, as nobody accepts them
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    block: Duration,
}

#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an argument without a value")]
struct Faults {
    /// How many more outages follow once it was ready; in place only
    #[arg(long, value_name = "N", default_value_t = 0)]
    flap: u32,
    /// How long nobody listens in each of them
    #[arg(long, value_name = "TIME", default_value = "50ms", value_parser = duration)]
    flap_close: Duration,
    /// How long it serves before each of them
    #[arg(long, value_name = "TIME", default_value = "200ms", value_parser = duration)]
    flap_gap: Duration,
    /// How long the first start takes until it listens
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    late_start: Duration,
    /// Each so many restarts one never gets ready: in place, /readyz says 503 until the next;
    /// otherwise the new process never listens
    #[arg(long, value_name = "N")]
    fail_every: Option<NonZeroU32>,
    /// How much memory each restart leaves behind, such as 1MiB
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = size)]
    leak: u64,
    /// How much it prints about nothing after the first start, such as 1MiB
    #[arg(long, value_name = "SIZE", default_value = "0", value_parser = size)]
    flood: u64,
    /// All of that in one line, which does not end
    #[arg(long, requires = "flood")]
    flood_line: bool,
    /// SIGTERM does nothing; SIGINT still ends it
    #[arg(long)]
    ignore_term: bool,
    /// Start a process in a session of its own that ignores SIGTERM; it lives for ten minutes
    #[arg(long)]
    grandchild: bool,
    /// The signal does not restart it; it stalls for the time of `--block`; in place only
    #[arg(long, conflicts_with = "exit_on_restart")]
    no_restart: bool,
    /// The signal makes it exit with this status
    #[arg(long, value_name = "STATUS")]
    exit_on_restart: Option<u8>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ModeName {
    /// The same process closes its listener and listens again
    InPlace,
    /// A new process listens on the same port, then the old one closes its listener; the process
    /// that was started supervises them and keeps its pid
    #[value(name = "reuseport")]
    ReusePort,
    /// A new process gets the listener itself, so that nothing is refused or reset; supervised
    /// in the same way
    PassSocket,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "UPPER")]
enum SignalName {
    Hup,
    Usr1,
    Usr2,
}

impl Args {
    /// The settings; `again` is [`Settings::again`], of which the program gives
    /// [`command_line`](crate::command_line).
    pub fn settings(self, again: Vec<OsString>) -> Settings {
        let Self { restart, faults, .. } = self;
        Settings {
            role: match (self.generation, self.as_grandchild) {
                (_, true) => Role::Grandchild,
                (Some(number), false) => Role::Generation(number),
                (None, false) => Role::Gateway,
            },
            again,
            port: self.port,
            port_file: self.port_file,
            truth: self.truth,
            mode: match self.mode {
                ModeName::InPlace => Mode::InPlace,
                ModeName::ReusePort => Mode::ReusePort,
                ModeName::PassSocket => Mode::PassSocket,
            },
            restart_signal: match self.restart_signal {
                SignalName::Hup => RestartSignal::Hup,
                SignalName::Usr1 => RestartSignal::Usr1,
                SignalName::Usr2 => RestartSignal::Usr2,
            },
            reaction: match (faults.exit_on_restart, faults.no_restart) {
                (Some(status), _) => Reaction::Exit(status),
                (None, true) => Reaction::Stall,
                (None, false) => Reaction::Restart,
            },
            drain: restart.drain,
            close: restart.close,
            block: restart.block,
            flaps: Flaps { count: faults.flap, close: faults.flap_close, gap: faults.flap_gap },
            late_start: faults.late_start,
            fail_every: faults.fail_every,
            // More than fits is refused where it is allocated.
            leak_bytes: usize::try_from(faults.leak).unwrap_or(usize::MAX),
            flood: Flood { bytes: faults.flood, is_one_line: faults.flood_line },
            ignore_term: faults.ignore_term,
            grandchild: faults.grandchild,
        }
    }
}

/// `40ms`, `1s 500ms`.
fn duration(text: &str) -> Result<Duration, String> {
    if DURATION_LENGTH_MAX < text.len() {
        return Err("too long for a duration".to_owned());
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// `1000`, `64KiB`, `10MB`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|char: char| char.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim_start() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("the unit is one of B, kB, MB, GB, KiB, MiB, GiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "not a size such as 10MB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "too large".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        args: Args,
    }

    fn settings(line: &str) -> Result<Settings, clap::Error> {
        let arguments = ["demo-gateway"].into_iter().chain(line.split_whitespace());
        let program = Program::try_parse_from(arguments.map(OsString::from))?;
        Ok(program.args.settings(Vec::new()))
    }

    #[test]
    fn without_arguments_all_is_as_usual() {
        let flaps =
            Flaps { count: 0, close: Duration::from_millis(50), gap: Duration::from_millis(200) };
        assert_eq!(settings("").unwrap(), Settings { flaps, ..Settings::USUAL });
    }

    #[test]
    fn arguments_become_settings() {
        let flaps =
            Flaps { count: 2, close: Duration::from_millis(30), gap: Duration::from_secs(1) };
        let usual = settings("").unwrap();
        let table = [
            ("--port 80 --port 81", Settings { port: 81, ..usual.clone() }),
            ("--mode reuseport", Settings { mode: Mode::ReusePort, ..usual.clone() }),
            ("--mode pass-socket", Settings { mode: Mode::PassSocket, ..usual.clone() }),
            (
                "--restart-signal USR2",
                Settings { restart_signal: RestartSignal::Usr2, ..usual.clone() },
            ),
            ("--close 40ms", Settings { close: Duration::from_millis(40), ..usual.clone() }),
            ("--flap 2 --flap-close 30ms --flap-gap 1s", Settings { flaps, ..usual.clone() }),
            ("--no-restart", Settings { reaction: Reaction::Stall, ..usual.clone() }),
            ("--exit-on-restart 3", Settings { reaction: Reaction::Exit(3), ..usual.clone() }),
            ("--leak 2MiB", Settings { leak_bytes: 2 << 20, ..usual.clone() }),
            (
                "--flood 1kB --flood-line",
                Settings { flood: Flood { bytes: 1_000, is_one_line: true }, ..usual.clone() },
            ),
            ("--generation 4", Settings { role: Role::Generation(4), ..usual.clone() }),
            ("--as-grandchild", Settings { role: Role::Grandchild, ..usual }),
        ];
        for (line, expected) in table {
            assert_eq!(settings(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn wrong_arguments_are_refused() {
        for line in [
            "--port 65536",
            "--mode other",
            "--restart-signal TERM",
            "--close 40",
            "--close 18446744073709551615s999999999ns1ns",
            "--fail-every 0",
            "--flood-line",
            "--no-restart --exit-on-restart 1",
            "--leak 1.5MB",
        ] {
            assert!(settings(line).is_err(), "{line}");
        }
    }

    #[test]
    fn sizes_have_units() {
        let table = [
            ("0", Some(0)),
            ("17", Some(17)),
            ("64KiB", Some(65_536)),
            ("10 MB", Some(10_000_000)),
            ("", None),
            ("MB", None),
            ("1mb", None),
            ("-1", None),
            ("18446744073709551615kB", None),
        ];
        for (text, expected) in table {
            assert_eq!(size(text).ok(), expected, "{text}");
        }
    }
}
