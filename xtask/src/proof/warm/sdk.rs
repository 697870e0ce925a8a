//! The official SDKs for Python, through the proxy.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context as _, ensure};
use fake_provider::{Config, FakeProvider, Lifetimes};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::served::Served;

/// What asks, and judges the answers.
const CHECK: &str = include_str!("../../../../crates/fake-provider/sdk/check.py");
/// So many there are at least.
const CHECKS_MIN: u64 = 179;
const FIVE_MINUTES_SECS: u64 = 2;

/// What it found.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Sdk {
    anthropic: String,
    openai: String,
    python: String,
    checks: u64,
    differences: Vec<Value>,
}

pub(super) fn prove() -> anyhow::Result<Sdk> {
    let five_minutes = Duration::from_secs(FIVE_MINUTES_SECS);
    let lifetimes = Lifetimes { five_minutes, ..Lifetimes::DOCUMENTED };
    let provider = FakeProvider::start(Config { lifetimes, ..Config::USUAL })?;
    let temp = tempfile::tempdir()?;
    let proxy = Served::start(&provider.base_url(), &temp.path().join("state"), false)?;

    let venv = temp.path().join("venv");
    run(Command::new("python3").args(["-m", "venv"]).arg(&venv))
        .context("this needs Python with venv (apt-get install python3-venv)")?;
    let python = venv.join("bin/python");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "anthropic", "openai"]))?;
    check(&python, temp.path(), &format!("http://{}", proxy.address))
}

fn check(python: &Path, temp: &Path, base_url: &str) -> anyhow::Result<Sdk> {
    let script = temp.join("check.py");
    fs_err::write(&script, CHECK)?;
    let mut command = Command::new(python);
    command.arg(&script).args(["--through-proxy", "--base-url", base_url, "--five-minutes"]);
    let output = command.arg(FIVE_MINUTES_SECS.to_string()).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let sdk: Sdk = serde_json::from_slice(&output.stdout).with_context(|| said.into_owned())?;
    ensure!(CHECKS_MIN <= sdk.checks, "only {} checks", sdk.checks);
    ensure!(output.status.success() && sdk.differences.is_empty(), "{:#?}", sdk.differences);
    Ok(sdk)
}

fn run(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} failed: {said}");
    Ok(())
}
