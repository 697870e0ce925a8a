use std::sync::LazyLock;

use fastrand::Rng;

use super::{
    row::{submission, turn_spans},
    uuid,
};

pub(super) const MODELS: [&str; 3] = ["gpt-5.5", "gpt-5.4", "gpt-5.2-codex"];

/// Neither these words nor what is between them needs escaping in JSON, wherever it is cut.
const WORDS: [&str; 16] = [
    "poll", "ready", "frame", "stream", "flush", "token", "worktree", "apply", "patch", "src/main",
    "Ok(())", "len=512", "state", "Open", "usage", "retry",
];

const FILLER_BYTES: usize = 1 << 17;

/// Cutting from a text is much faster than making one, and there are gigabytes to be made.
static FILLER: LazyLock<String> = LazyLock::new(|| {
    let mut rng = Rng::with_seed(0);
    let mut filler = String::with_capacity(FILLER_BYTES + 16);
    while filler.len() < FILLER_BYTES {
        filler.push_str(WORDS[rng.usize(..WORDS.len())]);
        filler.push(' ');
    }
    filler
});

/// About `bytes` bytes of text that neither matters nor needs escaping.
pub(super) fn filler(rng: &mut Rng, bytes: usize) -> &'static str {
    let bytes = bytes.min(FILLER_BYTES / 2);
    let from = rng.usize(..FILLER_BYTES / 2);
    FILLER.get(from..from + bytes).unwrap_or_default()
}

/// See [`super::Row::noise`].
pub(super) fn body(rng: &mut Rng, ts: i64, thread: Option<&str>, bytes: usize) -> String {
    let Some(thread) = thread else {
        let text = filler(rng, bytes.saturating_sub(90));
        return format!("app_server.request{{otel.kind=\"server\" rpc.id={}}}: {text}", ts % 977);
    };
    let (turn, model) = (uuid(rng, ts), MODELS[rng.usize(..MODELS.len())]);
    let spans = turn_spans(thread, &turn, model);
    let text = filler(rng, bytes.saturating_sub(spans.len() + 160));
    let event = match rng.u8(..32) {
        0..8 => format!(
            "websocket event: {{\"type\":\"response.output_text.delta\",\"content_index\":0,\"delta\":\"{text}\",\"item_id\":\"msg_1\",\"output_index\":1,\"sequence_number\":12}}"
        ),
        8..11 => request(rng, model, text),
        11 => format!(
            "websocket event: {{\"type\":\"response.created\",\"response\":{{\"id\":\"resp_1\",\"model\":\"{model}\",\"service_tier\":\"auto\",\"status\":\"in_progress\",\"instructions\":\"{text}\"}}}}"
        ),
        // Quotes what matters, as a session does that works on a reader of this database.
        12 => format!(
            "websocket event: {{\"type\":\"response.function_call_arguments.delta\",\"delta\":\"{{\\\"type\\\":\\\"response.completed\\\",\\\"service_tier\\\":\\\"priority\\\"}} {text}\"}}"
        ),
        // Was too long for the log, so that it is no JSON.
        13 => format!(
            "websocket event: {{\"type\":\"response.completed\",\"response\":{{\"id\":\"resp_1\",\"model\":\"{model}\",\"output\":\"{text}"
        ),
        14 => format!(
            "websocket event: {{\"type\":\"response.completed\",\"response\":{{\"id\":\"resp_1\",\"model\":\"\",\"output\":\"{text}\"}}}}"
        ),
        15 => return submission(thread, &turn, text, "Some(Some(\"default\"))"),
        16 => return submission(thread, &turn, text, "None"),
        17 => format!(
            "settings: ThreadSettingsOverrides {{ service_tier: Some(Some(\"priority\")) }} {text}"
        ),
        18..24 => format!(
            "Output item item=FunctionCall {{ name: \"exec_command\", arguments: \"{text}\" }}"
        ),
        24 => format!("websocket ping: {text}"),
        _ => format!("poll_next; self.flow=FlowControl {{ {text} }}"),
    };
    spans + &event
}

/// A request that does not ask for priority.
fn request(rng: &mut Rng, model: &str, text: &str) -> String {
    let tier = [
        "",
        "",
        "",
        ",\"service_tier\":\"default\"",
        ",\"service_tier\":\"flex\"",
        ",\"service_tier\":\"fast\"",
        ",\"service_tier\":null",
    ][rng.usize(..7)];
    let kind = ["response.create", "response.create", "response.append"][rng.usize(..3)];
    // Priority for something that is no request for an answer.
    let tier = if kind == "response.append" { ",\"service_tier\":\"priority\"" } else { tier };
    format!(
        "websocket request: {{\"type\":\"{kind}\",\"model\":\"{model}\"{tier},\"input\":[{{\"type\":\"message\",\"role\":\"user\",\"content\":\"{text}\"}}],\"stream\":true}}"
    )
}
