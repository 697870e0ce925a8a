use crate::{api::Content, cache::StepPrompt, json::Json};

/// The text of a prompt: the form of the answer, tools, instructions, and then what was said.
pub(super) fn content(
    body: &Json,
    account: &str,
    model: &str,
    instructions: Option<&str>,
    items: &[Json],
) -> Content {
    let text = |name| body.get(name).and_then(Json::text);
    let cache_key = text("prompt_cache_key").unwrap_or_default();
    let mut prompt = StepPrompt::new(account, model, cache_key);
    if let Some(format) = body.get("response_format").or_else(|| body.get("text")) {
        push_line(&mut prompt, &format.to_string());
    }
    for tool in body.get("tools").and_then(Json::list).unwrap_or_default() {
        push_line(&mut prompt, &tool.canonical(""));
    }
    if let Some(instructions) = instructions {
        push_said(&mut prompt, "system", instructions);
    }
    for item in items {
        push_item(&mut prompt, item);
    }
    let is_extended = text("prompt_cache_retention") == Some("24h");
    Content::Text { prompt, is_extended }
}

/// Text that somebody said is the role and then the text; all else is its JSON.
fn push_item(prompt: &mut StepPrompt, item: &Json) {
    let other = |field: &&str| !["role", "content", "type"].contains(field);
    let has_more = item.fields().iter().map(|(name, _)| name.as_str()).any(|name| other(&name));
    let role = item.get("role").and_then(Json::text);
    match (role, item.get("content").and_then(only_text)) {
        (Some(role), Some(text)) if !has_more => push_said(prompt, role, &text),
        _ => push_line(prompt, &item.canonical("")),
    }
}

/// The text of content that has nothing else.
fn only_text(content: &Json) -> Option<String> {
    let text_of = |part: &Json| {
        let is_text = ["text", "input_text", "output_text"].contains(&part.kind()?);
        part.get("text").and_then(Json::text).filter(|_| is_text).map(str::to_owned)
    };
    match content {
        Json::Text(text) => Some(text.clone()),
        Json::List(parts) => parts.iter().map(text_of).collect(),
        _ => None,
    }
}

pub(super) fn push_said(prompt: &mut StepPrompt, role: &str, text: &str) {
    push_line(prompt, role);
    push_line(prompt, text);
}

fn push_line(prompt: &mut StepPrompt, line: &str) {
    prompt.push(line);
    prompt.push("\n");
}
