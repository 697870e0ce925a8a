//! The real proxy, a real client and a provider in real time, whose cache forgets in seconds.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use fake_provider::{Config, FakeProvider, Lifetimes, Minimum, RecordedRequest};
use serde::Serialize;
use serde_json::Value;

use super::{
    http::Client,
    served::{LIFETIME_SECS, Served},
};

/// Longer than two lifetimes, and short enough for the pings that can pay.
const PAUSE: Duration = Duration::from_millis(LIFETIME_SECS * 1_000 * 5 / 2);
const PATIENCE: Duration = Duration::from_secs(20);
const WARMING: &str = "/__cache-warmer/warming";

/// The same pause twice.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proxied {
    lifetime_ms: u64,
    pause_ms: u64,
    warm: Pause,
    /// Pings after a turn whose system prompt had changed, all of which had the new one.
    pings_after_change: u64,
    cold: Pause,
    /// After warming was switched off, the proxy was killed, and another one was told to warm.
    after_kill: Pause,
}

/// What the provider says of a pause between two turns.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Pause {
    written_before: u64,
    pings: u64,
    read_after: u64,
    written_after: u64,
}

pub(super) fn prove() -> anyhow::Result<Proxied> {
    let lifetime = Duration::from_secs(LIFETIME_SECS);
    let lifetimes = Lifetimes { five_minutes: lifetime, ..Lifetimes::DOCUMENTED };
    let config = Config { lifetimes, minimum: Minimum::Tokens(1_024), ..Config::USUAL };
    let provider = FakeProvider::start(config)?;
    let state = tempfile::tempdir()?;

    let proxy = Served::start(&provider.base_url(), state.path(), true)?;
    let warm = pause(&provider, &proxy, "warm")?;
    ensure!(warm.pings != 0, "no ping: {warm:?}");
    ensure!(warm.read_after == warm.written_before, "the next turn did not read: {warm:?}");
    ensure!(warm.written_after == 0, "the next turn wrote: {warm:?}");
    ledger_has_a_saving(&proxy)?;
    let pings_after_change = changed(&provider, &proxy)?;

    // Acknowledged, and killed at once.
    let (status, body) = Client::connect(proxy.address)?.ask("PUT", WARMING, OFF)?;
    ensure!(status == 200, "{status} {}", String::from_utf8_lossy(&body));
    proxy.kill()?;
    let proxy = Served::start(&provider.base_url(), state.path(), true)?;
    let after_kill = pause(&provider, &proxy, "off")?;
    ensure!(after_kill.pings == 0, "switched off, and still pings: {after_kill:?}");

    let elsewhere = tempfile::tempdir()?;
    let cold = cold(&provider, elsewhere.path())?;
    Ok(Proxied {
        lifetime_ms: LIFETIME_SECS * 1_000,
        pause_ms: u64::try_from(PAUSE.as_millis())?,
        warm,
        pings_after_change,
        cold,
        after_kill,
    })
}

const OFF: &str = r#"{"enabled":false}"#;

/// Without warming.
fn cold(provider: &FakeProvider, state_dir: &Path) -> anyhow::Result<Pause> {
    let proxy = Served::start(&provider.base_url(), state_dir, false)?;
    let cold = pause(provider, &proxy, "cold")?;
    ensure!(cold.pings == 0, "nobody asked for pings: {cold:?}");
    ensure!(cold.read_after == 0, "the cache did not forget: {cold:?}");
    ensure!(cold.written_after == cold.written_before, "{cold:?}");
    Ok(cold)
}

/// A conversation whose system prompt changes: nobody will read what the old one has left.
fn changed(provider: &FakeProvider, proxy: &Served) -> anyhow::Result<u64> {
    let mut client = Client::connect(proxy.address)?;
    ask(&mut client, "before", "changed")?;
    ask(&mut client, "after", "changed")?;
    provider.forget_requests();
    SystemClock.sleep(PAUSE);
    let is_of = |request: &RecordedRequest, prompt: &str| {
        String::from_utf8_lossy(&request.body).contains(&format!("\"{prompt} "))
    };
    let requests = provider.requests();
    let of = |prompt| requests.iter().filter(|request| is_of(request, prompt)).count() as u64;
    let (before, after) = (of("before"), of("after"));
    ensure!(before == 0 && after != 0, "{before} pings with the old prompt, {after} with the new");
    Ok(after)
}

/// A turn, a pause, and the same turn again.
fn pause(provider: &FakeProvider, proxy: &Served, name: &str) -> anyhow::Result<Pause> {
    provider.forget_requests();
    let mut client = Client::connect(proxy.address)?;
    turn(&mut client, name)?;
    ensure!(provider.wait_until(PATIENCE, |requests| turns(requests) == 1), "the turn was lost");
    SystemClock.sleep(PAUSE);
    turn(&mut client, name)?;
    ensure!(provider.wait_until(PATIENCE, |requests| turns(requests) == 2), "the turn was lost");
    let requests = provider.requests();
    let mut of_turns = requests.iter().filter(|request| !is_ping(request));
    let mut usage = || of_turns.next().and_then(|request| request.usage).context("no usage");
    let (before, after) = (usage()?, usage()?);
    Ok(Pause {
        written_before: before.write(),
        pings: requests.iter().filter(|request| is_ping(request)).count() as u64,
        read_after: after.read,
        written_after: after.write(),
    })
}

fn turns(requests: &[RecordedRequest]) -> usize {
    requests.iter().filter(|request| !is_ping(request) && request.usage.is_some()).count()
}

fn is_ping(request: &RecordedRequest) -> bool {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    body.get("max_tokens") == Some(&Value::from(0))
}

fn turn(client: &mut Client, name: &str) -> anyhow::Result<()> {
    ask(client, name, name)
}

/// A turn with a system prompt of some thousand tokens, answered by a stream.
fn ask(client: &mut Client, prompt: &str, session: &str) -> anyhow::Result<()> {
    let request = serde_json::json!({
        "model": "claude-sonnet-4-5",
        "max_tokens": 64,
        "stream": true,
        "metadata": {"user_id": session},
        "system": [{
            "type": "text",
            "text": format!("{prompt} {}", "All work and no play. ".repeat(1_000)),
            "cache_control": {"type": "ephemeral"},
        }],
        "messages": [{"role": "user", "content": "How are you?"}],
    });
    let (status, body) = client.ask("POST", "/v1/messages", &request.to_string())?;
    let body = String::from_utf8_lossy(&body);
    ensure!(status == 200 && body.contains("message_stop"), "{status} {body}");
    Ok(())
}

/// The real request that has read what was kept is booked.
fn ledger_has_a_saving(proxy: &Served) -> anyhow::Result<()> {
    let mut client = Client::connect(proxy.address)?;
    let (status, body) = client.ask("GET", "/__cache-warmer/status", "")?;
    let told: Value = serde_json::from_slice(&body)?;
    let saved = told.pointer("/status/ledger/spells/saved").and_then(Value::as_u64);
    ensure!(status == 200 && saved == Some(1), "{status} {told}");
    Ok(())
}
