//! Refusals and failures, as each API words them.

use std::fmt;

use serde_json::{Value, json};

use crate::{api::Api, fault::Fault};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    InvalidRequest {
        message: String,
        /// Which OpenAI names beside the message.
        param: Option<&'static str>,
        code: Option<&'static str>,
    },
    Unauthorized,
    NotFound,
    TooLarge,
    /// With the seconds of `Retry-After`.
    RateLimited(Option<u64>),
    Internal,
    Overloaded,
}

/// A request that is not as it should be.
pub(crate) fn invalid(message: impl fmt::Display) -> Problem {
    Problem::InvalidRequest { message: message.to_string(), param: None, code: None }
}

impl Problem {
    /// That of a fault that is one of the whole request.
    pub(crate) fn of(fault: Fault) -> Option<Self> {
        match fault {
            Fault::BadRequest => Some(invalid("this request is refused on request")),
            Fault::Unauthorized => Some(Self::Unauthorized),
            Fault::RateLimited(seconds) => Some(Self::RateLimited(seconds)),
            Fault::Internal => Some(Self::Internal),
            Fault::Overloaded => Some(Self::Overloaded),
            Fault::Hang | Fault::Drop(_) | Fault::Slow(_) | Fault::ErrorEvent(_) => None,
        }
    }

    pub(crate) fn status(&self, api: Api) -> u16 {
        match (self, api) {
            (Self::InvalidRequest { .. }, _) => 400,
            (Self::Unauthorized, _) => 401,
            (Self::NotFound, _) => 404,
            (Self::TooLarge, _) => 413,
            (Self::RateLimited(_), _) => 429,
            (Self::Internal, _) => 500,
            (Self::Overloaded, Api::Anthropic) => 529,
            (Self::Overloaded, Api::OpenAi) => 503,
        }
    }

    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited(seconds) => *seconds,
            _ => None,
        }
    }

    pub(crate) fn body(&self, api: Api, request_id: &str) -> Value {
        match api {
            Api::Anthropic => json!({
                "type": "error",
                "error": {"type": self.anthropic_type(), "message": self.message()},
                "request_id": request_id,
            }),
            Api::OpenAi => {
                let (kind, param, code) = self.openai();
                json!({
                    "error": {
                        "message": self.message(), "type": kind, "param": param, "code": code,
                    },
                })
            }
        }
    }

    pub(crate) fn message(&self) -> &str {
        match self {
            Self::InvalidRequest { message, .. } => message,
            Self::Unauthorized => "the credential is missing or not known",
            Self::NotFound => "there is nothing at this path",
            Self::TooLarge => "the request is too large",
            Self::RateLimited(_) => "the rate limit is reached",
            Self::Internal => "internal server error",
            Self::Overloaded => "overloaded",
        }
    }

    fn anthropic_type(&self) -> &'static str {
        match self {
            Self::InvalidRequest { .. } => "invalid_request_error",
            Self::Unauthorized => "authentication_error",
            Self::NotFound => "not_found_error",
            Self::TooLarge => "request_too_large",
            Self::RateLimited(_) => "rate_limit_error",
            Self::Internal => "api_error",
            Self::Overloaded => "overloaded_error",
        }
    }

    /// The type, the parameter, and the code.
    fn openai(&self) -> (&'static str, Option<&'static str>, Option<&'static str>) {
        match self {
            Self::InvalidRequest { param, code, .. } => ("invalid_request_error", *param, *code),
            Self::Unauthorized => ("invalid_request_error", None, Some("invalid_api_key")),
            Self::NotFound => ("invalid_request_error", None, Some("unknown_url")),
            Self::TooLarge => ("invalid_request_error", None, None),
            Self::RateLimited(_) => ("requests", None, Some("rate_limit_exceeded")),
            Self::Internal | Self::Overloaded => ("server_error", None, None),
        }
    }
}
