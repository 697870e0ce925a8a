//! Where the state is.

use std::path::PathBuf;

use anyhow::Context as _;

/// `cache-warmer` in `$UPKEEP_STATE_DIR`, else in `upkeep` in `$XDG_STATE_HOME` or `~/.local/state`.
pub(crate) fn state_dir() -> anyhow::Result<PathBuf> {
    let set = |name| cli_support::env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let usual = || {
        // The XDG base directory specification: relative paths are invalid and ignored.
        let state = set("XDG_STATE_HOME").filter(|path| path.is_absolute());
        Some(state.or_else(|| Some(set("HOME")?.join(".local/state")))?.join("upkeep"))
    };
    let dir = set("UPKEEP_STATE_DIR").or_else(usual);
    let dir = dir.context("cannot tell where the state is: set UPKEEP_STATE_DIR or HOME")?;
    Ok(dir.join("cache-warmer"))
}
