use crate::{
    Corpus, File,
    draft::{Draft, Model, Used, iso},
};

/// At list prices, as Claude Code records no costs.
const MODELS: [Model; 2] = [
    Model::new("anthropic", "claude-opus-4-20250514", [15_000, 75_000, 18_750, 1_500]),
    Model::new("anthropic", "claude-sonnet-4-20250514", [3_000, 15_000, 3_750, 300]),
];

/// Each so many sessions one goes on with another, and begins with a copy of it.
const SESSIONS_PER_RESUMED: u32 = 20;

pub(super) fn session(corpus: &Corpus, nth: u32) -> File {
    let mut draft = draft(corpus, nth);
    if nth % SESSIONS_PER_RESUMED == SESSIONS_PER_RESUMED - 1 {
        let earlier = self::draft(corpus, nth - 1).content;
        let lines = earlier.split_inclusive('\n').count();
        let copied: String = earlier.split_inclusive('\n').take(lines.div_ceil(2)).collect();
        draft.content.insert_str(0, &copied);
    }
    let directory = draft.project.replace('/', "-");
    let path = format!("projects/{directory}/{}.jsonl", draft.id).into();
    File { path, content: draft.content.into_bytes(), truth: draft.truth }
}

fn draft(corpus: &Corpus, nth: u32) -> Draft {
    let mut draft = Draft::new(corpus, nth, &MODELS);
    for _ in 0..draft.answers {
        if draft.is_over() {
            break;
        }
        exchange(&mut draft);
    }
    draft
}

/// A prompt or a tool result, and the answer to it, which is recorded as it grows.
fn exchange(draft: &mut Draft) {
    draft.wait(1_000..60_000);
    let (_, text) = draft.request();
    line(
        draft,
        &format!("\"type\":\"user\",\"message\":{{\"role\":\"user\",\"content\":\"{text}\"}}"),
    );
    draft.wait(800..9_000);
    let Used { input, output, cache_write, cache_read, .. } = draft.use_tokens();
    let (name, message, request) = (draft.model.name, draft.rng.u64(..), draft.rng.u64(..));
    let chunks = draft.rng.u64(1..4);
    for chunk in 1..=chunks {
        let (text, so_far) = (draft.answer_text(), output * chunk / chunks);
        line(
            draft,
            &format!(
                "\"type\":\"assistant\",\"requestId\":\"req_{request:016x}\",\"message\":{{\"model\":\"{name}\",\"id\":\"msg_{message:016x}\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"{text}\"}}],\"usage\":{{\"input_tokens\":{input},\"cache_creation_input_tokens\":{cache_write},\"cache_read_input_tokens\":{cache_read},\"cache_creation\":{{\"ephemeral_5m_input_tokens\":{cache_write},\"ephemeral_1h_input_tokens\":0}},\"output_tokens\":{so_far},\"service_tier\":\"standard\"}}}}"
            ),
        );
    }
}

fn line(draft: &mut Draft, fields: &str) {
    let (id, session, time) = (draft.rng.u64(..), &draft.id, iso(draft.millis));
    let cwd = &draft.project;
    let line = format!(
        "{{\"parentUuid\":null,\"isSidechain\":false,\"cwd\":\"{cwd}\",\"sessionId\":\"{session}\",{fields},\"uuid\":\"{id:016x}\",\"timestamp\":\"{time}\"}}\n"
    );
    draft.content.push_str(&line);
}
