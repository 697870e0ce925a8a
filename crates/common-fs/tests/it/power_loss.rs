//! The simulated power cut itself: exactly these states, no fewer and no more.

use std::collections::BTreeSet;

use common_fs::{
    Access, Dir, File, Fs as _, Overwrite,
    sim::{Sim, SimFs},
    write_all,
};

/// A directory with the file `a` of content `x`, all on storage.
fn machine() -> Sim {
    let sim = Sim::new();
    sim.fs.make_dir("/d");
    sim.fs.put("/d/a", b"x");
    sim.fs.sync_all();
    sim
}

fn open(dir: &dyn Dir) -> Box<dyn File> {
    dir.open("a".as_ref(), Access::Append).unwrap()
}

fn create(dir: &dyn Dir) -> Box<dyn File> {
    dir.open("b".as_ref(), Access::CreateNew { mode: 0o600 }).unwrap()
}

fn write(file: &dyn File, bytes: &[u8]) {
    write_all(file, bytes).unwrap();
}

#[test]
fn a_power_cut_leaves_exactly_the_content_that_storage_may_have() {
    type Case = (&'static str, fn(&dyn File), &'static [&'static [u8]]);
    let cases: [Case; 9] = [
        ("nothing", |_| (), &[b"x"]),
        ("one byte, or only the length", |file| write(file, b"1"), &[b"x", b"x1", b"x\0"]),
        (
            "two bytes: any of them, and the length",
            |file| write(file, b"12"),
            &[b"x", b"x1", b"x\x002", b"x12", b"x\0\0", b"x1\0"],
        ),
        (
            "two writes: the second without the first",
            |file| {
                write(file, b"1");
                write(file, b"2");
            },
            &[b"x", b"x1", b"x\0", b"x12", b"x\x002", b"x1\0", b"x\0\0"],
        ),
        ("no bytes", |file| write(file, b""), &[b"x"]),
        (
            "a flushed write",
            |file| {
                write(file, b"12");
                file.sync().unwrap();
            },
            &[b"x12"],
        ),
        ("a cut", |file| file.set_len(0).unwrap(), &[b"x", b""]),
        (
            "a write that is undone and flushed",
            |file| {
                write(file, b"1");
                file.set_len(1).unwrap();
                file.sync().unwrap();
            },
            &[b"x"],
        ),
        (
            "a write, a failed flush, and another write that is flushed",
            |file| {
                write(file, b"1");
                file.flush_failed();
                file.sync().unwrap();
                write(file, b"2");
                file.sync().unwrap();
            },
            &[b"x12", b"x\x002"],
        ),
    ];
    for (case, act, expected) in cases {
        let sim = machine();
        act(open(sim.fs.open_dir("/d".as_ref()).unwrap().as_ref()).as_ref());
        let after = sim.fs.power_loss_states();
        let found: BTreeSet<_> = after.iter().map(|fs| fs.content("/d/a").unwrap()).collect();
        let expected: BTreeSet<_> = expected.iter().map(|content| content.to_vec()).collect();
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn a_power_cut_leaves_exactly_the_names_that_storage_may_have() {
    /// Names with content, one word each.
    type Case = (&'static str, fn(&dyn Dir), &'static [&'static str]);
    let cases: [Case; 5] = [
        (
            "a rename: at once",
            |dir| dir.rename("a".as_ref(), "b".as_ref(), Overwrite::Refuse).unwrap(),
            &["a=x", "b=x"],
        ),
        ("a removal", |dir| dir.remove("a".as_ref()).unwrap(), &["a=x", ""]),
        (
            "a link and a removal: neither, one, both",
            |dir| {
                dir.link("a".as_ref(), "b".as_ref()).unwrap();
                dir.remove("a".as_ref()).unwrap();
            },
            &["a=x", "a=x b=x", "b=x", ""],
        ),
        (
            "a new file with flushed content",
            |dir| {
                let file = create(dir);
                write(file.as_ref(), b"1");
                file.sync().unwrap();
            },
            &["a=x", "a=x b=1"],
        ),
        (
            "a rename that is flushed, of content that is not",
            |dir| {
                write(create(dir).as_ref(), b"1");
                dir.rename("b".as_ref(), "a".as_ref(), Overwrite::Allow).unwrap();
                dir.sync().unwrap();
            },
            &["a=", "a=1", "a=\0"],
        ),
    ];
    let words = |fs: &SimFs| {
        let names = fs.names("/d").into_iter().map(|name| name.into_string().unwrap());
        let content = |name: &str| fs.content(format!("/d/{name}")).unwrap();
        let word = |name: String| format!("{name}={}", String::from_utf8(content(&name)).unwrap());
        names.map(word).collect::<Vec<_>>().join(" ")
    };
    for (case, act, expected) in cases {
        let sim = machine();
        act(sim.fs.open_dir("/d".as_ref()).unwrap().as_ref());
        let found: BTreeSet<_> = sim.fs.power_loss_states().iter().map(words).collect();
        let expected: BTreeSet<_> = expected.iter().map(|&words| words.to_owned()).collect();
        assert_eq!(found, expected, "{case}");
    }
}

#[test]
fn any_block_of_a_long_write_may_be_lost() {
    let sim = machine();
    let dir = sim.fs.open_dir("/d".as_ref()).unwrap();
    write_all(open(dir.as_ref()).as_ref(), &[b'1'; 16_384]).unwrap();
    let blocks = |content: &[u8]| {
        let blocks = content[1..].chunks(4_096);
        blocks.map(|block| block.iter().all(|&byte| byte == b'1')).collect::<Vec<_>>()
    };
    let found: BTreeSet<Vec<bool>> =
        sim.fs.power_loss_states().iter().map(|fs| blocks(&fs.content("/d/a").unwrap())).collect();
    for subset in 0..16_u8 {
        let mut stored: Vec<bool> = (0..4).map(|block| subset >> block & 1 == 1).collect();
        assert!(found.contains(&stored), "all of the length: {stored:?}");
        while stored.last() == Some(&false) {
            stored.pop();
        }
        assert!(found.contains(&stored), "to the end of what is stored: {stored:?}");
    }
}

#[test]
fn of_too_many_states_the_extremes_are_seen_and_always_the_same_sample() {
    const NAMES: usize = 20;
    let sim = machine();
    let dir = sim.fs.open_dir("/d".as_ref()).unwrap();
    for nth in 0..NAMES {
        dir.link("a".as_ref(), format!("b{nth:02}").as_ref()).unwrap();
    }
    let names = |fs: &SimFs| fs.names("/d").split_off(1);
    let all = names(&sim.fs);
    let sample: Vec<_> = sim.fs.power_loss_states().iter().map(names).collect();
    assert!(sample.len() < 1 << NAMES);
    let contains = |state: &[_]| sample.iter().any(|found| found == state);
    assert!(contains(&[]) && contains(&all));
    for nth in 0..NAMES {
        assert!(contains(&all[nth..=nth]), "only {nth}");
        let mut others = all.clone();
        others.remove(nth);
        assert!(contains(&others), "all but {nth}");
    }
    let distinct: BTreeSet<_> = sample.iter().collect();
    assert!(200 < distinct.len(), "only {} states", distinct.len());
    let again: Vec<_> = sim.fs.power_loss_states().iter().map(names).collect();
    assert_eq!(sample, again);
    assert_eq!(names(&sim.fs.power_loss(7)), names(&sim.fs.power_loss(7)));
}
