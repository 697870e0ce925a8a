use crate::{
    api::{Asked, Content},
    cache::Prompt,
    json::Json,
    lifetime::Tier,
    problem::{Problem, invalid},
    usage::tokens,
};

/// How many breakpoints a request may have.
const BREAKPOINTS_MAX: usize = 4;

const CACHE_CONTROL: &str = "cache_control";

/// Reads a request and checks it as far as tests depend on it: the fields that every request needs,
/// breakpoints, and what goes with `max_tokens: 0`.
pub(crate) fn read(body: &Json, account: &str) -> Result<Asked, Problem> {
    let required = |name| body.get(name).ok_or_else(|| invalid(format!("{name}: Field required")));
    let model = required("model")?.text().ok_or_else(|| invalid("model: not a string"))?;
    let output_max = required("max_tokens")?.whole();
    let output_max = output_max.ok_or_else(|| invalid("max_tokens: not a whole number"))?;
    let messages = required("messages")?.list().filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| invalid("messages: at least one message is required"))?;
    check_thinking(body, output_max)?;
    if output_max == 0 {
        check_prewarm(body)?;
    }
    let mut prompt = Prompt::new(account, model);
    push_tools(body, &mut prompt)?;
    prompt.depend_on("system");
    if let Some(system) = body.get("system") {
        push_content(system, "system", &mut prompt)?;
    }
    prompt.depend_on(&messages_depend_on(body, messages));
    for (at, message) in messages.iter().enumerate() {
        push_message(message, &format!("messages.{at}"), &mut prompt)?;
    }
    // Top-level cache control is a breakpoint after the last block.
    if let Some(tier) = breakpoint(body, CACHE_CONTROL)? {
        prompt.end_with_breakpoint(tier);
    }
    check_breakpoints(&prompt)?;
    Ok(Asked {
        model: model.to_owned(),
        stream: body.says("stream"),
        output_max: Some(output_max),
        generates: true,
        include_usage: true,
        content: Content::Blocks(prompt),
    })
}

/// What goes with a budget for thinking.
fn check_thinking(body: &Json, output_max: u64) -> Result<(), Problem> {
    let Some(thinking) = body.get("thinking").filter(|thinking| is_enabled(thinking)) else {
        return Ok(());
    };
    let budget = thinking.get("budget_tokens").and_then(Json::whole);
    match budget.ok_or_else(|| invalid("thinking.budget_tokens: Field required"))? {
        _ if output_max == 0 => Ok(()),
        budget if output_max <= budget => {
            Err(invalid("max_tokens must be greater than thinking.budget_tokens"))
        }
        _ => Ok(()),
    }
}

fn is_enabled(thinking: &Json) -> bool {
    thinking.kind() == Some("enabled")
}

/// What does not go with `max_tokens: 0`, which fills the cache and generates nothing.
///
/// Source: `shared/prompt-caching.md` of the skill `claude-api` in anthropics/skills, July 2026.
fn check_prewarm(body: &Json) -> Result<(), Problem> {
    let field = |outer: &str, inner| body.get(outer).and_then(|outer| outer.get(inner));
    let choice = body.get("tool_choice").and_then(Json::kind);
    let what = if body.says("stream") {
        "stream: true"
    } else if body.get("thinking").is_some_and(is_enabled) {
        "thinking.type: enabled"
    } else if field("output_config", "format").is_some() {
        "output_config.format"
    } else if choice == Some("tool") {
        "tool_choice.type: tool"
    } else if choice == Some("any") {
        "tool_choice.type: any"
    } else {
        return Ok(());
    };
    Err(invalid(format!("max_tokens: 0 is not supported with {what}")))
}

/// What makes the messages different, but neither tools nor system.
fn messages_depend_on(body: &Json, messages: &[Json]) -> String {
    let text = |name| body.get(name).map(ToString::to_string).unwrap_or_default();
    let is_disabled = body.get("thinking").and_then(Json::kind) == Some("disabled");
    let thinking = if is_disabled { String::new() } else { text("thinking") };
    let has_images = messages.iter().any(has_image);
    format!("messages {} {thinking} {has_images}", text("tool_choice"))
}

/// Whether there is an image among the blocks of `content`, or in the result of a tool there.
fn has_image(message: &Json) -> bool {
    let blocks = message.get("content").and_then(Json::list).unwrap_or_default();
    blocks.iter().any(|block| block.kind() == Some("image") || has_image(block))
}

fn push_tools(body: &Json, prompt: &mut Prompt) -> Result<(), Problem> {
    for (at, tool) in body.get("tools").and_then(Json::list).unwrap_or_default().iter().enumerate()
    {
        let breakpoint = breakpoint(tool, &format!("tools.{at}.{CACHE_CONTROL}"))?;
        let text = tool.canonical(CACHE_CONTROL);
        prompt.push(&text, tokens(&text), breakpoint);
    }
    Ok(())
}

fn push_message(message: &Json, at: &str, prompt: &mut Prompt) -> Result<(), Problem> {
    let role = message.get("role").and_then(Json::text);
    let role = role.filter(|role| ["user", "assistant", "system"].contains(role));
    let role = role.ok_or_else(|| invalid(format!("{at}.role: not a role")))?;
    prompt.depend_on(role);
    let content = message.get("content");
    let content = content.ok_or_else(|| invalid(format!("{at}.content: Field required")))?;
    push_content(content, &format!("{at}.content"), prompt)
}

/// Text, which is one block, or a list of blocks.
fn push_content(content: &Json, at: &str, prompt: &mut Prompt) -> Result<(), Problem> {
    match content {
        Json::Text(text) => {
            let field = |name: &str, text: &str| (name.to_owned(), Json::Text(text.to_owned()));
            push_block(&Json::Object(vec![field("type", "text"), field("text", text)]), at, prompt)
        }
        Json::List(blocks) => blocks
            .iter()
            .enumerate()
            .try_for_each(|(index, block)| push_block(block, &format!("{at}.{index}"), prompt)),
        _ => Err(invalid(format!("{at}: neither a string nor a list"))),
    }
}

fn push_block(block: &Json, at: &str, prompt: &mut Prompt) -> Result<(), Problem> {
    let kind = block.kind().ok_or_else(|| invalid(format!("{at}.type: Field required")))?;
    let breakpoint = breakpoint(block, &format!("{at}.{CACHE_CONTROL}"))?;
    let canonical = block.canonical(CACHE_CONTROL);
    let tokens = if kind == "text" {
        let text = block.get("text").and_then(Json::text).unwrap_or_default();
        if text.trim().is_empty() {
            return Err(invalid(format!("{at}: text must have more than white space")));
        }
        tokens(text)
    } else {
        tokens(&canonical)
    };
    prompt.push(&canonical, tokens, breakpoint);
    Ok(())
}

fn breakpoint(block: &Json, at: &str) -> Result<Option<Tier>, Problem> {
    let Some(control) = block.get(CACHE_CONTROL) else {
        return Ok(None);
    };
    if control.kind() != Some("ephemeral") {
        return Err(invalid(format!("{at}.type: must be 'ephemeral'")));
    }
    match control.get("ttl").map(Json::text) {
        None | Some(Some("5m")) => Ok(Some(Tier::FiveMinutes)),
        Some(Some("1h")) => Ok(Some(Tier::OneHour)),
        Some(_) => Err(invalid(format!("{at}.ttl: must be '5m' or '1h'"))),
    }
}

fn check_breakpoints(prompt: &Prompt) -> Result<(), Problem> {
    let tiers: Vec<_> = prompt.breakpoints().collect();
    if BREAKPOINTS_MAX < tiers.len() {
        return Err(invalid(format!(
            "at most {BREAKPOINTS_MAX} blocks may have cache_control, found {}",
            tiers.len()
        )));
    }
    if tiers.is_sorted_by(|first, second| (first, second) != (&Tier::FiveMinutes, &Tier::OneHour)) {
        Ok(())
    } else {
        Err(invalid("cache_control with ttl '1h' must not come after one with ttl '5m'"))
    }
}
