mod restore;
mod status;
mod sweep;

use std::process::ExitCode;

use anyhow::Context as _;
use cli_support::{Interrupt, USAGE, print, text};
use common_fs::Host;
use session_reaper::{Place, SettingsError};

use crate::{
    NAME,
    args::{Args, Command, PlanArgs},
    demo,
    found::{Found, Planned},
    json,
    report::{self, View},
};

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    // Those who only look end at once, as programs do.
    let listen = || Interrupt::listen().context("cannot listen for signals");
    let done = match &args.command {
        None => plan(&args.plan),
        Some(Command::Plan(args)) => plan(args),
        Some(Command::Sweep(args)) => sweep::run(&listen()?, args),
        Some(Command::Restore(args)) => restore::run(args),
        Some(Command::List(args)) => restore::list(args),
        Some(Command::Orphans(args)) => orphans(args),
        Some(Command::Status(args)) => status::run(args),
        Some(Command::Demo(args)) => demo::run(&listen()?, args),
    };
    match done {
        // A policy that is none is wrong usage, whether it comes from options or from a file.
        Err(error) if error.is::<SettingsError>() => {
            message(&text::in_full(error.as_ref()));
            Ok(ExitCode::from(USAGE))
        }
        done => done,
    }
}

/// Messages go to standard error.
fn message(text: &str) {
    cli_support::message(NAME, text);
}

/// Success, unless something could not be done.
fn exit(is_complete: bool) -> ExitCode {
    if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What could not be looked at, on standard error and for documents.
fn problems(found: &Found) -> Vec<String> {
    let problems: Vec<String> = found.errors.iter().map(|error| text::in_full(error)).collect();
    for problem in &problems {
        message(&format!("warning: {problem}"));
    }
    problems
}

/// The plans of all directories; what cannot be planned is among the problems.
fn plans<'f>(found: &'f Found, problems: &mut Vec<String>) -> Vec<(&'f Place, Planned)> {
    let mut plans = Vec::new();
    for (place, policy) in &found.places {
        match found.plan(place, policy) {
            Ok(planned) => plans.push((place, planned)),
            Err(error) => {
                let problem = text::in_full(error.as_ref());
                message(&problem);
                problems.push(problem);
            }
        }
    }
    plans
}

fn plan(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let view = if args.all { View::All } else { View::Going };
    show(args, "plan", view)
}

fn orphans(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    show(args, "orphans", View::Orphans)
}

fn show(args: &PlanArgs, command: &str, view: View) -> anyhow::Result<ExitCode> {
    let found = Found::new(&args.place, &args.policy)?;
    let mut problems = problems(&found);
    let plans = plans(&found, &mut problems);
    let is_complete =
        problems.is_empty() && plans.iter().all(|(_, planned)| planned.plan.refused.is_none());
    if args.json {
        let places =
            plans.iter().map(|(place, planned)| json::plan(place, planned, view == View::Orphans));
        let document = json::document(command, &places.collect::<Vec<_>>(), &problems);
        print(&json::to_text(&document)?)?;
        return Ok(exit(is_complete));
    }
    if found.places.is_empty() {
        print(&report::nothing_found(&found.roots))?;
        return Ok(exit(is_complete));
    }
    let now = Host::real().clock.now();
    let limit = args.all.then_some(usize::MAX);
    let mut text: String = plans
        .iter()
        .map(|(place, planned)| report::plan(place, planned, view, limit, now))
        .collect();
    if view == View::Orphans {
        if text.is_empty() {
            text += "Nothing was left behind.\n";
        }
    } else {
        let plans: Vec<_> = plans.iter().map(|(_, planned)| &planned.plan).collect();
        text += &report::totals(&plans);
        text += "Nothing has changed; `session-reaper sweep` does it.\n";
    }
    print(&text)?;
    Ok(exit(is_complete))
}
