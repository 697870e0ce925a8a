use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use common_fs::Fs;

use crate::{Claude, Codex, OpenClaw, Source};

/// Where the transcripts are, and where the cache is kept.
#[derive(Clone, Debug)]
pub struct Locations {
    /// Where to look for transcripts.
    pub places: Vec<Place>,
    /// The cache file. Its directory is created when there is something to keep.
    pub cache: PathBuf,
    /// The [trace database](crate::trace) of Codex; `None` if nobody wants to know which turns
    /// had priority.
    pub trace: Option<PathBuf>,
    /// The file of what is known of trace databases, beside the cache.
    pub turns: PathBuf,
    /// The file of what reports were last made of, beside the cache, see
    /// [`remember`](crate::remember).
    pub facts: PathBuf,
}

/// A place to look for the transcripts of a runtime.
#[derive(Clone, Debug)]
pub struct Place {
    /// What the transcripts are.
    pub source: &'static dyn Source,
    /// The root that [`Source::dirs`] are below, absolute: what is known of a transcript is known
    /// by its path.
    pub path: PathBuf,
}

impl Place {
    /// A place for transcripts of a source.
    pub fn new(source: &'static dyn Source, path: impl Into<PathBuf>) -> Self {
        Self { source, path: path.into() }
    }
}

/// The name of the cache file in the state directory.
const CACHE: &str = "usage-cache.jsonl";
/// The name of the file of what is known of trace databases.
const TURNS: &str = "codex-turns.json";
/// The name of the file of saved facts.
const FACTS: &str = "usage-facts";
/// The name of Codex's trace database.
const TRACE: &str = "logs_2.sqlite";

impl Locations {
    /// These places, and the usual files in the directory `state`. No trace database is looked
    /// for.
    pub fn new(places: Vec<Place>, state: &Path) -> Self {
        let [cache, turns, facts] = [CACHE, TURNS, FACTS].map(|name| state.join(name));
        Self { places, cache, trace: None, turns, facts }
    }

    /// The places that the environment variables name, or else the usual ones.
    ///
    /// * [`OpenClaw`]: `OPENCLAW_STATE_DIR`, else `~/.openclaw`, or its older name `~/.clawdbot`
    ///   if only that exists.
    /// * [`Claude`]: `CLAUDE_CONFIG_DIR`, several separated by commas, else `~/.config/claude`
    ///   and `~/.claude`.
    /// * [`Codex`]: `CODEX_HOME`, else `~/.codex`.
    /// * The trace database of Codex: `logs_2.sqlite` in `CODEX_SQLITE_HOME`, else beside its
    ///   sessions.
    /// * Cache: `UPKEEP_STATE_DIR`, else `upkeep` in `XDG_STATE_HOME`, else
    ///   `~/.local/state/upkeep`.
    ///
    /// `None` without a home directory where one is needed.
    pub fn from_env(fs: &dyn Fs, env: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let home = env("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.as_deref();
        let openclaw = match path_in(&env, home, "OPENCLAW_STATE_DIR") {
            Some(path) => path,
            None => usual_openclaw(fs, home?),
        };
        let claude = match claude_dirs(&env, home) {
            dirs if dirs.is_empty() => vec![home?.join(".config/claude"), home?.join(".claude")],
            dirs => dirs,
        };
        let codex = match path_in(&env, home, "CODEX_HOME") {
            Some(path) => path,
            None => home?.join(".codex"),
        };
        let mut places = vec![Place::new(&OpenClaw, openclaw)];
        places.extend(claude.into_iter().map(|dir| Place::new(&Claude, dir)));
        let trace = path_in(&env, home, "CODEX_SQLITE_HOME").unwrap_or_else(|| codex.clone());
        places.push(Place::new(&Codex, codex));
        let state = match path_in(&env, home, "UPKEEP_STATE_DIR") {
            Some(path) => path,
            // The XDG base directory specification: relative paths are invalid and ignored.
            None => match path_in(&env, home, "XDG_STATE_HOME").filter(|path| path.is_absolute()) {
                Some(path) => path.join("upkeep"),
                None => home?.join(".local/state/upkeep"),
            },
        };
        Some(Self { trace: Some(trace.join(TRACE)), ..Self::new(places, &state) })
    }
}

fn usual_openclaw(fs: &dyn Fs, home: &Path) -> PathBuf {
    let (current, legacy) = (home.join(".openclaw"), home.join(".clawdbot"));
    let is_missing = fs.open_dir(&current).is_err_and(|error| error.is_not_found());
    if is_missing && fs.open_dir(&legacy).is_ok() { legacy } else { current }
}

/// The directories in `CLAUDE_CONFIG_DIR`. Some people name the `projects` in them.
fn claude_dirs(env: impl Fn(&str) -> Option<OsString>, home: Option<&Path>) -> Vec<PathBuf> {
    let Some(list) = env("CLAUDE_CONFIG_DIR") else { return Vec::new() };
    let Some(list) = list.to_str() else { return vec![PathBuf::from(list)] };
    let dirs = list.split(',').filter_map(|text| path(text, home));
    let without_projects = |dir: PathBuf| match dir.parent() {
        Some(parent) if dir.ends_with("projects") => parent.to_owned(),
        _ => dir,
    };
    dirs.map(without_projects).collect()
}

/// A path from a variable: surrounding space is dropped, `~` is the home directory.
pub(crate) fn path_in(
    env: impl Fn(&str) -> Option<OsString>,
    home: Option<&Path>,
    name: &str,
) -> Option<PathBuf> {
    let value = env(name)?;
    let Some(text) = value.to_str() else { return Some(PathBuf::from(value)) };
    path(text, home)
}

fn path(text: &str, home: Option<&Path>) -> Option<PathBuf> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    match (text.strip_prefix('~'), home) {
        (Some(""), Some(home)) => Some(home.to_owned()),
        (Some(rest), Some(home)) if rest.starts_with('/') => {
            Some(home.join(rest.trim_start_matches('/')))
        }
        _ => Some(PathBuf::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use common_fs::sim::Sim;

    use super::*;

    /// Directories that exist, variables, and the expected places.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str, &'a str);

    fn locations(dirs: &[&str], env: &[(&str, &str)]) -> Option<(String, String)> {
        let sim = Sim::new();
        for dir in dirs {
            sim.fs.make_dir(dir);
        }
        let get = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let found = Locations::from_env(&sim.fs, get)?;
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        Some((text(&found.places[0].path), text(&found.cache)))
    }

    fn places(env: &[(&str, &str)], source: &str) -> Vec<String> {
        let get = |name: &str| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        let found = Locations::from_env(&Sim::new().fs, get).unwrap();
        let of_source = found.places.iter().filter(|place| place.source.name() == source);
        of_source.map(|place| place.path.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_runtime_has_its_places() {
        let home = ("HOME", "/h");
        assert_eq!(places(&[home], "claude"), ["/h/.config/claude", "/h/.claude"]);
        assert_eq!(places(&[home], "codex"), ["/h/.codex"]);
        assert_eq!(places(&[home, ("CODEX_HOME", "/x")], "codex"), ["/x"]);
        for (list, dirs) in [
            ("/a", &["/a"][..]),
            (" /a , ~/b,", &["/a", "/h/b"]),
            ("/a/projects,/b/", &["/a", "/b/"]),
            (" , ", &["/h/.config/claude", "/h/.claude"]),
        ] {
            assert_eq!(places(&[home, ("CLAUDE_CONFIG_DIR", list)], "claude"), dirs, "{list}");
        }
    }

    #[test]
    fn variables_come_before_the_usual_places() {
        let home = ("HOME", "/h");
        let usual = "/h/.local/state/upkeep/usage-cache.jsonl";
        let table: [Case<'_>; 8] = [
            (&[], &[home], "/h/.openclaw", usual),
            (&["/h/.clawdbot"], &[home], "/h/.clawdbot", usual),
            (&["/h/.clawdbot", "/h/.openclaw"], &[home], "/h/.openclaw", usual),
            (&[], &[home, ("OPENCLAW_STATE_DIR", " ~/x ")], "/h/x", usual),
            (&[], &[home, ("OPENCLAW_STATE_DIR", "  ")], "/h/.openclaw", usual),
            (
                &[],
                &[home, ("UPKEEP_STATE_DIR", "/u"), ("XDG_STATE_HOME", "/x")],
                "/h/.openclaw",
                "/u/usage-cache.jsonl",
            ),
            (&[], &[home, ("XDG_STATE_HOME", "/x")], "/h/.openclaw", "/x/upkeep/usage-cache.jsonl"),
            (&[], &[home, ("XDG_STATE_HOME", "x")], "/h/.openclaw", usual),
        ];
        for (dirs, env, openclaw, cache) in table {
            let expected = Some((openclaw.to_owned(), cache.to_owned()));
            assert_eq!(locations(dirs, env), expected, "{env:?}");
        }
        assert_eq!(locations(&[], &[]), None);
        assert_eq!(locations(&[], &[("OPENCLAW_STATE_DIR", "/o")]), None);
        let all = [
            ("OPENCLAW_STATE_DIR", "/o"),
            ("UPKEEP_STATE_DIR", "/u"),
            ("CLAUDE_CONFIG_DIR", "/c"),
            ("CODEX_HOME", "/x"),
        ];
        assert!(locations(&[], &all).is_some());
    }
}
