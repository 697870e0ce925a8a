//! Compares the programs of this workspace with the ones that people use for the same.
//!
//! Each is measured as people run it, on the same files, in the same environment and in turn. Both
//! are held against what the files really add up to.

mod append;
mod child;
mod corpus;
mod explain;
mod layout;
mod machine;
mod markdown;
mod peer;
mod report;
mod sample;
mod series;
mod tokens;
mod tool;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context as _, bail, ensure};
use clap::{Subcommand, ValueEnum};
use cli_support::Interrupt;

pub(crate) use child::{MeasureChild, measure as measure_child};

use self::{corpus::Origin, layout::Layout, report::Report, series::Series, tool::Tools};

/// Where `--write` puts the report.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    program: Program,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// `usage-cache` beside `ccusage`: what a report takes, and whether it is right
    ///
    /// Installs ccusage with npm into a temporary directory, makes up transcripts of Claude Code,
    /// Codex and OpenClaw there, and lets both programs report on them: without a cache, when
    /// nothing has changed, after one transcript in a hundred has grown, and after all have. The
    /// temporary directory is made below TMPDIR, or in /tmp; with --scale large it takes up to 7 GB.
    /// Everything takes about 25 minutes on two processors that have nothing else to do.
    Usage(UsageArgs),
}

#[derive(Debug, clap::Args)]
struct UsageArgs {
    /// How many transcripts: 400, 8,190 or 60,607 of each runtime; seed and large if none is named
    #[arg(long, value_enum, value_delimiter = ',')]
    scale: Vec<Scale>,
    /// Only transcripts of this runtime
    #[arg(long, value_enum, value_delimiter = ',')]
    layout: Vec<Layout>,
    /// Use a copy of this home directory, with transcripts and `.truth/RUNTIME.json`, instead of making
    /// up some
    #[arg(long, value_name = "DIR", conflicts_with_all = ["scale", "write"])]
    corpus: Option<PathBuf>,
    /// How often each program is measured in each state
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Which ccusage; its two packages have to exist in this version
    #[arg(long, value_name = "VERSION", default_value = peer::VERSION)]
    version: String,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
    /// Write docs/performance.md as well
    #[arg(long)]
    write: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Scale {
    /// To see whether everything works
    Small,
    /// As many as were reported to be slow
    Seed,
    /// As many as anybody is known to have
    Large,
}

impl Scale {
    fn sessions(self) -> u32 {
        match self {
            Self::Small => 400,
            Self::Seed => 8_190,
            Self::Large => 60_607,
        }
    }

    /// More than the transcripts of a runtime take.
    fn bytes_max(self) -> u64 {
        match self {
            Self::Small => 300_000_000,
            Self::Seed => 3_000_000_000,
            Self::Large => 6_000_000_000,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Seed => "seed",
            Self::Large => "large",
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let Program::Usage(args) = &args.program;
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let done = usage(args, &interrupt);
    if let Some(code) = interrupt.exit_code() {
        progress("interrupted; what was made is removed");
        return Ok(code);
    }
    done.map(|()| ExitCode::SUCCESS)
}

fn usage(args: &UsageArgs, interrupt: &Interrupt) -> anyhow::Result<()> {
    let origins = origins(args)?;
    let machine = machine::describe()?;
    let temp = tempfile::Builder::new().prefix("upkeep-peers-").tempdir();
    let temp =
        temp.context("cannot make a temporary directory; set TMPDIR to where there is room")?;
    let tools = Tools {
        peer: peer::install(temp.path(), &args.version, interrupt)?,
        ours: tool::build_ours(temp.path(), interrupt)?,
    };
    let mut report = Report::new(machine, &tools, args.runs);
    for (layout, origin) in origins {
        let series = Series { temp: temp.path(), tools: &tools, runs: args.runs, interrupt };
        report.add(series.of(layout, &origin)?);
    }
    if args.write {
        fs_err::write(PAGE, markdown::page(&report))?;
        progress("wrote docs/performance.md");
    }
    crate::say(&if args.json {
        serde_json::to_string_pretty(&report)?
    } else {
        markdown::page(&report)
    })?;
    ensure!(
        report.ours_is_exact(),
        "usage-cache does not count what is there; see the differences above"
    );
    Ok(())
}

/// What is measured on which transcripts, in this order.
fn origins(args: &UsageArgs) -> anyhow::Result<Vec<(Layout, Origin)>> {
    let is_wanted = |layout: &Layout| args.layout.is_empty() || args.layout.contains(layout);
    let layouts = Layout::ALL.into_iter().filter(is_wanted);
    if let Some(home) = &args.corpus {
        let home = fs_err::canonicalize(home)?;
        let layouts = layouts.filter(|layout| fs_err::metadata(layout.truth_path(&home)).is_ok());
        let origins: Vec<_> =
            layouts.map(|layout| (layout, Origin::Existing(home.clone()))).collect();
        if origins.is_empty() {
            bail!("there is no `.truth/RUNTIME.json` below `{}`", home.display());
        }
        return Ok(origins);
    }
    let usual = vec![Scale::Seed, Scale::Large];
    let scales = if args.scale.is_empty() { &usual } else { &args.scale };
    let layouts: Vec<_> = layouts.collect();
    let of_scale = |scale: &Scale| {
        let origin = Origin::MadeUp(*scale);
        layouts.iter().map(move |layout| (*layout, origin.clone())).collect::<Vec<_>>()
    };
    Ok(scales.iter().flat_map(of_scale).collect())
}

/// Says how far it is; results go to standard output, and only they.
fn progress(text: &str) {
    cli_support::message("xtask", text);
}

/// Ends what takes long, if somebody has asked for it.
fn check(interrupt: &Interrupt) -> anyhow::Result<()> {
    ensure!(interrupt.exit_code().is_none(), "interrupted");
    Ok(())
}
