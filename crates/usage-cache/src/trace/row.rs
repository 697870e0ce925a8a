//! What a row of the log says, if it says something of a turn.
//!
//! A body is `span{field=value …}:span{…}: <event>`. Of all that stands in it, which can be what
//! somebody has written, nothing but names of turns, threads and models is looked at. The shapes
//! and their order are those of steipete/CodexBar (`CostUsageScanner+CodexPriority`).

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;

use crate::json::{Cursor, Fields, Malformed, Raw, name, read_object};

/// What a row says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said<'r> {
    /// An answer of a turn is complete.
    Completed {
        /// The turn.
        turn: &'r str,
        /// The model that answered.
        model: Cow<'r, str>,
    },
    /// Something was asked for with priority.
    Priority {
        /// The turn.
        turn: Cow<'r, str>,
        /// The thread it belongs to.
        thread: Option<&'r str>,
        /// The model that was asked for, which may be an alias.
        model: Option<Cow<'r, str>>,
    },
}

static EVENT: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("websocket event:"));
static REQUEST: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("websocket request:"));
static SUBMISSION: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("Submission sub=Submission {"));
/// Most rows have neither, and are passed over after one look for each.
static COMPLETED: LazyLock<Finder<'static>> =
    LazyLock::new(|| Finder::new("\"response.completed\""));
static PRIORITY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("priority"));

/// Reads a body.
pub(super) fn read(body: &[u8]) -> Option<Said<'_>> {
    if COMPLETED.find(body).is_some()
        && let Some(completed) = completed(body)
    {
        return Some(completed);
    }
    PRIORITY.find(body)?;
    if REQUEST.find(body).is_some() { request(body) } else { submission(body) }
}

fn completed(body: &[u8]) -> Option<Said<'_>> {
    let (prefix, json) = split(body, &EVENT)?;
    let Message { kind, response, .. } = Message::read(json)?;
    if kind != Some(b"\"response.completed\"") {
        return None;
    }
    let model = response?.model.and_then(name).filter(|model| !model.is_empty())?;
    Some(Said::Completed { turn: turn(prefix)?, model })
}

fn request(body: &[u8]) -> Option<Said<'_>> {
    let (prefix, json) = split(body, &REQUEST)?;
    let message = Message::read(json)?;
    let is_priority = message.kind == Some(b"\"response.create\"")
        && message.service_tier == Some(b"\"priority\"");
    if !is_priority {
        return None;
    }
    let own = || message.turn.and_then(name).filter(|turn| !turn.is_empty());
    Some(Said::Priority {
        turn: turn(prefix).map(Cow::Borrowed).or_else(own)?,
        thread: value(prefix, "thread_id="),
        model: message.model.and_then(name),
    })
}

/// What the name of the turn comes after.
const ID: &[u8] = b"id: \"";

/// Since July 2026 the terms are those of a submission, in Rust's debug format.
fn submission(body: &[u8]) -> Option<Said<'_>> {
    memchr::memmem::find(body, b"service_tier: Some(Some(\"priority\"))")?;
    let (prefix, rest) = split(body, &SUBMISSION)?;
    let rest = rest.get(memchr::memmem::find(rest, ID)? + ID.len()..)?;
    let turn = rest.get(..memchr::memchr(b'"', rest)?)?;
    Some(Said::Priority {
        turn: Cow::Borrowed(id(turn)?),
        thread: value(prefix, "thread_id="),
        model: None,
    })
}

/// What stands before and after the first marker.
fn split<'r>(body: &'r [u8], marker: &Finder<'_>) -> Option<(&'r [u8], &'r [u8])> {
    let at = marker.find(body)?;
    Some((body.get(..at)?, body.get(at + marker.needle().len()..)?))
}

fn turn(prefix: &[u8]) -> Option<&str> {
    value(prefix, "turn.id=").or_else(|| value(prefix, "turn_id="))
}

/// The value of the first field of that name, up to where the formatter goes on.
fn value<'r>(prefix: &'r [u8], field: &str) -> Option<&'r str> {
    let at = memchr::memmem::find(prefix, field.as_bytes())? + field.len();
    let rest = prefix.get(at..)?;
    let ends = |byte: &u8| byte.is_ascii_whitespace() || b",])}:".contains(byte);
    id(rest.get(..rest.iter().position(ends).unwrap_or(rest.len()))?)
}

/// What can be the name of a turn or thread. What is longer is something else, of which nothing
/// may be kept.
fn id(value: &[u8]) -> Option<&str> {
    const ID_BYTES_MAX: usize = 256;
    let is_id = !value.is_empty() && value.len() <= ID_BYTES_MAX;
    std::str::from_utf8(value).ok().filter(|_| is_id)
}

/// The fields of a message that matter.
#[derive(Default)]
struct Message<'r> {
    kind: Option<&'r [u8]>,
    service_tier: Option<&'r [u8]>,
    turn: Option<Raw<'r>>,
    model: Option<Raw<'r>>,
    response: Option<Response<'r>>,
}

#[derive(Default)]
struct Response<'r> {
    model: Option<Raw<'r>>,
}

impl<'r> Message<'r> {
    fn read(json: &'r [u8]) -> Option<Self> {
        read_object(json).ok()?
    }
}

impl<'a> Fields<'a> for Message<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        match key {
            b"type" => self.kind = Some(value.raw()?.get()),
            b"service_tier" => self.service_tier = Some(value.raw()?.get()),
            b"turn_id" => self.turn = Some(value.raw()?),
            b"model" => self.model = Some(value.raw()?),
            b"response" => value.object(&mut self.response)?,
            _ => value.skip()?,
        }
        Ok(())
    }
}

impl<'a> Fields<'a> for Response<'a> {
    fn read(&mut self, key: &[u8], value: &mut Cursor<'a>) -> Result<(), Malformed> {
        match key {
            b"model" => self.model = Some(value.raw()?),
            _ => value.skip()?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(body: &str) -> Option<Said<'_>> {
        read(body.as_bytes())
    }

    fn completed<'r>(turn: &'r str, model: &'r str) -> Said<'r> {
        Said::Completed { turn, model: model.into() }
    }

    fn priority<'r>(turn: &'r str, thread: Option<&'r str>, model: Option<&'r str>) -> Said<'r> {
        Said::Priority { turn: turn.into(), thread, model: model.map(Cow::Borrowed) }
    }

    #[test]
    fn completed_answers() {
        let prefix = "INFO thread_id=thread turn.id=turn websocket event: ";
        let table = [
            (
                r#"{"type":"response.completed","response":{"model":"m"}}"#,
                Some(completed("turn", "m")),
            ),
            (
                r#"{ "response" : { "model" : "m", "output":["private"] }, "type": "response.completed" } "#,
                Some(completed("turn", "m")),
            ),
            (r#"{"type":"response.completed","response":{"model":""}}"#, None),
            (r#"{"type":"response.completed","response":{"model":7}}"#, None),
            (r#"{"type":"response.completed"}"#, None),
            (r#"{"type":"response.created","response":{"model":"m"}}"#, None),
            (r#"{"type":"response.completed","response":{"model":"m"}} and more"#, None),
            (r#"{"type":"response.completed","response":{"model":"m"}"#, None),
        ];
        for (json, expected) in table {
            assert_eq!(said(&format!("{prefix}{json}")), expected, "{json}");
        }
        let json = r#"websocket event: {"type":"response.completed","response":{"model":"m"}}"#;
        for (prefix, turn) in [
            ("turn{turn_id=a}:", Some("a")),
            ("turn{turn_id=a turn.id=b}:", Some("b")),
            ("turn{turn.id= turn_id=a}:", Some("a")),
            ("xturn_id=a ", Some("a")),
            ("thread_id=a ", None),
            ("", None),
        ] {
            let expected = turn.map(|turn| completed(turn, "m"));
            assert_eq!(said(&format!("{prefix}{json}")), expected, "{prefix}");
        }
    }

    #[test]
    fn requests_with_priority() {
        let prefix = "thread_id=thread-a turn.id=turn-a websocket request: ";
        let expected = Some(priority("turn-a", Some("thread-a"), Some("gpt-5.5")));
        let table = [
            (
                r#"{"type":"response.create","model":"gpt-5.5","service_tier":"priority","input":"private"}"#,
                expected.clone(),
            ),
            (
                r#"{"service_tier": "priority", "model": "gpt-5.5", "type": "response.create"}"#,
                expected,
            ),
            (
                r#"{"type":"response.create","service_tier":"priority"}"#,
                Some(priority("turn-a", Some("thread-a"), None)),
            ),
            (r#"{"type":"session.update","service_tier":"priority"}"#, None),
            (r#"{"type":"response.create","model":"priority"}"#, None),
            (r#"{"type":"response.create","service_tier":"default","a":"priority"}"#, None),
            (r#"{"type":"response.create","service_tier":"Priority priority"}"#, None),
            (r#"{"type":"response.create","service_tier":"fast","a":"priority"}"#, None),
            ("{ priority", None),
            (r#"["priority"]"#, None),
        ];
        for (json, expected) in table {
            assert_eq!(said(&format!("{prefix}{json}")), expected, "{json}");
        }
        let json = r#"websocket request: {"type":"response.create","service_tier":"priority","turn_id":"own"}"#;
        for (prefix, expected) in [
            ("", Some(priority("own", None, None))),
            ("turn_id=t: ", Some(priority("t", None, None))),
            ("turn{thread_id=th, turn_id=t]", Some(priority("t", Some("th"), None))),
            ("thread_id=th) turn.id=t} ", Some(priority("t", Some("th"), None))),
        ] {
            assert_eq!(said(&format!("{prefix}{json}")), expected, "{prefix}");
        }
        let empty = r#"websocket request: {"type":"response.create","service_tier":"priority","turn_id":""}"#;
        assert_eq!(said(empty), None);
    }

    #[test]
    fn submissions_with_priority() {
        let body = r#"session_loop{thread_id=thread}: Submission sub=Submission { id: "turn", op: UserInput { text: "private" }, thread_settings: ThreadSettingsOverrides { service_tier: Some(Some("priority")) }"#;
        assert_eq!(said(body), Some(priority("turn", Some("thread"), None)));
        for (from, to) in [
            ("Some(Some(\"priority\"))", "Some(Some(\"default\")) priority"),
            ("Submission sub=Submission {", "Submission sub="),
            ("id: \"turn\"", "id: \"\""),
            ("Submission {", "websocket request: Submission {"),
        ] {
            assert_eq!(said(&body.replace(from, to)), None, "{to}");
        }
    }

    #[test]
    fn what_is_no_text_is_passed_over() {
        assert_eq!(read(b"turn.id=\xff websocket request: {\"type\":\"response.create\",\"service_tier\":\"priority\"}"), None);
        assert_eq!(read(b""), None);
        let long = format!(
            "turn.id={} websocket request: {{\"type\":\"response.create\",\"service_tier\":\"priority\"}}",
            "x".repeat(257)
        );
        assert_eq!(read(long.as_bytes()), None);
    }
}
