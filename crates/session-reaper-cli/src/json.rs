//! What programs read: one document, described in `docs/session-reaper.md`.

use cli_support::text::{in_full, iso};
use common_fs::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use session_reaper::{
    Act, Archive, Folder, Go, Keep, Place, Plan, Restored, Sweep, SweepError, Total, Verdict,
    database_standing,
};

use crate::{
    found::Planned,
    report::{is_orphan, runtime},
};

/// Another one whenever a reader would get it wrong.
const SCHEMA_VERSION: u32 = 1;

/// A document about several directories.
pub(crate) fn document(command: &str, places: &[Value], problems: &[String]) -> Value {
    json!({
        "schemaVersion": SCHEMA_VERSION,
        "command": command,
        "places": places,
        "problems": problems,
    })
}

pub(crate) fn to_text(document: &impl Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(document)? + "\n")
}

fn place_head(place: &Place) -> Value {
    json!({
        "runtime": runtime(place.layout),
        "name": place.name,
        "dir": place.dir.display().to_string(),
        "database": place.database.as_ref().map(|path| path.display().to_string()),
    })
}

/// Puts the fields of `more` behind those of `head`.
fn joined(mut head: Value, more: Value) -> Value {
    if let (Value::Object(head), Value::Object(more)) = (&mut head, more) {
        head.extend(more);
    }
    head
}

pub(crate) fn plan(place: &Place, planned: &Planned, only_orphans: bool) -> Value {
    let plan = &planned.plan;
    let files = plan.files.iter().filter(|file| !only_orphans || is_orphan(file));
    let files = files.map(|file| {
        let head = json!({
            "name": file.name.display().to_string(),
            "folder": folder(file.folder),
            "bytes": file.size_bytes,
            "modified": iso(file.modified),
        });
        joined(head, verdict(&file.verdict))
    });
    let mut more = json!({
        "files": files.collect::<Vec<_>>(),
        "refused": plan.refused.as_ref().map(|error| in_full(error)),
        "interrupted": planned.is_interrupted,
        "damagedJournalLines": planned.damaged_lines,
    });
    if !only_orphans {
        more = joined(more, rows(plan));
    }
    if let Some(database) = &planned.database {
        let standing = database_standing(database, plan);
        more = joined(
            more,
            json!({ "databaseStanding": {
                "sessions": total(standing.sessions),
                "unpublishedArchives": total(standing.unpublished),
                "missingArchives": total(standing.missing),
                "leftovers": total(standing.leftovers),
            }}),
        );
    }
    joined(place_head(place), more)
}

fn rows(plan: &Plan) -> Value {
    let rows = plan.rows.iter().map(|row| {
        let head = json!({
            "key": row.key,
            "session": row.session,
            "bytes": row.size_bytes,
            "lastAlive": row.last_alive.map(iso),
            "unsafeFile": row.unsafe_file,
        });
        joined(head, verdict(&row.verdict))
    });
    let archived = plan.archived_rows.iter().map(|row| {
        let head = json!({ "key": row.key, "bytes": row.size_bytes, "archivedAt": iso(row.at) });
        joined(head, verdict(&row.verdict))
    });
    json!({
        "rows": rows.collect::<Vec<_>>(),
        "archivedRows": archived.collect::<Vec<_>>(),
        "totals": {
            "archiveRows": total(plan.rows_going()),
            "archiveFiles": total(plan.archiving()),
            "removeFiles": total(plan.reclaiming()),
        },
        "shortfall": {
            "dirBytes": plan.shortfall.dir_bytes,
            "freeBytes": plan.shortfall.free_bytes,
        },
        "cutShort": plan.is_cut_short(),
        "nextDue": plan.next_due().map(iso),
    })
}

fn total(total: Total) -> Value {
    json!({ "count": total.count, "bytes": total.bytes })
}

fn folder(folder: Folder) -> &'static str {
    match folder {
        Folder::Here => "here",
        Folder::Archive => "archive",
    }
}

fn verdict(verdict: &Verdict) -> Value {
    let act = match verdict.act() {
        None => "keep",
        Some(Act::Archive) => "archive",
        Some(Act::Remove) => "remove",
    };
    let head = json!({ "verdict": act, "reason": verdict.reason() });
    let more = match verdict {
        Verdict::Keep(Keep::TooYoung { until }) => json!({ "until": iso(*until) }),
        Verdict::Keep(Keep::ReferencedBy { key }) => json!({ "neededBy": key }),
        Verdict::Keep(Keep::Unclear { why }) => json!({ "detail": why }),
        Verdict::Go(Go::With { key }) => json!({ "with": key }),
        _ => json!({}),
    };
    joined(head, more)
}

pub(crate) fn sweep(place: &Place, sweep: &Sweep) -> Value {
    let failures = sweep
        .failures
        .iter()
        .map(|failure| json!({ "what": failure.what, "error": in_full(&failure.error) }));
    let done = json!({
        "result": if sweep.plan.refused.is_some() { "refused" } else { "swept" },
        "archivedRows": total(sweep.archived_rows),
        "archivedFiles": total(sweep.archived_files),
        "savedBytes": sweep.saved_bytes,
        "removedFiles": total(sweep.removed_files),
        "forgottenRows": total(sweep.forgotten_rows),
        "recovered": { "finished": sweep.recovered.finished, "undone": sweep.recovered.undone },
        "changed": sweep.changed,
        "failures": failures.collect::<Vec<_>>(),
        "refused": sweep.plan.refused.as_ref().map(|error| in_full(error)),
        "brokenOff": sweep.broken_off,
        "cutShort": sweep.plan.is_cut_short(),
        "nextDue": sweep.plan.next_due().map(iso),
    });
    joined(place_head(place), done)
}

/// A directory that was not swept.
pub(crate) fn not_swept(place: &Place, result: &str, why: Option<&str>) -> Value {
    joined(place_head(place), json!({ "result": result, "detail": why }))
}

pub(crate) fn failed(place: &Place, error: &SweepError) -> Value {
    not_swept(place, "failed", Some(&in_full(error)))
}

pub(crate) fn throttled(place: &Place, retry_at: Timestamp) -> Value {
    joined(place_head(place), json!({ "result": "throttled", "retryAt": iso(retry_at) }))
}

pub(crate) fn archives<'a>(
    place: &Place,
    archives: impl IntoIterator<Item = &'a Archive>,
) -> Value {
    let archives = archives.into_iter().map(|archive| {
        let files = archive.files.iter().map(|file| {
            json!({
                "name": file.name,
                "folder": folder(file.folder),
                "of": file.of,
                "bytes": file.size_bytes,
                "compressed": file.compressed,
            })
        });
        json!({
            "key": archive.key,
            "sweep": archive.sweep(),
            "archivedAt": archive.at.map(iso),
            "until": archive.until.map(iso),
            "files": files.collect::<Vec<_>>(),
        })
    });
    joined(place_head(place), json!({ "archives": archives.collect::<Vec<_>>() }))
}

pub(crate) fn restored(place: &Place, restored: &Restored) -> Value {
    let failures = restored
        .failures
        .iter()
        .map(|failure| json!({ "what": failure.what, "error": in_full(&failure.error) }));
    let done = json!({
        "rows": restored.rows,
        "files": restored.files,
        "bytes": restored.total.bytes,
        "failures": failures.collect::<Vec<_>>(),
    });
    joined(place_head(place), done)
}

pub(crate) fn status(place: &Place, planned: &Planned, archived: Total) -> Value {
    let plan = &planned.plan;
    let size: u64 = plan.files.iter().map(|file| file.size_bytes).sum();
    let more = json!({
        "rows": plan.rows.len(),
        "files": { "count": plan.files.len(), "bytes": size },
        "archives": total(archived),
        "archivedRows": plan.archived_rows.len(),
        "totals": {
            "archiveRows": total(plan.rows_going()),
            "archiveFiles": total(plan.archiving()),
            "removeFiles": total(plan.reclaiming()),
        },
        "nextDue": plan.next_due().map(iso),
        "refused": plan.refused.as_ref().map(|error| in_full(error)),
        "interrupted": planned.is_interrupted,
    });
    joined(place_head(place), more)
}
