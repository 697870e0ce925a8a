use std::path::Path;

use common_fs::{Access, FsError, Refusal, beneath::beneath};

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
