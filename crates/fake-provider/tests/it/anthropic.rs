//! `POST /v1/messages`.

use std::{sync::Arc, time::Duration};

use common_fs::sim::ManualClock;
use fake_provider::{Config, FakeProvider, Lifetimes, Minimum};
use serde_json::{Value, json};

use crate::client::{ANTHROPIC, Response, at, post};

/// A system prompt of 2,000 tokens with a breakpoint, and a question of 3.
fn request(max_tokens: u64) -> Value {
    json!({
        "model": "claude-fake-1",
        "max_tokens": max_tokens,
        "system": [
            {"type": "text", "text": "s".repeat(8_000), "cache_control": {"type": "ephemeral"}},
        ],
        "messages": [{"role": "user", "content": "How are you?"}],
    })
}

fn ask(provider: &FakeProvider, body: &Value) -> Response {
    post(provider, "/v1/messages", ANTHROPIC, body).unwrap()
}

/// Written, read, uncached, and output.
fn counts(response: &Response) -> [u64; 4] {
    let json = response.json();
    let names =
        ["cache_creation_input_tokens", "cache_read_input_tokens", "input_tokens", "output_tokens"];
    names.map(|name| json["usage"][name].as_u64().unwrap())
}

#[test]
fn a_cache_of_two_seconds_is_kept_warm_and_expires() {
    let lifetimes = Lifetimes { five_minutes: Duration::from_secs(2), ..Lifetimes::DOCUMENTED };
    let config = Config { lifetimes, ..Config::USUAL };
    let clock = ManualClock::new();
    let provider = FakeProvider::start_with_clock(config, Arc::new(clock.clone())).unwrap();
    let pass = |millis| clock.advance(Duration::from_millis(millis));

    let cold = ask(&provider, &request(100));
    assert_eq!(counts(&cold), [2_000, 0, 3, 16]);
    let written = at(&cold.json(), "usage.cache_creation").clone();
    let expected = json!({"ephemeral_5m_input_tokens": 2_000, "ephemeral_1h_input_tokens": 0});
    assert_eq!(written, expected);
    assert_eq!(counts(&ask(&provider, &request(100))), [0, 2_000, 3, 16]);

    pass(1_500);
    let ping = ask(&provider, &request(0));
    assert_eq!(counts(&ping), [0, 2_000, 3, 0]);
    assert_eq!(ping.json()["content"], json!([]));
    assert_eq!(ping.json()["stop_reason"], "max_tokens");

    pass(1_500);
    assert_eq!(counts(&ask(&provider, &request(100))), [0, 2_000, 3, 16]);
    pass(2_300);
    assert_eq!(counts(&ask(&provider, &request(100))), [2_000, 0, 3, 16]);
    provider.evict();
    assert_eq!(counts(&ask(&provider, &request(0))), [2_000, 0, 3, 0]);
    assert_eq!(counts(&ask(&provider, &request(1))), [0, 2_000, 3, 1]);
}

#[test]
fn a_message_has_what_is_documented() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let response = ask(&provider, &request(3));
    let expected = json!({
        "id": "msg_fake_000001",
        "type": "message",
        "role": "assistant",
        "model": "claude-fake-1",
        "content": [{"type": "text", "text": "one two six ", "citations": null}],
        "stop_reason": "max_tokens",
        "stop_sequence": null,
        "usage": {
            "input_tokens": 3,
            "cache_creation_input_tokens": 2_000,
            "cache_read_input_tokens": 0,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 2_000, "ephemeral_1h_input_tokens": 0,
            },
            "output_tokens": 3,
            "service_tier": "standard",
        },
    });
    assert_eq!((response.status, response.json()), (200, expected));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("request-id"), Some("req_fake_000001"));
    assert_eq!(ask(&provider, &request(16)).json()["stop_reason"], "end_turn");
}

#[test]
fn a_stream_says_the_same_as_a_message() {
    let provider = FakeProvider::start(Config { reply_tokens: 3, ..Config::USUAL }).unwrap();
    let mut streamed = request(100);
    streamed["stream"] = true.into();
    let message = ask(&provider, &request(100)).json();
    let response = ask(&provider, &streamed);
    assert!(response.is_complete);
    assert_eq!(response.header("content-type"), Some("text/event-stream; charset=utf-8"));

    let events = response.events();
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    let delta = "content_block_delta";
    assert_eq!(
        names,
        [
            "message_start",
            "content_block_start",
            "ping",
            delta,
            delta,
            delta,
            "content_block_stop",
            "message_delta",
            "message_stop",
        ]
    );
    let events: Vec<Value> =
        events.iter().map(|(_, data)| serde_json::from_str(data).unwrap()).collect();
    assert!(events.iter().zip(names).all(|(event, name)| event["type"] == *name));
    let text = |event| at(event, "delta.text").as_str().unwrap_or_default();
    let text: String = events.iter().map(text).collect();
    assert_eq!(*at(&message, "content.0.text"), text);
    let usage = at(&events[0], "message.usage");
    assert_eq!(
        (&usage["cache_read_input_tokens"], &usage["output_tokens"]),
        (&2_000.into(), &1.into())
    );
    let last = &events[7];
    assert_eq!(*at(last, "delta.stop_reason"), message["stop_reason"]);
    assert_eq!(*at(last, "usage.output_tokens"), 3);
    assert_eq!(*at(last, "usage.cache_read_input_tokens"), 2_000);
}

#[test]
fn one_hour_is_counted_apart() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let mut body = request(0);
    body["system"][0]["cache_control"]["ttl"] = "1h".into();
    let usage = ask(&provider, &body).json()["usage"]["cache_creation"].clone();
    let expected = json!({"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 2_000});
    assert_eq!(usage, expected);
}

#[test]
fn the_minimum_is_that_of_the_model_or_of_the_configuration() {
    let of = |minimum, model: &str| {
        let provider = FakeProvider::start(Config { minimum, ..Config::USUAL }).unwrap();
        let mut body = request(0);
        body["model"] = model.into();
        let [written, read, uncached, _] = counts(&ask(&provider, &body));
        assert_eq!((read, written + uncached), (0, 2_003));
        0 < written
    };
    assert!(of(Minimum::OfModel, "claude-sonnet-5"));
    assert!(!of(Minimum::OfModel, "claude-haiku-4-5-20251001"));
    assert!(of(Minimum::Tokens(2_000), "claude-haiku-4-5-20251001"));
    assert!(!of(Minimum::Tokens(2_001), "claude-sonnet-5"));
}

#[test]
fn what_is_wrong_with_a_request_is_said() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let mut streamed_ping = request(0);
    streamed_ping["stream"] = true.into();
    let refused = ask(&provider, &streamed_ping);
    assert_eq!(refused.status, 400);
    assert_eq!(refused.header("request-id"), Some("req_fake_000001"));
    assert_eq!(
        refused.json(),
        json!({
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "max_tokens: 0 is not supported with stream: true",
            },
            "request_id": "req_fake_000001",
        })
    );
    // Nothing of it is cached.
    assert_eq!(counts(&ask(&provider, &request(0))), [2_000, 0, 3, 0]);

    let status = |headers: &str| {
        let response = post(&provider, "/v1/messages", headers, &request(1)).unwrap();
        let kind = at(&response.json(), "error.type").as_str().map(str::to_owned);
        (response.status, kind.unwrap_or_default())
    };
    let version = "anthropic-version: 2023-06-01\r\n";
    assert_eq!(status(version), (401, "authentication_error".to_owned()));
    assert_eq!(status("x-api-key: key\r\n"), (400, "invalid_request_error".to_owned()));
    assert_eq!(status(&format!("authorization: Bearer key\r\n{version}")).0, 200);
}

#[test]
fn another_credential_does_not_read_what_this_one_wrote() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    ask(&provider, &request(1));
    let headers = ANTHROPIC.replace("key: key", "key: other");
    let other = post(&provider, "/v1/messages", &headers, &request(1)).unwrap();
    assert_eq!(counts(&other), [2_000, 0, 3, 1]);
}
