use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    api::{Asked, Reply, named_event},
    usage::Usage,
};

/// The answer as one object.
pub(crate) fn json(asked: &Asked, reply: &Reply, usage: Usage) -> Value {
    let mut content = Vec::new();
    if !reply.pieces.is_empty() {
        content.push(json!({"type": "text", "text": reply.text(), "citations": null}));
    }
    let mut message = message(asked, reply, usage);
    if let Some(fields) = message.as_object_mut() {
        fields.insert("content".to_owned(), content.into());
        fields.insert("stop_reason".to_owned(), stop_reason(reply).into());
    }
    message
}

/// The answer as a stream.
pub(crate) fn events(asked: &Asked, reply: &Reply, usage: Usage) -> Vec<Bytes> {
    // When it starts, one token of the answer is known of.
    let at_first = Usage { output: usage.output.min(1), ..usage };
    let mut events = vec![
        json!({"type": "message_start", "message": message(asked, reply, at_first)}),
        json!({
            "type": "content_block_start", "index": 0,
            "content_block": {"type": "text", "text": ""},
        }),
        json!({"type": "ping"}),
    ];
    events.extend(reply.pieces.iter().map(|piece| {
        json!({
            "type": "content_block_delta", "index": 0,
            "delta": {"type": "text_delta", "text": piece},
        })
    }));
    events.push(json!({"type": "content_block_stop", "index": 0}));
    events.push(json!({
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason(reply), "stop_sequence": null},
        "usage": {
            "input_tokens": usage.uncached,
            "cache_creation_input_tokens": usage.write(),
            "cache_read_input_tokens": usage.read,
            "output_tokens": usage.output,
        },
    }));
    events.push(json!({"type": "message_stop"}));
    let named = |data: &Value| named_event(data["type"].as_str().unwrap_or_default(), data);
    events.iter().map(named).collect()
}

/// A message without content.
fn message(asked: &Asked, reply: &Reply, usage: Usage) -> Value {
    json!({
        "id": format!("msg_fake_{:06}", reply.number),
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": {
            "input_tokens": usage.uncached,
            "cache_creation_input_tokens": usage.write(),
            "cache_read_input_tokens": usage.read,
            "cache_creation": {
                "ephemeral_5m_input_tokens": usage.write_5m,
                "ephemeral_1h_input_tokens": usage.write_1h,
            },
            "output_tokens": usage.output,
            "service_tier": "standard",
        },
    })
}

fn stop_reason(reply: &Reply) -> &'static str {
    if reply.is_cut { "max_tokens" } else { "end_turn" }
}
