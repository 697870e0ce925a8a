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
///
/// The binary is copied next to `dir`, as other users may not reach the build directory.
pub(crate) fn command(job: &str, arguments: &[&str]) -> Command {
    command_of(&env::current_exe().unwrap(), job, arguments)
}

/// As [`command`], but runs a copy in `dir` that every user may execute.
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

/// Runs a helper and returns the line it said.
pub(crate) fn answer(mut command: Command) -> String {
    let output = command.output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    let answer = stdout.lines().find_map(|line| line.split_once("answer: "));
    let Some((_, answer)) = answer else { panic!("{command:?}: {output:?} {stderr}") };
    answer.to_owned()
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
    writeln!(std::io::stdout(), "answer: {answer}").unwrap();
}

fn number(argument: &Path) -> u64 {
    argument.to_str().unwrap().parse().unwrap()
}
