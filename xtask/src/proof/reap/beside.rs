//! Sweeps while others write to the store, under the lock of OpenClaw.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, bail, ensure};
use common_fs::{Clock as _, Host, SystemClock, lock::LockError};
use demo_corpus::openclaw_store::{Session, store};
use serde::Serialize;
use session_reaper::{Place, SweepError, SweepOptions, archives, restore};

use super::{
    home::{Home, is_clean, none_failed, safe, try_sweep, write},
    peers::{COUNTER, Peer, Updated, counted},
    protocol,
};
use crate::proof::claim;

/// Rows that the others update.
const ROWS: u32 = 40;
/// New runs before each sweep, which it has to find.
const RUNS: u64 = 2;
const OLD_MILLIS: i64 = 30 * 3_600_000;
/// Between two sweeps.
const PAUSE: Duration = Duration::from_millis(150);

/// What happened meanwhile.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Beside {
    rust: Updated,
    /// `null` where there is no Node.
    node: Option<Updated>,
    sweeps: u64,
    /// How many of them gave up, as the lock was always held when they looked; nothing changed.
    busy_sweeps: u64,
    archived_rows: u64,
    restored_rows: u64,
    wall_ms: u64,
}

/// Runs that have ended long ago, and came only now.
#[derive(Default)]
struct Added {
    /// Transcripts by key.
    runs: BTreeMap<String, (Session, String)>,
    /// Of these, how many no sweep has found yet.
    due: u64,
}

pub(super) fn prove(updates: u64) -> anyhow::Result<Beside> {
    let begun = SystemClock.monotonic();
    let home = Home::create()?;
    let keys: Vec<String> = (0..ROWS).map(|nth| format!("agent:main:telegram:dm:{nth}")).collect();
    let members = keys.iter().map(|key| format!("  \"{key}\": {{\n    {COUNTER}0\n  }}"));
    fs_err::write(home.dir.join("sessions.json"), store(members))?;
    let place = home.place()?;
    let mut added = Added::default();
    let (mut sweeps, mut busy_sweeps, mut archived_rows) = (0, 0, 0);

    let mut rust = Peer::rust(&home.dir, updates)?;
    let mut node = Peer::node(&home.root, &home.dir, updates)?;
    loop {
        let have_ended = rust.has_ended()? && node.as_mut().map_or(Ok(true), Peer::has_ended)?;
        added.add(&home, RUNS)?;
        match try_sweep(Host::real(), &place, &safe(), SweepOptions::USUAL, None) {
            Ok(sweep) => {
                let sweep = is_clean(sweep)?;
                claim("rows archived beside writers", sweep.archived_rows.count, added.due)?;
                claim("files archived beside writers", sweep.archived_files.count, added.due)?;
                archived_rows += std::mem::take(&mut added.due);
                sweeps += 1;
            }
            Err(SweepError::Lock(LockError::Busy { .. })) if !have_ended => busy_sweeps += 1,
            Err(error) => return Err(error).context("a sweep beside writers"),
        }
        if have_ended {
            break;
        }
        SystemClock.sleep(PAUSE);
    }
    let rust = rust.end()?;
    let node = node.map(Peer::end).transpose()?;
    ensure!(1 < sweeps, "the others had written before anybody swept");

    let text = fs_err::read_to_string(home.dir.join("sessions.json"))?;
    let wanted = rust.updates + node.map_or(0, |node| node.updates);
    claim("updates of all rows", counted(&text)?, wanted)?;
    claim("updates that were made", wanted, updates * if node.is_some() { 2 } else { 1 })?;
    let rows = rows(&text)?;
    claim("rows that stay", rows.len() as u64, keys.len() as u64)?;
    ensure!(keys.iter().all(|key| rows.contains_key(key)), "a row that stays is missing");
    let restored_rows = added.restore(&home, &place)?;
    let wall = SystemClock.monotonic().saturating_sub(begun);
    let wall_ms = u64::try_from(wall.as_millis())?;
    Ok(Beside { rust, node, sweeps, busy_sweeps, archived_rows, restored_rows, wall_ms })
}

type Rows = BTreeMap<String, serde_json::Value>;

fn rows(text: &str) -> anyhow::Result<Rows> {
    serde_json::from_str(text).context("the store is not whole")
}

impl Added {
    /// Adds runs, as OpenClaw does: a transcript, and a row at the end of the store.
    fn add(&mut self, home: &Home, runs: u64) -> anyhow::Result<()> {
        let updated = SystemClock.now().unix_millis() - OLD_MILLIS;
        let mut members = String::new();
        for _ in 0..runs {
            let id = format!("run-{}", self.runs.len());
            let session = Session::of_run("nightly", &id, updated);
            let transcript = format!("{{\"type\":\"session\",\"id\":\"{id}\"}}\n");
            write(&home.dir.join(&session.file), transcript.as_bytes(), updated)?;
            members.push_str(",\n");
            members.push_str(&session.member());
            self.runs.insert(session.key.clone(), (session, transcript));
        }
        protocol::update(&home.dir, |text| {
            let Some(rest) = text.strip_suffix("\n}") else { bail!("the store is cut off") };
            Ok(format!("{rest}{members}\n}}"))
        })?;
        self.due += runs;
        Ok(())
    }

    /// Restores everything, and looks whether it is what it was.
    fn restore(&self, home: &Home, place: &Place) -> anyhow::Result<u64> {
        let all = archives(Host::real(), place, &safe())?;
        claim("archives beside writers", all.len() as u64, self.runs.len() as u64)?;
        let restored = restore(Host::real(), place, &all, SweepOptions::USUAL.lock_wait)?;
        none_failed(&restored.failures)?;
        let rows = rows(&fs_err::read_to_string(home.dir.join("sessions.json"))?)?;
        for (key, (session, transcript)) in &self.runs {
            let was = self::rows(&store([session.member()]))?;
            ensure!(rows.get(key) == was.get(key), "the row {key} is not what it was");
            let is = fs_err::read_to_string(home.dir.join(&session.file))?;
            ensure!(is == *transcript, "the transcript {} is not what it was", session.file);
        }
        Ok(restored.rows.len() as u64)
    }
}
