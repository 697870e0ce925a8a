use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use common_fs::Fs;

/// Where the transcripts are, and where the cache is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locations {
    /// State directories of OpenClaw, each with `agents/<agent>/sessions` below it.
    pub openclaw: Vec<PathBuf>,
    /// The cache file. Its directory is created when there is something to keep.
    pub cache: PathBuf,
}

/// The name of the cache file in the state directory.
const CACHE: &str = "usage-cache.jsonl";

impl Locations {
    /// The places that the environment variables name, or else the usual ones.
    ///
    /// OpenClaw: `OPENCLAW_STATE_DIR`, else `~/.openclaw`, or its older name `~/.clawdbot` if
    /// only that exists. Cache: `UPKEEP_STATE_DIR`, else `upkeep` in `XDG_STATE_HOME`, else
    /// `~/.local/state/upkeep`.
    ///
    /// `None` without a home directory where one is needed.
    pub fn from_env(fs: &dyn Fs, env: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let home = env("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let home = home.as_deref();
        let openclaw = match path_in(&env, home, "OPENCLAW_STATE_DIR") {
            Some(path) => path,
            None => usual_openclaw(fs, home?),
        };
        let state = match path_in(&env, home, "UPKEEP_STATE_DIR") {
            Some(path) => path,
            // The XDG base directory specification: relative paths are invalid and ignored.
            None => match path_in(&env, home, "XDG_STATE_HOME").filter(|path| path.is_absolute()) {
                Some(path) => path.join("upkeep"),
                None => home?.join(".local/state/upkeep"),
            },
        };
        Some(Self { openclaw: vec![openclaw], cache: state.join(CACHE) })
    }
}

fn usual_openclaw(fs: &dyn Fs, home: &Path) -> PathBuf {
    let (current, legacy) = (home.join(".openclaw"), home.join(".clawdbot"));
    if fs.open_dir(&current).is_err() && fs.open_dir(&legacy).is_ok() { legacy } else { current }
}

/// A path from a variable: surrounding space is dropped, `~` is the home directory.
fn path_in(
    env: impl Fn(&str) -> Option<OsString>,
    home: Option<&Path>,
    name: &str,
) -> Option<PathBuf> {
    let value = env(name)?;
    let Some(text) = value.to_str() else { return Some(PathBuf::from(value)) };
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
        Some((text(&found.openclaw[0]), text(&found.cache)))
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
        let both = [("OPENCLAW_STATE_DIR", "/o"), ("UPKEEP_STATE_DIR", "/u")];
        assert!(locations(&[], &both).is_some());
    }
}
