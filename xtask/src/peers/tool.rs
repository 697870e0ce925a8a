//! A program that is measured.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};
use cli_support::Interrupt;
use serde::Deserialize;

use super::{check, child, progress, sample::Sample, tokens::Tokens};

/// What is asked of both, of all runtimes and in UTC.
const OURS_ARGUMENTS: &[&str] = &["daily", "--json"];
const PACKAGE: &str = "usage-cache-cli";
const PROGRAM: &str = "usage-cache";

/// The two programs.
pub(super) struct Tools {
    pub(super) ours: Tool,
    pub(super) peer: Tool,
}

/// One of them.
pub(super) struct Tool {
    pub(super) name: &'static str,
    /// As it says itself.
    pub(super) version: String,
    binary: PathBuf,
    arguments: &'static [&'static str],
    /// Where it may keep something between two runs.
    state: PathBuf,
    /// A copy of that.
    kept: PathBuf,
    /// What it prints.
    stdout: PathBuf,
}

/// What is read of a report. Both programs call these alike.
#[derive(Deserialize)]
struct Report {
    totals: Tokens,
}

impl Tool {
    /// Has all its files in `dir`, which is made.
    pub(super) fn new(
        name: &'static str,
        binary: PathBuf,
        arguments: &'static [&'static str],
        dir: &Path,
    ) -> anyhow::Result<Self> {
        fs_err::create_dir_all(dir)?;
        let version = output(Command::new(&binary).arg("--version"))?;
        Ok(Self {
            name,
            version,
            binary,
            arguments,
            state: dir.join("state"),
            kept: dir.join("kept"),
            stdout: dir.join("report.json"),
        })
    }

    /// The command line, without directories.
    pub(super) fn command(&self) -> String {
        format!("{} {}", self.name, self.arguments.join(" "))
    }

    /// Runs it once on a home directory: what that took, and what it counts.
    pub(super) fn run(&self, home: &Path) -> anyhow::Result<(Sample, Tokens)> {
        // The same for both, and nothing of whoever runs this.
        let variables: [(&str, OsString); 4] = [
            ("HOME", home.into()),
            ("TZ", "UTC".into()),
            ("LOG_LEVEL", "0".into()),
            ("UPKEEP_STATE_DIR", self.state.clone().into()),
        ];
        let sample = child::run(&self.binary, self.arguments, &variables, &self.stdout)?;
        let report = serde_json::from_slice(&fs_err::read(&self.stdout)?);
        let report: Report = report.with_context(|| {
            format!("`{}` prints something else than a report with totals", self.command())
        })?;
        Ok((sample, report.totals))
    }

    /// Makes it as if it had never run.
    pub(super) fn forget(&self) -> anyhow::Result<()> {
        remove(&self.state)
    }

    /// Keeps what it has kept, for [`restore`](Self::restore).
    pub(super) fn keep(&self) -> anyhow::Result<()> {
        copy(&self.state, &self.kept)
    }

    /// Makes it as if it had not run since [`keep`](Self::keep).
    pub(super) fn restore(&self) -> anyhow::Result<()> {
        copy(&self.kept, &self.state)
    }
}

fn remove(dir: &Path) -> anyhow::Result<()> {
    match fs_err::remove_dir_all(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => Ok(done?),
    }
}

/// Makes `to` what `from` is, a directory or nothing.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    remove(to)?;
    let entries = match fs_err::read_dir(from) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    fs_err::create_dir(to)?;
    for entry in entries {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else {
            fs_err::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// What a command prints, without space around it.
pub(super) fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed: {}", said.trim());
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Builds `usage-cache` as it is released, and takes a copy.
pub(super) fn build_ours(temp: &Path, interrupt: &Interrupt) -> anyhow::Result<Tool> {
    #[derive(Deserialize)]
    struct Message {
        executable: Option<PathBuf>,
    }

    progress("building usage-cache");
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).stderr(Stdio::inherit());
    command.args(["build", "--release", "--package", PACKAGE, "--bin", PROGRAM]);
    command.arg("--message-format=json-render-diagnostics");
    let output = command.output().context("cannot run cargo")?;
    check(interrupt)?;
    ensure!(output.status.success(), "usage-cache cannot be built; see above");
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Message>(line).ok());
    let binary = messages.filter_map(|message| message.executable).next_back();
    let binary = binary.context("cargo does not say where usage-cache is")?;
    let dir = temp.join("ours");
    fs_err::create_dir(&dir)?;
    let copied = dir.join(PROGRAM);
    fs_err::copy(&binary, &copied)?;
    let mut tool = Tool::new(PROGRAM, copied, OURS_ARGUMENTS, &dir)?;
    if let Some(commit) = commit() {
        tool.version += &format!(", commit {commit}");
    }
    Ok(tool)
}

/// Not there in a copy of the sources without its history.
fn commit() -> Option<String> {
    let mut command = Command::new("git");
    command.current_dir(env!("CARGO_MANIFEST_DIR")).args(["describe", "--always", "--dirty"]);
    output(&mut command).ok()
}
