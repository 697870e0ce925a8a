//! Prompts are kept warm, within the budget, while the user wants it.

use std::{path::Path, sync::Arc, time::Duration};

use cache_warmer::{
    Budget, NanoDollars,
    proxy::{Mode, Options},
};
use tokio::sync::{Mutex, Notify, mpsc};

use crate::rig::{Connection, ManualClock, Running, field, options, request, upstream};

/// A prompt of 100,000 tokens on a model with a lifetime of five minutes: one ping costs 3 cents.
const TURN: &str = r#"{"model":"claude-sonnet-4-5","max_tokens":4096,"stream":true,
    "system":"S","messages":[{"role":"user","content":"hi"}]}"#;

const REPLAYED: &str = r#"{"model":"claude-sonnet-4-5","max_tokens":0,"stream":false,
    "system":"S","messages":[{"role":"user","content":"hi"}]}"#;

const WRITTEN: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":\
    {\"input_tokens\":3,\"cache_creation_input_tokens\":100000,\"cache_read_input_tokens\":0,\
    \"output_tokens\":1}}}\n\n";

const READ: &str = r#"{"type":"message","usage":{"input_tokens":3,"cache_read_input_tokens":100000,
    "cache_creation_input_tokens":0,"output_tokens":0}}"#;

/// After this, the next ping is due, however early it is, and can be in time.
const DUE: Duration = Duration::from_secs(265);

fn events(body: &str) -> String {
    let length = body.len();
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length:";
    format!("{head} {length}\r\n\r\n{body}")
}

fn json(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn warm(address: &str, state_dir: &Path) -> Options {
    let mut options = options(address);
    options.mode = Mode::Warm;
    options.state_dir = state_dir.join("state");
    options
}

/// A provider: what it was asked, and what it answers, in order.
struct Provider {
    address: String,
    asked: mpsc::UnboundedReceiver<(String, Vec<u8>)>,
    answers: mpsc::UnboundedSender<String>,
}

impl Provider {
    async fn start() -> Self {
        let (seen, asked) = mpsc::unbounded_channel();
        let (answers, next) = mpsc::unbounded_channel::<String>();
        let next = Arc::new(Mutex::new(next));
        let address = upstream(move |mut connection: Connection| {
            let (seen, next) = (seen.clone(), Arc::clone(&next));
            async move {
                while let Some(request) = connection.request().await {
                    seen.send(request).unwrap();
                    let Some(answer) = next.lock().await.recv().await else { return };
                    connection.send(answer).await;
                }
            }
        })
        .await;
        Self { address, asked, answers }
    }

    /// Answers the next request like this.
    fn answer(&self, answer: impl Into<String>) {
        self.answers.send(answer.into()).unwrap();
    }

    /// The body of the next request, which a client or the proxy has sent.
    async fn request(&mut self) -> (String, String) {
        let (head, body) = self.asked.recv().await.unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// Nothing was asked.
    fn idle(&mut self) -> bool {
        self.asked.try_recv().is_err()
    }
}

/// Takes a turn, and waits until the proxy knows that it is over.
async fn turn(proxy: &Running, provider: &mut Provider, answer: String) {
    let before = proxy.status(|_| true).await["counts"]["turns"].as_u64().unwrap();
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages?beta=true", "x-api-key: k3y\r\nx-own: 1\r\n", TURN)).await;
    provider.answer(answer);
    assert_eq!(provider.request().await.1, TURN);
    assert!(client.message().await.0.starts_with("HTTP/1.1 200 "));
    proxy.status(|status| status["counts"]["turns"] == before + 1).await;
}

async fn reason(proxy: &Running, reason: &str) -> serde_json::Value {
    proxy.status(|status| status["conversations"][0]["reason"] == reason).await
}

#[tokio::test]
async fn the_last_request_is_replayed_in_time_and_the_next_turn_proves_what_it_saved() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    reason(&proxy, "scheduled").await;
    assert!(provider.idle());

    for pings in 1..=2 {
        proxy.clock.advance(DUE);
        provider.answer(json("200 OK", READ));
        let status = proxy.status(|status| status["conversations"][0]["pings"] == pings);
        let (_, (head, body)) = tokio::join!(status, provider.request());
        assert_eq!(body, REPLAYED);
        assert!(head.starts_with("POST /v1/messages?beta=true HTTP/1.1\r\n"), "{head}");
        for (name, expected) in [
            ("x-api-key", Some("k3y")),
            ("x-own", Some("1")),
            ("accept-encoding", Some("identity")),
        ] {
            assert_eq!(field(&head, name), expected);
        }
        reason(&proxy, "scheduled").await;
    }
    // The entry would have expired, and is read.
    proxy.clock.advance(Duration::from_mins(1));
    let read = WRITTEN
        .replace("100000", "17")
        .replace("_read_input_tokens\":0", "_read_input_tokens\":100000");
    turn(&proxy, &mut provider, events(&read)).await;
    let status = proxy.status(|status| status["ledger"]["spells"]["saved"] == 1).await;
    // Two reads of 100,000 tokens and three others; one write avoided.
    assert_eq!(status["ledger"]["spent"], 2 * (30_000_000 + 3 * 3_000));
    assert_eq!(status["ledger"]["saved"], 375_000_000 - 30_000_000);
    assert!(!proxy.said().concat().contains("k3y"));
}

#[tokio::test]
async fn a_real_turn_cancels_the_ping_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    proxy.clock.advance(DUE);
    let (_, (_, body)) = tokio::join!(reason(&proxy, "in-flight"), provider.request());
    assert_eq!(body, REPLAYED);
    // The ping is not answered; the turn comes.
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "x-api-key: k3y\r\n", TURN)).await;
    assert_eq!(provider.request().await.1, TURN);
    let status = reason(&proxy, "turn-running").await;
    assert_eq!(status["warming"]["inFlight"], 0);
    assert_eq!(status["ledger"]["unconfirmed"], 1);
}

#[tokio::test]
async fn no_ping_goes_out_while_the_next_request_is_being_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    let mut client = proxy.connect().await;
    let next = request("/v1/messages", "x-api-key: k3y\r\n", TURN);
    let (begin, rest) = next.split_at(next.len() - 20);
    client.send(begin).await;
    proxy.status(|status| status["warming"]["arriving"] == 1).await;
    proxy.clock.advance(DUE);
    reason(&proxy, "request-arriving").await;
    assert!(provider.idle());
    client.send(rest).await;
    provider.answer(events(WRITTEN));
    assert_eq!(provider.request().await.1, TURN);
    // It took so long to be sent that the next ping is due as soon as it is answered.
    provider.answer(json("200 OK", READ));
    let hit = proxy.status(|status| status["ledger"]["pings"]["hit"] == 1);
    let (status, (_, body)) = tokio::join!(hit, provider.request());
    assert_eq!(body, REPLAYED);
    assert_eq!(status["counts"]["turns"], 2);

    // One of another conversation, or that the client does not go on with, holds it no longer than
    // that takes.
    let other = TURN.replace("hi", "ho");
    let next = request("/v1/messages", "x-api-key: k3y\r\n", &other);
    for is_whole in [false, true] {
        let (begin, rest) = next.split_at(next.len() - 20);
        let mut client = proxy.connect().await;
        client.send(begin).await;
        proxy.status(|status| status["warming"]["arriving"] == 1).await;
        proxy.clock.advance(DUE);
        reason(&proxy, "request-arriving").await;
        assert!(provider.idle());
        provider.answer(json("200 OK", READ));
        let mut expected = vec![REPLAYED];
        if is_whole {
            client.send(rest).await;
            provider.answer(json("200 OK", READ));
            expected.push(&other);
        } else {
            drop(client);
        }
        let mut asked = Vec::new();
        for _ in &expected {
            asked.push(provider.request().await.1);
        }
        asked.sort();
        expected.sort_unstable();
        assert_eq!(asked, expected);
        let pings = 2 + u64::from(is_whole);
        proxy.status(|status| status["ledger"]["pings"]["hit"] == pings).await;
    }
}

#[tokio::test]
async fn a_ping_that_does_not_fit_the_budget_is_not_sent() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let mut options = warm(&provider.address, dir.path());
    // A ping costs 3 cents, but up to 60 if the entry is gone after all.
    options.policy.budget = Budget { day: Some(NanoDollars(600_000_000)), ..Budget::UNLIMITED };
    let proxy = Running::start(options).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    let status = reason(&proxy, "day-budget").await;
    assert_eq!(status["warming"]["budgetDay"], 600_000_000);
    proxy.clock.advance(DUE);
    let status = reason(&proxy, "day-budget").await;
    assert!(provider.idle());
    assert_eq!(status["ledger"]["spent"], 0);
    assert!(proxy.said().concat().contains("the budget of the day is exhausted"));
}

#[tokio::test]
async fn nothing_is_sent_unless_it_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let mut options = warm(&provider.address, dir.path());
    options.mode = Mode::AsSwitched;
    let proxy = Running::start(options).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    reason(&proxy, "disabled").await;
    proxy.clock.advance(DUE / 2);
    // Now it is, while there is time.
    let (head, body) = proxy.switch(true).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(body, b"{\"enabled\":true}\n");
    reason(&proxy, "scheduled").await;
    proxy.clock.advance(DUE / 2);
    provider.answer(json("200 OK", READ));
    let (_, (_, body)) = tokio::join!(
        proxy.status(|status| status["ledger"]["pings"]["hit"] == 1),
        provider.request()
    );
    assert_eq!(body, REPLAYED);
}

#[tokio::test]
async fn what_was_switched_off_stays_off_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    assert!(proxy.switch(false).await.0.starts_with("HTTP/1.1 200 "));
    reason(&proxy, "disabled").await;
    proxy.stop().await.unwrap();

    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    assert!(proxy.said().concat().contains("was switched off and stays off"));
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    assert_eq!(reason(&proxy, "disabled").await["warming"]["state"], "off");
    assert!(proxy.switch(true).await.0.starts_with("HTTP/1.1 200 "));
    reason(&proxy, "scheduled").await;
}

#[tokio::test]
async fn a_second_proxy_passes_on_and_does_not_warm() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let first = Running::start(warm(&provider.address, dir.path())).await;
    let second = Running::start(warm(&provider.address, dir.path())).await;
    assert!(second.said().concat().contains("another program keeps prompts warm from"));
    turn(&second, &mut provider, events(WRITTEN)).await;
    let status = reason(&second, "disabled").await;
    assert_eq!(status["warming"]["state"], "unavailable");
    assert!(second.switch(true).await.0.starts_with("HTTP/1.1 409 "));
    // When the first is gone, the next has it.
    first.stop().await.unwrap();
    let third = Running::start(warm(&provider.address, dir.path())).await;
    assert_eq!(third.status(|_| true).await["warming"]["state"], "on");
}

#[tokio::test]
async fn the_ledger_is_that_of_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let clock = ManualClock::leaked();
    let proxy = Running::start_at(warm(&provider.address, dir.path()), clock).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    clock.advance(DUE);
    provider.answer(json("200 OK", READ));
    let pinged = proxy.status(|status| status["ledger"]["pings"]["hit"] == 1);
    let (status, _) = tokio::join!(pinged, provider.request());
    proxy.stop().await.unwrap();
    let proxy = Running::start_at(warm(&provider.address, dir.path()), clock).await;
    let again = proxy.status(|_| true).await;
    assert_eq!(again["ledger"]["spent"], status["ledger"]["spent"]);
    assert_eq!(again["ledger"]["today"], status["ledger"]["today"]);
}

#[tokio::test]
async fn a_ledger_that_is_damaged_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("state/ledger.json");
    let provider = Provider::start().await;
    let damaged = r#"{"format":"upkeep-cache-warmer-ledger","version":1,"ledger":{"spent":"#;
    fs_write(&ledger, damaged);
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    let said = proxy.said().concat();
    assert!(said.contains("is damaged") && said.contains("ledger.json"), "{said}");
    assert_eq!(proxy.status(|_| true).await["warming"]["state"], "unavailable");
    assert_eq!(fs_read(&ledger), damaged);
}

#[tokio::test]
async fn while_the_ledger_cannot_be_written_nothing_is_sent_and_traffic_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    reason(&proxy, "scheduled").await;
    // As a full disk would have it, what it costs cannot be written down.
    let ledger = dir.path().join("state/ledger.json");
    fs_block(&ledger);
    proxy.clock.advance(DUE);
    let status = reason(&proxy, "state-unwritable").await;
    assert!(provider.idle());
    assert_eq!(status["ledger"]["spent"], 0);
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    let said = proxy.said();
    let told = said.iter().filter(|text| text.contains("the ledger cannot be written")).count();
    assert_eq!(told, 1, "{said:?}");
    // Once it can be, it goes on by itself.
    fs_unblock(&ledger);
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    reason(&proxy, "scheduled").await;
    assert!(proxy.said().concat().contains("the ledger can be written again"));
}

#[tokio::test]
async fn credentials_that_are_refused_end_the_pings_of_the_conversation() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    // A turn learns it first: the client sees what the provider says.
    let refusal = json("401 Unauthorized", r#"{"type":"error"}"#);
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "x-api-key: k3y\r\n", TURN)).await;
    provider.answer(refusal.as_str());
    provider.request().await;
    let (head, body) = client.message().await;
    assert!(head.starts_with("HTTP/1.1 401 Unauthorized"), "{head}");
    assert_eq!(body, br#"{"type":"error"}"#);
    let status = proxy.status(|status| status["counts"]["turnsFailed"] == 1).await;
    assert_eq!(status["held"]["requests"], 0);
    // Or a ping does.
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    proxy.clock.advance(DUE);
    provider.answer(refusal);
    let (status, _) = tokio::join!(reason(&proxy, "unauthorized"), provider.request());
    assert_eq!(status["ledger"]["spent"], 0);
    assert!(proxy.said().concat().contains("the provider refused the credentials"));
    proxy.clock.advance(Duration::from_secs(20));
    proxy.status(|_| true).await;
    assert!(provider.idle());
}

#[tokio::test]
async fn a_limit_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    proxy.clock.advance(DUE);
    provider.answer(json("429 Too Many Requests", "{}").replacen(
        "\r\n",
        "\r\nretry-after: 8\r\n",
        1,
    ));
    tokio::join!(reason(&proxy, "backing-off"), provider.request());
    proxy.clock.advance(Duration::from_secs(7));
    proxy.status(|_| true).await;
    assert!(provider.idle());
    proxy.clock.advance(Duration::from_secs(2));
    provider.answer(json("200 OK", READ));
    let hit = proxy.status(|status| status["ledger"]["pings"]["hit"] == 1);
    tokio::join!(hit, provider.request());
}

#[tokio::test]
async fn a_limit_that_a_client_has_met_is_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    // A while before the ping is due, a request that does not even tell its conversation.
    proxy.clock.advance(Duration::from_secs(250));
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "x-api-key: k3y\r\n", "{}")).await;
    let limit = json("429 Too Many Requests", "{}");
    provider.answer(limit.replacen("\r\n", "\r\nretry-after: 21\r\n", 1));
    provider.request().await;
    assert!(client.message().await.0.starts_with("HTTP/1.1 429 "));
    proxy.status(|status| status["warming"]["holds"] == 1).await;
    proxy.clock.advance(Duration::from_secs(20));
    let status = reason(&proxy, "scheduled").await;
    assert!(provider.idle());
    assert_eq!(status["ledger"]["spent"], 0);
    proxy.clock.advance(Duration::from_secs(2));
    provider.answer(json("200 OK", READ));
    let hit = proxy.status(|status| status["ledger"]["pings"]["hit"] == 1);
    let (_, (_, body)) = tokio::join!(hit, provider.request());
    assert_eq!(body, REPLAYED);
}

/// A provider need not read a request to know that there are too many. The ping that waits for the
/// request must not go out between the request and the limit.
#[tokio::test]
async fn a_limit_that_comes_before_the_end_of_a_request_is_waited_for() {
    // The rest of the request is never sent, or comes after the answer.
    for is_whole in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (pinged, mut pings) = mpsc::unbounded_channel();
        let limit = Arc::new(Notify::new());
        let limited = Arc::clone(&limit);
        let address = upstream(move |mut connection| {
            let (pinged, limited) = (pinged.clone(), Arc::clone(&limited));
            async move {
                let head = connection.head().await;
                let length = field(&head, "content-length").unwrap().parse().unwrap();
                if field(&head, "x-limited").is_some() {
                    limited.notified().await;
                    let close = if is_whole { "" } else { "connection: close\r\n" };
                    let fields = format!("\r\nretry-after: 8\r\n{close}");
                    let answer = json("429 Too Many Requests", "{}");
                    connection.send(answer.replacen("\r\n", &fields, 1)).await;
                    if is_whole {
                        connection.exactly(length).await;
                    } else {
                        connection.rest().await;
                    }
                    return;
                }
                let answer = if connection.exactly(length).await == TURN.as_bytes() {
                    events(WRITTEN)
                } else {
                    pinged.send(()).unwrap();
                    json("200 OK", READ)
                };
                connection.send(answer.replacen("\r\n", "\r\nconnection: close\r\n", 1)).await;
            }
        })
        .await;
        let proxy = Running::start(warm(&address, dir.path())).await;
        let mut client = proxy.connect().await;
        client.send(request("/v1/messages", "x-api-key: k3y\r\n", TURN)).await;
        client.message().await;
        proxy.status(|status| status["counts"]["turns"] == 1).await;

        let other = TURN.replace("hi", "ho");
        let next = request("/v1/messages", "x-api-key: k3y\r\nx-limited: 1\r\n", &other);
        let (begin, rest) = next.split_at(next.len() - 20);
        let mut client = proxy.connect().await;
        client.send(begin).await;
        proxy.status(|status| status["warming"]["arriving"] == 1).await;
        proxy.clock.advance(DUE);
        reason(&proxy, "request-arriving").await;
        limit.notify_one();
        assert!(client.message().await.0.starts_with("HTTP/1.1 429 "));
        if is_whole {
            client.send(rest).await;
        }
        let status = proxy.status(|status| status["warming"]["holds"] == 1).await;
        assert_eq!(status["warming"]["inFlight"], 0, "{status}");
        proxy.status(|status| status["warming"]["arriving"] == 0).await;
        proxy.clock.advance(Duration::from_secs(7));
        proxy.status(|_| true).await;
        assert!(pings.try_recv().is_err());
        proxy.clock.advance(Duration::from_secs(2));
        proxy.status(|status| status["ledger"]["pings"]["hit"] == 1).await;
        assert!(pings.try_recv().is_ok());
    }
}

#[tokio::test]
async fn a_dry_run_says_what_it_would_send_and_sends_nothing() {
    let mut provider = Provider::start().await;
    let proxy = Running::start(options(&provider.address)).await;
    turn(&proxy, &mut provider, events(WRITTEN)).await;
    for _ in 0..3 {
        proxy.clock.advance(DUE);
        proxy.status(|_| true).await;
    }
    assert!(provider.idle());
    let said = proxy.said();
    assert_eq!(said.len(), 3, "{said:?}");
    assert!(said.concat().contains("would send a ping now, to read 100000 tokens"), "{said:?}");
    assert!(proxy.switch(true).await.0.starts_with("HTTP/1.1 409 "));
}

#[tokio::test]
async fn what_cannot_be_replayed_is_not_kept_warm() {
    let dir = tempfile::tempdir().unwrap();
    let mut provider = Provider::start().await;
    let proxy = Running::start(warm(&provider.address, dir.path())).await;
    let text = TURN.replace("\"system\"", "\"thinking\":{\"type\":\"enabled\"},\"system\"");
    let mut client = proxy.connect().await;
    client.send(request("/v1/messages", "x-api-key: k3y\r\n", &text)).await;
    provider.answer(events(WRITTEN));
    assert_eq!(provider.request().await.1, text);
    let status = proxy.status(|status| status["counts"]["notReplayable"] == 1).await;
    assert_eq!(status["held"]["requests"], 0);
    proxy.clock.advance(DUE);
    proxy.status(|_| true).await;
    assert!(provider.idle());
}

#[expect(clippy::disallowed_methods, reason = "a test breaks the real file")]
fn fs_block(path: &Path) {
    std::fs::remove_file(path).ok();
    std::fs::create_dir(path).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test mends the real file")]
fn fs_unblock(path: &Path) {
    std::fs::remove_dir(path).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a test looks at the real file")]
fn fs_read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a test damages the real file")]
fn fs_write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}
