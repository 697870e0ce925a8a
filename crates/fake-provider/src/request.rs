use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::{fault::Fault, usage::Usage};

/// A request to a model, and what became of it.
#[derive(Clone, Debug)]
pub struct RecordedRequest {
    /// Counted from 1.
    pub number: u64,
    /// Such as `/v1/messages`.
    pub path: String,
    /// In the order in which they came, names in lower case; credentials are among them.
    pub headers: Vec<(String, String)>,
    /// As it came.
    pub body: Bytes,
    /// When it started, by the monotonic clock.
    pub started: Duration,
    /// What went wrong on request.
    pub fault: Option<Fault>,
    /// The status of the answer, once there is one.
    pub status: Option<u16>,
    /// What was counted, unless it was refused.
    pub usage: Option<Usage>,
    /// How far it got.
    pub progress: Progress,
}

impl RecordedRequest {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let header = self.headers.iter().find(|(header, _)| header == name);
        header.map(|(_, value)| value.as_str())
    }
}

/// How far a request got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// It is being answered.
    Open,
    /// All of the answer was sent.
    Complete,
    /// The client was gone before that.
    Abandoned,
    /// A fault broke the connection.
    Broken,
}

/// What the program shows of a request: no credentials and no content.
#[derive(Serialize)]
pub(crate) struct Shown {
    number: u64,
    path: String,
    body_bytes: usize,
    started_millis: u128,
    fault: Option<String>,
    status: Option<u16>,
    usage: Option<Usage>,
    progress: Progress,
}

impl From<&RecordedRequest> for Shown {
    fn from(request: &RecordedRequest) -> Self {
        Self {
            number: request.number,
            path: request.path.clone(),
            body_bytes: request.body.len(),
            started_millis: request.started.as_millis(),
            fault: request.fault.map(|fault| fault.to_string()),
            status: request.status,
            usage: request.usage,
            progress: request.progress,
        }
    }
}
