use fastrand::Rng;

use super::noise;
use crate::json;

/// A row of the trace, as far as it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// When it was written, in seconds since the Unix epoch.
    pub ts: i64,
    /// The column `thread_id`: which conversation it belongs to, if any.
    pub thread: Option<String>,
    /// The column `feedback_log_body`: the spans it was written in, and what happened.
    pub body: String,
}

impl Row {
    /// A row of about `bytes` bytes that says nothing of priority or of the end of an answer,
    /// though some of them nearly do: events of other types, requests and submissions without
    /// priority, and the words in other places.
    pub fn noise(rng: &mut Rng, ts: i64, thread: Option<&str>, bytes: usize) -> Self {
        let body = noise::body(rng, ts, thread, bytes);
        Self { ts, thread: thread.map(str::to_owned), body }
    }

    /// A request for an answer. It asks for priority if `service_tier` is `Some("priority")`.
    /// `private` is what the user says, which nobody may keep.
    pub fn request(
        ts: i64,
        thread: &str,
        turn: &str,
        model: &str,
        service_tier: Option<&str>,
        private: &str,
    ) -> Self {
        let tier = service_tier
            .map_or_else(String::new, |tier| format!(",\"service_tier\":{}", json::string(tier)));
        let body = format!(
            "{}websocket request: {{\"type\":\"response.create\",\"model\":{},\"instructions\":\"You are a coding agent.\",\"input\":[{{\"type\":\"message\",\"role\":\"user\",\"content\":[{{\"type\":\"input_text\",\"text\":{}}}]}}],\"tool_choice\":\"auto\",\"parallel_tool_calls\":true,\"store\":false,\"stream\":true{tier},\"prompt_cache_key\":\"{thread}\"}}",
            turn_spans(thread, turn, model),
            json::string(model),
            json::string(private),
        );
        Self { ts, thread: Some(thread.to_owned()), body }
    }

    /// The end of an answer, by the model that gave it. `private` is what the answer says, which
    /// nobody may keep.
    pub fn completion(ts: i64, thread: &str, turn: &str, model: &str, private: &str) -> Self {
        // What the answer says of its tier is not what was asked for.
        let body = format!(
            "{}websocket event: {{\"type\":\"response.completed\",\"sequence_number\":87,\"response\":{{\"id\":\"resp_{turn}\",\"object\":\"response\",\"status\":\"completed\",\"model\":{},\"output\":[{{\"type\":\"message\",\"role\":\"assistant\",\"content\":[{{\"type\":\"output_text\",\"text\":{}}}]}}],\"service_tier\":\"default\",\"usage\":{{\"input_tokens\":1200,\"output_tokens\":340,\"total_tokens\":1540}}}}}}",
            turn_spans(thread, turn, model),
            json::string(model),
            json::string(private),
        );
        Self { ts, thread: Some(thread.to_owned()), body }
    }

    /// The submission of a turn with priority, which newer versions write. It names no model.
    /// `private` is what the user says, which nobody may keep.
    pub fn submission(ts: i64, thread: &str, turn: &str, private: &str) -> Self {
        let body = submission(thread, turn, private, "Some(Some(\"priority\"))");
        Self { ts, thread: Some(thread.to_owned()), body }
    }

    /// The columns `level`, `target` (the same as `module_path`) and `file`.
    pub(super) fn origin(&self) -> (&'static str, &'static str, &'static str) {
        if self.body.contains("websocket ") {
            let target = "codex_api::endpoint::responses_websocket";
            ("TRACE", target, "codex-api/src/endpoint/responses_websocket.rs")
        } else if self.body.contains("Submission sub=") {
            ("DEBUG", "codex_core::session::handlers", "core/src/session/handlers.rs")
        } else {
            ("TRACE", "codex_core::stream_events_utils", "core/src/stream_events_utils.rs")
        }
    }
}

/// The spans around what happens in a turn.
pub(super) fn turn_spans(thread: &str, turn: &str, model: &str) -> String {
    format!(
        "session_loop{{thread_id={thread}}}:submission_dispatch{{otel.name=\"op.dispatch.user_input\" submission.id=\"{turn}\" codex.op=\"user_input\"}}:turn{{otel.name=\"session_task.turn\" thread.id={thread} turn.id={turn} model={model}}}:run_sampling_request{{cwd=/home/me/project}}: "
    )
}

/// A submission with any tier, spelled as Rust does.
pub(super) fn submission(thread: &str, turn: &str, text: &str, tier: &str) -> String {
    format!(
        "session_loop{{thread_id={thread}}}: Submission sub=Submission {{ id: \"{turn}\", op: UserInput {{ items: [Text {{ text: {text:?}, text_elements: [] }}], environments: None, final_output_json_schema: None, thread_settings: ThreadSettingsOverrides {{ cwd: None, model: None, effort: None, service_tier: {tier}, personality: None }} }}, trace: None }}"
    )
}
