//! What `replace` does with what it finds (rows F10, F11, F13, F14, F16, F17, F20).

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use common_fs::{
    Access, FileKind, Host, Op, Refusal,
    observe::{Call, Decision, Errno, ObservedFs, Observer},
    replace::{FileMode, Options, ReplaceError, Replacement, Symlinks, replace},
    sim::{Faults, Sim},
};

use crate::world::{Real, World, names, on_both};

pub(crate) const PRIVATE: Options = Options { mode: FileMode::Private, symlinks: Symlinks::Refuse };
const KEEP: Options = Options { mode: FileMode::Keep { fresh: 0o644 }, symlinks: Symlinks::Refuse };

/// The cause of a replacement that did not happen.
pub(crate) fn cause(result: Result<(), ReplaceError>) -> common_fs::FsError {
    match result {
        Err(ReplaceError::NotCommitted { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn content_is_replaced_or_created() {
    on_both(|world| {
        for content in [&b"one"[..], b"", &vec![7; 300_000]] {
            replace(world.host(), &world.path("file"), content, PRIVATE).unwrap();
            assert_eq!(world.content("file").as_deref(), Some(content));
        }
        assert_eq!(world.dir().list().unwrap().len(), 1, "nothing else is left");
    });
}

#[test]
fn a_replacement_that_is_dropped_changes_nothing() {
    on_both(|world| {
        world.put("file", b"old");
        let owner = world.host().processes.identity().process;
        let dir = world.dir();
        let mut replacement =
            Replacement::begin(dir.as_ref(), "file".as_ref(), owner, FileMode::Private).unwrap();
        replacement.write(b"new").unwrap();
        drop(replacement);
        assert_eq!(world.content("file").as_deref(), Some(&b"old"[..]));
        assert_eq!(dir.list().unwrap().len(), 1);
    });
}

#[test]
fn f10_a_link_is_never_replaced_by_a_file() {
    on_both(|world| {
        world.make_dir("elsewhere");
        world.put("elsewhere/target", b"old");
        world.symlink("link", Path::new("elsewhere/target"));
        world.symlink("chain", &world.path("link"));
        world.symlink("dangling", Path::new("elsewhere/none"));
        world.symlink("loop", Path::new("loop"));
        for name in ["link", "chain", "dangling", "loop"] {
            let error = cause(replace(world.host(), &world.path(name), b"new", PRIVATE));
            assert!(matches!(error.refusal(), Some(Refusal::NotAFile(_))), "{name}: {error:?}");
        }
        assert_eq!(world.content("elsewhere/target").as_deref(), Some(&b"old"[..]));

        let follow = Options { symlinks: Symlinks::Follow, ..PRIVATE };
        for (name, target) in [("chain", "elsewhere/target"), ("dangling", "elsewhere/none")] {
            replace(world.host(), &world.path(name), b"new", follow).unwrap();
            assert_eq!(world.content(target).as_deref(), Some(&b"new"[..]));
            assert!(world.dir().read_link(name.as_ref()).is_ok(), "{name} is still a link");
        }
        let error = cause(replace(world.host(), &world.path("loop"), b"new", follow));
        assert_eq!(error.refusal(), Some(&Refusal::TooManyLinks));
    });
}

#[test]
fn f11_the_mode_is_kept_or_private() {
    on_both(|world| {
        world.put("file", b"old");
        world.set_mode("file", 0o640);
        replace(world.host(), &world.path("file"), b"new", KEEP).unwrap();
        assert_eq!(world.mode("file"), 0o640);
        replace(world.host(), &world.path("file"), b"new", PRIVATE).unwrap();
        assert_eq!(world.mode("file"), 0o600);
        replace(world.host(), &world.path("fresh"), b"new", KEEP).unwrap();
        assert_eq!(world.mode("fresh"), 0o644);
    });
}

#[test]
fn f11_the_owner_is_kept_or_nobody_else_gains_access() {
    let sim = Sim::new();
    sim.fs.make_dir("/state");
    sim.fs.put("/state/store", b"old");
    sim.fs.set_mode("/state/store", 0o660);
    sim.fs.set_owner("/state/store", 1_000, 44);
    replace(sim.host(), "/state/store".as_ref(), b"new", KEEP).unwrap();
    let stat = sim.fs.stat("/state/store").unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o660, 1_000, 44));

    let step = steps(&sim).iter().position(|op| *op == Op::SetOwner).unwrap();
    let faults = Faults::none().fail(step, Errno::PERM);
    let fs = ObservedFs::new(sim.fs.clone(), Arc::new(faults));
    replace(Host { fs: &fs, ..sim.host() }, "/state/store".as_ref(), b"newer", KEEP).unwrap();
    let stat = sim.fs.stat("/state/store").unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o600, 1_000, 1_000));
}

/// The operations of replacing `/state/store`.
fn steps(sim: &Sim) -> Vec<Op> {
    let faults = Arc::new(Faults::none());
    let fs = ObservedFs::new(sim.fs.clone(), faults.clone());
    replace(Host { fs: &fs, ..sim.host() }, "/state/store".as_ref(), b"new", KEEP).unwrap();
    faults.trace().into_iter().map(|(op, _)| op).collect()
}

#[test]
fn f13_what_is_no_file_is_refused_at_once() {
    on_both(|world| {
        world.make_dir("dir");
        world.fifo("fifo");
        for name in ["dir", "fifo"] {
            let error = cause(replace(world.host(), &world.path(name), b"new", PRIVATE));
            assert!(matches!(error.refusal(), Some(Refusal::NotAFile(_))), "{name}: {error:?}");
        }
        assert_eq!(world.dir().list().unwrap().len(), 2, "no temporary file is left");
    });
}

#[test]
fn f13_a_socket_is_refused_at_once() {
    let world = Real::new();
    let _listener = std::os::unix::net::UnixListener::bind(world.path("socket")).unwrap();
    let error = cause(replace(world.host(), &world.path("socket"), b"new", PRIVATE));
    assert!(matches!(error.refusal(), Some(Refusal::NotAFile(_))), "{error:?}");
}

#[test]
fn f14_a_temporary_name_that_is_taken_is_left_alone() {
    on_both(|world| {
        let me = world.host().processes.identity().process;
        let start = me.start_ticks.unwrap();
        let temp = |attempt| format!(".file.{}.{start}.{attempt}.tmp", me.pid);
        world.put("victim", b"precious");
        world.put(&temp(0), b"somebody's");
        world.symlink(&temp(1), Path::new("victim"));
        replace(world.host(), &world.path("file"), b"new", PRIVATE).unwrap();
        assert_eq!(world.content("file").as_deref(), Some(&b"new"[..]));
        assert_eq!(world.content("victim").as_deref(), Some(&b"precious"[..]));
        assert_eq!(world.content(&temp(0)).as_deref(), Some(&b"somebody's"[..]));
        assert_eq!(world.dir().list().unwrap().len(), 4);
    });
}

/// Does something of its own before the n-th operation.
struct Before<F> {
    nth: usize,
    seen: AtomicUsize,
    act: F,
}

impl<F: Fn() + Send + Sync> Observer for Before<F> {
    fn before(&self, _: Call<'_>) -> Decision {
        if self.seen.fetch_add(1, Ordering::Relaxed) == self.nth {
            (self.act)();
        }
        Decision::Proceed
    }
}

#[test]
fn f16_a_directory_that_vanishes_is_an_error_and_stays_away() {
    let counter = Arc::new(Faults::none());
    let world = Real::new();
    world.put("file", b"old");
    let fs = ObservedFs::new(common_fs::RealFs, counter.clone());
    replace(Host { fs: &fs, ..world.host() }, &world.path("file"), b"new", PRIVATE).unwrap();
    let renamed = counter.trace().iter().position(|(op, _)| *op == Op::Rename).unwrap();

    for nth in 1..=renamed {
        let world = Real::new();
        world.make_dir("state");
        world.put("state/file", b"old");
        let dir = world.path("state");
        let act = {
            let dir = dir.clone();
            move || fs_err::remove_dir_all(&dir).unwrap()
        };
        let observer = Before { nth, seen: AtomicUsize::new(0), act };
        let fs = ObservedFs::new(common_fs::RealFs, Arc::new(observer));
        let host = Host { fs: &fs, ..world.host() };
        let error = cause(replace(host, &world.path("state/file"), b"new", PRIVATE));
        assert!(error.is_not_found(), "step {nth}: {error:?}");
        assert_eq!(names(world.root()), Vec::<String>::new(), "step {nth}");
    }
}

#[test]
fn f17_a_rename_across_devices_is_an_error_without_a_copy() {
    let world = Real::new();
    world.put("file", b"old");
    let counter = Arc::new(Faults::none());
    let fs = ObservedFs::new(common_fs::RealFs, counter.clone());
    replace(Host { fs: &fs, ..world.host() }, &world.path("file"), b"old", PRIVATE).unwrap();
    let renamed = counter.trace().iter().position(|(op, _)| *op == Op::Rename).unwrap();

    let faults = Faults::none().fail(renamed, Errno::XDEV);
    let fs = ObservedFs::new(common_fs::RealFs, Arc::new(faults));
    let host = Host { fs: &fs, ..world.host() };
    let error = cause(replace(host, &world.path("file"), b"new", PRIVATE));
    assert_eq!(error.kind(), io::ErrorKind::CrossesDevices);
    assert_eq!(world.content("file").as_deref(), Some(&b"old"[..]));
    assert_eq!(world.names(), ["file"]);
}

#[test]
fn f20_paths_that_name_no_file_are_refused() {
    on_both(|world| {
        for path in ["/", "..", "", "/state/", "a/..", ".", "a/.", "a\0b", "\0"] {
            let error = cause(replace(world.host(), Path::new(path), b"new", PRIVATE));
            assert!(error.refusal().is_some() || error.is_not_found(), "{path:?}: {error:?}");
            assert!(world.dir().open(path.as_ref(), Access::Read).is_err());
        }
    });
}

#[test]
fn errors_say_what_was_to_be_stored_where() {
    on_both(|world| {
        world.make_dir("dir");
        let path = world.path("dir");
        let error = replace(world.host(), &path, b"new", PRIVATE).unwrap_err();
        let expected = format!("cannot replace `{}`, the old content is intact", path.display());
        assert_eq!(error.to_string(), expected);
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), format!("cannot rename a file to `{}`", path.display()));
    });
    let sim = Sim::new();
    sim.fs.make_dir("/state");
    let write = steps(&sim).iter().position(|op| *op == Op::Write).unwrap();
    let fs = ObservedFs::new(sim.fs.clone(), Arc::new(Faults::none().fail(write, Errno::NOSPC)));
    let host = Host { fs: &fs, ..sim.host() };
    let error = replace(host, "/state/store".as_ref(), b"new", KEEP).unwrap_err();
    let expected =
        "cannot replace `/state/store` by 3 bytes of new content, the old content is intact";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_target_that_becomes_something_else_meanwhile_is_left_alone() {
    for other in [FileKind::Symlink, FileKind::Dir, FileKind::Fifo] {
        on_both(|world| {
            world.put("file", b"old");
            let dir = world.dir();
            let owner = world.host().processes.identity().process;
            let mut replacement =
                Replacement::begin(dir.as_ref(), "file".as_ref(), owner, FileMode::Private)
                    .unwrap();
            replacement.write(b"new").unwrap();
            world.remove("file");
            match other {
                FileKind::Symlink => world.symlink("file", Path::new("elsewhere")),
                FileKind::Dir => world.make_dir("file"),
                _ => world.fifo("file"),
            }
            let error = cause(replacement.commit());
            assert_eq!(error.refusal(), Some(&Refusal::NotAFile(other)));
            assert_eq!(dir.list().unwrap().len(), 1, "no temporary file is left");
        });
    }
}

#[test]
fn the_mode_is_kept_that_the_target_has_at_last() {
    on_both(|world| {
        world.put("file", b"old");
        world.set_mode("file", 0o666);
        let dir = world.dir();
        let owner = world.host().processes.identity().process;
        let mode = FileMode::Keep { fresh: 0o644 };
        let replacement = Replacement::begin(dir.as_ref(), "file".as_ref(), owner, mode).unwrap();
        world.set_mode("file", 0o640);
        replacement.commit().unwrap();
        assert_eq!(world.mode("file"), 0o640);
    });
}

#[test]
fn a_commit_happens_only_if_the_caller_agrees_at_the_last_moment() {
    on_both(|world| {
        world.put("file", b"old");
        let dir = world.dir();
        let owner = world.host().processes.identity().process;
        let read = dir.stat("file".as_ref()).unwrap();
        let commit = |content: &[u8]| -> Result<(), Box<dyn std::error::Error>> {
            let name = "file".as_ref();
            let mut new = Replacement::begin(dir.as_ref(), name, owner, FileMode::Private)?;
            new.write(content)?;
            new.commit_if(|found| match found {
                Some(found) if found.id == read.id && found.changed == read.changed => Ok(()),
                _ => Err("it is not the file that was read".into()),
            })
        };
        commit(b"new").unwrap();
        let error = commit(b"newer").unwrap_err();
        assert_eq!(error.to_string(), "it is not the file that was read");
        assert_eq!(world.content("file").as_deref(), Some(&b"new"[..]));
        assert_eq!(dir.list().unwrap().len(), 1, "no temporary file is left");
    });
}

#[test]
fn as_many_writers_as_you_like_share_a_target() {
    on_both(|world| {
        let dir = world.dir();
        let owner = world.host().processes.identity().process;
        let begin =
            || Replacement::begin(dir.as_ref(), "file".as_ref(), owner, FileMode::Private).unwrap();
        let writers: Vec<_> = (0..200).map(|_| begin()).collect();
        for writer in writers {
            writer.commit().unwrap();
        }
        assert_eq!(dir.list().unwrap().len(), 1);
    });
}
