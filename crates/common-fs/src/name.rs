use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use crate::{FsError, Op, Refusal};

/// Lets only single file names through.
pub(crate) fn check(op: Op, dir: &Path, name: &OsStr) -> Result<(), FsError> {
    let bytes = name.as_bytes();
    let dots = matches!(bytes, b"" | b"." | b"..");
    if dots || bytes.contains(&b'/') || bytes.contains(&0) {
        return Err(FsError::refused(op, &dir.join(name), Refusal::BadName));
    }
    Ok(())
}

/// Splits a path into its directory and its file name.
///
/// Refuses paths that name no file: empty, `/`, those ending in a slash, `.` or `..`, and those
/// with a NUL byte.
pub fn split_path(op: Op, path: &Path) -> Result<(PathBuf, &OsStr), FsError> {
    let refused = || FsError::refused(op, path, Refusal::NoFileName);
    let bytes = path.as_os_str().as_bytes();
    if bytes.last().is_none_or(|&last| last == b'/') || bytes.ends_with(b"/.") || bytes.contains(&0)
    {
        return Err(refused());
    }
    let name = path.file_name().ok_or_else(refused)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    Ok((parent.unwrap_or(Path::new(".")).to_owned(), name))
}
