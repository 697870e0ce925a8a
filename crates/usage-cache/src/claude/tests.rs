use std::borrow::Cow;

use common_fs::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{Key, NanoUsd, ServiceTier, TokenCounts};

fn read(line: &str) -> (Vec<Event<'static>>, Outcome) {
    let mut events = Vec::new();
    let outcome = Reader::default().line(line.as_bytes(), &mut |event| {
        let owned = |text: &Option<Cow<'_, str>>| text.clone().map(|text| text.into_owned().into());
        let (provider, model) = (owned(&event.provider), owned(&event.model));
        let Event { identity, at, tier, tokens, cache_creation_1h, cost, .. } = *event;
        let rest = Event::default();
        let event =
            Event { identity, at, provider, model, tier, tokens, cache_creation_1h, cost, ..rest };
        events.push(event);
    });
    (events, outcome)
}

/// The only event of a line.
fn event(line: &str) -> Event<'static> {
    let (mut events, outcome) = read(line);
    assert_eq!((events.len(), outcome), (1, Outcome::Fine), "{line}");
    events.remove(0)
}

/// A line with some fields, some fields of its message, and its usage.
fn line(fields: &str, message: &str, usage: &str) -> String {
    format!(
        "{{\"type\":\"assistant\",\"timestamp\":\"2026-05-10T12:00:00.123Z\",\
         \"sessionId\":\"s\"{fields},\
         \"message\":{{\"model\":\"claude-opus-4-7\"{message},\"usage\":{{{usage}}}}}}}"
    )
}

#[test]
fn an_answer_is_read_in_full() {
    let event = event(&line(
        ",\"requestId\":\"req_1\"",
        ",\"id\":\"msg_1\"",
        "\"input_tokens\":6,\"cache_creation_input_tokens\":1389,\
         \"cache_read_input_tokens\":50352,\"cache_creation\":{\
         \"ephemeral_5m_input_tokens\":0,\"ephemeral_1h_input_tokens\":1389},\
         \"output_tokens\":3922",
    ));
    let tokens = TokenCounts {
        input: 6,
        output: 3_922,
        cache_creation: 1_389,
        cache_read: 50_352,
        total: 55_669,
    };
    assert_eq!((event.tokens, event.cache_creation_1h), (tokens, 1_389));
    assert_eq!(event.at.map(Timestamp::unix_millis), Some(1_778_414_400_123));
    assert_eq!(event.provider.as_deref(), Some("anthropic"));
    assert_eq!(event.model.as_deref(), Some("claude-opus-4-7"));
    assert_eq!((event.tier, event.cost), (ServiceTier::Standard, None));
    assert_eq!(event.identity, Some(Key::of(&[b"claude request", b"msg_1", b"req_1"])));
}

#[test]
fn message_and_request_tell_answers_apart() {
    let key = |fields, message| event(&line(fields, message, "\"input_tokens\":1")).identity;
    let (request, id) = (",\"requestId\":\"r\"", ",\"id\":\"m\"");
    assert_eq!(key(request, id), key(",\"isSidechain\":true,\"requestId\":\"r\"", id));
    assert_eq!(key(request, id), key(",\"requestId\":\"r\",\"sessionId\":\"other\"", id));
    assert_ne!(key(request, id), key(",\"requestId\":\"r2\"", id));
    assert_ne!(key(request, id), key(request, ",\"id\":\"m2\""));
    // Without a request the session tells, and is not mistaken for one.
    assert_eq!(key("", id), Some(Key::of(&[b"claude session", b"m", b"s"])));
    assert_eq!(key(",\"requestId\":\" \"", id), key(",\"requestId\":null", id));
    assert_eq!(key(request, ""), None);
    assert_eq!(key(request, ",\"id\":7"), None);
    assert_eq!(key(",\"sessionId\":\"\"", id), None);
}

#[test]
fn writes_to_the_cache_are_told_apart() {
    let table = [
        ("\"cache_creation_input_tokens\":10", (10, 0)),
        (
            "\"cache_creation_input_tokens\":10,\
             \"cache_creation\":{\"ephemeral_1h_input_tokens\":4}",
            (10, 4),
        ),
        (
            "\"cache_creation_input_tokens\":3,\
             \"cache_creation\":{\"ephemeral_1h_input_tokens\":4}",
            (3, 3),
        ),
        (
            "\"cache_creation\":{\"ephemeral_5m_input_tokens\":1,\"ephemeral_1h_input_tokens\":4}",
            (5, 4),
        ),
        ("\"cache_creation_input_tokens\":10,\"cache_creation\":null", (10, 0)),
    ];
    for (usage, expected) in table {
        let event = event(&line("", "", usage));
        assert_eq!((event.tokens.cache_creation, event.cache_creation_1h), expected, "{usage}");
    }
}

#[test]
fn terms_and_recorded_costs_are_kept() {
    let tier = |usage: &str| event(&line("", "", &format!("\"input_tokens\":1,{usage}"))).tier;
    for (usage, expected) in [
        ("\"service_tier\":\"standard\"", ServiceTier::Standard),
        ("\"service_tier\":null", ServiceTier::Standard),
        ("\"service_tier\":\"priority\"", ServiceTier::Priority),
        ("\"service_tier\":\"batch\"", ServiceTier::Batch),
        ("\"service_tier\":\"standard\",\"speed\":\"fast\"", ServiceTier::Priority),
        ("\"speed\":\"standard\"", ServiceTier::Standard),
    ] {
        assert_eq!(tier(usage), expected, "{usage}");
    }
    let cost = |fields| event(&line(fields, "", "\"input_tokens\":1")).cost;
    assert_eq!(cost(",\"costUSD\":0.25"), Some(NanoUsd(250_000_000)));
    for unknown in [",\"costUSD\":0", ",\"costUSD\":-1", ",\"costUSD\":null", ",\"costUSD\":\"1\""]
    {
        assert_eq!(cost(unknown), None, "{unknown}");
    }
}

#[test]
fn the_progress_of_a_sub_agent_holds_its_answers() {
    let inner = line(",\"requestId\":\"r\"", ",\"id\":\"m\"", "\"input_tokens\":7");
    let outer = format!(
        "{{\"type\":\"progress\",\"timestamp\":\"2026-05-10T13:00:00Z\",\"sessionId\":\"s\",\
         \"data\":{{\"type\":\"agent_progress\",\"message\":{inner}}}}}"
    );
    assert_eq!(event(&outer), event(&inner));
    let of_user = outer.replace("\"assistant\"", "\"user\",\"x\":\"assistant\"");
    assert_eq!(read(&of_user), (Vec::new(), Outcome::Fine));
}

#[test]
fn other_lines_record_nothing() {
    let result = "{\"type\":\"user\",\"toolUseResult\":{\"usage\":{\"input_tokens\":5}},\
                  \"message\":{\"role\":\"assistant\"}}";
    let nothing = line("", "", "\"input_tokens\":0,\"output_tokens\":0");
    let negative = line("", ",\"id\":null", "\"input_tokens\":-3");
    let no_usage = "{\"type\":\"assistant\",\"message\":{\"usage\":null}}";
    let no_message = "{\"type\":\"assistant\",\"usage\":{\"input_tokens\":5}}";
    for line in [result, &nothing, &negative, no_usage, no_message, ""] {
        assert_eq!(read(line), (Vec::new(), Outcome::Fine), "{line}");
    }
    let torn = &result[..result.len() - 1];
    for line in ["x", torn, "{\"type\":\"assistant\",\"usage\"", "[\"assistant\",\"usage\"]"] {
        assert_eq!(read(line), (Vec::new(), Outcome::Malformed), "{line}");
    }
}

#[test]
fn nulls_and_odd_values_elsewhere_do_not_matter() {
    let fields = ",\"id\":null,\"cwd\":null,\"version\":7";
    let line = line(fields, ",\"content\":[{\"id\":null}]", "\"output_tokens\":3.9");
    assert_eq!(event(&line).tokens.output, 3);
}

#[test]
fn only_transcripts_of_sessions_are_transcripts() {
    let session = |name: &'static str| match Claude.classify(OsStr::new(name)) {
        Name::Transcript(TranscriptName { session, archived_at: None, .. }) => session,
        _ => None,
    };
    assert_eq!(session("0b4b.jsonl"), Some(&b"0b4b"[..]));
    assert_eq!(session("agent-a1.jsonl"), Some(&b"agent-a1"[..]));
    let archive = "x.jsonl.deleted.2026-02-05T12-04-05.006Z";
    for other in [".jsonl", ".x.jsonl", "x.json", "x.jsonl.tmp", "x.jsonl.zst", archive, "x"] {
        assert_eq!(session(other), None, "{other}");
    }
    for (name, compressed) in [(archive.to_owned(), false), (format!("{archive}.zst"), true)] {
        let archived_at = Timestamp::from_unix_millis(1_770_293_045_006);
        let origin = Origin::Appended;
        let expected = TranscriptName { session: Some(b"x"), archived_at, compressed, origin };
        assert_eq!(Claude.classify(name.as_ref()), Name::Transcript(expected), "{name}");
        let backup = name.replace("deleted", "bak");
        assert_eq!(Claude.classify(backup.as_ref()), Name::Other, "{backup}");
    }
}

proptest! {
    #[test]
    fn no_line_panics(line in prop::collection::vec(any::<u8>(), 0..200)) {
        let usage = b"{\"type\":\"assistant\",\"message\":{\"usage\":";
        let (events, _) = read(&String::from_utf8_lossy(&[&usage[..], &line].concat()));
        prop_assert!(events.len() <= 1);
    }

    #[test]
    fn order_and_spaces_do_not_matter(swap in any::<bool>(), spaced in any::<bool>()) {
        let mut fields = [
            "\"type\":\"assistant\"",
            "\"requestId\":\"r\"",
            "\"message\":{\"id\":\"m\",\"usage\":{\"output_tokens\":5}}",
        ];
        if swap {
            fields.reverse();
        }
        let mut line = format!("{{{}}}", fields.join(","));
        if spaced {
            line = line.replace(':', ": ").replace(',', ", ");
        }
        let event = event(&line);
        prop_assert_eq!(event.tokens.output, 5);
        prop_assert!(event.identity.is_some());
    }
}
