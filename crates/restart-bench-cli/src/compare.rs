//! `restart-bench compare`.

use std::{path::Path, process::ExitCode};

use anyhow::{Context as _, bail};
use cli_support::print;
use restart_bench::{Comparison, Metric, Verdict, compare, record::Record, report, summary};

use crate::{args::Compare, exit::Ending};

/// Any other would do; the same results are to give the same answer.
const SEED: u64 = 1;

pub(crate) fn run(args: &Compare) -> anyhow::Result<ExitCode> {
    let known = |name: &&String| Metric::ALL.iter().any(|metric| metric.name() == name.as_str());
    if let Some(name) = args.metrics.iter().find(|name| !known(name)) {
        let all = Metric::ALL.map(Metric::name).join(", ");
        bail!("there is no metric `{name}`; there are {all}");
    }
    let (base, new) = (read(&args.base)?, read(&args.new)?);
    let comparisons = compare(&summary(&base), &summary(&new), args.max_regression, SEED);
    if args.json {
        print(&(serde_json::to_string_pretty(&comparisons)? + "\n"))?;
    } else {
        print(&report::comparison_text(&base, &new, &comparisons))?;
    }
    let counts =
        |comparison: &&Comparison| args.metrics.iter().any(|name| name == comparison.metric.name());
    let endings = comparisons.iter().filter(counts).map(|comparison| match comparison.verdict {
        Verdict::Worse => Ending::Exceeded,
        Verdict::Better | Verdict::NoDifference => Ending::Fine,
        Verdict::TooFew => Ending::NotEnough,
    });
    // Without a number there is nothing to say.
    Ok(endings.max().unwrap_or(Ending::NotEnough).code())
}

/// Reads a result.
pub(crate) fn read(path: &Path) -> anyhow::Result<Record> {
    let text = fs_err::read(path)?;
    Record::parse(&text).with_context(|| {
        format!(
            "`{}` cannot be read; `restart-bench run --output` writes such files",
            path.display()
        )
    })
}
