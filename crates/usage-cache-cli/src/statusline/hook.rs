//! What Claude Code says on standard input to the command of its status line.
//!
//! <https://docs.claude.com/en/docs/claude-code/statusline>

use std::{
    io::{IsTerminal as _, Read as _},
    sync::mpsc,
    thread,
    time::Duration,
};

use cli_support::text::plain;
use common_fs::Clock;
use serde_json::Value;
use usage_cache::NanoUsd;

/// It says some hundreds of bytes.
const BYTES_MAX: usize = 64 * 1024;

/// It says them at once; whoever says nothing, and does not close its end, is not waited for.
const PATIENCE: Duration = Duration::from_millis(100);

/// Longer names are cut.
const NAME_CHARS_MAX: usize = 40;

/// What was said, as far as it makes sense.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Hook {
    /// Whether anything was said.
    pub(super) is_given: bool,
    pub(super) session_id: Option<String>,
    pub(super) dir: Option<String>,
    pub(super) model: Option<String>,
    /// What the session cost, in Claude Code's own estimate.
    pub(super) session_cost: Option<NanoUsd>,
}

/// Reads what was said on standard input, if that is no terminal.
pub(super) fn read(clock: &dyn Clock) -> Hook {
    if std::io::stdin().is_terminal() {
        return Hook::default();
    }
    let (sender, receiver) = mpsc::channel();
    // It may never end; the process does.
    let reader = thread::Builder::new().spawn(move || {
        let (mut stdin, mut chunk) = (std::io::stdin().lock(), vec![0; BYTES_MAX]);
        while let Ok(read) = stdin.read(&mut chunk) {
            let said = chunk.get(..read).unwrap_or_default().to_vec();
            if said.is_empty() || sender.send(said).is_err() {
                return;
            }
        }
    });
    drop(reader);
    let (started, mut said) = (clock.monotonic(), Vec::new());
    while said.len() < BYTES_MAX {
        let waited = clock.monotonic().saturating_sub(started);
        let Ok(more) = receiver.recv_timeout(PATIENCE.saturating_sub(waited)) else { break };
        said.extend(more);
        if let Some(hook) = parse(&said) {
            return hook;
        }
    }
    Hook::default()
}

/// `None` if this is no whole document.
fn parse(said: &[u8]) -> Option<Hook> {
    let said = said.get(..BYTES_MAX.min(said.len()))?;
    let document: Value = serde_json::from_slice(said).ok()?;
    let text = |pointer| document.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let name = text("/model/display_name").map(|name| plain(&name));
    let cost = document.pointer("/cost/total_cost_usd").and_then(Value::as_f64);
    Some(Hook {
        is_given: document.is_object(),
        session_id: text("/session_id"),
        dir: text("/workspace/current_dir"),
        model: name
            .map(|name| name.chars().take(NAME_CHARS_MAX).collect::<String>())
            .filter(|name| !name.is_empty()),
        session_cost: cost.and_then(NanoUsd::from_dollars),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_passed_over() {
        let said = br#"{"session_id":"s","model":{"id":"m","display_name":"Opus\u001b[31m 4"},
            "workspace":{"current_dir":"/p"},"cost":{"total_cost_usd":0.4567,"x":1},"more":[]}"#;
        let hook = parse(said).unwrap();
        assert_eq!(hook.session_id.as_deref(), Some("s"));
        assert_eq!(hook.dir.as_deref(), Some("/p"));
        assert_eq!(hook.session_cost, Some(NanoUsd(456_700_000)));
        let model = hook.model.unwrap();
        assert!(model.starts_with("Opus") && !model.contains('\u{1b}'), "{model:?}");
        let given = Hook { is_given: true, ..Hook::default() };
        let table: [(&str, Option<Hook>); 9] = [
            ("", None),
            ("{", None),
            ("nonsense", None),
            ("{}", Some(given.clone())),
            ("[1]", Some(Hook::default())),
            (r#"{"cost":{"total_cost_usd":-1}}"#, Some(given.clone())),
            (r#"{"cost":{"total_cost_usd":"1"},"session_id":7}"#, Some(given.clone())),
            (r#"{"model":"opus","cost":null}"#, Some(given.clone())),
            (r#"{"model":{"display_name":""}}"#, Some(given)),
        ];
        for (said, expected) in table {
            assert_eq!(parse(said.as_bytes()), expected, "{said}");
        }
        let long = format!(r#"{{"model":{{"display_name":"{}"}}}}"#, "ä".repeat(99));
        assert_eq!(parse(long.as_bytes()).unwrap().model.unwrap(), "ä".repeat(NAME_CHARS_MAX));
        let too_long = format!("{{\"a\":\"{}\"}}", "x".repeat(BYTES_MAX));
        assert_eq!(parse(too_long.as_bytes()), None);
    }
}
