use std::{ops::ControlFlow, process::ExitCode};

use cli_support::{Interrupt, USAGE, print, text};
use common_fs::Host;
use serde_json::Value;
use session_reaper::{
    Clockwork, Compression, Folder, Orders, Place, Policy, Reaper, SweepOptions, SweepResult, Unit,
    parse_duration,
};

use super::{exit, message, plans, problems};
use crate::{
    args::SweepArgs,
    ask::{Answer, ask},
    found::{Found, Planned},
    json, kept,
    progress::Bar,
    report::{self, View},
};

pub(super) fn run(interrupt: &Interrupt, args: &SweepArgs) -> anyhow::Result<ExitCode> {
    let options = match options(args) {
        Ok(options) => options,
        Err(error) => {
            message(&format!("--lock-wait: {error}"));
            return Ok(ExitCode::from(USAGE));
        }
    };
    let found = Found::new(&args.place, &args.policy)?;
    let mut problems = problems(&found);
    if found.places.is_empty() {
        let nothing = json::document("sweep", &[], &problems);
        print(&if args.json {
            json::to_text(&nothing)?
        } else {
            report::nothing_found(&found.roots)
        })?;
        return Ok(exit(problems.is_empty()));
    }
    if !args.yes {
        let plans = plans(&found, &mut problems);
        match confirm(&plans) {
            Answer::Yes => (),
            Answer::No => {
                message("nothing has changed");
                return Ok(ExitCode::SUCCESS);
            }
            Answer::Nobody => {
                message("there is no terminal to ask on: add --yes to sweep without asking");
                return Ok(ExitCode::from(USAGE));
            }
        }
    }
    let mut sweeper =
        Sweeper { interrupt, options, args, reaper: kept::load(), places: Vec::new() };
    let mut is_complete = problems.is_empty();
    let mut report = String::new();
    for (place, policy) in &found.places {
        let (text, is_done) = sweeper.sweep(&found, place, policy);
        report += &text;
        is_complete &= is_done;
        if interrupt.exit_code().is_some() {
            break;
        }
    }
    if let Err(error) = kept::save(&sweeper.reaper) {
        message(&format!("warning: {}", text::in_full(error.as_ref())));
    }
    print(&if args.json {
        json::to_text(&json::document("sweep", &sweeper.places, &problems))?
    } else if report.is_empty() {
        "Nothing to do.\n".to_owned()
    } else {
        report
    })?;
    if let Some(code) = interrupt.exit_code() {
        message("interrupted; what was not done is as it was");
        return Ok(code);
    }
    Ok(exit(is_complete))
}

fn options(args: &SweepArgs) -> Result<SweepOptions, session_reaper::DurationError> {
    Ok(SweepOptions {
        lock_wait: parse_duration(&args.lock_wait, Unit::Seconds)?,
        folder: if args.archive_folder { Folder::Archive } else { Folder::Here },
        compression: if args.zstd { Compression::Zstd } else { Compression::None },
        clockwork: if args.trust_clock { Clockwork::Trust } else { Clockwork::Doubt },
    })
}

/// Shows what would go, and asks.
fn confirm(plans: &[(&Place, Planned)]) -> Answer {
    let now = Host::real().clock.now();
    for (place, planned) in plans {
        let text = report::plan(place, planned, View::Going, None, now);
        // The question is asked on standard error, and what it is about belongs there, too.
        for line in text.lines() {
            message_line(line);
        }
    }
    let all: Vec<_> = plans.iter().map(|(_, planned)| &planned.plan).collect();
    if all.iter().all(|plan| plan.is_nothing()) {
        return Answer::Yes;
    }
    for line in report::totals(&all).lines() {
        message_line(line);
    }
    ask("Do that now? What is archived can be restored.")
}

fn message_line(line: &str) {
    use std::io::Write as _;
    // Where nobody listens, nobody can be asked.
    writeln!(std::io::stderr(), "{line}").ok();
}

struct Sweeper<'s> {
    interrupt: &'s Interrupt,
    options: SweepOptions,
    args: &'s SweepArgs,
    reaper: Reaper,
    /// For the document.
    places: Vec<Value>,
}

impl Sweeper<'_> {
    /// Sweeps one directory: what to print, and whether all was done.
    fn sweep(&mut self, found: &Found, place: &Place, policy: &Policy) -> (String, bool) {
        let mut bar = Bar::new();
        let orders = Orders { policy, options: self.options, needs: found.needs.as_ref() };
        let force = !self.args.if_due;
        let interrupt = self.interrupt;
        let result = self.reaper.sweep(Host::real(), place, orders, force, &mut |progress| {
            bar.show(progress);
            match interrupt.exit_code() {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        });
        bar.clear();
        let name = format!("{} {}", report::runtime(place.layout), text::plain(&place.name));
        let (value, text, is_done) = match &result {
            SweepResult::Swept(Some(sweep)) => (
                json::sweep(place, sweep),
                report::sweep(place, sweep),
                sweep.failures.is_empty() && sweep.plan.refused.is_none(),
            ),
            SweepResult::Swept(None) => {
                (json::not_swept(place, "nothing-due", None), String::new(), true)
            }
            SweepResult::Throttled { retry_at } => (
                json::throttled(place, *retry_at),
                format!("{name}: swept not long ago; again from {}\n", text::iso(*retry_at)),
                true,
            ),
            SweepResult::Disabled => (
                json::not_swept(place, "disabled", None),
                format!("{name}: the policy has no end for anything\n"),
                true,
            ),
            SweepResult::Busy { owner } => (
                json::not_swept(place, "busy", Some(owner)),
                format!("{name}: busy, {owner}\n"),
                false,
            ),
            SweepResult::Failed(error) => {
                (json::failed(place, error), format!("{name}: {}\n", text::in_full(error)), false)
            }
            other => (json::not_swept(place, "unknown", Some(&format!("{other:?}"))), name, false),
        };
        self.places.push(value);
        (text, is_done)
    }
}
