use std::{collections::BTreeMap, path::Path, process::Command};

use anyhow::{Context as _, bail, ensure};
use serde::Deserialize;

/// What the libraries may depend on within the workspace.
const LIBRARIES: [(&str, &[&str]); 3] =
    [("common-fs", &[]), ("usage-cache", &["common-fs"]), ("demo-corpus", &[])];

/// What only programs may depend on.
const FOR_PROGRAMS: [&str; 6] =
    ["anyhow", "clap", "comfy-table", "csv", "indicatif", "signal-hook"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: String,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
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
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.name.as_str(), package)).collect();
    for (name, allowed) in LIBRARIES {
        let package = packages.get(name).with_context(|| format!("there is no crate {name}"))?;
        check_library(package, allowed)?;
    }
    for package in &metadata.packages {
        ensure!(package.license.is_some(), "{} has no licence", package.name);
    }
    check_clippy(Path::new(&metadata.workspace_root))?;
    crate::say("tidy")
}

fn check_library(package: &Package, allowed: &[&str]) -> anyhow::Result<()> {
    for dependency in package.dependencies.iter().filter(|dependency| dependency.kind.is_none()) {
        let (from, to) = (&package.name, dependency.name.as_str());
        if FOR_PROGRAMS.contains(&to) {
            bail!("the library {from} depends on {to}, which is for programs");
        }
        if dependency.path.is_some() && !allowed.contains(&to) {
            bail!("{from} depends on {to}; see docs/architecture.md for who may know whom");
        }
    }
    Ok(())
}

/// A `clippy.toml` in a crate silently replaces the one of the workspace, and with it the bans
/// that keep the libraries free of clocks and files.
fn check_clippy(root: &Path) -> anyhow::Result<()> {
    let crates = fs_err::read_dir(root.join("crates"))?;
    for entry in crates {
        for name in ["clippy.toml", ".clippy.toml"] {
            let path =
                entry.as_ref().map_or_else(|_| root.join(name), |entry| entry.path().join(name));
            ensure!(fs_err::metadata(&path).is_err(), "{} replaces the bans", path.display());
        }
    }
    Ok(())
}
