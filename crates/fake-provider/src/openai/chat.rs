//! `POST /v1/chat/completions`.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{CREATED, model, output_max, prompt};
use crate::{
    api::{Asked, Reply, event},
    json::Json,
    problem::{Problem, invalid},
    usage::Usage,
};

pub(crate) fn read(body: &Json, account: &str) -> Result<Asked, Problem> {
    let model = model(body)?;
    let messages = body.get("messages").and_then(Json::list).filter(|list| !list.is_empty());
    let messages = messages.ok_or_else(|| invalid("'messages' must have at least one message"))?;
    if prompt::is_prewarm(body) {
        return Err(invalid("prompt_cache_options.prewarm is not supported here"));
    }
    let newer = output_max(body, "max_completion_tokens", 1)?;
    let older = output_max(body, "max_tokens", 1)?;
    Ok(Asked {
        model: model.to_owned(),
        stream: body.says("stream"),
        output_max: newer.or(older),
        include_usage: body.get("stream_options").is_some_and(|opts| opts.says("include_usage")),
        generates: true,
        content: prompt::content(body, account, model, None, messages)?,
    })
}

pub(crate) fn json(asked: &Asked, reply: &Reply, usage: Usage) -> Value {
    json!({
        "id": id(reply),
        "object": "chat.completion",
        "created": CREATED,
        "model": asked.model,
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant", "content": reply.text(), "refusal": null, "annotations": [],
            },
            "logprobs": null,
            "finish_reason": finish_reason(reply),
        }],
        "usage": usage_object(usage),
        "service_tier": "default",
        "system_fingerprint": null,
    })
}

pub(crate) fn events(asked: &Asked, reply: &Reply, usage: Usage) -> Vec<Bytes> {
    let delta = |delta: Value, finish_reason: Option<&str>| {
        json!([{
            "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason,
        }])
    };
    let first = delta(json!({"role": "assistant", "content": "", "refusal": null}), None);
    let last = delta(json!({}), Some(finish_reason(reply)));
    let pieces = reply.pieces.iter().map(|piece| delta(json!({"content": piece}), None));
    let all = [first].into_iter().chain(pieces).chain([last]);
    let mut events: Vec<_> =
        all.map(|choices| event(&chunk(asked, reply, &choices, None))).collect();
    if asked.include_usage {
        events.push(event(&chunk(asked, reply, &json!([]), Some(usage))));
    }
    events.push(Bytes::from_static(b"data: [DONE]\n\n"));
    events
}

fn chunk(asked: &Asked, reply: &Reply, choices: &Value, usage: Option<Usage>) -> Value {
    let mut chunk = json!({
        "id": id(reply),
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": asked.model,
        "choices": choices,
        "service_tier": "default",
        "system_fingerprint": null,
    });
    if let Some(fields) = chunk.as_object_mut().filter(|_| asked.include_usage) {
        let usage = usage.map_or(Value::Null, usage_object);
        fields.insert("usage".to_owned(), usage);
    }
    chunk
}

fn usage_object(usage: Usage) -> Value {
    json!({
        "prompt_tokens": usage.prompt(),
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt() + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.read, "cache_write_tokens": usage.write(), "audio_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": 0, "audio_tokens": 0,
            "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0,
        },
    })
}

fn id(reply: &Reply) -> String {
    format!("chatcmpl-fake{:06}", reply.number)
}

fn finish_reason(reply: &Reply) -> &'static str {
    if reply.is_cut { "length" } else { "stop" }
}
