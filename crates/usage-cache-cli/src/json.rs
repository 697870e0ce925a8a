//! The JSON documents. The names are those that scripts for other usage reports already read;
//! `docs/formats.md` describes them.

mod ledger;
mod rows;
mod session_rows;
mod trace;

use std::io::{self, Write};

use cli_support::text::{in_full, iso};
use serde::Serialize;
use usage_cache::{
    By, CacheProblem, DatabaseStatus, ModelUsage, RootState, SourceUsage, Status, Summary, Usage,
    UsageCache, Work, Zone, trace::TraceStatus,
};

use crate::{
    text::model_name,
    view::{Rows, View, in_order},
};
pub(crate) use ledger::{import, verified};
use rows::RowsDoc;

/// Goes up when a key changes its meaning or disappears; new keys may come at any time.
const SCHEMA_VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReportDoc<'v> {
    schema_version: u32,
    timezone: String,
    #[serde(flatten)]
    rows: RowsDoc<'v>,
    totals: TotalsDoc,
    /// The report by runtime has them as its rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Vec<SourceDoc<'v>>>,
    status: StatusDoc<'v>,
}

#[derive(Serialize)]
struct SourceDoc<'v> {
    source: &'v str,
    #[serde(flatten)]
    totals: TotalsDoc,
}

/// What was asked for with priority, and what was not; only where there is such.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PriorityDoc {
    standard_tokens: u64,
    priority_tokens: u64,
    priority_events: u64,
    standard_cost: f64,
    standard_cost_nano_usd: u64,
    priority_cost: f64,
    priority_cost_nano_usd: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UsageDoc {
    input_tokens: u64,
    output_tokens: u64,
    cache_creation_tokens: u64,
    cache_read_tokens: u64,
    total_tokens: u64,
    events: u64,
    unpriced_events: u64,
    unpriced_tokens: u64,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    priority: Option<PriorityDoc>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TotalsDoc {
    #[serde(flatten)]
    usage: UsageDoc,
    total_cost: f64,
    total_cost_nano_usd: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ModelDoc<'v> {
    model_name: &'v str,
    provider: Option<&'v str>,
    #[serde(flatten)]
    usage: UsageDoc,
    cost: f64,
    cost_nano_usd: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusDoc<'s> {
    status: &'static str,
    cached_files: u64,
    pending_files: u64,
    stale_files: u64,
    refreshed_at: Option<String>,
    gone_files: u64,
    imported_files: u64,
    unverified_files: u64,
    unfinished_files: u64,
    malformed_lines: u64,
    unresolved_lines: u64,
    unresolved_transcripts: u64,
    unresolved_events: u64,
    too_long_lines: u64,
    not_files: u64,
    compressed_files: u64,
    unreadable: Vec<ProblemDoc>,
    cache_problems: Vec<String>,
    saturated: bool,
    gone: TotalsDoc,
    imported: TotalsDoc,
    untimed: TotalsDoc,
    unpriced: Vec<ModelDoc<'s>>,
    abandoned: TotalsDoc,
    roots: Vec<RootDoc>,
    databases: Vec<DatabaseDoc>,
    trace: Option<trace::TraceDoc>,
}

#[derive(Serialize)]
struct ProblemDoc {
    path: String,
    problem: String,
}

#[derive(Serialize)]
struct DatabaseDoc {
    path: String,
    status: &'static str,
    problem: Option<String>,
}

#[derive(Serialize)]
struct RootDoc {
    source: &'static str,
    path: String,
    state: &'static str,
}

/// Writes a report, which can be very long, with what is not known.
pub(crate) fn write_report(
    zone: &Zone,
    view: &View<'_>,
    status: &Status,
    problems: &[CacheProblem],
    mut to: impl Write,
) -> io::Result<()> {
    let document = serde_json::to_string_pretty(&report(zone, view, status, problems))?;
    match &view.rows {
        Rows::Sessions(sessions, order) if !sessions.is_empty() => {
            let no_place = || io::Error::other("a report without a place for its sessions");
            let (before, after) = document.split_once(NO_SESSIONS).ok_or_else(no_place)?;
            write!(to, "{before}\"sessions\": [")?;
            session_rows::write(in_order(sessions, *order), &mut to)?;
            writeln!(to, "]{after}")
        }
        _ => writeln!(to, "{document}"),
    }
}

/// What a report has where the rows of its sessions belong: no text can have these quotes in it.
const NO_SESSIONS: &str = "\"sessions\": []";

fn report<'v>(
    zone: &Zone,
    view: &'v View<'_>,
    status: &Status,
    problems: &[CacheProblem],
) -> ReportDoc<'v> {
    let summary = &view.summary;
    let has_sources = matches!(view.rows, Rows::Groups(By::Source, _));
    let sources = (!has_sources).then(|| summary.sources.iter().map(source).collect());
    ReportDoc {
        schema_version: SCHEMA_VERSION,
        timezone: zone.to_string(),
        rows: rows::document(view),
        totals: totals(&summary.totals),
        sources,
        status: status_doc(summary, status, problems),
    }
}

fn source(usage: &SourceUsage) -> SourceDoc<'_> {
    SourceDoc { source: &usage.source, totals: totals(&usage.usage) }
}

fn usage(usage: &Usage) -> UsageDoc {
    UsageDoc {
        input_tokens: usage.tokens.input,
        output_tokens: usage.tokens.output,
        cache_creation_tokens: usage.tokens.cache_creation,
        cache_read_tokens: usage.tokens.cache_read,
        total_tokens: usage.tokens.total,
        events: usage.events,
        unpriced_events: usage.unpriced_events,
        unpriced_tokens: usage.unpriced_tokens,
        priority: priority(usage),
    }
}

fn priority(usage: &Usage) -> Option<PriorityDoc> {
    let standard_cost = usage.standard_cost();
    (0 < usage.priority_events).then(|| PriorityDoc {
        standard_tokens: usage.standard_tokens(),
        priority_tokens: usage.priority_tokens,
        priority_events: usage.priority_events,
        standard_cost: standard_cost.dollars(),
        standard_cost_nano_usd: standard_cost.0,
        priority_cost: usage.priority_cost.dollars(),
        priority_cost_nano_usd: usage.priority_cost.0,
    })
}

fn totals(sum: &Usage) -> TotalsDoc {
    TotalsDoc { usage: usage(sum), total_cost: sum.cost.dollars(), total_cost_nano_usd: sum.cost.0 }
}

fn model(model: &ModelUsage) -> ModelDoc<'_> {
    ModelDoc {
        model_name: model_name(&model.model),
        provider: model.model.provider.as_deref(),
        usage: usage(&model.usage),
        cost: model.usage.cost.dollars(),
        cost_nano_usd: model.usage.cost.0,
    }
}

fn status_doc<'s>(
    summary: &'s Summary,
    status: &Status,
    problems: &[CacheProblem],
) -> StatusDoc<'s> {
    let unreadable = status.unreadable.iter().map(|error| ProblemDoc {
        path: error.path.display().to_string(),
        problem: error.source.to_string(),
    });
    let roots = status.roots.iter().map(|root| RootDoc {
        source: root.source,
        path: root.path.display().to_string(),
        state: match root.state {
            RootState::Listed => "listed",
            RootState::Missing => "missing",
            RootState::Unreadable => "unreadable",
        },
    });
    StatusDoc {
        status: status.freshness.word(),
        cached_files: status.cached_files,
        pending_files: status.pending_files,
        stale_files: status.stale_files,
        refreshed_at: status.refreshed_at.map(iso),
        gone_files: status.gone_files,
        imported_files: status.imported_files,
        unverified_files: status.unverified_files,
        unfinished_files: status.unfinished_files,
        malformed_lines: status.malformed_lines,
        unresolved_lines: status.unresolved_lines,
        unresolved_transcripts: summary.unresolved.transcripts,
        unresolved_events: summary.unresolved.events,
        too_long_lines: status.too_long_lines,
        not_files: status.not_files,
        compressed_files: status.compressed_files,
        unreadable: unreadable.collect(),
        cache_problems: problems.iter().map(|problem| in_full(problem)).collect(),
        saturated: summary.totals.is_saturated(),
        gone: totals(&summary.gone),
        imported: totals(&summary.imported),
        untimed: totals(&summary.untimed),
        unpriced: summary.unpriced.iter().map(model).collect(),
        abandoned: totals(&summary.abandoned),
        roots: roots.collect(),
        databases: status.databases.iter().map(database).collect(),
        trace: status.trace.as_ref().map(trace::document),
    }
}

fn database(status: &DatabaseStatus) -> DatabaseDoc {
    let problem = status.problem.as_ref();
    DatabaseDoc {
        path: status.path.display().to_string(),
        status: problem.map_or("ok", |problem| problem.kind.word()),
        problem: problem.map(|problem| in_full(problem)),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefreshDoc<'s> {
    schema_version: u32,
    scanned_files: u64,
    scanned_bytes: u64,
    writes: u64,
    written_bytes: u64,
    elapsed_ms: u64,
    status: StatusDoc<'s>,
}

/// What a refresh took.
pub(crate) fn refresh<'s>(
    work: &Work,
    summary: &'s Summary,
    status: &Status,
    problems: &[CacheProblem],
) -> RefreshDoc<'s> {
    RefreshDoc {
        schema_version: SCHEMA_VERSION,
        scanned_files: work.scanned_files,
        scanned_bytes: work.scanned_bytes,
        writes: work.writes,
        written_bytes: work.written_bytes,
        elapsed_ms: u64::try_from(work.elapsed.as_millis()).unwrap_or(u64::MAX),
        status: status_doc(summary, status, problems),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StateDoc<'s> {
    schema_version: u32,
    cache_path: String,
    cache_bytes: Option<u64>,
    history: ledger::HistoryDoc,
    status: StatusDoc<'s>,
}

/// How things stand.
pub(crate) fn state<'s>(
    cache_path: String,
    cache_bytes: Option<u64>,
    summary: &'s Summary,
    usage: &UsageCache,
    problems: &[CacheProblem],
) -> StateDoc<'s> {
    StateDoc {
        schema_version: SCHEMA_VERSION,
        cache_path,
        cache_bytes,
        history: ledger::history(usage),
        status: status_doc(summary, usage.status(), problems),
    }
}

/// A document as the text that is printed.
pub(crate) fn to_text(document: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

/// How the trace database stands, as a document of its own.
pub(crate) fn trace(status: &TraceStatus, problems: &[CacheProblem]) -> TraceReportDoc {
    TraceReportDoc {
        schema_version: SCHEMA_VERSION,
        trace: trace::document(status),
        cache_problems: problems.iter().map(|problem| in_full(problem)).collect(),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TraceReportDoc {
    schema_version: u32,
    trace: trace::TraceDoc,
    cache_problems: Vec<String>,
}
