//! `POST /v1/chat/completions` and `POST /v1/responses`.

pub(crate) mod chat;
mod prompt;
pub(crate) mod responses;
#[cfg(test)]
mod tests;

use crate::{
    json::Json,
    problem::{Problem, invalid},
};

/// When everything was made. Always the same, so that answers can be compared: 2026-09-01.
pub(crate) const CREATED: u64 = 1_788_220_800;

/// The model that a request names.
fn model(body: &Json) -> Result<&str, Problem> {
    let model = body.get("model").and_then(Json::text);
    model.ok_or_else(|| invalid("you must provide a model parameter"))
}

/// A limit for the answer, if there is one.
fn output_max(body: &Json, param: &'static str, least: u64) -> Result<Option<u64>, Problem> {
    let Some(value) = body.get(param) else {
        return Ok(None);
    };
    let problem = |message: String, code| {
        let message = format!("Invalid '{param}': {message}");
        Problem::InvalidRequest { message, param: Some(param), code: Some(code) }
    };
    match value.whole() {
        Some(max) if least <= max => Ok(Some(max)),
        Some(max) => Err(problem(
            format!("expected a value >= {least}, but got {max}"),
            "integer_below_min_value",
        )),
        None => Err(problem("expected a whole number".to_owned(), "invalid_type")),
    }
}
