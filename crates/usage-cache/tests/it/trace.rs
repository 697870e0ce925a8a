//! What is found in a trace database, and when it is looked at again.

use std::ops::ControlFlow;

use proptest::prelude::*;
use usage_cache::{
    Databases as _,
    trace::{Memo, Restart, ScanRequest, ScanWork, TurnStore, scan, turn_key},
};

use crate::logs::{Log, Logs, completed, noise, request, usual_request};

const PATH: &str = "/h/.codex/logs_2.sqlite";
const NOW: i64 = 1_778_414_400;

/// Scans, and returns what that took.
fn scan_with(logs: &Logs, memo: &mut Memo, request: ScanRequest) -> ScanWork {
    let mut db = logs.open_trace(PATH.as_ref()).unwrap();
    let (work, scanned) = scan(db.as_mut(), memo, request, &mut |_| ControlFlow::Continue(()));
    scanned.unwrap();
    work
}

fn scan_all(logs: &Logs, memo: &mut Memo) -> ScanWork {
    scan_with(logs, memo, ScanRequest::ALL)
}

fn cold(logs: &Logs) -> Memo {
    let mut memo = Memo::new(0);
    scan_all(logs, &mut memo);
    memo
}

fn turns(memo: &Memo) -> Vec<(String, String)> {
    let turn = |turn: usage_cache::trace::PriorityTurn<'_>| {
        (turn.turn.to_owned(), turn.model().unwrap_or("").to_owned())
    };
    memo.turns().map(turn).collect()
}

fn names(memo: &Memo) -> Vec<String> {
    turns(memo).into_iter().map(|(turn, _)| turn).collect()
}

/// The rows that are remembered by their content may be other ones, and of those that are
/// pending some may be gone.
fn assert_same(memo: &Memo, cold: &Memo) {
    assert_eq!(turns(memo), turns(cold));
    assert_eq!((memo.cursor(), memo.since()), (cold.cursor(), cold.since()));
    assert!(cold.completions() <= memo.completions());
}

fn logs(bodies: impl IntoIterator<Item = String>) -> Logs {
    let logs = Logs::default();
    let mut log = Log::default();
    for body in bodies {
        log.push(NOW, body);
    }
    logs.put(PATH, Ok(log));
    logs
}

/// Fifty rows of something else, and a turn.
fn with_noise() -> Logs {
    logs((0..50).map(noise).chain([request("turn-a", "gpt-5.5")]))
}

#[test]
fn only_what_is_asked_for_with_priority_is_a_priority_turn() {
    let logs = logs([request("turn-a", "m"), usual_request("turn-b", "m")]);
    assert_eq!(turns(&cold(&logs)), [("turn-a".to_owned(), "m".to_owned())]);
}

#[test]
fn what_is_new_is_added_and_what_is_gone_is_taken_away() {
    let logs = logs([request("turn-a", "alias"), completed("turn-a", "resolved")]);
    let mut memo = Memo::new(0);
    assert_eq!(scan_all(&logs, &mut memo).restarted, Some(Restart::New));
    assert_eq!(turns(&memo), [("turn-a".to_owned(), "resolved".to_owned())]);
    logs.with(PATH, |log| {
        log.rows.remove(&2);
        log.push(NOW, request("turn-b", "m"));
    });
    let work = scan_all(&logs, &mut memo);
    assert_eq!((work.rows, work.restarted), (1, None));
    let expected = [("turn-a", "alias"), ("turn-b", "m")];
    assert_eq!(turns(&memo), expected.map(|(turn, model)| (turn.to_owned(), model.to_owned())));
    // Also when nothing else has happened.
    logs.with(PATH, |log| log.rows.remove(&1));
    assert_eq!(scan_all(&logs, &mut memo).rows, 0);
    assert_eq!(names(&memo), ["turn-b"]);
}

/// steipete/CodexBar: `CostUsageScannerCodexPriorityCursorTests`.
#[test]
fn a_relaunch_does_not_look_at_old_rows() {
    let logs = with_noise();
    let mut memo = cold(&logs);
    assert_eq!(memo.cursor(), 51);
    logs.with(PATH, |log| {
        log.rows.insert(1, (NOW, request("turn-unseen", "m")));
        log.push(NOW, request("turn-b", "m"));
        log.visited = 0;
    });
    let work = scan_all(&logs, &mut memo);
    assert_eq!((work.rows, work.restarted), (1, None));
    assert_eq!((memo.cursor(), names(&memo)), (52, vec!["turn-a".into(), "turn-b".into()]));
    // The rows that must not have changed are looked at, too.
    assert!(logs.with(PATH, |log| log.visited) <= 9);
    let force = ScanRequest { force: true, ..ScanRequest::ALL };
    assert_eq!(scan_with(&logs, &mut memo, force).restarted, Some(Restart::Forced));
    assert_eq!(names(&memo), ["turn-a", "turn-b", "turn-unseen"]);
}

#[test]
fn another_database_in_its_place_is_scanned_from_its_first_row() {
    let other = |ino, rows: usize| {
        let mut log = Log { ino, ..Log::default() };
        log.push(NOW, request("turn-c", "m"));
        for nth in 1..rows {
            log.push(NOW, format!("other {nth}"));
        }
        log
    };
    let table = [
        (other(2, 60), Restart::Replaced),
        (other(1, 5), Restart::Truncated),
        (other(1, 51), Restart::Rewritten),
        (other(1, 90), Restart::Rewritten),
    ];
    for (log, restart) in table {
        let logs = with_noise();
        let mut memo = cold(&logs);
        logs.put(PATH, Ok(log.clone()));
        assert_eq!(scan_all(&logs, &mut memo).restarted, Some(restart), "{log:?}");
        assert_eq!(names(&memo), ["turn-c"]);
        assert_eq!(scan_all(&logs, &mut memo), ScanWork::default());
    }
}

#[test]
fn the_model_of_the_last_answer_that_was_seen_is_kept() {
    let answers = ["old", "new"].map(|model| completed("t", model));
    let logs = logs([request("t", "alias")].into_iter().chain(answers));
    let (mut store, mut memo) = (TurnStore::default(), Memo::new(0));
    for prune in [None, Some(3), Some(2)] {
        logs.with(PATH, |log| prune.map(|row| log.rows.remove(&row)));
        scan_all(&logs, &mut memo);
        let observation = store.observe();
        store.offer(PATH.as_ref(), observation, memo.clone(), None);
        assert_eq!(store.turns().get(turn_key("t")), Some(Some("new")), "{prune:?}");
    }
}

#[test]
fn pruned_rows_are_no_other_database() {
    let logs = with_noise();
    let mut memo = cold(&logs);
    // The last rows as well: numbers are not used again.
    logs.with(PATH, |log| log.rows.retain(|row, _| row % 10 == 7));
    assert_eq!(scan_all(&logs, &mut memo), ScanWork::default());
    assert_same(&memo, &cold(&logs));
    // Nothing is left that could tell.
    logs.with(PATH, |log| {
        log.rows.clear();
        log.push(NOW, request("turn-b", "m"));
    });
    assert_eq!(scan_all(&logs, &mut memo).restarted, Some(Restart::Unclear));
    assert_eq!(names(&memo), ["turn-b"]);
}

#[test]
fn an_empty_database_is_not_scanned_again_and_again() {
    let logs = logs([]);
    let mut memo = cold(&logs);
    assert_eq!(scan_all(&logs, &mut memo), ScanWork::default());
    logs.with(PATH, |log| log.push(NOW, request("turn-a", "m")));
    assert_eq!(scan_all(&logs, &mut memo).restarted, None);
    assert_eq!(names(&memo), ["turn-a"]);
}

#[test]
fn earlier_times_are_scanned_only_if_there_are_any() {
    const DAY: i64 = 86_400;
    let since = |days: i64| ScanRequest { since: NOW - days * DAY, force: false };
    for has_index in [true, false] {
        let logs = logs([request("turn-old", "m"), request("turn-new", "m")]);
        logs.with(PATH, |log| {
            log.has_index = has_index;
            log.rows.get_mut(&1).unwrap().0 = NOW - 40 * DAY;
        });
        let mut memo = Memo::new(0);
        let work = scan_with(&logs, &mut memo, since(30));
        assert_eq!((work.rows, names(&memo)), (1 + u64::from(!has_index), vec!["turn-new".into()]));
        // A later beginning keeps what is known.
        assert_eq!(scan_with(&logs, &mut memo, since(1)), ScanWork::default());
        assert_eq!(memo.since(), NOW - 30 * DAY);
        let restarted = scan_with(&logs, &mut memo, since(60)).restarted;
        assert_eq!(restarted, Some(Restart::Widened));
        assert_eq!((memo.since(), names(&memo).len()), (NOW - 60 * DAY, 2));
        let restarted = scan_all(&logs, &mut memo).restarted;
        assert_eq!(restarted, (!has_index).then_some(Restart::Widened));
        assert_eq!((memo.since(), names(&memo).len()), (0, 2));
    }
    // To the second.
    let logs = logs([request("before", "m"), request("after", "m")]);
    logs.with(PATH, |log| log.rows.get_mut(&1).unwrap().0 = NOW - 1);
    let mut memo = Memo::new(0);
    scan_with(&logs, &mut memo, since(0));
    assert_eq!(names(&memo), ["after"]);
}

#[test]
fn a_problem_half_way_changes_nothing() {
    let logs = with_noise();
    let mut memo = cold(&logs);
    let before = memo.clone();
    logs.with(PATH, |log| {
        log.push(NOW, request("turn-b", "m"));
        let failing = log.push(NOW, noise(1));
        log.fails_at = Some(failing);
    });
    let mut db = logs.open_trace(PATH.as_ref()).unwrap();
    let request = ScanRequest::ALL;
    let (_, scanned) = scan(db.as_mut(), &mut memo, request, &mut |_| ControlFlow::Continue(()));
    assert!(scanned.is_err());
    assert_eq!(memo, before);
    logs.with(PATH, |log| log.fails_at = None);
    scan_all(&logs, &mut memo);
    assert_eq!(names(&memo), ["turn-a", "turn-b"]);
}

#[test]
fn a_long_scan_goes_part_by_part_and_can_be_broken_off() {
    let long = "x".repeat(30_000_000);
    let logs = logs([
        request("turn-a", "m"),
        long.clone(),
        long.clone(),
        long.clone(),
        request("turn-b", "m"),
        long,
        request("turn-c", "m"),
    ]);
    let mut memo = Memo::new(0);
    let mut db = logs.open_trace(PATH.as_ref()).unwrap();
    let mut parts = Vec::new();
    let request = ScanRequest::ALL;
    let (work, scanned) = scan(db.as_mut(), &mut memo, request, &mut |progress| {
        parts.push((progress.from, progress.row, progress.last));
        ControlFlow::Break(())
    });
    scanned.unwrap();
    assert!(work.interrupted);
    assert_eq!((parts, memo.cursor(), names(&memo)), (vec![(0, 4, 7)], 4, vec!["turn-a".into()]));
    let work = scan_all(&logs, &mut memo);
    assert_eq!((work.rows, work.restarted), (3, None));
    assert_eq!(turns(&memo), turns(&cold(&logs)));
}

#[derive(Clone, Debug)]
enum Step {
    Request(u8, u8),
    Completed(u8, u8),
    Noise,
    Prune(u8),
    Scan,
    Replace,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0_u8..6, 0_u8..3).prop_map(|(turn, model)| Step::Request(turn, model)),
        4 => (0_u8..6, 0_u8..3).prop_map(|(turn, model)| Step::Completed(turn, model)),
        2 => Just(Step::Noise),
        3 => any::<u8>().prop_map(Step::Prune),
        3 => Just(Step::Scan),
        1 => Just(Step::Replace),
    ]
}

proptest! {
    /// What a memo knows after any history is what a scan from nothing finds.
    #[test]
    fn a_memo_knows_what_a_cold_scan_finds(steps in prop::collection::vec(step(), 0..60)) {
        let logs = logs([]);
        let mut memo = Memo::new(0);
        for (written, step) in steps.into_iter().chain([Step::Scan]).enumerate() {
            logs.with(PATH, |log| match step {
                Step::Request(turn, model) => {
                    log.push(NOW, request(&format!("t{turn}"), &format!("m{model}")));
                }
                Step::Completed(turn, model) => {
                    log.push(NOW, completed(&format!("t{turn}"), &format!("m{model}")));
                }
                Step::Noise => drop(log.push(NOW, noise(written))),
                Step::Prune(nth) => {
                    let rows = log.rows.len().max(1);
                    let row = log.rows.keys().nth(usize::from(nth) % rows).copied();
                    row.map(|row| log.rows.remove(&row));
                }
                Step::Replace => *log = Log { ino: log.ino + 1, ..Log::default() },
                Step::Scan => (),
            });
            if let Step::Scan = step {
                scan_all(&logs, &mut memo);
                assert_same(&memo, &cold(&logs));
            }
        }
    }
}
