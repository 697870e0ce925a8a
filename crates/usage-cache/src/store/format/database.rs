//! What a line says of a database of sessions.

use common_fs::{FileId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    sessions::{DatabaseLooks, KnownDatabase},
    transcript::Fingerprint,
    wire::{from_hex, to_hex},
};

/// What a database looked like, and its write-ahead log.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatabaseRow {
    main: FileRow,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wal: Option<FileRow>,
    looked_at_ns: i64,
    /// A hash of its sessions.
    sessions: String,
}

/// Device, inode, bytes, and when it was modified and changed, in nanoseconds.
type FileRow = (u64, u64, u64, i64, i64);

impl DatabaseRow {
    pub(super) fn new(known: &KnownDatabase) -> Self {
        let file = |looks: &Fingerprint| {
            let Fingerprint { id, size_bytes, modified, changed } = looks;
            (id.dev, id.ino, *size_bytes, modified.unix_nanos(), changed.unix_nanos())
        };
        Self {
            main: file(&known.looks.main),
            wal: known.looks.log.as_ref().map(file),
            looked_at_ns: known.looks.at.unix_nanos(),
            sessions: to_hex(known.sessions),
        }
    }

    pub(super) fn read(self) -> Option<KnownDatabase> {
        let file = |(dev, ino, size_bytes, modified, changed): FileRow| Fingerprint {
            id: FileId { dev, ino },
            size_bytes,
            modified: Timestamp::from_unix_nanos(modified),
            changed: Timestamp::from_unix_nanos(changed),
        };
        let at = Timestamp::from_unix_nanos(self.looked_at_ns);
        let looks = DatabaseLooks { main: file(self.main), log: self.wal.map(file), at };
        Some(KnownDatabase { looks, sessions: from_hex(&self.sessions)? })
    }
}
