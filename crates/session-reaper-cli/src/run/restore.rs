use std::{process::ExitCode, time::Duration};

use cli_support::{
    print,
    text::{bytes, count, counted, in_full, plain},
};
use common_fs::Host;
use session_reaper::{Archive, Place, archives, newest, restore, select};

use super::{exit, message, problems};
use crate::{
    args::{ListArgs, PolicyArgs, RestoreArgs},
    found::Found,
    json, report,
};

/// As long as OpenClaw waits.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// What there is in each directory; what cannot be looked at is among the problems.
fn all(found: &Found, problems: &mut Vec<String>) -> Vec<(Place, Vec<Archive>)> {
    let mut all = Vec::new();
    for (place, policy) in &found.places {
        match archives(Host::real(), place, policy) {
            Ok(archives) => all.push((place.clone(), archives)),
            Err(error) => {
                let problem = in_full(&error);
                message(&problem);
                problems.push(problem);
            }
        }
    }
    all
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let found = Found::new(&args.place, &args.policy)?;
    let mut problems = problems(&found);
    let all = all(&found, &mut problems);
    if args.json {
        let places = all.iter().map(|(place, archives)| json::archives(place, archives));
        print(&json::to_text(&json::document("list", &places.collect::<Vec<_>>(), &problems))?)?;
        return Ok(exit(problems.is_empty()));
    }
    let shown = all.iter().filter(|(_, archives)| !archives.is_empty());
    let mut text: String =
        shown.map(|(place, archives)| report::archives(place, archives)).collect();
    text += &if found.places.is_empty() {
        report::nothing_found(&found.roots)
    } else if text.is_empty() {
        "Nothing is archived.\n".to_owned()
    } else {
        let archives: Vec<&Archive> = all.iter().flat_map(|(_, archives)| archives).collect();
        let size = archives.iter().map(|archive| archive.size_bytes()).sum();
        format!(
            "{}, {}; `session-reaper restore KEY|FILE` puts one back.\n",
            counted(archives.len() as u64, "archive"),
            bytes(size)
        )
    };
    print(&text)?;
    Ok(exit(problems.is_empty()))
}

pub(super) fn run(args: &RestoreArgs) -> anyhow::Result<ExitCode> {
    let found = Found::new(&args.place, &PolicyArgs::default())?;
    let mut problems = problems(&found);
    let all = all(&found, &mut problems);
    let mut is_complete = problems.is_empty();
    for what in &args.what {
        if !all.iter().any(|(_, archives)| !select(archives, name_of(what)).is_empty()) {
            let problem =
                format!("nothing that is archived is called `{what}`; see `session-reaper list`");
            message(&problem);
            problems.push(problem);
            is_complete = false;
        }
    }
    let mut places = Vec::new();
    let mut text = String::new();
    for (place, archives) in &all {
        let chosen = chosen(args, archives);
        if chosen.is_empty() {
            continue;
        }
        if args.dry_run {
            let archives: Vec<Archive> = chosen.into_iter().cloned().collect();
            places.push(json::archives(place, &archives));
            text += &report::archives(place, &archives);
            continue;
        }
        let name = format!("{} {}", report::runtime(place.layout), plain(&place.name));
        match restore(Host::real(), place, chosen, LOCK_WAIT) {
            Ok(restored) => {
                is_complete &= restored.failures.is_empty();
                text += &format!(
                    "{name}: restored {} and {}, {}\n",
                    counted(restored.rows.len() as u64, "row"),
                    counted(restored.files.len() as u64, "file"),
                    bytes(restored.total.bytes)
                );
                for failure in &restored.failures {
                    text += &format!("  {}: {}\n", plain(&failure.what), in_full(&failure.error));
                }
                places.push(json::restored(place, &restored));
            }
            Err(error) => {
                is_complete = false;
                text += &format!("{name}: {}\n", in_full(&error));
                places.push(json::failed(place, &error));
            }
        }
    }
    if args.dry_run && !text.is_empty() {
        text += &format!(
            "Nothing has changed; without --dry-run this restores {}.\n",
            count(all.iter().map(|(_, archives)| chosen(args, archives).len() as u64).sum(),)
        );
    }
    if text.is_empty() && (args.all || args.last) {
        text += "Nothing is archived.\n";
    }
    print(&if args.json {
        json::to_text(&json::document("restore", &places, &problems))?
    } else {
        text
    })?;
    Ok(exit(is_complete))
}

/// What of a directory is asked for.
fn chosen<'a>(args: &RestoreArgs, archives: &'a [Archive]) -> Vec<&'a Archive> {
    if args.last {
        let last = archives.iter().filter_map(Archive::sweep).max();
        let is_last = |archive: &&Archive| last.is_some() && archive.sweep() == last;
        return archives.iter().filter(is_last).collect();
    }
    if args.all {
        return newest(archives.iter().filter(|archive| archive.sweep().is_some()));
    }
    newest(args.what.iter().flat_map(|what| select(archives, name_of(what))))
}

/// People also name files by their whole paths.
fn name_of(what: &str) -> &str {
    what.rsplit_once('/').map_or(what, |(_, name)| name)
}
