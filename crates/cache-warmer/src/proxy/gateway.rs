//! What happens to one request.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use common_fs::Clock;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri, Version, body::Incoming, header,
};
use tokio::sync::{
    mpsc,
    oneshot::{self, error::TryRecvError},
};

use super::{
    Api, Endpoint, Identity, NotReplayable, Upstream,
    body::{Copied, Ended, Keep, Kept, Observed, Read},
    capture::Replay,
    client::{self, Body, Client},
    driver::Message,
    headers, identity, ping, replay, reply,
    room::{Held, Room},
    route::{Route, route},
    secret::Secret,
    tap::Tap,
    text::Text,
};
use crate::{Account, Millis};

/// What a connection tells of a turn.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The head of a request came; of which conversation it is, its body will tell.
    Arriving(Account),
    /// It has told, or will not any more.
    Arrived(Account),
    /// A request was sent whole.
    Started { identity: Identity },
    /// Its answer is over.
    Ended(Box<TurnEnded>),
    /// A request passed that cannot be kept warm.
    Passed(PassedBecause),
    /// The provider turned a request away: there were too many of this account.
    RateLimited {
        account: Account,
        /// For how long it asked to wait.
        retry_after: Option<Millis>,
    },
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
    /// What the replay takes of the room for turns under way.
    pub(crate) held: Held,
}

/// Why the prompt of a request is not kept warm, whatever it would cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PassedBecause {
    /// Its body is longer than what is kept.
    TooLong,
    /// The turns under way hold as much as they may, all together.
    NoRoom,
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
    /// For the bodies of all turns under way.
    pub(crate) room: Arc<Room>,
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
            Err(error) if client::is_about_body(&error) => {
                let message = "the body of the request is malformed, or was cut off";
                Ok(reply::error(route.api, StatusCode::BAD_REQUEST, message))
            }
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
        let account = identity::account(headers);
        let request = Seen { endpoint, uri: uri.clone(), headers: headers.clone(), account, at };
        tokio::spawn(request.follow(copied, ended, driver));
        Some((Keep::new(self.body_max, &self.room, keep), done))
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
    let (status, retry_after) = (parts.status, ping::retry_after(&parts.headers));
    let tap = Tap::new(api, &parts.headers);
    let read = ended.map(|done| Read { status, retry_after, tap, done });
    Response::from_parts(parts, Observed::new(body, read).boxed_unsync())
}

/// A request that was passed on.
struct Seen {
    endpoint: Endpoint,
    uri: Uri,
    headers: HeaderMap,
    account: Account,
    at: Duration,
}

/// A request whose conversation is known.
struct Known {
    identity: Identity,
    replay: Result<Replay, NotReplayable>,
    held: Held,
}

/// An edited request is longer than the original by no more than this, in bytes.
const EDITS_MAX: usize = 128;

impl Seen {
    /// Tells of the turn: that it comes; that it began, once the request was sent whole; then that
    /// it ended.
    async fn follow(
        self,
        copied: oneshot::Receiver<Copied>,
        mut ended: oneshot::Receiver<Ended>,
        driver: mpsc::Sender<Message>,
    ) {
        let (at, account) = (self.at, self.account);
        // Nobody listens any more when the proxy stops.
        let tell = async |turn| drop(driver.send(Message::Turn(turn)).await);
        tell(Turn::Arriving(account)).await;
        // A provider can answer before it has read all; then nobody waits for the rest.
        let (copied, mut early) = tokio::select! {
            biased;
            copied = copied => (copied.ok(), None),
            answer = &mut ended => (None, Some(answer.ok())),
        };
        let known = match copied {
            // Reading megabytes of JSON would hold up the connections of this thread.
            Some(Copied::Whole(kept)) => {
                let read = tokio::task::spawn_blocking(move || self.read(kept));
                Some(read.await.unwrap_or(Err(PassedBecause::Unidentified)))
            }
            Some(Copied::TooLong) => Some(Err(PassedBecause::TooLong)),
            Some(Copied::NoRoom) => Some(Err(PassedBecause::NoRoom)),
            // The client gave up, or the provider did not want to read it all.
            None => None,
        };
        match &known {
            Some(Ok(Known { identity, .. })) => {
                tell(Turn::Started { identity: identity.clone() }).await;
            }
            Some(Err(why)) => tell(Turn::Passed(*why)).await,
            None => (),
        }
        let tell_limit = async |answer: &Option<Ended>| {
            if let Some(Ended { status: StatusCode::TOO_MANY_REQUESTS, retry_after, .. }) = answer {
                tell(Turn::RateLimited { account, retry_after: *retry_after }).await;
            }
        };
        if early.is_none() {
            early = match (&known, ended.try_recv()) {
                (Some(_), Err(TryRecvError::Empty)) => None,
                (None, Err(TryRecvError::Empty)) => Some((&mut ended).await.ok()),
                (_, answer) => Some(answer.ok()),
            };
        }
        // Pings that have waited for the request must not go out before a limit is known.
        if let Some(answer) = &early {
            tell_limit(answer).await;
        }
        tell(Turn::Arrived(account)).await;
        let answer = if let Some(answer) = early {
            answer
        } else {
            let answer = ended.await.ok();
            tell_limit(&answer).await;
            answer
        };
        if let Some(Ok(Known { identity, replay, held })) = known {
            let ended = TurnEnded { identity, at, replay, answer, held };
            tell(Turn::Ended(Box::new(ended))).await;
        }
    }

    fn read(mut self, Kept { bytes, mut held }: Kept) -> Result<Known, PassedBecause> {
        let text = std::str::from_utf8(&bytes).ok();
        let parsed = text.and_then(|text| Some((text, Text::parse(text)?)));
        let identity =
            |text: &Text<'_>| Identity::of(self.endpoint, &self.headers, self.account, text);
        let known = parsed.and_then(|(text, parsed)| Some((text, identity(&parsed)?)));
        let (text, identity) = known.ok_or(PassedBecause::Unidentified)?;
        if !held.grow(bytes.len().saturating_add(EDITS_MAX)) {
            return Err(PassedBecause::NoRoom);
        }
        let replay = replay::replay(self.endpoint, text).map(|replayed| {
            headers::prepare_replay(&mut self.headers);
            Replay {
                endpoint: self.endpoint,
                uri: Secret::new(self.uri),
                headers: Secret::new(self.headers),
                body: Secret::new(Bytes::from(replayed)),
            }
        });
        held.shrink_to(replay.as_ref().map_or(0, Replay::size));
        Ok(Known { identity, replay, held })
    }
}
