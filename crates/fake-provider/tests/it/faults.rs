//! What goes wrong on request.

use std::{collections::BTreeMap, time::Duration};

use fake_provider::{Config, FakeProvider, Fault, Faults, Progress, RecordedRequest};
use serde_json::{Value, json};

use crate::client::{ANTHROPIC, Begun, OPENAI, PATIENCE, Response, at, begin, post, send};

const MESSAGES: &str = "/v1/messages";
const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

/// A request to each of the APIs, with what it takes to be accepted.
fn all(stream: bool) -> [(&'static str, &'static str, Value); 3] {
    let system = json!([
        {"type": "text", "text": "s".repeat(8_000), "cache_control": {"type": "ephemeral"}},
    ]);
    let messages = json!([{"role": "user", "content": "How are you?"}]);
    [
        (
            MESSAGES,
            ANTHROPIC,
            json!({
                "model": "claude-fake-1", "max_tokens": 100, "stream": stream,
                "system": system, "messages": messages,
            }),
        ),
        (CHAT, OPENAI, json!({"model": "gpt-fake-1", "stream": stream, "messages": messages})),
        (RESPONSES, OPENAI, json!({"model": "gpt-fake-1", "stream": stream, "input": "x"})),
    ]
}

fn provider() -> FakeProvider {
    FakeProvider::start(Config::USUAL).unwrap()
}

fn progress_of_last(provider: &FakeProvider) -> Progress {
    provider.requests().last().unwrap().progress
}

#[test]
fn a_status_comes_with_what_goes_with_it() {
    let table = [
        (Fault::BadRequest, 400, 400, "invalid_request_error", "invalid_request_error"),
        (Fault::Unauthorized, 401, 401, "authentication_error", "invalid_request_error"),
        (Fault::RateLimited(Some(7)), 429, 429, "rate_limit_error", "requests"),
        (Fault::RateLimited(None), 429, 429, "rate_limit_error", "requests"),
        (Fault::Internal, 500, 500, "api_error", "server_error"),
        (Fault::Overloaded, 529, 503, "overloaded_error", "server_error"),
    ];
    let provider = provider();
    for (fault, anthropic, openai, anthropic_type, openai_type) in table {
        for (stream, (path, headers, body)) in
            [false, true].into_iter().flat_map(|stream| all(stream).map(|call| (stream, call)))
        {
            provider.fail_next(fault);
            let response = post(&provider, path, headers, &body).unwrap();
            let (status, kind) = match path {
                MESSAGES => (anthropic, anthropic_type),
                _ => (openai, openai_type),
            };
            assert_eq!(response.status, status, "{fault} {path} stream {stream}");
            assert_eq!(*at(&response.json(), "error.type"), kind);
            let seconds = if fault == Fault::RateLimited(Some(7)) { Some("7") } else { None };
            assert_eq!(response.header("retry-after"), seconds);
            let recorded = provider.requests().pop().unwrap();
            assert_eq!((recorded.status, recorded.usage), (Some(status), None));
            assert_eq!((recorded.fault, recorded.progress), (Some(fault), Progress::Complete));
        }
    }
    // None of them has cached anything.
    let [(path, headers, body), ..] = all(false);
    let usage = post(&provider, path, headers, &body).unwrap().json()["usage"].clone();
    assert_eq!(usage["cache_creation_input_tokens"], 2_000);
}

#[test]
fn a_fault_is_of_a_number_of_a_header_or_of_all() {
    let at = BTreeMap::from([(2, Fault::Internal)]);
    let faults = Faults { at, otherwise: None };
    let provider = FakeProvider::start(Config { faults, ..Config::USUAL }).unwrap();
    let [_, (path, headers, body), _] = all(false);
    let status =
        |header: &str| post(&provider, path, &format!("{headers}{header}"), &body).unwrap().status;
    assert_eq!([status(""), status(""), status("")], [200, 500, 200]);
    assert_eq!(status("x-fake-fault: 429\r\n"), 429);
    assert_eq!(status("x-fake-fault: teapot\r\n"), 400);
    assert_eq!(status(""), 200);
    provider.set_faults(Faults { at: BTreeMap::new(), otherwise: Some(Fault::Overloaded) });
    assert_eq!([status(""), status(""), status("x-fake-fault: 401\r\n")], [503, 503, 401]);
    provider.set_faults(Faults::NONE);
    assert_eq!(status(""), 200);
}

#[test]
fn a_request_that_hangs_is_abandoned_when_the_client_leaves() {
    let provider = provider();
    for ((path, headers, body), number) in all(true).into_iter().zip(1..) {
        provider.fail_next(Fault::Hang);
        let stream = send(&provider, &format!("POST {path}"), headers, &body.to_string());
        let wait = |done: &dyn Fn(&RecordedRequest) -> bool| {
            provider.wait_until(PATIENCE, |requests| {
                requests.last().is_some_and(|last| last.number == number && done(last))
            })
        };
        assert!(wait(&|request| request.usage.is_some()));
        assert_eq!(progress_of_last(&provider), Progress::Open);
        drop(stream);
        assert!(wait(&|request| request.progress == Progress::Abandoned));
        assert_eq!(provider.requests().last().unwrap().status, None);
    }
    // What was never answered can not be read.
    let [(path, headers, body), ..] = all(false);
    let usage = post(&provider, path, headers, &body).unwrap().json()["usage"].clone();
    assert_eq!(usage["cache_creation_input_tokens"], 2_000);
}

#[test]
fn a_dropped_connection_has_as_many_parts_as_it_is_told() {
    let provider = provider();
    for (path, headers, body) in all(true) {
        let whole = post(&provider, path, headers, &body).unwrap();
        provider.fail_next(Fault::Drop(0));
        assert!(post(&provider, path, headers, &body).is_none());
        assert_eq!(progress_of_last(&provider), Progress::Broken);
        provider.fail_next(Fault::Drop(3));
        let response = post(&provider, path, headers, &body).unwrap();
        assert_eq!((response.status, response.is_complete), (200, false));
        assert_eq!(response.events().len(), 3);
        assert_eq!(names(&response), names(&whole)[..3]);
        assert_eq!(progress_of_last(&provider), Progress::Broken);
    }
    for (path, headers, body) in all(false) {
        let whole = post(&provider, path, headers, &body).unwrap();
        provider.fail_next(Fault::Drop(1));
        let response = post(&provider, path, headers, &body).unwrap();
        assert!(!response.is_complete);
        assert_eq!(response.body.len(), whole.body.len() / 2);
    }
}

fn names(response: &Response) -> Vec<String> {
    response.events().into_iter().map(|(name, _)| name).collect()
}

#[test]
fn a_stream_can_end_with_an_error() {
    let provider = provider();
    for (path, headers, body) in all(true) {
        provider.fail_next(Fault::ErrorEvent(2));
        let response = post(&provider, path, headers, &body).unwrap();
        assert_eq!((response.status, response.is_complete), (200, true));
        let (name, data) = response.events().pop().unwrap();
        let data: Value = serde_json::from_str(&data).unwrap();
        let expected = match path {
            MESSAGES => ("error", json!("overloaded_error"), at(&data, "error.type")),
            CHAT => ("", json!("server_error"), at(&data, "error.type")),
            _ => ("error", json!("server_error"), at(&data, "code")),
        };
        assert_eq!((name.as_str(), expected.2), (expected.0, &expected.1), "{path}");
        assert_eq!(response.events().len(), 3);
    }
    for (path, headers, body) in all(false) {
        provider.fail_next(Fault::ErrorEvent(2));
        assert!([503, 529].contains(&post(&provider, path, headers, &body).unwrap().status));
    }
}

#[test]
fn each_event_of_a_slow_stream_is_sent_at_once() {
    let provider = provider();
    let [(path, headers, body), ..] = all(true);
    let open = |fault| -> Begun {
        provider.fail_next(fault);
        let stream = send(&provider, &format!("POST {path}"), headers, &body.to_string());
        begin(stream).unwrap()
    };
    // Nobody waits for an hour: what comes now, comes at once.
    let mut slow = open(Fault::Slow(Duration::from_hours(1)));
    assert!(slow.chunk().unwrap().starts_with("event: message_start"));
    assert_eq!(progress_of_last(&provider), Progress::Open);
    // As its answer has started, what it wrote can be read already.
    let mut again = body.clone();
    again["stream"] = false.into();
    let usage = post(&provider, path, headers, &again).unwrap().json()["usage"].clone();
    assert_eq!(usage["cache_read_input_tokens"], 2_000);
    drop(slow);
    assert!(provider.wait_until(PATIENCE, |requests| {
        requests.first().is_some_and(|first| first.progress == Progress::Abandoned)
    }));
    // One that is a little slow says all that it has to say.
    let response = open(Fault::Slow(Duration::from_millis(1))).finish();
    assert!(response.is_complete);
    assert_eq!(response.events().len(), 3 + 16 + 3);
    assert_eq!(progress_of_last(&provider), Progress::Complete);
}
