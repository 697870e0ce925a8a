use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use common_fs::Timestamp;

use super::{Memo, PriorityTurns, ScanWork};

/// What is known of all trace databases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TurnStore {
    pub(super) turns: PriorityTurns,
    pub(super) databases: BTreeMap<PathBuf, Known>,
    observations: u64,
}

/// What is known of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Which scan found it; zero for what an earlier process has left.
    observation: Observation,
    pub(super) memo: Memo,
    pub(super) last_scan: Option<LastScan>,
}

/// The number of a scan. Scans that begin later have higher ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Observation(u64);

/// What the last scan took that looked at any row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastScan {
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub elapsed: Duration,
    /// What it did.
    pub work: ScanWork,
}

impl TurnStore {
    /// The turns that are known, of all databases.
    pub fn turns(&self) -> &PriorityTurns {
        &self.turns
    }

    /// What is known of a database.
    pub fn memo(&self, path: &Path) -> Option<&Memo> {
        self.databases.get(path).map(|known| &known.memo)
    }

    /// What the last scan of a database took.
    pub fn last_scan(&self, path: &Path) -> Option<LastScan> {
        self.databases.get(path)?.last_scan
    }

    /// The number of a scan that begins now.
    pub fn observe(&mut self) -> Observation {
        self.observations += 1;
        Observation(self.observations)
    }

    /// Takes in what a scan has found, unless one that began later was faster, or the same one
    /// has found more. Returns whether it did. What it says of turns is learned in any case.
    pub fn offer(
        &mut self,
        path: &Path,
        observation: Observation,
        memo: Memo,
        last_scan: Option<LastScan>,
    ) -> bool {
        self.turns.learn(&memo);
        if let Some(known) = self.databases.get(path)
            && known.is_better_than(observation, &memo)
        {
            return false;
        }
        self.databases.insert(path.to_owned(), Known { observation, memo, last_scan });
        true
    }

    /// Takes in what another process has saved since this store was loaded. Of a database that
    /// both know, the scan counts that has come further in the same file; `base` is what was
    /// known of it when it was loaded.
    pub(super) fn merge(&mut self, saved: Self, base: &Self) {
        self.turns.merge(&saved.turns);
        for (path, theirs) in saved.databases {
            let loaded = base.databases.get(&path).map(|known| &known.memo);
            let is_theirs = match self.databases.get(&path) {
                // We know that it has vanished, or did not know of it.
                None => loaded.is_none(),
                Some(ours) if Some(&ours.memo) == loaded => true,
                Some(ours) => theirs.has_come_further_than(&ours.memo),
            };
            if is_theirs {
                self.databases.insert(path, Known { observation: Observation(0), ..theirs });
            }
        }
    }

    /// Forgets databases. Returns whether one was known. The turns that were found in them stay.
    pub(super) fn forget(&mut self, is_vanished: impl Fn(&Path) -> bool) -> bool {
        let before = self.databases.len();
        self.databases.retain(|path, _| !is_vanished(path));
        self.databases.len() < before
    }
}

impl Known {
    pub(super) fn saved(memo: Memo, last_scan: Option<LastScan>) -> Self {
        Self { observation: Observation(0), memo, last_scan }
    }

    fn is_better_than(&self, observation: Observation, memo: &Memo) -> bool {
        let has_found_more = self.memo.file == memo.file
            && self.memo.since <= memo.since
            && memo.cursor <= self.memo.cursor;
        observation < self.observation || (observation == self.observation && has_found_more)
    }

    fn has_come_further_than(&self, memo: &Memo) -> bool {
        let covers = self.memo.file == memo.file && self.memo.since <= memo.since;
        covers && memo.cursor < self.memo.cursor
    }
}

#[cfg(test)]
mod tests {
    use common_fs::FileId;

    use super::*;
    use crate::trace::{RowTime, turn_key};

    const PATH: &str = "/h/.codex/logs_2.sqlite";

    fn memo(inode: u64, since: i64, cursor: i64, turns: &[&str]) -> Memo {
        let mut memo = Memo::new(since);
        for (row, turn) in (1..).zip(turns) {
            let body = format!(
                r#"turn.id={turn} websocket request: {{"type":"response.create","service_tier":"priority"}}"#
            );
            memo.observe(row, &RowTime::Seconds(1), body.as_bytes());
        }
        Memo { file: Some(FileId { dev: 1, ino: inode }), cursor, ..memo }
    }

    /// steipete/CodexBar: `CostUsageScannerCodexPriorityTests`, "overlapping write-back".
    #[test]
    fn a_slower_scan_does_not_undo_a_later_one() {
        let mut store = TurnStore::default();
        let (early, late) = (store.observe(), store.observe());
        let mut offer = |observation, memo| store.offer(Path::new(PATH), observation, memo, None);
        assert!(offer(late, memo(1, 10, 100, &["a", "b"])));
        let table = [
            (early, memo(1, 10, 100, &["a"]), false),
            (early, memo(2, 0, 200, &["a"]), false),
            (late, memo(1, 10, 99, &["a"]), false),
            (late, memo(1, 10, 100, &["a"]), false),
            (late, memo(1, 11, 100, &["a"]), false),
            (late, memo(1, 10, 101, &["a", "b"]), true),
            (late, memo(1, 9, 100, &["a", "b"]), true),
            (late, memo(2, 9, 1, &["c"]), true),
        ];
        for (observation, memo, is_taken) in table {
            assert_eq!(offer(observation, memo.clone()), is_taken, "{observation:?} {memo:?}");
        }
        let known = |turn: &str| store.turns().get(turn_key(turn)).is_some();
        assert!(["a", "b", "c"].into_iter().all(known), "what was found once stays known");
    }

    #[test]
    fn what_two_processes_save_is_merged() {
        let store = |memo: Memo| {
            let mut store = TurnStore::default();
            store.turns.learn(&memo);
            store.databases.insert(PATH.into(), Known::saved(memo, None));
            store
        };
        let base = store(memo(1, 0, 100, &[]));
        let table = [
            // Ours is older, newer, of another file, or what it was when it was loaded.
            (memo(1, 0, 110, &["a"]), memo(1, 0, 120, &["b"]), 120),
            (memo(1, 0, 120, &["a"]), memo(1, 0, 110, &["b"]), 120),
            (memo(2, 0, 5, &["a"]), memo(1, 0, 120, &["b"]), 5),
            (memo(1, 0, 100, &[]), memo(2, 0, 5, &["b"]), 5),
        ];
        for (ours, theirs, cursor) in table {
            let turns = [ours.turns().count(), theirs.turns().count()];
            let mut merged = store(ours);
            merged.merge(store(theirs), &base);
            assert_eq!(merged.memo(Path::new(PATH)).unwrap().cursor(), cursor);
            assert_eq!(merged.turns().len(), turns.iter().sum::<usize>());
        }
        let mut forgotten = base.clone();
        assert!(forgotten.forget(|_| true) && !forgotten.forget(|_| true));
        forgotten.merge(base.clone(), &base);
        assert_eq!(forgotten.memo(Path::new(PATH)), None);
        let mut other = TurnStore::default();
        other.merge(base.clone(), &TurnStore::default());
        assert!(other.memo(Path::new(PATH)).is_some());
    }
}
