//! The commands that move history from one machine to another.

use std::{
    convert::Infallible,
    io::{self, Read as _},
    path::Path,
    process::ExitCode,
};

use anyhow::Context as _;
use cli_support::{
    Interrupt, print,
    text::{self, counted, plain},
};
use common_fs::{
    Access, Host,
    replace::{self, FileMode, Symlinks},
};
use usage_cache::{
    Query, Refreshed, Usage, UsageCache, Zone,
    ledger::{self, Exported, Import, Ledger, Saving},
};

use super::{locations, message, options, prices, refreshed};
use crate::{
    args::{LedgerCommand, LedgerExportArgs, LedgerImportArgs},
    json,
    text::dollars,
};

/// The same as for a cache file: that of hundreds of thousands of transcripts.
const LEDGER_BYTES_MAX: usize = 1024 * 1024 * 1024;

pub(super) fn run(interrupt: &Interrupt, command: &LedgerCommand) -> anyhow::Result<ExitCode> {
    match command {
        LedgerCommand::Export(args) => export(interrupt, args),
        LedgerCommand::Import(args) => import(interrupt, args),
    }
}

/// Whether a file stands for standard input or output.
fn is_standard(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn export(interrupt: &Interrupt, args: &LedgerExportArgs) -> anyhow::Result<ExitCode> {
    let (host, locations) = (Host::real(), locations()?);
    let Refreshed { usage, .. } = match refreshed(interrupt, &locations) {
        Ok(refreshed) => refreshed,
        Err(code) => return Ok(code),
    };
    let name = ledger::identify(host, &options(&locations))
        .context("cannot give this ledger a name, by which others recognise it")?;
    let which = if args.gone_only { Exported::Gone } else { Exported::All };
    let mut content = Vec::new();
    let mut write = |line: &[u8]| {
        content.extend_from_slice(line);
        Ok::<(), Infallible>(())
    };
    let Ok(transcripts) = ledger::export(&usage, which, name, host.clock.now(), &mut write);
    let Some(file) = args.file.as_deref().filter(|file| !is_standard(file)) else {
        print(&String::from_utf8(content)?)?;
        return Ok(ExitCode::SUCCESS);
    };
    let path = std::path::absolute(file)?;
    let options = replace::Options { mode: FileMode::Private, symlinks: Symlinks::Follow };
    replace::replace(host, &path, &content, options)?;
    print(&format!(
        "Wrote {} ({}) to `{}`.\n",
        counted(transcripts, "transcript"),
        text::bytes(content.len() as u64),
        plain(&file.display().to_string()),
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn import(interrupt: &Interrupt, args: &LedgerImportArgs) -> anyhow::Result<ExitCode> {
    let (host, locations) = (Host::real(), locations()?);
    let named = || format!("cannot import `{}`", plain(&args.file.display().to_string()));
    // Before anything takes long.
    let content = read(host, &args.file).with_context(named)?;
    let ledger = Ledger::read(&content).with_context(named)?;
    let prices = prices(&locations, None)?;
    let Refreshed { usage: before, .. } = match refreshed(interrupt, &locations) {
        Ok(refreshed) => refreshed,
        Err(code) => return Ok(code),
    };
    let saving = if args.dry_run { Saving::Dry } else { Saving::Saved };
    let options = options(&locations);
    let import = ledger::import(host, &options, &ledger, saving).with_context(named)?;
    for problem in &import.problems {
        message(&format!("warning: {}", text::in_full(problem)));
    }
    let totals = |usage: &UsageCache| usage.summary(&Query::all(Zone::utc()), &prices).totals;
    let added = more(&totals(&import.usage), &totals(&before));
    print(&if args.json {
        json::to_text(&json::import(&ledger.header(), &import, args.dry_run, &added))?
    } else {
        for_people(&ledger, &import, args.dry_run, &added)
    })?;
    let has_some = 0 < import.added + import.grown + import.known;
    let is_useless = 0 < import.damaged && !has_some;
    Ok(if is_useless { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn read(host: Host<'_>, file: &Path) -> anyhow::Result<Vec<u8>> {
    let too_long = "it is too long for a ledger";
    if is_standard(file) {
        let mut content = Vec::new();
        let limit = LEDGER_BYTES_MAX as u64 + 1;
        io::stdin().lock().take(limit).read_to_end(&mut content).context("cannot read it")?;
        anyhow::ensure!(content.len() <= LEDGER_BYTES_MAX, "{too_long}");
        return Ok(content);
    }
    let (dir, name) = common_fs::follow_links(host.fs, &std::path::absolute(file)?)?;
    let opened = dir.open(&name, Access::Read)?;
    common_fs::read_whole(opened.as_ref(), LEDGER_BYTES_MAX)?.context(too_long)
}

/// What is more in `after`.
fn more(after: &Usage, before: &Usage) -> Usage {
    let mut more = *after;
    more.events = after.events.saturating_sub(before.events);
    more.tokens.total = after.tokens.total.saturating_sub(before.tokens.total);
    more.cost.0 = after.cost.0.saturating_sub(before.cost.0);
    more
}

fn for_people(ledger: &Ledger<'_>, import: &Import, is_dry: bool, added: &Usage) -> String {
    let header = ledger.header();
    let mut text = format!(
        "Ledger       {:016x}, exported {}\n",
        header.ledger.0,
        text::iso(header.exported_at)
    );
    let (new, longer) = if is_dry { ("Would add", "Would grow") } else { ("Added", "Grown") };
    let rows = [(new, import.added), (longer, import.grown), ("Known", import.known)];
    for (word, number) in rows {
        text += &format!("{word:12} {}\n", counted(number, "transcript"));
    }
    text += &format!(
        "{:12} {}, {}, {}\n",
        if is_dry { "Would count" } else { "Counts" },
        counted(added.events, "answer"),
        counted(added.tokens.total, "token"),
        dollars(added.cost),
    );
    if 0 < import.damaged {
        let lines = counted(import.damaged, "line");
        text += &format!("Skipped: {lines} that are damaged or missing.\n");
    }
    text
}
