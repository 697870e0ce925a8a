use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use session_reaper::{Layout, Pattern, Preset, RuleSettings, Settings};

/// Retention for the sessions of local AI agents: what would go and why, and archives that can be
/// undone.
///
/// Looks at the session stores and transcripts of OpenClaw, and at those of Claude Code and Codex.
/// Without a command it says what would go, and changes nothing. `sweep` archives it: the rows go
/// out of the store, the files get the names of archives. `restore` puts it back, to the byte.
/// Only what has been an archive for long enough is removed for good.
///
/// Runs of OpenClaw's cron jobs are kept for a day (or as `cron.sessionRetention` says), the last
/// three of each job always; transcripts that no row knows for a week; archives for thirty days.
/// Sessions of Claude Code and Codex stay, unless --session-ttl says otherwise.
#[derive(Debug, Parser)]
#[command(name = "session-reaper", version, verbatim_doc_comment, after_help = AFTER_HELP)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) plan: PlanArgs,
}

const AFTER_HELP: &str = "\
Examples:
  session-reaper                               what would go, and why; nothing changes
  session-reaper plan --all                    the same, and what stays
  session-reaper sweep                         archive it, after asking
  session-reaper sweep --yes --archive-folder  without asking, into a folder `archive`
  session-reaper list                          what can be restored, and until when
  session-reaper restore agent:main:cron:j:run:r
  session-reaper sweep --session-ttl 90d --zstd --source codex
  session-reaper demo                          on made-up sessions

Times are like 30m, 36h, 7d, 1h30m or never; sizes like 500mb or 2gb. A time of 0 means never,
unless --allow-zero is given.

Environment:
  OPENCLAW_STATE_DIR  where OpenClaw keeps its state, if not in ~/.openclaw
  CLAUDE_CONFIG_DIR   where Claude Code keeps its files, if not in ~/.config/claude and
                      ~/.claude; several are separated by commas
  CODEX_HOME          where Codex keeps its files, if not in ~/.codex
  UPKEEP_STATE_DIR    where is noted when a sweep was done and what it did, if not in upkeep
                      in XDG_STATE_HOME or ~/.local/state

Exit status: 0 success, 1 something could not be done, 2 wrong usage, 130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What would go, and why; changes nothing
    Plan(PlanArgs),
    /// Archive what would go, and remove what was archived long ago
    Sweep(SweepArgs),
    /// Put back what was archived
    Restore(RestoreArgs),
    /// What can be restored, and until when
    List(ListArgs),
    /// What no session knows: transcripts, locks and temporary files that were left behind
    Orphans(PlanArgs),
    /// How much there is in each directory, and what is the matter there
    Status(StatusArgs),
    /// Plan, sweep and restore made-up sessions in a temporary directory
    Demo(DemoArgs),
}

/// Where to look.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Where")]
pub(crate) struct WhereArgs {
    /// A state directory of OpenClaw, instead of all usual places
    #[arg(long, value_name = "DIR")]
    pub(crate) openclaw: Vec<PathBuf>,
    /// A configuration directory of Claude Code, instead of all usual places
    #[arg(long, value_name = "DIR")]
    pub(crate) claude: Vec<PathBuf>,
    /// A home directory of Codex, instead of all usual places
    #[arg(long, value_name = "DIR")]
    pub(crate) codex: Vec<PathBuf>,
    /// Only this runtime
    #[arg(long, value_name = "RUNTIME")]
    pub(crate) source: Option<Source>,
    /// Only agents, projects or days whose name looks like this, such as `main` or `*2026/09*`
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Source {
    Openclaw,
    Claude,
    Codex,
}

impl Source {
    pub(crate) fn layout(self) -> Layout {
        match self {
            Self::Openclaw => Layout::OpenClaw,
            Self::Claude => Layout::Claude,
            Self::Codex => Layout::Codex,
        }
    }
}

/// What is kept.
#[derive(Clone, Debug, Default, ClapArgs)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// What to begin with; `openclaw-2026.3` does what OpenClaw 2026.3 did
    #[arg(long, value_name = "PRESET")]
    pub(crate) preset: Option<PresetArg>,
    /// A file with settings, as JSON; options come before it
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// How long runs of cron jobs are kept after they ended [1d, or as OpenClaw is configured]
    #[arg(long, value_name = "TIME")]
    pub(crate) run_ttl: Option<String>,
    /// How many runs of each job, and sessions of each project of Claude Code, are kept however
    /// old [3]
    #[arg(long, value_name = "N")]
    pub(crate) keep_last: Option<u32>,
    /// How many failed runs of each job are kept however old [1]
    #[arg(long, value_name = "N")]
    pub(crate) keep_failed: Option<u32>,
    /// How long sessions of Claude Code and Codex are kept after their last change [never end]
    #[arg(long, value_name = "TIME")]
    pub(crate) session_ttl: Option<String>,
    /// How long the session that the runs of a deleted job went on from is kept [30d]
    #[arg(long, value_name = "TIME")]
    pub(crate) deleted_job_ttl: Option<String>,
    /// How long transcripts that no row knows are kept after their last change [7d]
    #[arg(long, value_name = "TIME")]
    pub(crate) orphan_min_age: Option<String>,
    /// How long archives can be restored [30d]
    #[arg(long, value_name = "TIME")]
    pub(crate) archive_ttl: Option<String>,
    /// How long transcripts are kept that OpenClaw put away when a session began anew [never end]
    #[arg(long, value_name = "TIME")]
    pub(crate) former_ttl: Option<String>,
    /// Of more archives than this in a directory, the oldest go
    #[arg(long, value_name = "SIZE")]
    pub(crate) archive_max: Option<String>,
    /// In a directory larger than this, the oldest archives go
    #[arg(long, value_name = "SIZE")]
    pub(crate) dir_max: Option<String>,
    /// Until it is as small as this [four fifths of --dir-max]
    #[arg(long, value_name = "SIZE")]
    pub(crate) dir_low_water: Option<String>,
    /// With less free space than this, the oldest archives go
    #[arg(long, value_name = "SIZE")]
    pub(crate) min_free: Option<String>,
    /// Archive or remove no more files of a directory than this at once
    #[arg(long, value_name = "N")]
    pub(crate) max_files: Option<u64>,
    /// Archive or remove no more bytes of a directory than this at once
    #[arg(long, value_name = "SIZE")]
    pub(crate) max_bytes: Option<String>,
    /// Begin nothing new in a directory after this time
    #[arg(long, value_name = "TIME")]
    pub(crate) max_time: Option<String>,
    /// Never touch keys, sessions or files that look like this
    #[arg(long, value_name = "PATTERN")]
    pub(crate) pin: Vec<String>,
    /// What holds for some rows, such as `job=nightly*,ttl=7d,keep-last=10`; the first of several
    /// that matches decides. `key=`, `job=`, `agent=` or `label=` say for which
    #[arg(long, value_name = "RULE", value_parser = rule)]
    pub(crate) rule: Vec<RuleSettings>,
    /// A time of 0 means 0, and lets everything go at once
    #[arg(long)]
    pub(crate) allow_zero: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PresetArg {
    Safe,
    #[value(name = "openclaw-2026.3")]
    OpenClaw2026_3,
}

/// Reads a rule as `--rule` has it.
fn rule(text: &str) -> Result<RuleSettings, String> {
    let mut rule = RuleSettings::default();
    for part in text.split(',') {
        let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` has no `=`"))?;
        let number = || value.parse().map_err(|_| format!("`{value}` is not a number"));
        let value = Some(value.to_owned());
        match name.trim() {
            "key" => rule.key = value,
            "job" => rule.job = value,
            "agent" => rule.agent = value,
            "label" => rule.label = value,
            "ttl" => rule.ttl = value,
            "keep-last" => rule.keep_last = Some(number()?),
            "keep-failed" => rule.keep_failed = Some(number()?),
            other => {
                return Err(format!(
                    "`{other}` is none of key, job, agent, label, ttl, keep-last, keep-failed"
                ));
            }
        }
    }
    Ok(rule)
}

impl PolicyArgs {
    /// What the options say.
    pub(crate) fn settings(&self) -> Settings {
        let args = self.clone();
        Settings {
            preset: args.preset.map(|preset| match preset {
                PresetArg::Safe => Preset::Safe,
                PresetArg::OpenClaw2026_3 => Preset::OpenClaw2026_3,
            }),
            run_ttl: args.run_ttl,
            deleted_job_ttl: args.deleted_job_ttl,
            session_ttl: args.session_ttl,
            orphan_min_age: args.orphan_min_age,
            leftover_min_age: None,
            archive_ttl: args.archive_ttl,
            former_ttl: args.former_ttl,
            keep_last: args.keep_last,
            keep_failed: args.keep_failed,
            archive_max: args.archive_max,
            dir_max: args.dir_max,
            dir_low_water: args.dir_low_water,
            min_free: args.min_free,
            max_files: args.max_files,
            max_bytes: args.max_bytes,
            max_time: args.max_time,
            pins: args.pin,
            rules: args.rule,
            allow_zero: args.allow_zero,
        }
    }
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub(crate) struct PlanArgs {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Show everything, also what stays
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

#[derive(Clone, Debug, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct SweepArgs {
    /// Do not ask
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Do nothing where there was a sweep less than five minutes ago, for timers
    #[arg(long)]
    pub(crate) if_due: bool,
    /// Compress archives with Zstandard
    #[arg(long)]
    pub(crate) zstd: bool,
    /// Keep archives in a folder `archive`, not beside what was archived
    #[arg(long)]
    pub(crate) archive_folder: bool,
    /// The clock is right, although nothing has changed for very long
    #[arg(long)]
    pub(crate) trust_clock: bool,
    /// For how long to wait for a store that somebody has locked
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) lock_wait: String,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

#[derive(Clone, Debug, ClapArgs)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct RestoreArgs {
    /// Keys of rows, sessions, or names of files, as they are now or were
    #[arg(value_name = "KEY|FILE", required_unless_present_any = ["all", "last"])]
    pub(crate) what: Vec<String>,
    /// Everything that sweeps have archived, in the newest state of which there is an archive
    #[arg(long, conflicts_with = "what")]
    pub(crate) all: bool,
    /// What the last sweep of each directory has archived
    #[arg(long, conflicts_with_all = ["what", "all"])]
    pub(crate) last: bool,
    /// Only say what would be restored
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct ListArgs {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct StatusArgs {
    /// Print one JSON document
    #[arg(long, conflicts_with = "prometheus")]
    pub(crate) json: bool,
    /// Print what was done so far, for Prometheus
    #[arg(long)]
    pub(crate) prometheus: bool,
    #[command(flatten)]
    pub(crate) place: WhereArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
}

#[derive(Clone, Debug, ClapArgs)]
pub(crate) struct DemoArgs {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
    /// Leave the made-up sessions where they are, to try other commands on them
    #[arg(long)]
    pub(crate) keep: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn rules() {
        let read = rule("job=nightly*,ttl=7d,keep-last=10").unwrap();
        assert_eq!(read.job.as_deref(), Some("nightly*"));
        assert_eq!((read.ttl.as_deref(), read.keep_last), (Some("7d"), Some(10)));
        for wrong in ["", "job", "jobs=x", "keep-last=many"] {
            assert!(rule(wrong).is_err(), "{wrong}");
        }
    }
}
