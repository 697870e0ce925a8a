//! What turns with priority cost, through a whole refresh.

use std::path::Path;

use common_fs::sim::Sim;
use usage_cache::{
    CacheProblem, Codex, Databases, DbProblem, DbProblemKind, Facts, Gone, Locations, Options,
    Place, Prices, Query, Remembered, SessionDb, Summary, Usage, UsageCache, Zone,
    trace::{TraceDb, TurnsProblem},
};

use crate::logs::{Log, Logs, completed, request};

const DB: &str = "/h/.codex/logs_2.sqlite";
const TURNS: &str = "/state/codex-turns.json";
const NOW: i64 = 1_778_414_400;

struct Machine {
    sim: Sim,
    logs: &'static Logs,
    options: Options,
}

/// An answer: its turn, its model, and its input, cached input and output.
type Answer<'a> = (&'a str, &'a str, [u64; 3]);

const USUAL: [u64; 3] = [100, 20, 10];

impl Machine {
    fn new(answers: &[Answer<'_>]) -> Self {
        let (sim, logs) = (Sim::new(), Logs::leak());
        sim.fs.make_dir("/h/.codex/sessions");
        let places = vec![Place::new(&Codex, "/h/.codex")];
        let locations =
            Locations { trace: Some(DB.into()), ..Locations::new(places, "/state".as_ref()) };
        let options = Options { databases: Some(logs), ..Options::new(locations) };
        let machine = Self { sim, logs, options };
        machine.write(answers);
        machine
    }

    /// Writes a rollout with these answers.
    fn write(&self, answers: &[Answer<'_>]) {
        let mut rollout = line("session_meta", r#""id":"s","timestamp":"2026-05-10T12:00:00Z""#);
        let mut total = [0; 3];
        for (turn, model, last) in answers {
            total.iter_mut().zip(last).for_each(|(total, last)| *total += last);
            rollout += &line("event_msg", &format!(r#""type":"task_started","turn_id":"{turn}""#));
            rollout += &line("turn_context", &format!(r#""model":"{model}""#));
            rollout += &line(
                "event_msg",
                &format!(
                    r#""type":"token_count","info":{{"last_token_usage":{},"total_token_usage":{}}}"#,
                    counts(*last),
                    counts(total)
                ),
            );
        }
        self.sim.fs.put("/h/.codex/sessions/rollout-s.jsonl", rollout.as_bytes());
        self.sim.clock.advance(std::time::Duration::from_secs(10));
    }

    /// Writes a trace database with these rows.
    fn trace(&self, bodies: &[String]) -> &Self {
        let mut log = Log::default();
        for body in bodies {
            log.push(NOW, body);
        }
        self.logs.put(DB, Ok(log));
        // It is read through another interface, but whether it is there is seen here.
        self.sim.fs.put(DB, b"a database");
        self
    }

    fn refresh(&self) -> UsageCache {
        let refreshed = crate::world::refresh(self.sim.host(), &self.options);
        assert!(refreshed.problems.is_empty(), "{:?}", refreshed.problems);
        refreshed.usage
    }

    fn summary(&self) -> Summary {
        summary(&self.refresh())
    }

    fn usage(&self) -> Usage {
        self.summary().totals
    }
}

fn summary(usage: &UsageCache) -> Summary {
    usage.summary(&Query::all(Zone::utc()), &Prices::builtin())
}

fn line(kind: &str, payload: &str) -> String {
    let at = "2026-05-10T12:00:00Z";
    format!(r#"{{"timestamp":"{at}","type":"{kind}","payload":{{{payload}}}}}"#) + "\n"
}

fn counts([input, cached, output]: [u64; 3]) -> String {
    format!(r#"{{"input_tokens":{input},"cached_input_tokens":{cached},"output_tokens":{output}}}"#)
}

/// In nano-dollars: all, and what was asked for with priority; and the tokens of that.
type Costs = (u64, u64, u64);

fn costs(usage: &Usage) -> Costs {
    (usage.cost.0, usage.priority_cost.0, usage.priority_tokens)
}

/// steipete/CodexBar: `CostUsageScannerPriorityTests`. Costs in nano-dollars.
#[test]
fn turns_with_priority_cost_more() {
    let long = [272_001, 0, 10];
    let table: &[(&[Answer<'_>], &[String], Costs)] = &[
        (
            &[("s", "gpt-5.5", USUAL), ("p", "gpt-5.5", USUAL)],
            &[request("p", "gpt-5.5")],
            (2_485_000, 1_775_000, 110),
        ),
        (
            &[("s", "gpt-5.4", USUAL), ("p", "gpt-5.4", USUAL)],
            &[request("p", "gpt-5.4")],
            (1_065_000, 710_000, 110),
        ),
        // The names in the rollout and in the request can be aliases.
        (
            &[("p", "codex-auto-review", USUAL)],
            &[request("p", "codex-auto-review"), completed("p", "gpt-5.4")],
            (710_000, 710_000, 110),
        ),
        (
            &[("p", "codex-auto-review", USUAL)],
            &[request("p", "codex-auto-review"), completed("p", "gpt-5.5")],
            (1_775_000, 1_775_000, 110),
        ),
        (&[("p", "gpt-5.4", USUAL)], &[request("p", "codex-auto-review")], (710_000, 710_000, 110)),
        // A model that is never fast.
        (&[("p", "gpt-5.4-nano", USUAL)], &[request("p", "gpt-5.4-nano")], (28_900, 28_900, 110)),
        // Requests that are too large to be fast.
        (
            &[
                ("s", "gpt-5.5", long),
                ("p", "gpt-5.5", [300_000, 0, 5]),
                ("p", "gpt-5.5", [100_001, 0, 5]),
            ],
            &[request("p", "gpt-5.5")],
            (6_971_072_500, 4_250_612_500, 400_011),
        ),
        (
            &[("p", "gpt-5.6-sol", [272_001, 100_000, 5])],
            &[request("p", "gpt-5.6-sol")],
            (1_820_235_000, 1_820_235_000, 272_006),
        ),
        (
            &[("p", "gpt-5.6-sol", [100_000, 20_000, 20_000])],
            &[request("p", "gpt-5.6-sol")],
            (2_020_000_000, 2_020_000_000, 120_000),
        ),
        (
            &[("p", "gpt-5.5", [200_000, 100_000, 5])],
            &[request("p", "gpt-5.5")],
            (1_375_375_000, 1_375_375_000, 200_005),
        ),
        (&[("s", "gpt-5.5", USUAL)], &[request("p", "gpt-5.5")], (710_000, 0, 0)),
    ];
    for (answers, rows, expected) in table {
        let usage = Machine::new(answers).trace(rows).usage();
        assert_eq!(costs(&usage), *expected, "{answers:?}");
        assert_eq!(usage.unpriced_events, 0);
    }
}

/// The same source, a rollout that has nothing but totals: these are several requests, none of
/// which is too large to be fast.
#[test]
fn a_total_is_no_size_of_a_request() {
    let machine = Machine::new(&[]);
    let mut rollout = line("session_meta", r#""id":"s","timestamp":"2026-05-10T12:00:00Z""#);
    for (turn, times) in [("s", 1), ("t", 2), ("p", 3)] {
        let total = counts([120_000, 60_000, 100].map(|count: u64| count * times));
        rollout += &line("event_msg", &format!(r#""type":"task_started","turn_id":"{turn}""#));
        rollout += &line("turn_context", r#""model":"gpt-5.5""#);
        let counted = format!(r#""type":"token_count","info":{{"total_token_usage":{total}}}"#);
        rollout += &line("event_msg", &counted);
    }
    machine.sim.fs.put("/h/.codex/sessions/rollout-s.jsonl", rollout.as_bytes());
    let usage = machine.trace(&[request("p", "gpt-5.5")]).usage();
    assert_eq!(costs(&usage), (1_498_500_000, 832_500_000, 120_100));
}

/// Another process scans and saves between our loading and our saving.
struct Meanwhile {
    ours: Logs,
    sim: Sim,
    theirs: Options,
}

impl std::fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Databases for Meanwhile {
    fn open_trace(&self, path: &Path) -> Result<Box<dyn TraceDb>, DbProblem> {
        crate::world::refresh(self.sim.host(), &self.theirs);
        self.ours.open_trace(path)
    }

    fn open_sessions(&self, path: &Path) -> Result<Box<dyn SessionDb>, DbProblem> {
        self.ours.open_sessions(path)
    }
}

#[test]
fn two_processes_do_not_overwrite_what_the_other_has_found() {
    const OTHER_DB: &str = "/other/logs_2.sqlite";
    let machine = Machine::new(&[("p", "gpt-5.5", USUAL), ("q", "gpt-5.5", USUAL)]);
    machine.trace(&[request("p", "gpt-5.5")]);
    let mut log = Log::default();
    log.push(NOW, request("q", "gpt-5.5"));
    machine.logs.put(OTHER_DB, Ok(log));
    machine.sim.fs.make_dir("/other");
    machine.sim.fs.put(OTHER_DB, b"a database");
    let locations = Locations { trace: Some(OTHER_DB.into()), ..machine.options.locations.clone() };
    let theirs = Options { locations, ..machine.options.clone() };
    let (ours, sim) = (machine.logs.clone(), machine.sim.clone());
    let meanwhile: &Meanwhile = Box::leak(Box::new(Meanwhile { ours, sim, theirs }));
    let options = Options { databases: Some(meanwhile), ..machine.options.clone() };
    crate::world::refresh(machine.sim.host(), &options);
    let known = machine.options.databases;
    for path in [DB, OTHER_DB] {
        let locations = Locations { trace: Some(path.into()), ..machine.options.locations.clone() };
        let options = Options { locations, databases: known, ..machine.options.clone() };
        let usage = crate::world::refresh(machine.sim.host(), &options).usage;
        let status = usage.status().trace.as_ref().unwrap();
        assert_eq!((status.known_turns, status.cursor, status.work.rows), (2, 1, 0), "{path}");
    }
}

#[test]
fn a_turn_that_turns_out_to_have_priority_is_priced_anew_without_being_read_again() {
    let machine = Machine::new(&[("p", "codex-auto-review", USUAL), ("q", "gpt-5.5", USUAL)]);
    assert_eq!(costs(&machine.usage()), (710_000, 0, 0), "there is no database");
    machine.trace(&[request("p", "codex-auto-review")]);
    let refreshed = crate::world::refresh(machine.sim.host(), &machine.options);
    assert_eq!(refreshed.work.scanned_bytes, 0);
    let usage = summary(&refreshed.usage).totals;
    assert_eq!((costs(&usage), usage.unpriced_events), ((710_000, 0, 110), 1));
    machine.logs.with(DB, |log| log.push(NOW, completed("p", "gpt-5.4")));
    assert_eq!(costs(&machine.usage()), (1_420_000, 710_000, 110));
    machine.logs.with(DB, |log| log.push(NOW, request("q", "gpt-5.5")));
    assert_eq!(costs(&machine.usage()), (2_485_000, 2_485_000, 220));
}

#[test]
fn what_was_known_counts_on_whatever_becomes_of_the_database() {
    let kinds = [
        DbProblemKind::Busy,
        DbProblemKind::Missing,
        DbProblemKind::Corrupt,
        DbProblemKind::SchemaUnknown,
        DbProblemKind::NoPermission,
    ];
    let answers = [("p", "codex-auto-review", USUAL)];
    let rows = [request("p", "codex-auto-review"), completed("p", "gpt-5.5")];
    let expected = (1_775_000, 1_775_000, 110);
    for kind in kinds {
        let machine = Machine::new(&answers);
        assert_eq!(costs(&machine.trace(&rows).usage()), expected);
        machine.logs.put(DB, Err(kind));
        if kind == DbProblemKind::Missing {
            machine.sim.fs.remove(DB);
        }
        let usage = machine.refresh();
        let status = usage.status().trace.as_ref().unwrap();
        assert_eq!((status.word(), status.known_turns), (kind.word(), 1));
        // Only of a database that was deleted nothing but its turns is known any more.
        assert_eq!(status.cursor, if kind == DbProblemKind::Missing { 0 } else { 2 });
        assert_eq!(costs(&summary(&usage).totals), expected);
    }
    // Rows that are gone, also the one with the answer, and another database.
    let machine = Machine::new(&answers);
    machine.trace(&rows).refresh();
    for prune in [1, 2] {
        machine.logs.with(DB, |log| log.rows.remove(&prune));
        assert_eq!(costs(&machine.usage()), expected);
    }
    machine.trace(&[]);
    machine.logs.with(DB, |log| log.ino = 7);
    assert_eq!(costs(&machine.usage()), expected);
}

#[test]
fn nothing_is_written_that_is_not_new() {
    let machine = Machine::new(&[("p", "gpt-5.5", USUAL)]);
    machine.trace(&[request("p", "gpt-5.5")]).refresh();
    let file = || machine.sim.fs.content(TURNS).unwrap();
    let first = file();
    machine.refresh();
    machine.logs.with(DB, |log| log.push_many(NOW, 100));
    let usage = machine.refresh();
    let status = usage.status().trace.as_ref().unwrap();
    assert_eq!((status.work.rows, status.save), (100, None));
    assert_eq!(file(), first, "that the scan came further is no news");
    machine.logs.with(DB, |log| log.push_many(NOW, 5_000));
    machine.refresh();
    assert_ne!(file(), first, "but looking at so much again would take time");
    let before = file();
    let (dir, name) = common_fs::open_parent(&machine.sim.fs, TURNS.as_ref()).unwrap();
    assert_eq!(dir.stat(&name).unwrap().mode & 0o777, 0o600);
    machine.logs.with(DB, |log| log.push(NOW, request("q", "gpt-5.5")));
    machine.refresh();
    assert_ne!(file(), before, "a turn is news");
}

#[test]
fn nothing_that_anybody_wrote_is_kept() {
    let machine = Machine::new(&[("p", "gpt-5.5", USUAL)]);
    let submission = r#"session_loop{thread_id=t}: Submission sub=Submission { id: "q", op: UserInput { text: "private text" }, service_tier: Some(Some("priority")) }"#;
    let rows = [request("p", "m"), completed("p", "m"), completed("x", "m"), submission.into()];
    let usage = machine.trace(&rows).refresh();
    let kept = [machine.sim.fs.content(TURNS).unwrap(), format!("{usage:?}").into_bytes()];
    for kept in kept {
        let text = String::from_utf8_lossy(&kept).into_owned();
        assert!(text.contains("codex-turns") && !text.contains("private"), "{text}");
    }
}

#[test]
fn a_file_that_cannot_be_used_costs_a_scan() {
    let machine = Machine::new(&[("p", "gpt-5.5", USUAL)]);
    machine.trace(&[request("p", "gpt-5.5"), "noise".into()]).refresh();
    let good = machine.sim.fs.content(TURNS).unwrap();
    let text = String::from_utf8(good.clone()).unwrap();
    let damaged = text.replace("gpt-5.5", "gpt-5.6");
    let contents = ["not json", "", "{}", &damaged, &text[..text.len() / 2]];
    for (nth, content) in contents.into_iter().enumerate() {
        machine.sim.fs.put(TURNS, content.as_bytes());
        let refreshed = crate::world::refresh(machine.sim.host(), &machine.options);
        assert!(
            matches!(refreshed.problems[..], [CacheProblem::Turns(TurnsProblem::Damaged { .. })]),
            "{:?}",
            refreshed.problems
        );
        assert_eq!(refreshed.usage.status().trace.as_ref().unwrap().work.rows, 2);
        assert_eq!(costs(&summary(&refreshed.usage).totals), (1_775_000, 1_775_000, 110));
        let number = if nth == 0 { String::new() } else { format!("-{nth}") };
        let aside = format!("{TURNS}.damaged{number}");
        assert_eq!(machine.sim.fs.content(&aside).unwrap(), content.as_bytes());
        assert_eq!(machine.refresh().status().trace.as_ref().unwrap().work.rows, 0);
    }
    // A newer program knows why.
    let sealed = |text: &str| {
        let body = text.get(..text.len() - 27).unwrap();
        let sum = xxhash_rust::xxh3::xxh3_64(body.as_bytes());
        format!("{body},\"sum\":\"{sum:016x}\"}}\n")
    };
    assert_eq!(sealed(&text), text);
    let newer = sealed(&text.replace("\"version\":1", "\"version\":2"));
    machine.sim.fs.put(TURNS, newer.as_bytes());
    machine.logs.with(DB, |log| log.push(NOW, request("q", "gpt-5.5")));
    let refreshed = crate::world::refresh(machine.sim.host(), &machine.options);
    assert!(
        matches!(refreshed.problems[..], [CacheProblem::Turns(TurnsProblem::TooNew { .. })]),
        "{:?}",
        refreshed.problems
    );
    assert_eq!(machine.sim.fs.content(TURNS).unwrap(), newer.as_bytes());
    // Another parser may have seen less in the same rows, but the turns that it knew stay known.
    let other = sealed(&text.replace("\"parser\":1", "\"parser\":0"));
    machine.sim.fs.put(TURNS, other.as_bytes());
    machine.logs.put(DB, Err(DbProblemKind::Busy));
    let usage = machine.refresh();
    let status = usage.status().trace.as_ref().unwrap();
    assert_eq!((status.cursor, status.known_turns), (0, 1));
}

/// Saved facts know at which costs they were made.
#[test]
fn turns_that_became_known_change_what_was_saved() {
    let machine = Machine::new(&[("p", "gpt-5.5", USUAL)]);
    let usage = machine.refresh();
    let facts = usage.facts(Gone::Include, &Prices::builtin());
    let remember = |usage: &UsageCache, facts: &Facts| {
        usage_cache::remember(machine.sim.host(), &machine.options, usage, facts).unwrap()
    };
    assert_eq!(remember(&usage, &facts), Remembered::Saved);
    let before = machine.usage();
    assert_eq!(before, facts.summary(&Query::all(Zone::utc())).totals);
    machine.trace(&[request("p", "gpt-5.5")]);
    let usage = machine.refresh();
    let facts = usage.facts(Gone::Include, &Prices::builtin());
    let now = facts.summary(&Query::all(Zone::utc())).totals;
    assert!(before.cost < now.cost, "{before:?} {now:?}");
    let saved = usage_cache::open_saved(
        machine.sim.host(),
        &machine.options,
        Gone::Include,
        &Prices::builtin(),
    );
    assert_eq!(saved.facts.summary(&Query::all(Zone::utc())).totals, now);
    assert_eq!(remember(&usage, &facts), Remembered::Saved);
    assert_eq!(machine.usage(), now);
}
