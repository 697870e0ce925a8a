//! Relative paths from data, walked without ever leaving a directory.

use std::{
    ffi::OsStr,
    path::{Component, Path},
};

use crate::{Dir, FsError, Op, Refusal};

/// Calls `visit` with the directory that holds the last component of `path`, and that
/// component.
///
/// `path` is relative to `root`. Absolute paths and `..` are refused ([`Refusal::Escapes`]), a
/// symbolic link on the way is an error. Each step is taken from an open directory, so nobody
/// can swap a directory for a link between check and use.
pub fn beneath<T>(
    root: &dyn Dir,
    path: &Path,
    visit: impl FnOnce(&dyn Dir, &OsStr) -> Result<T, FsError>,
) -> Result<T, FsError> {
    let refused = |refusal| FsError::refused(Op::Open, &root.path().join(path), refusal);
    let (parent, name) = crate::split_path(Op::Open, path)?;
    let mut held: Option<Box<dyn Dir>> = None;
    for component in parent.components() {
        let here = held.as_deref().unwrap_or(root);
        match component {
            Component::Normal(step) => held = Some(here.open_dir(step)?),
            Component::CurDir => (),
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(refused(Refusal::Escapes));
            }
        }
    }
    visit(held.as_deref().unwrap_or(root), name)
}
