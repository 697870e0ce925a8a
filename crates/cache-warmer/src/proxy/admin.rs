//! What the proxy answers itself, below `/__cache-warmer/`.

use std::sync::atomic::Ordering;

use http_body_util::{BodyExt as _, Limited};
use hyper::{HeaderMap, Method, Request, Response, StatusCode, body::Incoming, header};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::oneshot;

use super::{
    client::Body,
    driver::{Message, Status, SwitchError, in_full},
    gateway::Gateway,
    reply,
    route::is_loopback,
};

/// The version of the form of the status.
const SCHEMA: u32 = 1;

/// No request to the proxy itself is longer, in bytes.
const ORDER_MAX: usize = 1024;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain; version=0.0.4";

/// A request to the proxy itself.
pub(crate) enum Admin {
    /// `GET /__cache-warmer/status`: the state, as JSON.
    Status,
    /// `GET /__cache-warmer/metrics`: the same for Prometheus.
    Metrics,
    /// `PUT /__cache-warmer/warming` with `{"enabled": true}` or `false`. The answer comes once
    /// that is written down. Pages in a browser cannot send it: nobody told them that they may.
    Switch,
    /// There is no such thing.
    NotFound,
    /// It came through a name that is none of this machine: a page in a browser may have made
    /// one that leads here.
    Foreign,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    enabled: bool,
}

impl Admin {
    /// What `request` asks of the proxy itself, if it does; and whether it comes from a page of the web,
    /// which must not spend the money of whoever looks at it.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        if is_foreign(request.headers()) {
            return Some(Self::Foreign);
        }
        let name = request.uri().path().strip_prefix("/__cache-warmer/")?;
        Some(match (request.method(), name) {
            (&Method::GET, "status") => Self::Status,
            (&Method::GET, "metrics") => Self::Metrics,
            (&Method::PUT, "warming") => Self::Switch,
            _ => Self::NotFound,
        })
    }

    pub(crate) async fn answer(
        self,
        request: Request<Incoming>,
        gateway: &Gateway,
    ) -> Response<Body> {
        let text = |status, text: &str| reply::with(status, TEXT, format!("{text}\n"));
        match self {
            Self::NotFound => text(
                StatusCode::NOT_FOUND,
                "there are GET status, GET metrics and PUT warming below /__cache-warmer/",
            ),
            Self::Foreign => {
                text(StatusCode::FORBIDDEN, "ask by the address of the proxy, such as 127.0.0.1")
            }
            Self::Switch => match switch(request, gateway).await {
                Ok(on) => reply::with(StatusCode::OK, JSON, format!("{{\"enabled\":{on}}}\n")),
                Err((status, why)) => text(status, &why),
            },
            Self::Status | Self::Metrics => {
                let (reply, status) = oneshot::channel();
                let asked = gateway.driver.send(Message::Status(reply)).await;
                let (Ok(()), Ok(status)) = (asked, status.await) else {
                    return text(StatusCode::SERVICE_UNAVAILABLE, "it stops");
                };
                let (requests, failed) = (
                    gateway.counters.requests.load(Ordering::Relaxed),
                    gateway.counters.upstream_errors.load(Ordering::Relaxed),
                );
                if let Self::Metrics = self {
                    let metrics = metrics(&status, requests, failed);
                    return reply::with(StatusCode::OK, TEXT, metrics);
                }
                let body = json!({
                    "schemaVersion": SCHEMA,
                    "requests": requests,
                    "upstreamErrors": failed,
                    "status": status,
                });
                reply::with(StatusCode::OK, JSON, format!("{body}\n"))
            }
        }
    }
}

async fn switch(
    request: Request<Incoming>,
    gateway: &Gateway,
) -> Result<bool, (StatusCode, String)> {
    let body = Limited::new(request.into_body(), ORDER_MAX).collect().await;
    let wish = body.ok().and_then(|body| serde_json::from_slice::<Wish>(&body.to_bytes()).ok());
    let Some(Wish { enabled }) = wish else {
        let form = "the body has to be {\"enabled\":true} or {\"enabled\":false}";
        return Err((StatusCode::BAD_REQUEST, form.to_owned()));
    };
    let (reply, switched) = oneshot::channel();
    let stops = |()| (StatusCode::SERVICE_UNAVAILABLE, "it stops".to_owned());
    let asked = gateway.driver.send(Message::Switch(enabled, reply)).await;
    asked.map_err(|_| stops(()))?;
    match switched.await.map_err(|_| stops(()))? {
        Ok(()) => Ok(enabled),
        Err(error @ SwitchError::Unavailable(_)) => Err((StatusCode::CONFLICT, error.to_string())),
        Err(error @ SwitchError::Write(_)) => {
            Err((StatusCode::INTERNAL_SERVER_ERROR, in_full(&error)))
        }
    }
}

/// Whether a browser sent it for a page from elsewhere, or for one whose name leads here.
fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host_is_foreign = text(header::HOST).is_some_and(|host| !is_loopback(host));
    let origin = text(header::ORIGIN).map(|origin| origin.split_once("://").unwrap_or_default().1);
    host_is_foreign || origin.is_some_and(|origin| !is_loopback(origin))
}

fn metrics(status: &Status, requests: u64, failed: u64) -> String {
    let (counts, held) = (&status.counts, &status.held);
    let rows = [
        ("requests_total", requests, "Requests that came."),
        ("upstream_errors_total", failed, "Requests that no upstream answered."),
        ("turns_total", counts.turns, "Turns that were answered well."),
        ("turns_failed_total", counts.turns_failed, "Turns that failed, or were given up."),
        ("usage_unknown_total", counts.usage_unknown, "Turns whose answer told no usage."),
        ("passed_too_long_total", counts.passed_too_long, "Requests too long to be kept."),
        (
            "passed_without_room_total",
            counts.passed_without_room,
            "Requests that came while others held as much as they may.",
        ),
        ("passed_compressed_total", counts.passed_compressed, "Requests with a compressed body."),
        (
            "passed_unidentified_total",
            counts.passed_unidentified,
            "Requests that did not tell their conversation.",
        ),
        ("not_replayable_total", counts.not_replayable, "Turns that cannot be replayed."),
        ("held_requests", held.requests as u64, "Last requests of conversations in memory."),
        ("held_bytes", held.bytes as u64, "Their bytes."),
        ("in_flight", status.warming.in_flight as u64, "Pings under way."),
    ];
    let mut text = String::new();
    for (name, value, help) in rows {
        let kind = if name.ends_with("_total") { "counter" } else { "gauge" };
        let name = format!("cache_warmer_proxy_{name}");
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"));
    }
    text.push_str(&status.ledger.to_prometheus());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for (host, expected) in [
            ("127.0.0.1:8080", true),
            ("127.1.2.3", true),
            ("localhost:1", true),
            ("[::1]:8080", true),
            ("attacker.example:8080", false),
            ("localhost.attacker.example", false),
            ("127.0.0.1.attacker.example", false),
            ("10.0.0.1", false),
            ("", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn pages_from_elsewhere_are_foreign() {
        for (host, origin, expected) in [
            ("localhost:4545", None, false),
            ("localhost:4545", Some("http://127.0.0.1:3000"), false),
            ("localhost:4545", Some("https://attacker.example"), true),
            ("localhost:4545", Some("null"), true),
            ("attacker.example:4545", None, true),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            assert_eq!(is_foreign(&headers), expected, "{host} {origin:?}");
        }
    }
}
