use fastrand::Rng;

use super::{MINUTE_MILLIS, Session, session::WORDS};

/// With what a row gets as long as OpenClaw's, of 1.15 KB at the median.
const SKILLS_CHARS: usize = 120;

impl Session {
    /// The row as it stands in the store: its key and its entry, indented.
    pub fn member(&self) -> String {
        let Self { key, id, file, label, status, updated_millis: updated, .. } = self;
        // An id is as good as a seed.
        let next = |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte));
        let seed = id.bytes().fold(0, next);
        let mut rng = Rng::with_seed(seed);
        let began = updated - rng.i64(MINUTE_MILLIS..9 * MINUTE_MILLIS);
        let ended = match *status {
            "running" => String::new(),
            _ => format!("\n    \"endedAt\": {updated},"),
        };
        let (input, output, cached) = (rng.u32(9..2_000), rng.u32(9..900), rng.u32(9_000..90_000));
        let (total, run) = (input + output + cached, rng.u32(1_000..90_000));
        let mut skills = String::new();
        while skills.len() < SKILLS_CHARS {
            let word = WORDS[rng.usize(..WORDS.len())];
            skills.push_str(&format!("<skill><name>{word}</name></skill>\\n"));
        }
        format!(
            "  \"{key}\": {{
    \"sessionId\": \"{id}\",
    \"updatedAt\": {updated},
    \"systemSent\": true,
    \"abortedLastRun\": false,
    \"sessionFile\": \"{file}\",
    \"label\": \"{label}\",
    \"status\": \"{status}\",
    \"startedAt\": {began},{ended}
    \"runtimeMs\": {run},
    \"chatType\": \"direct\",
    \"modelProvider\": \"openai\",
    \"model\": \"gpt-5.5\",
    \"contextTokens\": 272000,
    \"inputTokens\": {input},
    \"outputTokens\": {output},
    \"cacheRead\": {cached},
    \"cacheWrite\": 0,
    \"totalTokens\": {total},
    \"totalTokensFresh\": true,
    \"compactionCount\": 0,
    \"skillsSnapshot\": {{
      \"prompt\": \"{skills}\",
      \"version\": 0
    }},
    \"deliveryContext\": {{
      \"channel\": \"telegram\",
      \"to\": \"telegram:70000001\",
      \"accountId\": \"default\"
    }},
    \"lastChannel\": \"telegram\",
    \"lastTo\": \"telegram:70000001\",
    \"lastAccountId\": \"default\"
  }}"
        )
    }
}

/// The content of a store with these rows, as OpenClaw writes it.
pub fn store(members: impl IntoIterator<Item = String>) -> String {
    let mut text = String::from("{");
    for member in members {
        text.push_str(if text.len() == 1 { "\n" } else { ",\n" });
        text.push_str(&member);
    }
    text.push_str(if text.len() == 1 { "}" } else { "\n}" });
    text
}
