//! A loopback reverse proxy that keeps the prompts of the conversations through it warm.
//!
//! A client is pointed at it with its base-URL setting. Everything is passed on as it is, in both
//! directions and without delay; a copy of what passes tells which conversation a request belongs
//! to and what its answer says about tokens. While [`decide`](fn@crate::decide) says so, the last
//! request of a conversation is replayed in its smallest form, with the credentials it came with.
//!
//! # Guarantees
//!
//! * **Unchanged.** Bodies pass byte by byte. Of the header, only what concerns a single connection
//!   is left out, and `Host` is that of the upstream.
//! * **In memory only.** Neither prompts nor credentials are written or printed.
//! * **Opt-in, within a budget.** Nothing is sent unless the user wants it; what a ping may cost is
//!   on stable storage before it is sent, so a budget holds even if the proxy is killed.
//! * **On this machine only.** It listens on loopback addresses.
//!
//! # Which requests are kept warm
//!
//! | path (with or without `/v1`) | upstream |
//! |---|---|
//! | `/messages`, and all below it | Anthropic |
//! | `/chat/completions`, `/responses`, and all below them | `OpenAI` |
//! | all others, with `anthropic-version` or `x-api-key` | Anthropic |
//! | all others | `OpenAI` |
//!
//! `POST` to the paths themselves is a turn of a conversation; all else is only passed on. So are
//! requests that are compressed or longer than [`Options::body_max`], those that continue a
//! response by its identifier, and those that cannot be replayed: with a thinking budget, in the
//! background, or in a conversation that the provider keeps.
//!
//! The replay asks for no token of Anthropic (one, where none is refused), for one of `OpenAI`'s
//! chat completions (16 of models that reason), and for 16 of its responses, which take no less. Nothing but these members,
//! `stream`, `stream_options` and `store` differs from the request.
//!
//! # Limitations
//!
//! HTTP/1.1 on both sides. Connections are not upgraded, so clients that prefer a WebSocket use
//! plain requests. Usage is read from answers that are not compressed, or by gzip, deflate, brotli
//! or zstd; otherwise it is not known, and a conversation whose usage is not known is not kept
//! warm.

mod admin;
mod body;
mod capture;
mod client;
mod driver;
mod gateway;
mod headers;
mod identity;
mod ping;
mod replay;
mod reply;
mod room;
mod route;
mod secret;
mod server;
mod state;
mod tap;
mod text;

use std::{future::Future, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use common_fs::Host;
use hyper::{Request, body::Incoming};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{Ledger, Policy, Providers, Warmer};

pub use capture::CaptureLimits;
pub use client::TlsError;
pub use route::{Api, Endpoint, Upstream, UpstreamError};
pub use server::BindError;

use admin::Admin;
use driver::{Driver, Message, Pinger, Switch, Warming};
use gateway::{Counters, Gateway};
use identity::{ConversationId, Identity};
use replay::NotReplayable;
use room::Room;
use state::{Found, State};

/// How many messages wait for the driver before the tasks that follow turns do.
const MESSAGES_MAX: usize = 1024;

/// What a proxy is told.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens; a loopback address.
    pub listen: SocketAddr,
    /// Where requests in the shape of Anthropic go.
    pub anthropic: Upstream,
    /// Where requests in the shape of `OpenAI` go.
    pub open_ai: Upstream,
    /// Certificates to trust beside those of the machine, in the form of PEM.
    pub extra_roots: Option<Vec<u8>>,
    /// The longest request body that is kept, in bytes.
    pub body_max: usize,
    /// How much is kept.
    pub captures: CaptureLimits,
    /// For how long answers may go on once it stops.
    pub grace: Duration,
    /// Whether to keep prompts warm.
    pub mode: Mode,
    /// By what rules, budgets among them.
    pub policy: Policy,
    /// What providers charge.
    pub providers: Providers,
    /// Where the ledger is, and whether the user wants warming.
    pub state_dir: PathBuf,
}

/// Whether to keep prompts warm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As was switched with `PUT /__cache-warmer/warming`; not, if nobody has.
    AsSwitched,
    /// Yes, unless it was switched off that way.
    Warm,
    /// Only tell what would be sent. Nothing is read or written in the state directory.
    DryRun,
}

/// What is told to the user, in one line.
pub type Say = Arc<dyn Fn(&str) + Send + Sync>;

/// Why a proxy does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It cannot listen.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Every request would come back to it, for ever.
    #[error("the upstream `{upstream}` is this proxy itself: name the provider instead")]
    Itself {
        /// The upstream.
        upstream: String,
    },
    /// It cannot connect securely.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// A proxy that listens, and answers once it [serves](Self::serve).
pub struct Proxy {
    listener: TcpListener,
    address: SocketAddr,
    gateway: Gateway,
    driver: Driver,
    messages: mpsc::Receiver<Message>,
    grace: Duration,
}

impl Proxy {
    /// Begins to listen. Where the state cannot be used, it passes requests on all the same, and
    /// says why it keeps nothing warm.
    pub async fn bind(options: Options, host: Host<'static>, say: Say) -> Result<Self, ProxyError> {
        let listener = server::bind(options.listen).await?;
        let local = listener.local_addr();
        let address = local.map_err(|source| BindError::Io { address: options.listen, source })?;
        let needs_tls = options.anthropic.is_tls() || options.open_ai.is_tls();
        for upstream in [&options.anthropic, &options.open_ai] {
            if upstream.is_at(address) {
                return Err(ProxyError::Itself { upstream: upstream.to_string() });
            }
        }
        let client = client::client(needs_tls, options.extra_roots.as_deref())?;
        let (switch, ledger) = open(options.mode, options.state_dir, host, &say).await;
        let clock = host.clock;
        let warmer = Warmer::new(options.policy, ledger, driver::now(clock));
        let pinger = Pinger { client: client.clone(), clock };
        let warming = Warming::new(warmer, options.providers, switch, pinger, say);
        let (driver, messages) = mpsc::channel(MESSAGES_MAX);
        let gateway = Gateway {
            client,
            anthropic: options.anthropic,
            open_ai: options.open_ai,
            body_max: options.body_max,
            room: Room::new(options.captures.bytes),
            clock,
            driver,
            counters: Counters::default(),
        };
        let driver = Driver::new(clock, options.captures, warming);
        Ok(Self { listener, address, gateway, driver, messages, grace: options.grace })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether it keeps prompts warm, as long as nobody switches that off.
    pub fn is_warming(&self) -> bool {
        self.driver.is_warming()
    }

    /// Answers requests until `shutdown`, and says how many connections were cut off then.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) -> usize {
        let driver = tokio::spawn(self.driver.run(self.messages));
        let gateway = Arc::new(self.gateway);
        let stop = gateway.driver.clone();
        let answer = move |request: Request<Incoming>| {
            let gateway = Arc::clone(&gateway);
            async move {
                match Admin::of(&request) {
                    Some(admin) => Ok(admin.answer(request, &gateway).await),
                    None => gateway.pass(request).await,
                }
            }
        };
        let shutdown = async move {
            shutdown.await;
            // Answers may take their time, but no ping is worth waiting for.
            stop.send(Message::Stop).await.ok();
        };
        let cut_off = server::serve(self.listener, answer, shutdown, self.grace).await;
        // It ends when nobody can tell it anything: all connections are gone. One to a provider that
        // takes nothing may stay for ever.
        tokio::time::timeout(self.grace, driver).await.ok();
        cut_off
    }
}

/// Opens the state, and finds out whether to keep anything warm.
async fn open(mode: Mode, path: PathBuf, host: Host<'static>, say: &Say) -> (Switch, Ledger) {
    if mode == Mode::DryRun {
        return (Switch::DryRun, Ledger::default());
    }
    let opened = tokio::task::spawn_blocking(move || State::open(host, &path)).await;
    match opened {
        Ok(Ok(Found { state, ledger, wish })) => {
            let on = wish.unwrap_or(mode == Mode::Warm);
            if !on && mode == Mode::Warm {
                say("warming was switched off and stays off; to switch it on again: \
                     curl -X PUT -d '{\"enabled\":true}' ADDRESS/__cache-warmer/warming");
            }
            (if on { Switch::On(state) } else { Switch::Off(state) }, ledger)
        }
        Ok(Err(error)) => {
            let why = driver::in_full(&error);
            say(&format!("nothing is kept warm, and requests are passed on: {why}"));
            (Switch::Unavailable(why), Ledger::default())
        }
        Err(error) => (Switch::Unavailable(error.to_string()), Ledger::default()),
    }
}
