//! Gateways of OpenClaw: presets for `run`, and `--compat seed`.

use std::{
    env::consts::{ARCH, OS},
    ffi::OsString,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command as Process, ExitCode, Stdio},
};

use anyhow::{Context as _, ensure};
use cli_support::{Interrupt, env, message, print};
use common_fs::Host;
use restart_bench::{
    ServerKind, StartOrders, Task,
    preset::{Place, Preset, free_port, package_version, plan},
    root_path,
    seed::{
        CASES, Case, Command, Payload, Platform, SeedError, SeedOptions, SeedSetup, help,
        parse_options, report, run_seed,
    },
};

use crate::{
    NAME,
    args::How,
    exit::Ending,
    target::{guard, task_of},
};

/// What runs the script of a gateway; it is looked for in `PATH`.
const NODE: &str = "node";

/// Where the directories of gateways are made, if `TMPDIR` says nothing else.
const TEMP_DIR: &str = "/tmp";

/// How they are called.
const ROOT_PREFIX: &str = "restart-bench-openclaw-";

/// What differs from the seed, behind its own help.
const DIFFERENCES: &str = "\
Here, the exit status is 2 if anything failed, and 1 if nothing was measured; the seed exits with 0 in
the first case. Probes use a connection each; resources are read from /proc instead of asking ps and
lsof; a process that has no handler for SIGUSR1 is not signalled.";

/// The case of this name; without one, that of the seed.
pub(crate) fn case(id: Option<&str>) -> anyhow::Result<&'static Case> {
    let find = |id: &str| CASES.iter().find(|case| case.id == id);
    match id {
        None => CASES.first().context("there are no cases"),
        Some(id) => find(id).with_context(|| {
            format!("there is no case `{id}`; there are {}", CASES.map(|case| case.id).join(", "))
        }),
    }
}

/// Measures a gateway by its script, which is started in a directory of its own.
pub(crate) fn task(preset: Preset, entry: &Path, case: &Case, how: &How) -> anyhow::Result<Task> {
    let entry = std::path::absolute(entry)
        .with_context(|| format!("`{}` is no path of a script", entry.display()))?;
    let version = match package_version(Host::real(), &entry) {
        Ok(version) => Some(version),
        // The others do not depend on it.
        Err(error) if preset == Preset::OpenclawAuto => return Err(error.into()),
        Err(_) => None,
    };
    let protocol = preset.protocol(version.as_deref())?;
    let entry = entry.to_str().with_context(|| format!("`{}` is not UTF-8", entry.display()))?;
    let root = root_path(&temp_dir()?, ROOT_PREFIX)?;
    let node = [NODE.into()];
    let place = Place { root: &root, port: free_port()?, node: &node, entry };
    let plan = plan(protocol, case, &place, env);
    let server = ServerKind::Started(StartOrders {
        guard: guard()?,
        command: plan.command,
        environment: plan.environment,
        // A gateway reads what lies where it works.
        dir: Some(plan.root.path.clone()),
        root: Some(plan.root),
        grace: how.grace,
    });
    let name = format!("openclaw {}", case.id);
    let task = task_of(name, server, plan.trigger, plan.endpoints, plan.log, how);
    Ok(Task { version, spacing: plan.spacing, ..task })
}

/// The arguments behind `run --compat seed`: they are read by the rules of the seed.
pub(crate) fn of_seed(arguments: &[OsString]) -> Option<Vec<String>> {
    let rest = match arguments {
        [_, run, compat, seed, rest @ ..]
            if run == "run" && compat == "--compat" && seed == "seed" =>
        {
            rest
        }
        [_, run, compat, rest @ ..] if run == "run" && compat == "--compat=seed" => rest,
        _ => return None,
    };
    Some(rest.iter().map(|argument| argument.to_string_lossy().into_owned()).collect())
}

/// `--compat seed`: does what seed 003 does with these arguments.
pub(crate) fn compat(arguments: &[String]) -> anyhow::Result<ExitCode> {
    let options = match parse_options(arguments, &Platform::of(ARCH, OS))? {
        Command::Help => {
            print(&format!("{}\n{DIFFERENCES}\n", help()))?;
            return Ok(ExitCode::SUCCESS);
        }
        Command::Run(options) => options,
    };
    let interrupt = Interrupt::listen()?;
    let setup = setup()?;
    // These have the name of the seed before them already.
    let mut on_line = |line: &str| {
        writeln!(io::stderr(), "{line}").ok();
    };
    let is_interrupted = || interrupt.exit_code().is_some();
    let payload = match run_seed(&options, &setup, &mut on_line, &is_interrupted) {
        Err(SeedError::Interrupted) => {
            message(NAME, "interrupted; what was started has ended");
            return Ok(interrupt.exit_code().unwrap_or(ExitCode::FAILURE));
        }
        payload => payload?,
    };
    tell(&payload, &options)?;
    let has_failed = payload.results.iter().any(|result| 0.0 < result.summary.failure_rate);
    Ok(if has_failed { Ending::Failed } else { Ending::Fine }.code())
}

fn setup() -> anyhow::Result<SeedSetup> {
    Ok(SeedSetup {
        guard: guard()?,
        node: vec![NODE.into()],
        node_version: node_version()?,
        temp_dir: temp_dir()?,
        inherited: std::env::vars_os().collect(),
    })
}

/// What Node says of itself, such as `v24.21.0`.
fn node_version() -> anyhow::Result<String> {
    let output = Process::new(NODE).arg("--version").stdin(Stdio::null()).output();
    let output = output.with_context(|| format!("`{NODE}` could not be started"))?;
    ensure!(output.status.success(), "`{NODE} --version` ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn temp_dir() -> anyhow::Result<PathBuf> {
    let named = env("TMPDIR").filter(|dir| !dir.is_empty());
    let dir = named.unwrap_or_else(|| OsString::from(TEMP_DIR));
    std::path::absolute(&dir).with_context(|| format!("`{}` is no directory", dir.display()))
}

/// As the seed does: first to the file, then to the standard output.
fn tell(payload: &Payload, options: &SeedOptions) -> anyhow::Result<()> {
    let mut json = Vec::new();
    payload.write_json(&mut json)?;
    json.push(b'\n');
    if let Some(output) = &options.output {
        save(Path::new(output), &json)?;
    }
    if options.json {
        return print(&String::from_utf8(json)?);
    }
    print(&payload.results.iter().map(|result| report(result) + "\n").collect::<String>())
}

/// Replaces a file as a whole, and makes the directories above it.
fn save(path: &Path, content: &[u8]) -> anyhow::Result<()> {
    use common_fs::replace::{FileMode, Options, Symlinks, replace};
    let path = std::path::absolute(path)?;
    if let Some(dir) = path.parent() {
        fs_err::create_dir_all(dir)?;
    }
    let options = Options { mode: FileMode::Keep { fresh: 0o644 }, symlinks: Symlinks::Follow };
    Ok(replace(Host::real(), &path, content, options)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_have_names() {
        assert_eq!(case(None).unwrap().id, "skipChannels");
        assert_eq!(case(Some("fiftyPlugins")).unwrap().id, "fiftyPlugins");
        let error = case(Some("none")).unwrap_err().to_string();
        assert!(error.contains("skipChannels, "), "{error}");
    }

    #[test]
    fn a_file_is_made_with_the_directories_above_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.json");
        save(&path, b"{}\n").unwrap();
        save(&path, b"[]\n").unwrap();
        assert_eq!(fs_err::read(&path).unwrap(), b"[]\n");
    }
}
