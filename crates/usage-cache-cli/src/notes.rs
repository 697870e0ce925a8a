//! What a report does not know, in sentences.

use usage_cache::{CacheProblem, Freshness, Status, Summary};

use crate::text::{count, counted, dollars, model_name};

/// How many files or models are named before the rest is only counted.
const NAMED_MAX: usize = 5;

/// An error with its causes, on one line.
pub(crate) fn in_full(error: &CacheProblem) -> String {
    chain(error)
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// What the totals include, leave out, or cannot say.
pub(crate) fn notes(summary: &Summary, status: &Status) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(gone(summary, status));
    notes.extend(unpriced(summary));
    notes.extend(untimed(summary));
    notes.extend(incomplete(status));
    notes.extend(passed_over(status));
    if summary.totals.is_saturated() {
        notes.push("A sum is too large to be shown; it is more than that.".to_owned());
    }
    notes
}

fn gone(summary: &Summary, status: &Status) -> Option<String> {
    (0 < status.gone_files && 0 < summary.gone.events).then(|| {
        format!(
            "Included: {} ({}, {}) of {} that no longer exist{}.",
            counted(summary.gone.events, "answer"),
            counted(summary.gone.tokens.total, "token"),
            dollars(summary.gone.cost),
            counted(status.gone_files, "transcript"),
            if status.gone_files == 1 { "s" } else { "" },
        )
    })
}

fn unpriced(summary: &Summary) -> Option<String> {
    let totals = &summary.totals;
    (0 < totals.unpriced_events).then(|| {
        let names = summary.unpriced.iter().map(|usage| {
            let name = model_name(&usage.model);
            match &usage.model.provider {
                Some(provider) => format!("{provider}/{name}"),
                None => name,
            }
        });
        format!(
            "Not in the cost (*): {} ({}) of unknown price: {}.",
            counted(totals.unpriced_events, "answer"),
            counted(totals.unpriced_tokens, "token"),
            list(names),
        )
    })
}

fn untimed(summary: &Summary) -> Option<String> {
    let untimed = &summary.untimed;
    (0 < untimed.events).then(|| {
        format!(
            "Not in the totals: {} without a time ({}, {}).",
            counted(untimed.events, "answer"),
            counted(untimed.tokens.total, "token"),
            dollars(untimed.cost),
        )
    })
}

fn incomplete(status: &Status) -> Vec<String> {
    let mut notes = Vec::new();
    if status.freshness == Freshness::Refreshing {
        notes.push("Another process is refreshing the cache just now.".to_owned());
    }
    if 0 < status.pending_files {
        notes.push(format!(
            "Not counted yet: what is new in {}.",
            counted(status.pending_files, "transcript")
        ));
    }
    if 0 < status.unverified_files {
        notes.push(format!(
            "Counted as last seen: {} in places that cannot be looked at now.",
            counted(status.unverified_files, "transcript")
        ));
    }
    if !status.unreadable.is_empty() {
        let names = status.unreadable.iter().map(|error| chain(error));
        notes.push(format!("Not readable: {}.", list(names)));
    }
    notes
}

fn passed_over(status: &Status) -> Vec<String> {
    let counts = [
        (status.malformed_lines, "line", "that are not JSON, or only in part"),
        (status.too_long_lines, "line", "too long to be read"),
        (status.not_files, "name", "of transcripts that are links or other things, not files"),
        (status.compressed_files, "compressed archive", ""),
    ];
    let found = counts.iter().filter(|(number, ..)| 0 < *number);
    let note = |(number, noun, what): &(u64, &str, &str)| {
        format!("Passed over: {} {what}", counted(*number, noun)).trim_end().to_owned() + "."
    };
    found.map(note).collect()
}

/// The first few, and how many more there are.
fn list(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED_MAX);
    let mut text = names.take(NAMED_MAX).collect::<Vec<_>>().join(", ");
    if 0 < more {
        text.push_str(&format!(", and {} more", count(more as u64)));
    }
    text
}
