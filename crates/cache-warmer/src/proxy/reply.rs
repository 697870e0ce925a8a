//! Answers of the proxy itself.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    Response, StatusCode,
    header::{self, HeaderValue},
};
use serde_json::json;

use super::{Api, client::Body};

/// An answer with this body.
pub(crate) fn with(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let body = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// An error as the provider itself would tell it, so that its clients show the message. It is about
/// the request, or else about the upstream.
pub(crate) fn error(api: Api, status: StatusCode, message: &str) -> Response<Body> {
    let message = format!("cache-warmer: {message}");
    let is_about_request = status.is_client_error();
    let body = match api {
        Api::Anthropic => {
            let kind = if is_about_request { "invalid_request_error" } else { "api_error" };
            json!({ "type": "error", "error": { "type": kind, "message": message } })
        }
        Api::OpenAi => {
            let (kind, code) = if is_about_request {
                ("invalid_request_error", None)
            } else {
                ("server_error", Some("upstream_unreachable"))
            };
            json!({ "error": { "message": message, "type": kind, "param": null, "code": code } })
        }
    };
    with(status, "application/json", body.to_string())
}
