//! Made-up sessions, so that everybody can see what a sweep does.

use std::{path::Path, process::ExitCode, time::SystemTime};

use anyhow::{Context as _, ensure};
use cli_support::{Interrupt, print, text};
use common_fs::{Clock as _, Host, SystemClock};
use demo_corpus::openclaw_store::Agent;
use serde_json::json;
use session_reaper::{
    Configured, Listing, Roots, Settings, SweepOptions, archives, newest, plan, restore,
};

use crate::{
    args::DemoArgs,
    found::Planned,
    json,
    report::{self, View},
};

pub(crate) fn run(interrupt: &Interrupt, args: &DemoArgs) -> anyhow::Result<ExitCode> {
    let temp = tempfile::tempdir().context("cannot create a temporary directory")?;
    let root = fs_err::canonicalize(temp.path())?;
    fill(&root)?;
    if args.keep {
        let kept = temp.keep();
        print(&format!(
            "Made-up sessions are in {0}. Try:\n  session-reaper plan --openclaw {0}\n  session-reaper sweep --openclaw {0}\n  session-reaper list --openclaw {0}\n  session-reaper restore --all --openclaw {0}\n",
            kept.display()
        ))?;
        return Ok(ExitCode::SUCCESS);
    }
    let host = Host::real();
    let roots = Roots { openclaw: vec![root.clone()], ..Roots::default() };
    let (places, _) = roots.places(host.fs);
    let place = places.first().context("the made-up sessions are gone")?;
    let policy = Settings::default().policy(Configured::Unset)?;

    let before = tree(&place.dir)?;
    let listing = Listing::read(host, place, &policy)?;
    let planned = Planned {
        plan: plan(host.clock.now(), &listing.snapshot(None), &policy),
        is_interrupted: false,
        damaged_lines: 0,
        database: None,
    };
    let orders =
        session_reaper::Orders { policy: &policy, options: SweepOptions::USUAL, needs: None };
    let swept = session_reaper::sweep(host, place, orders, &mut |_| match interrupt.exit_code() {
        Some(_) => std::ops::ControlFlow::Break(()),
        None => std::ops::ControlFlow::Continue(()),
    })?;
    let found = archives(host, place, &policy)?;
    let swept_away = newest(found.iter().filter(|archive| archive.sweep().is_some()));
    let restored = restore(host, place, swept_away, SweepOptions::USUAL.lock_wait)?;
    let after = tree(&place.dir)?;
    let removed = swept.removed_files.count;
    let missing = before.keys().filter(|name| !after.contains_key(*name)).count() as u64;
    let changed = after.iter().filter(|(name, content)| before.get(*name) != Some(content));
    ensure!(changed.count() == 0 && missing == removed, "not everything came back");

    if args.json {
        print(&json::to_text(&json!({
            "schemaVersion": 1,
            "command": "demo",
            "plan": json::plan(place, &planned, false),
            "sweep": json::sweep(place, &swept),
            "restore": json::restored(place, &restored),
        }))?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = host.clock.now();
    let mut shown = report::plan(place, &planned, View::Going, None, now);
    shown += &report::totals(&[&planned.plan]);
    shown += "\nThen a sweep, which `session-reaper sweep` does after asking:\n  ";
    shown += &report::sweep(place, &swept);
    shown += "And back again, with `session-reaper restore --all`:\n";
    shown += &format!(
        "  restored {} and {}; every byte is what it was, but for {} whose time was over.\n",
        text::counted(restored.rows.len() as u64, "row"),
        text::counted(restored.files.len() as u64, "file"),
        text::counted(removed, "archive")
    );
    shown += "These sessions are gone now; `session-reaper demo --keep` leaves them to you.\n";
    print(&shown)?;
    Ok(ExitCode::SUCCESS)
}

fn fill(root: &Path) -> anyhow::Result<()> {
    let latest_millis = SystemClock.now().unix_millis();
    for file in (Agent { latest_millis, ..Agent::SMALL }).files() {
        let path = root.join(&file.path);
        fs_err::create_dir_all(path.parent().unwrap_or(root))?;
        fs_err::write(&path, &file.content)?;
        let millis = u64::try_from(file.modified_millis).unwrap_or_default();
        let modified = SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(millis);
        fs_err::OpenOptions::new().write(true).open(&path)?.set_modified(modified)?;
    }
    Ok(())
}

/// The content of all files, by name.
fn tree(dir: &Path) -> anyhow::Result<std::collections::BTreeMap<String, Vec<u8>>> {
    let mut tree = std::collections::BTreeMap::new();
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            let name = entry.file_name().to_string_lossy().into_owned();
            tree.insert(name, fs_err::read(entry.path())?);
        }
    }
    Ok(tree)
}
