//! `POST /v1/chat/completions` and `POST /v1/responses`.

use std::{sync::Arc, time::Duration};

use common_fs::sim::ManualClock;
use fake_provider::{Config, FakeProvider, Lifetimes, tokens};
use serde_json::{Value, json};

use crate::client::{OPENAI, Response, at, post};

const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

fn long() -> String {
    "t".repeat(8_000)
}

fn chat() -> Value {
    json!({
        "model": "gpt-fake-1",
        "messages": [
            {"role": "system", "content": long()}, {"role": "user", "content": "How are you?"},
        ],
    })
}

fn responses() -> Value {
    json!({"model": "gpt-fake-1", "instructions": long(), "input": "How are you?"})
}

/// Of both.
fn prompt_tokens() -> u64 {
    tokens(&format!("system\n{}\nuser\nHow are you?\n", long()))
}

fn ask(provider: &FakeProvider, path: &str, body: &Value) -> Response {
    let response = post(provider, path, OPENAI, body).unwrap();
    assert_eq!(response.status, 200, "{}", response.text());
    assert_eq!(response.header("x-request-id").map(|id| &id[..9]), Some("req_fake_"));
    response
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[test]
fn long_prefixes_are_cached_until_nobody_reads_them() {
    for (path, body, cached) in [
        (CHAT, chat(), "usage.prompt_tokens_details.cached_tokens"),
        (RESPONSES, responses(), "usage.input_tokens_details.cached_tokens"),
    ] {
        let clock = ManualClock::new();
        let provider =
            FakeProvider::start_with_clock(Config::USUAL, Arc::new(clock.clone())).unwrap();
        let read = |after: Duration, body: &Value| {
            clock.advance(after);
            at(&ask(&provider, path, body).json(), cached).as_u64().unwrap()
        };
        let lifetime = Lifetimes::DOCUMENTED.in_memory;
        let almost = lifetime.saturating_sub(Duration::from_millis(1));
        assert_eq!(read(Duration::ZERO, &body), 0);
        assert_eq!(read(almost, &body), 1_920, "{path}");
        assert_eq!(read(almost, &body), 1_920);
        assert_eq!(read(lifetime, &body), 0);
        let key = with(body.clone(), "prompt_cache_key", json!("another"));
        assert_eq!(read(Duration::ZERO, &key), 0);
        let kept = with(key, "prompt_cache_key", json!("kept"));
        let kept = with(kept, "prompt_cache_retention", json!("24h"));
        assert_eq!(read(Duration::ZERO, &kept), 0);
        assert_eq!(read(Duration::from_hours(23), &kept), 1_920);
    }
}

#[test]
fn a_completion_has_what_is_documented() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let body = with(chat(), "max_completion_tokens", json!(2));
    let json = ask(&provider, CHAT, &body).json();
    assert_eq!(json["object"], "chat.completion");
    assert_eq!(*at(&json, "choices.0.message.content"), "one two ");
    assert_eq!(*at(&json, "choices.0.finish_reason"), "length");
    let (prompt, usage) = (prompt_tokens(), &json["usage"]);
    assert_eq!(
        ["prompt_tokens", "completion_tokens", "total_tokens"].map(|name| usage[name].as_u64()),
        [Some(prompt), Some(2), Some(prompt + 2)]
    );
    let all = ask(&provider, CHAT, &chat()).json();
    assert_eq!(*at(&all, "choices.0.finish_reason"), "stop");
}

#[test]
fn a_stream_of_chunks_says_the_same_as_a_completion() {
    let provider = FakeProvider::start(Config { reply_tokens: 3, ..Config::USUAL }).unwrap();
    let completion = ask(&provider, CHAT, &chat()).json();
    for include_usage in [true, false] {
        let body = with(chat(), "stream", json!(true));
        let body = with(body, "stream_options", json!({"include_usage": include_usage}));
        let response = ask(&provider, CHAT, &body);
        assert!(response.is_complete);
        let mut events = response.events();
        assert_eq!(events.pop().unwrap(), (String::new(), "[DONE]".to_owned()));
        let chunks: Vec<Value> =
            events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
        assert!(chunks.iter().all(|chunk| chunk["object"] == "chat.completion.chunk"));
        let text = |chunk| at(chunk, "choices.0.delta.content").as_str().unwrap_or_default();
        let text: String = chunks.iter().map(text).collect();
        assert_eq!(*at(&completion, "choices.0.message.content"), text);
        assert_eq!(*at(&chunks[0], "choices.0.delta.role"), "assistant");
        assert_eq!(*at(&chunks[4], "choices.0.finish_reason"), "stop");
        let usages: Vec<_> = chunks.iter().map(|chunk| chunk.get("usage")).collect();
        if include_usage {
            assert_eq!(usages[..5], [Some(&Value::Null); 5]);
            let usage = usages[5].unwrap();
            assert_eq!(*at(usage, "prompt_tokens_details.cached_tokens"), 1_920);
            assert_eq!(usage["prompt_tokens"], prompt_tokens());
            assert_eq!(chunks[5]["choices"], json!([]));
        } else {
            assert_eq!(usages, [None; 5]);
        }
    }
}

#[test]
fn a_stream_of_events_says_the_same_as_a_response() {
    let provider = FakeProvider::start(Config { reply_tokens: 17, ..Config::USUAL }).unwrap();
    for (max, status) in [(json!(null), "completed"), (json!(16), "incomplete")] {
        let body = with(responses(), "max_output_tokens", max);
        let response = ask(&provider, RESPONSES, &body).json();
        assert_eq!(response["status"], status);
        let stream = ask(&provider, RESPONSES, &with(body, "stream", json!(true)));
        assert!(stream.is_complete);
        let events: Vec<Value> = stream
            .events()
            .iter()
            .zip(0..)
            .map(|((name, data), number)| {
                let event: Value = serde_json::from_str(data).unwrap();
                assert_eq!(
                    (&event["type"], &event["sequence_number"]),
                    (&json!(name), &json!(number))
                );
                event
            })
            .collect();
        let text = |event: &Value| event["delta"].as_str().unwrap_or_default().to_owned();
        let text: String = events.iter().map(text).collect();
        assert_eq!(*at(&response, "output.0.content.0.text"), text);
        let last = events.last().unwrap();
        assert_eq!(last["type"], format!("response.{status}"));
        let streamed = &last["response"];
        for same in ["status", "incomplete_details", "model"] {
            assert_eq!(streamed[same], response[same]);
        }
        assert_eq!(*at(streamed, "output.0.content"), *at(&response, "output.0.content"));
        assert_eq!(*at(streamed, "usage.input_tokens"), prompt_tokens());
        assert_eq!(*at(streamed, "usage.input_tokens_details.cached_tokens"), 1_920);
        assert_eq!(*at(&events[0], "response.usage"), Value::Null);
    }
}

#[test]
fn from_gpt_5_6_on_writing_is_counted() {
    let usage = |json: &Value, details: &str| {
        let details = at(json, details);
        ["cached_tokens", "cache_write_tokens"].map(|name| details[name].as_u64().unwrap())
    };
    for (path, body, details) in [
        (CHAT, chat(), "usage.prompt_tokens_details"),
        (RESPONSES, responses(), "usage.input_tokens_details"),
    ] {
        let clock = ManualClock::new();
        let provider =
            FakeProvider::start_with_clock(Config::USUAL, Arc::new(clock.clone())).unwrap();
        let body = with(body, "model", json!("gpt-5.6-sol"));
        let ask = |after| {
            clock.advance(after);
            usage(&ask(&provider, path, &body).json(), details)
        };
        // Each of the two messages rounds up.
        let all = tokens(&format!("system\n{}\n", long())) + tokens("user\nHow are you?\n");
        let lifetime = Lifetimes::DOCUMENTED.thirty_minutes;
        assert_eq!(ask(Duration::ZERO), [0, all]);
        assert_eq!(ask(lifetime.saturating_sub(Duration::from_millis(1))), [all, 0]);
        assert_eq!(ask(lifetime), [0, all], "{path}");
    }
}

#[test]
fn a_prewarm_fills_the_cache_and_says_nothing() {
    for stream in [false, true] {
        let provider = FakeProvider::start(Config::USUAL).unwrap();
        let body = with(responses(), "model", json!("gpt-5.6-sol"));
        let body = with(body, "stream", json!(stream));
        let prewarm = with(body.clone(), "prompt_cache_options", json!({"prewarm": true}));
        let last = |body: &Value| {
            let response = ask(&provider, RESPONSES, body);
            if stream {
                let (name, data) = response.events().pop().unwrap();
                let event: Value = serde_json::from_str(&data).unwrap();
                assert_eq!(name, "response.completed");
                event["response"].clone()
            } else {
                response.json()
            }
        };
        let warmed = last(&prewarm);
        assert_eq!((&warmed["output"], &warmed["status"]), (&json!([]), &json!("completed")));
        assert_eq!(*at(&warmed, "usage.output_tokens"), 0);
        let written = at(&warmed, "usage.input_tokens_details.cache_write_tokens").as_u64();
        let read = at(&last(&body), "usage.input_tokens_details.cached_tokens").as_u64();
        assert!(Some(2_000) < read && read == written);
    }
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let ping = with(responses(), "max_output_tokens", json!(1));
    let refused = post(&provider, RESPONSES, OPENAI, &ping).unwrap();
    assert_eq!(
        (refused.status, refused.json()),
        (
            400,
            json!({
                "error": {
                    "message": "Invalid 'max_output_tokens': expected a value >= 16, but got 1",
                    "type": "invalid_request_error",
                    "param": "max_output_tokens",
                    "code": "integer_below_min_value",
                },
            })
        )
    );
    assert_eq!(refused.header("x-request-id"), Some("req_fake_000001"));
    let refused = post(&provider, CHAT, "x-api-key: key\r\n", &chat()).unwrap();
    assert_eq!(
        (refused.status, at(&refused.json(), "error.code")),
        (401, &json!("invalid_api_key"))
    );
}
