//! The other program.

use std::{
    io::ErrorKind,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};
use cli_support::Interrupt;
use serde::Deserialize;

use super::{check, progress, tool::Tool};

/// The newest that both packages exist in, as of 2026-11-28.
pub(super) const VERSION: &str = "20.0.24";

const LAUNCHER: &str = "ccusage";
/// The program itself. What the launcher adds is the start of Node, which is nothing to compare.
const NATIVE: &str = "@ccusage/ccusage-linux-x64";

const ARGUMENTS: &[&str] = &["daily", "--json", "--offline"];

/// Installs it with npm.
pub(super) fn install(temp: &Path, version: &str, interrupt: &Interrupt) -> anyhow::Result<Tool> {
    progress(&format!("installing ccusage {version}"));
    let dir = temp.join("peer");
    fs_err::create_dir(&dir)?;
    let mut command = Command::new("npm");
    command.args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save"]);
    command.arg("--prefix").arg(&dir);
    command.args([LAUNCHER, NATIVE].map(|package| format!("{package}@{version}")));
    command.current_dir(&dir).stdin(Stdio::null());
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("ccusage is installed with npm, which is not there: install Node.js with npm")
        }
        output => output.context("cannot run npm")?,
    };
    check(interrupt)?;
    ensure!(
        output.status.success(),
        "npm cannot install {LAUNCHER} and {NATIVE} in version {version}: is there a network, and do \
         `npm view {LAUNCHER} versions` and `npm view {NATIVE} versions` both name it? Take another \
         with --version. npm says:\n{}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let modules = dir.join("node_modules");
    for package in [LAUNCHER, NATIVE] {
        let installed = installed_version(&modules.join(package).join("package.json"))?;
        ensure!(installed == version, "npm installed {package} {installed} instead of {version}");
    }
    let binary = modules.join(NATIVE).join("bin/ccusage");
    // It comes without the permission to run it; the launcher sets that, too.
    fs_err::set_permissions(&binary, PermissionsExt::from_mode(0o755))?;
    Tool::new(LAUNCHER, binary, ARGUMENTS, &dir)
}

fn installed_version(path: &Path) -> anyhow::Result<String> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }
    let package: Package = serde_json::from_slice(&fs_err::read(path)?)
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(package.version)
}
