use std::{collections::BTreeMap, path::Path};

use fastrand::Rng;
use rusqlite::Result;

use super::{
    Row, TraceDb,
    noise::{MODELS, filler},
    uuid,
};

/// Bodies of noise have 200 bytes up to this, 4,000 on average.
const BODY_BYTES_MAX: usize = 7_800;

/// What such a row takes in the file, with its share of the indexes and of pages that are not
/// full. Measured.
const ROW_FILE_BYTES: u64 = 5_260;

/// The same for requests, submissions and ends of answers.
const EVENT_FILE_BYTES: u64 = 2_900;

/// How many rows go into one transaction.
const BATCH_ROWS: usize = 4_096;

const FIRST_TS: i64 = 1_787_000_000;

/// About as many rows a second as were seen.
const ROWS_PER_SECOND: u64 = 47;

/// An answer ends at most this many rows after it was asked for.
const ANSWER_ROWS_MAX: u64 = 2_000;

/// What a database holds that [`fill`] made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// The turns with priority, by their ids.
    pub turns: BTreeMap<String, Turn>,
    /// By the ids of turns, with and without priority: the model that ended the answer.
    pub completed: BTreeMap<String, String>,
    /// How many ends of answers there are, one for each turn that has one.
    pub completions: u64,
    /// The id of the last row, which is also the number of rows.
    pub max_rowid: i64,
}

/// A turn with priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The conversation.
    pub thread: String,
    /// The model that was asked for. `None` if there is only a submission, which does not say.
    pub request_model: Option<String>,
    /// The model that ended the answer. `None` if the trace does not tell of its end.
    pub final_model: Option<String>,
}

/// Makes a database of about `size_bytes`, with so many turns with priority and so many ends of
/// answers, of turns with priority and of others, spread over it. The same for the same
/// arguments. All that users and models say contains the word `PRIVATE`.
pub fn fill(
    path: &Path,
    size_bytes: u64,
    turns: u32,
    completions: u32,
    seed: u64,
) -> Result<Truth> {
    let mut db = TraceDb::create(path)?;
    // Nobody else has the database yet, and what goes through a log is written twice.
    db.connection.pragma_update(None, "journal_mode", "off")?;
    db.connection.pragma_update(None, "synchronous", "off")?;
    let events = u64::from(turns) + 2 * u64::from(completions);
    let noise_bytes = size_bytes.saturating_sub(events * EVENT_FILE_BYTES);
    let rows = (noise_bytes / ROW_FILE_BYTES).max(1);
    let mut plan = Plan::new(rows, seed);
    plan.turns(turns, completions);
    plan.write(&mut db)?;
    db.connection.pragma_update(None, "journal_mode", "wal")?;
    plan.truth.max_rowid = db.max_rowid()?;
    Ok(plan.truth)
}

struct Plan {
    rng: Rng,
    rows: u64,
    threads: Vec<String>,
    /// What comes before which row of noise.
    events: Vec<(u64, Row)>,
    truth: Truth,
}

impl Plan {
    fn new(rows: u64, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let threads = (0..=rows / 4_000).map(|_| uuid(&mut rng, FIRST_TS)).collect();
        Self { rng, rows, threads, events: Vec::new(), truth: Truth::default() }
    }

    fn turns(&mut self, turns: u32, completions: u32) {
        let of_priority = (turns / 2).min(completions.div_ceil(4));
        for nth in 0..turns {
            self.priority_turn(nth, nth < of_priority);
        }
        for _ in of_priority..completions {
            self.other_turn();
        }
        self.events.sort_by_key(|(position, _)| *position);
    }

    fn priority_turn(&mut self, nth: u32, is_completed: bool) {
        let (position, thread, model) = self.draw();
        let (ts, private) = (ts_at(position), self.private());
        let turn = uuid(&mut self.rng, ts);
        let (has_submission, has_request) = (!nth.is_multiple_of(3), nth % 3 != 1);
        if has_submission {
            self.events.push((position, Row::submission(ts, &thread, &turn, &private)));
        }
        if has_request {
            let tier = Some("priority");
            let row = Row::request(ts, &thread, &turn, model, tier, &private);
            self.events.push((position, row));
        }
        let final_model = is_completed.then(|| self.complete(position, &thread, &turn, model));
        let request_model = has_request.then(|| model.to_owned());
        self.truth.turns.insert(turn, Turn { thread, request_model, final_model });
    }

    /// An answer that was not asked for with priority.
    fn other_turn(&mut self) {
        let (position, thread, model) = self.draw();
        let (ts, private) = (ts_at(position), self.private());
        let turn = uuid(&mut self.rng, ts);
        let tier = [None, Some("default"), Some("flex")][self.rng.usize(..3)];
        let row = Row::request(ts, &thread, &turn, model, tier, &private);
        self.events.push((position, row));
        self.complete(position, &thread, &turn, model);
    }

    /// Some rows later the answer ends, now and then by another model.
    fn complete(&mut self, position: u64, thread: &str, turn: &str, model: &str) -> String {
        let position = (position + self.rng.u64(..ANSWER_ROWS_MAX)).min(self.rows - 1);
        let model = if self.rng.u8(..) < 25 { "gpt-5.4-mini" } else { model };
        let private = self.private();
        let row = Row::completion(ts_at(position), thread, turn, model, &private);
        self.events.push((position, row));
        self.truth.completions += 1;
        self.truth.completed.insert(turn.to_owned(), model.to_owned());
        model.to_owned()
    }

    fn draw(&mut self) -> (u64, String, &'static str) {
        let position = self.rng.u64(..self.rows);
        let thread = self.rng.usize(..self.threads.len());
        let thread = self.threads.get(thread).cloned().unwrap_or_default();
        (position, thread, MODELS[self.rng.usize(..MODELS.len())])
    }

    fn private(&mut self) -> String {
        let bytes = self.rng.usize(..2_000);
        format!("PRIVATE \"{}\"", filler(&mut self.rng, bytes))
    }

    fn write(&mut self, db: &mut TraceDb) -> Result<()> {
        let mut batch = Vec::with_capacity(BATCH_ROWS);
        let mut events = std::mem::take(&mut self.events).into_iter().peekable();
        for position in 0..self.rows {
            while let Some((_, row)) = events.next_if(|(at, _)| *at <= position) {
                batch.push(row);
            }
            batch.push(self.noise(position));
            if BATCH_ROWS <= batch.len() {
                db.insert(&batch)?;
                batch.clear();
            }
        }
        db.insert(&batch)
    }

    fn noise(&mut self, position: u64) -> Row {
        let bytes = self.rng.usize(200..BODY_BYTES_MAX);
        // Conversations take turns, and one row in eight is of none.
        let (thread, of_none) = (self.rng.usize(..self.threads.len()), self.rng.u8(..) < 32);
        let thread = self.threads.get(thread).filter(|_| !of_none).cloned();
        Row::noise(&mut self.rng, ts_at(position), thread.as_deref(), bytes)
    }
}

fn ts_at(position: u64) -> i64 {
    FIRST_TS + i64::try_from(position / ROWS_PER_SECOND).unwrap_or(i64::MAX / 2_000)
}
