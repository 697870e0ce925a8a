use crate::{
    api::Content,
    cache::{PointMode, PointPrompt, StepPrompt},
    json::Json,
    problem::{Problem, invalid},
    usage::tokens,
};

const OPTIONS: &str = "prompt_cache_options";

/// What somebody said, or what came of a tool.
struct Item {
    speaker: Speaker,
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaker {
    Developer,
    User,
    Tool,
    Other,
}

struct Part {
    text: String,
    has_breakpoint: bool,
}

/// The text of a prompt: the form of the answer, tools, instructions, and then what was said.
pub(super) fn content(
    body: &Json,
    account: &str,
    model: &str,
    instructions: Option<&str>,
    items: &[Json],
) -> Result<Content, Problem> {
    let format = body.get("response_format").or_else(|| body.get("text"));
    let tools = body.get("tools").and_then(Json::list).unwrap_or_default();
    let tools = tools.iter().map(|tool| tool.canonical(""));
    let lines: Vec<_> = format.map(ToString::to_string).into_iter().chain(tools).collect();
    let instructions = instructions.map(|text| Item::said("system", vec![Part::plain(text)]));
    let items: Vec<_> = instructions.into_iter().chain(items.iter().map(Item::read)).collect();
    let text = |name| body.get(name).and_then(Json::text);
    let cache_key = text("prompt_cache_key").unwrap_or_default();
    if has_breakpoints(model) {
        let mut prompt = PointPrompt::new(account, model, cache_key, mode(body)?);
        let setting = |name| body.get(name).map(ToString::to_string).unwrap_or_default();
        prompt.depend_on(&format!("{} {}", setting("reasoning"), setting("parallel_tool_calls")));
        push_blocks(&mut prompt, &lines, &items);
        return Ok(Content::Points(prompt));
    }
    if body.get(OPTIONS).is_some() {
        return Err(invalid(format!("{OPTIONS} is not supported with this model")));
    }
    let mut prompt = StepPrompt::new(account, model, cache_key);
    for line in lines {
        prompt.push(&line);
        prompt.push("\n");
    }
    for part in items.iter().flat_map(|item| &item.parts) {
        prompt.push(&part.text);
    }
    let is_extended = text("prompt_cache_retention") == Some("24h");
    Ok(Content::Text { prompt, is_extended })
}

/// Whether a model is GPT-5.6 or later.
fn has_breakpoints(model: &str) -> bool {
    let version = model.split_once("gpt-").map_or("", |(_, version)| version);
    let is_other = |char: char| !char.is_ascii_digit() && char != '.';
    let version = version.split(is_other).next().unwrap_or_default();
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    let number = |text: &str| text.parse::<u32>().unwrap_or(0);
    (5, 6) <= (number(major), number(minor))
}

fn mode(body: &Json) -> Result<PointMode, Problem> {
    let option = |name| body.get(OPTIONS).and_then(|options| options.get(name));
    if option("ttl").is_some_and(|ttl| ttl.text() != Some("30m")) {
        return Err(invalid(format!("{OPTIONS}.ttl must be '30m'")));
    }
    match option("mode").map(Json::text) {
        None | Some(Some("implicit")) => Ok(PointMode::Implicit),
        Some(Some("explicit")) => Ok(PointMode::Explicit),
        Some(_) => Err(invalid(format!("{OPTIONS}.mode must be 'implicit' or 'explicit'"))),
    }
}

/// Whether the cache is to be filled without an answer.
pub(super) fn is_prewarm(body: &Json) -> bool {
    body.get(OPTIONS).is_some_and(|options| options.says("prewarm"))
}

fn push_blocks(prompt: &mut PointPrompt, lines: &[String], items: &[Item]) {
    for line in lines {
        let line = format!("{line}\n");
        prompt.push(&line, tokens(&line));
    }
    let mut items = items.iter().peekable();
    let mut is_beginning = true;
    while let Some(item) = items.next() {
        for part in &item.parts {
            prompt.push(&part.text, tokens(&part.text));
            if part.has_breakpoint {
                prompt.mark();
            }
        }
        let is_last = items.peek().is_none_or(|next| next.speaker != item.speaker);
        is_beginning &= item.speaker == Speaker::Developer;
        match item.speaker {
            Speaker::Developer if is_beginning && is_last => prompt.end_developer(),
            Speaker::Tool if is_last => prompt.end_message(),
            Speaker::User => prompt.end_message(),
            _ => {}
        }
    }
}

impl Part {
    fn plain(text: &str) -> Self {
        Self { text: text.to_owned(), has_breakpoint: false }
    }
}

impl Item {
    /// Text that somebody said is the role and then the text; all else is its JSON.
    fn read(item: &Json) -> Self {
        let other = |field: &str| !["role", "content", "type"].contains(&field);
        let has_more = item.fields().iter().any(|(name, _)| other(name));
        let role = item.get("role").and_then(Json::text);
        match (role, item.get("content").and_then(only_text)) {
            (Some(role), Some(parts)) if !has_more => Self::said(role, parts),
            _ => {
                let kind = item.kind().unwrap_or_default();
                let speaker = if kind.ends_with("_call_output") {
                    Speaker::Tool
                } else {
                    Speaker::of(role.unwrap_or_default())
                };
                Self { speaker, parts: vec![Part::plain(&format!("{}\n", item.canonical("")))] }
            }
        }
    }

    /// A line with the role, and one with the text.
    fn said(role: &str, mut parts: Vec<Part>) -> Self {
        if let Some(first) = parts.first_mut() {
            first.text.insert_str(0, &format!("{role}\n"));
        }
        if let Some(last) = parts.last_mut() {
            last.text.push('\n');
        }
        Self { speaker: Speaker::of(role), parts }
    }
}

impl Speaker {
    fn of(role: &str) -> Self {
        match role {
            "developer" | "system" => Self::Developer,
            "user" => Self::User,
            "tool" => Self::Tool,
            _ => Self::Other,
        }
    }
}

/// The parts of content that has nothing but text.
fn only_text(content: &Json) -> Option<Vec<Part>> {
    let part = |part: &Json| {
        let is_text = ["text", "input_text", "output_text"].contains(&part.kind()?);
        let text = part.get("text").and_then(Json::text).filter(|_| is_text)?.to_owned();
        Some(Part { text, has_breakpoint: part.get("prompt_cache_breakpoint").is_some() })
    };
    match content {
        Json::Text(text) => Some(vec![Part::plain(text)]),
        Json::List(parts) => parts.iter().map(part).collect(),
        _ => None,
    }
}
