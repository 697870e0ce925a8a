//! What `Fs`, `Dir` and `File` promise, demanded of the real and of the simulated ones alike.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::Path,
    sync::Arc,
};

use common_fs::{
    Access, DirEntry, File, FileKind, Fs as _, FsError, Overwrite, Refusal, Sub, Timestamp,
    lines::{Buffer, Limits, Line, LineReader},
    observe::Errno,
    read_whole,
    sim::Faults,
    write_all,
};

use crate::world::on_both;

/// `expect_err` needs a `Debug` success, which handles are not.
fn failure<T>(result: Result<T, FsError>) -> FsError {
    match result {
        Ok(_) => panic!("succeeded"),
        Err(error) => error,
    }
}

fn read_all(file: &dyn File) -> Vec<u8> {
    let mut content = vec![0; 1 << 16];
    let mut filled = 0;
    loop {
        match file.read_at(&mut content[filled..], filled as u64).unwrap() {
            0 => break,
            read => filled += read,
        }
    }
    content.truncate(filled);
    content
}

#[test]
fn a_listing_has_every_name_and_kind() {
    on_both(|world| {
        let odd = OsString::from_vec(b"\xff\xfe\n.jsonl".to_vec());
        world.put("file", b"x");
        world.make_dir("dir");
        world.symlink("link", Path::new("nowhere"));
        world.fifo("fifo");
        world.dir().open(&odd, Access::CreateNew { mode: 0o600 }).unwrap();
        let mut entries = world.dir().list().unwrap();
        entries.sort();
        let expected = [
            ("dir".into(), FileKind::Dir),
            ("fifo".into(), FileKind::Fifo),
            ("file".into(), FileKind::File),
            ("link".into(), FileKind::Symlink),
            (odd, FileKind::File),
        ];
        assert_eq!(entries, expected.map(|(name, kind)| DirEntry { name, kind }));
    });
}

#[test]
fn names_that_are_not_single_are_refused_by_every_method() {
    on_both(|world| {
        world.put("file", b"x");
        let dir = world.dir();
        let file = OsStr::new("file");
        let long = OsStr::from_bytes(b"a\0b");
        for bad in [OsStr::new(""), OsStr::new("."), OsStr::new(".."), OsStr::new("a/b"), long] {
            let errors = [
                failure(dir.stat(bad)),
                failure(dir.open(bad, Access::Read)),
                failure(dir.open(bad, Access::CreateNew { mode: 0o600 })),
                failure(dir.open_dir(bad)),
                failure(dir.create_dir(bad)),
                failure(dir.rename(bad, file, Overwrite::Allow)),
                failure(dir.rename(file, bad, Overwrite::Allow)),
                failure(dir.link(bad, file)),
                failure(dir.link(file, bad)),
                failure(dir.remove(bad)),
                failure(dir.read_link(bad)),
                failure(dir.remove_dir(bad)),
                failure(dir.transfer(bad, file, Sub::Into(file))),
                failure(dir.transfer(file, bad, Sub::Into(file))),
                failure(dir.transfer(file, file, Sub::OutOf(bad))),
            ];
            for error in errors {
                assert_eq!(error.refusal(), Some(&Refusal::BadName), "{error}");
            }
        }
        assert_eq!(world.content("file").as_deref(), Some(&b"x"[..]));
    });
}

#[test]
fn only_regular_files_open_and_nothing_blocks() {
    on_both(|world| {
        world.put("file", b"x");
        world.make_dir("dir");
        world.fifo("fifo");
        world.symlink("link", Path::new("file"));
        let dir = world.dir();
        for access in [Access::Read, Access::Append] {
            assert!(dir.open("file".as_ref(), access).is_ok());
            assert!(failure(dir.open("link".as_ref(), access)).is_link());
            assert!(failure(dir.open("none".as_ref(), access)).is_not_found());
            let error = failure(dir.open("fifo".as_ref(), access));
            assert_eq!(error.refusal(), Some(&Refusal::NotAFile(FileKind::Fifo)), "{error}");
        }
        for access in [Access::Read, Access::Append, Access::OpenOrCreate { mode: 0o600 }] {
            let error = failure(dir.open("dir".as_ref(), access));
            assert_eq!(error.refusal(), Some(&Refusal::NotAFile(FileKind::Dir)), "{access:?}");
        }
    });
}

#[test]
fn what_was_opened_for_reading_is_not_written() {
    on_both(|world| {
        world.put("file", b"content");
        let file = world.dir().open("file".as_ref(), Access::Read).unwrap();
        let errno = |error: FsError| error.source.raw_os_error();
        let written = failure(file.write(b"more"));
        assert_eq!(errno(written), Some(Errno::BADF.raw_os_error()));
        let cut = failure(file.set_len(0));
        assert_eq!(errno(cut), Some(Errno::INVAL.raw_os_error()));
        file.sync().unwrap();
        file.set_mode(0o640).unwrap();
        assert_eq!(world.content("file").as_deref(), Some(&b"content"[..]));
        assert_eq!(world.mode("file"), 0o640);
    });
}

#[test]
fn names_have_up_to_255_bytes() {
    on_both(|world| {
        world.put("file", b"x");
        let dir = world.dir();
        let longest = OsString::from_vec(vec![b'n'; 255]);
        let file = OsStr::new("file");
        drop(dir.open(&longest, Access::CreateNew { mode: 0o600 }).unwrap());
        dir.rename(&longest, "short".as_ref(), Overwrite::Refuse).unwrap();
        dir.link(file, &longest).unwrap();
        dir.remove(&longest).unwrap();
        dir.create_dir(&longest).unwrap();

        let long = OsStr::from_bytes(&[b'n'; 256]);
        let errors = [
            failure(dir.stat(long)),
            failure(dir.open(long, Access::Read)),
            failure(dir.open(long, Access::CreateNew { mode: 0o600 })),
            failure(dir.open(long, Access::OpenOrCreate { mode: 0o600 })),
            failure(dir.open_dir(long)),
            failure(dir.create_dir(long)),
            failure(dir.rename(long, file, Overwrite::Allow)),
            failure(dir.rename(file, long, Overwrite::Allow)),
            failure(dir.rename(file, long, Overwrite::Refuse)),
            failure(dir.link(long, file)),
            failure(dir.link(file, long)),
            failure(dir.remove(long)),
            failure(dir.read_link(long)),
            failure(world.fs().open_dir(&world.root().join(long))),
        ];
        for error in errors {
            assert_eq!(error.kind(), io::ErrorKind::InvalidFilename, "{error}");
        }
        assert_eq!(world.content("file").as_deref(), Some(&b"x"[..]));
    });
}

#[test]
fn errors_name_the_operation_and_the_path() {
    on_both(|world| {
        let error = failure(world.dir().open("none".as_ref(), Access::Read));
        assert_eq!(error.path, world.path("none"));
        assert_eq!(error.to_string(), format!("cannot open `{}`", world.path("none").display()));
        assert!(std::error::Error::source(&error).is_some());
    });
}

#[test]
fn a_new_file_is_new() {
    on_both(|world| {
        world.put("taken", b"old");
        world.symlink("link", Path::new("victim"));
        let dir = world.dir();
        for name in ["taken", "link"] {
            let error = failure(dir.open(name.as_ref(), Access::CreateNew { mode: 0o600 }));
            assert!(error.is_already_exists(), "{error}");
        }
        assert_eq!(world.content("taken").as_deref(), Some(&b"old"[..]));
        assert_eq!(world.content("victim"), None);
        drop(dir.open("fresh".as_ref(), Access::CreateNew { mode: 0o600 }).unwrap());
        assert_eq!(world.mode("fresh"), 0o600);
        let error = failure(dir.open("link".as_ref(), Access::OpenOrCreate { mode: 0o600 }));
        assert!(error.is_link(), "{error}");
    });
}

#[test]
fn reads_are_positional_and_writes_append() {
    on_both(|world| {
        world.put("log", b"one ");
        let dir = world.dir();
        let log = dir.open("log".as_ref(), Access::Append).unwrap();
        write_all(log.as_ref(), b"two ").unwrap();
        let other = dir.open("log".as_ref(), Access::Append).unwrap();
        write_all(other.as_ref(), b"three ").unwrap();
        write_all(log.as_ref(), b"four").unwrap();
        assert_eq!(read_all(log.as_ref()), b"one two three four");
        assert_eq!(log.stat().unwrap().size_bytes, 18);
        let mut part = [0; 3];
        assert_eq!(log.read_at(&mut part, 4).unwrap(), 3);
        assert_eq!(&part, b"two");
        assert_eq!(log.read_at(&mut part, 17).unwrap(), 1);
        assert_eq!(log.read_at(&mut part, 18).unwrap(), 0);
        assert_eq!(log.read_at(&mut part, 1 << 40).unwrap(), 0);
        log.set_len(3).unwrap();
        write_all(log.as_ref(), b"!").unwrap();
        log.sync().unwrap();
        assert_eq!(read_all(log.as_ref()), b"one!");
    });
}

#[test]
fn a_handle_outlives_the_name() {
    on_both(|world| {
        world.put("file", b"content");
        let dir = world.dir();
        let file = dir.open("file".as_ref(), Access::Read).unwrap();
        let id = file.stat().unwrap().id;
        dir.remove("file".as_ref()).unwrap();
        assert_eq!(file.stat().unwrap().links, 0);
        assert_eq!(read_all(file.as_ref()), b"content");
        world.put("file", b"another");
        assert_ne!(dir.stat("file".as_ref()).unwrap().id, id, "the number is still in use");
    });
}

#[test]
fn changes_show_in_the_times() {
    on_both(|world| {
        world.put("file", b"1");
        let dir = world.dir();
        let first = dir.stat("file".as_ref()).unwrap();
        let file = dir.open("file".as_ref(), Access::Append).unwrap();
        write_all(file.as_ref(), b"2").unwrap();
        let second = dir.stat("file".as_ref()).unwrap();
        assert_eq!(first.id, second.id);
        assert!(first.modified <= second.modified && first.changed <= second.changed);
        file.set_mode(0o640).unwrap();
        let third = dir.stat("file".as_ref()).unwrap();
        assert_eq!((third.mode, third.modified), (0o640, second.modified));
        assert!(second.changed <= third.changed);
    });
}

#[test]
fn renames_overwrite_only_where_allowed() {
    on_both(|world| {
        world.put("a", b"a");
        world.put("b", b"b");
        let dir = world.dir();
        let rename =
            |from: &str, to: &str, overwrite| dir.rename(from.as_ref(), to.as_ref(), overwrite);
        let error = failure(rename("a", "b", Overwrite::Refuse));
        assert!(error.is_already_exists(), "{error}");
        assert_eq!(world.content("b").as_deref(), Some(&b"b"[..]));
        rename("a", "b", Overwrite::Allow).unwrap();
        rename("b", "c", Overwrite::Refuse).unwrap();
        assert_eq!(world.content("c").as_deref(), Some(&b"a"[..]));
        assert_eq!((world.content("a"), world.content("b")), (None, None));
        assert!(failure(rename("none", "d", Overwrite::Allow)).is_not_found());
    });
}

#[test]
fn files_and_directories_do_not_replace_each_other() {
    on_both(|world| {
        world.put("file", b"x");
        for name in ["dir", "empty", "full"] {
            world.make_dir(name);
        }
        world.put("full/file", b"y");
        let dir = world.dir();
        let rename =
            |from: &str, to: &str| dir.rename(from.as_ref(), to.as_ref(), Overwrite::Allow);
        assert_eq!(failure(rename("dir", "file")).kind(), io::ErrorKind::NotADirectory);
        assert_eq!(failure(rename("file", "dir")).kind(), io::ErrorKind::IsADirectory);
        assert_eq!(failure(rename("dir", "full")).kind(), io::ErrorKind::DirectoryNotEmpty);
        let error = failure(dir.rename("dir".as_ref(), "empty".as_ref(), Overwrite::Refuse));
        assert!(error.is_already_exists(), "{error}");
        rename("full", "empty").unwrap();
        assert_eq!(world.content("empty/file").as_deref(), Some(&b"y"[..]));
        assert_eq!(world.content("file").as_deref(), Some(&b"x"[..]));
    });
}

#[test]
fn reading_goes_on_after_short_reads_and_interruptions() {
    on_both(|world| {
        let content: Vec<u8> = (0..100_u8).collect();
        world.put("file", &content);
        for step in [1, 7, 99, 100] {
            // Two operations open the directory and the file.
            for interrupted in 2..5 {
                let faults = Faults::none().short_reads(step).fail(interrupted, Errno::INTR);
                let dir = world.observed(Arc::new(faults)).open_dir(world.root()).unwrap();
                let file = dir.open("file".as_ref(), Access::Read).unwrap();
                let whole = read_whole(file.as_ref(), 100).unwrap();
                assert_eq!(whole.as_deref(), Some(&content[..]), "{step}");
                assert_eq!(read_whole(file.as_ref(), 99).unwrap(), None);

                let faults = Faults::none().short_reads(step).fail(interrupted, Errno::INTR);
                let dir = world.observed(Arc::new(faults)).open_dir(world.root()).unwrap();
                let file = dir.open("file".as_ref(), Access::Read).unwrap();
                let limits = Limits { line_bytes_max: 100, lookback_bytes: 3 };
                let mut lines =
                    LineReader::new(file.as_ref(), 5, 100, limits, &mut Buffer::default()).unwrap();
                let line = lines.next_line().unwrap();
                assert_eq!(line, Some(Line::Whole(&content[5..usize::from(b'\n')])));
            }
        }
    });
}

#[test]
fn a_link_is_a_second_name() {
    on_both(|world| {
        world.put("a", b"content");
        world.make_dir("dir");
        let dir = world.dir();
        let error = failure(dir.link("dir".as_ref(), "other".as_ref()));
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        dir.link("a".as_ref(), "b".as_ref()).unwrap();
        assert!(failure(dir.link("a".as_ref(), "b".as_ref())).is_already_exists());
        let (a, b) = (dir.stat("a".as_ref()).unwrap(), dir.stat("b".as_ref()).unwrap());
        assert_eq!((a.id, a.links), (b.id, 2));
        dir.remove("a".as_ref()).unwrap();
        assert_eq!(world.content("b").as_deref(), Some(&b"content"[..]));
    });
}

#[test]
fn directories_are_opened_one_step_at_a_time() {
    on_both(|world| {
        world.make_dir("sub");
        world.symlink("link", Path::new("sub"));
        world.put("file", b"x");
        let dir = world.dir();
        let sub = dir.open_dir("sub".as_ref()).unwrap();
        assert_eq!(sub.path(), world.path("sub"));
        assert!(failure(dir.open_dir("none".as_ref())).is_not_found());
        // Something is there, if not a directory; a link is not followed.
        for name in ["file", "link"] {
            let error = failure(dir.open_dir(name.as_ref()));
            assert_eq!(error.kind(), io::ErrorKind::NotADirectory, "{name}");
            assert!(!error.is_not_found());
        }
        for path in ["file", "file/x"] {
            let error = failure(world.fs().open_dir(&world.path(path)));
            assert_eq!(error.kind(), io::ErrorKind::NotADirectory, "{path}");
        }
        assert!(failure(dir.create_dir("sub".as_ref())).is_already_exists());
        assert_eq!(dir.read_link("link".as_ref()).unwrap(), Path::new("sub"));
        assert_eq!(failure(dir.remove("sub".as_ref())).kind(), io::ErrorKind::IsADirectory);
    });
}

#[test]
fn the_root_may_be_a_link_and_is_pinned() {
    on_both(|world| {
        world.make_dir("real");
        world.symlink("alias", &world.path("real"));
        let pinned = world.fs().open_dir(&world.path("alias")).unwrap();
        assert_eq!(pinned.path(), world.path("real"));
        world.remove("alias");
        world.make_dir("alias");
        drop(pinned.open("file".as_ref(), Access::CreateNew { mode: 0o600 }).unwrap());
        assert!(world.content("real/file").is_some());
        assert!(world.content("alias/file").is_none());
        let same = world.fs().open_dir(&world.path("real")).unwrap();
        assert_eq!(pinned.id().unwrap(), same.id().unwrap());
    });
}

#[test]
fn an_advisory_lock_has_one_holder() {
    on_both(|world| {
        world.put("lock", b"");
        let dir = world.dir();
        let open = || dir.open("lock".as_ref(), Access::OpenOrCreate { mode: 0o600 }).unwrap();
        let (first, second) = (open(), open());
        assert!(first.try_lock().unwrap());
        assert!(first.try_lock().unwrap(), "the holder may ask again");
        assert!(!second.try_lock().unwrap());
        drop(first);
        assert!(second.try_lock().unwrap());
    });
}

#[test]
fn what_moves_between_a_directory_and_one_in_it_overwrites_nothing() {
    on_both(|world| {
        world.put("file", b"x");
        world.put("other", b"y");
        world.make_dir("sub");
        world.symlink("link", Path::new("sub"));
        let dir = world.dir();
        let name = OsStr::new;
        dir.transfer(name("file"), name("moved"), Sub::Into(name("sub"))).unwrap();
        assert_eq!(world.content("file"), None);
        assert_eq!(world.content("sub/moved").as_deref(), Some(&b"x"[..]));
        let taken = dir.transfer(name("other"), name("moved"), Sub::Into(name("sub")));
        assert!(failure(taken).is_already_exists());
        let taken = dir.transfer(name("moved"), name("other"), Sub::OutOf(name("sub")));
        assert!(failure(taken).is_already_exists());
        for sub in ["link", "other", "none"] {
            assert!(dir.transfer(name("other"), name("z"), Sub::Into(name(sub))).is_err(), "{sub}");
        }
        assert_eq!(world.content("other").as_deref(), Some(&b"y"[..]));
        dir.transfer(name("moved"), name("file"), Sub::OutOf(name("sub"))).unwrap();
        assert_eq!(world.content("file").as_deref(), Some(&b"x"[..]));
        // Directories move the same way.
        world.make_dir("tree");
        dir.transfer(name("tree"), name("tree"), Sub::Into(name("sub"))).unwrap();
        assert!(world.dir().open_dir(name("sub")).unwrap().open_dir(name("tree")).is_ok());
    });
}

#[test]
fn only_empty_directories_are_removed() {
    on_both(|world| {
        world.make_dir("empty");
        world.make_dir("full");
        world.put("full/file", b"x");
        world.put("file", b"x");
        let dir = world.dir();
        dir.remove_dir("empty".as_ref()).unwrap();
        assert!(failure(dir.stat("empty".as_ref())).is_not_found());
        assert_eq!(
            failure(dir.remove_dir("full".as_ref())).kind(),
            io::ErrorKind::DirectoryNotEmpty
        );
        assert_eq!(failure(dir.remove_dir("file".as_ref())).kind(), io::ErrorKind::NotADirectory);
        assert!(failure(dir.remove_dir("none".as_ref())).is_not_found());
    });
}

#[test]
fn the_time_of_a_file_can_be_set() {
    on_both(|world| {
        world.put("file", b"x");
        let dir = world.dir();
        for millis in [0, -1, 1_700_000_000_123] {
            let time = Timestamp::from_unix_millis(millis).unwrap();
            dir.open("file".as_ref(), Access::Read).unwrap().set_modified(time).unwrap();
            assert_eq!(dir.stat("file".as_ref()).unwrap().modified, time);
        }
    });
}

#[test]
fn a_file_system_tells_how_much_room_it_has() {
    on_both(|world| {
        let space = world.dir().space().unwrap();
        assert!(0 < space.total_bytes && space.available_bytes <= space.total_bytes);
    });
}

#[test]
fn a_new_name_shows_in_the_times_of_its_directory() {
    on_both(|world| {
        world.make_dir("sub");
        let dir = world.dir();
        let before = dir.stat("sub".as_ref()).unwrap();
        // The clock of a file system may be coarser than that of the machine.
        let mut tries = 0..200_000;
        let changed = tries.any(|nth: u32| {
            world.put(&format!("sub/{}", nth % 10), b"x");
            dir.open_dir("sub".as_ref()).unwrap().remove(format!("{}", nth % 10).as_ref()).unwrap();
            dir.stat("sub".as_ref()).unwrap().modified != before.modified
        });
        assert!(changed);
    });
}
