use std::{
    ffi::{OsStr, OsString},
    fmt, io,
    path::Path,
};

use crate::{FsError, Op, Timestamp};

/// Where directories come from.
pub trait Fs: Send + Sync {
    /// Opens the directory at `path` and pins it.
    ///
    /// Symbolic links on the way are followed, once: a state directory that is itself a link
    /// keeps working. From here on, the handle stays with the directory that was opened,
    /// whatever happens to the path.
    fn open_dir(&self, path: &Path) -> Result<Box<dyn Dir>, FsError>;
}

/// A pinned directory.
///
/// Every method takes a single file name and refuses anything else ([`Refusal::BadName`]), so
/// a name that comes from data cannot lead out of the directory. None follows a symbolic link
/// in that name.
///
/// [`Refusal::BadName`]: crate::Refusal::BadName
pub trait Dir: Send + Sync {
    /// The path at which the directory was opened, without symbolic links: for messages and as
    /// a key.
    fn path(&self) -> &Path;
    /// The identity of the directory itself.
    fn id(&self) -> Result<FileId, FsError>;
    /// What the directory holds, in no particular order, without `.` and `..`.
    fn list(&self) -> Result<Vec<DirEntry>, FsError>;
    /// What stands at `name`.
    fn stat(&self, name: &OsStr) -> Result<Stat, FsError>;
    /// Opens a regular file; anything else is refused without blocking.
    fn open(&self, name: &OsStr, access: Access) -> Result<Box<dyn File>, FsError>;
    /// Opens the directory `name`, which must not be a symbolic link.
    fn open_dir(&self, name: &OsStr) -> Result<Box<dyn Dir>, FsError>;
    /// Creates the directory `name` with mode 0700.
    fn create_dir(&self, name: &OsStr) -> Result<(), FsError>;
    /// Renames a file within the directory.
    ///
    /// On a file system that cannot refuse to overwrite in a rename, [`Overwrite::Refuse`] is a
    /// second name and the removal of the first: a crash in between leaves both.
    fn rename(&self, from: &OsStr, to: &OsStr, overwrite: Overwrite) -> Result<(), FsError>;
    /// Moves a file or directory between this directory and the directory `sub` in it, which must
    /// not be a symbolic link; nothing is overwritten ([`io::ErrorKind::AlreadyExists`]).
    ///
    /// File systems with a journal make this one step. POSIX promises no more than two: flush both
    /// directories before relying on either name.
    fn transfer(&self, from: &OsStr, to: &OsStr, sub: Sub<'_>) -> Result<(), FsError>;
    /// Makes `to` another name of the file `from`; fails if `to` exists.
    fn link(&self, from: &OsStr, to: &OsStr) -> Result<(), FsError>;
    /// Removes the name of a file.
    fn remove(&self, name: &OsStr) -> Result<(), FsError>;
    /// Removes the directory `name`, which must be empty.
    fn remove_dir(&self, name: &OsStr) -> Result<(), FsError>;
    /// How much room there is on the file system of the directory.
    fn space(&self) -> Result<Space, FsError>;
    /// The target of the symbolic link `name`.
    fn read_link(&self, name: &OsStr) -> Result<std::path::PathBuf, FsError>;
    /// Returns once all changes of names are on stable storage.
    fn sync(&self) -> Result<(), FsError>;
}

/// An open regular file.
pub trait File: Send + Sync {
    /// The path at which the file was opened, for messages.
    fn path(&self) -> &Path;
    /// What the handle refers to now.
    fn stat(&self) -> Result<Stat, FsError>;
    /// Reads at `offset`; a count below `buffer.len()` does not mean the end, 0 does.
    ///
    /// Fails with [`io::ErrorKind::Interrupted`] if a signal came first; [`read_whole`] and
    /// [`lines`](crate::lines) try again.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, FsError>;
    /// Appends some of `bytes` and returns how many.
    ///
    /// Fails with [`io::ErrorKind::Interrupted`] if a signal came first; [`write_all`] tries
    /// again.
    fn write(&self, bytes: &[u8]) -> Result<usize, FsError>;
    /// Cuts or extends the file to `len_bytes`.
    fn set_len(&self, len_bytes: u64) -> Result<(), FsError>;
    /// Sets the permission bits, whatever the umask.
    fn set_mode(&self, mode: u32) -> Result<(), FsError>;
    /// Sets the owning user and group.
    fn set_owner(&self, uid: u32, gid: u32) -> Result<(), FsError>;
    /// Sets when the content was last changed.
    fn set_modified(&self, modified: Timestamp) -> Result<(), FsError>;
    /// Returns once the content is on stable storage.
    ///
    /// After a failure, what is stored is unknown and stays so: the kernel has marked the
    /// pages clean, so a second call can succeed without storing anything
    /// (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
    fn sync(&self) -> Result<(), FsError>;
    /// Tells a simulated file that an [observer](crate::observe) let a flush fail; a real one
    /// knows by itself.
    fn flush_failed(&self) {}
    /// Takes the exclusive advisory lock (`flock`) unless another handle has it; it is held
    /// until the handle is dropped.
    fn try_lock(&self) -> Result<bool, FsError>;
}

/// Appends all of `bytes`.
pub fn write_all(file: &dyn File, mut bytes: &[u8]) -> Result<(), FsError> {
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(FsError::new(Op::Write, file.path(), io::ErrorKind::WriteZero)),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Reads some bytes, however often a signal comes first.
pub(crate) fn read_some(file: &dyn File, buffer: &mut [u8], offset: u64) -> Result<usize, FsError> {
    loop {
        match file.read_at(buffer, offset) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => (),
            done => return done,
        }
    }
}

/// The content of a file, or `None` if it is longer than `bytes_max`.
pub fn read_whole(file: &dyn File, bytes_max: usize) -> Result<Option<Vec<u8>>, FsError> {
    /// Of a long file more is read at once.
    const CHUNK_BYTES: std::ops::RangeInclusive<usize> = 16 * 1024..=1024 * 1024;
    let mut content = Vec::new();
    while content.len() <= bytes_max {
        let filled = content.len();
        content.resize(filled + filled.clamp(*CHUNK_BYTES.start(), *CHUNK_BYTES.end()), 0);
        let free = content.get_mut(filled..).unwrap_or_default();
        let read = read_some(file, free, filled as u64)?;
        content.truncate(filled + read);
        if read == 0 {
            return Ok(Some(content));
        }
    }
    Ok(None)
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// For reading; writing fails.
    Read,
    /// For appending; the file exists.
    Append,
    /// For appending; the file must not exist and is created.
    CreateNew {
        /// Permission bits of the new file; those in the umask are cleared.
        mode: u32,
    },
    /// For appending; the file is created if it does not exist.
    OpenOrCreate {
        /// Permission bits of a new file; those in the umask are cleared.
        mode: u32,
    },
}

/// What a rename does when the new name is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overwrite {
    /// Replaces what is there, atomically.
    Allow,
    /// Fails with [`io::ErrorKind::AlreadyExists`], atomically.
    Refuse,
}

/// Which way something moves between a directory and one that is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sub<'n> {
    /// Down, into the directory of this name.
    Into(&'n OsStr),
    /// Up, out of it.
    OutOf(&'n OsStr),
}

/// How much room there is on a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// For everything together.
    pub total_bytes: u64,
    /// That an unprivileged process may still use.
    pub available_bytes: u64,
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The name, not necessarily UTF-8.
    pub name: OsString,
    /// What it names.
    pub kind: FileKind,
}

/// Which file this is, for as long as it exists: numbers are reused after it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId {
    /// Device number.
    pub dev: u64,
    /// Inode number.
    pub ino: u64,
}

/// What a file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Device and inode.
    pub id: FileId,
    /// What it is.
    pub kind: FileKind,
    /// Content length.
    pub size_bytes: u64,
    /// Last change of the content, as far as nobody set it otherwise.
    pub modified: Timestamp,
    /// Last change of content or metadata; not settable.
    pub changed: Timestamp,
    /// Permission bits (the lowest twelve bits).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// How many names the file has.
    pub links: u64,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FileKind {
    File,
    Dir,
    Symlink,
    Fifo,
    Socket,
    Device,
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a regular file",
            Self::Dir => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Fifo => "a FIFO",
            Self::Socket => "a socket",
            Self::Device => "a device",
        })
    }
}
