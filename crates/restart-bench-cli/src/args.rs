//! The command line.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use clap::{ArgGroup, Parser, Subcommand, ValueEnum};
use regex::Regex;
use restart_bench::{Threshold, preset::Preset};

/// What a restart of a server really costs its clients
///
/// Restarts a server again and again while it probes it on a fixed schedule, each time on a new
/// connection, and says for how long it was of no use: all outages, with bounds, and only if there is
/// evidence that it was restarted at all.
#[derive(Debug, Parser)]
#[command(
    name = "restart-bench",
    version,
    after_help = "Exit status: 0 fine, 1 wrong usage or an error here, 2 the server did not restart as it should,\n3 a threshold is exceeded or it became worse, 4 not enough evidence; 130 interrupted.\n\nTo see it work: restart-bench demo"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) order: Order,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Order {
    /// Measure restarts of a server
    Run(Box<Run>),
    /// Say whether a result is worse than another one
    Compare(Compare),
    /// Make a report of a result
    Report(Report),
    /// Measure restarts of a small server that comes with this program
    Demo(Demo),
    /// What ends a server that was started, whatever happens
    #[command(hide = true)]
    Guard {
        /// As `restart_bench::GuardOrders` writes them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        orders: Vec<OsString>,
    },
    /// The server of the demo
    #[command(hide = true)]
    DemoGateway(demo_gateway::Args),
}

/// Measure restarts of a server
#[derive(Debug, clap::Args)]
#[command(args_override_self = true, after_help = EXAMPLES, group = ArgGroup::new("server").required(true).args(["command", "pid", "pid_file", "systemd_unit", "preset"]))]
#[command(group = ArgGroup::new("trigger").args(["signal", "restart_command"]))]
pub(crate) struct Run {
    /// Start this server, and end it with all that it has started
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,
    /// Measure a server that runs already
    #[arg(long)]
    pub(crate) pid: Option<u32>,
    /// The same, with its number in a file
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,
    /// Measure a unit of systemd, restarted by `systemctl restart` unless otherwise said
    #[arg(long, value_name = "UNIT")]
    pub(crate) systemd_unit: Option<String>,
    /// Start a gateway of OpenClaw, and restart it in its own way: openclaw-json (up to 2026.6.8),
    /// openclaw-sigusr2 (from 2026.9.6 on), or openclaw-auto, by the version beside it
    #[arg(long, value_name = "PRESET", requires = "entry", conflicts_with_all = ["trigger", "ready_url", "health_url"])]
    pub(crate) preset: Option<Preset>,
    /// The script of that gateway, such as dist/entry.js
    #[arg(long, value_name = "FILE", requires = "preset")]
    pub(crate) entry: Option<PathBuf>,
    /// Which of its cases: skipChannels, skipChannelsAcpxProbe, skipChannelsNoAcpxProbe, default, fiftyPlugins
    #[arg(long, value_name = "CASE", requires = "preset")]
    pub(crate) case: Option<String>,
    /// Restart it by a signal to its main process: HUP, USR1, USR2, TERM, INT or WINCH [default: HUP]
    #[arg(long)]
    pub(crate) signal: Option<String>,
    /// Restart it by a command
    #[arg(long, value_name = "COMMAND")]
    pub(crate) restart_command: Option<String>,
    /// Where it says whether it is ready
    #[arg(long, value_name = "URL", required_unless_present_any = ["health_url", "preset"])]
    pub(crate) ready_url: Option<String>,
    /// Where it says whether it lives
    #[arg(long, value_name = "URL")]
    pub(crate) health_url: Option<String>,
    /// The status of an answer that is well
    #[arg(long, value_name = "STATUS", default_value_t = 200)]
    pub(crate) expect_status: u16,
    /// The number in a JSON answer that says for how many milliseconds it is up
    #[arg(long, value_name = "KEY", default_value = "uptimeMs")]
    pub(crate) uptime_key: String,
    /// A line of its output that says that it is ready
    #[arg(long, value_name = "REGEX")]
    pub(crate) ready_log: Option<Regex>,
    /// It gets only PATH, HOME, USER, LANG and the like, and this: NAME, or NAME=VALUE
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// What it is called in reports
    #[arg(long)]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) how: How,
    #[command(flatten)]
    pub(crate) out: Out,
}

const EXAMPLES: &str = "\
Examples:
  A server that is started for this, and restarted by SIGHUP:

    restart-bench run --command 'nginx -p . -c nginx.conf -g \"daemon off;\"' \\
      --ready-url http://127.0.0.1:8080/

  A unit of systemd, as a gate for CI:

    restart-bench run --systemd-unit myapp --ready-url http://127.0.0.1:8080/ready \\
      --restarts 20 --fail-if 'downtime.p95>1500ms' --output result.json

  A gateway of OpenClaw:

    restart-bench run --preset openclaw-auto --entry node_modules/openclaw/dist/entry.js

  The same with the options, the rules and the report of OpenClaw's own benchmark, to compare with its
  results; `run --compat seed --help` tells more:

    restart-bench run --compat seed --entry node_modules/openclaw/dist/entry.js --restarts 3";

/// How it is measured.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct How {
    /// How often to restart it
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) restarts: u32,
    /// How often to restart it before that, which does not count
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) warmup: u32,
    /// From one probe to the next
    #[arg(long, value_name = "SPAN", default_value = "10ms", value_parser = span)]
    pub(crate) every: Duration,
    /// How long a probe waits for its answer
    #[arg(long, value_name = "SPAN", default_value = "1s", value_parser = span)]
    pub(crate) timeout: Duration,
    /// For how long it has to be well before a restart is over
    #[arg(long, value_name = "SPAN", default_value = "500ms", value_parser = span)]
    pub(crate) stable_for: Duration,
    /// Take outages that are closer than this for one
    #[arg(long, value_name = "SPAN", default_value = "0ms", value_parser = humantime::parse_duration)]
    pub(crate) merge_gap: Duration,
    /// How many probes may be on their way at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) in_flight: u32,
    /// How long it may take to start
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = span)]
    pub(crate) start_timeout: Duration,
    /// How long it may take to restart
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = span)]
    pub(crate) restart_timeout: Duration,
    /// For how long to watch it before anything is restarted
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = humantime::parse_duration)]
    pub(crate) calibrate: Duration,
    /// For how long to watch it before and after each restart
    #[arg(long, value_name = "SPAN", default_value = "500ms", value_parser = span)]
    pub(crate) margin: Duration,
    /// How long it may take to end
    #[arg(long, value_name = "SPAN", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) grace: Duration,
}

/// Where results go.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Out {
    /// Write the result, with every probe, to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Write a page with timelines to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    /// Write a table for a pull request to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,
    /// Write a row for each restart to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Exit with 3 if this holds, like `downtime.p95>1500ms`; of several, any
    #[arg(long, value_name = "THRESHOLD")]
    pub(crate) fail_if: Vec<Threshold>,
}

/// Say whether a result is worse than another one
///
/// The medians of all metrics are compared, with an interval of 95 % and the probability that such a
/// difference is chance. Exits with 3 if one is worse, with 4 if there are too few restarts.
#[derive(Debug, clap::Args)]
pub(crate) struct Compare {
    /// The result to compare with
    pub(crate) base: PathBuf,
    /// The other result
    pub(crate) new: PathBuf,
    /// A difference up to this does not matter
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = percent)]
    pub(crate) max_regression: f64,
    /// Compare only these metrics for the exit status: downtime, longest, first-ok, stable, failed, wait, cpu
    #[arg(
        long,
        value_name = "METRIC",
        value_delimiter = ',',
        default_value = "downtime,longest,stable"
    )]
    pub(crate) metrics: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Make a report of a result
#[derive(Debug, clap::Args)]
pub(crate) struct Report {
    /// A result that `run --output` has written
    pub(crate) result: PathBuf,
    /// In which form
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub(crate) form: Form,
}

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// As `run` prints it
    Text,
    /// A page with timelines
    Html,
    /// For a pull request
    Markdown,
    /// A row for each restart
    Csv,
    /// A row for each probe
    ProbesCsv,
    /// The summary
    Json,
}

/// Measure restarts of a small server that comes with this program
#[derive(Debug, clap::Args)]
#[command(args_override_self = true)]
pub(crate) struct Demo {
    /// How it restarts
    #[arg(long, value_enum, default_value_t = Mode::InPlace)]
    pub(crate) mode: Mode,
    #[command(flatten)]
    pub(crate) how: How,
    #[command(flatten)]
    pub(crate) out: Out,
}

/// How the server of the demo restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// It drains, closes its listener, and opens it again
    InPlace,
    /// A new process listens on the same port before the old one ends
    Reuseport,
    /// A new process takes the listener over
    PassSocket,
}

/// A span of time that is not nothing.
fn span(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(span) if span.is_zero() => Err("it is nothing".to_owned()),
        Ok(span) => Ok(span),
        Err(error) => Err(format!("{error}; write it like `500ms` or `2s`")),
    }
}

/// `10%` as 0.1.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(number) if (0.0..=1_000.0).contains(&number) => Ok(number / 100.0),
        _ => Err("write it like `10%`".to_owned()),
    }
}
