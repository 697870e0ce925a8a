mod answers;
mod asked;
mod ledger;
mod page;
mod report;
mod status;
mod trace;

use std::{ops::ControlFlow, path::Path, process::ExitCode};

use anyhow::Context as _;
use cli_support::{Interrupt, env, print, text};
use common_fs::Host;
use usage_cache::{
    By, CacheProblem, Gone, Locations, Options, Prices, Query, Refreshed, Root, RootState, Sqlite,
    Status, Summary, UsageCache, Zone,
};

use crate::{
    NAME,
    args::{Args, Command, RefreshArgs, ReportArgs, StatusArgs},
    demo::Demo,
    json, notes,
    progress::Bar,
    statusline,
    view::Kind,
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let interrupt = Interrupt::listen().context("cannot listen for signals")?;
    let report = |args: &ReportArgs, kind| report::run(&interrupt, args, kind, &locations()?);
    match &args.command {
        None => report(&args.report, None),
        Some(Command::Daily(args)) => report(args, Some(Kind::Daily)),
        Some(Command::Weekly(args)) => {
            report(&args.report, Some(Kind::Weekly(args.start_of_week.into())))
        }
        Some(Command::Monthly(args)) => report(args, Some(Kind::Monthly)),
        Some(Command::Session(args)) => report(args, Some(Kind::Sessions)),
        Some(Command::Project(args)) => report(args, Some(Kind::By(By::Project))),
        Some(Command::Agent(args)) => report(args, Some(Kind::By(By::Agent))),
        Some(Command::Source(args)) => report(args, Some(Kind::By(By::Source))),
        Some(Command::Model(args)) => report(args, Some(Kind::By(By::Model))),
        Some(Command::Blocks(args)) => {
            report(&args.report, Some(Kind::Blocks { only_active: args.active }))
        }
        Some(Command::Report(args)) => page::run(&interrupt, args),
        Some(Command::Refresh(args)) => refresh(&interrupt, *args),
        Some(Command::Statusline(args)) => statusline::run(args),
        Some(Command::Status(args)) if args.verify => status::verify(&interrupt, args.json),
        Some(Command::Status(args)) => status(*args),
        Some(Command::Ledger(command)) => ledger::run(&interrupt, command),
        Some(Command::Trace(command)) => trace::run(&interrupt, command),
        Some(Command::Demo(args)) => {
            let demo = Demo::create()?;
            let path = demo.path().display();
            message(&format!("made-up transcripts in {path}, removed afterwards"));
            report::run(&interrupt, args, None, &demo.locations())
        }
    }
}

fn locations() -> anyhow::Result<Locations> {
    Locations::from_env(Host::real().fs, env).context("cannot tell where to look: set HOME")
}

fn options(locations: &Locations) -> Options {
    Options { databases: Some(&Sqlite), ..Options::new(locations.clone()) }
}

/// Refreshes the cache, with a progress bar; the exit code if that was interrupted.
fn refreshed(interrupt: &Interrupt, locations: &Locations) -> Result<Refreshed, ExitCode> {
    let mut bar = Bar::new();
    let options = options(locations);
    let refreshed = usage_cache::refresh(Host::real(), &options, &mut |progress| {
        bar.show(progress);
        match interrupt.exit_code() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    });
    bar.clear();
    for problem in &refreshed.problems {
        message(&format!("warning: {}", text::in_full(problem)));
    }
    let Some(code) = interrupt.exit_code() else { return Ok(refreshed) };
    let kept = if refreshed.problems.is_empty() { "; what was read so far is kept" } else { "" };
    message(&format!("interrupted{kept}"));
    Err(code)
}

/// The prices in use: those in OpenClaw's configuration, in `file`, in the user's own list, and
/// those that come with the program. What the user has asked for by name has to be there.
fn prices(locations: &Locations, file: Option<&Path>) -> anyhow::Result<Prices> {
    let fs = Host::real().fs;
    let (mut prices, errors) = usage_cache::configured_prices(fs, locations);
    for error in errors {
        message(&format!("warning: {}", text::in_full(&error)));
    }
    if let Some(path) = usage_cache::user_prices_path(env) {
        match usage_cache::user_prices(fs, &path) {
            Ok(list) => list.into_iter().for_each(|list| prices.add_list(list)),
            Err(error) => message(&format!("warning: {}", text::in_full(&error))),
        }
    }
    if let Some(file) = file {
        let file = std::path::absolute(file)?;
        let list = usage_cache::user_prices(fs, &file)?;
        let list = list.with_context(|| format!("there is no file `{}`", file.display()))?;
        prices.add_list(list);
    }
    Ok(prices.with_builtin())
}

fn has_nothing(status: &Status) -> bool {
    let Status { cached_files, pending_files, gone_files, imported_files, .. } = status;
    cached_files + pending_files + gone_files + imported_files + status.unverified_files == 0
}

fn nothing_found(status: &Status) -> String {
    let mut text = "No transcripts found. Looked in:\n".to_owned();
    for root in &status.roots {
        text += &format!("  {}\n", in_words(root));
    }
    text += &format!("\n{}\n", notes::ELSEWHERE);
    text += "To see a report on made-up data: usage-cache demo\n";
    text
}

fn in_words(root: &Root) -> String {
    let state = match root.state {
        RootState::Listed => "",
        RootState::Missing => " (no such directory)",
        RootState::Unreadable => " (cannot be read)",
    };
    text::plain(&root.path.display().to_string()) + state
}

fn refresh(interrupt: &Interrupt, args: RefreshArgs) -> anyhow::Result<ExitCode> {
    let locations = locations()?;
    if args.background {
        return background_refresh(interrupt, &locations);
    }
    let Refreshed { usage, work, problems, .. } = match refreshed(interrupt, &locations) {
        Ok(refreshed) => refreshed,
        Err(code) => return Ok(code),
    };
    let facts = usage.facts(Gone::Include, &prices(&locations, None)?);
    let summary = facts.summary(&Query::all(Zone::utc()));
    let status = usage.status();
    print(&if args.json {
        json::to_text(&json::refresh(&work, &summary, status, &problems))?
    } else if has_nothing(status) {
        nothing_found(status)
    } else {
        let mut text = format!(
            "Read {} ({}) in {:.2} s; wrote {} in {}.\n{} counted.\n",
            text::counted(work.scanned_files, "transcript"),
            indicatif::HumanBytes(work.scanned_bytes),
            work.elapsed.as_secs_f64(),
            indicatif::HumanBytes(work.written_bytes),
            text::counted(work.writes, "write"),
            text::counted(status.cached_files, "transcript"),
        );
        for note in notes::notes(&summary, status) {
            text += &format!("{note}\n");
        }
        text
    })?;
    if work.scanned_files == 0 {
        answers::remember(&locations, &usage, &facts);
    }
    Ok(ExitCode::SUCCESS)
}

/// What `statusline` starts: brings up to date what it shows.
fn background_refresh(interrupt: &Interrupt, locations: &Locations) -> anyhow::Result<ExitCode> {
    let Some(_turn) = statusline::take_turn(Host::real(), &locations.cache)? else {
        return Ok(ExitCode::SUCCESS);
    };
    let prices = prices(locations, None)?;
    let usage = match refreshed(interrupt, locations) {
        Ok(refreshed) => refreshed.usage,
        Err(code) => return Ok(code),
    };
    answers::remember(locations, &usage, &usage.facts(Gone::Include, &prices));
    Ok(ExitCode::SUCCESS)
}

fn status(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let locations = locations()?;
    let host = Host::real();
    let (usage, problems) = usage_cache::open(host, &options(&locations));
    let summary = usage.summary(&Query::all(Zone::utc()), &prices(&locations, None)?);
    let cache_bytes = cache_bytes(&locations);
    let path = locations.cache.display();
    print(&if args.json {
        json::to_text(&json::state(path.to_string(), cache_bytes, &summary, &usage, &problems))?
    } else {
        status_for_people(&locations, cache_bytes, &summary, &usage, &problems)
    })?;
    Ok(ExitCode::SUCCESS)
}

fn cache_bytes(locations: &Locations) -> Option<u64> {
    let (dir, name) = common_fs::open_parent(Host::real().fs, &locations.cache).ok()?;
    dir.stat(&name).ok().map(|stat| stat.size_bytes)
}

fn status_for_people(
    locations: &Locations,
    cache_bytes: Option<u64>,
    summary: &Summary,
    usage: &UsageCache,
    problems: &[CacheProblem],
) -> String {
    let status = usage.status();
    let path = locations.cache.display().to_string();
    let size = cache_bytes.map_or_else(
        || "not there yet".to_owned(),
        |bytes| indicatif::HumanBytes(bytes).to_string(),
    );
    let read = status.refreshed_at.map_or_else(
        || "never".to_owned(),
        |time| {
            let age = Host::real().clock.now().since(time);
            format!("{} ({} ago)", text::iso(time), text::span(age))
        },
    );
    let mut text = format!(
        "Status       {}\nCache        {} ({size})\nTranscripts  {} counted, {} pending, {} gone\nLast read    {read}\n",
        status.freshness.word(),
        text::plain(&path),
        text::count(status.cached_files),
        text::count(status.pending_files),
        text::count(status.gone_files),
    );
    text += &status::past(usage, summary);
    for root in &status.roots {
        text += &format!("Looked in    {}\n", in_words(root));
    }
    let databases = status.databases.iter().map(|database| &database.path);
    for path in databases.chain(
        status.trace.iter().filter(|trace| trace.size_bytes.is_some()).map(|trace| &trace.path),
    ) {
        text += &format!("Database     {}\n", text::plain(&path.display().to_string()));
    }
    let problems = problems.iter().map(|problem| format!("Warning: {}", text::in_full(problem)));
    for note in problems.chain(notes::notes(summary, status)) {
        text += &format!("{note}\n");
    }
    text
}

/// Messages go to standard error.
fn message(text: &str) {
    cli_support::message(NAME, text);
}
