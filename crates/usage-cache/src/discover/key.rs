use std::os::unix::ffi::OsStrExt as _;

use super::{Discovery, Holds, RootState};
use crate::{Key, sessions::DatabaseLooks, transcript::Fingerprint};

impl Discovery {
    /// What tells this from what will be found when anything has changed, except in databases
    /// that nobody has written to; `None` if something could not be looked at.
    pub(crate) fn key(&self) -> Option<Key> {
        if !(self.errors.is_empty() && self.unlisted.is_empty() && self.hidden.is_empty()) {
            return None;
        }
        let sources = self.sources.iter().map(|source| {
            Key::of(&[b"source", source.name().as_bytes(), &source.version().to_le_bytes()])
        });
        let roots = self.roots.iter().map(|root| {
            let listed = [u8::from(root.state == RootState::Listed)];
            Key::of(&[b"root", root.source.as_bytes(), root.path.as_os_str().as_bytes(), &listed])
        });
        let databases = self.databases.iter().map(|database| {
            let path = database.path.as_os_str().as_bytes();
            let DatabaseLooks { main, log, .. } = database.looks;
            let log = log.map_or(Key(0), |log| log.key(b"log", &[]));
            Key::of(&[&main.key(b"database", path).0.to_le_bytes(), &log.0.to_le_bytes()])
        });
        let files = self.found.iter().filter_map(|found| {
            let dir = self.dirs.get(found.dir)?;
            let of = Key::of(&[dir.path.as_os_str().as_bytes(), found.name.as_bytes()]);
            let is_file = dir.holds == Holds::Files;
            let kind: &[u8] = if dir.reads_as_file(&found.name) { b"as file" } else { b"file" };
            let fingerprint = Fingerprint::from(&found.stat);
            is_file.then(|| fingerprint.key(kind, &of.0.to_le_bytes()))
        });
        let passed_over = [self.not_files.to_le_bytes(), self.compressed.to_le_bytes()];
        let passed_over = Key::of(&[b"passed over", passed_over.as_flattened()]);
        let all = sources.chain(roots).chain(databases).chain(files).chain([passed_over]);
        // In whatever order things are found.
        Some(Key(all.fold(0, |sum, Key(key)| sum.wrapping_add(key))))
    }
}

#[cfg(test)]
mod tests {
    use common_fs::{FileId, FileKind, Stat, Timestamp};

    use super::*;
    use crate::{
        OpenClaw,
        discover::{Found, FoundDir},
    };

    #[test]
    fn how_a_file_is_read_is_part_of_what_was_found() {
        let key = |name: &str, has_database| {
            let dir = FoundDir {
                source: &OpenClaw,
                holds: Holds::Files,
                path: "/sessions".into(),
                has_database,
            };
            let never = Timestamp::UNIX_EPOCH;
            let stat = Stat {
                id: FileId { dev: 1, ino: 2 },
                kind: FileKind::File,
                size_bytes: 3,
                modified: never,
                changed: never,
                mode: 0o600,
                uid: 1,
                gid: 1,
                links: 1,
            };
            let found = vec![Found { dir: 0, name: name.into(), stat }];
            Discovery { dirs: vec![dir], found, ..Discovery::default() }.key()
        };
        let differs = |name| key(name, true) != key(name, false);
        assert!(differs("a.jsonl.deleted.2026-02-05T12-04-05Z.zst"));
        assert!(!differs("a.jsonl.deleted.2026-02-05T12-04-05Z"));
        assert!(!differs("a.jsonl"));
    }
}
