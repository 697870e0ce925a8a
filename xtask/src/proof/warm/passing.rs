//! What passes through the proxy, and how much later.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use anyhow::{Context as _, ensure};
use common_fs::{Clock as _, SystemClock};
use fastrand::Rng;
use serde::Serialize;

use super::{http::Client, served::Served};
use crate::proof::process::{millis, thousandths};

/// Streams that go on at the same time.
const CLIENTS: u64 = 8;
/// Of a stream, at most: events, and characters in each.
const DELTAS_MAX: usize = 200;
const DELTA_CHARS_MAX: usize = 300;
/// The number of the stream that is timed.
const SHORT: u64 = u64::MAX;
/// The turn that is asked for.
const TURN: &str = r#"{"model":"claude-sonnet-4-5","max_tokens":64,"stream":true,"system":"Be brief.","messages":[{"role":"user","content":"How are you?"}]}"#;
const CHUNK_BYTES_MAX: usize = 4 << 10;
const REQUESTS_PER_SECOND: u32 = 200;

/// What came of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Passing {
    streams: u64,
    bytes: u64,
    requests_per_second: u32,
    requests: u64,
    direct_p99_ms: f64,
    proxied_p99_ms: f64,
    pub(super) added_p99_ms: f64,
}

pub(super) fn prove(streams: u64, seconds: u32) -> anyhow::Result<Passing> {
    let upstream = Upstream::start()?;
    let state = tempfile::tempdir()?;
    let proxy = Served::start(&format!("http://{}", upstream.0), state.path(), true)?;

    let each = |nth: u64| (nth..streams).step_by(usize::try_from(CLIENTS).unwrap_or(1));
    let bytes = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|nth| scope.spawn(move || compare(proxy.address, each(nth))))
            .collect();
        let mut bytes = 0;
        for client in clients {
            bytes += client.join().map_err(|_| anyhow::anyhow!("a client has panicked"))??;
        }
        anyhow::Ok(bytes)
    })?;

    let requests = u64::from(REQUESTS_PER_SECOND * seconds);
    let (mut direct, mut proxied) = (Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does is there for both.
    for _ in 0..seconds {
        direct.extend(waits(upstream.0)?);
        proxied.extend(waits(proxy.address)?);
    }
    let (direct_p99_ms, proxied_p99_ms) = (p99(direct)?, p99(proxied)?);
    let added_p99_ms = thousandths(proxied_p99_ms - direct_p99_ms);
    Ok(Passing {
        streams,
        bytes,
        requests_per_second: REQUESTS_PER_SECOND,
        requests,
        direct_p99_ms,
        proxied_p99_ms,
        added_p99_ms,
    })
}

fn compare(address: SocketAddr, seeds: impl Iterator<Item = u64>) -> anyhow::Result<u64> {
    let mut client = Client::connect(address)?;
    let mut bytes = 0;
    for seed in seeds {
        let (status, body) = client.ask("POST", &path(seed), TURN)?;
        let expected: Vec<u8> = chunks(seed).concat();
        ensure!(status == 200 && body == expected, "stream {seed} is not what was sent");
        bytes += body.len() as u64;
    }
    Ok(bytes)
}

/// How long answers took in a second, from when they were to be asked for.
fn waits(address: SocketAddr) -> anyhow::Result<Vec<Duration>> {
    let mut client = Client::connect(address)?;
    // The connection of the proxy to the other side is not what is measured.
    client.ask("POST", &path(SHORT), TURN)?;
    let (begun, every) = (SystemClock.monotonic(), Duration::from_secs(1) / REQUESTS_PER_SECOND);
    let mut waits = Vec::new();
    for nth in 0..REQUESTS_PER_SECOND {
        let due = begun + every * nth;
        SystemClock.sleep(due.saturating_sub(SystemClock.monotonic()));
        client.ask("POST", &path(SHORT), TURN)?;
        waits.push(SystemClock.monotonic().saturating_sub(due));
    }
    Ok(waits)
}

fn p99(mut waits: Vec<Duration>) -> anyhow::Result<f64> {
    waits.sort_unstable();
    let nth = (waits.len() * 99).div_ceil(100).saturating_sub(1);
    Ok(millis(*waits.get(nth).context("nobody waited")?))
}

fn path(seed: u64) -> String {
    format!("/v1/messages?seed={seed}")
}

/// The events that are streamed for a number, in pieces that do not end where events do.
///
/// They tell of a prompt that is too short to be cached: what is sent besides is not what is measured.
fn chunks(seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(seed);
    let mut stream = event(r#"{"type":"message_start","message":{"usage":{"input_tokens":9}}}"#);
    let deltas = if seed == SHORT { 4 } else { rng.usize(1..=DELTAS_MAX) };
    for _ in 0..deltas {
        let text: String = (0..rng.usize(..DELTA_CHARS_MAX)).map(|_| rng.alphanumeric()).collect();
        let delta = format!(r#"{{"type":"content_block_delta","delta":{{"text":"{text}"}}}}"#);
        stream.push_str(&event(&delta));
    }
    stream.push_str(&event(r#"{"type":"message_delta","usage":{"output_tokens":7}}"#));
    stream.push_str(&event(r#"{"type":"message_stop"}"#));
    let mut left = stream.as_bytes();
    let mut chunks = Vec::new();
    while let Some((chunk, rest)) =
        left.split_at_checked(rng.usize(1..=CHUNK_BYTES_MAX).min(left.len()))
        && !chunk.is_empty()
    {
        chunks.push(chunk.to_vec());
        left = rest;
    }
    chunks
}

fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

/// A server that streams for `?seed=NUMBER`, until the process ends.
struct Upstream(SocketAddr);

impl Upstream {
    fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        thread::Builder::new().name("upstream".to_owned()).spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that is gone is no failure here; it sees that an answer broke off.
                thread::spawn(move || answer(stream).ok());
            }
        })?;
        Ok(Self(address))
    }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut requests = BufReader::new(stream.try_clone()?);
    while let Some(seed) = request(&mut requests)? {
        stream.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        )?;
        for chunk in chunks(seed) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
            stream.write_all(&chunk)?;
            stream.write_all(b"\r\n")?;
        }
        stream.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

/// The number in the next request; `None` if there is none.
fn request(requests: &mut BufReader<TcpStream>) -> std::io::Result<Option<u64>> {
    let (mut line, mut seed, mut length) = (String::new(), None, 0);
    while requests.read_line(&mut line)? != 0 {
        let text = line.trim_end().to_ascii_lowercase();
        if text.is_empty() {
            std::io::copy(&mut requests.take(length), &mut std::io::sink())?;
            return Ok(seed);
        }
        let number = |text: &str| text.split(' ').next().and_then(|number| number.parse().ok());
        seed = seed.or_else(|| number(text.split_once("?seed=")?.1));
        length = text.strip_prefix("content-length: ").and_then(number).unwrap_or(length);
        line.clear();
    }
    Ok(None)
}
