use serde_json::{Value, json};

use super::{chat, responses};
use crate::{
    api::{Asked, Content},
    problem::Problem,
};

type Read = fn(&crate::json::Json, &str) -> Result<Asked, Problem>;

fn ask(read: Read, body: &Value) -> Result<Asked, Problem> {
    read(&serde_json::from_str(&body.to_string()).unwrap(), "account")
}

fn tokens(read: Read, body: &Value) -> u64 {
    match ask(read, body).unwrap_or_else(|problem| panic!("{}", problem.message())).content {
        Content::Text { prompt, .. } => prompt.tokens(),
        Content::Blocks(_) => panic!("not a text"),
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
