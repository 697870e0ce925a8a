//! What the APIs have in common.

use bytes::Bytes;
use serde_json::Value;

use crate::{
    cache::{PointPrompt, Prompt, StepPrompt},
    json::Json,
    problem::Problem,
    usage::Usage,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Api {
    Anthropic,
    OpenAi,
}

/// Where a model is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Messages,
    ChatCompletions,
    Responses,
}

impl Endpoint {
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            "/v1/messages" => Some(Self::Messages),
            "/v1/chat/completions" => Some(Self::ChatCompletions),
            "/v1/responses" => Some(Self::Responses),
            _ => None,
        }
    }

    pub(crate) fn api(self) -> Api {
        match self {
            Self::Messages => Api::Anthropic,
            Self::ChatCompletions | Self::Responses => Api::OpenAi,
        }
    }

    /// What is asked, by the owner of `account`.
    pub(crate) fn read(self, body: &Json, account: &str) -> Result<Asked, Problem> {
        match self {
            Self::Messages => crate::anthropic::read(body, account),
            Self::ChatCompletions => crate::openai::chat::read(body, account),
            Self::Responses => crate::openai::responses::read(body, account),
        }
    }

    pub(crate) fn answer(self, asked: &Asked, reply: &Reply, usage: Usage) -> Answer {
        match (self, asked.stream) {
            (Self::Messages, false) => Answer::json(&crate::anthropic::json(asked, reply, usage)),
            (Self::Messages, true) => Answer::events(crate::anthropic::events(asked, reply, usage)),
            (Self::ChatCompletions, false) => {
                Answer::json(&crate::openai::chat::json(asked, reply, usage))
            }
            (Self::ChatCompletions, true) => {
                Answer::events(crate::openai::chat::events(asked, reply, usage))
            }
            (Self::Responses, false) => {
                Answer::json(&crate::openai::responses::json(asked, reply, usage))
            }
            (Self::Responses, true) => {
                Answer::events(crate::openai::responses::events(asked, reply, usage))
            }
        }
    }

    /// How a stream says that it cannot go on after so many events.
    pub(crate) fn error_event(self, request_id: &str, sequence_number: usize) -> Bytes {
        let problem = Problem::Overloaded;
        let body = problem.body(self.api(), request_id);
        match self {
            Self::Messages => named_event("error", &body),
            Self::ChatCompletions => event(&body),
            Self::Responses => named_event(
                "error",
                &serde_json::json!({
                    "type": "error", "code": "server_error", "message": problem.message(),
                    "param": null, "sequence_number": sequence_number,
                }),
            ),
        }
    }
}

/// What a request asks for.
pub(crate) struct Asked {
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// The most tokens that the answer may have.
    pub(crate) output_max: Option<u64>,
    /// Whether there is to be an answer at all.
    pub(crate) generates: bool,
    /// Whether the last event of a stream of OpenAI's chat completions is to have the usage.
    pub(crate) include_usage: bool,
    pub(crate) content: Content,
}

/// A prompt for one of the caches.
pub(crate) enum Content {
    Blocks(Prompt),
    Points(PointPrompt),
    Text {
        prompt: StepPrompt,
        /// Whether it is to be kept for longer than what is in memory.
        is_extended: bool,
    },
}

/// What a model says.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    /// Which makes it different from others.
    pub(crate) number: u64,
    /// Its tokens.
    pub(crate) pieces: Vec<&'static str>,
    /// Whether it would have been longer.
    pub(crate) is_cut: bool,
}

/// Four bytes each, as [`tokens`](crate::tokens) counts.
const PIECES: [&str; 4] = ["one ", "two ", "six ", "ten "];

impl Reply {
    /// `tokens` of text, if as many may be.
    pub(crate) fn new(number: u64, tokens: u64, output_max: Option<u64>) -> Self {
        let allowed = output_max.map_or(tokens, |max| max.min(tokens));
        let count = usize::try_from(allowed).unwrap_or(usize::MAX);
        let pieces = PIECES.into_iter().cycle().take(count).collect();
        Self { number, pieces, is_cut: allowed < tokens }
    }

    pub(crate) fn text(&self) -> String {
        self.pieces.concat()
    }

    pub(crate) fn tokens(&self) -> u64 {
        u64::try_from(self.pieces.len()).unwrap_or(u64::MAX)
    }
}

/// The body of a response, in the parts in which it is sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) content_type: &'static str,
    pub(crate) parts: Vec<Bytes>,
    pub(crate) is_stream: bool,
}

impl Answer {
    /// In two parts, so that something can happen in between.
    pub(crate) fn json(body: &Value) -> Self {
        let mut first = Bytes::from(body.to_string());
        let second = first.split_off(first.len() / 2);
        Self { content_type: "application/json", parts: vec![first, second], is_stream: false }
    }

    fn events(parts: Vec<Bytes>) -> Self {
        Self { content_type: "text/event-stream; charset=utf-8", parts, is_stream: true }
    }

    pub(crate) fn length(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }
}

/// A server-sent event without a name.
pub(crate) fn event(data: &Value) -> Bytes {
    format!("data: {data}\n\n").into()
}

/// A server-sent event with a name.
pub(crate) fn named_event(name: &str, data: &Value) -> Bytes {
    format!("event: {name}\ndata: {data}\n\n").into()
}
