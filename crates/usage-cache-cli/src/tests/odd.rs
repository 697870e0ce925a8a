//! Sessions whose names have what has to be written in another way, and whose numbers differ.

use std::{ops::ControlFlow, path::Path};

use common_fs::sim::Sim;
use proptest::{prelude::*, string::string_regex};
use serde_json::json;
use usage_cache::{Claude, Facts, Gone, Locations, Options, Place, Prices, refresh};

/// An answer: of which model, with priority or not, after how many seconds, and its tokens.
type Answer = (String, bool, u32, u64);

/// What is known of some sessions.
pub(crate) fn facts() -> impl Strategy<Value = Facts> {
    prop::collection::vec((text(), answers()), 0..4).prop_map(|sessions| {
        let sim = Sim::new();
        sim.fs.make_dir("/c/projects/p");
        for (number, (project, answers)) in sessions.iter().enumerate() {
            let line =
                |(at, answer): (usize, &Answer)| line(&format!("{number}-{at}"), project, answer);
            let content: String = answers.iter().enumerate().map(line).collect();
            sim.fs.put(format!("/c/projects/p/\"{number}\\,.jsonl"), content.as_bytes());
        }
        let places = vec![Place::new(&Claude, "/c")];
        let options = Options::new(Locations::new(places, Path::new("/state")));
        let refreshed = refresh(sim.host(), &options, &mut |_| ControlFlow::Continue(()));
        refreshed.usage.facts(Gone::Include, &Prices::builtin())
    })
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        string_regex("[a-z/]{1,40}").unwrap(),
        string_regex("[\"\\\\,\r\n\t\u{0}\u{1f}\u{7f} aé]{1,9}").unwrap(),
        any::<String>(),
    ]
}

fn answers() -> impl Strategy<Value = Vec<Answer>> {
    let priced = || Just("claude-opus-4-20250514".to_owned());
    let tokens = prop_oneof![0_u64..9, 0_u64..9_000_000, 0..=u64::MAX];
    let model = prop_oneof![3 => priced(), 1 => text()];
    prop::collection::vec((model, any::<bool>(), 0_u32..9_000, tokens), 1..4)
}

fn line(id: &str, project: &str, (model, has_priority, seconds, tokens): &Answer) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let tier = if *has_priority { "priority" } else { "standard" };
    let usage = json!({ "input_tokens": tokens, "output_tokens": 7, "service_tier": tier });
    let line = json!({
        "type": "assistant",
        "timestamp": format!("2026-02-28T2{hours}:{minutes:02}:{seconds:02}Z"),
        "cwd": project,
        "requestId": id,
        "message": { "id": id, "model": model, "usage": usage },
    });
    format!("{line}\n")
}
