use std::{
    collections::{BTreeSet, HashMap},
    ffi::OsString,
    path::PathBuf,
};

use common_fs::{FileId, FileKind, Space, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Layout, Store, StoreError};

/// What there is in a directory of sessions, as it was found.
#[derive(Debug)]
pub struct Snapshot<'t> {
    /// The directory, without symbolic links.
    pub dir: PathBuf,
    /// Whose it is.
    pub layout: Layout,
    /// What is known of the store.
    pub store: StoreState<'t>,
    /// Everything in the directory and in its folder of archives, the store included.
    pub files: &'t [FileFact],
    /// The rows that were archived, as the journal has them.
    pub archived_rows: &'t [ArchivedRow],
    /// The ids of all jobs that exist, in lower case; `None` if nobody knows.
    pub jobs: Option<&'t BTreeSet<String>>,
    /// Sessions that are needed by others elsewhere, and by which.
    pub needed: Option<&'t HashMap<String, String>>,
    /// How much room there is; `None` if nobody asked.
    pub space: Option<Space>,
}

/// What is known of a store.
#[derive(Debug)]
pub enum StoreState<'t> {
    /// This runtime has none: each transcript stands for itself.
    None,
    /// There should be one, and is none.
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
    /// In which of the two directories it is.
    pub folder: Folder,
    /// What it is.
    pub kind: FileKind,
    /// Which file it is.
    pub id: FileId,
    /// The length of its content; of a directory, that of all that is in it.
    pub size_bytes: u64,
    /// When its content was last changed; of a directory, the newest of what is in it.
    pub modified: Timestamp,
    /// When anything of it was last changed. Nobody can set that.
    pub changed: Timestamp,
    /// Whether somebody uses it, for those whose name or content tells by whom.
    pub judged: Judged,
}

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Folder {
    /// In the directory itself.
    Here,
    /// In its folder `archive`.
    Archive,
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

/// A row that was archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedRow {
    /// Its key.
    pub key: String,
    /// How long its member is.
    pub size_bytes: u64,
    /// When it was archived.
    pub at: Timestamp,
}
