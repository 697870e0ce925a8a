use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// The one library that the others may depend on.
const SHARED: &str = "common-fs";

/// What only programs may depend on.
const FOR_PROGRAMS: [&str; 6] =
    ["anyhow", "clap", "comfy-table", "csv", "indicatif", "signal-hook"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<String>,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().context("cannot run `cargo metadata`")?;
    let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
    for package in &metadata.packages {
        ensure!(package.license.is_some(), "{} has no licence", package.name);
        if !package.is_program() {
            check_library(package)?;
        }
        check_clippy(package, &metadata.workspace_root)?;
    }
    crate::say("tidy")
}

impl Package {
    fn is_program(&self) -> bool {
        self.name.ends_with("-cli")
            || ["xtask", "benches", "cli-support", "demo-gateway", "fake-provider"]
                .contains(&self.name.as_str())
    }
}

fn check_library(package: &Package) -> anyhow::Result<()> {
    for dependency in package.dependencies.iter().filter(|dependency| dependency.kind.is_none()) {
        let (from, to) = (&package.name, dependency.name.as_str());
        ensure!(
            !FOR_PROGRAMS.contains(&to),
            "the library {from} depends on {to}, which is for programs"
        );
        ensure!(
            dependency.path.is_none() || (to == SHARED && from != SHARED),
            "the library {from} depends on {to}; see docs/architecture.md for who may know whom"
        );
    }
    Ok(())
}

/// A second `clippy.toml` silently replaces the one of the workspace for the crates below it,
/// and with it the bans that keep the libraries free of clocks and files.
fn check_clippy(package: &Package, root: &Path) -> anyhow::Result<()> {
    let below_root = package.manifest_path.ancestors().skip(1).take_while(|dir| *dir != root);
    for path in below_root.flat_map(|dir| [dir.join("clippy.toml"), dir.join(".clippy.toml")]) {
        ensure!(fs_err::metadata(&path).is_err(), "{} replaces the bans", path.display());
    }
    Ok(())
}
