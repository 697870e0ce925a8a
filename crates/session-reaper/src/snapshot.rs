use std::{ffi::OsString, path::PathBuf};

use common_fs::{FileKind, Timestamp};

use crate::{Store, StoreError};

/// What there is in a directory of sessions, as it was found.
#[derive(Debug)]
pub struct Snapshot<'t> {
    /// The directory, without symbolic links.
    pub dir: PathBuf,
    /// The name of the store in it.
    pub store_name: String,
    /// What is known of the store.
    pub store: StoreState<'t>,
    /// Everything in the directory, the store included.
    pub files: Vec<FileFact>,
}

/// What is known of a store.
#[derive(Debug)]
pub enum StoreState<'t> {
    /// There is none.
    Missing,
    /// It cannot be trusted.
    Refused(StoreError),
    /// Its rows.
    Rows(Store<'t>),
}

/// Something in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileFact {
    /// Its name.
    pub name: OsString,
    /// What it is.
    pub kind: FileKind,
    /// The length of its content.
    pub size_bytes: u64,
    /// When its content was last changed.
    pub modified: Timestamp,
    /// Whether somebody uses it, for those whose name or content tells by whom.
    pub judged: Judged,
}

/// Whether a lock is held, or a temporary file still being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It does not say, or is none of these.
    NotJudged,
    /// By a process that lives, or may live.
    InUse,
    /// Its process has ended.
    Abandoned,
}
