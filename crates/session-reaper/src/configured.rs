use std::path::{Path, PathBuf};

use common_fs::{Access, Fs, follow_links, read_whole};
use serde_json::Value;

use crate::{Configured, Place, file_name::STORE, resolve_retention};

/// The configuration, in a state directory.
pub(crate) const CONFIG: &str = "openclaw.json";

/// The list of OpenClaw's jobs, in a state directory.
pub(crate) const JOBS: &str = "cron/jobs.json";

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

/// Where OpenClaw keeps the store of an agent, if `session.store` in `openclaw.json` says that it is not
/// in the directory of its sessions.
///
/// A `~` stands for a home directory, whichever; `{agentId}` for the agent.
pub(crate) fn store_elsewhere(fs: &dyn Fs, place: &Place) -> Option<String> {
    let config = read(fs, &place.root)?;
    let configured = config.pointer("/session/store")?.as_str()?.trim();
    let path = configured.replace("{agentId}", &place.name);
    // The directory as it is, and as it is named, if links lead to it.
    let named = place.root.join("agents").join(&place.name).join("sessions");
    let is_here = [&place.dir, &named].iter().any(|dir| is_same(&path, &dir.join(STORE)))
        || is_in(fs, &path, &place.dir);
    (!path.is_empty() && !is_here).then(|| configured.to_owned())
}

/// Whether a path leads to the store in this directory.
fn is_in(fs: &dyn Fs, path: &str, dir: &Path) -> bool {
    let path = Path::new(path);
    let parent = path.parent().filter(|_| path.is_absolute() && path.ends_with(STORE));
    parent.is_some_and(|parent| fs.open_dir(parent).is_ok_and(|found| found.path() == dir))
}

/// The list of OpenClaw's jobs, unless `cron.store` in `openclaw.json` names another one.
pub(crate) fn jobs_path(fs: &dyn Fs, state_dir: &Path) -> Option<PathBuf> {
    let usual = state_dir.join(JOBS);
    let config = read(fs, state_dir);
    let configured = config.as_ref().and_then(|config| config.pointer("/cron/store"));
    match configured.map(|path| path.as_str().map(str::trim)) {
        None | Some(Some("")) => Some(usual),
        Some(Some(path)) => is_same(path, &usual).then_some(usual),
        Some(None) => None,
    }
}

/// Whether a path in a configuration means this file.
fn is_same(configured: &str, path: &Path) -> bool {
    match configured.strip_prefix("~/") {
        Some(below) => path.ends_with(below),
        None => Path::new(configured) == path,
    }
}

fn read(fs: &dyn Fs, state_dir: &Path) -> Option<Value> {
    let (dir, name) = follow_links(fs, &state_dir.join(CONFIG)).ok()?;
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

    #[test]
    fn what_is_elsewhere() {
        let root = Path::new("/h/.openclaw");
        let place = Place {
            layout: crate::Layout::OpenClaw,
            name: "main".to_owned(),
            root: root.to_owned(),
            // A link leads there.
            dir: "/disk/main/sessions".into(),
            database: None,
        };
        let table = [
            ("{}", None, true),
            (r#"{"session":{"store":""},"cron":{"store":" "}}"#, None, true),
            (
                "{ session: { store: '~/.openclaw/agents/{agentId}/sessions/sessions.json' } }",
                None,
                true,
            ),
            (
                r#"{"session":{"store":"/h/.openclaw/agents/main/sessions/sessions.json"}}"#,
                None,
                true,
            ),
            (r#"{"session":{"store":"/disk/main/sessions/sessions.json"}}"#, None, true),
            (
                r#"{"session":{"store":"/disk/{agentId}/sessions/../sessions/sessions.json"}}"#,
                None,
                true,
            ),
            (r#"{"session":{"store":"/data/{agentId}.json"}}"#, Some("/data/{agentId}.json"), true),
            (r#"{"session":{"store":"~/x/sessions.json"}}"#, Some("~/x/sessions.json"), true),
            (r#"{"cron":{"store":"~/.openclaw/cron/jobs.json"}}"#, None, true),
            (r#"{"cron":{"store":"/data/jobs.json"}}"#, None, false),
            (r#"{"cron":{"store":["/data/jobs.json"]}}"#, None, false),
            ("{ torn", None, true),
        ];
        for (text, elsewhere, has_jobs) in table {
            let sim = Sim::new();
            sim.fs.make_dir(root);
            sim.fs.make_dir(&place.dir);
            sim.fs.put(root.join(CONFIG), text.as_bytes());
            let found = store_elsewhere(&sim.fs, &place);
            assert_eq!(found.as_deref(), elsewhere, "{text}");
            assert_eq!(jobs_path(&sim.fs, root), has_jobs.then(|| root.join(JOBS)), "{text}");
        }
    }
}
