use fastrand::Rng;

use super::{
    Agent, AgentFile, Kind, MINUTE_MILLIS, Session,
    session::{JOBS_PER_SHARED, Role, jobs_alive},
    uuid,
};
use crate::draft::iso;

/// Each so many runs one has more than its transcript.
const RUNS_PER_COMPANION: u32 = 20;

impl Agent {
    /// The transcript of a session and what goes with it. A base row has none of its own.
    pub(super) fn of_session(self, session: &Session) -> Vec<AgentFile> {
        let (nth, what) = match session.role {
            Role::Chat(nth) => (nth, 5),
            Role::Run(nth) => (nth, 6),
            Role::Job(_) if session.is_over => (0, 7),
            Role::Job(_) => return Vec::new(),
        };
        let is_run = matches!(session.role, Role::Run(_));
        let mut rng = self.rng(what, nth);
        let (id, updated) = (&session.id, session.updated_millis);
        let age = self.latest_millis - updated;
        let file = |name: &str, content: String, kind, is_over| {
            self.file(name, content, age, kind, is_over)
        };
        let content = transcript(id, updated, &mut rng);
        let name = format!("{id}.jsonl");
        // Others name it, and some of them are not over.
        let is_shared =
            is_run && nth < jobs_alive(self.rows) && nth.is_multiple_of(JOBS_PER_SHARED);
        let mut files = Vec::new();
        if is_run && nth.is_multiple_of(RUNS_PER_COMPANION) {
            let (name, content) = companion(id, nth / RUNS_PER_COMPANION, &content, &mut rng);
            files.push(file(&name, content, Kind::Companion, session.is_over));
        }
        files.push(file(&name, content, Kind::Transcript, session.is_over && !is_shared));
        files
    }
}

fn companion(id: &str, nth: u32, transcript: &str, rng: &mut Rng) -> (String, String) {
    match nth % 4 {
        0 => {
            let step = "{\"type\":\"step\",\"tool\":\"read\",\"ms\":12}\n";
            (format!("{id}.trajectory.jsonl"), step.repeat(5))
        }
        1 => (format!("{id}-topic-{}.jsonl", rng.u8(1..9)), transcript.to_owned()),
        2 => (format!("{id}.checkpoint.{}.jsonl", uuid(rng)), transcript.to_owned()),
        _ => {
            let path = format!("{{\"path\":\"{id}.trajectory.jsonl\"}}");
            (format!("{id}.trajectory-path.json"), path)
        }
    }
}

/// A transcript of one exchange.
pub(super) fn transcript(id: &str, millis: i64, rng: &mut Rng) -> String {
    let (began, ended) = (iso(millis - MINUTE_MILLIS), iso(millis));
    let (input, output) = (rng.u32(500..9_000), rng.u32(20..900));
    let (total, cost) = (input + output, f64::from(5 * input + 30 * output) / 1_000_000.0);
    format!(
        "{{\"type\":\"session\",\"version\":3,\"id\":\"{id}\",\"timestamp\":\"{began}\"}}\n\
         {{\"type\":\"message\",\"id\":\"{:08x}\",\"timestamp\":\"{began}\",\"message\":{{\"role\":\"user\",\"content\":[{{\"type\":\"text\",\"text\":\"[cron] Is there anything new?\"}}]}}}}\n\
         {{\"type\":\"message\",\"id\":\"{:08x}\",\"timestamp\":\"{ended}\",\"message\":{{\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"Nothing new.\"}}],\"provider\":\"openai\",\"model\":\"gpt-5.5\",\"usage\":{{\"input\":{input},\"output\":{output},\"cacheRead\":0,\"cacheWrite\":0,\"totalTokens\":{total},\"cost\":{{\"total\":{cost}}}}},\"stopReason\":\"stop\"}}}}\n",
        rng.u32(..),
        rng.u32(..),
    )
}
