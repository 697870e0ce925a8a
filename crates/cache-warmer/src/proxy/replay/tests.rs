use proptest::prelude::*;
use serde_json::Value;

use super::*;

use Endpoint::{ChatCompletions, Messages, Responses};

#[test]
fn only_the_documented_members_change() {
    let table = [
        (
            Messages,
            r#"{"model":"m", "max_tokens": 4096,"stream":true , "messages":[{"content":"stream"}]}"#,
            r#"{"model":"m", "max_tokens": 0,"stream":false , "messages":[{"content":"stream"}]}"#,
        ),
        (Messages, r#"{"n":1.0e+2,"m":"\u00e9"}"#, r#"{"max_tokens":0,"n":1.0e+2,"m":"\u00e9"}"#),
        (Messages, "{}", r#"{"max_tokens":0}"#),
        (
            Messages,
            r#"{"max_tokens":9,"tool_choice":{"type":"any"}}"#,
            r#"{"max_tokens":1,"tool_choice":{"type":"any"}}"#,
        ),
        (
            Messages,
            r#"{"max_tokens":9,"tool_choice":{"type":"auto"},"thinking":{"type":"adaptive"}}"#,
            r#"{"max_tokens":0,"tool_choice":{"type":"auto"},"thinking":{"type":"adaptive"}}"#,
        ),
        (
            Messages,
            r#"{"max_tokens":9,"output_config":{"format":{"type":"json_schema"}}}"#,
            r#"{"max_tokens":1,"output_config":{"format":{"type":"json_schema"}}}"#,
        ),
        (
            Messages,
            r#"{"max_tokens":9,"output_config":{"effort":"high"}}"#,
            r#"{"max_tokens":0,"output_config":{"effort":"high"}}"#,
        ),
        (
            ChatCompletions,
            r#" {"stream":true,"stream_options":{"include_usage":true},"messages":[]}"#,
            r#" {"max_completion_tokens":1,"stream":false,"stream_options":null,"messages":[]}"#,
        ),
        (ChatCompletions, r#"{"max_tokens":100}"#, r#"{"max_tokens":1}"#),
        (
            ChatCompletions,
            r#"{"model":"gpt-5.2","max_completion_tokens":100}"#,
            r#"{"model":"gpt-5.2","max_completion_tokens":16}"#,
        ),
        (
            ChatCompletions,
            r#"{"model":"openai/o3-mini"}"#,
            r#"{"max_completion_tokens":16,"model":"openai/o3-mini"}"#,
        ),
        (
            ChatCompletions,
            r#"{"model":"gpt-4.1","max_tokens":100}"#,
            r#"{"model":"gpt-4.1","max_tokens":1}"#,
        ),
        (
            ChatCompletions,
            r#"{"model":"olmo-2","max_tokens":100}"#,
            r#"{"model":"olmo-2","max_tokens":1}"#,
        ),
        (ChatCompletions, r#"{"max_completion_tokens":7}"#, r#"{"max_completion_tokens":1}"#),
        (
            Responses,
            r#"{"input":"x","max_output_tokens":null,"store":true,"stream":true}"#,
            r#"{"input":"x","max_output_tokens":16,"store":false,"stream":false}"#,
        ),
        (Responses, r#"{"input":"x"}"#, r#"{"max_output_tokens":16,"store":false,"input":"x"}"#),
        (
            Responses,
            r#"{"tools":[{"type":"function"},{"type":"local_shell"}],"service_tier":"auto"}"#,
            r#"{"max_output_tokens":16,"store":false,"tools":[{"type":"function"},{"type":"local_shell"}],"service_tier":"auto"}"#,
        ),
        (
            ChatCompletions,
            r#"{"max_tokens":9,"store":true,"service_tier":null}"#,
            r#"{"max_tokens":1,"store":false,"service_tier":null}"#,
        ),
        // A name may be written with escapes.
        (Messages, r#"{"max\u005ftokens":9}"#, r#"{"max\u005ftokens":0}"#),
    ];
    for (endpoint, given, expected) in table {
        assert_eq!(replay(endpoint, given).as_deref(), Ok(expected));
    }
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    use NotReplayable::{Malformed, PremiumTier, SideEffect, ThinkingBudget};
    let table = [
        (Messages, r#"{"thinking":{"type":"enabled","budget_tokens":2000}}"#, ThinkingBudget),
        (Responses, r#"{"conversation":"conv_1"}"#, SideEffect),
        (Responses, r#"{"background":true}"#, SideEffect),
        (Responses, r#"{"tools":[{"type":"function"},{"type":"mcp"}]}"#, SideEffect),
        (Responses, r#"{"tools":[{}]}"#, SideEffect),
        (ChatCompletions, r#"{"web_search_options":{}}"#, SideEffect),
        (Responses, r#"{"service_tier":"priority"}"#, PremiumTier),
        (ChatCompletions, r#"{"service_tier":"flex"}"#, PremiumTier),
        (Messages, r#"{"speed":"fast"}"#, PremiumTier),
        (Messages, r#"{"speed":7}"#, PremiumTier),
        (Messages, "[]", Malformed),
        (Messages, "", Malformed),
        (Messages, r#"{"max_tokens":1,"max_tokens":2}"#, Malformed),
        (Messages, r#"{"a":1} x"#, Malformed),
        (ChatCompletions, r#"{"a":"#, Malformed),
    ];
    for (endpoint, given, expected) in table {
        assert_eq!(replay(endpoint, given), Err(expected), "{given}");
    }
}

type Members = &'static [(&'static str, &'static str)];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z{}\\[\\]\",:\\\\é]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{1,8}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn member() -> impl Strategy<Value = (String, Value)> {
    let name = prop_oneof![
        prop::sample::select(vec![
            "max_tokens",
            "max_completion_tokens",
            "max_output_tokens",
            "stream",
            "stream_options",
            "store",
            "messages",
            "system",
        ])
        .prop_map(str::to_owned),
        "[a-z\"\\\\]{1,8}",
    ];
    (name, json())
}

proptest! {
    #[test]
    fn all_other_members_stay_as_they_are(
        members in prop::collection::btree_map(
            any::<u8>(), member(), 0..8,
        ).prop_map(|map| map.into_values().collect::<Vec<_>>()),
        endpoint in prop::sample::select(vec![Messages, ChatCompletions, Responses]),
        space in prop::sample::select(vec!["", " ", "\n\t"]),
    ) {
        let mut names: Vec<_> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        prop_assume!(names.len() == members.len());
        let write = |(name, value): &(String, String)| {
            format!("{space}{}{space}:{space}{value}{space}", Value::from(name.as_str()))
        };
        let given: Vec<_> =
            members.iter().map(|(name, value)| (name.clone(), value.to_string())).collect();
        let text = |members: &[(String, String)], added: &str| {
            let members: Vec<_> = members.iter().map(write).collect();
            let comma = if added.is_empty() || members.is_empty() { "" } else { "," };
            format!("{space}{{{added}{comma}{}}}{space}", members.join(","))
        };
        let there = |name: &str| given.iter().any(|(member, _)| member == name);
        let is_set =
            |name: &str| given.iter().any(|(member, value)| member == name && value != "null");
        let (set, set_if_there): (Members, Members) = match endpoint {
            Messages => (&[("max_tokens", "0")], &[("stream", "false")]),
            ChatCompletions if is_set("max_tokens") => (
                &[("max_tokens", "1")],
                &[
                    ("max_completion_tokens", "1"),
                    ("store", "false"),
                    ("stream", "false"),
                    ("stream_options", "null"),
                ],
            ),
            ChatCompletions => (
                &[("max_completion_tokens", "1")],
                &[("store", "false"), ("stream", "false"), ("stream_options", "null")],
            ),
            Responses => (
                &[("max_output_tokens", "16"), ("store", "false")],
                &[("stream", "false"), ("stream_options", "null")],
            ),
        };
        let mut expected = given.clone();
        for (member, value) in &mut expected {
            let edit = set.iter().chain(set_if_there).find(|(name, _)| name == member);
            if let Some((_, new)) = edit {
                *value = (*new).to_owned();
            }
        }
        let added: Vec<_> = set
            .iter()
            .filter(|(name, _)| !there(name))
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        prop_assert_eq!(
            replay(endpoint, &text(&given, "")),
            Ok(text(&expected, &added.join(",")))
        );
    }
}
