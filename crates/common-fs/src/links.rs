use std::{ffi::OsString, path::Path};

use crate::{Dir, FileKind, Fs, FsError, Op, Refusal, split_path};

/// As many as Linux follows.
const LINKS_MAX: u32 = 40;

/// Opens the directory that holds the last name of `path`.
pub fn open_parent(fs: &dyn Fs, path: &Path) -> Result<(Box<dyn Dir>, OsString), FsError> {
    let (parent, name) = split_path(Op::Open, path)?;
    Ok((fs.open_dir(&parent)?, name.to_owned()))
}

/// Opens a directory by its real path: a link anywhere in `path` is refused ([`Refusal::Link`]).
///
/// For a path that had no links when it was found, so that nobody can put one there meanwhile.
pub fn open_without_links(fs: &dyn Fs, path: &Path) -> Result<Box<dyn Dir>, FsError> {
    let dir = fs.open_dir(path)?;
    if dir.path() == path {
        return Ok(dir);
    }
    Err(FsError::refused(Op::OpenDir, path, Refusal::Link))
}

/// As [`open_parent`], of what `path` stands for: while its last name is a symbolic link, the
/// link is followed.
///
/// For files of the user's own choosing, such as a configuration that is kept elsewhere. What
/// the last link points to need not exist.
pub fn follow_links(fs: &dyn Fs, path: &Path) -> Result<(Box<dyn Dir>, OsString), FsError> {
    let (mut dir, mut name) = open_parent(fs, path)?;
    for _ in 0..LINKS_MAX {
        match dir.stat(&name) {
            Ok(stat) if stat.kind == FileKind::Symlink => (),
            Err(error) if !error.is_not_found() => return Err(error),
            Ok(_) | Err(_) => return Ok((dir, name)),
        }
        (dir, name) = open_parent(fs, &dir.path().join(dir.read_link(&name)?))?;
    }
    Err(FsError::refused(Op::Open, path, Refusal::TooManyLinks))
}
