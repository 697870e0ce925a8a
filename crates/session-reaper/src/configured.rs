use std::path::Path;

use common_fs::{Access, Fs, follow_links, read_whole};
use serde_json::Value;

use crate::{Configured, resolve_retention};

/// A longer configuration is none.
const CONFIG_BYTES_MAX: usize = 4 << 20;

/// What is nested deeper is no configuration.
const NESTED_MAX: usize = 100;

/// What `openclaw.json` in a state directory says of `cron.sessionRetention`.
///
/// A configuration that cannot be read says nothing.
pub fn configured_retention(fs: &dyn Fs, state_dir: &Path) -> Configured {
    let Some(config) = read(fs, state_dir) else { return Configured::Unset };
    match config.pointer("/cron/sessionRetention") {
        None => Configured::Unset,
        configured => Configured::For(resolve_retention(configured)),
    }
}

fn read(fs: &dyn Fs, state_dir: &Path) -> Option<Value> {
    let (dir, name) = follow_links(fs, &state_dir.join("openclaw.json")).ok()?;
    let file = dir.open(&name, Access::Read).ok()?;
    let content = read_whole(file.as_ref(), CONFIG_BYTES_MAX).ok()??;
    let text = std::str::from_utf8(&content).ok()?;
    // The reader of JSON5 uses the stack for what is nested.
    if NESTED_MAX < nested(text) {
        return None;
    }
    json5::from_str(text).ok()
}

/// How deep brackets are nested, those in text and comments included.
fn nested(text: &str) -> usize {
    let depths = text.bytes().scan(0_usize, |depth, byte| {
        match byte {
            b'{' | b'[' => *depth += 1,
            b'}' | b']' => *depth = depth.saturating_sub(1),
            _ => (),
        }
        Some(*depth)
    });
    depths.max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use common_fs::sim::Sim;

    use super::*;

    #[test]
    fn what_is_configured() {
        let table = [
            (
                r#"{"cron":{"sessionRetention":"7d"}}"#,
                Configured::For(Some(Duration::from_hours(168))),
            ),
            (
                "{ cron: { sessionRetention: '7d', }, } // mine",
                Configured::For(Some(Duration::from_hours(168))),
            ),
            (r#"{"cron":{"sessionRetention":false}}"#, Configured::For(None)),
            (r#"{"cron":{}}"#, Configured::Unset),
            ("{ torn", Configured::Unset),
            (&"[".repeat(100_000), Configured::Unset),
        ];
        for (text, expected) in table {
            let sim = Sim::new();
            sim.fs.make_dir("/s");
            sim.fs.put("/s/openclaw.json", text.as_bytes());
            assert_eq!(configured_retention(&sim.fs, Path::new("/s")), expected, "{text}");
        }
        let sim = Sim::new();
        assert_eq!(configured_retention(&sim.fs, Path::new("/s")), Configured::Unset);
    }
}
