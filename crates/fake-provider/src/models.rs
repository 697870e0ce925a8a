//! `GET /v1/models`: a few, as any name of a model is accepted.

use serde_json::{Value, json};

use crate::{api::Api, openai::CREATED};

const ANTHROPIC: [&str; 2] = ["claude-fake-1", "claude-haiku-4-5"];
const OPENAI: [&str; 2] = ["gpt-5.6-fake", "gpt-fake-1"];

pub(crate) fn json(api: Api) -> Value {
    match api {
        Api::Anthropic => {
            let model = |id| {
                json!({
                    "type": "model", "id": id, "display_name": id,
                    "created_at": "2026-09-01T00:00:00Z",
                })
            };
            json!({
                "data": ANTHROPIC.map(model), "has_more": false,
                "first_id": ANTHROPIC.first(), "last_id": ANTHROPIC.last(),
            })
        }
        Api::OpenAi => {
            let model =
                |id| json!({"id": id, "object": "model", "created": CREATED, "owned_by": "fake"});
            json!({"object": "list", "data": OPENAI.map(model)})
        }
    }
}
