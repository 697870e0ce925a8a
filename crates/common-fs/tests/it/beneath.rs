use std::path::Path;

use common_fs::{Access, FsError, Refusal, beneath::beneath, open_without_links};

use crate::world::{World, on_both};

fn visit(world: &dyn World, path: &str) -> Result<String, FsError> {
    beneath(world.dir().as_ref(), Path::new(path), |dir, name| {
        dir.open(name, Access::Read)?;
        Ok(dir.path().join(name).strip_prefix(world.root()).unwrap().display().to_string())
    })
}

#[test]
fn names_from_data_stay_beneath() {
    on_both(|world| {
        world.put("top", b"1");
        world.make_dir("a");
        world.make_dir("a/b");
        world.put("a/b/deep", b"2");
        world.symlink("a/link", world.root());
        world.symlink("a/loop", Path::new("loop"));
        for (path, there) in [("top", "top"), ("./top", "top"), ("a/b/deep", "a/b/deep")] {
            assert_eq!(visit(world, path).unwrap(), there);
        }
        for path in ["../top", "/etc/passwd", "a/../../x", "a/../top", "..", "/", "", "a/", "."] {
            let error = visit(world, path).unwrap_err();
            let refusal = error.refusal().copied();
            assert!(
                matches!(refusal, Some(Refusal::Escapes | Refusal::NoFileName)),
                "{path}: {error:?}"
            );
        }
        for path in ["a/link/top", "a/loop/top", "a/link", "a/loop", "C:\\x", "a/none", "top/x"] {
            assert!(visit(world, path).is_err(), "{path}");
        }
        assert!(visit(world, "top\0").is_err());
    });
}

#[test]
fn a_path_that_was_found_without_links_has_to_stay_so() {
    on_both(|world| {
        world.make_dir("a");
        world.make_dir("a/b");
        world.symlink("link", &world.root().join("a"));
        let open = |path: &str| {
            let path = world.root().join(path);
            open_without_links(world.fs(), &path).map(|dir| dir.path() == path)
        };
        assert!(open("a").unwrap() && open("a/b").unwrap());
        for path in ["link", "link/b"] {
            assert_eq!(open(path).unwrap_err().refusal(), Some(&Refusal::Link), "{path}");
        }
        assert!(open("none").unwrap_err().is_not_found());
    });
}
