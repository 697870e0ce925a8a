//! `restart-bench report`.

use std::process::ExitCode;

use cli_support::print;
use restart_bench::{report, summary};

use crate::{
    args::{Form, Report},
    compare::read,
    measure::width,
};

pub(crate) fn run(args: &Report) -> anyhow::Result<ExitCode> {
    let record = read(&args.result)?;
    let summary = summary(&record);
    let text = match args.form {
        Form::Text => report::text(&record, &summary, width()),
        Form::Html => report::html(&record, &summary),
        Form::Markdown => report::markdown(&record, &summary),
        Form::Csv => report::restarts_csv(&record, &summary),
        Form::ProbesCsv => report::probes_csv(&record),
        Form::Json => serde_json::to_string_pretty(&summary)? + "\n",
    };
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
