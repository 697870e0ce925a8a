//! Reports, for people and for programs.

use std::process::ExitCode;

use cli_support::{Interrupt, print, print_with, text};
use common_fs::Host;
use usage_cache::{Locations, Zone};

use super::{answers, asked, has_nothing, message, nothing_found, prices};
use crate::{
    args::ReportArgs,
    csv_report, json, notes, overview,
    screen::Screen,
    table,
    view::{Kind, Rows, View},
};

/// So many sessions or windows are a table for people, if they do not ask for more.
const ROWS_USUAL: usize = 30;

/// Brings the cache up to date and reports; without a kind, everything on one screen.
pub(super) fn run(
    interrupt: &Interrupt,
    args: &ReportArgs,
    kind: Option<Kind>,
    locations: &Locations,
) -> anyhow::Result<ExitCode> {
    let asked = &args.asked;
    let query = match asked::query(asked) {
        Ok(query) => query,
        Err(code) => return Ok(code),
    };
    // Before anything takes long: a file that is not there should be said at once.
    let prices = prices(locations, asked.prices.as_deref())?;
    let answers =
        match answers::answers(interrupt, asked.no_refresh, locations, (query.gone, &prices)) {
            Ok(answers) => answers,
            Err(code) => return Ok(code),
        };
    let (facts, status) = (&answers.facts, answers.status());
    let now = Host::real().clock.now();
    if args.csv
        && let Some(age) = answers.age()
    {
        message(&age);
    }
    let kind_of_rows = kind.unwrap_or(Kind::Daily);
    let view = View::new(facts, &query, kind_of_rows, now);
    let view = rows_max(args, kind_of_rows).into_iter().fold(view, View::limited);
    let view = args.order.into_iter().fold(view, View::ordered);
    if args.json {
        let problems = &answers.problems;
        print_with(|out| json::write_report(&query.zone, &view, status, problems, out))?;
        answers::leave(view);
    } else if args.csv {
        print_with(|out| csv_report::write(&view, args.breakdown, out))?;
        answers::leave(view);
    } else if has_nothing(status) && !asked.no_refresh {
        print(&nothing_found(status))?;
    } else {
        let screen = Screen::of_stdout();
        let notes = notes::notes(&view.summary, status);
        let mut text = if kind.is_some() {
            rows(&view, &query.zone, args.breakdown, screen)
        } else {
            let today = query.zone.day(now);
            overview::overview(facts, &query, &view.summary, today, screen)
        };
        for note in notes.into_iter().chain(answers.age()) {
            text += &format!("\n{}\n", screen.wrapped(&note));
        }
        print(&text)?;
    }
    answers.remember(locations, &query, asked.prices.as_deref());
    Ok(ExitCode::SUCCESS)
}

/// How many rows are asked for, if not all. There can be tens of thousands of sessions.
fn rows_max(args: &ReportArgs, kind: Kind) -> Option<usize> {
    let is_table = !(args.json || args.csv);
    let is_long = matches!(kind, Kind::Sessions | Kind::Blocks { .. });
    args.limit.or((is_table && is_long).then_some(ROWS_USUAL))
}

fn rows(view: &View<'_>, zone: &Zone, breakdown: bool, screen: Screen) -> String {
    let mut text = if view.rows.len() == 0 && 0 < view.left_out {
        String::new()
    } else if view.rows.len() == 0 {
        let nothing = if matches!(view.rows, Rows::Blocks(_)) { "window" } else { "usage" };
        format!("No {nothing} in these days.\n")
    } else {
        table::table_of(view, zone, breakdown, screen)
    };
    if let Rows::Blocks(blocks) = &view.rows {
        text += &overview::active_windows(blocks, zone, view.now);
    }
    if 0 < view.left_out {
        let more = text::counted(view.left_out as u64, &format!("more {}", view.rows.noun()));
        let all = view.left_out + view.rows.len();
        text += &format!("\nNot shown: {more}; `--limit {all}` shows all.\n");
    }
    text
}
