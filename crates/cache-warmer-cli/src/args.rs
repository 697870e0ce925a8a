//! The command line.

use std::{path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use common_fs::Timestamp;

/// Keeps the prompt caches of providers warm while that pays, and says whether it would
///
/// What a provider has cached of a conversation is forgotten after some minutes, and the next
/// request pays twelve to twenty times as much for it. A small request in between, a ping, keeps
/// it, and costs money itself: more than it saves, if nobody comes back.
#[derive(Debug, Parser)]
#[command(name = "cache-warmer", version, after_help = AFTER_HELP)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) order: Order,
}

const AFTER_HELP: &str = "\
Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.

To begin with: cache-warmer simulate";

#[derive(Debug, Subcommand)]
pub(crate) enum Order {
    /// Say what warming would have cost and saved in your own conversations
    ///
    /// Reads the transcripts that Claude Code, Codex and OpenClaw keep on this machine, and replays
    /// the pauses in them under several policies, against a cache that forgets as that of the
    /// provider does. Nothing is sent anywhere. Prices are list prices; a model without a known
    /// price is named and counts nowhere.
    Simulate(Simulate),
    /// Pass requests on to the providers, and keep the prompts of their conversations warm
    #[cfg(feature = "proxy")]
    Proxy(Box<crate::proxy::Proxy>),
    /// Say what warming has cost and saved so far
    ///
    /// A saving counts when a real request has read, after its entry would have expired, what pings
    /// had kept. Reads the ledger and the settings; changes nothing.
    Status(Status),
}

/// Say what warming has cost and saved so far
#[derive(Clone, Copy, Debug, clap::Args)]
#[command(after_help = ABOUT_STATUS)]
pub(crate) struct Status {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Print metrics in the text format of Prometheus
    #[arg(long, conflicts_with = "json")]
    pub(crate) prometheus: bool,
}

const ABOUT_STATUS: &str = "\
Environment:
  UPKEEP_STATE_DIR   where the ledger is kept, if not in upkeep in XDG_STATE_HOME or
                     ~/.local/state; the files are in cache-warmer there

Exit status: 0 success, 1 failure, 2 wrong usage.";

/// Say what warming would have cost and saved in your own conversations
#[derive(Clone, Debug, clap::Args)]
#[command(after_help = ABOUT_SIMULATE)]
pub(crate) struct Simulate {
    /// Use made-up conversations instead
    #[arg(long, conflicts_with_all = ["source", "since"])]
    pub(crate) demo: bool,
    /// Only the transcripts of this runtime
    #[arg(long, value_name = "RUNTIME", value_parser = ["claude", "codex", "openclaw"])]
    pub(crate) source: Option<String>,
    /// Only requests from this day (UTC) or time on, such as 2026-09-01
    #[arg(long, value_name = "DAY", value_parser = time)]
    pub(crate) since: Option<Timestamp>,
    /// For how long entries are kept
    #[arg(long, value_enum, default_value_t = Ttl::Auto)]
    pub(crate) ttl: Ttl,
    /// After how long without a request a conversation counts as closed
    #[arg(long, value_name = "SPAN", default_value = "24h", value_parser = humantime::parse_duration)]
    pub(crate) closed_after: Duration,
    /// Show every conversation
    #[arg(long)]
    pub(crate) per_conversation: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a page for a browser to a file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// For how long entries are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ttl {
    /// As the transcripts tell; else, as is usual with the provider
    Auto,
    /// As if all had been written for five minutes
    #[value(name = "5m")]
    FiveMinutes,
    /// As if all had been written for an hour
    #[value(name = "1h")]
    OneHour,
}

const ABOUT_SIMULATE: &str = "\
Policies:
  none           nothing is done: what your conversations have cost
  every 240 s    a ping every 240 seconds for as long as the conversation is open
  ski-rental     pings until they have cost as much as they can save; the default of this program
  histogram      as many pings as would have cost least over earlier pauses; it learns day by day,
                 and knows nothing of the future
  1-hour tier    no pings, but everything written for an hour, which costs more at once
  hindsight      pings only where they pay, and no more than needed, by somebody who knows the
                 future: the most to be had with this schedule of pings

Examples:
  cache-warmer simulate                             all transcripts in the usual places
  cache-warmer simulate --demo                      made-up conversations
  cache-warmer simulate --source claude --since 2026-09-01
  cache-warmer simulate --ttl 5m                    what if entries were kept for five minutes
  cache-warmer simulate --html warm.html            with charts
  cache-warmer simulate --json | jq .policies       for programs

Environment:
  CLAUDE_CONFIG_DIR   where Claude Code keeps its files, if not in ~/.config/claude and
                      ~/.claude; several are separated by commas
  CODEX_HOME          where Codex keeps its files, if not in ~/.codex
  OPENCLAW_STATE_DIR  where OpenClaw keeps its state, if not in ~/.openclaw

Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.";

fn time(text: &str) -> Result<Timestamp, String> {
    usage_cache::parse_time(text).ok_or_else(|| "write it like `2026-09-01`".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Args::command().debug_assert();
    }
}
