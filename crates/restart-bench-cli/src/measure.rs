//! `restart-bench run`.

use std::{io::IsTerminal as _, path::Path, process::ExitCode};

use anyhow::Context as _;
use cli_support::{Interrupt, message, print};
use restart_bench::{
    Checked, RunError, Step, Summary, Task, Threshold,
    record::{Failure, Record},
    report, summary,
};

use crate::{
    NAME,
    args::{Out, Run},
    exit::Ending,
    openclaw, target,
};

pub(crate) fn run(run: &Run) -> anyhow::Result<ExitCode> {
    if let Some((preset, entry)) = run.preset.zip(run.entry.as_deref()) {
        let case = openclaw::case(run.case.as_deref())?;
        return measure(&openclaw::task(preset, entry, case, &run.how)?, &run.out);
    }
    measure(&target::task(run)?, &run.out)
}

/// Measures, and tells of it in all ways that are asked for.
pub(crate) fn measure(task: &Task, out: &Out) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::listen()?;
    let mut on_step = |step: Step| match step {
        Step::Start => message(NAME, &format!("starting {}", task.name)),
        Step::Calibrate => message(NAME, "watching it while nothing happens"),
        Step::Restart { nth, of } => message(NAME, &format!("restart {nth} of {of}")),
        Step::Stop => message(NAME, "done"),
    };
    let is_interrupted = || interrupt.exit_code().is_some();
    let run = match restart_bench::run(task, &mut on_step, &is_interrupted) {
        Err(RunError::Interrupted) => {
            message(NAME, "interrupted; what was started has ended");
            return Ok(interrupt.exit_code().unwrap_or(ExitCode::FAILURE));
        }
        run => run?,
    };
    let summary = summary(&run.record);
    // Whoever has waited for it is to see it, even if a file cannot be written.
    tell(&run.record, &summary, out)?;
    write(&run.record, &summary, out)?;
    Ok(ending(&run.record, &summary, &run.tail, out).code())
}

fn tell(record: &Record, summary: &Summary, out: &Out) -> anyhow::Result<()> {
    if out.json {
        return print(&(serde_json::to_string_pretty(summary)? + "\n"));
    }
    print(&report::text(record, summary, width()))
}

/// How wide a table may be.
pub(crate) fn width() -> usize {
    let columns = cli_support::env("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
    let terminal = rustix::termios::tcgetwinsize(std::io::stdout());
    let of_terminal =
        terminal.ok().map(|size| usize::from(size.ws_col)).filter(|width| *width != 0);
    let width = columns.or(of_terminal.filter(|_| std::io::stdout().is_terminal()));
    width.unwrap_or(100).max(40)
}

fn write(record: &Record, summary: &Summary, out: &Out) -> anyhow::Result<()> {
    let to = |path: &Option<std::path::PathBuf>, text: &dyn Fn() -> anyhow::Result<String>| {
        path.as_deref().map_or(Ok(()), |path| save(path, &text()?))
    };
    to(&out.output, &|| Ok(serde_json::to_string(record)? + "\n"))?;
    to(&out.html, &|| Ok(report::html(record, summary)))?;
    to(&out.markdown, &|| Ok(report::markdown(record, summary)))?;
    to(&out.csv, &|| Ok(report::restarts_csv(record, summary)))
}

/// Replaces a file as a whole, or leaves it as it was.
fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    use common_fs::replace::{FileMode, Options, Symlinks, replace};
    let options = Options { mode: FileMode::Keep { fresh: 0o644 }, symlinks: Symlinks::Follow };
    let written = replace(common_fs::Host::real(), path, text.as_bytes(), options);
    written.with_context(|| format!("`{}` is not written", path.display()))?;
    message(NAME, &format!("wrote {}", path.display()));
    Ok(())
}

/// Says what is the matter, if anything is.
fn ending(record: &Record, summary: &Summary, tail: &[String], out: &Out) -> Ending {
    let exceeded = out.fail_if.iter().map(|threshold| check(threshold, summary)).max();
    let Some(failure) = summary.failure() else { return exceeded.unwrap_or(Ending::Fine) };
    let detail = record.restarts.iter().find_map(|restart| restart.detail.as_deref());
    if failure != Failure::ObserverUnfit && !tail.is_empty() {
        message(NAME, "the last that it wrote:");
        for line in tail {
            message(NAME, &format!("  {}", cli_support::text::plain(line)));
        }
    }
    let detail = detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
    message(NAME, &format!("{}{detail}: {}", failure.code(), failure.advice()));
    Ending::of(failure)
}

fn check(threshold: &Threshold, summary: &Summary) -> Ending {
    match threshold.check(summary) {
        Checked::Holds { .. } => Ending::Fine,
        Checked::Fails { value } => {
            message(NAME, &format!("exceeded: {threshold} (measured {value:.1})"));
            Ending::Exceeded
        }
        Checked::NoValue => {
            message(NAME, &format!("nothing was measured that {threshold} is about"));
            Ending::NotEnough
        }
    }
}
