use fastrand::Rng;
use rusqlite::Result;

use super::{Row, TraceDb, uuid};

/// Codex writes a batch when it has this many rows.
const BATCH_ROWS: usize = 128;

/// At 47 rows a second, which was seen, a batch takes this long.
const BATCH_SECONDS: i64 = 3;

const THREADS: usize = 4;

/// What a thread may keep. Codex has a larger cap; this one is reached after some ticks, so that
/// rows vanish all the time.
const THREAD_BYTES_MAX: i64 = 1 << 20;

const ROW_BYTES_MAX: usize = 7_600;

/// Codex at work: a writer that appends and prunes. The same for the same seed.
#[derive(Debug)]
pub struct TraceWriter {
    db: TraceDb,
    rng: Rng,
    ts: i64,
    /// The last is `None`: the process itself.
    threads: Vec<Option<String>>,
    thread_bytes_max: i64,
}

/// What a batch did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tick {
    /// How many rows were appended.
    pub inserted: usize,
    /// How many older rows were deleted in the same transaction.
    pub pruned: usize,
    /// The time of the batch, in seconds since the Unix epoch.
    pub ts: i64,
}

impl TraceWriter {
    /// Goes on with a database. The first batch is written soon after `ts`, in seconds since the
    /// Unix epoch.
    pub fn new(db: TraceDb, seed: u64, ts: i64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let threads = (0..THREADS).map(|_| Some(uuid(&mut rng, ts))).chain([None]).collect();
        Self { db, rng, ts, threads, thread_bytes_max: THREAD_BYTES_MAX }
    }

    /// Lets each thread keep so many bytes, rather than a mebibyte.
    pub fn keep(mut self, thread_bytes_max: i64) -> Self {
        self.thread_bytes_max = thread_bytes_max;
        self
    }

    /// Appends a batch of 128 rows that say nothing, and prunes its threads in the same
    /// transaction.
    pub fn tick(&mut self) -> Result<Tick> {
        self.tick_with(Vec::new())
    }

    /// The same with `rows` at random places among the 128. Only the writer's own threads are
    /// pruned, so that these rows stay.
    pub fn tick_with(&mut self, rows: Vec<Row>) -> Result<Tick> {
        let mut batch = Vec::with_capacity(BATCH_ROWS + rows.len());
        for _ in 0..BATCH_ROWS {
            batch.push(self.noise());
        }
        for row in rows {
            batch.insert(self.rng.usize(..=batch.len()), row);
        }
        self.ts += BATCH_SECONDS;
        let pruned = self.db.insert_and_prune(&batch, &self.threads, self.thread_bytes_max)?;
        Ok(Tick { inserted: batch.len(), pruned, ts: self.ts })
    }

    /// The database, for whatever else is to happen to it.
    pub fn db(&mut self) -> &mut TraceDb {
        &mut self.db
    }

    fn noise(&mut self) -> Row {
        let ts = self.ts + self.rng.i64(0..BATCH_SECONDS);
        let thread = self.rng.usize(..self.threads.len());
        let thread = self.threads.get(thread).and_then(Option::as_deref);
        let bytes = self.rng.usize(200..ROW_BYTES_MAX);
        Row::noise(&mut self.rng, ts, thread, bytes)
    }
}
