use std::path::PathBuf;

use clap::Args as ClapArgs;
use usage_cache::{Day, Zone};

/// One file that needs nothing else: no network, no fonts, no scripts. It shows what was spent
/// today, this month and in all, each day by model, the hours of the week, the top projects and
/// sessions, how much of the prompts came from the prompt cache, and what is not known.
#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct PageArgs {
    /// Where to write the page; a page that is there already is replaced as a whole, `-` is
    /// standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) html: PathBuf,
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
    /// Of made-up transcripts in a temporary directory
    #[arg(long, conflicts_with = "no_refresh")]
    pub(crate) demo: bool,
}
