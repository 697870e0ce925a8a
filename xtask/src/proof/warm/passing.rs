//! What passes through the proxy, and how much later.

use std::{
    io::{BufRead as _, BufReader, Write as _},
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
/// Of a stream, at most.
const BYTES_MAX: usize = 64 << 10;
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
    let proxy = Served::start(&format!("http://{}", upstream.0), state.path(), false)?;

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
        let (status, body) = client.ask("GET", &format!("/v1/{seed}"), "")?;
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
    client.ask("GET", "/v1/short", "")?;
    let (begun, every) = (SystemClock.monotonic(), Duration::from_secs(1) / REQUESTS_PER_SECOND);
    let mut waits = Vec::new();
    for nth in 0..REQUESTS_PER_SECOND {
        let due = begun + every * nth;
        SystemClock.sleep(due.saturating_sub(SystemClock.monotonic()));
        let asked = SystemClock.monotonic();
        client.ask("GET", "/v1/short", "")?;
        waits.push(SystemClock.monotonic().saturating_sub(asked));
    }
    Ok(waits)
}

fn p99(mut waits: Vec<Duration>) -> anyhow::Result<f64> {
    waits.sort_unstable();
    let nth = (waits.len() * 99).div_ceil(100).saturating_sub(1);
    Ok(millis(*waits.get(nth).context("nobody waited")?))
}

/// What is streamed for a number, in pieces.
fn chunks(seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng::with_seed(seed);
    let mut left = rng.usize(1..=BYTES_MAX);
    let mut chunks = Vec::new();
    while 0 < left {
        let mut chunk = vec![0; rng.usize(1..=left.min(CHUNK_BYTES_MAX))];
        rng.fill(&mut chunk);
        left -= chunk.len();
        chunks.push(chunk);
    }
    chunks
}

/// A server that streams for `/v1/SEED`, until the process ends.
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
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    while let Some(first) = lines.next().transpose()? {
        while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
        let seed = first.split(' ').nth(1).and_then(|path| path.rsplit('/').next()?.parse().ok());
        let Some(seed) = seed else {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")?;
            continue;
        };
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
