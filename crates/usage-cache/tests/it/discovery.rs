//! Where transcripts are found, and what places that cannot be looked at mean.

use common_fs::{Host, Op, observe::Errno, sim::Faults};
use usage_cache::{Freshness, OpenClaw, Place, RootState};

use crate::world::{SESSIONS, World, answer, path, refresh, tokens};

#[test]
fn all_agents_are_looked_at_and_links_count_once() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.sim.fs.make_dir("/disk/x/sessions");
    world.sim.fs.put("/disk/x/sessions/b.jsonl", answer(2).as_bytes());
    world.sim.fs.symlink("/h/.openclaw/agents/linked", "/disk/x");
    world.sim.fs.symlink("/h/.openclaw/agents/again", "main");
    world.sim.fs.make_dir("/h/.openclaw/agents/empty");
    world.sim.fs.put("/h/.openclaw/agents/file", b"");
    world.wait();
    let found = world.refreshed().usage;
    assert_eq!((tokens(&found), found.status().cached_files), (3, 2));
    assert_eq!(found.status().roots[0].state, RootState::Listed);
}

#[test]
fn a_state_directory_that_has_two_names_counts_once() {
    let mut world = World::new();
    world.put("a.jsonl", answer(1));
    world.put("b.jsonl", answer(2));
    world.wait();
    world.refreshed();
    world.sim.fs.remove(path("b.jsonl"));
    world.sim.fs.symlink("/alias", "/h/.openclaw");
    world.options.locations.places.push(Place::new(&OpenClaw, "/alias"));
    let again = world.refreshed();
    assert_eq!((tokens(&again.usage), again.work.scanned_files), (3, 0));
    // The history goes with it when another of its names comes first.
    world.options.locations.places.reverse();
    for scanned in [1, 0] {
        let turned = world.refreshed();
        assert_eq!((tokens(&turned.usage), turned.usage.status().cached_files), (3, 1));
        assert_eq!(turned.work.scanned_files, scanned);
    }
}

#[test]
fn what_stands_behind_links_may_move() {
    let mut world = World::new();
    world.sim.fs.make_dir("/disk/state/agents");
    world.sim.fs.make_dir("/other/main/sessions");
    world.sim.fs.symlink("/disk/state/agents/main", "/other/main");
    world.sim.fs.symlink("/alias", "/disk/state");
    world.options.locations.places = vec![Place::new(&OpenClaw, "/alias")];
    for name in ["a", "b"] {
        world.sim.fs.put(format!("/other/main/sessions/{name}.jsonl"), answer(1).as_bytes());
    }
    world.wait();
    world.refreshed();
    world.sim.fs.remove("/other/main/sessions/b.jsonl");
    assert_eq!(tokens(&world.refreshed().usage), 2);
    let standing = |world: &World| {
        let usage = world.refreshed().usage;
        let status = usage.status();
        (tokens(&usage), status.gone_files, status.unverified_files, status.freshness)
    };
    // The disk of the agent is away, then that of the state directory.
    for disk in ["/other", "/disk"] {
        let away = format!("{disk}-away");
        world.sim.fs.rename(disk, &away);
        assert_eq!(standing(&world), (2, 1, 1, Freshness::Partial), "{disk}");
        world.sim.fs.rename(&away, disk);
        assert_eq!(standing(&world), (2, 1, 0, Freshness::Fresh), "{disk}");
    }
    // The agent was copied to yet another disk.
    world.sim.fs.make_dir("/third/main/sessions");
    world.sim.fs.put("/third/main/sessions/a.jsonl", answer(1).as_bytes());
    world.sim.fs.remove("/disk/state/agents/main");
    world.sim.fs.symlink("/disk/state/agents/main", "/third/main");
    world.wait();
    assert_eq!(standing(&world), (2, 1, 0, Freshness::Fresh));
}

#[test]
fn u10_names_of_any_kind_are_kept_exactly() {
    use std::os::unix::ffi::OsStringExt as _;
    let names: [&[u8]; 5] =
        [b"\xff\xfe.jsonl", b"a\nb.jsonl", b"\xc3\xa4\x80.jsonl", &[b'n'; 249], b"\"\\.jsonl"];
    let world = World::new();
    for (nth, name) in names.iter().enumerate() {
        let mut name = name.to_vec();
        if nth == 3 {
            name.extend(b".jsonl");
        }
        let name = std::ffi::OsString::from_vec(name);
        world.sim.fs.put(std::path::Path::new(SESSIONS).join(name), answer(1).as_bytes());
    }
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 5);
    let again = world.refreshed();
    assert_eq!((tokens(&again.usage), again.work.scanned_files), (5, 0));
}

#[test]
fn a_root_that_is_missing_or_unreadable_keeps_its_history() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.wait();
    world.refreshed();
    world.sim.fs.make_dir("/h2");
    world.sim.fs.rename("/h", "/gone");
    let missing = world.refreshed();
    let status = missing.usage.status();
    assert_eq!((tokens(&missing.usage), status.unverified_files, status.gone_files), (1, 1, 0));
    assert_eq!((status.freshness, status.roots[0].state), (Freshness::Partial, RootState::Missing));
    world.sim.fs.rename("/gone", "/h");
    let (_, faults) = world.refresh_with(Faults::none());
    let listed =
        faults.trace().iter().position(|call| *call == (Op::List, SESSIONS.into())).unwrap();
    let (denied, _) = world.refresh_with(Faults::none().fail(listed, Errno::ACCESS));
    let status = denied.usage.status();
    assert_eq!((tokens(&denied.usage), status.unverified_files), (1, 1));
    assert_eq!(status.unreadable.len(), 1);
    let back = world.refreshed();
    assert_eq!((tokens(&back.usage), back.work.scanned_files), (1, 0));
    assert_eq!(back.usage.status().freshness, Freshness::Fresh);
}

#[test]
fn a_file_that_cannot_be_looked_at_keeps_its_history() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.wait();
    world.refreshed();
    let (_, faults) = world.refresh_with(Faults::none());
    let looked =
        faults.trace().iter().position(|call| *call == (Op::Stat, path("a.jsonl"))).unwrap();
    let (denied, _) = world.refresh_with(Faults::none().fail(looked, Errno::IO));
    let status = denied.usage.status();
    assert_eq!((tokens(&denied.usage), status.gone_files, status.unverified_files), (1, 0, 1));
}

#[test]
fn a_directory_may_go_between_listing_and_looking() {
    let world = World::new();
    world.put("a.jsonl", answer(1));
    world.wait();
    world.refreshed();
    let (_, faults) = world.refresh_with(Faults::none());
    let opened = (Op::OpenDir, SESSIONS.into());
    let again = faults.trace().iter().rposition(|call| *call == opened).unwrap();
    let (denied, _) = world.refresh_with(Faults::none().fail(again, Errno::ACCESS));
    // It seems to be gone, so it is looked for once more.
    assert_eq!((tokens(&denied.usage), denied.work.scanned_files), (1, 0));
    assert_eq!(denied.usage.status().freshness, Freshness::Fresh);
    // It vanishes, with all that is in it.
    let fs = world.sim.fs.clone();
    let hooked = world.hooked((Op::OpenDir, 1), SESSIONS, move || fs.rename(SESSIONS, "/away"));
    let vanished = refresh(Host { fs: &hooked, ..world.sim.host() }, &world.options);
    let status = vanished.usage.status();
    assert_eq!((tokens(&vanished.usage), status.gone_files, status.unverified_files), (1, 1, 0));
    assert_eq!(status.freshness, Freshness::Fresh);
}

#[test]
fn compressed_archives_are_read() {
    const ARCHIVE: &str = "a.jsonl.deleted.2026-02-05T12-04-05.006Z.zst";
    let world = World::new();
    let content = identified("e1", 7) + &identified("e2", 8);
    let compressed = zstd::encode_all(content.as_bytes(), 1).unwrap();
    world.put(ARCHIVE, &compressed);
    world.wait();
    let found = world.refreshed();
    assert_eq!((tokens(&found.usage), found.work.scanned_files), (15, 1));
    assert_eq!(world.refreshed().work.scanned_files, 0);
    // Half of it is none, and counts as it was known.
    world.put(ARCHIVE, &compressed[..compressed.len() / 2]);
    world.wait();
    let half = world.refreshed().usage;
    assert_eq!((tokens(&half), half.status().unreadable.len()), (15, 1));
    assert_eq!(world.cold().status().unreadable.len(), 1);
    let mut damaged = compressed.clone();
    damaged.truncate(4);
    world.put(ARCHIVE, &damaged);
    world.wait();
    assert_eq!(world.refreshed().usage.status().freshness, Freshness::Partial);
}

#[test]
fn a_transcript_that_is_archived_and_compressed_counts_once() {
    let world = World::new();
    let content = identified("e1", 7) + &identified("e2", 8);
    world.put("a.jsonl", &content);
    world.wait();
    assert_eq!(tokens(&world.refreshed().usage), 15);
    world.sim.fs.remove(path("a.jsonl"));
    let more = content + &identified("e3", 1);
    let compressed = zstd::encode_all(more.as_bytes(), 1).unwrap();
    world.put("a.jsonl.deleted.2100-02-05T12-04-05.006Z.zst", &compressed);
    world.wait();
    let refreshed = world.refreshed();
    assert_eq!((tokens(&refreshed.usage), refreshed.usage.status().gone_files), (16, 0));
}

/// An answer with an id.
fn identified(id: &str, tokens: u64) -> String {
    answer(tokens).replacen('{', &format!("{{\"id\":\"{id}\","), 1)
}
