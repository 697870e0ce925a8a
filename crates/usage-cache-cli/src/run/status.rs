//! What the status says of the past, and whether the cache is right.

use std::{ops::ControlFlow, process::ExitCode};

use cli_support::{
    Interrupt, print,
    text::{self, counted, iso, plain},
};
use common_fs::Host;
use usage_cache::{
    Summary, Usage, UsageCache,
    ledger::Past,
    verify::{self, DayDifference, TranscriptDifference, Verified},
};

use super::{locations, message, options};
use crate::{
    json,
    progress::Bar,
    text::{dollars, model_name},
};

/// How many differences are shown before the rest is only counted.
const SHOWN_MAX: usize = 20;

/// How much comes from transcripts that cannot be read again.
pub(super) fn past(usage: &UsageCache, summary: &Summary) -> String {
    let mut text = String::new();
    let gone = usage.gone_history();
    if 0 < gone.transcripts {
        let used = &summary.gone;
        let (tokens, cost) = (used.tokens.total, used.cost.0);
        let imported = &summary.imported;
        let tokens = tokens.saturating_sub(imported.tokens.total);
        let cost = usage_cache::NanoUsd(cost.saturating_sub(imported.cost.0));
        let (what, since) = (counted(gone.transcripts, "transcript"), times(&gone, "gone since"));
        text += &format!(
            "Gone         {what} ({}, {}){since}\n",
            counted(tokens, "token"),
            dollars(cost)
        );
    }
    let ledgers = usage.imported_history();
    if !ledgers.is_empty() {
        let used = &summary.imported;
        text += &format!(
            "Imported     {}, {}\n",
            counted(used.tokens.total, "token"),
            dollars(used.cost)
        );
    }
    for (name, past) in ledgers {
        text += &format!(
            "             {} from ledger {:016x}{}\n",
            counted(past.transcripts, "transcript"),
            name.0,
            times(&past, "imported or gone since"),
        );
    }
    text
}

fn times(past: &Past, since: &str) -> String {
    let mut text = String::new();
    if let Some(time) = past.since {
        text += &format!(", {since} {}", iso(time));
    }
    if let Some(time) = past.oldest {
        text += &format!(", oldest answer {}", iso(time));
    }
    text
}

/// Holds the cache against the transcripts that exist.
pub(super) fn verify(interrupt: &Interrupt, as_json: bool) -> anyhow::Result<ExitCode> {
    let locations = locations()?;
    let mut bar = Bar::new();
    let verified = verify::verify(Host::real(), &options(&locations), &mut |progress| {
        bar.show(progress);
        match interrupt.exit_code() {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    });
    bar.clear();
    if let Some(code) = interrupt.exit_code() {
        message("interrupted; nothing was compared");
        return Ok(code);
    }
    print(&if as_json { json::to_text(&json::verified(&verified))? } else { shown(&verified) })?;
    Ok(if verified.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shown(verified: &Verified) -> String {
    let Verified { compared, transcripts, days, unsteady, unreadable, problems, .. } = verified;
    let mut text = format!("Compared     {}\n", counted(*compared, "transcript"));
    if verified.is_same() {
        text += "Differences  none: the cache says what the transcripts say\n";
    } else {
        text += &format!(
            "Differences  {}, {}\n",
            counted(transcripts.len() as u64, "transcript"),
            counted(days.len() as u64, "daily sum"),
        );
    }
    for TranscriptDifference { path, cached, read, .. } in transcripts.iter().take(SHOWN_MAX) {
        let path = plain(&path.display().to_string());
        text +=
            &format!("  {path}: cached {}, read {}\n", used(cached.as_ref()), used(read.as_ref()));
    }
    text += &more(transcripts.len(), "transcript");
    for DayDifference { day, model, cached, read, .. } in days.iter().take(SHOWN_MAX) {
        let model = plain(model_name(model));
        text +=
            &format!("  {day} {model}: cached {}, read {}\n", used(Some(cached)), used(Some(read)));
    }
    text += &more(days.len(), "daily sum");
    if !verified.is_same() {
        text += "Remove the cache to read everything again; transcripts that no longer exist are lost with it, unless `usage-cache ledger export` saves them first.\n";
    }
    if !unsteady.is_empty() {
        let files = counted(unsteady.len() as u64, "transcript");
        text += &format!("Not compared: {files} that are written to all the time.\n");
    }
    for error in unreadable {
        text += &format!("Not compared: {}.\n", text::in_full(error));
    }
    for problem in problems {
        text += &format!("Warning: {}\n", text::in_full(problem));
    }
    text
}

fn used(usage: Option<&Usage>) -> String {
    usage.map_or_else(
        || "nothing".to_owned(),
        |usage| {
            let tokens = counted(usage.tokens.total, "token");
            format!("{} ({tokens})", counted(usage.events, "answer"))
        },
    )
}

fn more(number: usize, what: &str) -> String {
    let more = number.saturating_sub(SHOWN_MAX) as u64;
    if more == 0 { String::new() } else { format!("  and {} more\n", counted(more, what)) }
}
