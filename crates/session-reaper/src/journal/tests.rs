use common_fs::FileId;
use proptest::prelude::*;

use super::*;
use crate::Folder;

fn item(key: &str) -> Item {
    let row = Removed {
        key: key.to_owned(),
        member: format!("\"{key}\": {{ \"odd\": \"\\ud800\\n\" }}"),
        gap_before: "\n  ".to_owned(),
        gap_behind: ",\n  ".to_owned(),
        after: None,
    };
    let file = Move {
        from: format!("{key}.jsonl"),
        to: format!("{key}.jsonl.deleted.2026-01-01T00-00-00.000Z"),
        folder: Folder::Archive,
        id: FileId { dev: u64::MAX, ino: 7 },
        size_bytes: 9,
        modified_ns: -1,
        how: How::Compress { copy: format!(".{key}.1.2.3.tmp") },
    };
    Item { row: Some(row), files: vec![file] }
}

fn batch(sweep: u64, stage: Stage) -> Vec<Record> {
    let mut records = vec![
        Record::Begin { sweep, at_ms: 1_000 },
        Record::Item { sweep, nth: 0, item: item("a") },
        Record::Item { sweep, nth: 1, item: item("b") },
    ];
    if stage != Stage::Begun {
        records.push(Record::Ready { sweep });
    }
    if stage == Stage::Done {
        records.push(Record::Done { sweep, kept: vec![1] });
    }
    records
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut text = Vec::new();
    for record in records {
        record::encode(record, &mut text);
    }
    text
}

fn keys(journal: &Journal) -> Vec<&str> {
    journal.archived().map(|archived| archived.row.unwrap().key.as_str()).collect()
}

#[test]
fn what_was_done_and_what_was_not() {
    let records = [batch(0, Stage::Done), batch(1, Stage::Ready), batch(2, Stage::Begun)].concat();
    let journal = Journal::parse(&written(&records)).unwrap();
    assert_eq!(keys(&journal), ["a"]);
    assert_eq!(journal.pending().map(|(sweep, _)| sweep).collect::<Vec<_>>(), [1]);
    assert_eq!(journal.next_sweep(), 3);
    assert!(!journal.is_empty());
}

#[test]
fn what_is_restored_or_over_is_forgotten() {
    let records = [batch(0, Stage::Done), vec![Record::Restored { sweep: 0, items: vec![0] }]];
    let journal = Journal::parse(&written(&records.concat())).unwrap();
    assert!(journal.is_empty());
    let mut journal = Journal::parse(&written(&batch(0, Stage::Done))).unwrap();
    journal.forget(|at, _| at.unix_millis() < 1_000);
    assert_eq!(keys(&journal), ["a"]);
    journal.forget(|at, _| at.unix_millis() < 1_001);
    assert!(journal.is_empty());
}

#[test]
fn what_was_only_written_down_is_not_needed() {
    let restored = Record::Restored { sweep: 1, items: vec![0] };
    let records = [batch(0, Stage::Begun), batch(1, Stage::Done), vec![restored]].concat();
    let journal = Journal::parse(&written(&records)).unwrap();
    assert!(journal.is_empty() && journal.is_mostly_over());
    let ready = Journal::parse(&written(&batch(0, Stage::Ready))).unwrap();
    assert!(!ready.is_empty() && !ready.is_mostly_over());
}

#[test]
fn what_is_still_needed_is_written_anew() {
    let journal = Journal::parse(&written(&batch(4, Stage::Done))).unwrap();
    let again = Journal::parse(&written(&journal.records().collect::<Vec<_>>())).unwrap();
    assert_eq!(keys(&again), keys(&journal));
    assert_eq!(
        again.archived().next().unwrap().at,
        Timestamp::UNIX_EPOCH.plus(std::time::Duration::from_secs(1))
    );
}

#[test]
fn a_journal_of_a_newer_program_is_refused() {
    let text = written(&[Record::Journal { version: 2 }]);
    assert_eq!(Journal::parse(&text), Err(JournalError::TooNew { version: 2 }));
}

proptest! {
    /// Cut anywhere and gone on with, a journal loses no line but the torn one.
    #[test]
    fn a_torn_line_costs_one_line(cut in any::<prop::sample::Index>()) {
        let whole = written(&batch(0, Stage::Done));
        let kept = &whole[..cut.index(whole.len() + 1)];
        let mut text = kept.to_vec();
        if text.last().is_some_and(|byte| *byte != b'\n') {
            text.push(b'\n');
        }
        text.extend(written(&batch(1, Stage::Done)));
        let journal = Journal::parse(&text).unwrap();
        prop_assert!(journal.damaged_lines() <= 1);
        let keys = keys(&journal);
        prop_assert_eq!(keys.last(), Some(&"a"));
        // A line that lost nothing but its end is complete.
        let is_any_complete = kept.contains(&b'\n') || whole.get(kept.len()) == Some(&b'\n');
        prop_assert_eq!(journal.batches.contains_key(&0), is_any_complete);
    }

    #[test]
    fn damage_never_invents_anything(at in 0_usize..4_000, bit in 0_u8..8) {
        let mut text = written(&batch(0, Stage::Done));
        let at = at % text.len();
        text[at] ^= 1 << bit;
        let journal = Journal::parse(&text).unwrap();
        prop_assert!(keys(&journal).iter().all(|key| ["a", "b"].contains(key)));
        prop_assert!(1 <= journal.damaged_lines() || text[at] == b'\n' || journal.batches.len() == 1);
    }
}
