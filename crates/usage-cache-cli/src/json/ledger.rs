//! Imports, the past, and verifications.

use cli_support::text::{in_full, iso};
use serde::Serialize;
use usage_cache::{
    Usage, UsageCache,
    ledger::{Header, Import, Past},
    verify::Verified,
};

use super::{ProblemDoc, SCHEMA_VERSION, TotalsDoc, totals};
use crate::text::model_name;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ImportDoc {
    schema_version: u32,
    ledger: String,
    exported_at: String,
    dry_run: bool,
    added: u64,
    grown: u64,
    known: u64,
    damaged_lines: u64,
    counted_events: u64,
    counted_tokens: u64,
    counted_cost: f64,
    counted_cost_nano_usd: u64,
    cache_problems: Vec<String>,
}

/// What came of an import.
pub(crate) fn import(header: &Header, import: &Import, dry_run: bool, added: &Usage) -> ImportDoc {
    ImportDoc {
        schema_version: SCHEMA_VERSION,
        ledger: format!("{:016x}", header.ledger.0),
        exported_at: iso(header.exported_at),
        dry_run,
        added: import.added,
        grown: import.grown,
        known: import.known,
        damaged_lines: import.damaged,
        counted_events: added.events,
        counted_tokens: added.tokens.total,
        counted_cost: added.cost.dollars(),
        counted_cost_nano_usd: added.cost.0,
        cache_problems: import.problems.iter().map(|problem| in_full(problem)).collect(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PastDoc {
    transcripts: u64,
    since: Option<String>,
    oldest: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger: Option<String>,
}

/// The transcripts that exist no more, and those of other machines.
#[derive(Serialize)]
pub(crate) struct HistoryDoc {
    gone: PastDoc,
    imported: Vec<PastDoc>,
}

pub(super) fn history(usage: &UsageCache) -> HistoryDoc {
    let past = |past: Past, ledger: Option<String>| PastDoc {
        transcripts: past.transcripts,
        since: past.since.map(iso),
        oldest: past.oldest.map(iso),
        ledger,
    };
    let imported = usage.imported_history().into_iter();
    let imported = imported.map(|(name, of)| past(of, Some(format!("{:016x}", name.0))));
    HistoryDoc { gone: past(usage.gone_history(), None), imported: imported.collect() }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifiedDoc {
    schema_version: u32,
    same: bool,
    compared: u64,
    transcripts: Vec<TranscriptDoc>,
    days: Vec<DayDoc>,
    unsteady: Vec<String>,
    unreadable: Vec<ProblemDoc>,
    cache_problems: Vec<String>,
}

#[derive(Serialize)]
struct TranscriptDoc {
    path: String,
    cached: Option<TotalsDoc>,
    read: Option<TotalsDoc>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DayDoc {
    date: String,
    model_name: String,
    provider: Option<String>,
    cached: TotalsDoc,
    read: TotalsDoc,
}

/// What came of a verification.
pub(crate) fn verified(verified: &Verified) -> VerifiedDoc {
    let transcripts = verified.transcripts.iter().map(|difference| TranscriptDoc {
        path: difference.path.display().to_string(),
        cached: difference.cached.as_ref().map(totals),
        read: difference.read.as_ref().map(totals),
    });
    let days = verified.days.iter().map(|difference| DayDoc {
        date: difference.day.to_string(),
        model_name: model_name(&difference.model).to_owned(),
        provider: difference.model.provider.clone(),
        cached: totals(&difference.cached),
        read: totals(&difference.read),
    });
    let unreadable = verified.unreadable.iter().map(|error| ProblemDoc {
        path: error.path.display().to_string(),
        problem: error.source.to_string(),
    });
    VerifiedDoc {
        schema_version: SCHEMA_VERSION,
        same: verified.is_same(),
        compared: verified.compared,
        transcripts: transcripts.collect(),
        days: days.collect(),
        unsteady: verified.unsteady.iter().map(|path| path.display().to_string()).collect(),
        unreadable: unreadable.collect(),
        cache_problems: verified.problems.iter().map(|problem| in_full(problem)).collect(),
    }
}
