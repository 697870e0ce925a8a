use crate::{
    Corpus, File,
    draft::{Draft, Model, Used, iso},
};

/// At list prices, as Codex records no costs.
const MODELS: [Model; 2] = [
    Model::new("openai", "gpt-5.2-codex", [1_750, 14_000, 0, 175]),
    Model::new("openai", "gpt-5", [1_250, 10_000, 0, 125]),
];

pub(super) fn session(corpus: &Corpus, nth: u32) -> File {
    let mut draft = Draft::new(corpus, nth, &MODELS);
    let (id, cwd, began) = (draft.id.clone(), draft.project.clone(), iso(draft.millis));
    line(
        &mut draft,
        "session_meta",
        &format!(
            "\"id\":\"{id}\",\"timestamp\":\"{began}\",\"cwd\":\"{cwd}\",\"originator\":\"codex_cli_rs\",\"model_provider\":\"openai\""
        ),
    );
    let mut total = [0; 3];
    for _ in 0..draft.answers {
        if draft.is_over() {
            break;
        }
        exchange(&mut draft, &mut total);
    }
    let (day, _) = began.split_once('T').unwrap_or((&began, ""));
    let path = format!("sessions/{}/rollout-{day}-{id}.jsonl", day.replace('-', "/")).into();
    let Draft { content, truth, recorded, .. } = draft;
    File { path, content: content.into_bytes(), truth, recorded }
}

/// A prompt or a tool result, the answer to it, and the counters, which are now and then
/// recorded twice.
fn exchange(draft: &mut Draft, total: &mut [u64; 3]) {
    draft.wait(1_000..60_000);
    let (name, (_, text)) = (draft.model.name, draft.request());
    let cwd = draft.project.clone();
    line(draft, "turn_context", &format!("\"cwd\":\"{cwd}\",\"model\":\"{name}\""));
    let message = |role: &str, kind: &str, text: String| {
        format!(
            "\"type\":\"message\",\"role\":\"{role}\",\"content\":[{{\"type\":\"{kind}\",\"text\":\"{text}\"}}]"
        )
    };
    line(draft, "response_item", &message("user", "input_text", text));
    draft.wait(800..9_000);
    let text = draft.answer_text();
    line(draft, "response_item", &message("assistant", "output_text", text));
    let used = draft.use_tokens();
    let Used { input, output, cache_read, .. } = used;
    let last = [input + cache_read, cache_read, output];
    for (total, last) in total.iter_mut().zip(last) {
        *total += last;
    }
    let is_repeated = draft.rng.u8(..) < 25;
    if is_repeated {
        draft.recorded.repeated += used.counts();
    }
    for _ in 0..=usize::from(is_repeated) {
        line(
            draft,
            "event_msg",
            &format!(
                "\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{},\"last_token_usage\":{},\"model_context_window\":272000}}",
                usage(*total),
                usage(last),
            ),
        );
    }
}

fn usage([input, cached, output]: [u64; 3]) -> String {
    format!(
        "{{\"input_tokens\":{input},\"cached_input_tokens\":{cached},\"output_tokens\":{output},\"reasoning_output_tokens\":{},\"total_tokens\":{}}}",
        output / 3,
        input + output
    )
}

fn line(draft: &mut Draft, kind: &str, payload: &str) {
    let time = iso(draft.millis);
    let line =
        format!("{{\"timestamp\":\"{time}\",\"type\":\"{kind}\",\"payload\":{{{payload}}}}}\n");
    draft.content.push_str(&line);
}
