use common_fs::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{Beginning, Event, Key, Lineage, Outcome, TokenCounts};

/// What is left of an event when its line is gone.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    identity: Option<Key>,
    at_millis: Option<i64>,
    provider: Option<String>,
    model: Option<String>,
    tokens: TokenCounts,
}

#[derive(Debug, Default)]
struct Parsed {
    events: Vec<Owned>,
    outcomes: Vec<Outcome>,
    lineage: Lineage,
    state: Option<String>,
}

impl Parsed {
    fn inputs(&self) -> Vec<u64> {
        self.events.iter().map(|event| event.tokens.input).collect()
    }
}

/// Parses lines, from a state on.
fn parse_from(state: Option<&str>, lines: &[impl AsRef<[u8]>]) -> Parsed {
    let mut parser = Codex.parser(state);
    let mut parsed = Parsed::default();
    for line in lines {
        let outcome = parser.line(line.as_ref(), &mut |event: &Event<'_>| {
            parsed.events.push(Owned {
                identity: event.identity,
                at_millis: event.at.map(Timestamp::unix_millis),
                provider: event.provider.as_deref().map(str::to_owned),
                model: event.model.as_deref().map(str::to_owned),
                tokens: event.tokens,
            });
        });
        parsed.outcomes.push(outcome);
    }
    Parsed { lineage: parser.lineage(), state: parser.state(), ..parsed }
}

fn parse(lines: &[impl AsRef<[u8]>]) -> Parsed {
    parse_from(None, lines)
}

fn line(kind: &str, payload: &str) -> String {
    format!(r#"{{"timestamp":"2026-07-11T12:00:02Z","type":"{kind}","payload":{payload}}}"#)
}

fn meta(fields: &str) -> String {
    line("session_meta", &format!("{{{fields}}}"))
}

fn context(model: &str) -> String {
    line("turn_context", &format!(r#"{{"model":"{model}"}}"#))
}

fn usage(input: u64) -> String {
    format!(r#"{{"input_tokens":{input},"cached_input_tokens":0,"output_tokens":0}}"#)
}

fn tokens_with(fields: &str) -> String {
    line("event_msg", &format!(r#"{{"type":"token_count","info":{{{fields}}}}}"#))
}

fn tokens(total: u64, last: u64) -> String {
    tokens_with(&format!(
        r#""total_token_usage":{},"last_token_usage":{}"#,
        usage(total),
        usage(last)
    ))
}

fn trigger() -> String {
    line("inter_agent_communication_metadata", r#"{"trigger_turn":true}"#)
}

fn session(id: &str) -> Key {
    Key::of(&[b"codex session", id.as_bytes()])
}

const SUB_AGENT: &str =
    r#""id":"child","source":{"subagent":{"thread_spawn":{"parent_thread_id":"parent"}}}"#;
const AT: i64 = 1_783_771_202_000;

#[test]
fn a_file_is_what_its_name_says() {
    let table = [
        ("rollout-2026-07-11T12-00-02-x.jsonl", true),
        (".jsonl", false),
        (".rollout.jsonl", false),
        ("rollout.json", false),
        ("history.jsonl.bak", false),
    ];
    for (name, transcript) in table {
        let found = Codex.classify(name.as_ref());
        let session = name.strip_suffix(".jsonl").map(str::as_bytes);
        let expected = if transcript {
            Name::Transcript(TranscriptName { session, ..TranscriptName::default() })
        } else {
            Name::Other
        };
        assert_eq!(found, expected, "{name}");
    }
    let name = TranscriptName { session: Some(b"a"), ..TranscriptName::default() };
    let finished = TranscriptName { compressed: true, origin: Origin::Finished, ..name };
    assert_eq!(Codex.classify("a.jsonl.zst".as_ref()), Name::Transcript(finished));
    assert_eq!(Codex.classify("a.jsonl.gz".as_ref()), Name::Compressed);
    assert_eq!(Codex.classify(".a.jsonl.gz".as_ref()), Name::Other);
    let archived_at = Timestamp::from_unix_millis(1_770_293_045_006);
    for (archived, name) in [
        ("a.jsonl.deleted.2026-02-05T12-04-05.006Z", name),
        (
            "a.jsonl.deleted.2026-02-05T12-04-05.006Z.zst",
            TranscriptName { compressed: true, ..name },
        ),
        ("a.jsonl.zst.deleted.2026-02-05T12-04-05.006Z", finished),
    ] {
        let expected = Name::Transcript(TranscriptName { archived_at, ..name });
        assert_eq!(Codex.classify(archived.as_ref()), expected, "{archived}");
    }
    for unreadable in ["gz.deleted.2026-02-05T12-04-05Z", "zst.deleted.2026-02-05T12-04-05Z.zst"] {
        let name = format!("a.jsonl.{unreadable}");
        assert_eq!(Codex.classify(name.as_ref()), Name::Compressed, "{name}");
    }
    for other in ["a.jsonl.bak.2026-02-05T12-04-05Z", "a.jsonl.bak.2026-02-05T12-04-05Z.zst"] {
        assert_eq!(Codex.classify(other.as_ref()), Name::Other, "{other}");
    }
}

#[test]
fn lines_of_the_runtime() {
    let counts = r#""total_token_usage":{"input_tokens":43389,"cached_input_tokens":30208,"output_tokens":339,"reasoning_output_tokens":135,"total_tokens":43728},"last_token_usage":{"input_tokens":22299,"cached_input_tokens":20224,"output_tokens":103,"reasoning_output_tokens":61,"total_tokens":22402},"model_context_window":272000"#;
    let lines = [
        meta(r#""id":"s","cwd":"/w","model_provider":"azure","source":"cli","git":null"#),
        line("event_msg", r#"{"type":"token_count","info":null,"rate_limits":{}}"#),
        context("gpt-5.5"),
        line("response_item", r#"{"type":"message","content":[{"text":"\"token_count\""}]}"#),
        line("event_msg", r#"{"type":"user_message","message":"token_count"}"#),
        line("event_msg", &format!(r#"{{"type":"user_message","info":{{{counts}}}}}"#)),
        tokens_with(counts),
        tokens_with(counts),
    ];
    let parsed = parse(&lines);
    let tokens = TokenCounts {
        input: 2_075,
        output: 103,
        cache_creation: 0,
        cache_read: 20_224,
        total: 22_402,
    };
    let counted = [22_299_u64, 20_224, 0, 103].map(u64::to_le_bytes).concat();
    let event = Owned {
        identity: Some(Key::of(&[b"codex", b"s", &AT.to_le_bytes(), &counted])),
        at_millis: Some(AT),
        provider: Some("azure".into()),
        model: Some("gpt-5.5".into()),
        tokens,
    };
    assert_eq!(parsed.events, [event]);
    assert_eq!(parsed.outcomes, [Outcome::Fine; 8]);
    // The counter does not begin at zero, so nobody can tell what a fork of it has used.
    assert_eq!(parsed.lineage, Lineage { session: None, beginning: Beginning::Own });
}

#[test]
fn cached_input_is_part_of_the_input() {
    let table = [
        (r#"{"input_tokens":9,"cached_input_tokens":4,"output_tokens":2}"#, [5, 2, 0, 4, 11]),
        (r#"{"input_tokens":9,"cache_read_input_tokens":4}"#, [5, 0, 0, 4, 9]),
        (
            r#"{"input_tokens":9,"cached_input_tokens":1,"cache_read_input_tokens":4}"#,
            [8, 0, 0, 1, 9],
        ),
        (r#"{"input_tokens":9,"cached_input_tokens":20}"#, [0, 0, 0, 9, 9]),
        (
            r#"{"input_tokens":9,"cached_input_tokens":4,"cache_write_input_tokens":3}"#,
            [2, 0, 3, 4, 9],
        ),
        (r#"{"input_tokens":9,"cache_creation_input_tokens":30}"#, [0, 0, 9, 0, 9]),
        (r#"{"input_tokens":-9,"output_tokens":1.9}"#, [0, 1, 0, 0, 1]),
        (r#"{"input_tokens":"9","output_tokens":1e99}"#, [0, 1 << 53, 0, 0, 1 << 53]),
        (r#"{"output_tokens":1,"output_tokens":2}"#, [0, 2, 0, 0, 2]),
    ];
    for (usage, [input, output, cache_creation, cache_read, total]) in table {
        let most = |count: u64| count.min((1 << 53) - 1);
        let expected = TokenCounts {
            input,
            output: most(output),
            cache_creation,
            cache_read,
            total: most(total),
        };
        let parsed = parse(&[tokens_with(&format!(r#""last_token_usage":{usage}"#))]);
        let found: Vec<_> = parsed.events.iter().map(|event| event.tokens).collect();
        assert_eq!(found, [expected], "{usage}");
    }
    for nothing in
        ["{}", "null", "[]", "1", r#"{"input_tokens":0}"#, r#"{"cached_input_tokens":7}"#]
    {
        let parsed = parse(&[tokens_with(&format!(r#""last_token_usage":{nothing}"#))]);
        assert_eq!((parsed.inputs().len(), &*parsed.outcomes), (0, &[Outcome::Fine][..]));
    }
}

#[test]
fn the_model_is_that_of_the_turn_or_else_of_the_line() {
    let last = r#""last_token_usage":{"input_tokens":1}"#;
    let info = r#"{"type":"token_count","model":"payload","info":{"#;
    let event = |info: &str| line("event_msg", &format!("{info}{last}}}}}"));
    let named = format!(r#"{info}"model_name":"name","model":"info","#);
    let only_name = format!(r#"{info}"model":" ","model_name":"name","#);
    let of_line =
        event(r#"{"type":"token_count","info":{"#).replacen('{', r#"{"model":"line","#, 1);
    let long = "é".repeat(200);
    let table = [
        (vec![context("turn"), event(&named)], Some("turn")),
        (vec![context("turn"), context(""), event(&named)], Some("info")),
        (vec![context("turn"), line("turn_context", "{}"), event(&named)], Some("turn")),
        (vec![line("turn_context", r#"{"info":{"model_name":"n"}}"#), event(info)], Some("n")),
        (vec![event(&only_name)], Some("name")),
        (vec![event(info)], Some("payload")),
        (vec![of_line], Some("line")),
        (vec![tokens_with(last)], None),
        (vec![context(&long), event(info)], Some(&long[..256])),
    ];
    for (lines, model) in table {
        let parsed = parse(&lines);
        let models: Vec<_> = parsed.events.iter().map(|event| event.model.as_deref()).collect();
        assert_eq!(models, [model], "{lines:?}");
        assert_eq!(parsed.events[0].provider.as_deref(), Some("openai"));
    }
}

#[test]
fn the_first_session_meta_says_whose_events_they_are() {
    let events = [tokens(10, 10), meta(r#""id":" s ""#), tokens(30, 20), meta(r#""id":"s""#)];
    let parsed = parse(&events);
    let identities: Vec<_> = parsed.events.iter().map(|event| event.identity.is_some()).collect();
    assert_eq!((parsed.inputs(), identities), (vec![10, 20], vec![false, true]));
    assert_eq!(parsed.lineage.session, Some(session("s")));
    // The session that a sub-agent works for is not its own.
    for (fields, id) in [
        (r#""session_id":"root","id":"own""#, "own"),
        (r#""id":"","sessionId":"camel""#, "camel"),
        (r#""session_id":"snake","sessionId":"camel""#, "snake"),
    ] {
        assert_eq!(parse(&[meta(fields)]).lineage.session, Some(session(id)), "{fields}");
    }
    let bare = r#"{"type":"session_meta","id":"top","payload":{}}"#;
    assert_eq!(parse(&[bare]).lineage.session, Some(session("top")));
}

#[test]
fn a_fork_begins_with_what_its_parent_had_used() {
    let fork = |at_millis| Beginning::Fork {
        of: session("parent"),
        at: Timestamp::from_unix_millis(at_millis).expect("a time"),
    };
    let table = [
        (meta(r#""id":"c","forked_from_id":" parent ""#), fork(AT)),
        (
            meta(r#""id":"c","forkedFromId":"parent","timestamp":"2026-07-11T12:00:03Z""#),
            fork(AT + 1_000),
        ),
        (meta(r#""id":"c","parent_session_id":"parent","timestamp":"?""#), fork(AT)),
        (meta(r#""id":"c","forked_from_id":"","parentSessionId":"parent""#), fork(AT)),
        (meta(r#""id":"c","forked_from_id":"c""#), Beginning::Own),
        (meta(r#""id":"c","forked_from_id":" ""#), Beginning::Own),
        (
            r#"{"type":"session_meta","payload":{"id":"c","forked_from_id":"parent"}}"#.into(),
            Beginning::Copy { events: None },
        ),
    ];
    for (line, beginning) in table {
        assert_eq!(parse(&[&line]).lineage.beginning, beginning, "{line}");
    }
    let lines = [
        meta(r#""id":"c","forked_from_id":"parent""#),
        meta(r#""id":"parent","forked_from_id":"grandparent""#),
        tokens(20, 5),
        tokens(27, 7),
    ];
    let parsed = parse(&lines);
    assert_eq!((parsed.inputs(), parsed.lineage.beginning), (vec![20, 7], fork(AT)));
    // Older rollouts tell only by the session that they repeat.
    let lines = [meta(r#""id":"c""#), meta(r#""id":"parent""#), tokens(20, 5)];
    let parsed = parse(&lines);
    assert_eq!((parsed.inputs(), parsed.lineage.beginning), (vec![20], fork(AT)));
}

#[test]
fn a_sub_agent_owns_what_comes_after_the_copy() {
    let copy = |events| Beginning::Copy { events };
    let parent = meta(r#""id":"parent""#);
    let sub_parent = meta(r#""id":"parent","thread_source":"subagent""#);
    let own = meta(SUB_AGENT);
    let other = line("response_item", "{}");
    let (one, two, three) = (tokens(100, 100), tokens(130, 30), tokens(135, 5));
    let marker = [context("m"), trigger()].join("\n");
    let broken = [&context("m"), &other, &trigger()].map(String::as_str).join("\n");
    let blank = [&context("m"), "", &trigger()].join("\n");
    let not_yet = [&*context("m"), &trigger().replace("true", "false")].join("\n");
    let table: &[(&[&str], Beginning, &[u64])] = &[
        (&[&own, &one, &two], Beginning::Own, &[100, 30]),
        (&[&own, &one, &marker, &two], Beginning::Own, &[100, 30]),
        (&[&own, &parent, &one], copy(None), &[100]),
        (&[&own, &parent, &one, &marker], copy(Some(1)), &[100]),
        (&[&own, &parent, &one, &two, &marker, &three], copy(Some(2)), &[100, 30, 5]),
        (&[&own, &parent, &one, &marker, &two, &marker, &three], copy(Some(1)), &[100, 30, 5]),
        (&[&own, &parent, &one, &marker, &two, &parent, &three], copy(None), &[100, 30, 5]),
        (&[&own, &parent, &one, &marker, &parent, &two, &marker], copy(Some(2)), &[100, 30]),
        (&[&own, &parent, &one, &broken, &two], copy(None), &[100, 30]),
        (&[&own, &parent, &one, &not_yet, &two], copy(None), &[100, 30]),
        (&[&own, &parent, &one, &blank, &two], copy(Some(1)), &[100, 30]),
        (&[&own, &sub_parent, &one, &marker, &two], copy(None), &[100, 30]),
        (&[&own, &own, &one], Beginning::Own, &[100]),
    ];
    for (lines, beginning, inputs) in table {
        let lines: Vec<_> = lines.iter().flat_map(|lines| lines.split('\n')).collect();
        let parsed = parse(&lines);
        assert_eq!(
            (parsed.lineage.beginning, &*parsed.inputs()),
            (*beginning, *inputs),
            "{lines:?}"
        );
        let plain = Some(session("child")).filter(|_| *beginning == Beginning::Own);
        assert_eq!(parsed.lineage.session, plain, "its sum is not the state of its counter");
    }
}

#[test]
fn a_sub_agent_owns_the_lines_from_an_ordinal_on() {
    let own = meta(&format!(r#"{SUB_AGENT},"subagent_history_start_ordinal":10"#));
    let numbered =
        |ordinal: u64, line: String| line.replacen('{', &format!(r#"{{"ordinal":{ordinal},"#), 1);
    let copy = |events| Beginning::Copy { events };
    let lines = [
        own.clone(),
        numbered(1, meta(r#""id":"parent""#)),
        numbered(2, tokens(100, 100)),
        numbered(3, context("m")),
        numbered(4, trigger()),
        numbered(9, tokens(130, 30)),
        numbered(10, tokens(137, 7)),
        numbered(11, tokens(140, 3)),
    ];
    assert_eq!(parse(&lines).inputs(), [100, 30, 7, 3]);
    for (len, events) in [(1, 0), (3, 1), (5, 1), (6, 2), (7, 2), (8, 2)] {
        assert_eq!(parse(&lines[..len]).lineage.beginning, copy(Some(events)), "{len}");
    }
    let unnumbered = [own, tokens(100, 100), numbered(10, tokens(110, 10))];
    assert_eq!(parse(&unnumbered).lineage.beginning, copy(None));
}

#[test]
fn what_a_sub_agent_takes_over_is_unresolved() {
    let parsed = parse(&[meta(SUB_AGENT), tokens(900, 0), tokens(910, 10)]);
    assert_eq!(parsed.outcomes, [Outcome::Fine, Outcome::Unresolved, Outcome::Fine]);
    assert_eq!(parsed.inputs(), [10]);
}

#[test]
fn records_that_share_a_line_all_count() {
    let torn = format!(r#"{{"type":"event_msg","payload":{{"type":"tok{}"#, tokens(10, 10));
    let lines = [
        format!("{}{}", tokens(3, 3), context("m")),
        format!("\0\0{}", tokens(5, 2)),
        torn,
        "1 \"token_count\"".into(),
        "[\"token_count\"]".into(),
    ];
    let parsed = parse(&lines);
    assert_eq!(parsed.inputs(), [3, 2, 5]);
    assert_eq!(parsed.outcomes[0], Outcome::Fine);
    assert_eq!(parsed.outcomes[1..], [Outcome::Malformed; 4]);
    let mut bad = tokens(9, 9).into_bytes();
    bad.splice(2..2, *b"\xFF\":1,\"");
    assert_eq!(parse(&[bad]).inputs(), [9]);
}

#[test]
fn the_state_is_short_and_says_nothing() {
    assert_eq!(parse(&[line("response_item", "{}")]).state, None);
    let mut lines = vec![meta(r#""id":"0197-s","cwd":"/secret","instructions":"secret""#)];
    lines.push(context("gpt-5.5"));
    lines.extend((1..200).map(|n| tokens(n * 1_000, 1_000)));
    lines.push(line("event_msg", r#"{"type":"user_message","message":"secret"}"#));
    let state = parse(&lines).state.expect("a state");
    assert!(state.len() < 800 && !state.contains("secret"), "{state}");
    assert_eq!(parse_from(Some("{"), &lines).inputs().len(), 199);
}

mod properties;
