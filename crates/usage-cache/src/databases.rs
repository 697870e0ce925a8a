use std::{
    fmt,
    path::{Path, PathBuf},
};

use common_fs::FileId;

use crate::trace::TraceDb;

/// Opens the databases that some runtimes keep, for reading.
pub trait Databases: fmt::Debug + Sync {
    /// Opens a trace database of Codex.
    fn open_trace(&self, path: &Path) -> Result<Box<dyn TraceDb>, DbProblem>;

    /// Opens a database of sessions of OpenClaw.
    fn open_sessions(&self, path: &Path) -> Result<Box<dyn SessionDb>, DbProblem>;
}

/// A database of sessions that is open.
pub trait SessionDb {
    /// Which file that is.
    fn file(&self) -> FileId;

    /// The sessions that there is something of.
    fn sessions(&mut self) -> Result<Vec<SessionRow>, DbProblem>;

    /// Visits what there is of a session, as it is at one time: with `after`, only the events
    /// that have a higher number and are not in an archive; else everything, what is archived
    /// first. `None` if there is nothing.
    fn read(
        &mut self,
        session: &str,
        after: Option<i64>,
        on_stored: OnStored<'_>,
    ) -> Result<Option<SessionRow>, DbProblem>;
}

/// Told of each part of a session.
pub type OnStored<'v> = &'v mut dyn FnMut(Stored<'_>);

/// What a database says of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionRow {
    /// Its id.
    pub id: String,
    /// Another one whenever its transcript was rewritten.
    pub generation: String,
    /// The number after that of its last event; zero if that is not known.
    pub end: u64,
    /// The generations of its archives, of when it was reset or deleted.
    pub archives: Vec<String>,
}

/// A part of a session, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'s> {
    /// An event.
    Event {
        /// Its number.
        seq: i64,
        /// What it says: a line of a transcript.
        json: &'s [u8],
    },
    /// An event that is compressed.
    CompressedEvent {
        /// Its number.
        seq: i64,
        /// The same, in a frame of Zstandard,
        zstd: &'s [u8],
        /// and how long that is, in bytes.
        json_bytes: u64,
    },
    /// All events, in an archive that is a file.
    ColdFile {
        /// Its name.
        name: &'s str,
        /// The SHA-256 of it, in hexadecimal digits.
        sha256: &'s str,
    },
    /// All events, in an archive in the database.
    ColdBlob {
        /// The archive.
        bytes: &'s [u8],
        /// The SHA-256 of it, in hexadecimal digits.
        sha256: &'s str,
    },
    /// The lines of a transcript, of when the session was reset or deleted.
    Archive {
        /// The archive.
        bytes: &'s [u8],
        /// Whether it is compressed.
        compressed: bool,
        /// The SHA-256 of it, in hexadecimal digits.
        sha256: &'s str,
    },
}

/// How a database stands.
#[derive(Debug)]
#[non_exhaustive]
pub struct DatabaseStatus {
    /// The database.
    pub path: PathBuf,
    /// Why it cannot be read now; its sessions are counted as they were known before.
    pub problem: Option<DbProblem>,
}

/// Why a database cannot be read now.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{}`: {}", path.display(), kind.in_words())]
pub struct DbProblem {
    /// The database.
    pub path: PathBuf,
    /// What is the matter.
    pub kind: DbProblemKind,
    /// What SQLite or the file system says.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// What can be the matter with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DbProblemKind {
    /// Another process has it locked.
    Busy,
    /// There is none.
    Missing,
    /// It is damaged, or no database.
    Corrupt,
    /// It has not the tables and columns that it should have.
    SchemaUnknown,
    /// It, or the directory that it is in, must not be read.
    NoPermission,
    /// Nobody has given a way to read databases.
    Unsupported,
}

impl DbProblemKind {
    /// One word, for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Missing => "missing",
            Self::Corrupt => "corrupt",
            Self::SchemaUnknown => "schema_unknown",
            Self::NoPermission => "no_permission",
            Self::Unsupported => "unsupported",
        }
    }

    /// The same for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Busy => "another process has it locked",
            Self::Missing => "there is no such file",
            Self::Corrupt => "it is damaged, or no database",
            Self::SchemaUnknown => "it has other tables than those that are known",
            Self::NoPermission => "it must not be read",
            Self::Unsupported => "this program was made without SQLite",
        }
    }
}
