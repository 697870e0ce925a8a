//! Reports by session, project, agent, source and model; by week, month, hour and window.

use std::collections::BTreeMap;

use common_fs::Timestamp;
use proptest::prelude::*;
use usage_cache::{
    By, Claude, Codex, Day, Facts, Gone, Group, GroupKey, ModelUsage, NanoUsd, Place, Prices,
    Query, Session, SessionList, SessionUsage, Usage, Weekday, Zone,
};

use crate::world::{World, answer_at};

const UUID: &str = "0b4b2d3c-5d6e-4f70-8192-a3b4c5d6e7f8";

fn world() -> World {
    let mut world = World::new();
    world.options.locations.places.push(Place::new(&Claude, "/h/.claude"));
    world.options.locations.places.push(Place::new(&Codex, "/h/.codex"));
    for dir in ["p", "-src-a/one/subagents", "-src-b"] {
        world.sim.fs.make_dir(format!("/h/.claude/projects/{dir}"));
    }
    world.sim.fs.make_dir("/h/.codex/sessions/2026/02/05");
    world
}

/// An answer of Claude Code, in a directory if that is said.
fn claude(id: &str, time: &str, cwd: Option<&str>, output: u64) -> String {
    let cwd = cwd.map(|cwd| format!(",\"cwd\":\"{cwd}\"")).unwrap_or_default();
    format!(
        "{{\"type\":\"assistant\",\"timestamp\":\"{time}\",\"sessionId\":\"s\"{cwd},\
         \"requestId\":\"{id}\",\"message\":{{\"id\":\"{id}\",\"model\":\"claude-opus-4-7\",\
         \"usage\":{{\"output_tokens\":{output}}}}}}}\n"
    )
}

fn codex(time: &str, cwd: &str, input: u64) -> String {
    let line = |kind: &str, payload: &str| {
        format!("{{\"timestamp\":\"{time}\",\"type\":\"{kind}\",\"payload\":{{{payload}}}}}\n")
    };
    let usage = format!("{{\"total_token_usage\":{{\"input_tokens\":{input}}}}}");
    line("session_meta", &format!("\"id\":\"{UUID}\",\"cwd\":\"{cwd}\""))
        + &line("turn_context", "\"model\":\"gpt-5.5\"")
        + &line("event_msg", &format!("\"type\":\"token_count\",\"info\":{usage}"))
}

fn facts(world: &World) -> Facts {
    world.wait();
    world.refreshed().usage.facts(Gone::Include, &Prices::none())
}

fn all() -> Query {
    Query::all(Zone::utc())
}

/// A session, project or other key in a few words, and its tokens.
fn shown(groups: &[Group<'_>]) -> Vec<(String, u64)> {
    let or_none = |name: Option<&str>| name.unwrap_or("-").to_owned();
    let name = |key: &GroupKey<'_>| match key {
        GroupKey::Project(project) => or_none(*project),
        GroupKey::Agent { source, agent } => format!("{source} {}", or_none(*agent)),
        GroupKey::Source(source) => (*source).to_owned(),
        GroupKey::Model(model) => or_none(model.name.as_deref()),
    };
    groups.iter().map(|group| (name(&group.key), group.usage.tokens.total)).collect()
}

/// A session in a few words, and its tokens.
fn shown_sessions(sessions: &SessionList<'_>) -> Vec<(String, u64)> {
    let or_none = |name: Option<&str>| name.unwrap_or("-").to_owned();
    let shown = |of: SessionUsage<'_>| {
        let Session { source, agent, project, id, .. } = of.session;
        let name = format!("{source} {} {} {id}", or_none(agent), or_none(project));
        (name, of.usage.tokens.total)
    };
    sessions.iter().map(shown).collect()
}

fn at(text: &str) -> Timestamp {
    usage_cache::parse_time(text).unwrap()
}

fn some_of_all() -> World {
    let world = world();
    let fs = &world.sim.fs;
    let dir = "/h/.claude/projects/-src-a";
    let (first, second) =
        (("1", "2026-02-05T10:00:00Z", None, 1), ("2", "2026-02-06T10:20:00Z", Some("/src/a"), 2));
    let lines = [first, second].map(|(id, time, cwd, output)| claude(id, time, cwd, output));
    fs.put(format!("{dir}/one.jsonl"), lines.concat().as_bytes());
    let sub_agent = claude("3", "2026-02-06T10:30:00Z", None, 4);
    fs.put(format!("{dir}/one/subagents/agent-x.jsonl"), sub_agent.as_bytes());
    let unsaid = claude("4", "2026-02-07T10:00:00Z", None, 8);
    fs.put("/h/.claude/projects/-src-b/two.jsonl", unsaid.as_bytes());
    let rollout = format!("/h/.codex/sessions/2026/02/05/rollout-2026-02-05T11-00-00-{UUID}.jsonl");
    fs.put(rollout, codex("2026-02-05T11:00:00Z", "/src/a", 16).as_bytes());
    world.put("three.jsonl", answer_at("2026-03-01T00:07:00Z", 32));
    world
}

#[test]
fn usage_belongs_to_sessions_projects_agents_sources_and_models() {
    let facts = facts(&some_of_all());
    let sessions = facts.sessions(&all());
    assert_eq!(
        shown_sessions(&sessions),
        [
            (format!("codex - /src/a {UUID}"), 16),
            ("claude - /src/a one".to_owned(), 1 + 2 + 4),
            ("claude - -src-b two".to_owned(), 8),
            ("openclaw main - three".to_owned(), 32),
        ]
    );
    let one = sessions.iter().nth(1).unwrap();
    assert_eq!((one.first, one.last), (at("2026-02-05T10:00:00Z"), at("2026-02-06T10:30:00Z")));
    let table = [
        (
            By::Project,
            vec![
                ("-".to_owned(), 32),
                ("/src/a".to_owned(), 1 + 2 + 4 + 16),
                ("-src-b".to_owned(), 8),
            ],
        ),
        (
            By::Agent,
            vec![
                ("openclaw main".to_owned(), 32),
                ("codex -".to_owned(), 16),
                ("claude -".to_owned(), 15),
            ],
        ),
        (
            By::Source,
            vec![("openclaw".to_owned(), 32), ("codex".to_owned(), 16), ("claude".to_owned(), 15)],
        ),
        (By::Model, vec![("gpt-5.5".to_owned(), 48), ("claude-opus-4-7".to_owned(), 15)]),
    ];
    for (by, expected) in table {
        assert_eq!(shown(&facts.groups(&all(), by)), expected, "{by:?}");
    }
}

#[test]
fn a_query_chooses_models_and_projects_by_a_part_of_their_name() {
    let facts = facts(&some_of_all());
    let total = |query: Query| facts.summary(&query).totals.tokens.total;
    let model = |part: &str| Query { model: Some(part.to_owned()), ..all() };
    let project = |part: &str| Query { project: Some(part.to_owned()), ..all() };
    assert_eq!(total(all()), 63);
    assert_eq!(total(model("OPUS")), 15);
    assert_eq!(total(model("gpt")), 48);
    assert_eq!(total(project("src/A")), 23);
    assert_eq!(total(project("nowhere")), 0);
    assert_eq!(total(Query { model: Some("gpt".to_owned()), ..project("/src/a") }), 16);
    let since: Option<Day> = Some("2026-02-06".parse().unwrap());
    assert_eq!(
        shown_sessions(&facts.sessions(&Query { since, ..project("a") })),
        [("claude - /src/a one".to_owned(), 6),]
    );
}

#[test]
fn days_add_up_to_weeks_and_months() {
    let summary = facts(&some_of_all()).summary(&all());
    let shown = |periods: Vec<usage_cache::DailyUsage>| -> Vec<(String, u64, usize)> {
        let period = |day: &usage_cache::DailyUsage| {
            (day.day.to_string(), day.usage.tokens.total, day.models.len())
        };
        periods.iter().map(period).collect()
    };
    assert_eq!(
        shown(summary.monthly()),
        [("2026-02-01".to_owned(), 31, 2), ("2026-03-01".to_owned(), 32, 1),]
    );
    // 2026-02-05 is a Thursday.
    assert_eq!(
        shown(summary.weekly(Weekday::Monday)),
        [("2026-02-02".to_owned(), 31, 2), ("2026-02-23".to_owned(), 32, 1),]
    );
    assert_eq!(
        shown(summary.weekly(Weekday::Friday)),
        [
            ("2026-01-30".to_owned(), 17, 2),
            ("2026-02-06".to_owned(), 14, 1),
            ("2026-02-27".to_owned(), 32, 1),
        ]
    );
}

#[test]
fn hours_are_those_of_the_clock() {
    let facts = facts(&some_of_all());
    let query = Query::all("+05:45".parse().unwrap());
    let hours = facts.hours(&query);
    let shown: Vec<_> = hours
        .iter()
        .map(|hour| (hour.day.to_string(), hour.hour, hour.usage.tokens.total))
        .collect();
    assert_eq!(
        shown,
        [
            ("2026-02-05".to_owned(), 15, 1),
            ("2026-02-05".to_owned(), 16, 16),
            // At 16:05 and 16:15.
            ("2026-02-06".to_owned(), 16, 6),
            ("2026-02-07".to_owned(), 15, 8),
            ("2026-03-01".to_owned(), 5, 32),
        ]
    );
}

#[test]
fn a_window_begins_with_the_hour_of_its_first_answer_and_lasts_five() {
    let world = world();
    let times = ["10:40:00", "14:59:59", "15:00:00", "21:00:00"];
    let lines = times.map(|time| claude(time, &format!("2026-02-05T{time}.500Z"), None, 60));
    world.sim.fs.put("/h/.claude/projects/p/a.jsonl", lines.concat().as_bytes());
    world.put("b.jsonl", answer_at("2026-02-05T12:10:00Z", 7));
    let facts = facts(&world);
    let blocks = facts.blocks(&all());
    let time = |time: Timestamp| Zone::utc().clock(time);
    let shown: Vec<_> = blocks
        .iter()
        .map(|block| (&*block.source, time(block.start), time(block.end), block.usage.tokens.total))
        .collect();
    assert_eq!(
        shown,
        [
            ("claude", (10, 0), (15, 0), 120),
            ("openclaw", (12, 0), (17, 0), 7),
            ("claude", (15, 0), (20, 0), 60),
            ("claude", (21, 0), (2, 0), 60),
        ]
    );
    let [first, .., last] = &blocks[..] else { panic!("{blocks:?}") };
    assert_eq!(first.first, at("2026-02-05T10:40:00.500Z"));
    assert_eq!(first.last, at("2026-02-05T14:59:59.500Z"));
    assert!(first.burn_rate(at("2026-02-05T15:00:00Z")).is_none(), "it is over");
    assert!(last.burn_rate(at("2026-02-05T21:00:59Z")).is_none(), "it has just begun");
    let now = at("2026-02-05T21:20:00.500Z");
    let burn = last.burn_rate(now).unwrap();
    assert_eq!((burn.tokens_per_minute, burn.cost_per_hour), (3, NanoUsd(0)));
    let projection = last.projection(now).unwrap();
    assert_eq!((projection.remaining_minutes, projection.total_tokens), (279, 60 + 60 * 279 / 20));
    // The days that are asked for do not move a window.
    let until: Day = "2026-02-05".parse().unwrap();
    let query = Query { since: Some(until), ..Query::all("-12:00".parse().unwrap()) };
    assert_eq!(facts.blocks(&query).len(), 3, "the first began on the day before");
}

proptest! {
    #[test]
    fn groups_add_up_to_the_whole(
        answers in prop::collection::vec((0_u8..4, 0_u32..200, 1_u64..100), 1..30),
        part in prop::option::of("[a-d]"),
    ) {
        let world = world();
        let mut contents = [const { String::new() }; 4];
        for (number, (session, quarter, output)) in answers.iter().enumerate() {
            let session = usize::from(*session);
            let name = ["a", "b", "c", "d"][session];
            let (day, hour, minute) = (1 + quarter / 96, quarter / 4 % 24, quarter % 4 * 15);
            let time = format!("2026-02-{day:02}T{hour:02}:{minute:02}:00Z");
            contents[session] += &claude(&number.to_string(), &time, Some(name), *output);
        }
        for (number, content) in contents.iter().enumerate() {
            let path = format!("/h/.claude/projects/p/{number}.jsonl");
            world.sim.fs.put(path, content.as_bytes());
        }
        let facts = facts(&world);
        let query = Query { project: part, since: "2026-02-02".parse().ok(), ..all() };
        let totals = facts.summary(&query).totals;
        let sum = facts.sessions(&query).iter().fold(Usage::default(), |sum, of| sum + of.usage);
        prop_assert_eq!(sum, totals);
        for by in [By::Project, By::Agent, By::Source, By::Model] {
            let groups = facts.groups(&query, by);
            let sum = groups.iter().fold(Usage::default(), |sum, g| sum + g.usage);
            prop_assert_eq!(sum, totals, "{:?}", by);
        }
        let hours = facts.hours(&query);
        let sum = hours.iter().fold(Usage::default(), |sum, hour| sum + hour.usage);
        prop_assert_eq!(sum, totals);
        let blocks = facts.blocks(&Query { since: None, ..query.clone() });
        let sum = blocks.iter().fold(Usage::default(), |sum, b| sum + b.usage);
        prop_assert_eq!(sum, facts.summary(&Query { since: None, ..query }).totals);
        let apart = blocks.windows(2).all(|pair| pair[0].end <= pair[1].start);
        prop_assert!(apart, "windows of one source do not overlap");
    }
}

/// A session: when it was first and last used, and the tokens of each model.
type Expected = (String, Timestamp, Timestamp, BTreeMap<String, u64>);

proptest! {
    #[test]
    fn sessions_sum_up_what_is_asked_for(
        answers in prop::collection::vec((0_u8..4, 0_u32..400, 0_usize..3, 1_u64..100), 1..40),
        since in prop::option::of(1_u32..5),
        until in prop::option::of(1_u32..5),
        model in prop::option::of(prop::sample::select(&MODELS[..])),
    ) {
        let world = world();
        let mut contents = [const { String::new() }; 4];
        let mut expected: BTreeMap<u8, Expected> = BTreeMap::new();
        for (number, (session, quarter, of, output)) in answers.iter().enumerate() {
            let (day, hour, minute) = (1 + quarter / 96, quarter / 4 % 24, quarter % 4 * 15);
            let second = output % 60;
            let time = format!("2026-02-{day:02}T{hour:02}:{minute:02}:{second:02}.5Z");
            let line = claude(&number.to_string(), &time, None, *output);
            contents[usize::from(*session)] += &line.replace("claude-opus-4-7", MODELS[*of]);
            let is_asked = since.is_none_or(|since| since <= day)
                && until.is_none_or(|until| day <= until)
                && model.is_none_or(|model| model == MODELS[*of]);
            if is_asked {
                let time = at(&time);
                let new = || (session.to_string(), time, time, BTreeMap::new());
                let (_, first, last, models) = expected.entry(*session).or_insert_with(new);
                (*first, *last) = ((*first).min(time), (*last).max(time));
                *models.entry(MODELS[*of].to_owned()).or_default() += output;
            }
        }
        for (number, content) in contents.iter().enumerate() {
            let path = format!("/h/.claude/projects/p/{number}.jsonl");
            world.sim.fs.put(path, content.as_bytes());
        }
        let day = |day: u32| format!("2026-02-{day:02}").parse::<Day>().unwrap();
        let (since, until) = (since.map(day), until.map(day));
        let query = Query { since, until, model: model.map(str::to_owned), ..all() };
        let facts = facts(&world);
        let shown = |of: SessionUsage<'_>| -> Expected {
            let model = |of: &ModelUsage| (of.model.name.clone().unwrap(), of.usage.tokens.total);
            let models: BTreeMap<String, u64> = of.models.iter().map(model).collect();
            assert_eq!(models.len(), of.models.len(), "each model once");
            assert_eq!(models.values().sum::<u64>(), of.usage.tokens.total);
            (of.session.id.to_owned(), of.first, of.last, models)
        };
        let mut expected: Vec<Expected> = expected.into_values().collect();
        expected.sort_by(|a, b| (a.2, &a.0).cmp(&(b.2, &b.0)));
        prop_assert_eq!(facts.sessions(&query).iter().map(shown).collect::<Vec<_>>(), expected);
    }
}

/// None is a part of the name of another.
const MODELS: [&str; 3] = ["opus", "sonnet", "haiku"];

#[test]
fn the_latest_and_the_costliest_are_some_of_all_sessions() {
    let facts = facts(&some_of_all());
    let sessions = facts.sessions(&all());
    let every: Vec<SessionUsage<'_>> = sessions.iter().collect();
    assert!(2 < every.len(), "{every:?}");
    for sessions_max in 0..=every.len() + 1 {
        let before = every.len().saturating_sub(sessions_max);
        let mut latest = sessions.clone();
        latest.keep_latest(sessions_max);
        assert_eq!(latest.iter().collect::<Vec<_>>(), every[before..]);
        let mut from_last: Vec<SessionUsage<'_>> = latest.iter().rev().collect();
        from_last.reverse();
        assert_eq!(from_last, every[before..]);
        // At no prices those with the most tokens.
        let mut costliest = every.clone();
        costliest.sort_by_key(|of| std::cmp::Reverse(of.usage.tokens.total));
        costliest.truncate(sessions_max);
        assert_eq!(sessions.costliest(sessions_max), costliest);
        assert_eq!(latest.costliest(usize::MAX).len(), latest.len());
        assert_eq!(latest.is_empty(), sessions_max == 0);
    }
}
