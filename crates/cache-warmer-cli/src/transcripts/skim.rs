//! What a line says besides what was used: when, and by whom.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use serde::Deserialize;

use super::Runtime;

/// What matters of a line.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Skim<'l> {
    /// When it was written, as it is written there.
    pub(super) at: Option<Cow<'l, str>>,
    /// Whether it is something that a request is sent with, rather than a part of an answer.
    pub(super) is_input: bool,
    /// Which sub-agent it is about, if it is about one; without a name if it has none.
    pub(super) agent: Option<Cow<'l, str>>,
    /// Whether it says that the whole transcript is that of a sub-agent.
    pub(super) marks_subagent: bool,
}

/// Reads a line. One that cannot be read says nothing; the parser of usage counts it.
pub(super) fn skim(runtime: Runtime, line: &[u8]) -> Skim<'_> {
    let skimmed = match runtime {
        Runtime::Claude => claude(line),
        Runtime::Codex => codex(line),
        Runtime::OpenClaw => openclaw(line),
    };
    skimmed.unwrap_or_default()
}

#[derive(Deserialize)]
struct ClaudeLine<'l> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'l, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'l, str>>,
    #[serde(rename = "isSidechain", default)]
    is_sidechain: Option<bool>,
    #[serde(rename = "agentId", borrow)]
    agent: Option<Cow<'l, str>>,
}

/// What tells, without reading a line of Claude Code, what is in it. Quotes in texts have a backslash
/// before them, so these are keys.
struct Marks {
    kind: Finder<'static>,
    user: Finder<'static>,
    timestamp: Finder<'static>,
    /// Those of lines that have to be read.
    others: [Finder<'static>; 3],
}

static MARKS: LazyLock<Marks> = LazyLock::new(|| Marks {
    kind: Finder::new(b"\"type\":\""),
    user: Finder::new(b"\"type\":\"user\""),
    timestamp: Finder::new(b"\"timestamp\":\""),
    others: [
        Finder::new(b"\"type\":\"attachment\""),
        Finder::new(b"\"isSidechain\":true"),
        Finder::new(b"\"type\":\"progress\""),
    ],
});

/// What a line of Claude Code says, if that can be told without reading all of it. Most of them are
/// long, and all but their time is not of interest here. Without any mark, wherever, a line is neither
/// input nor that of a sub-agent. A mark may as well be in the arguments of a tool: it counts only
/// if no other object begins before it.
fn claude_at_a_glance(line: &[u8]) -> Option<Skim<'_>> {
    let marks = &*MARKS;
    // Another writer, with spaces between, has to be read.
    marks.kind.find(line)?;
    if marks.others.iter().any(|mark| mark.find(line).is_some()) {
        return None;
    }
    let Some(user) = marks.user.find(line) else {
        // The time of an answer is in the answer.
        return Some(Skim::default());
    };
    if memchr::memrchr(b'{', line.get(..user)?) != Some(0) {
        return None;
    }
    let mut times = marks.timestamp.find_iter(line);
    let (at, None) = (times.next()?, times.next()) else { return None };
    let (at, _) = text(line.get(at + marks.timestamp.needle().len()..)?)?;
    Some(Skim { at: Some(at.into()), is_input: true, ..Skim::default() })
}

fn claude(line: &[u8]) -> Option<Skim<'_>> {
    claude_at_a_glance(line).or_else(|| claude_in_full(line))
}

fn claude_in_full(line: &[u8]) -> Option<Skim<'_>> {
    let ClaudeLine { kind, timestamp, is_sidechain, agent } = serde_json::from_slice(line).ok()?;
    let kind = kind.as_deref();
    // A line about the progress of a sub-agent holds a line of that.
    let is_of_agent = is_sidechain == Some(true) || kind == Some("progress");
    Some(Skim {
        at: timestamp,
        // Attachments are what the runtime adds to what a person says.
        is_input: matches!(kind, Some("user" | "attachment")),
        agent: is_of_agent.then(|| agent.unwrap_or_default()),
        marks_subagent: false,
    })
}

#[derive(Deserialize)]
struct CodexLine<'l> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'l, str>>,
    #[serde(borrow)]
    timestamp: Option<Cow<'l, str>>,
    #[serde(borrow)]
    payload: Option<CodexPayload<'l>>,
}

#[derive(Deserialize)]
struct CodexPayload<'l> {
    #[serde(rename = "type", borrow)]
    kind: Option<Cow<'l, str>>,
    #[serde(borrow)]
    role: Option<Cow<'l, str>>,
    #[serde(borrow)]
    thread_source: Option<Cow<'l, str>>,
    /// A word, or an object `{"subagent": …}`.
    source: Option<serde_json::Value>,
}

fn codex(line: &[u8]) -> Option<Skim<'_>> {
    codex_at_a_glance(line).or_else(|| codex_in_full(line))
}

/// What a line of Codex says, if it begins as Codex writes it: time, type, and the type of the
/// payload. What follows is most of it.
fn codex_at_a_glance(line: &[u8]) -> Option<Skim<'_>> {
    let (at, rest) = text(line.strip_prefix(b"{\"timestamp\":\"")?)?;
    let (kind, rest) = text(rest.strip_prefix(b",\"type\":\"")?)?;
    let rest = rest.strip_prefix(b",\"payload\":{")?;
    let (part, role) = match kind {
        "response_item" | "event_msg" => {
            let (part, rest) = text(rest.strip_prefix(b"\"type\":\"")?)?;
            let role = match part {
                "message" => Some(text(rest.strip_prefix(b",\"role\":\"")?)?.0),
                _ => None,
            };
            (part, role)
        }
        "turn_context" => ("", None),
        // Who it is has to be looked for.
        _ => return None,
    };
    Some(Skim {
        at: Some(at.into()),
        is_input: is_codex_input(kind, part, role),
        ..Skim::default()
    })
}

/// Text up to a quote, and what is behind that; `None` if there is anything to be unescaped.
fn text(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (text, rest) = bytes.split_at_checked(memchr::memchr2(b'"', b'\\', bytes)?)?;
    Some((std::str::from_utf8(text).ok()?, rest.strip_prefix(b"\"")?))
}

fn is_codex_input(kind: &str, part: &str, role: Option<&str>) -> bool {
    match kind {
        "turn_context" => true,
        "response_item" => {
            part.ends_with("_output") || part == "message" && role != Some("assistant")
        }
        "event_msg" => matches!(part, "user_message" | "task_started" | "turn_started"),
        _ => false,
    }
}

fn codex_in_full(line: &[u8]) -> Option<Skim<'_>> {
    let CodexLine { kind, timestamp, payload } = serde_json::from_slice(line).ok()?;
    let part = payload.as_ref().and_then(|payload| payload.kind.as_deref()).unwrap_or_default();
    let role = payload.as_ref().and_then(|payload| payload.role.as_deref());
    let is_input = is_codex_input(kind.as_deref().unwrap_or_default(), part, role);
    let is_meta = kind.as_deref() == Some("session_meta");
    let marks_subagent = payload.is_some_and(|payload| {
        let source = payload.source.as_ref().and_then(|source| source.get("subagent"));
        is_meta && (source.is_some() || payload.thread_source.as_deref() == Some("subagent"))
    });
    Some(Skim { at: timestamp, is_input, agent: None, marks_subagent })
}

#[derive(Deserialize)]
struct OpenClawLine<'l> {
    #[serde(borrow)]
    timestamp: Option<Cow<'l, str>>,
    #[serde(borrow)]
    message: Option<OpenClawMessage<'l>>,
}

#[derive(Deserialize)]
struct OpenClawMessage<'l> {
    #[serde(borrow)]
    role: Option<Cow<'l, str>>,
}

fn openclaw(line: &[u8]) -> Option<Skim<'_>> {
    openclaw_at_a_glance(line).or_else(|| openclaw_in_full(line))
}

static MESSAGE: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new(b",\"message\":{\"role\":\""));
static TIMESTAMP: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\"timestamp\":\""));

/// What a line of OpenClaw says, if the message is behind all else and begins with its role.
fn openclaw_at_a_glance(line: &[u8]) -> Option<Skim<'_>> {
    let (head, message) = line.split_at_checked(MESSAGE.find(line)?)?;
    if memchr::memrchr(b'{', head) != Some(0) {
        return None;
    }
    let at = TIMESTAMP.find(head)? + TIMESTAMP.needle().len();
    let (at, _) = text(head.get(at..)?)?;
    let (role, _) = text(message.get(MESSAGE.needle().len()..)?)?;
    Some(Skim { at: Some(at.into()), is_input: role != "assistant", ..Skim::default() })
}

fn openclaw_in_full(line: &[u8]) -> Option<Skim<'_>> {
    let OpenClawLine { timestamp, message } = serde_json::from_slice(line).ok()?;
    let role = message.and_then(|message| message.role);
    let is_input = role.is_some_and(|role| role != "assistant");
    Some(Skim { at: timestamp, is_input, ..Skim::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_all_runtimes() {
        let at = "\"timestamp\":\"2026-09-01T00:00:00Z\"";
        let table = [
            (Runtime::Claude, r#""type":"user","message":{"role":"user"}"#, true, None, false),
            (Runtime::Claude, r#""type": "assistant","message":{}"#, false, None, false),
            (
                Runtime::Claude,
                r#""type":"user","toolUseResult":{"timestamp":"1990-01-01"}"#,
                true,
                None,
                false,
            ),
            (Runtime::Claude, r#""type": "user""#, true, None, false),
            (Runtime::Claude, r#""type":"attachment","attachment":{}"#, true, None, false),
            (Runtime::Claude, r#""type":"user","isSidechain":true"#, true, Some(""), false),
            (
                Runtime::Claude,
                r#""type":"assistant","isSidechain":true,"agentId":"a1""#,
                false,
                Some("a1"),
                false,
            ),
            (Runtime::Claude, r#""type":"progress","data":{}"#, false, Some(""), false),
            (Runtime::Codex, r#""type":"turn_context","payload":{}"#, true, None, false),
            (
                Runtime::Codex,
                r#""type":"response_item","payload":{"type":"function_call_output"}"#,
                true,
                None,
                false,
            ),
            (
                Runtime::Codex,
                r#""type":"response_item","payload":{"type":"message","role":"assistant"}"#,
                false,
                None,
                false,
            ),
            (
                Runtime::Codex,
                r#""type":"response_item","payload":{"type":"message","role":"user"}"#,
                true,
                None,
                false,
            ),
            (
                Runtime::Codex,
                r#""type":"session_meta","payload":{"source":{"subagent":{"thread_spawn":{}}}}"#,
                false,
                None,
                true,
            ),
            (
                Runtime::Codex,
                r#""type":"session_meta","payload":{"source":"cli"}"#,
                false,
                None,
                false,
            ),
            (Runtime::OpenClaw, r#""message":{"role":"toolResult"}"#, true, None, false),
            (Runtime::OpenClaw, r#""message":{"role":"assistant"}"#, false, None, false),
        ];
        for (runtime, fields, is_input, agent, marks_subagent) in table {
            let line = format!("{{{fields},{at}}}");
            let expected = Skim {
                at: Some("2026-09-01T00:00:00Z".into()),
                is_input,
                agent: agent.map(Cow::from),
                marks_subagent,
            };
            assert_eq!(skim(runtime, line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn lines_of_codex_and_openclaw_are_told_at_a_glance() {
        let at = "2026-09-01T00:00:00Z";
        for fields in [
            r#""type":"turn_context","payload":{"model":"gpt-5"}"#,
            r#""type":"response_item","payload":{"type":"message","role":"user","content":[]}"#,
            r#""type":"response_item","payload":{"type":"message","role":"assistant"}"#,
            r#""type":"response_item","payload":{"type":"function_call_output","output":"\"x"}"#,
            r#""type":"event_msg","payload":{"type":"token_count","info":null}"#,
            r#""type":"event_msg","payload":{"type":"user_message","message":"hi"}"#,
        ] {
            let line = format!("{{\"timestamp\":\"{at}\",{fields}}}");
            let glance = codex_at_a_glance(line.as_bytes());
            assert!(glance.is_some(), "{line}");
            assert_eq!(glance, codex_in_full(line.as_bytes()), "{line}");
        }
        for role in ["user", "toolResult", "assistant"] {
            let line = format!(
                r#"{{"type":"message","id":"a","timestamp":"{at}","message":{{"role":"{role}","content":"\"timestamp\":\"x\""}}}}"#
            );
            let glance = openclaw_at_a_glance(line.as_bytes());
            assert!(glance.is_some(), "{line}");
            assert_eq!(glance, openclaw_in_full(line.as_bytes()), "{line}");
        }
        // What is written in another way is read.
        let others = [
            r#"{"type":"message","timestamp":"t","data":{},"message":{"role":"user"}}"#,
            r#"{"type":"message","message":{"role":"user"},"timestamp":"t"}"#,
        ];
        for line in others {
            assert_eq!(openclaw_at_a_glance(line.as_bytes()), None, "{line}");
            assert!(openclaw(line.as_bytes()).is_some_and(|skim| skim.is_input), "{line}");
        }
        assert_eq!(codex_at_a_glance(br#"{"type":"turn_context","timestamp":"t"}"#), None);
    }

    #[test]
    fn lines_of_claude_are_told_at_a_glance_if_that_is_certain() {
        let at = "\"timestamp\":\"2026-09-01T00:00:00Z\"";
        // Each with whether it has to be read, and whether it is input.
        let lines = [
            (r#""type":"summary","summary":"none""#, false, false),
            (r#""type":"assistant","message":{"content":[{"type":"text"}]}"#, false, false),
            (r#""type":"assistant","message":{"content":"a \"type\":\"user\""}"#, false, false),
            (r#""type":"assistant","isSidechain":false,"agentId":"a1""#, false, false),
            (r#""type":"user","message":{"content":"a \"timestamp\":\"x\" b"}"#, false, true),
            (r#""isSidechain":false,"type":"user""#, false, true),
            (r#""type":"user","message":{"content":[{"type":"user"}]}"#, false, true),
            // What is input can have to be read, too.
            (r#""message":{"content":"{"},"type":"user""#, true, true),
            (r#""type":"user","toolUseResult":{"timestamp":"1990-01-01"}"#, true, true),
            (r#""type":"attachment","attachment":{"type":"file"}"#, true, true),
            (r#""type":"progress","data":{"type":"user"}"#, true, false),
            // These are not what they have in them.
            (r#""type":"assistant","message":{"input":{"type":"user"}}"#, true, false),
            (r#""message":{"input":{"type":"user"}},"type":"assistant""#, true, false),
            (r#""message":{"input":{"type":"attachment"}},"type":"assistant""#, true, false),
            (r#""type":"assistant","message":{"input":{"isSidechain":true}}"#, true, false),
        ];
        for (fields, has_to_be_read, is_input) in lines {
            let line = format!("{{{fields},{at}}}");
            let glance = claude_at_a_glance(line.as_bytes());
            assert_eq!(glance.is_none(), has_to_be_read, "{line}");
            let mut full = claude_in_full(line.as_bytes()).unwrap();
            assert_eq!(full.is_input, is_input, "{line}");
            if !has_to_be_read && !is_input {
                // An answer has a time of its own.
                full.at = None;
            }
            assert_eq!(skim(Runtime::Claude, line.as_bytes()), full, "{line}");
        }
    }

    #[test]
    fn a_damaged_line_says_nothing() {
        for line in ["", "{", "null", "[1]", r#"{"type":3}"#, r#"{"timestamp":[]}"#] {
            assert_eq!(skim(Runtime::Claude, line.as_bytes()), Skim::default(), "{line}");
        }
    }
}
