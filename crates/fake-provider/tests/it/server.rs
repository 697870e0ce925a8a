//! The server itself.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::{Arc, Barrier},
    thread,
};

use fake_provider::{Config, FakeProvider, Progress, Usage};
use serde_json::json;

use crate::client::{ANTHROPIC, OPENAI, at, begin, get, post, post_to, send};

const MESSAGES: &str = "/v1/messages";

#[test]
fn requests_are_recorded_as_they_came() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let body = r#"{ "model":"m", "max_tokens":1, "messages":[{"role":"user","content":"Hello"}] }"#;
    let headers = format!("{ANTHROPIC}X-Mine: 7\r\n");
    drop(begin(send(&provider, "POST /v1/messages", &headers, body)).unwrap().finish());
    let [request] = provider.requests().try_into().unwrap();
    assert_eq!((request.number, request.path.as_str()), (1, MESSAGES));
    assert_eq!(request.body, body);
    assert_eq!(request.header("x-mine"), Some("7"));
    assert_eq!(request.header("x-api-key"), Some("key"));
    assert_eq!((request.status, request.progress), (Some(200), Progress::Complete));
    assert_eq!(request.usage, Some(Usage { uncached: 2, output: 1, ..Usage::default() }));
    provider.forget_requests();
    assert!(provider.requests().is_empty());
    drop(begin(send(&provider, "POST /v1/messages", &headers, body)).unwrap().finish());
    assert_eq!(provider.requests().last().unwrap().number, 2);
}

#[test]
fn what_is_shown_of_requests_has_no_credentials_and_no_content() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "a secret"}]});
    post(&provider, "/v1/chat/completions", OPENAI, &body).unwrap();
    let shown = get(&provider, "/fake/requests", "");
    let json = shown.json();
    assert_eq!(*at(&json, "0.path"), "/v1/chat/completions");
    assert_eq!(*at(&json, "0.usage.output"), 16);
    assert_eq!(*at(&json, "0.progress"), "complete");
    assert!(!shown.text().contains("secret") && !shown.text().contains("Bearer"));
}

#[test]
fn other_paths_lead_nowhere() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let nothing = get(&provider, "/v1/other", ANTHROPIC);
    assert_eq!(
        (nothing.status, at(&nothing.json(), "error.type")),
        (404, &json!("not_found_error"))
    );
    let nothing = get(&provider, MESSAGES, OPENAI);
    assert_eq!((nothing.status, at(&nothing.json(), "error.code")), (404, &json!("unknown_url")));
    let models = get(&provider, "/v1/models", ANTHROPIC).json();
    assert_eq!(*at(&models, "data.0.type"), "model");
    let models = get(&provider, "/v1/models", OPENAI).json();
    assert_eq!(*at(&models, "object"), "list");
}

#[test]
fn what_is_no_request_is_refused() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for body in ["", "{", "\u{0}", "[1, 2", "{\"model\": \"\\ud800\"}", &deep] {
        let stream = send(&provider, "POST /v1/messages", ANTHROPIC, body);
        let response = begin(stream).unwrap().finish();
        assert_eq!(response.status, 400, "{}", response.text());
        assert_eq!(*at(&response.json(), "error.type"), "invalid_request_error");
    }
}

#[test]
fn one_credential_can_be_the_only_one() {
    let credential = Some("mine".to_owned());
    let provider = FakeProvider::start(Config { credential, ..Config::USUAL }).unwrap();
    let body = json!({
        "model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "Hello"}],
    });
    let status = |path, headers: &str| post(&provider, path, headers, &body).unwrap().status;
    assert_eq!(status(MESSAGES, ANTHROPIC), 401);
    assert_eq!(status(MESSAGES, &ANTHROPIC.replace("key: key", "key: mine")), 200);
    assert_eq!(status("/v1/chat/completions", OPENAI), 401);
    assert_eq!(status("/v1/chat/completions", &OPENAI.replace("Bearer key", "Bearer mine")), 200);
}

#[test]
fn many_clients_are_served_at_the_same_time_and_none_loses_a_byte() {
    const CLIENTS: usize = 16;
    const REQUESTS: usize = 20;
    let provider = Arc::new(FakeProvider::start(Config::USUAL).unwrap());
    let body = json!({
        "model": "m", "max_tokens": 100, "stream": true,
        "messages": [{"role": "user", "content": "Hello"}],
    });
    let expected = post(&provider, MESSAGES, ANTHROPIC, &body).unwrap();
    let expected = expected.text().replace("000001", "");
    let barrier = Arc::new(Barrier::new(CLIENTS));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (provider, barrier) = (Arc::clone(&provider), Arc::clone(&barrier));
            let (body, expected) = (body.clone(), expected.clone());
            thread::spawn(move || {
                barrier.wait();
                for _ in 0..REQUESTS {
                    let response = post(&provider, MESSAGES, ANTHROPIC, &body).unwrap();
                    let number = response.header("request-id").unwrap()[9..].to_owned();
                    assert_eq!(response.text().replace(&number, ""), expected);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(provider.requests().len(), 1 + CLIENTS * REQUESTS);
}

#[test]
fn it_is_gone_once_it_is_dropped() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let address = provider.address();
    let open = send(&provider, "POST /v1/messages", "x-fake-fault: hang\r\n", "");
    drop(provider);
    assert!(TcpStream::connect(address).is_err());
    drop(open);
}

#[test]
fn a_port_that_is_taken_is_an_error() {
    let provider = FakeProvider::start(Config::USUAL).unwrap();
    let config = Config { port: provider.address().port(), ..Config::USUAL };
    let error = FakeProvider::start(config).err().unwrap();
    assert_eq!(error.to_string(), "cannot listen on that port of 127.0.0.1");
}

/// A program that does not outlive its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn the_program_serves_as_its_arguments_say() {
    let program = Command::new(env!("CARGO_BIN_EXE_fake-provider"))
        .args(["--reply", "2", "--fault", "2=429:3", "--minimum", "5"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut program = Killed(program);
    let mut url = String::new();
    BufReader::new(program.0.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let address = url.trim().strip_prefix("http://").unwrap().parse().unwrap();
    let body = json!({
        "model": "m", "max_tokens": 9, "cache_control": {"type": "ephemeral"},
        "messages": [{"role": "user", "content": "Hello, how are you?"}],
    });
    let ask = || post_to(address, MESSAGES, ANTHROPIC, &body).unwrap();
    let first = ask().json();
    assert_eq!(*at(&first, "content.0.text"), "one two ");
    assert_eq!(*at(&first, "usage.cache_creation_input_tokens"), 5);
    let second = ask();
    assert_eq!((second.status, second.header("retry-after")), (429, Some("3")));
    assert_eq!(*at(&ask().json(), "usage.cache_read_input_tokens"), 5);
    drop(program);

    let refused = Command::new(env!("CARGO_BIN_EXE_fake-provider"))
        .args(["--fault", "2=teapot"])
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("`teapot` is none of"));
}
