//! A proxy, an upstream whose every byte a test decides on, and clients that see every byte.

use std::{
    future::Future,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use cache_warmer::{
    Policy, Providers,
    proxy::{CaptureLimits, Mode, Options, Proxy, Upstream},
};
use common_fs::{Clock, Host, RealFs, RealProcesses, Timestamp};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};

/// The longest body that is kept, in bytes.
pub(crate) const BODY_MAX: usize = 1 << 20;

/// Options for a proxy in front of `upstream`.
pub(crate) fn options(upstream: &str) -> Options {
    Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        anthropic: Upstream::parse(upstream).unwrap(),
        open_ai: Upstream::parse(upstream).unwrap(),
        extra_roots: None,
        body_max: BODY_MAX,
        captures: CaptureLimits { conversations: 10, bytes: 10 << 20 },
        grace: Duration::from_mins(1),
        mode: Mode::DryRun,
        policy: Policy::SKI_RENTAL,
        providers: Providers::builtin(),
        state_dir: PathBuf::from("/nonexistent"),
    }
}

/// A clock that goes on when a test says so.
#[derive(Debug, Default)]
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    pub(crate) fn leaked() -> &'static Self {
        Box::leak(Box::default())
    }

    pub(crate) fn advance(&self, span: Duration) {
        let millis = u64::try_from(span.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_millis(1_790_000_000_000).unwrap().plus(self.monotonic())
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn sleep(&self, span: Duration) {
        self.advance(span);
    }
}

/// A proxy that serves until it is told to stop.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) clock: &'static ManualClock,
    said: Arc<Mutex<Vec<String>>>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<usize>,
}

impl Running {
    pub(crate) async fn start(options: Options) -> Self {
        Self::start_at(options, ManualClock::leaked()).await
    }

    pub(crate) async fn start_at(options: Options, clock: &'static ManualClock) -> Self {
        let host = Host { fs: &RealFs, clock, processes: &RealProcesses };
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let say = Arc::new(move |text: &str| heard.lock().unwrap().push(text.to_owned()));
        let proxy = Proxy::bind(options, host, say).await.unwrap();
        let address = proxy.address();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(proxy.serve(async { drop(stopped.await) }));
        Self { address, clock, said, stop, task }
    }

    /// What it has told the user.
    pub(crate) fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Switches warming on or off, and gives the answer.
    pub(crate) async fn switch(&self, enabled: bool) -> (String, Vec<u8>) {
        let mut client = self.connect().await;
        let body = format!("{{\"enabled\":{enabled}}}");
        let request = request("/__cache-warmer/warming", "", &body).replacen("POST", "PUT", 1);
        client.send(request).await;
        client.message().await
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection(TcpStream::connect(self.address).await.unwrap())
    }

    /// What it knows, once `until` holds: it learns of a turn only after the client did.
    pub(crate) async fn status(
        &self,
        until: impl Fn(&serde_json::Value) -> bool,
    ) -> serde_json::Value {
        let mut client = self.connect().await;
        loop {
            client.send("GET /__cache-warmer/status HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await;
            let (_, body) = client.message().await;
            let status: serde_json::Value = serde_json::from_slice(&body).unwrap();
            let status = &status["status"];
            if until(status) {
                return status.clone();
            }
        }
    }

    /// Stops it, and says how many answers were cut off.
    pub(crate) fn stop(self) -> JoinHandle<usize> {
        self.stop.send(()).unwrap();
        self.task
    }
}

/// One end of a connection.
pub(crate) struct Connection(pub(crate) TcpStream);

impl Connection {
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Reads so many bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// Reads up to and with the empty line.
    pub(crate) async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("a head comes whole"));
        }
        String::from_utf8(head).unwrap()
    }

    /// Reads the next request, if the other side has another one.
    pub(crate) async fn request(&mut self) -> Option<(String, Vec<u8>)> {
        let mut first = [0];
        (self.0.peek(&mut first).await.ok()? != 0).then_some(())?;
        Some(self.message().await)
    }

    /// Reads a head, and its body in whichever framing it has.
    pub(crate) async fn message(&mut self) -> (String, Vec<u8>) {
        let head = self.head().await;
        let body = match field(&head, "content-length") {
            Some(length) => self.exactly(length.parse().unwrap()).await,
            None if field(&head, "transfer-encoding") == Some("chunked") => {
                let mut body = Vec::new();
                loop {
                    let chunk = self.chunk().await;
                    if chunk.is_empty() {
                        break body;
                    }
                    body.extend_from_slice(&chunk);
                }
            }
            None => Vec::new(),
        };
        (head, body)
    }

    /// Reads one chunk; the last one is empty.
    pub(crate) async fn chunk(&mut self) -> Vec<u8> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.0.read_u8().await.expect("a chunk comes whole"));
        }
        let size = std::str::from_utf8(&line).unwrap().trim();
        let chunk = self.exactly(usize::from_str_radix(size, 16).unwrap()).await;
        assert_eq!(self.exactly(2).await, b"\r\n");
        chunk
    }

    /// Reads to the end, or to an error, which is how a connection that is torn down ends.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).await.ok();
        bytes
    }
}

/// The value of a header field.
pub(crate) fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (field, value) = line.split_once(": ")?;
        field.eq_ignore_ascii_case(name).then_some(value)
    })
}

/// An upstream that does `answer` with each connection.
pub(crate) async fn upstream<F, A>(answer: F) -> String
where
    F: Fn(Connection) -> A + Send + 'static,
    A: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(Connection(stream)));
        }
    });
    format!("http://{address}")
}

/// A request with this body.
pub(crate) fn request(path: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
    )
}
