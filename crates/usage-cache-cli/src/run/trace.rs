//! The commands about Codex's trace database.

use std::{ops::ControlFlow, path::Path, process::ExitCode};

use anyhow::Context as _;
use cli_support::{
    Interrupt, print,
    text::{self, count, counted, plain},
};
use common_fs::{Access, Host};
use usage_cache::{
    CacheProblem, Progress, Sqlite,
    trace::{self, Imported, LastScan, OnScan, ScanRequest, TraceStatus, Updated},
};

use super::{locations, message};
use crate::{
    args::{TraceCommand, TraceImportArgs, TraceStatusArgs},
    json,
    progress::Bar,
};

/// What the status is shown for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Status,
    Import,
}

/// CodexBar's file has some kilobytes.
const IMPORT_BYTES_MAX: usize = 64 * 1024 * 1024;

pub(super) fn run(interrupt: &Interrupt, command: &TraceCommand) -> anyhow::Result<ExitCode> {
    match command {
        TraceCommand::Status(args) => status(interrupt, *args),
        TraceCommand::Import(args) => import(interrupt, args),
    }
}

fn status(interrupt: &Interrupt, args: TraceStatusArgs) -> anyhow::Result<ExitCode> {
    let (host, locations) = (Host::real(), locations()?);
    if args.force_rescan {
        let request = ScanRequest { force: true, ..ScanRequest::ALL };
        let update =
            |on_scan: OnScan<'_>| trace::update(host, &locations, &Sqlite, request, on_scan);
        return show(interrupt, update, args.json, Shown::Status);
    }
    let Updated { status, problems, .. } = trace::load(host, &locations);
    let status = status.context("no trace database is looked for")?;
    let problems: Vec<CacheProblem> = problems.into_iter().map(CacheProblem::Turns).collect();
    print_status(&status, &problems, args.json)?;
    Ok(ExitCode::SUCCESS)
}

fn import(interrupt: &Interrupt, args: &TraceImportArgs) -> anyhow::Result<ExitCode> {
    let (host, locations) = (Host::real(), locations()?);
    let imported = read_import(&args.file)
        .with_context(|| format!("cannot import `{}`", args.file.display()))?;
    let update =
        |on_scan: OnScan<'_>| trace::update_imported(host, &locations, &Sqlite, imported, on_scan);
    show(interrupt, update, args.json, Shown::Import)
}

fn read_import(path: &Path) -> anyhow::Result<Vec<Imported>> {
    let (dir, name) = common_fs::follow_links(Host::real().fs, path)?;
    let file = dir.open(&name, Access::Read)?;
    let content = common_fs::read_whole(file.as_ref(), IMPORT_BYTES_MAX)?;
    Ok(trace::import(&content.context("it is too long")?)?)
}

/// Scans, and shows what came of it.
fn show(
    interrupt: &Interrupt,
    update: impl FnOnce(OnScan<'_>) -> Updated,
    json: bool,
    shown: Shown,
) -> anyhow::Result<ExitCode> {
    let mut bar = Bar::new();
    let Updated { status, problems, .. } = update(&mut |scan| {
        bar.show(Progress::of_trace(scan));
        match interrupt.exit_code() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    });
    bar.clear();
    if let Some(code) = interrupt.exit_code() {
        message("interrupted; what was read so far is kept");
        return Ok(code);
    }
    let problems: Vec<CacheProblem> = problems.into_iter().map(CacheProblem::Turns).collect();
    let status = status.context("no trace database is looked for")?;
    if shown == Shown::Import && !status.adopted && !json {
        message("nothing was imported: it is about another database, or nothing new");
    }
    print_status(&status, &problems, json)?;
    Ok(if status.problem.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print_status(status: &TraceStatus, problems: &[CacheProblem], json: bool) -> anyhow::Result<()> {
    print(&if json {
        json::to_text(&json::trace(status, problems))?
    } else {
        for_people(status, problems)
    })
}

fn for_people(status: &TraceStatus, problems: &[CacheProblem]) -> String {
    let bytes = |bytes: Option<u64>, none: &str| {
        bytes.map_or_else(|| none.to_owned(), |bytes| indicatif::HumanBytes(bytes).to_string())
    };
    let state = match &status.problem {
        Some(problem) => problem.kind.in_words(),
        None if status.looked_at => "read just now",
        None if status.size_bytes.is_none() => "there is no such file",
        None => "not looked at (reports do)",
    };
    let read = match (status.cursor, status.since) {
        (0, _) => "nothing yet".to_owned(),
        (cursor, since) if 0 < since => {
            format!("rows since second {since} of the Unix epoch, up to row {cursor}")
        }
        (cursor, _) => format!("all rows, up to row {cursor}"),
    };
    // Where the last report has stopped is saved with what is new, or every so many rows.
    let is_old = !status.looked_at && status.cursor != 0;
    let further = if is_old { ", or further" } else { "" };
    let mut text = format!(
        "Database     {} ({})\nState        {state}\nRead         {read}{further}\nFound        {}, {} kept\nKnown        {} in all, also of rows that are gone\nKept in      {} ({})\n",
        plain(&status.path.display().to_string()),
        bytes(status.size_bytes, "not there"),
        counted(status.turns as u64, "priority turn"),
        counted(status.completions as u64, "answer"),
        counted(status.known_turns as u64, "turn"),
        plain(&status.file.display().to_string()),
        bytes(status.file_bytes, "not there yet"),
    );
    text += &format!("Last scan    {}\n", last_scan(status.last_scan));
    if status.adopted {
        text += "Imported     what CodexBar knew\n";
    }
    for problem in problems {
        text += &format!("Warning: {}\n", text::in_full(problem));
    }
    text
}

fn last_scan(scan: Option<LastScan>) -> String {
    let Some(LastScan { at, elapsed, work }) = scan else { return "none".to_owned() };
    let why = work.restarted.map(|restart| format!(", from the first row ({})", restart.word()));
    format!(
        "{}: {} rows, {} in {:.1} ms{}",
        text::iso(at),
        count(work.rows),
        indicatif::HumanBytes(work.bytes),
        elapsed.as_secs_f64() * 1_000.0,
        why.unwrap_or_default()
    )
}
