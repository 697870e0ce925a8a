//! Every report as it is printed, of the same transcripts at the same time.
//!
//! `UPDATE_EXPECT=1 cargo test -p usage-cache-cli` writes what is printed now to the files.

pub(crate) mod odd;

use std::{ops::ControlFlow, path::Path};

use cli_support::text::iso;
use common_fs::{Timestamp, sim::Sim};
use demo_corpus::Corpus;
use expect_test::{ExpectFile, expect_file};
use proptest::prelude::*;
use usage_cache::{
    By, Claude, Codex, Facts, Gone, Locations, OpenClaw, Options, Place, Prices, Query, Refreshed,
    Session, Weekday, Zone,
};

use crate::{
    csv_report, json, notes, overview,
    screen::Screen,
    table,
    view::{Kind, Order, View},
};

const WIDE: Screen = Screen { columns: None, styled: false, unicode: true };

struct Machine {
    refreshed: Refreshed,
    facts: Facts,
    now: Timestamp,
}

impl Machine {
    fn new() -> Self {
        let sim = Sim::new();
        let corpus = Corpus { sessions: 6, days: 40, ..Corpus::SMALL };
        let files = [
            ("/c", Corpus { seed: 1, ..corpus }.claude().collect::<Vec<_>>()),
            ("/x", Corpus { seed: 2, ..corpus }.codex().collect()),
            ("/o", Corpus { seed: 3, ..corpus }.openclaw().collect()),
        ];
        for (root, files) in files {
            for file in files {
                let path = Path::new(root).join(&file.path);
                sim.fs.make_dir(path.parent().unwrap());
                sim.fs.put(path, &file.content);
            }
        }
        let places =
            vec![Place::new(&Claude, "/c"), Place::new(&Codex, "/x"), Place::new(&OpenClaw, "/o")];
        let options = Options::new(Locations::new(places, Path::new("/state")));
        let go_on = &mut |_| ControlFlow::Continue(());
        let refreshed = usage_cache::refresh(sim.host(), &options, go_on);
        let facts = refreshed.usage.facts(Gone::Include, &Prices::builtin());
        let now = Timestamp::from_unix_millis(corpus.latest_millis).unwrap();
        Self { refreshed, facts, now }
    }

    fn view(&self, kind: Kind) -> View<'_> {
        View::new(&self.facts, &query(), kind, self.now)
    }

    fn overview(&self, screen: Screen) -> String {
        let query = query();
        let today = query.zone.day(self.now);
        overview::overview(&self.facts, &query, &self.facts.summary(&query), today, screen)
    }
}

fn query() -> Query {
    Query::all("Europe/Berlin".parse().unwrap())
}

const KINDS: [(&str, Kind); 9] = [
    ("daily", Kind::Daily),
    ("weekly", Kind::Weekly(Weekday::Monday)),
    ("monthly", Kind::Monthly),
    ("session", Kind::Sessions),
    ("project", Kind::By(By::Project)),
    ("agent", Kind::By(By::Agent)),
    ("source", Kind::By(By::Source)),
    ("model", Kind::By(By::Model)),
    ("blocks", Kind::Blocks { only_active: false }),
];

fn snapshot(name: &str) -> ExpectFile {
    expect_file![format!("snapshots/{name}")]
}

/// What is written.
fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut content = Vec::new();
    write(&mut content).unwrap();
    String::from_utf8(content).unwrap()
}

fn csv(view: &View<'_>, breakdown: bool) -> String {
    text(|to| csv_report::write(view, breakdown, to))
}

#[test]
fn reports_for_people() {
    let machine = Machine::new();
    for (name, kind) in KINDS {
        let view = machine.view(kind).limited(8);
        for breakdown in [false, true] {
            let with = if breakdown { "-breakdown" } else { "" };
            let text = table::table_of(&view, &query().zone, breakdown, WIDE);
            snapshot(&format!("{name}{with}.txt")).assert_eq(&text);
        }
    }
    snapshot("overview.txt").assert_eq(&machine.overview(WIDE));
    let notes = notes::notes(&machine.facts.summary(&query()), machine.refreshed.usage.status());
    assert_eq!(notes, [] as [String; 0]);
}

#[test]
fn reports_for_programs() {
    let machine = Machine::new();
    for (name, kind) in KINDS {
        let view = machine.view(kind).limited(2);
        let status = machine.refreshed.usage.status();
        let document = text(|to| json::write_report(&query().zone, &view, status, &[], to));
        snapshot(&format!("{name}.json")).assert_eq(&document);
        snapshot(&format!("{name}.csv")).assert_eq(&csv(&view, false));
        let breakdown = csv(&view, true);
        snapshot(&format!("{name}-breakdown.csv")).assert_eq(&breakdown);
    }
}

proptest! {
    #[test]
    fn values_are_read_as_they_were(facts in odd::facts(), breakdown in any::<bool>()) {
        let view = View::new(&facts, &query(), Kind::Sessions, Timestamp::UNIX_EPOCH);
        let text = csv(&view, breakdown);
        let mut expected = Vec::new();
        for of in facts.sessions(&query()).iter() {
            let Session { source, agent, project, id, .. } = of.session;
            let names = [source, agent.unwrap_or_default(), project.unwrap_or_default(), id];
            let rows = of.models.iter().map(|of| (Some(&of.model), of.usage));
            let rows = rows.filter(|_| breakdown).chain((!breakdown).then_some((None, of.usage)));
            for (model, usage) in rows {
                let mut row = names.map(str::to_owned).to_vec();
                row.extend([of.first, of.last].map(iso));
                if let Some(model) = model {
                    row.push(model.provider.clone().unwrap_or_default());
                    row.push(crate::text::model_name(model).to_owned());
                }
                let tokens = usage.tokens;
                let numbers =
                    [tokens.input, tokens.output, tokens.cache_creation, tokens.cache_read];
                row.extend(numbers.into_iter().chain([tokens.total]).map(|n| n.to_string()));
                row.push(exact(usage.cost));
                row.extend([usage.events, usage.unpriced_events].map(|n| n.to_string()));
                expected.push(row);
            }
        }
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        let read: Vec<Vec<String>> = reader.deserialize().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(read, expected);
    }
}

/// Dollars, digit by digit.
fn exact(cost: usage_cache::NanoUsd) -> String {
    let digits = format!("{:010}", cost.0);
    let (whole, nanos) = digits.split_at(digits.len() - 9);
    format!("{whole}.{nanos}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[test]
fn tables_fit_the_terminal() {
    let machine = Machine::new();
    for columns in [100, 80, 60] {
        let screen = Screen { columns: Some(columns), ..WIDE };
        for (name, kind) in KINDS {
            for breakdown in [false, true] {
                let view = machine.view(kind);
                let text = table::table_of(&view, &query().zone, breakdown, screen);
                let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
                assert!(widest <= columns, "{name} at {columns}: {widest}\n{text}");
                assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
                let totals = machine.view(kind).summary.totals;
                assert!(text.contains(&table::cost(&totals)), "{text}");
            }
        }
        if columns == 80 {
            let text = machine.overview(screen);
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
            assert!(text.lines().count() <= 30, "one screen:\n{text}");
        }
    }
    let narrow = Screen { columns: Some(80), ..WIDE };
    let sessions = machine.view(Kind::Sessions);
    let text = table::table_of(&sessions, &query().zone, false, narrow);
    snapshot("session-80.txt").assert_eq(&text);
}

#[test]
fn what_stands_out_can_be_left_away() {
    let machine = Machine::new();
    let styled = machine.overview(Screen { styled: true, ..WIDE });
    assert!(styled.contains("\u{1b}["), "{styled}");
    let plain = console::strip_ansi_codes(&styled).into_owned();
    assert_eq!(plain, machine.overview(WIDE));
    let ascii = machine.overview(Screen { unicode: false, ..WIDE });
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn rows_can_be_limited_and_turned_around() {
    let machine = Machine::new();
    let names =
        |view: &View<'_>| csv(view, false).lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    for (name, kind) in KINDS {
        let all = names(&machine.view(kind));
        let limited = machine.view(kind).limited(2);
        assert_eq!(limited.left_out, all.len().saturating_sub(2), "{name}");
        let by_cost = matches!(kind, Kind::By(_));
        let from = if by_cost { 0 } else { all.len().saturating_sub(2) };
        assert_eq!(names(&limited), all[from..all.len().min(from + 2)], "{name}");
        let (same, other) =
            if by_cost { (Order::Desc, Order::Asc) } else { (Order::Asc, Order::Desc) };
        assert_eq!(names(&machine.view(kind).ordered(same)), all, "{name}");
        let mut reversed = all;
        reversed.reverse();
        assert_eq!(names(&machine.view(kind).ordered(other)), reversed, "{name}");
    }
}

#[test]
fn a_window_that_is_not_over_says_what_it_comes_to() {
    let machine = Machine::new();
    let blocks = machine.facts.blocks(&query());
    let last = blocks.iter().max_by_key(|block| block.last).unwrap();
    let now = Timestamp::from_unix_millis(last.first.unix_millis() + 600_000).unwrap();
    let text = overview::active_windows(&blocks, &Zone::utc(), now);
    assert!(text.contains(&format!("This window of {}: ", last.source)), "{text}");
    let active = View::new(&machine.facts, &query(), Kind::Blocks { only_active: true }, now);
    assert!(0 < active.rows.len() && active.rows.len() < blocks.len());
}

#[test]
fn the_documents_are_described() {
    fn keys(value: &serde_json::Value, into: &mut std::collections::BTreeSet<String>) {
        match value {
            serde_json::Value::Object(object) => {
                for (key, value) in object {
                    into.insert(key.clone());
                    keys(value, into);
                }
            }
            serde_json::Value::Array(values) => values.iter().for_each(|value| keys(value, into)),
            _ => (),
        }
    }
    let formats = include_str!("../../../docs/formats.md");
    let machine = Machine::new();
    let mut all = std::collections::BTreeSet::new();
    for (_, kind) in KINDS {
        let status = machine.refreshed.usage.status();
        let view = machine.view(kind);
        let document = text(|to| json::write_report(&query().zone, &view, status, &[], to));
        keys(&serde_json::from_str(&document).unwrap(), &mut all);
    }
    assert!(40 < all.len(), "{all:?}");
    for key in all {
        let is_described = [format!("`{key}`"), format!("`{key}[]`")];
        assert!(is_described.iter().any(|text| formats.contains(text)), "{key}");
    }
}

#[test]
fn the_page_about_reports_shows_what_they_print() {
    let page = include_str!("../../../docs/usage.md");
    let shown = page.split("```").skip(1).step_by(2).filter(|block| block.starts_with("console"));
    let mut blocks = 0;
    for block in shown {
        let (command, text) = block.split_once("\n$ ").unwrap().1.split_once('\n').unwrap();
        let mut words = command.split('#').next().unwrap().split_whitespace().skip(1);
        let name = words.next().unwrap_or("overview");
        let rest = words.next().map(|word| word.trim_start_matches('-'));
        let file = match (rest, command.contains('#')) {
            (Some("csv"), _) => format!("{name}.csv"),
            (Some(rest), _) => format!("{name}-{rest}.txt"),
            (None, true) => format!("{name}-80.txt"),
            (None, false) => format!("{name}.txt"),
        };
        snapshot(&file).assert_eq(text);
        blocks += 1;
    }
    assert_eq!(blocks, 11);
}
