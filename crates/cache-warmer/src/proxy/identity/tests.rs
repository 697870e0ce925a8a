use hyper::header::{HeaderName, HeaderValue};

use super::*;

use Endpoint::{ChatCompletions, Messages, Responses};

fn identity(endpoint: Endpoint, fields: &[(&str, &str)], text: &str) -> Option<Identity> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().unwrap();
        headers.insert(name, HeaderValue::from_str(value).unwrap());
    }
    Identity::of(endpoint, &headers, account(&headers), &Text::parse(text).unwrap())
}

fn same(endpoint: Endpoint, one: &str, other: &str) -> bool {
    identity(endpoint, &[], one).unwrap() == identity(endpoint, &[], other).unwrap()
}

#[test]
fn successive_turns_are_one_conversation() {
    assert!(same(
        Messages,
        r#"{"model":"m","system":"be brief","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#,
        r#"{"model":"m","max_tokens":6,"stream":true,"messages":[
            {"role":"user","content":[{"type":"text","text":"hi"}]},
            {"role":"assistant","content":"hello"},
            {"role":"user","content":[{"type":"text","text":"more","cache_control":{"type":"ephemeral"}}]}],
            "system":"be brief"}"#,
    ));
    // The mark for the cache moves on.
    assert!(same(
        Messages,
        r#"{"model":"m","messages":[{"role":"user","content":[
            {"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"x"}]}"#,
    ));
    assert!(same(
        Messages,
        r#"{"model":"m","system":[{"type":"text","text":"x-anthropic-billing-header: cch=1;"},
            {"type":"text","text":"S"}],"messages":[{"role":"user","content":"hi"}]}"#,
        r#"{"model":"m","system":[{"type":"text","text":"x-anthropic-billing-header: cch=2;"},
            {"type":"text","text":"S"}],"messages":[{"role":"user","content":"hi"}]}"#,
    ));
    assert!(same(
        ChatCompletions,
        r#"{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"hi"}]}"#,
        r#"{"model":"m","messages":[{"role":"system","content":"S"},{"role":"user","content":"hi"},
            {"role":"assistant","content":"x"},{"role":"user","content":"more"}]}"#,
    ));
    assert!(same(
        Responses,
        r#"{"model":"m","instructions":"S","input":[{"role":"user","content":"hi"}]}"#,
        r#"{"model":"m","instructions":"S","input":[{"role":"user","content":"hi"},{"type":"reasoning"}]}"#,
    ));
}

#[test]
fn each_part_of_the_prefix_tells_conversations_apart() {
    let base = r#"{"model":"m","tools":[{"name":"t"}],"system":"S","metadata":{"user_id":"u"},
        "messages":[{"role":"user","content":"hi"}]}"#;
    let of = |text: &str| identity(Messages, &[("x-api-key", "k")], text).unwrap();
    for (from, to, same_lineage) in [
        (r#""model":"m""#, r#""model":"n""#, false),
        (r#""name":"t""#, r#""name":"T""#, true),
        (r#""system":"S""#, r#""system":"R""#, true),
        (r#""user_id":"u""#, r#""user_id":"v""#, false),
        (r#""content":"hi""#, r#""content":"ho""#, false),
    ] {
        let other = base.replace(from, to);
        assert_ne!(other, base);
        assert_ne!(of(base).conversation, of(&other).conversation, "{to}");
        assert_eq!(of(base).lineage == of(&other).lineage, same_lineage, "{to}");
    }
    for fields in [[("session_id", "s")], [("x-claude-code-session-id", "s")]] {
        let other = identity(Messages, &fields, base).unwrap();
        assert_ne!(of(base).lineage, other.lineage, "{fields:?}");
    }
}

#[test]
fn credentials_tell_conversations_apart_only_where_there_is_no_session() {
    let of = |key, text| identity(Messages, &[("x-api-key", key)], text).unwrap();
    let plain = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    assert_ne!(of("k", plain).conversation, of("l", plain).conversation);
    let session = plain.replacen('{', r#"{"metadata":{"user_id":"u"},"#, 1);
    assert_eq!(of("k", &session).conversation, of("l", &session).conversation);
    assert_ne!(of("k", &session).account, of("l", &session).account);
}

#[test]
fn a_request_without_a_first_message_has_no_identity() {
    for (endpoint, text) in [
        (Messages, "{}"),
        (Messages, r#"{"model":"m"}"#),
        (Messages, r#"{"model":"m","messages":[]}"#),
        (Messages, r#"{"model":"m","messages":[{"role":"assistant","content":"x"}]}"#),
        (Messages, r#"{"model":"m","messages":[7]}"#),
        (Messages, r#"{"model":7,"messages":[{"role":"user","content":"hi"}]}"#),
        (ChatCompletions, r#"{"model":"m","messages":{"role":"user"}}"#),
        (Responses, r#"{"model":"m","input":7}"#),
        (Responses, r#"{"model":"m","input":"hi","previous_response_id":"resp_1"}"#),
    ] {
        assert_eq!(identity(endpoint, &[], text), None, "{text}");
    }
}

#[test]
fn a_subagent_is_told_by_what_its_client_says() {
    let text = r#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    for (name, value, expected) in [
        ("x-claude-code-agent-id", "a1", true),
        ("x-openai-subagent", "review", true),
        ("x-claude-code-agent-id", " ", false),
        ("x-claude-code-session-id", "s", false),
    ] {
        assert_eq!(identity(Messages, &[(name, value)], text).unwrap().is_subagent, expected);
    }
}
