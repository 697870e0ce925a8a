//! The proof of seed 001: a relaunch looks only at the rows of Codex's trace database that are
//! new.
//!
//! The original is the runtime proof of steipete/CodexBar's pull request 1421: a scan without an
//! artifact, and one in a fresh process that goes on from it. Here, a writer in a third process
//! appends and prunes meanwhile, what is in the database is known exactly, and a row that was
//! changed behind the cursor shows that nobody has looked at it again.

mod database;
mod launch;
mod shell;
mod writer;

use std::{
    collections::BTreeMap,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};
use demo_corpus::trace::{FILE_NAME, TraceDb, Truth, fill};
use serde::Serialize;

use self::{
    database::{MODEL, noise, priority, row_to_change, rows_between},
    launch::{Launched, Numbers},
    shell::Compared,
    writer::{Writer, Written},
};
use super::{claim, claim_at_most};

pub(crate) use self::{
    launch::{MeasureTrace, measure},
    writer::{WriteTrace, write},
};

/// Processor time is a claim only from this size on.
pub(super) const SIZE: u64 = 400_000_000;
pub(super) const SIZE_QUICK: u64 = 40_000_000;

/// As in the original.
const TURNS: u32 = 5;
const COMPLETIONS: u32 = 288;
const SEED: u64 = 1_421;

const ARTIFACT_BYTES_MAX: u64 = 64 << 10;
/// A cursor that has moved on by fewer rows than this is not worth a write.
const ROWS_UNSAVED_MAX: u64 = 5_000;

/// So many rows are new in the relaunch of which the processor time is claimed.
const NEW_ROWS: u32 = 200;
/// For loading what is known, and scanning these.
const NEW_ROWS_CPU_MS_MAX: f64 = 5.0;
/// Others use the machine too: the least of so many measurements counts.
const NEW_ROWS_RUNS: usize = 5;
/// How many times as long as `sqlite3` with the same texts a scan from nothing may take.
const SQLITE3_RATIO_MAX: f64 = 1.3;

/// The turn of a row that is changed in place, and of one that is appended.
const CHANGED: &str = "turn-changed";
const APPENDED: &str = "turn-appended";

/// A transaction that is not committed, and has taken a row that is new.
const EXCLUSIVE: &str = "begin exclusive; delete from logs where id = (select max(id) from logs)";

/// What is printed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    /// Without an artifact, beside the writer.
    cold: Numbers,
    /// In another process, from the artifact, beside the writer.
    warm: Numbers,
    writer: Written,
    /// Without an artifact, after the writer has ended; this and what follows.
    cold_at_rest: Numbers,
    /// Without new rows.
    unchanged: Numbers,
    /// With [`NEW_ROWS`].
    warm_200_new_rows: Numbers,
    /// From the first row again, as asked for.
    forced: Numbers,
    /// Absent without a `sqlite3`.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    compared: Option<Compared>,
}

pub(super) fn prove(size_bytes: u64) -> anyhow::Result<Report> {
    let mut proof = Proof::create(size_bytes)?;
    let is_full = SIZE <= size_bytes;
    let (cold, warm, writer) = proof.relaunch()?;
    let (cold_at_rest, unchanged) = proof.at_rest()?;
    let warm_200_new_rows = proof.new_rows(&unchanged)?;
    if is_full {
        let cpu = warm_200_new_rows.cpu_ms;
        let max = NEW_ROWS_CPU_MS_MAX;
        ensure!(cpu <= max, "ms of processor with {NEW_ROWS} new rows: {cpu}, at most {max}");
    }
    let forced = proof.changed_behind_the_cursor(&unchanged)?;
    proof.exclusive_transaction(&forced)?;
    let compared = proof.compare()?;
    if let Some(Compared { sqlite3_ratio: ratio, .. }) = compared.filter(|_| is_full) {
        let max = SQLITE3_RATIO_MAX;
        ensure!(ratio <= max, "processor time compared with sqlite3: {ratio}, at most {max}");
    }
    let [cold, warm, cold_at_rest] = [cold, warm, cold_at_rest].map(|launched| launched.numbers);
    let [unchanged, forced] = [unchanged, forced].map(|launched| launched.numbers);
    Ok(Report { cold, warm, writer, cold_at_rest, unchanged, warm_200_new_rows, forced, compared })
}

struct Proof {
    temp: tempfile::TempDir,
    db: PathBuf,
    /// The turns that are in the database, and their models.
    turns: BTreeMap<String, Option<String>>,
    completions: u64,
}

impl Proof {
    fn create(size_bytes: u64) -> anyhow::Result<Self> {
        let temp = tempfile::tempdir()?;
        let db = temp.path().join(FILE_NAME);
        let Truth { turns, completions, .. } = fill(&db, size_bytes, TURNS, COMPLETIONS, SEED)?;
        let model = |turn: demo_corpus::trace::Turn| turn.final_model.or(turn.request_model);
        let turns: BTreeMap<_, _> =
            turns.into_iter().map(|(name, turn)| (name, model(turn))).collect();
        claim("priority turns of the corpus", turns.len() as u64, TURNS.into())?;
        claim("completions of the corpus", completions, COMPLETIONS.into())?;
        Ok(Self { temp, db, turns, completions })
    }

    fn state(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// A launch in a process of its own, which finds all that there is to be found.
    fn launch(&self, state: &str, force: bool) -> anyhow::Result<Launched> {
        let names = self.turns.keys().map(String::as_str).chain([CHANGED, APPENDED]);
        let launched = launch::run(&self.db, &self.state(state), force, names)?;
        let Launched { status, problem, turns, numbers, .. } = &launched;
        ensure!(status == "ok", "the launch `{state}`: {status}, {problem:?}");
        ensure!(*turns == self.turns, "turns: expected {:?}, got {turns:?}", self.turns);
        let count = self.turns.len() as u64;
        claim("priority turns with rows", numbers.priority_turns, count)?;
        claim("priority turns known", launched.known_turns, count)?;
        claim("retained completions", numbers.retained_completions, self.completions)?;
        let bytes = numbers.artifact_bytes.context("there is no artifact")?;
        claim_at_most("bytes of the artifact", bytes, ARTIFACT_BYTES_MAX)?;
        Ok(launched)
    }

    /// One of which is expected why it begins with the first row.
    fn cold(&self, state: &str, force: bool, restarted: &str) -> anyhow::Result<Launched> {
        let launched = self.launch(state, force)?;
        let said = launched.restarted.as_deref();
        ensure!(said == Some(restarted), "expected `{restarted}`, got {said:?}");
        ensure!(launched.numbers.persist_ms.is_some(), "a scan from nothing was not saved");
        self.looked_at_rows_after(0, &launched.numbers)?;
        Ok(launched)
    }

    /// One that goes on after a row.
    fn warm(&self, state: &str, cursor: i64) -> anyhow::Result<Launched> {
        let launched = self.launch(state, false)?;
        let restarted = &launched.restarted;
        ensure!(restarted.is_none(), "nothing has happened, but: {restarted:?}");
        self.looked_at_rows_after(cursor, &launched.numbers)?;
        Ok(launched)
    }

    /// Rows may have been pruned since, but those that are there are not fewer than there were.
    fn looked_at_rows_after(&self, cursor: i64, launched: &Numbers) -> anyhow::Result<()> {
        let (visited, until) = (launched.rows_visited, launched.memo_cursor);
        let now = rows_between(&self.db, cursor, until)?;
        ensure!(now <= visited, "{now} rows after {cursor}, up to {until}, but {visited} visited");
        claim_at_most("rows visited", visited, u64::try_from(until - cursor)?)
    }

    /// The original: a launch without an artifact, and one in another process.
    fn relaunch(&self) -> anyhow::Result<(Launched, Launched, Written)> {
        let mut writer = Writer::start(&self.db)?;
        writer.wait_for_pruning()?;
        let cold = self.cold("live", false, "new")?;
        let cursor = cold.numbers.memo_cursor;
        writer.wait_for_row_after(cursor)?;
        let warm = self.warm("live", cursor)?;
        let (rows, moved_to) = (warm.numbers.rows_visited, warm.numbers.memo_cursor);
        ensure!(cursor < moved_to, "the cursor has not moved on from {cursor}");
        let is_saved = warm.numbers.persist_ms.is_some();
        ensure!(is_saved == (ROWS_UNSAVED_MAX <= rows), "saved: {is_saved}, after {rows} rows");
        Ok((cold, warm, writer.end()?))
    }

    /// A launch without an artifact, and one without new rows, which writes nothing.
    fn at_rest(&self) -> anyhow::Result<(Launched, Launched)> {
        let cold = self.cold("rest", false, "new")?;
        let cursor = cold.numbers.memo_cursor;
        let rows = rows_between(&self.db, 0, cursor)?;
        claim("rows visited from nothing", cold.numbers.rows_visited, rows)?;
        let before = self.stamp("rest")?;
        let unchanged = self.warm("rest", cursor)?;
        claim("rows visited without new ones", unchanged.numbers.rows_visited, 0)?;
        self.is_unwritten("rest", before, &unchanged)?;
        let text = fs_err::read_to_string(self.artifact("rest"))?;
        ensure!(!text.contains("PRIVATE"), "the artifact has what somebody has said");
        Ok((cold, unchanged))
    }

    fn new_rows(&self, before: &Launched) -> anyhow::Result<Numbers> {
        let cursor = before.numbers.memo_cursor;
        TraceDb::open(&self.db)?.insert(&noise(NEW_ROWS))?;
        let stamp = self.stamp("rest")?;
        let run = || {
            let launched = self.warm("rest", cursor)?;
            let rows = rows_between(&self.db, cursor, launched.numbers.memo_cursor)?;
            claim("new rows", rows, NEW_ROWS.into())?;
            claim("new rows visited", launched.numbers.rows_visited, rows)?;
            // So the next run does the same again.
            self.is_unwritten("rest", stamp, &launched)?;
            Ok(launched.numbers)
        };
        let runs = (0..NEW_ROWS_RUNS).map(|_| run()).collect::<anyhow::Result<Vec<_>>>()?;
        let least = runs.into_iter().min_by(|one, other| one.cpu_ms.total_cmp(&other.cpu_ms));
        least.context("nothing was measured")
    }

    /// Codex never changes a row. If it did, a relaunch would see only what is new.
    fn changed_behind_the_cursor(&mut self, saved: &Launched) -> anyhow::Result<Launched> {
        let cursor = saved.numbers.memo_cursor;
        let row = row_to_change(&self.db, cursor / 3, &self.artifact("rest"))?;
        let mut db = TraceDb::open(&self.db)?;
        let changed = db.replace_body(row, &priority(CHANGED).body)?;
        claim("rows changed in place", changed as u64, 1)?;
        db.insert(&[priority(APPENDED)])?;
        let model = Some(MODEL.to_owned());
        self.turns.insert(APPENDED.to_owned(), model.clone());
        let warm = self.warm("rest", cursor)?;
        claim("rows visited after a change", warm.numbers.rows_visited, u64::from(NEW_ROWS) + 1)?;
        ensure!(warm.numbers.persist_ms.is_some(), "a turn was found, but nothing was saved");
        self.turns.insert(CHANGED.to_owned(), model);
        let forced = self.cold("rest", true, "forced")?;
        claim("rows visited by force", forced.numbers.rows_visited, db.count()?.try_into()?)?;
        Ok(forced)
    }

    /// In a database with a write-ahead log, nobody is kept from reading.
    fn exclusive_transaction(&self, before: &Launched) -> anyhow::Result<()> {
        let rows = noise(NEW_ROWS);
        TraceDb::open(&self.db)?.insert(&rows)?;
        let connection = rusqlite::Connection::open(&self.db)?;
        connection.execute_batch(EXCLUSIVE)?;
        let warm = self.warm("rest", before.numbers.memo_cursor)?;
        claim("rows visited beside a lock", warm.numbers.rows_visited, rows.len() as u64)
    }

    /// How long scans from nothing take, compared with `sqlite3`.
    fn compare(&self) -> anyhow::Result<Option<Compared>> {
        shell::compare(&self.db, |nth| {
            Ok(self.cold(&format!("compared-{nth}"), false, "new")?.numbers.cpu_ms)
        })
    }

    fn artifact(&self, state: &str) -> PathBuf {
        launch::locations(&self.db, &self.state(state)).turns
    }

    fn stamp(&self, state: &str) -> anyhow::Result<Stamp> {
        Stamp::of(&self.artifact(state))
    }

    fn is_unwritten(&self, state: &str, before: Stamp, by: &Launched) -> anyhow::Result<()> {
        let now = self.stamp(state)?;
        let is_unwritten = now == before && by.numbers.persist_ms.is_none();
        ensure!(is_unwritten, "the artifact was written: {before:?}, then {now:?}");
        Ok(())
    }
}

/// What tells whether a file was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    pub(super) fn of(path: &Path) -> anyhow::Result<Self> {
        let metadata = fs_err::metadata(path)?;
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Self { inode: metadata.ino(), bytes: metadata.len(), modified })
    }
}
