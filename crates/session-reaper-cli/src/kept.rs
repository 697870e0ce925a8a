//! What is kept from one run to the next: when there was a sweep, and what all of them did.

use std::path::PathBuf;

use common_fs::{
    Access, Host, create_dir_all, open_parent, read_whole,
    replace::{FileMode, Options, Symlinks, replace},
};
use session_reaper::{Reaper, ThrottleRules};

/// A longer file is not ours.
const BYTES_MAX: usize = 64 << 20;

/// Where it is kept: `session-reaper.json` in `$UPKEEP_STATE_DIR`, else in `upkeep` in
/// `$XDG_STATE_HOME` or `~/.local/state`.
pub(crate) fn path() -> Option<PathBuf> {
    let set = |name| cli_support::env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let dir = set("UPKEEP_STATE_DIR").or_else(|| {
        let state = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")))?;
        Some(state.join("upkeep"))
    })?;
    Some(dir.join("session-reaper.json"))
}

/// What was kept. A file that cannot be read is as good as none: it only makes sweeps look again.
pub(crate) fn load() -> Reaper {
    let read = || {
        let (dir, name) = open_parent(Host::real().fs, &path()?).ok()?;
        let file = dir.open(&name, Access::Read).ok()?;
        let content = read_whole(file.as_ref(), BYTES_MAX).ok()??;
        serde_json::from_slice(&content).ok()
    };
    read().unwrap_or_else(|| Reaper::new(ThrottleRules::Safe))
}

/// Keeps it; two runs at once keep what the last of them knows.
pub(crate) fn save(reaper: &Reaper) -> anyhow::Result<()> {
    let Some(path) = path() else { return Ok(()) };
    if let Some(dir) = path.parent() {
        create_dir_all(Host::real().fs, dir)?;
    }
    let options = Options { mode: FileMode::Private, symlinks: Symlinks::Follow };
    replace(Host::real(), &path, &serde_json::to_vec(reaper)?, options)?;
    Ok(())
}
