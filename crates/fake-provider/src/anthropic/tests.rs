use serde_json::{Value, json};

use super::read;
use crate::{
    api::{Asked, Content},
    cache::BlockCache,
    lifetime::Lifetimes,
    problem::Problem,
    usage::Usage,
};

fn ask(body: &Value) -> Result<Asked, Problem> {
    read(&serde_json::from_str(&body.to_string()).unwrap(), "account")
}

fn message(body: &Value) -> String {
    match ask(body) {
        Err(Problem::InvalidRequest { message, .. }) => message,
        Err(other) => format!("{other:?}"),
        Ok(_) => "accepted".to_owned(),
    }
}

/// A request with a tool, a system prompt of 2,000 tokens with a breakpoint, and a question.
fn request() -> Value {
    json!({
        "model": "claude-fake-1",
        "max_tokens": 100,
        "tools": [{"name": "read", "input_schema": {"type": "object", "properties": {}}}],
        "system": [
            {"type": "text", "text": "s".repeat(8_000), "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": "How are you?"}],
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut body = request();
    body[field] = value;
    body
}

fn begin(cache: &mut BlockCache, body: &Value) -> Usage {
    let Ok(Asked { content: Content::Blocks(prompt), .. }) = ask(body) else {
        panic!("refused: {}", message(body));
    };
    let started = std::time::Duration::ZERO;
    let (usage, writes) = cache.begin(&prompt, 1_024, &Lifetimes::DOCUMENTED, started);
    cache.commit(writes);
    usage
}

/// What the second request reads of what the first one wrote.
fn read_after(first: &Value, second: &Value) -> u64 {
    let mut cache = BlockCache::default();
    assert_eq!(begin(&mut cache, first).read, 0);
    begin(&mut cache, second).read
}

#[test]
fn a_request_without_output_is_refused_with_what_would_need_output() {
    let table = [
        ("stream", json!(true), "stream: true"),
        ("stream", json!(false), ""),
        ("thinking", json!({"type": "enabled", "budget_tokens": 1_024}), "thinking.type: enabled"),
        ("thinking", json!({"type": "disabled"}), ""),
        ("thinking", json!({"type": "adaptive"}), ""),
        ("output_config", json!({"format": {"type": "json_schema"}}), "output_config.format"),
        ("output_config", json!({"effort": "high"}), ""),
        ("tool_choice", json!({"type": "tool", "name": "read"}), "tool_choice.type: tool"),
        ("tool_choice", json!({"type": "any"}), "tool_choice.type: any"),
        ("tool_choice", json!({"type": "auto"}), ""),
        ("tool_choice", json!({"type": "none"}), ""),
    ];
    for (field, value, refused) in table {
        let mut body = with(field, value.clone());
        body["max_tokens"] = 0.into();
        let expected = match refused {
            "" => "accepted".to_owned(),
            what => format!("max_tokens: 0 is not supported with {what}"),
        };
        assert_eq!(message(&body), expected, "{field}: {value}");
        // With output, all of them are fine.
        body["max_tokens"] = 2_000.into();
        assert_eq!(message(&body), "accepted", "{field}: {value}");
    }
}

#[test]
fn what_every_request_needs_is_asked_for() {
    let without = |field: &str| {
        let mut body = request();
        body.as_object_mut().unwrap().remove(field);
        body
    };
    let text = |text: &str| json!([{"role": "user", "content": text}]);
    let table = [
        (without("model"), "model: Field required"),
        (without("max_tokens"), "max_tokens: Field required"),
        (without("messages"), "messages: Field required"),
        (without("system"), "accepted"),
        (without("tools"), "accepted"),
        (with("max_tokens", json!(-1)), "max_tokens: not a whole number"),
        (with("max_tokens", json!("9")), "max_tokens: not a whole number"),
        (with("messages", json!([])), "messages: at least one message is required"),
        (
            with("messages", json!([{"role": "tool", "content": "x"}])),
            "messages.0.role: not a role",
        ),
        (with("messages", json!([{"role": "user"}])), "messages.0.content: Field required"),
        (
            with("messages", json!([{"role": "user", "content": 7}])),
            "messages.0.content: neither a string nor a list",
        ),
        (
            with("messages", json!([{"role": "user", "content": [{"text": "x"}]}])),
            "messages.0.content.0.type: Field required",
        ),
        (with("messages", text(" \n")), "messages.0.content: text must have more than white space"),
        (with("thinking", json!({"type": "enabled"})), "thinking.budget_tokens: Field required"),
        (
            with("thinking", json!({"type": "enabled", "budget_tokens": 100})),
            "max_tokens must be greater than thinking.budget_tokens",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(message(&body), expected, "{body}");
    }
    for body in [json!(null), json!([]), json!("text")] {
        assert_eq!(message(&body), "model: Field required");
    }
}

#[test]
fn breakpoints_are_checked() {
    let blocks = |controls: &[Value]| {
        let block =
            |control: &Value| json!({"type": "text", "text": "x", "cache_control": control});
        let blocks: Vec<_> = controls.iter().map(block).collect();
        with("messages", json!([{"role": "user", "content": blocks}]))
    };
    let five = || json!({"type": "ephemeral"});
    let hour = || json!({"type": "ephemeral", "ttl": "1h"});
    let table = [
        (blocks(&[five(), five(), five()]), "accepted"),
        // The system prompt has one as well.
        (
            blocks(&[five(), five(), five(), five()]),
            "at most 4 blocks may have cache_control, found 5",
        ),
        (blocks(&[hour()]), "cache_control with ttl '1h' must not come after one with ttl '5m'"),
        (blocks(&[json!({"type": "ephemeral", "ttl": "5m"}), json!(null)]), "accepted"),
        (
            blocks(&[json!({"type": "ephemeral", "ttl": "2h"})]),
            "messages.0.content.0.cache_control.ttl: must be '5m' or '1h'",
        ),
        (
            blocks(&[json!({"type": "eternal"})]),
            "messages.0.content.0.cache_control.type: must be 'ephemeral'",
        ),
    ];
    for (body, expected) in table {
        assert_eq!(message(&body), expected, "{body}");
    }
}

#[test]
fn cache_control_of_the_request_is_a_breakpoint_after_the_last_block() {
    let mut cache = BlockCache::default();
    let body = with("cache_control", json!({"type": "ephemeral"}));
    let first = begin(&mut cache, &body);
    assert_eq!((first.uncached, first.write_5m), (0, first.prompt()));
    assert_eq!(begin(&mut cache, &body).read, first.prompt());
}

#[test]
fn tokens_are_those_of_text_or_of_json() {
    let mut cache = BlockCache::default();
    let tool = r#"{"input_schema":{"properties":{},"type":"object"},"name":"read"}"#;
    let usage = begin(&mut cache, &request());
    assert_eq!(usage.write_5m, 2_000 + u64::try_from(tool.len()).unwrap().div_ceil(4));
    assert_eq!(usage.uncached, 3);
}

#[test]
fn what_changes_a_prefix() {
    let system = |text: &str| json!([{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]);
    let image = json!({"type": "image", "source": {"type": "base64", "data": "AA=="}});
    // The first request has breakpoints after the system prompt and after the first message.
    let mut first = request();
    first["messages"] = json!([{
        "role": "user",
        "content": [{
            "type": "text", "text": "How are you?", "cache_control": {"type": "ephemeral"},
        }],
    }]);
    let all = begin(&mut BlockCache::default(), &first).write_5m;
    let until_system = all - 3;
    let change = |field: &str, value: Value| {
        let mut body = first.clone();
        body[field] = value;
        body
    };
    let mut more = first.clone();
    more["messages"][0]["content"].as_array_mut().unwrap().push(image);
    let mut role = first.clone();
    role["messages"][0]["role"] = "assistant".into();
    let mut order = first.clone();
    order["tools"][0] = json!({"input_schema": {"type": "object", "properties": {}}, "name": "x"});
    let table = [
        ("nothing", first.clone(), all),
        ("max_tokens", change("max_tokens", json!(0)), all),
        ("metadata", change("metadata", json!({"user_id": "u"})), all),
        ("thinking off", change("thinking", json!({"type": "disabled"})), all),
        ("thinking", change("thinking", json!({"type": "adaptive"})), until_system),
        ("tool choice", change("tool_choice", json!({"type": "none"})), until_system),
        ("an image", more, until_system),
        ("the role", role, until_system),
        ("system", change("system", system(&"t".repeat(8_000))), 0),
        ("tools", change("tools", json!([{"name": "write"}])), 0),
        ("a tool", order, 0),
        ("no tools", change("tools", json!([])), 0),
        ("model", change("model", json!("claude-fake-2")), 0),
    ];
    for (what, second, expected) in table {
        assert_eq!(read_after(&first, &second), expected, "{what}");
    }
}

#[test]
fn text_alone_is_the_same_as_a_block_of_text() {
    let system = "s".repeat(8_000);
    let marked = json!({
        "model": "m", "max_tokens": 1,
        "system": [{"type": "text", "text": system}],
        "messages": [{"role": "user", "content": [
            {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
        ]}],
    });
    let plain = json!({
        "model": "m", "max_tokens": 1, "cache_control": {"type": "ephemeral"},
        "system": system, "messages": [{"role": "user", "content": "x"}],
    });
    assert_eq!(read_after(&marked, &plain), 2_001);
}

#[test]
fn the_order_of_arguments_matters() {
    let body = |input: &str| {
        let text = format!(
            r#"{{"model":"m","max_tokens":1,"cache_control":{{"type":"ephemeral"}},"messages":[
                {{"role":"user","content":"{}"}},
                {{"role":"assistant","content":[{{"type":"tool_use","id":"t","input":{input}}}]}}]}}"#,
            "x".repeat(8_000),
        );
        let Ok(Asked { content: Content::Blocks(prompt), .. }) =
            read(&serde_json::from_str(&text).unwrap(), "account")
        else {
            panic!("refused");
        };
        prompt
    };
    let mut cache = BlockCache::default();
    let mut read = |input| {
        let started = std::time::Duration::ZERO;
        let (usage, writes) = cache.begin(&body(input), 1_024, &Lifetimes::DOCUMENTED, started);
        cache.commit(writes);
        usage.read == usage.prompt()
    };
    assert!(!read(r#"{"a":1,"b":2}"#));
    assert!(read(r#"{ "a": 1, "b": 2 }"#));
    assert!(!read(r#"{"b":2,"a":1}"#));
}
