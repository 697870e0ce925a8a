//! Brings the price list of `usage-cache` up to date with one of LiteLLM or models.dev.

mod merge;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use common_fs::{Clock as _, SystemClock};
use merge::{Merged, merge};
use usage_cache::{Day, PriceEntry, PriceList, Zone};

use crate::say;

/// The list that comes with `usage-cache`.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/usage-cache/data/prices.json");

/// Those whose models the runtimes use.
const PROVIDERS: [&str; 10] = [
    "anthropic",
    "deepseek",
    "google",
    "minimax",
    "mistral",
    "moonshot",
    "openai",
    "qwen",
    "xai",
    "zai",
];

/// What stands in the names of models that are not for agents, or that charge for other things
/// than tokens of text.
const NOT_FOR_AGENTS: [&str; 14] = [
    "audio",
    "computer-use",
    "container",
    "deep-research",
    "ft:",
    "gemma",
    "image",
    "learnlm",
    "lyria",
    "robotics",
    "search",
    "transcribe",
    "tts",
    "voxtral",
];

/// Names that `usage-cache` takes for other ones: it would never look them up.
const OTHER_NAMES: [&str; 1] = ["gpt-5.6"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The list to convert: `model_prices_and_context_window.json` of LiteLLM, which is in its
    /// Python package, or `api.json` of models.dev
    #[arg(long, value_name = "FILE", required_unless_present = "check")]
    from: Option<PathBuf>,
    /// When it was looked up; today if not given
    #[arg(long, value_name = "YYYY-MM-DD")]
    date: Option<Day>,
    /// What it is, for example `LiteLLM 1.0`; the name of the file if not given
    #[arg(long, value_name = "TEXT")]
    source: Option<String>,
    /// Change nothing; fail if the price list is not in order, or would change
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let text = fs_err::read_to_string(LIST)?;
    let list = PriceList::parse(&text).context(LIST)?;
    if args.check {
        in_order(&list, &text)?;
    }
    let Some(from) = &args.from else {
        return say(&format!("{} prices, each with its source and date", list.entries().len()));
    };
    let foreign = PriceList::parse(&fs_err::read_to_string(from)?);
    let foreign = foreign.with_context(|| format!("cannot read `{}`", from.display()))?;
    let source = args.source.clone().unwrap_or_else(|| file_name(from));
    let date = args.date.unwrap_or_else(|| Zone::utc().day(SystemClock.now())).to_string();
    let Merged { entries, report } = merge(list.entries(), wanted(&foreign), &source, &date);
    for line in report.iter().chain(&passed_over(&foreign)) {
        say(line)?;
    }
    let merged = PriceList::new(entries)?.to_string();
    if args.check {
        ensure!(merged == text, "the price list is not up to date with `{}`", from.display());
    } else if merged != text {
        fs_err::write(LIST, merged)?;
    }
    Ok(())
}

/// Checks what people who edit the list by hand get wrong.
fn in_order(list: &PriceList, text: &str) -> anyhow::Result<()> {
    for entry in list.entries() {
        if entry.source.is_none() || entry.date.is_none() {
            bail!("{} {} has no source or no date", entry.provider, entry.model);
        }
    }
    ensure!(list.to_string() == text, "the price list is not sorted, or not in its usual form");
    Ok(())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn wanted(foreign: &PriceList) -> Vec<PriceEntry> {
    let wanted = foreign.entries().iter().filter(|entry| is_wanted(&entry.provider, &entry.model));
    wanted.cloned().collect()
}

fn is_wanted(provider: &str, model: &str) -> bool {
    PROVIDERS.contains(&provider)
        && !OTHER_NAMES.contains(&model)
        && !NOT_FOR_AGENTS.iter().any(|part| model.contains(part))
}

fn passed_over(foreign: &PriceList) -> Vec<String> {
    let skipped = foreign.skipped().iter().filter(|(name, _)| {
        name.split_once(' ').is_some_and(|(provider, model)| is_wanted(provider, model))
    });
    let mut lines: Vec<_> =
        skipped.map(|(name, why)| format!("passed over  {name}: {why}")).collect();
    lines.sort();
    lines.dedup();
    lines
}
