//! Replacement on real files under real limits (rows F6, F7, F9, F12).

use std::{os::unix::process::CommandExt as _, path::Path, process::Command};

use common_fs::{
    Host, RealFs,
    observe::{Call, Decision, ObservedFs, Observer},
    replace::{ReplaceError, replace},
};

use crate::{
    helper,
    replace::PRIVATE,
    world::{Real, World as _, names},
};

/// Helper: replaces `path` by `len` bytes and says what came of it.
pub(crate) fn helper_replace(path: &Path, len: u64) -> String {
    let content = vec![b'n'; usize::try_from(len).unwrap()];
    outcome(&replace(Host::real(), path, &content, PRIVATE))
}

fn outcome(result: &Result<(), ReplaceError>) -> String {
    match result {
        Ok(()) => "committed".to_owned(),
        Err(ReplaceError::NotCommitted { source, bytes, .. }) => {
            format!("not committed: {:?}, {bytes} bytes", source.kind())
        }
        Err(ReplaceError::DurabilityUnknown { .. }) => "durability unknown".to_owned(),
    }
}

/// Remembers the widest permissions that any file in a directory ever had.
struct Widest(std::sync::Mutex<u32>, std::path::PathBuf);

impl Observer for Widest {
    fn before(&self, _: Call<'_>) -> Decision {
        use std::os::unix::fs::PermissionsExt as _;
        for entry in fs_err::read_dir(&self.1).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            *self.0.lock().unwrap() |= mode & 0o7777;
        }
        Decision::Proceed
    }
}

/// Helper: as [`helper_replace`] under a umask; says what modes were ever seen.
pub(crate) fn helper_replace_umask(path: &Path, umask: u64) -> String {
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(u32::try_from(umask).unwrap()));
    let parent = path.parent().unwrap().to_owned();
    let widest = std::sync::Arc::new(Widest(std::sync::Mutex::new(0), parent));
    let fs = ObservedFs::new(RealFs, widest.clone());
    let result = replace(Host { fs: &fs, ..Host::real() }, path, b"secret", PRIVATE);
    let widest = *widest.0.lock().unwrap();
    format!("{} {widest:o}", outcome(&result))
}

#[test]
fn f12_the_file_is_private_throughout_under_any_umask() {
    for (umask, seen) in [(0o000, "600"), (0o022, "600"), (0o077, "600")] {
        let world = Real::new();
        let path = world.path("file");
        let (path, umask) = (path.to_str().unwrap(), umask.to_string());
        let answer = helper::answer(helper::command("replace-umask", &[path, &umask]));
        assert_eq!(answer, format!("committed {seen}"));
        assert_eq!(world.mode("file"), 0o600);
    }
}

#[test]
fn f9_a_file_size_limit_is_an_error_that_the_process_survives() {
    let world = Real::new();
    world.put("file", b"old");
    let path = world.path("file");
    let inner = helper::command("replace", &[path.to_str().unwrap(), "100000"]);
    let answer = helper::answer(shell("ulimit -f 8; trap '' XFSZ; exec \"$0\" \"$@\"", &inner));
    assert_eq!(answer, "not committed: FileTooLarge, 100000 bytes");
    assert_eq!(world.content("file").as_deref(), Some(&b"old"[..]));
    assert_eq!(world.names(), ["file"]);
}

/// Runs `inner` from a shell script.
fn shell(script: &str, inner: &Command) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).arg(inner.get_program()).args(inner.get_args());
    command.envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    command
}

/// Runs `inner` where `dir` is a file system of its own, or `None` where the system does not
/// let us mount: then the simulated rows F6 and F7 are all there is.
fn mounted(mount: &str, dir: &Path, inner: &Command) -> Option<String> {
    let namespace = ["unshare", "--map-root-user", "--mount"];
    let probe = Command::new(namespace[0]).args(&namespace[1..]).arg("true").status();
    if !probe.is_ok_and(|status| status.success()) {
        return None;
    }
    let script = format!("{} && exec \"$0\" \"$@\"", mount.replace("DIR", dir.to_str().unwrap()));
    let shell = shell(&script, inner);
    let mut command = Command::new(namespace[0]);
    command.args(&namespace[1..]).arg(shell.get_program()).args(shell.get_args());
    command.envs(shell.get_envs().filter_map(|(key, value)| Some((key, value?))));
    Some(helper::answer(command))
}

#[test]
fn f6_a_full_disk_keeps_the_old_content() {
    let world = Real::new();
    let path = world.path("file");
    let inner = helper::command("replace", &[path.to_str().unwrap(), "100000"]);
    let mount = "mount -t tmpfs -o size=64k none DIR";
    if let Some(answer) = mounted(mount, world.root(), &inner) {
        assert_eq!(answer, "not committed: StorageFull, 100000 bytes");
    }
}

#[test]
fn f7_a_read_only_file_system_is_a_distinct_error() {
    let world = Real::new();
    world.put("file", b"old");
    let path = world.path("file");
    let inner = helper::command("replace", &[path.to_str().unwrap(), "3"]);
    let mount = "mount --bind DIR DIR && mount -o remount,bind,ro DIR";
    if let Some(answer) = mounted(mount, world.root(), &inner) {
        assert_eq!(answer, "not committed: ReadOnlyFilesystem, 0 bytes");
    }
    assert_eq!(world.content("file").as_deref(), Some(&b"old"[..]));
}

#[test]
fn f7_a_directory_that_is_not_ours_to_change_is_a_distinct_error() {
    let world = Real::new();
    world.make_dir("state");
    world.put("state/file", b"old");
    let path = world.path("state/file");
    let arguments = [path.to_str().unwrap(), "3"];
    world.set_mode("state", 0o555);
    let mut command = if rustix::process::geteuid().is_root() {
        // Root may do anything: ask somebody else.
        world.set_mode(".", 0o755);
        let mut command = helper::public_command(world.root(), "replace", &arguments);
        command.uid(65_534);
        command
    } else {
        helper::command("replace", &arguments)
    };
    command.current_dir("/");
    assert_eq!(helper::answer(command), "not committed: PermissionDenied, 0 bytes");
    world.set_mode("state", 0o755);
    assert_eq!(names(&world.path("state")), ["file"]);
}
