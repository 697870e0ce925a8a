use std::{fmt, io, path::Path, path::PathBuf};

use crate::FileKind;

/// A file system operation that failed.
///
/// `Display` names the operation and the path and leaves the cause to `source`, so that a
/// report that walks the chain prints each fact once.
#[derive(Debug, thiserror::Error)]
#[error("cannot {op} `{}`", path.display())]
pub struct FsError {
    /// What was attempted.
    pub op: Op,
    /// On which path; the new name for a rename or a link.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub source: io::Error,
}

impl FsError {
    pub(crate) fn new(op: Op, path: &Path, source: impl Into<io::Error>) -> Self {
        Self { op, path: path.to_owned(), source: source.into() }
    }

    pub(crate) fn refused(op: Op, path: &Path, refusal: Refusal) -> Self {
        Self::new(op, path, io::Error::new(io::ErrorKind::InvalidInput, refusal))
    }

    /// The portable class of the cause.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// Nothing is there: the name, or a directory on the way to it, does not exist.
    ///
    /// Not if something else stands in the place of that directory
    /// ([`io::ErrorKind::NotADirectory`]): nobody knows then what would be there.
    pub fn is_not_found(&self) -> bool {
        self.kind() == io::ErrorKind::NotFound
    }

    /// The name is taken.
    pub fn is_already_exists(&self) -> bool {
        self.kind() == io::ErrorKind::AlreadyExists
    }

    /// The name is a symbolic link, which is not followed.
    pub fn is_link(&self) -> bool {
        self.source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
    }

    /// Why this crate refused to try, if it did.
    pub fn refusal(&self) -> Option<&Refusal> {
        self.source.get_ref()?.downcast_ref()
    }
}

/// Why an operation was refused before the operating system was asked, or in spite of its
/// consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The name is empty, `.`, `..`, or contains a slash or a NUL byte.
    #[error("not a single file name")]
    BadName,
    /// The path has no file name: it is empty, ends in a slash or `..`, or is the root.
    #[error("the path does not end in a file name")]
    NoFileName,
    /// The path is absolute or contains `..` where it has to stay beneath a directory.
    #[error("the path leaves its directory")]
    Escapes,
    /// Something other than a regular file stands there.
    #[error("it is {0}, not a regular file")]
    NotAFile(FileKind),
    /// A symbolic link leads elsewhere.
    #[error("it is, or lies behind, a symbolic link")]
    Link,
    /// A chain of symbolic links that does not end.
    #[error("too many symbolic links")]
    TooManyLinks,
}

/// An operation on a [`Dir`](crate::Dir) or a [`File`](crate::File).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Op {
    OpenDir,
    List,
    Stat,
    Open,
    Create,
    CreateDir,
    ReadLink,
    Link,
    Rename,
    Remove,
    SyncDir,
    Read,
    Write,
    SetLen,
    SetMode,
    SetOwner,
    SetModified,
    RemoveDir,
    Space,
    Sync,
    Lock,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OpenDir => "open the directory",
            Self::List => "list",
            Self::Stat => "look at",
            Self::Open => "open",
            Self::Create => "create",
            Self::CreateDir => "create the directory",
            Self::ReadLink => "read the link",
            Self::Link => "link",
            Self::Rename => "rename a file to",
            Self::Remove => "remove",
            Self::SyncDir => "flush the directory",
            Self::Read => "read",
            Self::Write => "write",
            Self::SetLen => "set the length of",
            Self::SetMode => "set the mode of",
            Self::SetOwner => "set the owner of",
            Self::SetModified => "set the time of",
            Self::RemoveDir => "remove the directory",
            Self::Space => "tell the free space of",
            Self::Sync => "flush",
            Self::Lock => "lock",
        })
    }
}
