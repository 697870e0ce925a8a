//! One more answer at the end of a transcript.

use std::{
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    path::Path,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use super::{layout::Layout, tokens::Tokens};

/// The last counter of Codex is in the last few lines.
const TAIL_BYTES_MAX: u64 = 256 << 10;

/// 2026-09-01T13:00:00Z, an hour after the transcripts that are made up end.
const TIME_SECONDS: u64 = 1_788_267_600;

/// The same for each: what is measured is finding and reading it.
const TOKENS: Tokens = Tokens { input: 11, output: 222, cache_write: 0, cache_read: 33_333 };
/// Codex has no cache writes.
const TOKENS_WITH_WRITE: Tokens = Tokens { cache_write: 4_444, ..TOKENS };

/// Appends the answer number `nth` to a transcript, and returns what that adds. `None`, and nothing
/// is appended, if the transcript does not end with a whole line.
pub(super) fn append(layout: Layout, path: &Path, nth: u64) -> anyhow::Result<Option<Tokens>> {
    let mut file = fs_err::OpenOptions::new().read(true).append(true).open(path)?;
    let size_bytes = file.metadata()?.len();
    let tail_bytes = if layout == Layout::Codex { TAIL_BYTES_MAX } else { 1 };
    file.seek(SeekFrom::Start(size_bytes.saturating_sub(tail_bytes)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if !tail.ends_with(b"\n") {
        return Ok(None);
    }
    let (line, tokens) = match layout {
        Layout::Claude => (claude(nth), TOKENS_WITH_WRITE),
        Layout::Codex => (codex(nth, counter(&tail)), TOKENS),
        Layout::Openclaw => (openclaw(nth), TOKENS_WITH_WRITE),
    };
    file.write_all(line.as_bytes())?;
    Ok(Some(tokens))
}

/// A millisecond after the answer before: no two are the same.
fn time(nth: u64) -> String {
    let time = Duration::from_secs(TIME_SECONDS) + Duration::from_millis(nth);
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + time).to_string()
}

fn claude(nth: u64) -> String {
    let Tokens { input, output, cache_write, cache_read } = TOKENS_WITH_WRITE;
    format!(
        "{{\"parentUuid\":null,\"isSidechain\":false,\"sessionId\":\"appended\",\"type\":\"assistant\",\"requestId\":\"req_appended_{nth}\",\"message\":{{\"model\":\"claude-sonnet-4-20250514\",\"id\":\"msg_appended_{nth}\",\"type\":\"message\",\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"one more\"}}],\"usage\":{{\"input_tokens\":{input},\"cache_creation_input_tokens\":{cache_write},\"cache_read_input_tokens\":{cache_read},\"output_tokens\":{output},\"service_tier\":\"standard\"}}}},\"uuid\":\"appended-{nth}\",\"timestamp\":\"{}\"}}\n",
        time(nth)
    )
}

fn openclaw(nth: u64) -> String {
    let Tokens { input, output, cache_write, cache_read } = TOKENS_WITH_WRITE;
    let total = input + output + cache_write + cache_read;
    format!(
        "{{\"type\":\"message\",\"id\":\"a{nth:07x}\",\"timestamp\":\"{}\",\"message\":{{\"role\":\"assistant\",\"content\":[{{\"type\":\"text\",\"text\":\"one more\"}}],\"provider\":\"openai\",\"model\":\"gpt-5.5\",\"usage\":{{\"input\":{input},\"output\":{output},\"cacheRead\":{cache_read},\"cacheWrite\":{cache_write},\"totalTokens\":{total},\"cost\":{{\"total\":0.25}}}},\"stopReason\":\"stop\",\"timestamp\":{}}}}}\n",
        time(nth),
        TIME_SECONDS * 1_000 + nth
    )
}

/// Input, cached input, output and reasoning, all so far.
type Counter = [u64; 4];

fn codex(nth: u64, before: Counter) -> String {
    let Tokens { input, output, cache_read, .. } = TOKENS;
    let last = [input + cache_read, cache_read, output, output / 3];
    let mut total = before;
    for (total, last) in total.iter_mut().zip(last) {
        *total = total.saturating_add(last);
    }
    let usage = |[input, cached, output, reasoning]: Counter| {
        let sum = input.saturating_add(output);
        format!(
            "{{\"input_tokens\":{input},\"cached_input_tokens\":{cached},\"output_tokens\":{output},\"reasoning_output_tokens\":{reasoning},\"total_tokens\":{sum}}}"
        )
    };
    format!(
        "{{\"timestamp\":\"{}\",\"type\":\"event_msg\",\"payload\":{{\"type\":\"token_count\",\"info\":{{\"total_token_usage\":{},\"last_token_usage\":{},\"model_context_window\":272000}}}}}}\n",
        time(nth),
        usage(total),
        usage(last)
    )
}

/// The last counter in the end of a rollout; zero if there is none.
fn counter(tail: &[u8]) -> Counter {
    let lines = tail.rsplit(|byte| *byte == b'\n');
    let mut counters = lines.filter_map(|line| {
        let line: Value = serde_json::from_slice(line).ok()?;
        let usage = line.pointer("/payload/info/total_token_usage")?;
        let count = |key: &str| usage.get(key).and_then(Value::as_u64);
        Some([
            count("input_tokens")?,
            count("cached_input_tokens").unwrap_or(0),
            count("output_tokens")?,
            count("reasoning_output_tokens").unwrap_or(0),
        ])
    });
    counters.next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codex_goes_on_with_its_last_counter() {
        assert_eq!(counter(b""), [0; 4]);
        assert_eq!(counter(b"{\"payload\":{\"info\":null}}\n"), [0; 4]);
        let first = codex(1, [100, 50, 7, 1]);
        let first_counter = [100 + 33_344, 50 + 33_333, 7 + 222, 1 + 74];
        assert_eq!(counter(first.as_bytes()), first_counter);
        let text =
            format!("cut off\"}}\n{first}{}{{\"type\":\"other\"}}\n", codex(2, first_counter));
        assert_eq!(counter(text.as_bytes())[0], 100 + 2 * 33_344);
    }

    #[test]
    fn lines_are_json_of_the_tokens_that_are_told() {
        for (layout, usage, keys) in [
            (
                Layout::Claude,
                "/message/usage",
                [
                    "input_tokens",
                    "output_tokens",
                    "cache_creation_input_tokens",
                    "cache_read_input_tokens",
                ],
            ),
            (Layout::Openclaw, "/message/usage", ["input", "output", "cacheWrite", "cacheRead"]),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("session.jsonl");
            fs_err::write(&path, "{}\n").unwrap();
            let tokens = append(layout, &path, 5).unwrap().unwrap();
            let text = fs_err::read_to_string(&path).unwrap();
            let line: Value = serde_json::from_str(text.strip_prefix("{}\n").unwrap()).unwrap();
            let counts = keys.map(|key| line.pointer(usage).unwrap()[key].as_u64().unwrap());
            assert_eq!(counts, tokens.kinds().map(|(_, count)| count));
            assert!(text.contains("2026-09-01T13:00:00.005Z"), "{text}");
        }
    }

    #[test]
    fn nothing_is_appended_to_half_a_line() {
        let dir = tempfile::tempdir().unwrap();
        for (layout, content) in [(Layout::Claude, "{}\n{\"ty"), (Layout::Codex, "")] {
            let path = dir.path().join("torn.jsonl");
            fs_err::write(&path, content).unwrap();
            assert_eq!(append(layout, &path, 0).unwrap(), None);
            assert_eq!(fs_err::read_to_string(&path).unwrap(), content);
        }
    }
}
