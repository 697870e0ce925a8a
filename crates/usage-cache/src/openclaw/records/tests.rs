use common_fs::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::{NanoUsd, TokenCounts};

/// What is left of an event when its line is gone.
#[derive(Clone, Debug, PartialEq)]
struct Owned {
    at_millis: Option<i64>,
    provider: Option<String>,
    model: Option<String>,
    tokens: [u64; 5],
    cache_creation_1h: u64,
    cost: Option<u64>,
}

fn events(line: &[u8]) -> (Vec<Owned>, Outcome) {
    let mut events = Vec::new();
    let outcome = read_line(line, &mut |event| {
        let TokenCounts { input, output, cache_creation, cache_read, total } = event.tokens;
        events.push(Owned {
            at_millis: event.at.map(Timestamp::unix_millis),
            provider: event.provider.as_deref().map(str::to_owned),
            model: event.model.as_deref().map(str::to_owned),
            tokens: [input, output, cache_creation, cache_read, total],
            cache_creation_1h: event.cache_creation_1h,
            cost: event.cost.map(|NanoUsd(nanos)| nanos),
        });
    });
    (events, outcome)
}

/// The only event of a line.
fn event(line: &str) -> Owned {
    let (mut events, outcome) = events(line.as_bytes());
    assert_eq!((events.len(), outcome), (1, Outcome::Fine), "{line}");
    events.remove(0)
}

fn none(line: &str) {
    assert_eq!(events(line.as_bytes()), (Vec::new(), Outcome::Fine), "{line}");
}

fn with_usage(usage: &str) -> String {
    format!(r#"{{"message":{{"role":"assistant","usage":{usage}}}}}"#)
}

/// Tokens and cost by usage object.
fn usage(usage: &str) -> ([u64; 5], Option<u64>) {
    let event = event(&with_usage(usage));
    (event.tokens, event.cost)
}

#[test]
fn a_line_of_the_runtime() {
    let line = r#"{"type":"message","id":"4ec9","parentId":"db20","timestamp":"2026-04-11T18:52:34.812Z","message":{"role":"assistant","content":[{"type":"text","text":"a \"usage\": {} b"}],"api":"openai-responses","provider":"openai","model":"gpt-5.5","usage":{"input":3,"output":20,"cacheRead":6000,"cacheWrite":200,"totalTokens":6223,"cost":{"input":0.000015,"output":0.0006,"cacheRead":0.003,"cacheWrite":0,"total":0.003615}},"stopReason":"stop","timestamp":1775933554812}}"#;
    let expected = Owned {
        at_millis: Some(1_775_933_554_812),
        provider: Some("openai".into()),
        model: Some("gpt-5.5".into()),
        tokens: [3, 20, 200, 6_000, 6_223],
        cache_creation_1h: 0,
        cost: Some(3_615_000),
    };
    assert_eq!(event(line), expected);
    for dressed in [format!("\u{feff}{line}"), format!("  {line}\r"), format!("\t{line} \r\n")] {
        assert_eq!(event(&dressed), expected);
    }
}

#[test]
fn only_messages_of_users_and_assistants_count() {
    for role in ["user", "assistant"] {
        let line = format!(r#"{{"message":{{"role":"{role}","usage":{{"input":1}}}}}}"#);
        assert_eq!(event(&line).tokens, [1, 0, 0, 0, 1]);
    }
    for line in [
        r#"{"message":{"role":"toolResult","usage":{"input":1}}}"#,
        r#"{"message":{"role":["user"],"usage":{"input":1}}}"#,
        r#"{"message":{"usage":{"input":1}}}"#,
        r#"{"role":"user","usage":{"input":1}}"#,
        r#"{"message":"user","usage":{"input":1}}"#,
        r#"{"message":[{"role":"user"}],"usage":{"input":1}}"#,
        r#"{"message":7,"usage":{"input":1}}"#,
        r#"{"message":null,"usage":{"input":1}}"#,
        r#"{"message":{"role":"user","usage":null}}"#,
        r#"{"message":{"role":"user","usage":[1]}}"#,
        r#"{"message":{"role":"user","usage":"1"}}"#,
        r#"{"message":{"role":"user","usage":{}}}"#,
        r#"{"message":{"role":"user","usage":{"reasoningTokens":5}}}"#,
        r#"{"a":{"message":{"role":"user","usage":{"input":1}}}}"#,
        r#"{"usage":1}"#,
        "{}",
        "",
        "  \r",
        "\u{feff}",
    ] {
        none(line);
    }
}

#[test]
fn fields_of_the_line_stand_in_for_those_of_the_message() {
    let line = r#"{"usage":{"input":1},"provider":"p","model":"m","message":{"role":"user","usage":null,"provider":5}}"#;
    let found = event(line);
    assert_eq!((found.provider.as_deref(), found.model.as_deref()), (Some("p"), Some("m")));
    let line = r#"{"usage":{"input":1},"model":"m","message":{"role":"user","usage":{"input":2},"model":"n"}}"#;
    let found = event(line);
    assert_eq!((found.tokens[0], found.model.as_deref()), (2, Some("n")));
}

#[test]
fn names_are_cut_where_no_name_ends() {
    let long = "ä".repeat(200);
    for name in [long.clone(), format!("{long}\\n")] {
        let line =
            format!(r#"{{"message":{{"role":"user","model":"{name}","usage":{{"input":1}}}}}}"#);
        assert_eq!(event(&line).model, Some("ä".repeat(128)));
    }
}

#[test]
fn the_last_of_a_repeated_key_counts() {
    let line = r#"{"message":5,"message":{"role":"x","role":"user","usage":{"input":1},"usage":{"input":2,"input":3}}}"#;
    assert_eq!(event(line).tokens[0], 3);
}

#[test]
fn spellings_of_token_counts() {
    let table = [
        (r#"{"input":1,"output":2,"cacheRead":3,"cacheWrite":4}"#, [1, 2, 4, 3, 10]),
        (r#"{"inputTokens":1,"outputTokens":2,"cache_read":3,"cache_write":4}"#, [1, 2, 4, 3, 10]),
        (
            r#"{"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":3,"cache_creation_input_tokens":4}"#,
            [1, 2, 4, 3, 10],
        ),
        (r#"{"promptTokens":1,"completionTokens":2,"total":9}"#, [1, 2, 0, 0, 9]),
        (r#"{"prompt_tokens":1,"completion_tokens":2,"total_tokens":9}"#, [1, 2, 0, 0, 9]),
        (r#"{"prompt_n":1,"predicted_n":2}"#, [1, 2, 0, 0, 3]),
        (r#"{"timings":{"prompt_n":1,"predicted_n":2}}"#, [1, 2, 0, 0, 3]),
        (r#"{"cache_write_input_tokens":4}"#, [0, 0, 4, 0, 4]),
        // The prompt includes what was cached.
        (r#"{"input":10,"cached_tokens":3}"#, [7, 0, 0, 3, 10]),
        (r#"{"input_tokens":10,"cached_input_tokens":3}"#, [7, 0, 0, 3, 10]),
        (r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":3}}"#, [7, 0, 0, 3, 10]),
        (r#"{"input_tokens":10,"input_tokens_details":{"cached_tokens":30}}"#, [0, 0, 0, 30, 30]),
        (
            r#"{"prompt_tokens":10,"prompt_tokens_details":{"cached_tokens":3,"cache_creation_input_tokens":2}}"#,
            [5, 0, 2, 3, 10],
        ),
        (r#"{"input":10,"cacheRead":4,"cached_tokens":3}"#, [6, 0, 0, 4, 10]),
        (r#"{"input":10,"cacheRead":4,"cached_tokens":null}"#, [10, 0, 0, 4, 14]),
        // The first spelling that is not null counts, even if it is no number.
        (r#"{"prompt_tokens":5,"input":null,"input_tokens":1}"#, [1, 0, 0, 0, 1]),
        (r#"{"input":"5","input_tokens":1,"output":2}"#, [0, 2, 0, 0, 2]),
        (r#"{"total":7}"#, [0, 0, 0, 0, 7]),
        (r#"{"totalTokens":0,"input":5}"#, [5, 0, 0, 0, 0]),
    ];
    for (text, tokens) in table {
        assert_eq!(usage(text).0, tokens, "{text}");
    }
    let hour = event(&with_usage(r#"{"cacheWrite":9,"cacheWrite1h":4}"#));
    assert_eq!((hour.tokens[2], hour.cache_creation_1h), (9, 4));
}

#[test]
fn odd_numbers_are_clamped_or_missing() {
    let max = (1 << 53) - 1;
    let table = [
        ("0", 0),
        ("-0", 0),
        ("5.0", 5),
        ("5.9", 5),
        ("1E3", 1_000),
        ("-1", 0),
        ("-1e400", 0),
        ("9007199254740991", max),
        ("9007199254740993", max),
        ("18446744073709551616", max),
        ("99999999999999999999999999999999999999999999", max),
        ("1e400", 0),
        ("\"5\"", 0),
        ("true", 0),
        ("[5]", 0),
        ("{}", 0),
    ];
    for (number, input) in table {
        let text = format!(r#"{{"input":{number},"output":1}}"#);
        assert_eq!(usage(&text).0, [input, 1, 0, 0, input + 1], "{number}");
    }
    for number in ["NaN", "007", "+1", "Infinity", ".5", "1."] {
        let line = with_usage(&format!(r#"{{"input":{number}}}"#));
        assert_eq!(events(line.as_bytes()), (Vec::new(), Outcome::Malformed), "{number}");
    }
}

#[test]
fn a_recorded_cost_needs_evidence_to_be_zero() {
    let table = [
        (r#""cost":{"total":0.03}"#, Some(30_000_000)),
        (r#""cost":{"total":3e-7}"#, Some(300)),
        (r#""cost":{"total":0}"#, None),
        (r#""cost":{"total":0,"totalOrigin":"estimated"}"#, None),
        (r#""cost":{"total":0,"totalOrigin":"provider-billed"}"#, Some(0)),
        (r#""cost":{"total":0,"input":0,"output":0.1}"#, Some(0)),
        (r#""cost":{"total":0,"input":0,"output":0}"#, None),
        (r#""cost":{"total":-1}"#, None),
        (r#""cost":{"total":"0.1"}"#, None),
        (r#""cost":{"total":1e400}"#, None),
        (r#""cost":{"input":0.1}"#, None),
        (r#""cost":0.0042"#, None),
        (r#""cost":"0.0042""#, None),
        (r#""cost":null"#, None),
        (r#""x":1"#, None),
    ];
    for (field, cost) in table {
        assert_eq!(usage(&format!(r#"{{"input":5,{field}}}"#)).1, cost, "{field}");
    }
    // Without tokens there is nothing to pay.
    assert_eq!(usage(r#"{"input":0,"cost":{"total":0}}"#), ([0; 5], Some(0)));
    // A cost alone is an event.
    assert_eq!(usage(r#"{"cost":{"total":0.5}}"#), ([0; 5], Some(500_000_000)));
    none(&with_usage(r#"{"cost":{"total":0}}"#));
}

#[test]
fn times_as_javascript_reads_them() {
    let noon = 1_770_292_800_000;
    let table = [
        (r#""2026-02-05T12:00:00.000Z""#, "null", Some(noon)),
        (r#""2026-02-05T12:00:00Z""#, "null", Some(noon)),
        (r#""2026-02-05T13:00:00+01:00""#, "null", Some(noon)),
        (r#""2026-02-05T12:00:00""#, "null", Some(noon)),
        (r#""Thu, 05 Feb 2026 12:00:00 +0000""#, "null", Some(noon)),
        (r#""2026-02-05""#, "null", Some(noon - 43_200_000)),
        (r#""\u0032026-02-05T12:00:00Z""#, "null", Some(noon)),
        // A number in the message is the more exact one.
        (r#""2026-02-05T12:00:00Z""#, "1770292800001", Some(noon + 1)),
        ("null", "1770292800000.9", Some(noon)),
        (r#""2026-02-05T12:00:00Z""#, r#""2026-02-05""#, Some(noon)),
        (r#""2026-02-05T12:00:00Z""#, "1e400", Some(noon)),
        // Out of range or unreadable: missing.
        ("1770292800000", "null", None),
        (r#""yesterday""#, "null", None),
        (r#""""#, "null", None),
        (r#""9999-12-31T00:00:00Z""#, "null", None),
        (r#""\ud800""#, "null", None),
        ("null", "1770292800000000", None),
        ("null", "-1e300", None),
        ("[]", "{}", None),
    ];
    for (line, message, at) in table {
        let text = format!(
            r#"{{"timestamp":{line},"message":{{"role":"user","timestamp":{message},"usage":{{"input":1}}}}}}"#
        );
        assert_eq!(event(&text).at_millis, at, "{line} {message}");
    }
}

#[test]
fn bytes_that_are_no_text_cost_nothing() {
    let ignored = b"{\"x\":\"\xff\xfe\",\"message\":{\"role\":\"user\",\"usage\":{\"input\":1}}}";
    assert_eq!(events(ignored).0.len(), 1);
    let model = b"{\"message\":{\"role\":\"user\",\"model\":\"a\xff\",\"usage\":{\"input\":1}}}";
    let (found, outcome) = events(model);
    assert_eq!(found[0].model.as_deref(), Some("a\u{fffd}"));
    assert_eq!(outcome, Outcome::Fine);
    let surrogate = r#"{"message":{"role":"user","model":"\ud800","usage":{"input":1}}}"#;
    assert_eq!(event(surrogate).model, None);
}

#[test]
fn deep_and_wide_values_cost_no_stack() {
    for inner in
        ["[".repeat(1_000_000) + &"]".repeat(1_000_000), format!("[{}0]", "{},".repeat(300_000))]
    {
        let line = format!(
            r#"{{"x":{inner},"message":{{"content":{inner},"role":"user","usage":{{"x":{inner},"input":1}}}}}}"#
        );
        assert_eq!(event(&line).tokens[0], 1);
    }
    let unbalanced = format!(r#"{{"usage":{}"#, r#"{"a":["#.repeat(100_000));
    assert_eq!(events(unbalanced.as_bytes()).1, Outcome::Malformed);
}

const RECORD: &str = r#"{"type":"message","message":{"role":"user","content":[{"type":"text","text":"{\"usage\":1}"}],"usage":{"input":7}}}"#;

#[test]
fn a_record_behind_a_fragment_is_not_lost() {
    for cut in 0..RECORD.len() {
        let glued = format!("{}{RECORD}", &RECORD[..cut]);
        let (found, outcome) = events(glued.as_bytes());
        assert_eq!(found.len(), 1, "{glued}");
        assert_eq!(found[0].tokens[0], 7);
        let expected = if cut == 0 { Outcome::Fine } else { Outcome::Malformed };
        assert_eq!(outcome, expected, "{glued}");
    }
    let mut zeros = vec![0; 4096];
    zeros.extend_from_slice(RECORD.as_bytes());
    assert_eq!(events(&zeros).0.len(), 1);
    let glued = RECORD.repeat(11);
    assert_eq!((events(glued.as_bytes()).0.len(), events(glued.as_bytes()).1), (11, Outcome::Fine));
    let half = &RECORD[..40];
    let between = format!("{RECORD} {RECORD}{half}{RECORD}{RECORD}");
    let (found, outcome) = events(between.as_bytes());
    assert_eq!((found.len(), outcome), (4, Outcome::Malformed));
    let two = format!("{half}{RECORD}{half}{RECORD}");
    assert_eq!(events(two.as_bytes()).0.len(), 1, "what lies between fragments is not found");
}

#[test]
fn a_record_behind_a_large_nested_fragment_is_not_lost() {
    let siblings = r#"{"a":[{"b":{"c":{"d":{"e":{"f":1}}}}}]},"#.repeat(2_000);
    let nested = r#"{"a":"#.repeat(40);
    let fragment = format!(r#"{{"message":{{"usage":{{"x":[{siblings}{nested}"#);
    let (found, outcome) = events((fragment + RECORD).as_bytes());
    assert_eq!((found.len(), outcome), (1, Outcome::Malformed));
}

#[test]
fn records_within_a_fragment_do_not_count() {
    // Arguments of a tool that look like a record.
    let fragment = format!(r#"{{"message":{{"content":[{{"arguments":{RECORD}}},{{"text":"x"#);
    assert_eq!(events(fragment.as_bytes()), (Vec::new(), Outcome::Malformed));
}

#[test]
fn what_is_no_object_is_malformed() {
    for line in [
        "[]",
        "7",
        "\"usage\"",
        "null",
        "{",
        "}",
        "{\"usage\"",
        "\0\0\0",
        "{}x",
        "x{}",
        "{\"usage\":1}}",
    ] {
        assert_eq!(events(line.as_bytes()), (Vec::new(), Outcome::Malformed), "{line}");
    }
}

/// Lines made of the pieces that transcripts are made of, well-formed or not.
fn lines() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(RECORD.as_bytes().to_vec()),
        Just(b"\"usage\":".to_vec()),
        Just(b"{\"message\":{\"role\":\"user\",".to_vec()),
        Just(b"{\"input\":1,\"cost\":{\"total\":1}}".to_vec()),
        Just(b"}}".to_vec()),
        prop::collection::vec(any::<u8>(), 0..8),
        "[\\[\\]{}\",:\\\\0-9a-z]{0,8}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn no_line_panics(line in lines()) {
        drop(events(&line));
    }

    /// Where keys are spelled out, which the made-up lines do: a writer that escapes the
    /// letters of `usage` is not seen.
    #[test]
    fn lines_that_are_passed_over_record_nothing(line in lines()) {
        let escaped = line.windows(2).any(|pair| pair == b"\\u");
        if !escaped && USAGE.find(&line).is_none() {
            let line = crate::objects::trim(&line);
            let record = Line::read(line).ok().flatten();
            prop_assert!(record.is_none_or(|record| record.event().is_none()));
        }
    }
}
