use super::*;

/// Lines of all kinds, in ways that no runtime would write.
fn any_line() -> impl Strategy<Value = String> {
    let id = || prop::sample::select(vec!["a", "b", "c"]);
    let numbers = || 0_u64..6;
    let usage = move || {
        [numbers(), numbers(), numbers()].prop_map(|[input, cached, output]| {
            format!(
                r#"{{"input_tokens":{},"cached_input_tokens":{cached},"output_tokens":{output}}}"#,
                input * 10
            )
        })
    };
    let sub_agent = prop_oneof![
        3 => Just(""),
        1 => Just(r#","thread_source":"subagent""#),
        1 => Just(r#","source":{"subagent":{"thread_spawn":{}}}"#),
        1 => Just(r#","source":{"subagent":{"thread_spawn":1}},"subagent_history_start_ordinal":3"#),
        1 => Just(r#","forked_from_id":"b","model_provider":"p""#),
    ];
    prop_oneof![
        8 => (usage(), usage()).prop_map(|(total, last)| {
            tokens_with(&format!(r#""total_token_usage":{total},"last_token_usage":{last}"#))
        }),
        8 => (0_u64..40, 1_u64..5).prop_map(|(before, last)| tokens(before + last, last)),
        2 => usage().prop_map(|last| tokens_with(&format!(r#""last_token_usage":{last}"#))),
        2 => usage().prop_map(|total| tokens_with(&format!(r#""total_token_usage":{total}"#))),
        2 => (0_u64..6).prop_map(|n| tokens(n, n).replacen('{', &format!(r#"{{"ordinal":{n},"#), 1)),
        3 => (id(), sub_agent).prop_map(|(id, more)| meta(&format!(r#""id":"{id}"{more}"#))),
        3 => id().prop_map(context),
        3 => Just(trigger()),
        1 => Just(format!("{}\u{0}{}", context("glued"), trigger())),
        1 => prop::sample::select(vec!["", " ", "{", "{}", "\"token_count\"", "{\"turn_context\""])
            .prop_map(str::to_owned),
    ]
}

/// The same JSON with other spaces and another order of keys.
fn rewrite(value: &serde_json::Value, reverse: bool, space: &str) -> String {
    match value {
        serde_json::Value::Object(fields) => {
            let mut fields: Vec<_> = fields
                .iter()
                .map(|(key, value)| {
                    format!("{space}\"{key}\"{space}:{space}{}", rewrite(value, reverse, space))
                })
                .collect();
            if reverse {
                fields.reverse();
            }
            format!("{{{}{space}}}", fields.join(","))
        }
        value => value.to_string(),
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read(
        lines in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..100),
                (any_line(), any::<prop::sample::Index>(), any::<u8>()).prop_map(|(line, at, byte)| {
                    let mut line = line.into_bytes();
                    if !line.is_empty() {
                        let at = at.index(line.len());
                        line[at] = byte;
                    }
                    line
                }),
            ],
            0..20,
        ),
        state in any::<String>(),
    ) {
        let parsed = parse(&lines);
        prop_assert_eq!(parsed.outcomes.len(), lines.len());
        prop_assert_eq!(parse_from(Some(&state), &lines).outcomes, parsed.outcomes);
    }

    #[test]
    fn a_reading_can_be_broken_off_after_any_line(
        lines in prop::collection::vec(any_line(), 0..30),
    ) {
        let whole = parse(&lines);
        for at in 0..=lines.len() {
            let (head, tail) = lines.split_at(at);
            let mut parsed = parse(head);
            let rest = parse_from(parsed.state.as_deref(), tail);
            parsed.events.extend(rest.events);
            parsed.outcomes.extend(rest.outcomes);
            prop_assert_eq!(&parsed.events, &whole.events);
            prop_assert_eq!(&parsed.outcomes, &whole.outcomes);
            prop_assert_eq!(&rest.lineage, &whole.lineage);
            prop_assert_eq!(&rest.state, &whole.state);
        }
    }

    #[test]
    fn spaces_and_the_order_of_keys_do_not_matter(
        lines in prop::collection::vec(any_line(), 0..30), reverse: bool, space in "[ \t]{0,2}",
    ) {
        let rewritten: Vec<_> = lines
            .iter()
            .map(|line| {
                let value = serde_json::from_str(line);
                value.map_or(line.clone(), |value| rewrite(&value, reverse, &space))
            })
            .collect();
        let (plain, rewritten) = (parse(&lines), parse(&rewritten));
        prop_assert_eq!(plain.events, rewritten.events);
        prop_assert_eq!(plain.outcomes, rewritten.outcomes);
        prop_assert_eq!(plain.lineage, rewritten.lineage);
    }
}
