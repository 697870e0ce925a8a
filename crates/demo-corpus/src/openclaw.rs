use crate::{
    Corpus, File,
    draft::{Draft, Model, Used, iso},
};

pub(super) const MODELS: [Model; 3] = [
    Model::new("openai", "gpt-5.5", [5_000, 30_000, 0, 500]),
    Model::new("openai", "gpt-5.2", [1_750, 14_000, 0, 175]),
    Model::new("anthropic", "claude-opus-4-20250514", [15_000, 75_000, 18_750, 1_500]),
];

pub(super) fn session(corpus: &Corpus, nth: u32) -> File {
    let mut draft = Draft::new(corpus, nth, &MODELS);
    draft.content = header(&draft) + "\n";
    for _ in 0..draft.answers {
        if draft.is_over() {
            break;
        }
        exchange(&mut draft);
    }
    let path = format!("agents/main/sessions/{}.jsonl", draft.id).into();
    let Draft { content, truth, recorded, .. } = draft;
    File { path, content: content.into_bytes(), truth, recorded }
}

/// The first line of a transcript.
pub(super) fn header(draft: &Draft) -> String {
    format!(
        "{{\"type\":\"session\",\"version\":3,\"id\":\"{}\",\"timestamp\":\"{}\"}}",
        draft.id,
        iso(draft.millis)
    )
}

/// A prompt or a tool result, and the answer to it.
fn exchange(draft: &mut Draft) {
    let fields = prompt(draft);
    line(draft, &fields);
    let fields = answer(draft);
    line(draft, &fields);
}

/// What a prompt or a tool result says, after its ids.
pub(super) fn prompt(draft: &mut Draft) -> String {
    draft.wait(1_000..60_000);
    let ((role, text), time) = (draft.request(), iso(draft.millis));
    format!(
        "\"timestamp\":\"{time}\",\"message\":{{\"role\":\"{role}\",\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}]}}"
    )
}

/// What an answer says, after its ids. It is part of the truth of the draft from here on.
pub(super) fn answer(draft: &mut Draft) -> String {
    draft.wait(800..9_000);
    let Model { provider, name, .. } = draft.model;
    let Used { input, output, cache_write, cache_read, cost_nanos } = draft.use_tokens();
    let total = input + output + cache_write + cache_read;
    let (text, time, millis) = (draft.answer_text(), iso(draft.millis), draft.millis);
    let cost = format!("{}.{:09}", cost_nanos / 1_000_000_000, cost_nanos % 1_000_000_000);
    format!(
        "\"timestamp\":\"{time}\",\"message\":{{\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\"provider\":\"{provider}\",\"model\":\"{name}\",\"usage\":{{\"input\":{input},\"output\":{output},\"cacheRead\":{cache_read},\"cacheWrite\":{cache_write},\"totalTokens\":{total},\"cost\":{{\"total\":{cost}}}}},\"stopReason\":\"stop\",\"timestamp\":{millis}}}"
    )
}

fn line(draft: &mut Draft, fields: &str) {
    let id = draft.rng.u32(..);
    draft.content.push_str(&format!("{{\"type\":\"message\",\"id\":\"{id:08x}\",{fields}}}\n"));
}
