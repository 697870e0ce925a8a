//! The smallest request that renews the cache entry of another.
//!
//! A prompt is found in the cache by its bytes, so nothing but a few members of the top level is
//! changed, in the text itself: order, numbers, escapes and spaces of all else stay.
//!
//! | endpoint | changed |
//! |---|---|
//! | `/v1/messages` | `max_tokens: 0`, or 1 for what Anthropic refuses with 0; `stream: false` |
//! | `/v1/chat/completions` | `max_completion_tokens` and `max_tokens`, those that there are: 1, or 16 for models that reason; `stream: false`, `stream_options: null`, `store: false` if it is there |
//! | `/v1/responses` | `max_output_tokens: 16`, the least that OpenAI takes; `stream: false`, `stream_options: null`, `store: false` |
//!
//! Anthropic refuses `max_tokens: 0` together with streaming, an enforced tool and a format of
//! the output (its skill "prompt caching", July 2026). `store: false` keeps replays out of the
//! responses that OpenAI stores for the user.

use std::ops::Range;

use serde_json::Value;

use super::{Endpoint, text::Text};

/// Why the prompt of a request cannot be kept warm by replaying it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotReplayable {
    /// The budget follows from `max_tokens`, and so does the prefix.
    #[error("its thinking has a budget of tokens, which a replay would change")]
    ThinkingBudget,
    /// The replay would do or leave something at the provider.
    #[error("it changes a conversation that the provider keeps, or lets the provider use tools")]
    SideEffect,
    /// It is worked on faster, for prices that are not known.
    #[error("it asks for a tier of service with prices of its own")]
    PremiumTier,
    /// It is not of the form that the endpoint takes.
    #[error("it is not an object with distinct members")]
    Malformed,
}

/// The least `max_output_tokens` that OpenAI's responses take: less is `integer_below_min_value`
/// (earendil-works/pi#6265). Models that reason want as much of chat completions
/// (braintrustdata/lingua#186); where they use all of it for reasoning, they may refuse that too
/// (weave-os/router#589). A refusal costs nothing, and ends the pings until the next request.
const REASONING_MIN: &str = "16";

/// Tiers of service whose prices are the usual ones.
const TIERS: [&str; 4] = ["auto", "default", "standard", "standard_only"];

/// Tools of OpenAI's responses that the client itself uses.
const CLIENT_TOOLS: [&str; 5] = ["function", "custom", "local_shell", "shell", "apply_patch"];

/// Makes the replay of `text`, a request to `endpoint`.
pub(crate) fn replay(endpoint: Endpoint, text: &str) -> Result<String, NotReplayable> {
    let text = Text::parse(text).ok_or(NotReplayable::Malformed)?;
    let is_premium = |name: &str, usual: &[&str]| {
        let value = text.value(name).filter(|value| *value != "null");
        value.is_some() && !text.string(name).is_some_and(|value| usual.contains(&value.as_ref()))
    };
    if is_premium("service_tier", &TIERS) || is_premium("speed", &["standard"]) {
        return Err(NotReplayable::PremiumTier);
    }
    match endpoint {
        Endpoint::Messages => messages(&text),
        Endpoint::ChatCompletions => chat_completions(&text),
        Endpoint::Responses => responses(&text),
    }
}

fn messages(text: &Text<'_>) -> Result<String, NotReplayable> {
    if text.string_in("thinking", "type").as_deref() == Some("enabled") {
        return Err(NotReplayable::ThinkingBudget);
    }
    let tool = text.string_in("tool_choice", "type");
    let enforced = matches!(tool.as_deref(), Some("tool" | "any"));
    let format = text.has_in("output_config", "format") || text.has("output_format");
    let max_tokens = if enforced || format { "1" } else { "0" };
    let mut edits = Edits::new(text);
    edits.set("max_tokens", max_tokens);
    edits.set_if_there("stream", "false");
    Ok(edits.apply())
}

fn chat_completions(text: &Text<'_>) -> Result<String, NotReplayable> {
    if text.has("web_search_options") {
        return Err(NotReplayable::SideEffect);
    }
    let reasons = text.string("model").is_some_and(|model| is_reasoning(&model));
    let least = if reasons { REASONING_MIN } else { "1" };
    let mut edits = Edits::new(text);
    // The older name is refused by newer models, so it is not the one to add.
    if text.has("max_tokens") {
        edits.set("max_tokens", least);
        edits.set_if_there("max_completion_tokens", least);
    } else {
        edits.set("max_completion_tokens", least);
    }
    edits.set_if_there("store", "false");
    edits.stop_streaming();
    Ok(edits.apply())
}

/// Whether it is one of OpenAI's models that think before they answer: `gpt-5` and its kin, `o3` and
/// its kin; also with the name of who sells it before that.
fn is_reasoning(model: &str) -> bool {
    let name = model.rsplit('/').next().unwrap_or(model);
    let is_o =
        name.strip_prefix('o').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    is_o || name.starts_with("gpt-5")
}

/// Whether the provider itself would use a tool: it searches, runs code, or calls a server.
fn has_hosted_tool(text: &Text<'_>) -> bool {
    let tools = text.value("tools").unwrap_or("[]");
    let tools: Vec<Value> = serde_json::from_str(tools).unwrap_or_default();
    let kind = |tool: &Value| tool.get("type").and_then(Value::as_str).map(ToOwned::to_owned);
    !tools.iter().map(kind).all(|kind| kind.is_some_and(|kind| CLIENT_TOOLS.contains(&&*kind)))
}

fn responses(text: &Text<'_>) -> Result<String, NotReplayable> {
    let keeps = text.has("conversation") || text.value("background") == Some("true");
    if keeps || has_hosted_tool(text) {
        return Err(NotReplayable::SideEffect);
    }
    let mut edits = Edits::new(text);
    edits.set("max_output_tokens", REASONING_MIN);
    edits.set("store", "false");
    edits.stop_streaming();
    Ok(edits.apply())
}

/// Changes of members of the top level.
struct Edits<'t> {
    text: &'t Text<'t>,
    replaced: Vec<(Range<usize>, &'static str)>,
    added: String,
}

impl<'t> Edits<'t> {
    fn new(text: &'t Text<'t>) -> Self {
        Self { text, replaced: Vec::new(), added: String::new() }
    }

    fn set(&mut self, name: &str, value: &'static str) {
        if !self.set_if_there(name, value) {
            self.added.push_str(&format!("\"{name}\":{value},"));
        }
    }

    fn set_if_there(&mut self, name: &str, value: &'static str) -> bool {
        let Some(range) = self.text.range(name) else { return false };
        self.replaced.push((range, value));
        true
    }

    fn stop_streaming(&mut self) {
        self.set_if_there("stream", "false");
        // Refused without streaming.
        self.set_if_there("stream_options", "null");
    }

    fn apply(mut self) -> String {
        self.replaced.sort_unstable_by_key(|(range, _)| range.start);
        let text = self.text.as_str();
        let open = self.text.open();
        // A comma must not end an object that has no other member.
        let added =
            if self.text.is_empty() { self.added.trim_end_matches(',') } else { &self.added };
        let mut edited = String::with_capacity(text.len() + added.len());
        edited.push_str(text.get(..open).unwrap_or(text));
        edited.push_str(added);
        let mut at = open;
        for (range, value) in &self.replaced {
            edited.push_str(text.get(at..range.start).unwrap_or(""));
            edited.push_str(value);
            at = range.end;
        }
        edited.push_str(text.get(at..).unwrap_or(""));
        edited
    }
}

#[cfg(test)]
mod tests;
