use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use common_fs::{
    Op, create_dir_all,
    observe::{Call, Decision, ObservedFs, Observer},
    open_parent,
    sim::{Sim, SimFs},
};

use crate::world::on_both;

#[test]
fn missing_directories_are_created_private() {
    on_both(|world| {
        world.put("file", b"x");
        let dir = create_dir_all(world.fs(), &world.path("a/b/c")).unwrap();
        assert_eq!(dir.path(), world.path("a/b/c"));
        for name in ["a", "a/b", "a/b/c"] {
            assert_eq!(world.mode(name), 0o700, "{name}");
        }
        create_dir_all(world.fs(), &world.path("a/b/c")).unwrap();
        assert!(create_dir_all(world.fs(), &world.path("file/x")).is_err());
        world.symlink("dangling", Path::new("nowhere"));
        assert!(create_dir_all(world.fs(), &world.path("dangling")).is_err());
    });
}

/// Somebody who creates each directory just before we do, and does not flush.
struct Faster(SimFs, Mutex<Vec<Op>>);

impl Observer for Faster {
    fn before(&self, call: Call<'_>) -> Decision {
        self.1.lock().unwrap().push(call.op);
        if call.op == Op::CreateDir {
            let (dir, name) = open_parent(&self.0, call.path).unwrap();
            dir.create_dir(&name).unwrap();
        }
        Decision::Proceed
    }
}

#[test]
fn a_directory_that_somebody_else_just_created_is_on_storage_as_well() {
    let sim = Sim::new();
    let faster = Arc::new(Faster(sim.fs.clone(), Mutex::default()));
    let fs = ObservedFs::new(sim.fs.clone(), faster.clone());
    create_dir_all(&fs, "/a/b".as_ref()).unwrap();
    assert!(faster.1.lock().unwrap().contains(&Op::CreateDir));
    for after in sim.fs.power_loss_states() {
        assert!(after.stat("/a/b").is_some());
    }
}
