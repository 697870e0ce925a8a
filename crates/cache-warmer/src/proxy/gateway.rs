//! What happens to one request.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use common_fs::Clock;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri, Version, body::Incoming, header,
};
use tokio::sync::{mpsc, oneshot};

use super::{
    Api, Endpoint, Identity, NotReplayable, Upstream,
    body::{Copied, Ended, Keep, Observed, Read},
    capture::Replay,
    client::{self, Body, Client},
    driver::Message,
    headers, replay, reply,
    route::{Route, route},
    secret::Secret,
    tap::Tap,
    text::Text,
};

/// What a connection tells of a turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// A request was sent whole.
    Started { identity: Identity },
    /// Its answer is over.
    Ended(Box<TurnEnded>),
    /// A request passed that cannot be kept warm.
    Passed(PassedBecause),
}

/// The end of a turn.
#[derive(Debug)]
pub(crate) struct TurnEnded {
    pub(crate) identity: Identity,
    /// When the head of the request came, on the monotonic clock.
    pub(crate) at: Duration,
    /// What would keep its prompt warm.
    pub(crate) replay: Result<Replay, NotReplayable>,
    /// Nothing is known of an answer that never began.
    pub(crate) answer: Option<Ended>,
}

/// Why the prompt of a request is not kept warm, whatever it would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassedBecause {
    /// Its body is longer than what is kept.
    TooLong,
    /// Its body is compressed.
    Compressed,
    /// Its body is not what the endpoint takes, or does not tell which conversation it is of.
    Unidentified,
}

/// How many requests there were.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) upstream_errors: AtomicU64,
}

/// Passes requests on.
pub(crate) struct Gateway {
    pub(crate) client: Client,
    pub(crate) anthropic: Upstream,
    pub(crate) open_ai: Upstream,
    /// The longest body that is kept, in bytes.
    pub(crate) body_max: usize,
    pub(crate) clock: &'static dyn Clock,
    pub(crate) driver: mpsc::Sender<Message>,
    pub(crate) counters: Counters,
}

impl Gateway {
    /// Passes `request` on, and its answer back.
    pub(crate) async fn pass(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let at = self.clock.monotonic();
        self.counters.requests.fetch_add(1, Ordering::Relaxed);
        let route = route(request.method(), request.uri().path(), request.headers());
        let upstream = match route.api {
            Api::Anthropic => &self.anthropic,
            Api::OpenAi => &self.open_ai,
        };
        let uri = upstream.uri(request.uri());
        let Some(uri) = uri.filter(|_| request.method() != Method::CONNECT) else {
            let message = "this is a reverse proxy: give its address to the client as its base URL";
            return Ok(reply::error(route.api, StatusCode::BAD_REQUEST, message));
        };
        let (mut parts, body) = request.into_parts();
        headers::address_to(upstream.host(), &mut parts.headers);
        headers::mark_sensitive(&mut parts.headers);
        let (keep, ended) = self.observe(route, &uri, &parts.headers, at).unzip();
        parts.uri = uri;
        parts.version = Version::HTTP_11;
        let body = Observed::new(body, keep).boxed_unsync();
        match self.client.request(Request::from_parts(parts, body)).await {
            Ok(answer) => Ok(answered(route.api, answer, ended)),
            Err(error) => {
                self.counters.upstream_errors.fetch_add(1, Ordering::Relaxed);
                let message = format!("no answer from {upstream}: {}", client::explain(&error));
                Ok(reply::error(route.api, StatusCode::BAD_GATEWAY, &message))
            }
        }
    }

    /// Begins to observe a request, if it is a turn.
    fn observe(
        &self,
        route: Route,
        uri: &Uri,
        headers: &HeaderMap,
        at: Duration,
    ) -> Option<(Keep, oneshot::Sender<Ended>)> {
        let endpoint = route.turn?;
        let driver = self.driver.clone();
        if headers.contains_key(header::CONTENT_ENCODING) {
            // If there are so many turns that this one is not counted, nothing is lost by it.
            driver.try_send(Message::Turn(Turn::Passed(PassedBecause::Compressed))).ok();
            return None;
        }
        let (keep, copied) = oneshot::channel();
        let (done, ended) = oneshot::channel();
        let request = Seen { endpoint, uri: uri.clone(), headers: headers.clone(), at };
        tokio::spawn(request.follow(copied, ended, driver));
        Some((Keep::new(self.body_max, keep), done))
    }
}

/// Passes an answer back.
fn answered(
    api: Api,
    answer: Response<Incoming>,
    ended: Option<oneshot::Sender<Ended>>,
) -> Response<Body> {
    let (mut parts, body) = answer.into_parts();
    headers::remove_hop_by_hop(&mut parts.headers);
    parts.version = Version::HTTP_11;
    let read =
        ended.map(|done| Read { status: parts.status, tap: Tap::new(api, &parts.headers), done });
    Response::from_parts(parts, Observed::new(body, read).boxed_unsync())
}

/// A request that was passed on.
struct Seen {
    endpoint: Endpoint,
    uri: Uri,
    headers: HeaderMap,
    at: Duration,
}

impl Seen {
    /// Tells of the turn: that it began, once the request was sent whole; then that it ended.
    async fn follow(
        self,
        copied: oneshot::Receiver<Copied>,
        ended: oneshot::Receiver<Ended>,
        driver: mpsc::Sender<Message>,
    ) {
        let at = self.at;
        let started = match copied.await {
            // Reading megabytes of JSON would hold up the connections of this thread.
            Ok(Copied::Whole(pieces)) => {
                tokio::task::spawn_blocking(move || self.read(&pieces)).await.ok().flatten()
            }
            Ok(Copied::TooLong) => {
                driver.send(Message::Turn(Turn::Passed(PassedBecause::TooLong))).await.ok();
                return;
            }
            // The client gave up.
            Err(_) => return,
        };
        let Some((identity, replay)) = started else {
            driver.send(Message::Turn(Turn::Passed(PassedBecause::Unidentified))).await.ok();
            return;
        };
        driver.send(Message::Turn(Turn::Started { identity: identity.clone() })).await.ok();
        let answer = ended.await.ok();
        driver
            .send(Message::Turn(Turn::Ended(Box::new(TurnEnded { identity, at, replay, answer }))))
            .await
            .ok();
    }

    fn read(mut self, pieces: &[Bytes]) -> Option<(Identity, Result<Replay, NotReplayable>)> {
        let body = pieces.concat();
        let text = std::str::from_utf8(&body).ok()?;
        let identity = Identity::of(self.endpoint, &self.headers, &Text::parse(text)?)?;
        let replay = replay::replay(self.endpoint, text).map(|replayed| {
            headers::prepare_replay(&mut self.headers);
            Replay {
                endpoint: self.endpoint,
                uri: self.uri,
                headers: Secret::new(self.headers),
                body: Secret::new(Bytes::from(replayed)),
            }
        });
        Some((identity, replay))
    }
}
