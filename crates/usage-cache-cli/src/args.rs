mod page;

use std::{path::PathBuf, time::Duration};

use clap::{Args as ClapArgs, Parser, Subcommand};
use usage_cache::{Day, Weekday, Zone};

use crate::view::Order;

pub(crate) use page::PageArgs;

/// What your local AI agents cost: tokens and dollars by day and model.
///
/// Reads the transcripts that Claude Code, Codex and OpenClaw keep on this machine. Costs that
/// the runtime recorded are taken as they are; others are estimated from list prices. An answer
/// that is recorded several times, because its session was resumed or forked, counts once. What
/// cannot be known is listed, never counted as zero.
///
/// The first run reads everything, later ones only what is new.
#[derive(Debug, Parser)]
#[command(name = "usage-cache", version, verbatim_doc_comment, after_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

const AFTER_HELP: &str = "\
Examples:
  usage-cache                                  today, this month, on what; one screen
  usage-cache daily --since 2026-09-01         every day since the first of September
  usage-cache monthly --breakdown              what each model cost in each month
  usage-cache session --limit 10               the last ten sessions
  usage-cache project --source claude          what each project cost in Claude Code
  usage-cache blocks --active                  this five-hour window, and what it comes to
  usage-cache report --html usage.html         a page with charts, for a browser
  usage-cache daily --json | jq .totals        for programs
  usage-cache statusline                       one line, at once, for a prompt or a status bar
  usage-cache ledger export old.jsonl          what is known here, for another machine
  usage-cache ledger import old.jsonl          there: counts with what is known there, once
  usage-cache demo                             on made-up data

Environment:
  CLAUDE_CONFIG_DIR   where Claude Code keeps its files, if not in ~/.config/claude and
                      ~/.claude; several are separated by commas
  CODEX_HOME          where Codex keeps its files, if not in ~/.codex
  CODEX_SQLITE_HOME   where Codex keeps its databases, if not there
  OPENCLAW_STATE_DIR  where OpenClaw keeps its state, if not in ~/.openclaw
  UPKEEP_STATE_DIR    where the cache is kept, if not in upkeep in XDG_STATE_HOME or
                      ~/.local/state; `usage-cache status` says where that is
  UPKEEP_CONFIG_DIR   where your prices.json is, if not in upkeep in XDG_CONFIG_HOME or
                      ~/.config
  TZ                  the time zone in which days begin, unless --timezone is given

Exit status: 0 success, 1 failure, 2 wrong usage, 130 interrupted.

Without its cache, the program reads everything again; what only the cache still knows are
the transcripts that no longer exist.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Tokens and costs of every day
    Daily(ReportArgs),
    /// The same by week
    Weekly(WeeklyArgs),
    /// The same by month
    Monthly(ReportArgs),
    /// By session, the last one last
    #[command(visible_alias = "sessions")]
    Session(ReportArgs),
    /// By project: the directory that the runtime was started in
    #[command(visible_alias = "projects")]
    Project(ReportArgs),
    /// By agent of OpenClaw; another runtime is one agent
    #[command(visible_alias = "agents")]
    Agent(ReportArgs),
    /// By runtime: Claude Code, Codex, OpenClaw
    #[command(visible_alias = "sources")]
    Source(ReportArgs),
    /// By model
    #[command(visible_alias = "models")]
    Model(ReportArgs),
    /// By windows of five hours, in which subscriptions are limited
    ///
    /// A window begins with the full hour, in UTC, of the first answer after the last one was
    /// over; each runtime has windows of its own. For one that is not over yet, how fast it is
    /// used, and what it comes to at this rate.
    Blocks(BlocksArgs),
    /// All of it on one page for a browser, with charts
    Report(PageArgs),
    /// Read what is new in the transcripts, and say what that took
    Refresh(RefreshArgs),
    /// One line for a prompt or an agent's status bar, at once
    ///
    /// It reads what reports have saved, which takes some milliseconds however many transcripts
    /// there are, waits for nothing, and always succeeds. A refresh is started in the background, so
    /// that the next line is up to date. `~` marks what may be out of date, `*` what costs more, as
    /// some of it has no known price.
    #[command(after_help = STATUSLINE_HELP)]
    Statusline(StatuslineArgs),
    /// How complete the cache is, without reading any transcript
    Status(StatusArgs),
    /// Take your history to another machine, and count it there once
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Codex's trace database, which tells the turns that had priority and cost more
    #[command(subcommand)]
    Trace(TraceCommand),
    /// A report on made-up transcripts in a temporary directory
    Demo(ReportArgs),
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// Write what is known of all transcripts, also of those that no longer exist
    ///
    /// The file holds what the cache holds: token counts, costs, names of models, hashes of ids of
    /// answers, and the paths of your transcripts and projects, never what you or a model said.
    Export(LedgerExportArgs),
    /// Add what another machine has exported to the cache of this one
    ///
    /// What is imported counts like a transcript that no longer exists: `--present-only` leaves it
    /// out. It counts once, however often it is imported, and also if the transcripts themselves
    /// are on this machine, in other directories, archived, or longer than they were.
    Import(LedgerImportArgs),
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct LedgerExportArgs {
    /// The file to write; it is replaced if it is there. Standard output if it is not given, or -
    pub(crate) file: Option<PathBuf>,
    /// Leave out transcripts that still exist
    #[arg(long)]
    pub(crate) gone_only: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct LedgerImportArgs {
    /// The file that `ledger export` has written; - for standard input
    pub(crate) file: PathBuf,
    /// Say what would be added, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    /// Read all transcripts anew, compare with what the cache says of them, and write nothing;
    /// the exit status is 1 if there is a difference
    #[arg(long)]
    pub(crate) verify: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum TraceCommand {
    /// The database, how far it was read, and what was found
    ///
    /// Codex calls a turn with priority `fast`. It costs two to two and a half times as much as
    /// another, and only the database `logs_2.sqlite` says which turns these were. Reports read
    /// what is new in it and keep what they have found, also when rows or the whole database are
    /// deleted.
    Status(TraceStatusArgs),
    /// Take over what CodexBar knows of the database, so that it need not be read again
    ///
    /// FILE is `codex-priority-turns-v1.json`, in `cost-usage` below CodexBar's cache directory.
    /// What it says is held against the database first.
    Import(TraceImportArgs),
}

#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct TraceStatusArgs {
    /// Forget how far the database was read, and read it from its first row
    #[arg(long)]
    pub(crate) force_rescan: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct TraceImportArgs {
    /// The file of CodexBar
    pub(crate) file: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// What a report is about, and where its answers come from.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct AskedArgs {
    /// The first day, as 2026-02-05 or 20260205
    #[arg(long, value_name = "DAY")]
    pub(crate) since: Option<Day>,
    /// The last day
    #[arg(long, value_name = "DAY")]
    pub(crate) until: Option<Day>,
    /// The time zone in which days begin: a name such as Europe/Berlin, UTC, or +02:00; if not
    /// given, that of this machine
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<Zone>,
    /// Only the transcripts of this runtime
    #[arg(long, value_name = "RUNTIME", value_parser = ["claude", "codex", "openclaw"])]
    pub(crate) source: Option<String>,
    /// Only models whose name contains this, such as opus
    #[arg(long, value_name = "TEXT")]
    pub(crate) model: Option<String>,
    /// Only projects whose path contains this
    #[arg(long, value_name = "TEXT")]
    pub(crate) project: Option<String>,
    /// Prices that come before all but those configured in OpenClaw: a list like your own
    /// prices.json, or that of LiteLLM or models.dev
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// Leave out transcripts that no longer exist
    #[arg(long)]
    pub(crate) present_only: bool,
    /// Answer from the cache alone, as it was last saved, and look for no transcripts
    #[arg(long)]
    pub(crate) no_refresh: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ReportArgs {
    /// Print one JSON document
    #[arg(long, conflicts_with = "csv")]
    pub(crate) json: bool,
    /// Print comma-separated values, a line for each row (or for each of its models, with
    /// --breakdown)
    #[arg(long)]
    pub(crate) csv: bool,
    #[command(flatten)]
    pub(crate) asked: AskedArgs,
    /// Show each model
    #[arg(long)]
    pub(crate) breakdown: bool,
    /// The earliest or the cheapest first (asc), or last (desc)
    ///
    /// If not given, what is in order of time has the latest last, and what is in order of cost
    /// the costliest first.
    #[arg(long, value_enum, value_name = "ORDER")]
    pub(crate) order: Option<Order>,
    /// Show so many rows: the latest, or the costliest where they are in order of cost
    #[arg(long, value_name = "ROWS")]
    pub(crate) limit: Option<usize>,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct WeeklyArgs {
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    /// The day that weeks begin with
    #[arg(long, value_enum, value_name = "DAY", default_value = "monday")]
    pub(crate) start_of_week: WeekStart,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct BlocksArgs {
    #[command(flatten)]
    pub(crate) report: ReportArgs,
    /// Only windows that are not over yet
    #[arg(long)]
    pub(crate) active: bool,
}

/// A day of the week, as it is said on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum WeekStart {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl From<WeekStart> for Weekday {
    fn from(start: WeekStart) -> Self {
        match start {
            WeekStart::Monday => Self::Monday,
            WeekStart::Tuesday => Self::Tuesday,
            WeekStart::Wednesday => Self::Wednesday,
            WeekStart::Thursday => Self::Thursday,
            WeekStart::Friday => Self::Friday,
            WeekStart::Saturday => Self::Saturday,
            WeekStart::Sunday => Self::Sunday,
        }
    }
}

#[derive(Clone, Copy, Debug, ClapArgs)]
pub(crate) struct RefreshArgs {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing, unless another one is at work already save what `statusline` shows
    #[arg(long, hide = true)]
    pub(crate) background: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct StatuslineArgs {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// The time zone in which days begin; if not given, that of this machine
    #[arg(long, value_name = "ZONE")]
    pub(crate) timezone: Option<Zone>,
    /// Only the transcripts of this runtime
    #[arg(long, value_name = "RUNTIME", value_parser = ["claude", "codex", "openclaw"])]
    pub(crate) source: Option<String>,
    /// Start a refresh at most this often
    #[arg(long, value_name = "SPAN", default_value = "5s", value_parser = humantime::parse_duration)]
    pub(crate) refresh_interval: Duration,
    /// Start none
    #[arg(long)]
    pub(crate) no_refresh: bool,
}

const STATUSLINE_HELP: &str = "\
Examples:
  usage-cache statusline                       in a prompt
  usage-cache statusline --source claude       only what Claude Code used

In ~/.claude/settings.json, for the status line of Claude Code, which says on standard input which
model answers and what the session cost:
  \"statusLine\": {\"type\": \"command\", \"command\": \"usage-cache statusline\"}";
