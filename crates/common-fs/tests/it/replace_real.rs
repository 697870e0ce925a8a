//! Replacement on real files under real limits (rows F6, F7, F9, F12).

use std::{os::unix::process::CommandExt as _, path::Path};

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

/// Helper: replaces `path` by `len` bytes and says what came of it, and what is left.
pub(crate) fn helper_replace(path: &Path, len: u64) -> String {
    let content = vec![b'n'; usize::try_from(len).unwrap()];
    let outcome = outcome(&replace(Host::real(), path, &content, PRIVATE));
    let left = match names(path.parent().unwrap()).as_slice() {
        [] => "nothing".to_owned(),
        [_] => fs_err::read_to_string(path).unwrap(),
        names => format!("{names:?}"),
    };
    format!("{outcome}; left {left}")
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
    let answer =
        helper::answer(helper::shell("ulimit -f 8; trap '' XFSZ; exec \"$0\" \"$@\"", &inner));
    assert_eq!(answer, "not committed: FileTooLarge, 100000 bytes; left old");
    assert_eq!(world.content("file").as_deref(), Some(&b"old"[..]));
    assert_eq!(world.names(), ["file"]);
}

#[test]
fn f6_a_full_disk_keeps_the_old_content() {
    let world = Real::new();
    let path = world.path("file");
    let inner = helper::command("replace", &[path.to_str().unwrap(), "100000"]);
    let dir = world.root().display();
    let mount = format!("mount -t tmpfs -o size=64k none {dir}");
    for (prepare, before) in [("true", "nothing"), ("printf old >", "old")] {
        let script = format!("{mount} && {prepare} {dir}/file");
        if let Some(answer) = helper::answer_if_mounted(helper::mounting(&script, &inner)) {
            let expected = format!("not committed: StorageFull, 100000 bytes; left {before}");
            assert_eq!(answer, expected);
        }
    }
}

#[test]
fn f7_a_read_only_file_system_is_a_distinct_error() {
    let world = Real::new();
    world.put("file", b"old");
    let path = world.path("file");
    let inner = helper::command("replace", &[path.to_str().unwrap(), "3"]);
    let dir = world.root().display();
    let script = format!("mount --bind {dir} {dir} && mount -o remount,bind,ro {dir}");
    if let Some(answer) = helper::answer_if_mounted(helper::mounting(&script, &inner)) {
        assert_eq!(answer, "not committed: ReadOnlyFilesystem, 0 bytes; left old");
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
    assert_eq!(helper::answer(command), "not committed: PermissionDenied, 0 bytes; left old");
    world.set_mode("state", 0o755);
    assert_eq!(names(&world.path("state")), ["file"]);
}
