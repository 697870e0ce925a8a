use std::collections::{BTreeMap, HashSet};

use common_fs::FileId;

use super::{
    RowId, RowTime,
    anchor::Anchor,
    pending::{Completions, Pending},
    row::{self, Said},
};

/// Turns whose answers are kept although nobody has asked priority for them so far, as in
/// steipete/CodexBar.
pub const PENDING_TURNS_MAX: usize = 4096;

/// What is known of a trace database up to some row: a scan goes on from there.
///
/// Names of turns, threads and models, and times, are all that is ever in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memo {
    /// The file that was read; `None` before that.
    pub(super) file: Option<FileId>,
    /// Rows from this second of the Unix epoch on were looked at; from the first on if it is not
    /// positive.
    pub(super) since: i64,
    /// The last row that was looked at.
    pub(super) cursor: RowId,
    /// Rows that must not have changed.
    pub(super) anchors: Vec<Anchor>,
    pub(super) turns: BTreeMap<String, Turn>,
    pub(super) pending: Pending,
}

/// A turn that was asked for with priority.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    /// Not empty.
    pub(super) requests: BTreeMap<RowId, Request>,
    pub(super) completions: Completions,
}

/// A request with priority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The thread.
    pub thread: Option<String>,
    /// The model that was asked for, which may be an alias.
    pub model: Option<String>,
    /// When.
    pub at: RowTime,
}

/// A turn that was asked for with priority, and what is known of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriorityTurn<'m> {
    /// Its name.
    pub turn: &'m str,
    /// Its latest request.
    pub request: &'m Request,
    /// The model that answered last, which is what the alias in the request stands for; `None`
    /// if no answer is known.
    pub answered_by: Option<&'m str>,
    /// The row of that answer.
    pub answer: Option<RowId>,
}

impl PriorityTurn<'_> {
    /// The model that answered, or else that was asked for.
    pub fn model(&self) -> Option<&str> {
        self.answered_by.or(self.request.model.as_deref())
    }
}

impl Memo {
    /// Knows nothing of rows from `since` on, in seconds of the Unix epoch.
    pub fn new(since: i64) -> Self {
        Self {
            file: None,
            since,
            cursor: 0,
            anchors: Vec::new(),
            turns: BTreeMap::new(),
            pending: Pending::new(PENDING_TURNS_MAX),
        }
    }

    /// The turns that were asked for with priority, by name.
    pub fn turns(&self) -> impl Iterator<Item = PriorityTurn<'_>> {
        self.turns.iter().filter_map(|(name, turn)| {
            let (_, request) = turn.requests.last_key_value()?;
            let (answer, answered_by) = turn.completions.last_key_value().unzip();
            let (answer, answered_by) = (answer.copied(), answered_by.map(String::as_str));
            Some(PriorityTurn { turn: name, request, answered_by, answer })
        })
    }

    /// The last row that was looked at; zero if none was.
    pub fn cursor(&self) -> RowId {
        self.cursor
    }

    /// From when on rows were looked at, in seconds of the Unix epoch; all if not positive.
    pub fn since(&self) -> i64 {
        self.since
    }

    /// How many answers are kept: those of turns with priority, and those that are pending.
    pub fn completions(&self) -> usize {
        let known = self.turns.values().map(|turn| turn.completions.len()).sum::<usize>();
        known + self.pending.iter().map(|(_, completions)| completions.len()).sum::<usize>()
    }

    /// Takes in a row. What was taken in before may come again.
    pub(super) fn observe(&mut self, row: RowId, at: &RowTime, body: &[u8]) {
        match row::read(body) {
            Some(Said::Completed { turn, model }) => {
                let model = model.into_owned();
                match self.turns.get_mut(turn) {
                    Some(known) => drop(known.completions.insert(row, model)),
                    None => self.pending.add(turn, row, model),
                }
            }
            Some(Said::Priority { turn, thread, model }) => {
                let completions = self.pending.take(&turn);
                let known = self.turns.entry(turn.into_owned()).or_default();
                known.completions.extend(completions);
                let (thread, model) = (thread.map(str::to_owned), model.map(Into::into));
                known.requests.insert(row, Request { thread, model, at: at.clone() });
            }
            None => (),
        }
    }

    /// The rows of turns with priority. Those that are pending may be gone: whether they are is
    /// asked when they become part of a turn.
    pub(super) fn rows(&self) -> impl Iterator<Item = RowId> {
        let turns = self.turns.values();
        turns.flat_map(|turn| turn.requests.keys().chain(turn.completions.keys()).copied())
    }

    /// The rows that are pending.
    pub(super) fn pending_rows(&self) -> impl Iterator<Item = RowId> {
        self.pending.iter().flat_map(|(_, completions)| completions.keys().copied())
    }

    /// Forgets rows that are not there any more. A turn without any request is not known to have
    /// priority, but its answers wait for one.
    pub(super) fn forget(&mut self, rows: &HashSet<RowId>) {
        if rows.is_empty() {
            return;
        }
        self.pending.forget(rows);
        for turn in self.turns.values_mut() {
            turn.requests.retain(|row, _| !rows.contains(row));
            turn.completions.retain(|row, _| !rows.contains(row));
        }
        let without = self.turns.extract_if(.., |_, turn| turn.requests.is_empty());
        let without: Vec<(String, Turn)> = without.collect();
        for (name, turn) in without {
            self.pending.add_turn(name, turn.completions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: RowTime = RowTime::Seconds(1_778_414_400);

    fn memo(turns_max: usize) -> Memo {
        Memo { pending: Pending::new(turns_max), ..Memo::new(0) }
    }

    fn request(turn: &str, thread: &str, model: &str) -> String {
        format!(
            r#"thread_id={thread} turn.id={turn} websocket request: {{"type":"response.create","model":"{model}","service_tier":"priority","input":"private"}}"#
        )
    }

    fn completed(turn: &str, model: &str) -> String {
        format!(
            r#"turn.id={turn} websocket event: {{"type":"response.completed","response":{{"model":"{model}","output":"private"}}}}"#
        )
    }

    /// Rows with rising numbers, the first is 1.
    fn observe(memo: &mut Memo, bodies: &[String]) {
        for (row, body) in (1..).zip(bodies) {
            memo.observe(row, &AT, body.as_bytes());
        }
    }

    fn turns(memo: &Memo) -> Vec<(&str, &str, Option<&str>)> {
        let thread = |turn: &PriorityTurn<'_>| turn.request.thread.as_deref().map(str::len);
        assert!(memo.turns().all(|turn| thread(&turn) != Some(0)));
        memo.turns
            .keys()
            .zip(memo.turns())
            .map(|(name, turn)| {
                let thread = turn.request.thread.as_deref().unwrap_or_default();
                let model = turn.answered_by.or(turn.request.model.as_deref());
                (name.as_str(), thread, model)
            })
            .collect()
    }

    #[test]
    fn the_last_answer_says_what_an_alias_stands_for() {
        let mut memo = memo(10);
        observe(&mut memo, &[request("a", "t", "alias"), completed("a", "m"), completed("b", "x")]);
        assert_eq!(turns(&memo), [("a", "t", Some("m"))]);
        memo.forget(&HashSet::from([2]));
        assert_eq!(turns(&memo), [("a", "t", Some("alias"))]);
        // The answer can come first.
        memo.observe(9, &AT, request("b", "t", "alias").as_bytes());
        assert_eq!(turns(&memo), [("a", "t", Some("alias")), ("b", "t", Some("x"))]);
        assert_eq!(memo.completions(), 1);
    }

    #[test]
    fn what_is_forgotten_uncovers_what_was_before() {
        let mut memo = memo(10);
        let rows = [
            request("a", "old", "request-old"),
            request("a", "new", "request-new"),
            completed("a", "completed-old"),
            completed("a", "completed-new"),
        ];
        observe(&mut memo, &rows);
        assert_eq!(turns(&memo), [("a", "new", Some("completed-new"))]);
        memo.forget(&HashSet::from([2, 4]));
        assert_eq!(turns(&memo), [("a", "old", Some("completed-old"))]);
        memo.forget(&HashSet::from([1]));
        assert_eq!(turns(&memo), []);
        assert_eq!(memo.completions(), 1);
        memo.observe(7, &AT, rows[0].as_bytes());
        assert_eq!(turns(&memo), [("a", "old", Some("completed-old"))]);
    }

    #[test]
    fn rows_may_come_again() {
        let mut memo = memo(10);
        let rows = [request("a", "t", "m"), completed("a", "x"), completed("b", "y")];
        observe(&mut memo, &rows);
        let once = memo.clone();
        observe(&mut memo, &rows);
        assert_eq!(memo, once);
    }

    /// steipete/CodexBar: `CostUsageScannerCodexPriorityTests`, with a limit of 4096.
    #[test]
    fn the_oldest_pending_turn_is_forgotten_first() {
        let mut memo = Memo::new(0);
        let mut rows = vec![request("priority", "t", "alias"), completed("priority", "resolved")];
        let overflow = 2 * 4096 + 8;
        rows.extend((0..overflow).map(|turn| completed(&format!("turn-{turn}"), "resolved")));
        rows.push(request("turn-0", "t", "alias-evicted"));
        rows.push(request(&format!("turn-{}", overflow - 1), "t", "alias"));
        observe(&mut memo, &rows);
        assert_eq!(memo.pending.iter().count(), 4095);
        let models: Vec<_> = memo.turns().map(|turn| turn.model().unwrap().to_owned()).collect();
        assert_eq!(models, ["resolved", "alias-evicted", "resolved"]);
        assert_eq!(memo.turns.values().map(|turn| turn.completions.len()).sum::<usize>(), 2);
        let order: Vec<_> = memo.pending.iter().map(|(turn, _)| turn).take(2).collect();
        assert_eq!(order, ["turn-4104", "turn-4105"]);
    }

    #[test]
    fn a_pending_turn_keeps_its_place() {
        let mut memo = memo(2);
        observe(
            &mut memo,
            &[completed("a", "1"), completed("b", "2"), completed("a", "3"), completed("c", "4")],
        );
        let pending: Vec<_> = memo.pending.iter().map(|(turn, rows)| (turn, rows.len())).collect();
        assert_eq!(pending, [("b", 1), ("c", 1)]);
    }
}
