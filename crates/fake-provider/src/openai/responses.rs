//! `POST /v1/responses`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{CREATED, model, output_max, prompt};
use crate::{
    api::{Asked, Reply, named_event},
    json::Json,
    problem::{Problem, invalid},
    usage::Usage,
};

/// The least that `max_output_tokens` may be.
const OUTPUT_LEAST: u64 = 16;

/// Reads a request. Nothing is kept for `previous_response_id`, which therefore never is found.
pub(crate) fn read(body: &Json, account: &str) -> Result<Asked, Problem> {
    let model = model(body)?;
    if body.get("previous_response_id").is_some() {
        return Err(Problem::InvalidRequest {
            message: "previous response not found".to_owned(),
            param: Some("previous_response_id"),
            code: Some("previous_response_not_found"),
        });
    }
    let items = match body.get("input") {
        Some(Json::List(items)) => items.clone(),
        Some(text @ Json::Text(_)) => vec![Json::Object(vec![
            ("role".to_owned(), Json::Text("user".to_owned())),
            ("content".to_owned(), text.clone()),
        ])],
        _ => return Err(invalid("'input' must be a string or a list")),
    };
    let instructions = body.get("instructions").and_then(Json::text);
    Ok(Asked {
        model: model.to_owned(),
        stream: body.says("stream"),
        output_max: output_max(body, "max_output_tokens", OUTPUT_LEAST)?,
        include_usage: true,
        generates: !prompt::is_prewarm(body),
        content: prompt::content(body, account, model, instructions, &items)?,
    })
}

pub(crate) fn json(asked: &Asked, reply: &Reply, usage: Usage) -> Value {
    response(asked, reply, Some(usage))
}

pub(crate) fn events(asked: &Asked, reply: &Reply, usage: Usage) -> Vec<Bytes> {
    let begun = || response(asked, reply, None);
    let mut events = vec![
        json!({"type": "response.created", "response": begun()}),
        json!({"type": "response.in_progress", "response": begun()}),
    ];
    if asked.generates {
        events.extend(item_events(reply));
    }
    events.push(json!({
        "type": format!("response.{}", status(reply)),
        "response": response(asked, reply, Some(usage)),
    }));
    events.iter_mut().zip(0..).map(|(event, number)| numbered(event, number)).collect()
}

/// How the one item of the answer comes.
fn item_events(reply: &Reply) -> Vec<Value> {
    let item_id = item_id(reply);
    let text = reply.text();
    let mut events = vec![
        json!({
            "type": "response.output_item.added", "output_index": 0,
            "item": item(reply, "in_progress", &json!([])),
        }),
        json!({
            "type": "response.content_part.added", "item_id": item_id, "output_index": 0,
            "content_index": 0, "part": part(""),
        }),
    ];
    events.extend(reply.pieces.iter().map(|piece| {
        json!({
            "type": "response.output_text.delta", "item_id": item_id, "output_index": 0,
            "content_index": 0, "delta": piece, "logprobs": [],
        })
    }));
    events.extend([
        json!({
            "type": "response.output_text.done", "item_id": item_id, "output_index": 0,
            "content_index": 0, "text": text, "logprobs": [],
        }),
        json!({
            "type": "response.content_part.done", "item_id": item_id, "output_index": 0,
            "content_index": 0, "part": part(&text),
        }),
        json!({
            "type": "response.output_item.done", "output_index": 0,
            "item": item(reply, status(reply), &json!([part(&text)])),
        }),
    ]);
    events
}

fn numbered(event: &mut Value, number: u64) -> Bytes {
    if let Some(fields) = event.as_object_mut() {
        fields.insert("sequence_number".to_owned(), number.into());
    }
    named_event(event["type"].as_str().unwrap_or_default(), event)
}

/// The whole, with a usage once it is complete.
fn response(asked: &Asked, reply: &Reply, usage: Option<Usage>) -> Value {
    let done = usage.is_some();
    let reason = (done && reply.is_cut).then(|| json!({"reason": "max_output_tokens"}));
    let output = if done && asked.generates {
        json!([item(reply, status(reply), &json!([part(&reply.text())]))])
    } else {
        json!([])
    };
    json!({
        "id": format!("resp_fake{:06}", reply.number),
        "object": "response",
        "created_at": CREATED,
        "status": if done { status(reply) } else { "in_progress" },
        "error": null,
        "incomplete_details": reason,
        "instructions": null,
        "max_output_tokens": asked.output_max,
        "metadata": {},
        "model": asked.model,
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": usage.map(usage_object),
    })
}

fn usage_object(usage: Usage) -> Value {
    json!({
        "input_tokens": usage.prompt(),
        "input_tokens_details": {"cached_tokens": usage.read, "cache_write_tokens": usage.write()},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt() + usage.output,
    })
}

fn item(reply: &Reply, status: &str, content: &Value) -> Value {
    json!({
        "id": item_id(reply), "type": "message", "role": "assistant", "status": status,
        "content": content,
    })
}

fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

fn item_id(reply: &Reply) -> String {
    format!("msg_fake{:06}", reply.number)
}

fn status(reply: &Reply) -> &'static str {
    if reply.is_cut { "incomplete" } else { "completed" }
}
