use std::process::ExitCode;

use cli_support::{
    print,
    table::{left, lines, right, table},
    text::{bytes, count, iso, plain},
};
use common_fs::FileKind;
use session_reaper::{FileClass, Place, Total, classify};

use super::{exit, plans, problems};
use crate::{
    args::StatusArgs,
    found::{Found, Planned},
    json, kept, report,
};

pub(super) fn run(args: &StatusArgs) -> anyhow::Result<ExitCode> {
    let reaper = kept::load();
    if args.prometheus {
        print(&reaper.counters().prometheus())?;
        return Ok(ExitCode::SUCCESS);
    }
    let found = Found::new(&args.place, &args.policy)?;
    let mut problems = problems(&found);
    let plans = plans(&found, &mut problems);
    let is_complete = problems.is_empty();
    if args.json {
        let places = plans
            .iter()
            .map(|(place, planned)| json::status(place, planned, archived(place, planned)));
        let mut document = json::document("status", &places.collect::<Vec<_>>(), &problems);
        document["lastSweep"] = reaper.last_sweep().map(iso).into();
        document["counters"] = serde_json::to_value(reaper.counters())?;
        print(&json::to_text(&document)?)?;
        return Ok(exit(is_complete));
    }
    if found.places.is_empty() {
        print(&report::nothing_found(&found.roots))?;
        return Ok(exit(is_complete));
    }
    let header =
        ["Directory", "Rows", "Files", "Size", "Archives", "Size", "To go", "Size", "State"];
    let mut rows = table(&header);
    for (place, planned) in &plans {
        let plan = &planned.plan;
        let size: u64 = plan.files.iter().map(|file| file.size_bytes).sum();
        let archived = archived(place, planned);
        let mut going = plan.rows_going();
        going += plan.archiving();
        going += plan.reclaiming();
        rows.add_row([
            left(format!("{} {}", report::runtime(place.layout), plain(&place.name))),
            right(count(plan.rows.len() as u64)),
            right(count(plan.files.len() as u64)),
            right(bytes(size)),
            right(count(archived.count)),
            right(bytes(archived.bytes)),
            right(count(going.count)),
            right(bytes(going.bytes)),
            left(state(place, planned)),
        ]);
    }
    let mut text = lines(&mut rows);
    let last = reaper.last_sweep().map_or_else(|| "never, or not known".to_owned(), iso);
    text += &format!("\nLast sweep  {last}\n");
    if let Some(path) = kept::path() {
        text += &format!("Noted in    {}\n", plain(&path.display().to_string()));
    }
    print(&text)?;
    Ok(exit(is_complete))
}

/// What is the matter with a directory.
fn state(place: &Place, planned: &Planned) -> String {
    if planned.plan.refused.is_some() {
        "store refused".to_owned()
    } else if planned.is_interrupted {
        "interrupted".to_owned()
    } else if place.database.is_some() {
        "in a database".to_owned()
    } else {
        match planned.plan.next_due() {
            Some(due) if planned.plan.is_nothing() => format!("next {}", iso(due)),
            _ => String::new(),
        }
    }
}

fn archived(place: &Place, planned: &Planned) -> Total {
    let mut archived = Total::default();
    for file in &planned.plan.files {
        let kind = if file.kind == FileKind::Dir { FileKind::Dir } else { FileKind::File };
        if let FileClass::Archive { .. } = classify(&file.name, kind, place.layout) {
            archived.add(file.size_bytes);
        }
    }
    archived
}
