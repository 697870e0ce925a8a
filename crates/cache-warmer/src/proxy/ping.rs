//! One replay, and what became of it.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{HeaderMap, Method, Request, StatusCode, header};

use super::{
    Api, Endpoint,
    capture::Replay,
    client::{Body, Client},
    tap::Tap,
};
use crate::{Failure, Millis, RequestUsage};

/// No answer to a replay is longer, in bytes: it asked for almost none.
const ANSWER_MAX: usize = 1 << 20;

/// Sends a replay, and reads the answer.
pub(crate) async fn ping(client: &Client, replay: &Replay) -> Result<RequestUsage, Failure> {
    let answer = client.request(request(replay)).await;
    let answer = answer.map_err(|error| {
        // What was sent may have been paid for.
        if error.is_connect() { Failure::Connection } else { Failure::Interrupted }
    })?;
    let (parts, body) = answer.into_parts();
    if let Some(failure) = failure(parts.status, &parts.headers) {
        return Err(failure);
    }
    let mut tap = Tap::new(replay.endpoint.api(), &parts.headers).ok_or(Failure::Interrupted)?;
    let body = Limited::new(body, ANSWER_MAX).collect().await;
    tap.push(&body.map_err(|_| Failure::Interrupted)?.to_bytes());
    // Who does not tell what it used may have been paid all the same.
    tap.finish().usage.ok_or(Failure::Interrupted)
}

fn request(replay: &Replay) -> Request<Body> {
    let body = Full::new(Bytes::clone(replay.body.expose()));
    let mut request = Request::new(body.map_err(|never| match never {}).boxed_unsync());
    *request.method_mut() = Method::POST;
    request.uri_mut().clone_from(replay.uri.expose());
    request.headers_mut().clone_from(replay.headers.expose());
    request
}

/// What an answer with this status says, if it is no success.
fn failure(status: StatusCode, headers: &HeaderMap) -> Option<Failure> {
    if status.is_success() {
        return None;
    }
    Some(match status.as_u16() {
        429 => Failure::RateLimited { retry_after: retry_after(headers) },
        401 | 403 => Failure::Unauthorized,
        408 | 500.. => Failure::Server,
        _ => Failure::Refused,
    })
}

/// For how long an answer asks to wait: its `Retry-After` in seconds. As a date it is not read, as
/// none of the providers sends one.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Millis> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Millis::from_secs)
}

impl Endpoint {
    /// Whose it is.
    pub(crate) fn api(self) -> Api {
        match self {
            Self::Messages => Api::Anthropic,
            Self::ChatCompletions | Self::Responses => Api::OpenAi,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_tell_the_failure() {
        let table = [
            (200, None, None),
            (429, Some("7"), Some(Failure::RateLimited { retry_after: Some(Millis(7_000)) })),
            (429, Some("soon"), Some(Failure::RateLimited { retry_after: None })),
            (429, None, Some(Failure::RateLimited { retry_after: None })),
            (400, None, Some(Failure::Refused)),
            (404, None, Some(Failure::Refused)),
            (302, None, Some(Failure::Refused)),
            (401, None, Some(Failure::Unauthorized)),
            (403, None, Some(Failure::Unauthorized)),
            (408, None, Some(Failure::Server)),
            (500, Some("7"), Some(Failure::Server)),
            (529, None, Some(Failure::Server)),
        ];
        for (status, retry_after, expected) in table {
            let field = retry_after
                .map(|value| (header::RETRY_AFTER, header::HeaderValue::from_static(value)));
            let headers: HeaderMap = field.into_iter().collect();
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(failure(status, &headers), expected, "{status}");
        }
    }
}
