//! What a report does not know, in sentences.

use cli_support::text::{count, counted, in_full, plain};
use usage_cache::{DbProblemKind, Freshness, Status, Summary};

use crate::text::{dollars, model_name};

/// What to do where nothing was found.
pub(crate) const ELSEWHERE: &str = "If a runtime keeps its files elsewhere, set CLAUDE_CONFIG_DIR, CODEX_HOME or OPENCLAW_STATE_DIR.";

/// How many files or models are named before the rest is only counted.
const NAMED_MAX: usize = 5;

/// What the totals include, leave out, or cannot say.
pub(crate) fn notes(summary: &Summary, status: &Status) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(gone(summary));
    notes.extend(imported(summary));
    notes.extend(abandoned(summary));
    notes.extend(priority(summary));
    notes.extend(trace(status));
    notes.extend(unpriced(summary));
    notes.extend(untimed(summary));
    notes.extend(unresolved(summary, status));
    notes.extend(incomplete(status));
    notes.extend(passed_over(status));
    if summary.totals.is_saturated() {
        notes.push("A sum is too large to be shown; it is more than that.".to_owned());
    }
    notes
}

fn gone(summary: &Summary) -> Option<String> {
    (0 < summary.gone.events).then(|| {
        format!(
            "Included: {} ({}, {}) in transcripts that no longer exist.",
            counted(summary.gone.events, "answer"),
            counted(summary.gone.tokens.total, "token"),
            dollars(summary.gone.cost),
        )
    })
}

fn imported(summary: &Summary) -> Option<String> {
    let imported = &summary.imported;
    (0 < imported.events).then(|| {
        format!(
            "Of these, {} ({}, {}) come from imported ledgers.",
            counted(imported.events, "answer"),
            counted(imported.tokens.total, "token"),
            dollars(imported.cost),
        )
    })
}

fn abandoned(summary: &Summary) -> Option<String> {
    let abandoned = &summary.abandoned;
    (0 < abandoned.events).then(|| {
        format!(
            "Included: {} ({}, {}) on branches of conversations that were left.",
            counted(abandoned.events, "answer"),
            counted(abandoned.tokens.total, "token"),
            dollars(abandoned.cost),
        )
    })
}

fn priority(summary: &Summary) -> Option<String> {
    let totals = &summary.totals;
    (0 < totals.priority_events).then(|| {
        format!(
            "Included: {} with priority ({}, {}), which costs more.",
            counted(totals.priority_events, "answer"),
            counted(totals.priority_tokens, "token"),
            dollars(totals.priority_cost),
        )
    })
}

/// Where nothing was ever known of priority, and there is no database, nobody misses one.
fn trace(status: &Status) -> Option<String> {
    let trace = status.trace.as_ref()?;
    let problem = trace.problem.as_ref()?;
    let is_missed = 0 < trace.known_turns || problem.kind != DbProblemKind::Missing;
    is_missed.then(|| {
        format!(
            "Turns of Codex with priority are those known from earlier ({}), as `{}` cannot be read: {}.",
            counted(trace.known_turns as u64, "turn"),
            plain(&problem.path.display().to_string()),
            problem.kind.in_words(),
        )
    })
}

fn unpriced(summary: &Summary) -> Option<String> {
    let totals = &summary.totals;
    (0 < totals.unpriced_events).then(|| {
        let names = summary.unpriced.iter().map(|usage| {
            let name = plain(model_name(&usage.model));
            match &usage.model.provider {
                Some(provider) => format!("{}/{name}", plain(provider)),
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

fn unresolved(summary: &Summary, status: &Status) -> Vec<String> {
    let mut notes = Vec::new();
    let unresolved = &summary.unresolved;
    if 0 < unresolved.transcripts {
        notes.push(format!(
            "Not counted: {} in {} of forked sessions, of which nobody can tell whether they are their own.",
            counted(unresolved.events, "answer"),
            counted(unresolved.transcripts, "transcript"),
        ));
    }
    if 0 < status.unresolved_lines {
        notes.push(format!(
            "Not counted: {} with usage that cannot be told from what was counted before.",
            counted(status.unresolved_lines, "line"),
        ));
    }
    notes
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
    for problem in status.databases.iter().filter_map(|database| database.problem.as_ref()) {
        notes.push(format!(
            "Counted as last seen, if ever: the sessions in `{}`, as it cannot be read: {}.",
            plain(&problem.path.display().to_string()),
            problem.kind.in_words(),
        ));
    }
    if !status.unreadable.is_empty() {
        let names = status.unreadable.iter().map(|error| in_full(error));
        notes.push(format!("Not readable: {}.", list(names)));
    }
    notes
}

fn passed_over(status: &Status) -> Vec<String> {
    let counts = [
        (status.malformed_lines, "malformed line"),
        (status.too_long_lines, "overlong line"),
        (status.not_files, "special file"),
        (status.compressed_files, "unreadable archive"),
    ];
    let found = counts.iter().filter(|(number, _)| 0 < *number);
    found.map(|(number, what)| format!("Passed over: {}.", counted(*number, what))).collect()
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
