//! What people read.

use std::{collections::BTreeMap, time::Duration};

use cli_support::{
    table::{left, lines, right, table},
    text::{about, bytes, count, counted, in_full, iso, plain},
};
use common_fs::Timestamp;
use session_reaper::{
    Act, Archive, FileVerdict, Go, Keep, Layout, Place, Plan, Roots, RowVerdict, Sweep, Total,
    Verdict, database_standing,
};

use crate::found::Planned;

/// So many lines of a directory are shown, unless all are asked for.
const LINES_MAX: usize = 12;

/// What somebody wants to see of a plan.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    /// What goes.
    Going,
    /// Everything.
    All,
    /// What no session knows.
    Orphans,
}

pub(crate) fn runtime(layout: Layout) -> &'static str {
    match layout {
        Layout::OpenClaw => "openclaw",
        Layout::Claude => "claude",
        Layout::Codex => "codex",
    }
}

/// One thing of a plan, as it is shown.
struct Line {
    what: String,
    age: Option<Duration>,
    files: u64,
    bytes: u64,
    why: String,
}

/// What is to become of one directory; nothing if there is nothing to show.
pub(crate) fn plan(
    place: &Place,
    planned: &Planned,
    view: View,
    limit: Option<usize>,
    now: Timestamp,
) -> String {
    let shown = plan_lines(&planned.plan, view, now);
    let notes = notes(place, planned);
    if shown.is_empty() && notes.is_empty() && view != View::All {
        return String::new();
    }
    let mut text = format!(
        "{} {}  {}\n",
        runtime(place.layout),
        plain(&place.name),
        plain(&place.dir.display().to_string())
    );
    if view != View::Orphans {
        text += &reasons(&planned.plan, true);
        text += &reasons(&planned.plan, false);
    }
    let limit = limit.unwrap_or(LINES_MAX);
    let mut rows = table(&[]);
    if !shown.is_empty() {
        let numbers = ["  Age", "Files", "Size"].map(|name| right(name.to_owned()));
        rows.set_header(numbers.into_iter().chain([left("Why"), left("What")]));
    }
    for line in shown.iter().take(limit) {
        let files = if line.files == 0 { String::new() } else { count(line.files) };
        rows.add_row([
            right(format!("  {}", line.age.map(about).unwrap_or_default())),
            right(files),
            right(bytes(line.bytes)),
            left(plain(&line.why)),
            left(plain(&line.what)),
        ]);
    }
    text += &lines(&mut rows);
    if let Some(more) = shown.len().checked_sub(limit).filter(|more| 0 < *more) {
        text += &format!("  and {} more; --all shows them\n", count(more as u64));
    }
    for note in notes {
        text += &format!("  {note}\n");
    }
    text + "\n"
}

fn plan_lines(plan: &Plan, view: View, now: Timestamp) -> Vec<Line> {
    let mut with: BTreeMap<&str, Total> = BTreeMap::new();
    for file in &plan.files {
        if let Verdict::Go(Go::With { key }) = &file.verdict {
            with.entry(key).or_default().add(file.size_bytes);
        }
    }
    let rows = plan.rows.iter().filter(|row| match view {
        View::Going => row.verdict.goes(),
        View::All => true,
        View::Orphans => false,
    });
    let rows = rows.map(|row| row_line(row, with.get(row.key.as_str()), now));
    let is_shown = |file: &&FileVerdict| match view {
        View::All => true,
        View::Orphans => is_orphan(file),
        // What goes with a row is counted there.
        View::Going => {
            file.verdict.goes()
                && !matches!(&file.verdict, Verdict::Go(Go::With { key }) if plan.rows.iter().any(|row| row.key == *key))
        }
    };
    let files = plan.files.iter().filter(is_shown).map(|file| file_line(file, now));
    let archived = plan.archived_rows.iter().filter(|row| match view {
        View::Going => row.verdict.goes(),
        View::All => true,
        View::Orphans => false,
    });
    let archived = archived.map(|row| Line {
        what: row.key.clone(),
        age: Some(now.since(row.at)),
        files: 0,
        bytes: row.size_bytes,
        why: format!("archived row, {}", why(&row.verdict)),
    });
    rows.chain(files).chain(archived).collect()
}

/// Whether no session knows of a file.
pub(crate) fn is_orphan(file: &FileVerdict) -> bool {
    match &file.verdict {
        Verdict::Go(Go::Orphan | Go::StaleLock | Go::LeakedTemp | Go::OwnTemp)
        | Verdict::Keep(Keep::Leftover | Keep::Unknown) => true,
        // Archives are too young, too, but have been somebody's.
        Verdict::Keep(Keep::TooYoung { .. }) => {
            let name = file.name.to_string_lossy();
            ![".deleted.", ".reset.", ".bak."].iter().any(|marker| name.contains(marker))
        }
        _ => false,
    }
}

fn row_line(row: &RowVerdict, with: Option<&Total>, now: Timestamp) -> Line {
    let with = with.copied().unwrap_or_default();
    let mut why = why(&row.verdict);
    if let Some(file) = &row.unsafe_file {
        why += &format!("; it names `{file}`, which is none of its files");
    }
    Line {
        what: row.key.clone(),
        age: row.last_alive.map(|time| now.since(time)),
        files: with.count,
        bytes: row.size_bytes + with.bytes,
        why,
    }
}

fn file_line(file: &FileVerdict, now: Timestamp) -> Line {
    let folder = match file.folder {
        session_reaper::Folder::Here => "",
        session_reaper::Folder::Archive => "archive/",
    };
    Line {
        what: format!("{folder}{}", file.name.display()),
        age: Some(now.since(file.modified)),
        files: 0,
        bytes: file.size_bytes,
        why: why(&file.verdict),
    }
}

/// A verdict in a few words.
fn why(verdict: &Verdict) -> String {
    let reason = verdict.reason();
    match (verdict, verdict.act()) {
        (Verdict::Keep(Keep::TooYoung { until }), _) => format!("stays until {}", iso(*until)),
        (Verdict::Keep(Keep::ReferencedBy { key }), _) => format!("stays, needed by {key}"),
        (Verdict::Keep(Keep::Unclear { why }), _) => format!("stays, {why}"),
        (Verdict::Go(Go::With { key }), _) => format!("goes with {key}"),
        (_, None) => format!("stays, {reason}"),
        (_, Some(Act::Archive)) => reason.to_owned(),
        (_, Some(Act::Remove)) => format!("{reason}, removed"),
    }
}

/// How many go, and how many stay, by reason.
fn reasons(plan: &Plan, goes: bool) -> String {
    let mut reasons: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for verdict in plan.rows.iter().map(|row| &row.verdict) {
        reasons.entry(verdict.reason()).or_default().0 += u64::from(verdict.goes() == goes);
    }
    for verdict in plan.files.iter().map(|file| &file.verdict) {
        reasons.entry(verdict.reason()).or_default().1 += u64::from(verdict.goes() == goes);
    }
    let reasons = reasons.into_iter().filter_map(|(reason, counts)| match counts {
        (0, 0) => None,
        (rows, 0) => Some(format!("{} {reason}", counted(rows, "row"))),
        (0, files) => Some(format!("{} {reason}", counted(files, "file"))),
        (rows, files) => {
            Some(format!("{} and {} {reason}", counted(rows, "row"), counted(files, "file")))
        }
    });
    let reasons: Vec<String> = reasons.collect();
    if reasons.is_empty() {
        return String::new();
    }
    format!("  {}: {}\n", if goes { "go" } else { "stay" }, reasons.join(", "))
}

/// What else has to be said of a directory.
fn notes(place: &Place, planned: &Planned) -> Vec<String> {
    let plan = &planned.plan;
    let mut notes = Vec::new();
    if let Some(error) = &plan.refused {
        notes.push(format!(
            "The store cannot be trusted: {}. Nothing of it is touched; see to it, or put a backup in its place.",
            in_full(error)
        ));
    }
    if planned.is_interrupted {
        notes.push("A sweep was interrupted here; the next one finishes it.".to_owned());
    }
    if 0 < planned.damaged_lines {
        let lines = counted(planned.damaged_lines, "line");
        notes.push(format!("{lines} of the journal cannot be read; what they say is lost."));
    }
    let shortfall = plan.shortfall;
    if 0 < shortfall.dir_bytes {
        let size = bytes(shortfall.dir_bytes);
        notes.push(format!(
            "The directory is still {size} too large; what is left are no archives."
        ));
    }
    if 0 < shortfall.free_bytes {
        let size = bytes(shortfall.free_bytes);
        notes
            .push(format!("{size} of free space are still missing; what is left are no archives."));
    }
    if let (Some(path), Some(database)) = (&place.database, &planned.database) {
        let standing = database_standing(database, plan);
        notes.push(format!(
            "Its sessions are in {}, which only OpenClaw changes: `openclaw sessions cleanup --dry-run`.",
            plain(&path.display().to_string())
        ));
        for (total, what) in [
            (standing.unpublished, "archive is in the database and no file yet"),
            (standing.missing, "archive should be a file and is not there"),
            (standing.leftovers, "file was left when the sessions moved there"),
        ] {
            if 0 < total.count {
                notes.push(format!("{} × {what} ({})", count(total.count), bytes(total.bytes)));
            }
        }
    }
    notes
}

/// What all of it comes to.
pub(crate) fn totals(plans: &[&Plan]) -> String {
    let sum = |total: fn(&Plan) -> Total| {
        plans.iter().fold(Total::default(), |mut sum, plan| {
            sum += total(plan);
            sum
        })
    };
    let (rows, archiving) = (sum(Plan::rows_going), sum(Plan::archiving));
    let (removing, cut_short) =
        (sum(Plan::reclaiming), plans.iter().any(|plan| plan.is_cut_short()));
    let mut text = String::new();
    if rows.count + archiving.count == 0 {
        text += "To archive  nothing\n";
    } else {
        text += &format!(
            "To archive  {} and {}, {}\n",
            counted(rows.count, "row"),
            counted(archiving.count, "file"),
            bytes(rows.bytes + archiving.bytes)
        );
    }
    if 0 < removing.count {
        let size = bytes(removing.bytes);
        text += &format!("To remove   {}, {size}\n", counted(removing.count, "file"));
    }
    if cut_short {
        text += "The limits of one sweep leave some of it for the next.\n";
    }
    text
}

/// What a sweep of one directory did; nothing if it did nothing.
pub(crate) fn sweep(place: &Place, sweep: &Sweep) -> String {
    let mut text = String::new();
    let mut done = Vec::new();
    let recovered = sweep.recovered;
    if 0 < recovered.finished + recovered.undone {
        done.push(format!(
            "an interrupted sweep: {} finished, {} undone",
            count(recovered.finished),
            count(recovered.undone)
        ));
    }
    if 0 < sweep.archived_rows.count + sweep.archived_files.count {
        let mut archived = format!(
            "archived {} and {}, {}",
            counted(sweep.archived_rows.count, "row"),
            counted(sweep.archived_files.count, "file"),
            bytes(sweep.archived_rows.bytes + sweep.archived_files.bytes)
        );
        if 0 < sweep.saved_bytes {
            archived += &format!(" (compressed, which saves {})", bytes(sweep.saved_bytes));
        }
        done.push(archived);
    }
    if 0 < sweep.removed_files.count {
        let size = bytes(sweep.removed_files.bytes);
        done.push(format!("removed {}, {size}", counted(sweep.removed_files.count, "file")));
    }
    if !sweep.changed.is_empty() {
        let count = sweep.changed.len() as u64;
        done.push(format!("left {} that changed meanwhile", counted(count, "session")));
    }
    if sweep.broken_off {
        done.push("broken off; the rest is as it was".to_owned());
    }
    if done.is_empty() && sweep.failures.is_empty() && sweep.plan.refused.is_none() {
        return text;
    }
    if done.is_empty() {
        done.push("nothing done".to_owned());
    }
    text += &format!("{} {}: {}\n", runtime(place.layout), plain(&place.name), done.join("; "));
    for failure in &sweep.failures {
        text += &format!("  {}: {}\n", plain(&failure.what), in_full(&failure.error));
    }
    if let Some(error) = &sweep.plan.refused {
        text += &format!("  the store cannot be trusted: {}\n", in_full(error));
    }
    text
}

/// What can be restored in one directory.
pub(crate) fn archives(place: &Place, archives: &[Archive]) -> String {
    let mut text = format!(
        "{} {}  {}\n",
        runtime(place.layout),
        plain(&place.name),
        plain(&place.dir.display().to_string())
    );
    let mut rows = table(&[]);
    let numbers = ["Until", "Files", "Size"].map(|name| right(name.to_owned()));
    rows.set_header([left("  Archived")].into_iter().chain(numbers).chain([left("What")]));
    for archive in archives {
        let names = archive.files.iter().map(|file| file.of.as_str());
        let what = archive.key.clone().unwrap_or_else(|| names.collect::<Vec<_>>().join(", "));
        rows.add_row([
            left(format!("  {}", archive.at.map_or_else(|| "unknown".to_owned(), iso))),
            right(archive.until.map_or_else(|| "for ever".to_owned(), iso)),
            right(count(archive.files.len() as u64)),
            right(bytes(archive.size_bytes())),
            left(plain(&what)),
        ]);
    }
    text += &lines(&mut rows);
    text + "\n"
}

/// Where was looked, if there was nothing.
pub(crate) fn nothing_found(roots: &Roots) -> String {
    let mut text = "No sessions found. Looked in:\n".to_owned();
    for root in roots.all() {
        let is_there = common_fs::Host::real().fs.open_dir(root).is_ok();
        let note = if is_there { "" } else { " (no such directory)" };
        text += &format!("  {}{note}\n", plain(&root.display().to_string()));
    }
    text += "\nIf a runtime keeps its files elsewhere, set OPENCLAW_STATE_DIR, CLAUDE_CONFIG_DIR or CODEX_HOME,\nor name the directory: --openclaw DIR, --claude DIR, --codex DIR.\n";
    text += "To see it work on made-up sessions: session-reaper demo\n";
    text
}
