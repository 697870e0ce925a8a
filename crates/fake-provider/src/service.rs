//! From a request to its response.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RETRY_AFTER},
};
use serde_json::json;
use tokio::time::sleep;

use crate::{
    api::{Answer, Api, Asked, Endpoint, Reply},
    body::{Broken, End, Open, Parts},
    fault::Fault,
    json::Json,
    models,
    problem::{Problem, invalid},
    request::{Progress, RecordedRequest, Shown},
    state::{Pending, State},
    usage::Usage,
};

/// The largest body that a request may have; Anthropic's limit.
const BODY_BYTES_MAX: usize = 32 << 20;

/// Says what is to go wrong with the request that has it.
const FAULT_HEADER: &str = "x-fake-fault";

type Outcome = Result<Response<Parts>, Broken>;

pub(crate) async fn respond(state: Arc<State>, request: Request<Incoming>) -> Outcome {
    let started = state.now();
    let (head, body) = request.into_parts();
    let is_anthropic = head.headers.contains_key("anthropic-version");
    let api = if is_anthropic { Api::Anthropic } else { Api::OpenAi };
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/v1/models") => Ok(plain(&models::json(api))),
        (&Method::GET, "/fake/requests") => {
            let requests: Vec<_> = state.requests().iter().map(Shown::from).collect();
            Ok(plain(&json!(requests)))
        }
        (&Method::POST, path) if let Some(endpoint) = Endpoint::at(path) => {
            let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
                Ok(body) => body.to_bytes(),
                Err(error) if error.is::<http_body_util::LengthLimitError>() => {
                    return Ok(refused(&Problem::TooLarge, endpoint.api(), "req_fake", None));
                }
                Err(_) => return Err(Broken),
            };
            let call = Call::new(state, endpoint, path, &head.headers, body, started);
            call.answer(&head.headers).await
        }
        _ => Ok(refused(&Problem::NotFound, api, "req_fake", None)),
    }
}

/// A request to a model.
struct Call {
    state: Arc<State>,
    endpoint: Endpoint,
    body: Bytes,
    started: Duration,
    number: u64,
    fault: Option<Fault>,
    open: Open,
}

impl Call {
    fn new(
        state: Arc<State>,
        endpoint: Endpoint,
        path: &str,
        headers: &HeaderMap,
        body: Bytes,
        started: Duration,
    ) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let request = RecordedRequest {
            number: 0,
            path: path.to_owned(),
            headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            body: body.clone(),
            started,
            fault: headers.get(FAULT_HEADER).and_then(|value| text(value).parse().ok()),
            status: None,
            usage: None,
            progress: Progress::Open,
        };
        let (number, fault) = state.record(request);
        let open = Open::new(Arc::clone(&state), number);
        Self { state, endpoint, body, started, number, fault, open }
    }

    async fn answer(self, headers: &HeaderMap) -> Outcome {
        let asked = match self.fault.and_then(Problem::of) {
            Some(problem) => Err(problem),
            None => self.read(headers),
        };
        let asked = match asked {
            Ok(asked) => asked,
            Err(problem) => return Ok(self.refuse(&problem)),
        };
        if matches!(self.fault, Some(Fault::ErrorEvent(_))) && !asked.stream {
            return Ok(self.refuse(&Problem::Overloaded));
        }
        let reply_tokens = if asked.generates { self.state.config.reply_tokens } else { 0 };
        let reply = Reply::new(self.number, reply_tokens, asked.output_max);
        let (usage, pending) = self.state.begin(&asked, self.started);
        let usage = Usage { output: reply.tokens(), ..usage };
        self.state.change(self.number, |request| request.usage = Some(usage));
        match self.fault {
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Drop(0)) => {
                let mut open = self.open;
                open.end(Progress::Broken);
                Err(Broken)
            }
            _ => {
                sleep_for(self.state.config.before_first_part).await;
                Ok(self.send(&asked, &reply, usage, pending))
            }
        }
    }

    /// What is asked, and for whom, if that is as it should be.
    fn read(&self, headers: &HeaderMap) -> Result<Asked, Problem> {
        let api = self.endpoint.api();
        if let (Some(text), None) = (headers.get(FAULT_HEADER), self.fault) {
            return Err(invalid(format!("{FAULT_HEADER}: {text:?} is no fault")));
        }
        let account = account(headers, api, self.state.config.credential.as_deref())?;
        if api == Api::Anthropic && !headers.contains_key("anthropic-version") {
            return Err(invalid("anthropic-version: header is required"));
        }
        let body: Json = serde_json::from_slice(&self.body)
            .map_err(|error| invalid(format!("the body is not valid JSON: {error}")))?;
        self.endpoint.read(&body, &account)
    }

    fn refuse(self, problem: &Problem) -> Response<Parts> {
        let api = self.endpoint.api();
        let status = problem.status(api);
        self.state.change(self.number, |request| request.status = Some(status));
        refused(problem, api, &request_id(self.number), Some(self.open))
    }

    fn send(self, asked: &Asked, reply: &Reply, usage: Usage, pending: Pending) -> Response<Parts> {
        let mut answer = self.endpoint.answer(asked, reply, usage);
        let (length, is_stream) = (answer.length(), answer.is_stream);
        let (mut pause, mut end) = (Duration::ZERO, End::Complete);
        if is_stream {
            pause = self.state.config.between_parts;
        }
        let request_id = request_id(self.number);
        match self.fault {
            Some(Fault::Slow(slow)) => pause = slow,
            Some(Fault::Drop(parts)) => {
                cut(&mut answer, parts);
                end = End::Break;
            }
            Some(Fault::ErrorEvent(events)) => {
                cut(&mut answer, events);
                let error = self.endpoint.error_event(&request_id, answer.parts.len());
                answer.parts.push(error);
            }
            _ => {}
        }
        self.state.change(self.number, |request| request.status = Some(200));
        let parts = Parts::of(answer.parts, pause, end, self.open).with_first(pending);
        let mut response = Response::new(parts);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        if is_stream {
            headers.insert("cache-control", HeaderValue::from_static("no-cache"));
        } else {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        add_request_id(headers, self.endpoint.api(), &request_id);
        response
    }
}

fn cut(answer: &mut Answer, parts: u64) {
    answer.parts.truncate(usize::try_from(parts).unwrap_or(usize::MAX));
}

async fn sleep_for(span: Duration) {
    if !span.is_zero() {
        sleep(span).await;
    }
}

/// Who asks: caches of different credentials have nothing in common.
fn account(headers: &HeaderMap, api: Api, only: Option<&str>) -> Result<String, Problem> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(AUTHORIZATION.as_str()).and_then(|value| value.strip_prefix("Bearer "));
    let key = if api == Api::Anthropic { text("x-api-key") } else { None };
    let credential = key.or(bearer).ok_or(Problem::Unauthorized)?;
    if only.is_some_and(|only| only != credential) {
        return Err(Problem::Unauthorized);
    }
    Ok(credential.to_owned())
}

fn request_id(number: u64) -> String {
    format!("req_fake_{number:06}")
}

fn add_request_id(headers: &mut HeaderMap, api: Api, request_id: &str) {
    let name = if api == Api::Anthropic { "request-id" } else { "x-request-id" };
    if let Ok(value) = HeaderValue::from_str(request_id) {
        headers.insert(name, value);
    }
}

fn plain(body: &serde_json::Value) -> Response<Parts> {
    let answer = Answer::json(body);
    let mut response = Response::new(Parts::plain(answer.parts));
    let content_type = HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn refused(problem: &Problem, api: Api, request_id: &str, open: Option<Open>) -> Response<Parts> {
    let answer = Answer::json(&problem.body(api, request_id));
    let length = answer.length();
    let parts = match open {
        Some(open) => Parts::of(answer.parts, Duration::ZERO, End::Complete, open),
        None => Parts::plain(answer.parts),
    };
    let mut response = Response::new(parts);
    *response.status_mut() = StatusCode::from_u16(problem.status(api)).unwrap_or_default();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(CONTENT_LENGTH, length.into());
    if let Some(seconds) = problem.retry_after() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    add_request_id(headers, api, request_id);
    response
}
