use std::time::Duration;

use serde_json::{Value, json};

use super::{chat, responses};
use crate::{
    api::{Asked, Content},
    cache::{PointCache, StepCache},
    problem::Problem,
    usage::Usage,
};

type Read = fn(&crate::json::Json, &str) -> Result<Asked, Problem>;

fn ask(read: Read, body: &Value) -> Result<Asked, Problem> {
    read(&serde_json::from_str(&body.to_string()).unwrap(), "account")
}

fn tokens(read: Read, body: &Value) -> u64 {
    match ask(read, body).unwrap_or_else(|problem| panic!("{}", problem.message())).content {
        Content::Text { prompt, .. } => prompt.tokens(),
        Content::Points(prompt) => prompt.tokens(),
        Content::Blocks(_) => panic!("not one of OpenAI"),
    }
}

fn message(read: Read, body: &Value) -> String {
    match ask(read, body) {
        Err(problem) => problem.message().to_owned(),
        Ok(_) => "accepted".to_owned(),
    }
}

#[test]
fn tokens_are_those_of_lines() {
    let hello = || json!([{"role": "user", "content": "Hello"}]);
    let table: [(Read, Value, &str); 7] = [
        (chat::read, json!({"model": "m", "messages": hello()}), "user\nHello\n"),
        (
            chat::read,
            json!({"model": "m", "messages": [
                {"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]},
            ]}),
            "user\nHello\n",
        ),
        (
            chat::read,
            json!({"model": "m", "tools": [{"type": "function"}], "messages": hello()}),
            "{\"type\":\"function\"}\nuser\nHello\n",
        ),
        (
            chat::read,
            json!({"model": "m", "messages": [{"role": "tool", "content": "7", "tool_call_id": "c"}]}),
            "{\"content\":\"7\",\"role\":\"tool\",\"tool_call_id\":\"c\"}\n",
        ),
        (responses::read, json!({"model": "m", "input": "Hello"}), "user\nHello\n"),
        (
            responses::read,
            json!({"model": "m", "instructions": "Be.", "input": hello()}),
            "system\nBe.\nuser\nHello\n",
        ),
        (
            responses::read,
            json!({"model": "m", "input": [{"type": "reasoning", "id": "r"}]}),
            "{\"id\":\"r\",\"type\":\"reasoning\"}\n",
        ),
    ];
    for (read, body, text) in table {
        assert_eq!(tokens(read, &body), crate::usage::tokens(text), "{body}");
    }
}

#[test]
fn limits_of_the_answer_are_checked() {
    let chat = |field: &str, max: i64| json!({"model": "m", "messages": [{"role": "user", "content": "x"}], field: max});
    let responses = |max: i64| json!({"model": "m", "input": "x", "max_output_tokens": max});
    let table: [(Read, Value, &str); 7] = [
        (chat::read, chat("max_completion_tokens", 1), "accepted"),
        (
            chat::read,
            chat("max_completion_tokens", 0),
            "Invalid 'max_completion_tokens': expected a value >= 1, but got 0",
        ),
        (chat::read, chat("max_tokens", 1), "accepted"),
        (chat::read, chat("max_tokens", -1), "Invalid 'max_tokens': expected a whole number"),
        (responses::read, responses(16), "accepted"),
        (
            responses::read,
            responses(15),
            "Invalid 'max_output_tokens': expected a value >= 16, but got 15",
        ),
        (
            responses::read,
            responses(0),
            "Invalid 'max_output_tokens': expected a value >= 16, but got 0",
        ),
    ];
    for (read, body, expected) in table {
        assert_eq!(message(read, &body), expected, "{body}");
    }
}

#[test]
fn what_every_request_needs_is_asked_for() {
    let table: [(Read, Value, &str); 6] = [
        (chat::read, json!({}), "you must provide a model parameter"),
        (chat::read, json!({"model": "m"}), "'messages' must have at least one message"),
        (
            chat::read,
            json!({"model": "m", "messages": []}),
            "'messages' must have at least one message",
        ),
        (responses::read, json!({"input": "x"}), "you must provide a model parameter"),
        (responses::read, json!({"model": "m"}), "'input' must be a string or a list"),
        (
            responses::read,
            json!({"model": "m", "input": "x", "previous_response_id": "resp_1"}),
            "previous response not found",
        ),
    ];
    for (read, body, expected) in table {
        assert_eq!(message(read, &body), expected, "{body}");
    }
}

/// What a request reads and writes after others.
fn counts(requests: &[(Read, Value)]) -> Vec<(u64, u64, u64)> {
    let (mut points, mut text) = (PointCache::default(), StepCache::default());
    let lifetime = Duration::from_mins(30);
    let begin = |(read, body): &(Read, Value)| {
        let asked = ask(*read, body).unwrap_or_else(|problem| panic!("{}", problem.message()));
        let usage: Usage = match asked.content {
            Content::Points(prompt) => {
                let (usage, writes) = points.begin(&prompt, lifetime, Duration::ZERO);
                points.commit(writes);
                usage
            }
            Content::Text { prompt, .. } => {
                let (usage, writes) = text.begin(&prompt, lifetime, Duration::ZERO);
                text.commit(writes);
                usage
            }
            Content::Blocks(_) => panic!("not one of OpenAI"),
        };
        (usage.read, usage.write(), usage.uncached)
    };
    requests.iter().map(begin).collect()
}

fn of(role: &str, tokens: usize) -> Value {
    // With the role and two ends of lines.
    json!({"role": role, "content": "x".repeat(4 * tokens - role.len() - 2)})
}

#[test]
fn the_version_of_the_model_says_which_cache_it_has() {
    let body = |model: &str| json!({"model": model, "messages": [of("user", 2_000)]});
    for (model, writes) in [
        ("gpt-5.6", true),
        ("gpt-5.6-sol", true),
        ("openai.gpt-5.10-2026", true),
        ("gpt-6", true),
        ("gpt-6.1-sol", true),
        ("gpt-5.5", false),
        ("gpt-5", false),
        ("gpt-4o", false),
        ("gpt-", false),
        ("gpt-99999999999", false),
        ("o3", false),
    ] {
        let [(_, written, _)] = counts(&[(chat::read, body(model))])[..] else { unreachable!() };
        assert_eq!(0 < written, writes, "{model}");
    }
}

#[test]
fn messages_end_where_the_guide_says() {
    let chat = |messages: &[Value]| -> (Read, Value) {
        (chat::read, json!({"model": "gpt-5.6", "messages": messages}))
    };
    let developer = of("developer", 2_000);
    let call = of("assistant", 100);
    let table = [
        ("a question", vec![of("user", 10)], (2_000, 10, 0)),
        ("an answer counts as nothing", vec![of("user", 10), call.clone()], (2_000, 10, 100)),
        (
            "the last result of some",
            vec![of("user", 10), call, of("tool", 20), of("tool", 30)],
            (2_000, 160, 0),
        ),
        ("more of the developer", vec![of("user", 10), of("developer", 20)], (2_000, 10, 20)),
    ];
    for (what, more, expected) in table {
        let messages: Vec<_> = [developer.clone()].into_iter().chain(more).collect();
        let found = counts(&[chat(&messages[..1]), chat(&messages)]);
        assert_eq!(found, [(0, 2_000, 0), expected], "{what}");
    }
    // Of results in a row only the end of the last one is one.
    let until_first: Vec<_> =
        [developer.clone(), of("user", 10), of("assistant", 100), of("tool", 20)].into();
    let until_second: Vec<_> = until_first.iter().cloned().chain([of("tool", 30)]).collect();
    let found = counts(&[chat(&until_first), chat(&until_second)]);
    assert_eq!(found, [(0, 2_130, 0), (0, 2_160, 0)]);
    // Of the developer's first messages only the end of the last one is one.
    let more = [developer.clone(), of("system", 50)];
    let found = counts(&[chat(&more[..1]), chat(&more)]);
    assert_eq!(found, [(0, 2_000, 0), (0, 2_050, 0)]);
    let first = counts(&[chat(&[developer.clone(), of("system", 50)]), chat(&[developer])]);
    assert_eq!(first, [(0, 2_050, 0), (0, 2_000, 0)]);
}

#[test]
fn breakpoints_of_the_client_are_after_parts() {
    let part = |tokens: usize| json!({"type": "input_text", "text": "x".repeat(4 * tokens)});
    let mut marked = part(2_000);
    marked["prompt_cache_breakpoint"] = json!({"mode": "explicit"});
    let body = |last: usize, mode: &str| -> (Read, Value) {
        let input = json!([{"role": "user", "content": [marked, part(last)]}]);
        let options = json!({"mode": mode, "ttl": "30m"});
        let body = json!({"model": "gpt-5.6", "input": input, "prompt_cache_options": options});
        (responses::read, body)
    };
    // "user" and the ends of two lines have to be somewhere.
    let explicit = counts(&[body(10, "explicit"), body(20, "explicit")]);
    assert_eq!(explicit, [(0, 2_002, 11), (2_002, 0, 21)]);
    let implicit = counts(&[body(10, "implicit"), body(20, "implicit"), body(20, "implicit")]);
    assert_eq!(implicit, [(0, 2_013, 0), (2_002, 21, 0), (2_023, 0, 0)]);
}

#[test]
fn settings_are_part_of_a_prefix() {
    let body = || json!({"model": "gpt-5.6", "instructions": "x".repeat(8_000), "input": "?"});
    for (field, value) in [
        ("reasoning", json!({"effort": "high"})),
        ("parallel_tool_calls", json!(false)),
        ("text", json!({"verbosity": "low"})),
        ("tools", json!([{"type": "web_search"}])),
        ("prompt_cache_key", json!("key")),
    ] {
        let mut other = body();
        other[field] = value;
        let read = counts(&[(responses::read, body()), (responses::read, other)])[1].0;
        assert_eq!(read, 0, "{field}");
    }
    let again = counts(&[(responses::read, body()), (responses::read, body())]);
    assert_eq!((again[1].1, again[1].2), (0, 0));
}

#[test]
fn options_of_the_cache_are_checked() {
    let with = |model: &str, options: Value| {
        let messages = json!([{"role": "user", "content": "x"}]);
        json!({
            "model": model, "messages": messages, "input": messages,
            "prompt_cache_options": options,
        })
    };
    let table: [(Read, Value, &str); 7] = [
        (responses::read, with("gpt-5.6", json!({"prewarm": true})), "accepted"),
        (responses::read, with("gpt-5.6", json!({"mode": "explicit", "ttl": "30m"})), "accepted"),
        (
            responses::read,
            with("gpt-5.6", json!({"mode": "other"})),
            "prompt_cache_options.mode must be 'implicit' or 'explicit'",
        ),
        (
            responses::read,
            with("gpt-5.6", json!({"ttl": "24h"})),
            "prompt_cache_options.ttl must be '30m'",
        ),
        (
            responses::read,
            with("gpt-5.5", json!({"prewarm": true})),
            "prompt_cache_options is not supported with this model",
        ),
        (chat::read, with("gpt-5.6", json!({"ttl": "30m"})), "accepted"),
        (
            chat::read,
            with("gpt-5.6", json!({"prewarm": true})),
            "prompt_cache_options.prewarm is not supported here",
        ),
    ];
    for (read, body, expected) in table {
        assert_eq!(message(read, &body), expected, "{body}");
    }
}
