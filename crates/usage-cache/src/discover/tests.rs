use common_fs::sim::Sim;

use super::*;
use crate::OpenClaw;

#[test]
fn what_is_moved_meanwhile_is_found_once() {
    let sim = Sim::new();
    let path = |name: &str| PathBuf::from("/h/agents/a/sessions").join(name);
    sim.fs.make_dir(path("archive"));
    sim.fs.put(path("moved.jsonl"), b"");
    sim.fs.put(path("linked.jsonl"), b"");
    sim.fs.put(path("another.jsonl"), b"");
    let dir = sim.fs.open_dir(&path("")).unwrap();
    dir.link("linked.jsonl".as_ref(), "twice.jsonl".as_ref()).unwrap();
    let places = [Place::new(&OpenClaw, "/h")];
    let mut discovery = discover(&sim.fs, sim.host().clock, &places, 1);
    let archived = path("archive/moved.jsonl.deleted.2026-02-05T12-04-05.006Z");
    sim.fs.rename(path("moved.jsonl"), &archived);
    let replaced = path("archive/another.jsonl.deleted.2026-02-05T12-04-05.006Z");
    sim.fs.rename(path("another.jsonl"), &replaced);
    sim.fs.put(path("another.jsonl"), b"new");
    // Who looks while others list has found it before, and finds it again.
    let mut later = discover(&sim.fs, sim.host().clock, &places, 1);
    later.found.retain(|found| later.dirs[found.dir].path.ends_with("archive"));
    discovery.found.append(&mut later.found);
    assert_eq!(discovery.found.len(), 6);
    discovery.forget_moved(&sim.fs);
    let mut found: Vec<PathBuf> =
        discovery.found.iter().map(|found| discovery.path(found)).collect();
    found.sort();
    let [another, linked, twice] = ["another.jsonl", "linked.jsonl", "twice.jsonl"].map(path);
    assert_eq!(found, [another, replaced, archived, linked, twice]);
    let mut sizes = discovery.found.iter().map(|found| found.stat.size_bytes);
    assert!(sizes.any(|size_bytes| size_bytes == 3), "the new file is known as such");
}

#[test]
fn what_is_found_does_not_depend_on_threads() {
    let sim = Sim::new();
    for (agent, files) in [("a", 3 * NAMES_PER_LOOK), ("b", 0), ("c", NAMES_PER_LOOK + 1)] {
        let dir = format!("/h/agents/{agent}/sessions");
        sim.fs.make_dir(&dir);
        (0..files).for_each(|file| sim.fs.put(format!("{dir}/{file}.jsonl"), b""));
    }
    for agent in 0..2 * LOOKS_BEFORE_THREADS {
        sim.fs.make_dir(format!("/h/agents/one-{agent}/sessions"));
        sim.fs.put(format!("/h/agents/one-{agent}/sessions/x.jsonl"), b"");
    }
    let places = [Place::new(&OpenClaw, "/h")];
    let found = |threads| {
        let discovery = discover(&sim.fs, sim.host().clock, &places, threads);
        let found: Vec<PathBuf> =
            discovery.found.iter().map(|found| discovery.path(found)).collect();
        (found, discovery.key().unwrap())
    };
    let expected = found(1);
    assert_eq!(expected.0.len(), 4 * NAMES_PER_LOOK + 1 + 2 * LOOKS_BEFORE_THREADS);
    for threads in [2, 3, 8] {
        assert_eq!(found(threads), expected, "{threads} threads");
    }
}
