use std::path::{Path, PathBuf};

use common_fs::{FsError, append::AppendError, replace::ReplaceError};

use crate::trace::TurnsProblem;

/// A problem with the cache file. None makes an answer about transcripts that exist wrong; they
/// cost time, or history.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheProblem {
    /// The file could not be read.
    #[error(
        "the cache cannot be read, everything is scanned again; make it readable, or remove it"
    )]
    Unreadable(#[source] FsError),
    /// A part of the file is damaged. Transcripts are read again; what only the file knew of
    /// transcripts that no longer exist is lost.
    #[error("`{}` was damaged in {lines} lines; transcripts that no longer exist may be missing", path.display())]
    Damaged {
        /// The cache file.
        path: PathBuf,
        /// How many lines do not have the right sum.
        lines: u64,
    },
    /// The file was written by a newer version; it is left alone.
    #[error("`{}` was written by a newer version (format {version}); it is neither used nor changed", path.display())]
    TooNew {
        /// The cache file.
        path: PathBuf,
        /// Its format version.
        version: u32,
    },
    /// Others can write to the file, or it belongs to somebody else.
    #[error("`{}` is not used, because others than you can change it: make it yours alone (`chown`, `chmod 600`), or remove it", path.display())]
    Untrusted {
        /// The cache file.
        path: PathBuf,
    },
    /// The file is no cache. The next save gives it another name.
    #[error("`{}` is not a usage cache; it is kept under another name when a cache is saved", path.display())]
    NotACache {
        /// The cache file.
        path: PathBuf,
    },
    /// Another process is saving; this one saves nothing.
    #[error("another refresh is running, this one is not saved")]
    Busy,
    /// The cache file was replaced or removed while this process was saving to it.
    #[error("`{}` was changed by somebody else, the rest is not saved", path.display())]
    Changed {
        /// The cache file.
        path: PathBuf,
    },
    /// Saving failed; the answer is right, but the next one will take as long.
    #[error("the cache cannot be saved, so the next refresh takes as long")]
    NotSaved(#[source] SaveError),
    /// Something is the matter with what is known of priority turns.
    #[error(transparent)]
    Turns(#[from] TurnsProblem),
}

/// Why saving failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each says itself what it is")]
pub enum SaveError {
    #[error(transparent)]
    Fs(#[from] FsError),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Replace(#[from] ReplaceError),
}

/// The name for a file that stands in the way of the cache.
pub(super) fn set_aside(path: &Path, attempt: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".not-a-cache");
    if 0 < attempt {
        name.push(format!("-{attempt}"));
    }
    PathBuf::from(name)
}
