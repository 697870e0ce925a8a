//! Databases of sessions: each is as a directory, and its sessions as the transcripts in it.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    time::Duration,
};

use common_fs::{FileKind, Stat, Timestamp};
use data_encoding::HEXLOWER;

use crate::{
    DatabaseStatus, Databases, DbProblem, DbProblemKind, Key, Source,
    discover::{Discovery, Found, FoundDir, Holds},
    entries::Entries,
    freshness,
    scan::session_fingerprint,
    transcript::{Fingerprint, Transcript},
};

/// A database that exists.
#[derive(Clone, Debug)]
pub(crate) struct FoundDatabase {
    pub(crate) source: &'static dyn Source,
    pub(crate) path: PathBuf,
    pub(crate) looks: DatabaseLooks,
    /// Whether its sessions were asked for, as it looks otherwise than before.
    pub(crate) was_listed: bool,
}

impl FoundDatabase {
    /// Whether it is the one that looks like this.
    pub(crate) fn is(&self, looks: &DatabaseLooks) -> bool {
        self.looks.main.id == looks.main.id
    }
}

/// What a database looked like before it was asked: as long as it looks the same, nobody has
/// written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DatabaseLooks {
    pub(crate) main: Fingerprint,
    /// Its write-ahead log, if there is something in it.
    pub(crate) log: Option<Fingerprint>,
    /// The wall clock just before that.
    pub(crate) at: Timestamp,
}

/// A database of which all was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KnownDatabase {
    pub(crate) looks: DatabaseLooks,
    /// A hash of its sessions: where some of them are not known any more, as a part of the cache
    /// file is lost, the others do not stand for all.
    pub(crate) sessions: u64,
}

impl KnownDatabase {
    pub(crate) fn new(looks: DatabaseLooks, path: &Path, entries: &Entries) -> Self {
        let sessions = present(path, entries).map(|(name, transcript)| {
            let Fingerprint { id, size_bytes, .. } = transcript.fingerprint;
            let Key(hash) = Key::of(&[
                name.as_encoded_bytes(),
                &id.ino.to_le_bytes(),
                &size_bytes.to_le_bytes(),
            ]);
            hash
        });
        // Of whatever order.
        Self { looks, sessions: sessions.fold(0, |all, session| all ^ session) }
    }
}

/// The sessions of a database that are known to be there.
fn present<'e>(
    path: &Path,
    entries: &'e Entries,
) -> impl Iterator<Item = (&'e OsString, &'e Transcript)> {
    let known = entries.dir(path).into_iter().flatten();
    let known = known.map(|(name, entry)| (name, &*entry.transcript));
    known.filter(|(_, transcript)| transcript.gone_since.is_none())
}

impl DatabaseLooks {
    fn changed(&self) -> Timestamp {
        self.log.map_or(self.main.changed, |log| log.changed.max(self.main.changed))
    }

    fn is_same(&self, now: &Self) -> bool {
        self.main == now.main && self.log == now.log && !self.is_racy()
    }

    /// Whether another change could have left the same looks.
    pub(crate) fn is_racy(&self) -> bool {
        freshness::is_racy(self.changed(), self.at)
    }

    /// Whether nobody has written for so long that it is worth remembering, even where nothing
    /// else is to be saved.
    pub(crate) fn has_settled(&self) -> bool {
        SETTLED <= self.at.since(self.changed())
    }
}

/// An agent at work writes more often.
const SETTLED: Duration = Duration::from_mins(1);

/// Adds the sessions of the databases that are known to what was found. Nobody has written to
/// them since.
pub(crate) fn list_known(discovery: &mut Discovery, entries: &Entries) {
    for found in std::mem::take(&mut discovery.databases) {
        discovery.add_known(&found, entries);
        discovery.database_status.push(DatabaseStatus { path: found.path, problem: None });
    }
}

/// How the databases stood of which all was known.
pub(crate) fn believed(entries: &Entries) -> Vec<DatabaseStatus> {
    let paths = entries.databases.keys().cloned();
    paths.map(|path| DatabaseStatus { path, problem: None }).collect()
}

/// Adds the sessions of the databases to what was found.
pub(crate) fn list(
    databases: Option<&dyn Databases>,
    discovery: &mut Discovery,
    entries: &Entries,
) {
    for at in 0..discovery.databases.len() {
        let Some(found) = discovery.databases.get(at).cloned() else { continue };
        let known = entries.databases.get(&found.path);
        let is_same = known.is_some_and(|known| {
            known.looks.is_same(&found.looks)
                && *known == KnownDatabase::new(known.looks, &found.path, entries)
        });
        let problem = if is_same {
            discovery.add_known(&found, entries);
            None
        } else {
            if let Some(found) = discovery.databases.get_mut(at) {
                found.was_listed = true;
            }
            discovery.add_listed(&found, databases).err()
        };
        if problem.is_some() {
            discovery.unlisted.insert(found.path.clone());
        }
        discovery.database_status.push(DatabaseStatus { path: found.path, problem });
    }
}

impl Discovery {
    fn add_database(&mut self, found: &FoundDatabase) -> usize {
        self.dirs.push(FoundDir {
            source: found.source,
            path: found.path.clone(),
            holds: Holds::Sessions,
            has_database: true,
        });
        self.dirs.len() - 1
    }

    fn add_known(&mut self, found: &FoundDatabase, entries: &Entries) {
        let dir = self.add_database(found);
        self.found.extend(present(&found.path, entries).map(|(name, transcript)| Found {
            dir,
            name: name.clone(),
            stat: stat(&transcript.fingerprint),
        }));
    }

    fn add_listed(
        &mut self,
        found: &FoundDatabase,
        databases: Option<&dyn Databases>,
    ) -> Result<(), DbProblem> {
        let unsupported = || DbProblem {
            path: found.path.clone(),
            kind: DbProblemKind::Unsupported,
            source: "no way to read databases was given".into(),
        };
        let mut db = databases.ok_or_else(unsupported)?.open_sessions(&found.path)?;
        let rows = db.sessions()?;
        let dir = self.add_database(found);
        self.found.extend(rows.iter().map(|row| Found {
            dir,
            name: name_of(&row.id),
            stat: stat(&session_fingerprint(db.file(), row)),
        }));
        Ok(())
    }
}

/// What a name begins with that stands for an id that is none.
const ENCODED: &str = "hex:";

/// The name under which a session is known: its id, unless that cannot be the name of a file.
fn name_of(id: &str) -> OsString {
    let is_name = !(id.is_empty() || id == "." || id == ".." || id.contains(['/', '\0']));
    if is_name && !id.starts_with(ENCODED) {
        return id.into();
    }
    format!("{ENCODED}{}", HEXLOWER.encode(id.as_bytes())).into()
}

/// The id of the session that is known under a name.
pub(crate) fn id_of(name: &OsStr) -> Option<Cow<'_, str>> {
    let name = name.to_str()?;
    let Some(hex) = name.strip_prefix(ENCODED) else { return Some(Cow::Borrowed(name)) };
    String::from_utf8(HEXLOWER.decode(hex.as_bytes()).ok()?).ok().map(Cow::Owned)
}

/// A session as if it were a file.
fn stat(fingerprint: &Fingerprint) -> Stat {
    let Fingerprint { id, size_bytes, modified, changed } = *fingerprint;
    let kind = FileKind::File;
    Stat { id, kind, size_bytes, modified, changed, mode: 0o600, uid: 0, gid: 0, links: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_name_of_its_own() {
        for (id, name) in [
            ("0b4b2d3c-5d6e", "0b4b2d3c-5d6e"),
            ("naïve id", "naïve id"),
            ("", "hex:"),
            (".", "hex:2e"),
            ("..", "hex:2e2e"),
            ("/etc/x", "hex:2f6574632f78"),
            ("hex:2e", "hex:6865783a3265"),
        ] {
            assert_eq!(name_of(id), *name);
            assert_eq!(id_of(name.as_ref()).as_deref(), Some(id));
        }
    }
}
