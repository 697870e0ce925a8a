//! `cache-warmer status`.

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use anyhow::Context as _;
use cache_warmer::{Ledger, NanoDollars, StateDir, StoredSettings, Verdict};
use cli_support::{
    print,
    text::{count, counted, plain, span},
};
use common_fs::{Clock as _, Host, SystemClock, Timestamp};
use serde::Serialize;

use crate::{args::Status, report::dollars, state_dir::state_dir};

const SCHEMA_VERSION: u32 = 1;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1_000;

pub(crate) fn run(args: Status) -> anyhow::Result<ExitCode> {
    let path = state_dir()?;
    let state = StateDir::existing(Host::real(), &path)?;
    let (ledger, settings) = match &state {
        Some(state) => (state.ledger()?, state.settings()?),
        None => (Ledger::default(), StoredSettings::default()),
    };
    print(&if args.prometheus {
        ledger.to_prometheus()
    } else if args.json {
        json(&path, state.is_some(), &ledger, &settings).context("cannot write JSON")?
    } else if state.is_none() {
        let path = plain(&path.display().to_string());
        format!(
            "Nothing has been warmed yet: there is no {path}.\nTo see what warming would do: cache-warmer simulate\n"
        )
    } else {
        text(&path, &ledger, &settings, SystemClock.now())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn text(path: &Path, ledger: &Ledger, settings: &StoredSettings, now: Timestamp) -> String {
    let today = if ledger.today.day == now.unix_millis().div_euclid(DAY_MILLIS) {
        ledger.today.spent
    } else {
        NanoDollars::ZERO
    };
    let spells = &ledger.spells;
    let mut text = format!(
        "State      {}\nSpent      {}, of which {} today (UTC)\nSaved      {}: {} were read that would have been written\nNet        {}\n",
        plain(&path.display().to_string()),
        dollars(ledger.spent),
        dollars(today),
        dollars(ledger.saved),
        counted(ledger.saved_tokens, "token"),
        dollars(ledger.net()),
    );
    let pings = Verdict::ALL.iter().filter_map(|verdict| {
        let number = ledger.pings.get(verdict).filter(|number| 0 < **number)?;
        Some(format!("{} {}", count(*number), verdict.name()))
    });
    let failed = ledger.failed.iter().map(|(name, number)| format!("{} {name}", count(*number)));
    let unconfirmed =
        (0 < ledger.unconfirmed).then(|| format!("{} of unknown cost", count(ledger.unconfirmed)));
    text += &line("Pings", pings.chain(failed.map(|failed| plain(&failed))).chain(unconfirmed));
    let ends = [
        (spells.saved, "saved a rewrite"),
        (spells.needless, "were not needed"),
        (spells.lost, "were in vain"),
        (spells.closed, "ended with the conversation"),
    ];
    let ends = ends.into_iter().filter(|(number, _)| 0 < *number);
    text += &line("Pauses", ends.map(|(number, what)| format!("{} {what}", count(number))));
    for (reason, number) in &ledger.stops {
        text +=
            &format!("Stopped    {} x {}: {}\n", count(*number), reason.name(), reason.explain());
    }
    for (conversation, settings) in settings.iter() {
        let switched = if settings.enabled { "on" } else { "off" };
        let every = settings.interval.map_or_else(String::new, |interval| {
            format!(", at least every {}", span(interval.millis().into()))
        });
        text += &format!("Set        {}: {switched}{every}\n", plain(conversation));
    }
    if settings.damaged {
        text += "Set        cannot be read: warming is off for every conversation\n";
    }
    text
}

fn line(name: &str, parts: impl Iterator<Item = String>) -> String {
    let parts: Vec<_> = parts.collect();
    let all = if parts.is_empty() { "none".to_owned() } else { parts.join(", ") };
    format!("{name:10} {all}\n")
}

fn json(
    path: &Path,
    exists: bool,
    ledger: &Ledger,
    settings: &StoredSettings,
) -> serde_json::Result<String> {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        path: path.display().to_string(),
        exists,
        net_nano_dollars: ledger.net(),
        ledger,
        settings: settings.iter().map(|(name, settings)| (name, settings.to_json())).collect(),
        settings_damaged: settings.damaged,
    };
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'s> {
    schema_version: u32,
    path: String,
    exists: bool,
    net_nano_dollars: NanoDollars,
    ledger: &'s Ledger,
    settings: BTreeMap<&'s str, serde_json::Value>,
    settings_damaged: bool,
}
