//! Under which names a price list may have a model.
//!
//! Runtimes name the same model in several ways: with the date of its release or without, with
//! the prefix of a router, in the words of a cloud. The rules are those of CodexBar. What they do
//! not know is looked up as it is spelled; a price of one provider is never taken for another's.

/// Other names of providers, and how price lists call them.
const ALIASES: [(&str, &str); 11] = [
    ("alibaba", "qwen"),
    ("claude-cli", "anthropic"),
    ("codex-cli", "openai"),
    ("dashscope", "qwen"),
    ("gemini", "google"),
    ("moonshotai", "moonshot"),
    ("openai-codex", "openai"),
    ("x-ai", "xai"),
    ("z-ai", "zai"),
    ("z.ai", "zai"),
    ("zhipu", "zai"),
];

/// What stands before the `/` of a model that Codex was routed to, and whose prices hold there.
const ROUTES: [(&str, &str); 6] = [
    ("deepseek", "deepseek"),
    ("kimi-coding", "kimi-for-coding"),
    ("kimi-for-coding", "kimi-for-coding"),
    ("opencode", "opencode"),
    ("opencode-free", "opencode"),
    ("opencode-go", "opencode-go"),
];

/// How price lists call a provider.
pub(super) fn provider(name: &str) -> &str {
    let name = name.trim();
    get(&ALIASES, name).unwrap_or(name)
}

/// Looks up a model by `known`, which is given a provider and a model, under one name after the
/// other.
pub(super) fn resolve<T>(
    asked: Option<&str>,
    model: &str,
    known: &dyn Fn(&str, &str) -> Option<T>,
) -> Option<T> {
    let asked = asked.map(provider);
    if let Some(found) = asked.and_then(|asked| known(asked, model)) {
        return Some(found);
    }
    let model = model.trim();
    match asked {
        Some("openai") => openai(model, known),
        Some("anthropic") => claude(model, &|name| known("anthropic", name)),
        Some(other) => known(other, model),
        None if model.contains('/') => openai(model, known),
        None if claude_name(model).starts_with("claude-") => {
            claude(model, &|name| known("anthropic", name))
        }
        None if is_openai(model) => openai(model, known),
        None => None,
    }
}

/// Whether the name alone says that it is a model of OpenAI.
fn is_openai(model: &str) -> bool {
    let mut letters = model.chars();
    let numbered =
        letters.next() == Some('o') && letters.next().is_some_and(|c| c.is_ascii_digit());
    numbered || model.starts_with("gpt-") || model.starts_with("codex")
}

fn openai<T>(model: &str, known: &dyn Fn(&str, &str) -> Option<T>) -> Option<T> {
    let model = model.strip_prefix("openai/").unwrap_or(model);
    if let Some((route, model)) = model.split_once('/') {
        return known(get(&ROUTES, route)?, model);
    }
    let current = |model| if model == "gpt-5.6" { "gpt-5.6-sol" } else { model };
    let known = |model| known("openai", current(model));
    known(model).or_else(|| known(undated("openai", model)?))
}

fn claude<T>(model: &str, known: &dyn Fn(&str) -> Option<T>) -> Option<T> {
    let model = claude_name(model);
    if let Some(found) = known(model) {
        return Some(found);
    }
    if let Some(model) = model.strip_suffix("@default") {
        return known(model);
    }
    let base = undated("anthropic", model)?;
    let date = model.get(base.len() + 1..)?;
    known(&format!("{base}-{date}"))
        .or_else(|| known(&format!("{base}@{date}")))
        .or_else(|| known(base))
}

/// The name without what Bedrock puts around it.
fn claude_name(model: &str) -> &str {
    let model = model.strip_prefix("anthropic.").unwrap_or(model);
    let tail = model.rsplit('.').next().filter(|tail| tail.starts_with("claude-"));
    without_version(tail.unwrap_or(model))
}

/// Without `-v<digits>:<digits>` at the end.
fn without_version(model: &str) -> &str {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match model.rsplit_once("-v") {
        Some((base, version)) => match version.split_once(':') {
            Some((major, minor)) if digits(major) && digits(minor) => base,
            _ => model,
        },
        None => model,
    }
}

/// The name of a model without the date at its end, in which the provider writes it.
pub(super) fn undated<'m>(provider: &str, model: &'m str) -> Option<&'m str> {
    let dates: &[&str] = match provider {
        "anthropic" => &["-dddddddd", "@dddddddd"],
        "openai" => &["-dddd-dd-dd"],
        _ => &[],
    };
    dates.iter().find_map(|date| without_end(model, date))
}

/// What comes before an end like `pattern`, in which `d` stands for any digit.
fn without_end<'m>(model: &'m str, pattern: &str) -> Option<&'m str> {
    let (base, end) = model.split_at_checked(model.len().checked_sub(pattern.len())?)?;
    let fits = |(byte, like): (u8, u8)| match like {
        b'd' => byte.is_ascii_digit(),
        _ => byte == like,
    };
    (!base.is_empty() && end.bytes().zip(pattern.bytes()).all(fits)).then_some(base)
}

fn get<'t>(table: &[(&str, &'t str)], name: &str) -> Option<&'t str> {
    table.iter().find(|(key, _)| *key == name).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 16] = [
        "openai gpt-5",
        "openai gpt-5.6-sol",
        "openai gpt-5.6-terra",
        "openai gpt-4o-2024-05-13",
        "openai o3",
        "openai codex-mini-latest",
        "anthropic claude-opus-4-1",
        "anthropic claude-opus-4-20250514",
        "anthropic claude-haiku@20250101",
        "anthropic claude-fable-5",
        "deepseek deepseek-chat",
        "kimi-for-coding k3",
        "opencode big",
        "opencode-go big",
        "openrouter anthropic/claude-opus-4-1",
        "google gemini-3-pro",
    ];

    fn found(provider: Option<&str>, model: &str) -> Option<String> {
        resolve(provider, model, &|provider, model| {
            let key = format!("{provider} {model}");
            KNOWN.contains(&key.as_str()).then_some(key)
        })
    }

    #[test]
    fn names_of_codex() {
        let table = [
            ("gpt-5", "gpt-5"),
            ("  gpt-5\n", "gpt-5"),
            ("openai/gpt-5", "gpt-5"),
            ("gpt-5.6", "gpt-5.6-sol"),
            ("openai/gpt-5.6", "gpt-5.6-sol"),
            ("gpt-5.6-2026-07-01", "gpt-5.6-sol"),
            ("gpt-5-2025-08-07", "gpt-5"),
            ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
            ("gpt-4o-2024-08-06", ""),
            ("gpt-5-20250807", ""),
            ("gpt-5-2025-8-07", ""),
            ("-2025-08-07", ""),
            ("gpt-5-mini", ""),
            ("GPT-5", ""),
            ("", ""),
        ];
        for (model, expected) in table {
            let expected = (!expected.is_empty()).then(|| format!("openai {expected}"));
            assert_eq!(found(Some("openai"), model), expected, "{model}");
        }
    }

    #[test]
    fn names_of_claude() {
        let table = [
            ("claude-opus-4-20250514", "claude-opus-4-20250514"),
            (" claude-fable-5 ", "claude-fable-5"),
            ("anthropic.claude-fable-5", "claude-fable-5"),
            ("us.anthropic.claude-opus-4-1-20250805-v1:0", "claude-opus-4-1"),
            ("eu.anthropic.claude-opus-4-20250514-v1:0", "claude-opus-4-20250514"),
            ("claude-opus-4-1-20250805", "claude-opus-4-1"),
            ("claude-opus-4-1@20250805", "claude-opus-4-1"),
            ("claude-opus-4@20250514", "claude-opus-4-20250514"),
            ("claude-haiku-20250101", "claude-haiku@20250101"),
            ("claude-fable-5@default", "claude-fable-5"),
            ("claude-fable-5-v12:34", "claude-fable-5"),
            ("claude-fable-5-v:3", ""),
            ("claude-fable-5-v1", ""),
            ("claude-opus-4-20250515", ""),
            ("claude-opus-4-1-2025080", ""),
            ("claude-none@default", ""),
            ("anthropic/claude-fable-5", ""),
        ];
        for (model, expected) in table {
            let expected = (!expected.is_empty()).then(|| format!("anthropic {expected}"));
            assert_eq!(found(Some("anthropic"), model), expected, "{model}");
        }
    }

    #[test]
    fn routes_and_providers() {
        let table = [
            (Some("openai"), "deepseek/deepseek-chat", "deepseek deepseek-chat"),
            (None, "deepseek/deepseek-chat", "deepseek deepseek-chat"),
            (None, "kimi-coding/k3", "kimi-for-coding k3"),
            (None, "kimi-for-coding/k3", "kimi-for-coding k3"),
            (None, "opencode/big", "opencode big"),
            (None, "opencode-free/big", "opencode big"),
            (None, "opencode-go/big", "opencode-go big"),
            (None, "openai/gpt-5", "openai gpt-5"),
            (Some("openai"), "acme/gpt-5", ""),
            (None, "acme/gpt-5", ""),
            (None, "anthropic/claude-fable-5", ""),
            (Some("openai"), "opencode/gpt-5", ""),
            (None, "gpt-5", "openai gpt-5"),
            (None, "o3", "openai o3"),
            (None, "codex-mini-latest", "openai codex-mini-latest"),
            (None, "claude-fable-5", "anthropic claude-fable-5"),
            (None, "us.anthropic.claude-opus-4-1-v1:0", "anthropic claude-opus-4-1"),
            (None, "gemini-3-pro", ""),
            (None, "unknown", ""),
            (Some("gemini"), "gemini-3-pro", "google gemini-3-pro"),
            (Some(" openai-codex "), "gpt-5", "openai gpt-5"),
            (Some("claude-cli"), "claude-fable-5", "anthropic claude-fable-5"),
            (
                Some("openrouter"),
                "anthropic/claude-opus-4-1",
                "openrouter anthropic/claude-opus-4-1",
            ),
            (Some("openrouter"), "gpt-5", ""),
            (Some("azure"), "gpt-5", ""),
            (Some("anthropic"), "gpt-5", ""),
            (Some("openai"), "claude-fable-5", ""),
            (Some(""), "gpt-5", ""),
        ];
        for (provider, model, expected) in table {
            let expected = Some(expected.to_owned()).filter(|expected| !expected.is_empty());
            assert_eq!(found(provider, model), expected, "{provider:?} {model}");
        }
    }

    #[test]
    fn what_is_spelled_out_comes_first() {
        let both = |provider: &str, model: &str| {
            ["gpt-5.6", "gpt-5.6-sol"].contains(&model).then(|| format!("{provider} {model}"))
        };
        assert_eq!(resolve(Some("openai"), "gpt-5.6", &both).unwrap(), "openai gpt-5.6");
    }

    #[test]
    fn odd_names_are_no_harm() {
        for model in [
            "é-2025-01-01",
            "日本-20250101",
            "@20250101",
            "-v1:0",
            ".",
            "/",
            "openai/",
            "anthropic.",
        ] {
            for provider in [None, Some("openai"), Some("anthropic"), Some("x")] {
                assert_eq!(found(provider, model), None, "{model}");
            }
        }
    }
}
