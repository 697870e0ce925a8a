//! The journal: what a sweep is about to do, so that it can be finished or undone, and what was
//! archived, with the rows as they were, so that it can be restored.
//!
//! `.session-reaper.jsonl` lies beside the store that it is about, so that it goes where the
//! archives go. Each line is a record with a hash of itself; a line that is torn or damaged is as
//! if it were not there. `docs/formats.md` has the records.

mod file;
mod record;

use std::collections::{BTreeMap, BTreeSet};

use common_fs::Timestamp;

use crate::Removed;

pub(crate) use file::JournalFile;
pub use record::JournalError;
pub(crate) use record::Record;
pub(crate) use record::{How, Item, Move};

/// A journal, as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Journal {
    batches: BTreeMap<u64, Batch>,
    /// Lines that could not be read.
    damaged_lines: u64,
    has_header: bool,
    /// How many items were written down, whether they are still needed or not.
    items_seen: usize,
}

/// What one sweep has archived, or was going to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// When; `None` if that was lost.
    pub(crate) at: Option<Timestamp>,
    pub(crate) items: BTreeMap<u32, Item>,
    pub(crate) stage: Stage,
}

/// How far a batch has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It is being written down; nothing else has happened.
    #[default]
    Begun,
    /// It is written down; any part of it may have happened.
    Ready,
    /// It has happened; what has not is not in it any more.
    Done,
}

/// A row that was archived, with the files that were archived with it, or a file without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Archived<'j> {
    /// The number of the sweep.
    pub(crate) sweep: u64,
    /// The number of the item in it.
    pub(crate) nth: u32,
    /// When.
    pub(crate) at: Timestamp,
    /// The row.
    pub(crate) row: Option<&'j Removed>,
    /// Its files.
    pub(crate) files: &'j [Move],
}

impl Journal {
    /// Reads the content of a journal.
    ///
    /// # Errors
    ///
    /// Fails if it was written by a newer program, which it may mean otherwise.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, JournalError> {
        let mut journal = Self::default();
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n").and_then(record::decode) {
                Some(record) => journal.apply(record)?,
                // What ends a torn line is no line of its own.
                None if line == b"\n" => (),
                None => journal.damaged_lines += 1,
            }
        }
        Ok(journal)
    }

    pub(crate) fn apply(&mut self, record: Record) -> Result<(), JournalError> {
        match record {
            Record::Journal { version } if version == record::VERSION => self.has_header = true,
            Record::Journal { version } => return Err(JournalError::TooNew { version }),
            Record::Begin { sweep, at_ms } => {
                self.batch(sweep).at = Timestamp::from_unix_millis(at_ms);
            }
            Record::Item { sweep, nth, item } => {
                self.items_seen += 1;
                self.batch(sweep).items.insert(nth, item);
            }
            Record::Ready { sweep } => self.batch(sweep).stage = Stage::Ready,
            Record::Done { sweep, kept } => {
                let batch = self.batch(sweep);
                batch.stage = Stage::Done;
                let kept: BTreeSet<u32> = kept.into_iter().collect();
                batch.items.retain(|nth, _| !kept.contains(nth));
            }
            Record::Restored { sweep, items } => {
                let batch = self.batch(sweep);
                for nth in items {
                    batch.items.remove(&nth);
                }
            }
        }
        Ok(())
    }

    fn batch(&mut self, sweep: u64) -> &mut Batch {
        self.batches.entry(sweep).or_default()
    }

    /// How many lines could not be read.
    pub(crate) fn damaged_lines(&self) -> u64 {
        self.damaged_lines
    }

    /// The number of the next sweep.
    pub(crate) fn next_sweep(&self) -> u64 {
        self.batches.last_key_value().map_or(0, |(sweep, _)| sweep.saturating_add(1))
    }

    /// The batches that were written down and not finished.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (u64, &Batch)> {
        let batches = self.batches.iter().filter(|(_, batch)| batch.stage == Stage::Ready);
        batches.map(|(sweep, batch)| (*sweep, batch))
    }

    /// Whether a sweep was interrupted, and the next one will finish or undo what it did.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.pending().next().is_some()
    }

    /// What was archived, in the order in which that was done.
    pub(crate) fn archived(&self) -> impl Iterator<Item = Archived<'_>> {
        let done = self.batches.iter().filter(|(_, batch)| batch.stage == Stage::Done);
        done.flat_map(|(sweep, batch)| {
            // Without a time it never expires by itself.
            let at = batch.at.unwrap_or(Timestamp::from_unix_nanos(i64::MAX));
            batch.items.iter().map(move |(nth, item)| Archived {
                sweep: *sweep,
                nth: *nth,
                at,
                row: item.row.as_ref(),
                files: &item.files,
            })
        })
    }

    /// Forgets what is needed no more, and says whether there was any.
    pub(crate) fn forget(&mut self, is_over: impl Fn(Timestamp, &Item) -> bool) -> bool {
        let mut forgot = false;
        for batch in self.batches.values_mut().filter(|batch| batch.stage == Stage::Done) {
            let Some(at) = batch.at else { continue };
            let before = batch.items.len();
            batch.items.retain(|_, item| !is_over(at, item));
            forgot |= batch.items.len() < before;
        }
        forgot
    }

    pub(crate) fn has_header(&self) -> bool {
        self.has_header
    }

    /// Whether more of what was written down is needed no more than is.
    pub(crate) fn is_mostly_over(&self) -> bool {
        let needed: usize = self.happened().map(|batch| batch.items.len()).sum();
        2 * needed < self.items_seen
    }

    /// The records of all that is still needed.
    pub(crate) fn records(&self) -> impl Iterator<Item = Record> {
        let done = self.batches.iter().filter(|(_, batch)| batch.stage == Stage::Done);
        done.filter(|(_, batch)| !batch.items.is_empty()).flat_map(|(sweep, batch)| {
            let (sweep, at_ms) = (*sweep, batch.at.map_or(i64::MAX, Timestamp::unix_millis));
            let items = batch.items.iter();
            let items =
                items.map(move |(nth, item)| Record::Item { sweep, nth: *nth, item: item.clone() });
            [Record::Begin { sweep, at_ms }]
                .into_iter()
                .chain(items)
                .chain([Record::Done { sweep, kept: Vec::new() }])
        })
    }

    /// Whether nothing in it is needed any more.
    pub(crate) fn is_empty(&self) -> bool {
        self.happened().all(|batch| batch.stage == Stage::Done && batch.items.is_empty())
    }

    /// The batches of which something may have happened: whoever was interrupted while one was written
    /// down has done nothing else.
    fn happened(&self) -> impl Iterator<Item = &Batch> {
        self.batches.values().filter(|batch| batch.stage != Stage::Begun)
    }
}

#[cfg(test)]
mod tests;
