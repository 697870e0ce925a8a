//! Work that needs a process of its own: another user, a limit, a death.
//!
//! A helper is this very test binary, started again to run the one test
//! [`helper_process`] with its job in the environment.

use std::{
    env,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const JOB: &str = "COMMON_FS_TEST_JOB";

/// A command that does `job` with `arguments` when it runs.
pub(crate) fn command(job: &str, arguments: &[&str]) -> Command {
    command_of(&env::current_exe().unwrap(), job, arguments)
}

/// As [`command`], but runs a copy in `dir`, as other users may not reach the build directory.
pub(crate) fn public_command(dir: &Path, job: &str, arguments: &[&str]) -> Command {
    let copy = dir.join("helper");
    fs_err::copy(env::current_exe().unwrap(), &copy).unwrap();
    command_of(&copy, job, arguments)
}

fn command_of(binary: &Path, job: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command.args(["--exact", "helper::helper_process", "--nocapture"]);
    command.env(JOB, job).env("COMMON_FS_TEST_ARGUMENTS", arguments.join("\n"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a helper and returns what it said.
pub(crate) fn answer(mut command: Command) -> String {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    let Some(answer) = said(&output.stdout) else { panic!("{command:?}: {output:?} {stderr}") };
    answer
}

/// Helper: says something before its job is done.
pub(crate) fn say(answer: &str) {
    let mut stdout = std::io::stdout();
    writeln!(stdout, "answer: {answer}").unwrap();
}

/// What a helper said, of all it printed.
pub(crate) fn said(stdout: &[u8]) -> Option<String> {
    let stdout = String::from_utf8_lossy(stdout);
    stdout.lines().find_map(|line| Some(line.split_once("answer: ")?.1.to_owned()))
}

/// Runs `inner` from a shell script.
pub(crate) fn shell(script: &str, inner: &Command) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command
}

/// Runs `inner` after `script`, which may mount file systems that nobody else sees.
pub(crate) fn mounting(script: &str, inner: &Command) -> Command {
    let shell = shell(&format!("{script} && echo mounted && exec \"$0\" \"$@\""), inner);
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount"]).arg(shell.get_program()).args(shell.get_args());
    command.envs(shell.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command
}

/// As [`answer`], or `None` where the system does not let users mount.
pub(crate) fn answer_if_mounted(mut command: Command) -> Option<String> {
    let output = command.output().ok()?;
    let mounted = output.stdout.starts_with(b"mounted\n");
    mounted.then(|| said(&output.stdout).unwrap_or_else(|| panic!("{command:?}: {output:?}")))
}

/// Does nothing unless this process is a helper.
#[test]
#[expect(clippy::disallowed_methods, reason = "the job is in the environment")]
fn helper_process() {
    let Ok(job) = env::var(JOB) else { return };
    let arguments = env::var("COMMON_FS_TEST_ARGUMENTS").unwrap();
    let arguments: Vec<PathBuf> = arguments.lines().map(PathBuf::from).collect();
    let answer = match (job.as_str(), arguments.as_slice()) {
        ("replace", [path, len]) => crate::replace_real::helper_replace(path, number(len)),
        ("replace-umask", [path, umask]) => {
            crate::replace_real::helper_replace_umask(path, number(umask))
        }
        ("state", [pid]) => crate::lock_processes::helper_state(number(pid)),
        ("contend", [dir, rounds, seed]) => {
            crate::lock_processes::helper_contend(dir, number(rounds), number(seed))
        }
        ("hold", [dir]) => crate::lock_processes::helper_hold(dir),
        job => panic!("unknown job {job:?}"),
    };
    say(&answer);
}

fn number(argument: &Path) -> u64 {
    argument.to_str().unwrap().parse().unwrap()
}
